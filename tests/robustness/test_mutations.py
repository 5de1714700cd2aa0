"""Whatever is sent, the answer is the RFC's, and a refused write leaves nothing behind.

    DAVSERVER_TEST_MUTATIONS=50000 pytest tests/robustness/test_mutations.py

tries that many conversations, new ones at each run; without the variable a fixed 800 (some 2,000 requests).
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from lxml import etree

from tests.robustness.corpus import CALENDAR, OBJECTS, SOUND
from tests.robustness.mutations import conversations
from tests.robustness.world import SECRET, Answer, Wanted, World

ASKED_FOR = os.environ.get("DAVSERVER_TEST_MUTATIONS", "")
EXAMPLES = int(ASKED_FOR or 800)

SAFE = {"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "TRACE"}
ALLOWED_ABOVE_500 = {501: "", 507: "{DAV:}number-of-matches-within-limits {DAV:}quota-not-exceeded"}
"""Statuses from 500 on that an answer may have, and the elements one of which its body must name.

502 is RFC 4918 9.8.5's for a destination elsewhere. 503 is not among them: nobody else is writing.
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("mutations"))
    for target, body in OBJECTS.items():
        assert made.put(target, body).status == 201, target
    assert made.ask(Wanted("MKCALENDAR", "/dav/calendars/ann/second/")).status == 201
    secret = OBJECTS[CALENDAR + "todo.ics"].replace(b"Steuer", SECRET.encode())
    assert made.put("/dav/calendars/bob/default/secret.ics", secret, user="bob").status == 201
    made.remember()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """What hangs inside C code no count of lines can see: after minutes without an end, show where it is."""
    faulthandler.dump_traceback_later(1200 + EXAMPLES / 10, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("wanted", SOUND, ids=lambda wanted: f"{wanted.method} {wanted.target}")
def test_the_sound_requests_are_as_sound_as_they_should_be(world: World, wanted: Wanted) -> None:
    world.rewind()
    answer = world.ask(wanted)
    judge(world, wanted, answer)
    wrong_on_purpose = {403, 404, 409, 412}  # an old sync-token, a lock that is not there, an entity tag
    assert answer.status < 400 or answer.status in wrong_on_purpose, answer


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=not ASKED_FOR,
    print_blob=bool(ASKED_FOR),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(conversation=conversations())
def test_whatever_is_sent_is_answered_by_the_rfc_and_never_half_written(
    world: World, conversation: list[Wanted]
) -> None:
    world.rewind()
    before = world.state()
    for wanted in conversation:
        note(repr(wanted))
        version = world.version()
        answer = world.ask(wanted)
        note(f"{answer.status} {answer.body[:300]!r}")
        judge(world, wanted, answer)
        if world.version() != version:
            after = world.state()
            assert (wanted.method not in SAFE and _succeeded(answer)) or after == before, (
                "a failed request wrote"
            )
            assert world.faults() == []
            before = after
        if wanted.method == "PUT" and answer.status in (201, 204):
            _is_stored_as_sent(world, wanted)


NAMES = ("", "a b", "-1", "a/b", "c:d", "x y='z'", "<", "\xff")
SPACES = ("", "DAV:", "(\U000d6553", "a b", "&quot;>", "urn:x")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("space", SPACES)
def test_names_that_expand_property_has_in_attributes_do_not_break_the_answer(
    world: World, name: str, space: str
) -> None:
    root = etree.Element("{DAV:}expand-property")
    outer = etree.SubElement(root, "{DAV:}property", name=name, namespace=space)
    etree.SubElement(outer, "{DAV:}property", name="displayname")
    for body in (etree.tostring(root), etree.tostring(root).replace(b"displayname", b"a b")):
        wanted = Wanted("REPORT", "/dav/principals/ann/", (), body)
        judge(world, wanted, world.ask(wanted))


def _succeeded(answer: Answer) -> bool:
    """2xx, and for a 207 that not everything in it failed."""
    return answer.status < 300 and (answer.status != 207 or b"HTTP/1.1 200" in answer.body)


def _is_stored_as_sent(world: World, wanted: Wanted) -> None:
    """The bytes themselves, unless they came as JSON."""
    if "json" in (wanted.header("Content-Type") or ""):
        return
    announced = wanted.header("Content-Length")
    sent = wanted.body[: int(announced)] if announced and announced.isdigit() else wanted.body
    assert world.ask(Wanted("GET", wanted.target)).body == sent


# -- what every answer must be


def judge(world: World, wanted: Wanted, answer: Answer) -> None:
    """Raise for an answer that no request may get."""
    status = answer.status
    _is_a_status_for_clients(wanted, answer)
    if status == 401:
        assert answer.header("WWW-Authenticate").startswith("Basic "), answer
    if status == 405:
        assert answer.header("Allow"), answer
    if not (wanted.method == "HEAD" or status in (204, 304)) and answer.header("Content-Length"):
        assert int(answer.header("Content-Length")) == len(answer.body), answer
    assert SECRET.encode() not in answer.body, "Ann saw what is Bob's"
    for name, value in answer.headers:
        assert re.fullmatch(r"[A-Za-z0-9-]+", name), answer
        assert value.encode("latin-1") is not None
        assert not set(value) & {"\r", "\n", "\0"}, answer
    if answer.body and answer.header("Content-Encoding") == "" and status != 206:
        _is_what_it_says(answer)


def _is_a_status_for_clients(wanted: Wanted, answer: Answer) -> None:
    if answer.status < 500:
        assert answer.status >= 200, answer
        return
    if answer.status == 502:
        assert wanted.method in ("COPY", "MOVE"), answer
        return
    assert answer.status in ALLOWED_ABOVE_500, answer
    elements = ALLOWED_ABOVE_500[answer.status].split()
    assert not elements or wanted.method == "HEAD" or (len(answer.xml) and answer.xml[0].tag in elements), (
        answer
    )


def _is_what_it_says(answer: Answer) -> None:
    kind = answer.header("Content-Type").partition(";")[0]
    if kind == "application/xml":
        root = answer.xml
        if answer.status == 207:
            assert root.tag == "{DAV:}multistatus", answer
            statuses = [int(element.text.split()[1]) for element in root.iter("{DAV:}status")]
            assert all(status < 500 or status == 507 for status in statuses), answer
        elif answer.status >= 400:
            tags = (
                "{DAV:}error",
                "{DAV:}mkcol-response",
                "{urn:ietf:params:xml:ns:caldav}mkcalendar-response",
            )
            assert root.tag in tags, answer
    elif kind.endswith("+json"):
        json.loads(answer.body)
    elif answer.status == 200 and kind == "text/calendar":
        answer.body.decode()
    else:
        assert kind in ("text/calendar", "text/vcard", "text/plain", "text/html"), answer
