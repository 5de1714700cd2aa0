"""Tasks, journals, groups of cards, pictures, other scripts, large bodies: each goes both ways.

What a server does with a kind of item that it does not take is told, and nothing of it is lost here.
"""

from __future__ import annotations

import base64
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from davserver.content import normal
from davserver.model import CollectionKind, ItemState, RemoteItem
from davserver.storage import Store, collections, remote
from davserver.sync.client import Facts
from davserver.sync.http import Answer
from davserver.sync.run import subscribe
from tests.content.objects import BERLIN, calendar, card, component, event
from tests.sync.pairs import EXTENSIONS, Pair, new_pair, office_in
from tests.sync.peers import PEERS, Peer, peer
from tests.sync.quirky import Asked, Send, behind, silent_puts

pytestmark = pytest.mark.one_database  # the storage of items has tests of its own on each

CALENDAR, ADDRESSBOOK = CollectionKind.CALENDAR, CollectionKind.ADDRESSBOOK
BYTES = base64.b64encode(random.Random(1).randbytes(60_000)).decode()
SCRIPTS = "Straße, Ωμέγα, щи, 日本語, שלום, é (combined e\u0301), 👩\u200d👩\u200d👧"
LONG = "\n".join(f" {SCRIPTS}" for _ in range(2500))


def task(word: str) -> bytes:
    due = "DUE;TZID=Europe/Berlin:20260504T170000"
    words = (f"SUMMARY:{word}", due, "PRIORITY:1", "PERCENT-COMPLETE:40", "STATUS:IN-PROCESS")
    return calendar(BERLIN, component("VTODO", *words, uid="u"))


def repeated_task(word: str) -> bytes:
    """A task of each week, one of which is done."""
    start = "DTSTART;TZID=Europe/Berlin:20260504T090000"
    weekly = component("VTODO", start, f"SUMMARY:{word}", "RRULE:FREQ=WEEKLY;COUNT=8", uid="u")
    when = "RECURRENCE-ID;TZID=Europe/Berlin:20260511T090000"
    ended = ("STATUS:COMPLETED", "COMPLETED:20260511T120000Z", "DTSTART;TZID=Europe/Berlin:20260511T090000")
    return calendar(BERLIN, weekly, component("VTODO", when, *ended, f"SUMMARY:{word}", uid="u"))


def journal(word: str) -> bytes:
    return calendar(component("VJOURNAL", "DTSTART;VALUE=DATE:20260504", f"SUMMARY:{word}", uid="u"))


def attached(word: str) -> bytes:
    binary = f"ATTACH;FMTTYPE=image/png;ENCODING=BASE64;VALUE=BINARY:{BYTES}"
    return event(f"SUMMARY:{word}", binary, "ATTACH:https://example.com/a%20b.pdf?x=1&y=2", uid="u")


def scripts(word: str) -> bytes:
    return event(f"SUMMARY:{word}", f"DESCRIPTION:{SCRIPTS}".replace(",", "\\,"), uid="u")


def huge(word: str) -> bytes:
    return event(f"SUMMARY:{word}", f"DESCRIPTION:x\n{LONG}".replace(",", "\\,"), uid="u")


def photographed(word: str) -> bytes:
    return card(f"NOTE:{word}", f"PHOTO;ENCODING=b;TYPE=JPEG:{BYTES}", uid="u")


def grouped(word: str) -> bytes:
    """Apple's groups of properties and labels."""
    return card(
        f"NOTE:{word}", f"FN:{SCRIPTS}".replace(",", "\\,"), "item1.TEL:+49 30 1", "item1.X-ABLABEL:Boot",
        uid="u",
    )  # fmt: skip


def apple_group(word: str) -> bytes:
    members = [f"X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{name}" for name in ("ann-1", "bob-1")]
    return card(f"FN:{word}", f"N:{word};;;;", "X-ADDRESSBOOKSERVER-KIND:group", *members, uid="u")


def card_4(word: str) -> bytes:
    return card(
        f"NOTE:{word}", "TEL;VALUE=uri;PREF=1:tel:+49-30-1", "BDAY:--0504", "GENDER:F", version="4.0", uid="u"
    )


def group_4(word: str) -> bytes:
    members = ("MEMBER:urn:uuid:ann-1", "MEMBER:urn:uuid:bob-1")
    return card(f"FN:{word}", f"N:{word};;;;", "KIND:group", *members, version="4.0", uid="u")


CALENDARS = (task, repeated_task, journal, attached, scripts, huge)
CARDS = (photographed, grouped, apple_group, card_4, group_4)
ALL = [(CALENDAR, one) for one in CALENDARS] + [(ADDRESSBOOK, one) for one in CARDS]


@pytest.mark.parametrize("server", PEERS)
@pytest.mark.parametrize(("kind", "made"), ALL, ids=lambda one: getattr(one, "__name__", ""))
def test_each_kind_of_item_goes_both_ways(
    store: Store, people: dict[str, int], tmp_path: Path, server: str, kind: CollectionKind, made: Any
) -> None:
    name = f"a{EXTENSIONS[kind]}"
    with peer(server, tmp_path / "peer") as there:
        pair = new_pair(office_in(tmp_path, store), there, kind)
        pair.put_here(name, made("new"))
        agree(pair, made("new"))
        pair.put_there(name, made("changed there"))
        agree(pair, made("changed there"))
        pair.put_here(name, made("changed here"))
        agree(pair, made("changed here"))
        assert pair.sync().requests == 1, "at rest"
        pair.delete_there(name)
        pair.settle()
        assert pair.bodies_here() == {}
        pair.put_there(name, made("new there"))
        agree(pair, made("new there"))
        pair.delete_here(name)
        pair.settle()
        assert pair.bodies_there() == {}
        assert pair.conflicts() == []


def agree(pair: Pair, body: bytes) -> None:
    """Both sides come to have this, and nothing else."""
    pair.settle()
    here, there = list(pair.bodies_here().values()), list(pair.bodies_there().values())
    assert [normal.fingerprint(one) for one in here] == [normal.fingerprint(body)]
    assert [normal.fingerprint(one) for one in there] == [normal.fingerprint(body)]


def test_a_task_that_the_other_calendar_does_not_take_is_told_and_stays_here(
    store: Store, people: dict[str, int], tmp_path: Path
) -> None:
    with peer("davserver", tmp_path / "peer") as there:
        pair = only_events(there, new_pair(office_in(tmp_path, store), there, CALENDAR))
        pair.put_here("task.ics", task("mine"))
        pair.put_here("event.ics", event("SUMMARY:x", uid="e"))
        strange = behind(pair)
        assert pair.settle().ok
        assert set(pair.bodies_here()) == {"task.ics", "event.ics"}
        assert set(pair.bodies_there()) == {"event.ics"}
        (told,) = troubles(pair)
        assert (told.name, told.state) == ("task.ics", ItemState.REFUSED)
        assert "supported-calendar-component" in told.error_text
        strange.seen.clear()
        assert pair.sync().requests == 1, "it is not sent again before it changes"


def test_a_calendar_for_events_only_is_one_here_too(
    store: Store, people: dict[str, int], tmp_path: Path
) -> None:
    with peer("davserver", tmp_path / "peer") as there:
        pair = only_events(there, new_pair(office_in(tmp_path, store), there, CALENDAR))
        facts = there.client().facts(pair.href)
        assert facts.components == ("VEVENT",)
        with store.write() as tx:
            account = remote.account(tx, pair.account_id)
            assert account
            remote.change_collection(tx, pair.remote_id, components=",".join(facts.components))
            row = remote.collection(tx, pair.remote_id)
            assert row
            made = collections.by_id(tx, subscribe(tx, account, row))
        assert made
        assert made.components == "VEVENT"


def test_a_task_from_there_that_the_calendar_here_does_not_take_is_told(
    store: Store, people: dict[str, int], tmp_path: Path
) -> None:
    with peer("davserver", tmp_path / "peer") as there:
        pair = new_pair(office_in(tmp_path, store), there, CALENDAR)
        with store.write() as tx:
            collections.change(tx, pair.collection_id, components="VEVENT")
        pair.put_there("task.ics", task("theirs"))
        pair.put_there("event.ics", event("SUMMARY:x", uid="e"))
        assert pair.settle().ok
        assert set(pair.bodies_here()) == {"event.ics"}
        assert set(pair.bodies_there()) == {"task.ics", "event.ics"}
        (told,) = troubles(pair)
        assert "VTODO" in told.error_text


def test_a_server_of_vcard_3_only_refuses_newer_cards_and_gets_the_others(
    store: Store, people: dict[str, int], tmp_path: Path
) -> None:
    reason = b'<supported-address-data xmlns="urn:ietf:params:xml:ns:carddav"/>'
    error = b'<d:error xmlns:d="DAV:">' + reason + b"</d:error>"

    def only_3(asked: Asked, send: Send) -> Answer:
        is_4 = b"VERSION:4.0" in asked.body or b'version="4.0"' in asked.body
        return Answer(403, {}, error, asked.path) if is_4 else send(asked)

    with peer("davserver", tmp_path / "peer") as there:
        pair = new_pair(office_in(tmp_path, store), there, ADDRESSBOOK)
        behind(pair, only_3)
        pair.put_here("new.vcf", card_4("mine"))
        pair.put_here("old.vcf", card("NOTE:mine", uid="old"))
        pair.put_there("theirs.vcf", card_4("theirs").replace(b"UID:u", b"UID:theirs"))
        assert pair.settle().ok
        assert set(pair.bodies_there()) == {"old.vcf", "theirs.vcf"}
        assert pair.bodies_here()["new.vcf"] == card_4("mine")
        assert b"VERSION:3.0" in pair.bodies_here()["theirs.vcf"], "it is had in the version there is"
        (told,) = troubles(pair)
        assert "supported-address-data" in told.error_text


@pytest.mark.parametrize("server", PEERS)
def test_a_card_that_is_read_back_comes_in_the_version_in_which_it_is_stored(
    store: Store, people: dict[str, int], tmp_path: Path, server: str
) -> None:
    def made_3(asked: Asked, send: Send) -> Answer:  # sabre/dav 4 does so
        answer = send(asked)
        body = answer.body.replace(b"VERSION:4.0", b"VERSION:3.0").replace(b"FN:", b"X-MADE:yes\r\nFN:")
        return replace(answer, body=body) if asked.method == "GET" else answer

    with peer(server, tmp_path / "peer") as there:
        pair = new_pair(office_in(tmp_path, store), there, ADDRESSBOOK)
        behind(pair, silent_puts, made_3)
        for word in ("new", "changed"):
            pair.put_here("a.vcf", card_4(word))
            agree(pair, card_4(word))
            assert b"VERSION:4.0" in pair.bodies_here()["a.vcf"]
        assert pair.conflicts() == []


def test_a_server_that_miscounts_is_asked_for_another_version_once(
    store: Store, people: dict[str, int], tmp_path: Path
) -> None:
    def miscounts(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        body = re.sub(rb"(<d:getcontentlength>)\d+", rb"\g<1>1", answer.body)
        return replace(answer, body=body)

    with peer("davserver", tmp_path / "peer") as there:
        pair = new_pair(office_in(tmp_path, store), there, ADDRESSBOOK)
        strange = behind(pair, miscounts)
        for number in range(120):
            pair.put_there(f"c{number}.vcf", card("NOTE:x", uid=f"u{number}"))
        assert pair.settle().ok
        assert len(pair.bodies_here()) == 120
        assert all(b"VERSION:3.0" in one for one in pair.bodies_here().values())
        assert sum(b'version="4.0"' in one.body for one in strange.seen) == 1


def only_events(there: Peer, pair: Pair) -> Pair:
    """The same pair with a calendar there that takes events only."""
    href = f"{there.home}events/"
    assert there.client().make(href, CALENDAR, Facts(href, CALENDAR, "Events", components=("VEVENT",))).ok
    pair.href = href
    pair.change(href=href)
    return pair


def troubles(pair: Pair) -> list[RemoteItem]:
    with pair.office.store.read() as tx:
        return remote.troubled_items(tx, pair.remote_id, 10)
