"""Servers as they are: each peculiarity that real ones show, or that a network adds, is a test.

The server is one of ours in this process behind a script (quirky.py); what goes to and from
real ones is in test_kinds.py, random faults in test_fuzz.py. Peculiarities are tried on SQLite, what moves
rows on every database.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from davserver.model import CollectionKind, Direction, ItemState, Policy
from davserver.storage import Store, history, remote
from davserver.sync.http import Answer, CertificateRefused, RedirectRefused, TooLarge, Unreachable
from davserver.sync.owners import new_owner
from davserver.sync.problems import Problem
from davserver.sync.quirks import Quirks
from tests.content.objects import event
from tests.sync.pairs import Pair, body_of, new_pair, office_in, text_of
from tests.sync.peers import peer
from tests.sync.quirky import (
    Asked,
    Send,
    behind,
    rewriting,
    silent_puts,
    weak_etags,
    without_ctag,
    without_sync,
)

CALENDAR = CollectionKind.CALENDAR
pytestmark = pytest.mark.one_database


@pytest.fixture
def pair(store: Store, people: dict[str, int], tmp_path: Path) -> Iterator[Pair]:
    """ann's calendar here, and one on a server of ours."""
    with peer("davserver", tmp_path / "peer") as there:
        yield new_pair(office_in(tmp_path, store), there, CALENDAR)


def body(uid: str, text: str) -> bytes:
    return body_of(CALENDAR, uid, text)


def fill(pair: Pair, count: int) -> None:
    """So many events on both sides."""
    for number in range(count):
        pair.put_there(f"e{number}.ics", body(f"e{number}", "x"))
    pair.settle()


def exchange(pair: Pair) -> None:
    """Everything that two sides do to each other, one after the other."""
    pair.put_here("a.ics", body("a", "from here"))
    pair.put_there("b.ics", body("b", "from there"))
    pair.settle()
    assert pair.here() == pair.there() == {"a": "from here", "b": "from there"}
    pair.put_here(pair.name_here("b"), body("b", "changed here"))
    pair.put_there(pair.name_there("a"), body("a", "changed there"))
    pair.settle()
    assert pair.here() == pair.there() == {"a": "changed there", "b": "changed here"}
    pair.delete_here(pair.name_here("a"))
    pair.settle()
    assert pair.here() == pair.there() == {"b": "changed here"}
    pair.put_here("c.ics", body("c", "c"))
    pair.settle()
    pair.delete_there(pair.name_there("b"))
    pair.settle()
    assert pair.here() == pair.there() == {"c": "c"}
    assert pair.conflicts() == []


# -- ways to see changes


@pytest.mark.every_database
def test_both_sides_exchange_everything(pair: Pair) -> None:
    strange = behind(pair)
    exchange(pair)
    strange.seen.clear()
    assert pair.sync().requests == 1
    assert [one.method for one in strange.seen] == ["PROPFIND"]


def test_bodies_are_asked_for_by_the_dozen(pair: Pair) -> None:
    for number in range(170):
        pair.put_there(f"e{number}.ics", body(f"e{number}", "x"))
    strange = behind(pair)
    assert pair.sync().requests == 2 + 3
    sizes = [one.body.count(b"<d:href>") for one in strange.seen if b"multiget" in one.body]
    assert sizes == [50, 100, 20]


def test_one_collection_of_an_account_is_synchronised_alone(pair: Pair) -> None:
    pair.put_there("a.ics", body("a", "x"))
    assert pair.sync(only=pair.remote_id + 1).counts == {}
    assert pair.sync(only=pair.remote_id).counts["pulled"] == 1


def test_where_nothing_was_fetched_yet_nobody_asks_what_has_changed(pair: Pair) -> None:
    strange = behind(pair)
    fill(pair, 3)
    homes = [asked.body for asked in strange.seen if asked.method == "PROPFIND"]
    assert b"getctag" not in homes[0]
    assert b"sync-token" not in homes[0]
    assert b"getctag" in homes[-1]
    assert pair.sync().requests == 1


def test_a_server_without_sync_tokens_is_listed_when_its_ctag_moves(pair: Pair) -> None:
    behind(pair, without_sync)
    exchange(pair)
    assert pair.sync().requests == 1


@pytest.mark.every_database
def test_a_server_without_tokens_and_ctags_is_listed_each_time(pair: Pair) -> None:
    behind(pair, without_sync, without_ctag)
    exchange(pair)
    before = pair.bodies_here()
    assert pair.sync().requests == 2
    assert pair.bodies_here() == before


def test_a_deletion_is_seen_in_the_next_run_where_only_a_ctag_moves(pair: Pair) -> None:
    fill(pair, 3)
    strange = behind(pair, without_sync)
    pair.settle()
    pair.delete_there("e1.ics")
    strange.seen.clear()
    assert pair.sync().ok
    assert sorted(pair.here()) == ["e0", "e2"]
    assert [one.method for one in strange.seen] == ["PROPFIND", "PROPFIND", "GET"]
    strange.seen.clear()
    assert pair.sync().ok
    assert [one.method for one in strange.seen] == ["PROPFIND"]


def test_a_deletion_that_the_list_of_changes_keeps_back_is_seen_in_the_next_run(pair: Pair) -> None:
    fill(pair, 3)
    strange = behind(pair, nothing_new)
    pair.delete_there("e1.ics")
    assert pair.sync().ok
    assert sorted(pair.here()) == ["e0", "e2"]
    assert [one.method for one in strange.seen] == ["PROPFIND", "REPORT", "PROPFIND", "GET"]


@pytest.mark.parametrize("status", [400, 403, 405, 409, 410, 412, 415, 418, 501])
def test_a_refused_token_leads_to_a_full_listing_once(pair: Pair, status: int) -> None:
    fill(pair, 2)

    def refuse(asked: Asked, send: Send) -> Answer:
        return Answer(status, {}, b"", asked.path) if asked.is_report and asked.token else send(asked)

    strange = behind(pair, refuse)
    pair.put_there("e0.ics", body("e0", "new"))
    pair.delete_there("e1.ics")
    pair.put_there("e2.ics", body("e2", "x"))
    assert pair.sync().ok
    assert pair.here() == {"e0": "new", "e2": "x"}
    assert sum(one.is_report for one in strange.seen) == 2


def nothing_new(asked: Asked, send: Send) -> Answer:
    """A list of changes without any: a token from the future (sabre), or deletions (Bedework)."""
    if not asked.is_report:
        return send(asked)
    told = b'<d:multistatus xmlns:d="DAV:"><d:sync-token>t</d:sync-token></d:multistatus>'
    return Answer(207, {}, told, "")


def frozen_token(asked: Asked, send: Send) -> Answer:
    """The properties tell of no change either."""
    answer = send(asked)
    return replace(answer, body=re.sub(rb"(sync-token>)[^<]+(</)", rb"\1t\2", answer.body))


def test_a_token_from_the_future_hides_changes_for_a_day_at_most(pair: Pair) -> None:
    fill(pair, 2)
    behind(pair, without_ctag, frozen_token, nothing_new)
    pair.change(sync_token="t", ctag="")
    pair.put_there("e0.ics", body("e0", "restored from a backup"))
    assert pair.sync().ok
    assert pair.here()["e0"] == "x"
    pair.age()
    assert pair.sync().ok
    assert pair.here()["e0"] == "restored from a backup"


def paged(size: int) -> Any:
    """sync-collection in pages, as iCloud and Nextcloud do: 507 for the collection, and the next token."""
    pages: dict[str, list[bytes]] = {}

    def quirk(asked: Asked, send: Send) -> Answer:
        if not asked.is_report:
            return send(asked)
        token = asked.token
        if token.startswith("page:"):
            rest, end = pages[token][:-1], pages[token][-1]
        else:
            answer = send(asked)
            if answer.status != 207:
                return answer
            rest = re.findall(rb"<d:response>.*?</d:response>", answer.body, re.DOTALL)
            found = re.search(rb"<d:sync-token>(.*?)</d:sync-token>", answer.body)
            assert found
            end = found[1]
        now, later = rest[:size], rest[size:]
        following, more = end, b""
        if later:
            key = f"page:{len(pages)}"
            pages[key] = [*later, end]
            following = key.encode()
            more = (
                b"<d:response><d:href>" + asked.path.encode() + b"</d:href>"
                b"<d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>"
            )
        text = b'<d:multistatus xmlns:d="DAV:">' + b"".join(now) + more
        text += b"<d:sync-token>" + following + b"</d:sync-token></d:multistatus>"
        return Answer(207, {}, text, asked.path)

    return quirk


def test_pages_of_507_are_followed(pair: Pair) -> None:
    for number in range(7):
        pair.put_there(f"e{number}.ics", body(f"e{number}", "x"))
    strange = behind(pair, paged(2))
    assert pair.sync().ok
    assert len(pair.here()) == 7
    assert sum(one.is_report for one in strange.seen) == 4
    for number in range(3):
        pair.delete_there(f"e{number}.ics")
    assert pair.sync().ok
    assert len(pair.here()) == 4


@pytest.mark.every_database
def test_a_first_synchronisation_that_was_cut_goes_on_where_it_was(pair: Pair) -> None:
    for number in range(9):
        pair.put_there(f"e{number}.ics", body(f"e{number}", "x"))
    asked_for: list[int] = []

    def cut(asked: Asked, send: Send) -> Answer:
        if b"multiget" in asked.body:
            asked_for.append(asked.body.count(b"<d:href>"))
        if len(asked_for) == 3 and b"multiget" in asked.body:
            return Answer(500, {}, b"", asked.path)
        return send(asked)

    behind(pair, cut, paged(3))
    assert pair.sync().problem is Problem.SERVER
    assert len(pair.here()) == 6
    assert pair.row.initial
    assert pair.row.sync_token.startswith("page:")
    assert pair.sync().ok
    assert len(pair.here()) == 9
    assert asked_for == [3, 3, 3, 3], "nothing was fetched twice but the page that was cut"


def test_a_list_that_is_cut_without_a_word_deletes_nothing(pair: Pair) -> None:
    """Xandikos with a limit: what a list lacks is asked for before it is believed gone."""
    fill(pair, 8)

    def cut(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        if asked.method != "PROPFIND" or asked.headers.get("Depth") != "1" or b"getetag" not in asked.body:
            return answer
        kept = answer.body.split(b"</d:response>")[:3]
        return replace(answer, body=b"</d:response>".join([*kept, b"</d:multistatus>"]))

    behind(pair, without_sync, cut)
    pair.age()
    pair.put_there("e9.ics", body("e9", "x"))
    assert pair.sync().ok
    assert len(pair.here()) >= 8


def test_an_empty_list_deletes_nothing(pair: Pair) -> None:
    fill(pair, 12)

    def empty(asked: Asked, send: Send) -> Answer:
        if asked.method == "PROPFIND" and b"getetag" in asked.body:
            return Answer(207, {}, b'<d:multistatus xmlns:d="DAV:"/>', asked.path)
        return send(asked)

    behind(pair, without_sync, without_ctag, empty)
    pair.age()
    assert pair.sync().ok
    assert len(pair.here()) == 12


@pytest.mark.every_database
def test_an_item_made_by_us_and_deleted_by_another_before_we_looked_is_no_zombie(pair: Pair) -> None:
    """Xandikos and Bedework do not report it: what was sent and never seen in a list is asked for."""
    fill(pair, 2)

    def forgets(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        if asked.is_report:
            text = re.sub(rb"<d:response>(?:(?!</d:response>).)*404.*?</d:response>", b"", answer.body)
            return replace(answer, body=text)
        return answer

    behind(pair, forgets)
    pair.put_here("new.ics", body("new", "x"))
    assert pair.sync().ok
    pair.delete_there(pair.name_there("new"))
    assert pair.sync().ok
    assert "new" not in pair.here()
    assert pair.settle().ok
    assert "new" not in pair.there()


def test_what_was_stored_before_a_cut_and_deleted_before_the_next_run_is_no_zombie(pair: Pair) -> None:
    """The token of before the cut knows nothing of it, and a server like Xandikos then never tells."""
    fill(pair, 2)

    def unknown_since(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        text = re.sub(rb"<d:response>(?:(?!</d:response>).)*404.*?</d:response>", b"", answer.body)
        return replace(answer, body=text) if asked.is_report else answer

    def second_batch_fails(asked: Asked, send: Send) -> Answer:
        if asked.method == "GET":
            return Answer(500, {}, b"", asked.path)
        return send(asked)

    strange = behind(pair, second_batch_fails, unknown_since)
    for number in range(51):
        pair.put_there(f"n{number}.ics", body(f"n{number}", "x"))
    assert pair.sync().problem is Problem.SERVER
    stored = set(pair.here()) - {"e0", "e1"}
    assert len(stored) == 50
    gone = sorted(stored)[0]
    pair.delete_there(f"{gone}.ics")
    strange.quirks = (unknown_since,)
    pair.settle()
    assert gone not in pair.here()
    assert pair.here() == pair.there()


def test_a_bulk_answer_that_is_404_because_of_one_item_is_asked_for_one_by_one(pair: Pair) -> None:
    """sabre/dav before 2.0."""
    fill(pair, 4)

    def all_or_nothing(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        is_short = b"multiget" in asked.body and b"404" in answer.body
        return Answer(404, {}, b"", asked.path) if is_short else answer

    behind(pair, without_sync, all_or_nothing)
    pair.delete_there("e0.ics")
    pair.delete_there("e1.ics")
    pair.settle()
    assert pair.here() == pair.there() == {"e2": "x", "e3": "x"}


def test_a_bulk_answer_that_is_404_because_the_calendar_is_gone_deletes_nothing(pair: Pair) -> None:
    fill(pair, 4)

    def goes(asked: Asked, send: Send) -> Answer:
        if b"multiget" in asked.body:
            assert pair.client.delete(pair.href).ok
            return Answer(404, {}, b"", asked.path)
        return send(asked)

    behind(pair, without_sync, goes)
    pair.delete_there("e0.ics")
    pair.delete_there("e1.ics")
    pair.sync()
    assert len(pair.here()) == 4
    assert pair.row.error_code == "gone"


# -- answers to PUT


def test_no_etag_after_put(pair: Pair) -> None:
    behind(pair, silent_puts)
    exchange(pair)


def test_weak_etags_never_go_into_if_match(pair: Pair) -> None:
    strange = behind(pair, weak_etags)
    exchange(pair)
    assert not [one for one in strange.seen if "W/" in one.headers.get("If-Match", "")]


def test_a_server_that_rewrites_is_read_back_and_not_fought(pair: Pair) -> None:
    strange = behind(pair, rewriting, silent_puts)
    pair.put_here("a.ics", body("a", "x"))
    pair.settle()
    assert b"X-SERVER" in pair.bodies_here()["a.ics"]
    strange.seen.clear()
    pair.sync()
    assert strange.count("PUT") == 0
    pair.put_here("a.ics", body("a", "y"))
    pair.settle()
    assert pair.here() == pair.there() == {"a": "y"}
    assert pair.conflicts() == []


def test_an_edit_made_while_a_rewritten_one_is_read_back_is_not_overwritten(pair: Pair) -> None:
    edited: list[bool] = []

    def edit(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        if asked.method == "PUT" and not edited:
            edited.append(True)
            pair.put_here("a.ics", body("a", "edited meanwhile"))
        return answer

    behind(pair, edit, rewriting, silent_puts)
    pair.put_here("a.ics", body("a", "x"))
    pair.settle()
    assert pair.here() == pair.there() == {"a": "edited meanwhile"}


def test_google_gives_another_uid(pair: Pair) -> None:
    def other_uid(asked: Asked, send: Send) -> Answer:
        if asked.method == "PUT":
            name = asked.path.rpartition("/")[2].removesuffix(".ics").encode()
            return send(replace(asked, body=re.sub(rb"UID:\S+", b"UID:google-" + name, asked.body)))
        return send(asked)

    behind(pair, other_uid, known=Quirks(rewrites=True, if_none_match=False))
    pair.put_here("a.ics", body("a", "x"))
    pair.settle()
    assert pair.here() == pair.there() == {"google-a": "x"}
    pair.put_here("a.ics", body("google-a", "y"))
    pair.settle()
    assert pair.here() == pair.there() == {"google-a": "y"}


def test_a_location_after_put_is_the_href(pair: Pair) -> None:
    """Servers that choose their own names."""

    def moves(asked: Asked, send: Send) -> Answer:
        if asked.method == "PUT" and "If-None-Match" in asked.headers:
            head, _, name = asked.path.rpartition("/")
            answer = send(replace(asked, path=f"{head}/own-{name}"))
            location = f"http://remote.example{head}/own-{name}"
            return replace(answer, headers={**answer.headers, "location": location})
        return send(asked)

    behind(pair, moves)
    exchange(pair)


@pytest.mark.parametrize("status", [409, 412])
def test_a_uid_that_is_there_under_another_href_is_adopted(pair: Pair, status: int) -> None:
    pair.put_there("theirs.ics", body("a", "x"))

    def hidden(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        if asked.is_report or (asked.method == "PROPFIND" and b"getetag" in asked.body):
            return replace(answer, body=answer.body.replace(b"theirs.ics", b"theirs.ics/"))
        return replace(answer, status=status) if answer.status == 409 else answer

    strange = behind(pair, hidden)
    pair.put_here("a.ics", body("a", "x"))
    assert pair.sync().ok
    assert strange.count("PUT") == 1
    strange.quirks = ()
    pair.settle()
    assert pair.here() == pair.there() == {"a": "x"}
    assert pair.conflicts() == []


@pytest.mark.every_database
@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refused_item_is_reported_and_tried_again_when_it_changes(pair: Pair, status: int) -> None:
    def refuse(asked: Asked, send: Send) -> Answer:
        return Answer(status, {}, b"", "") if asked.method == "PUT" and b"bad" in asked.body else send(asked)

    strange = behind(pair, refuse)
    pair.put_here("a.ics", body("a", "bad"))
    pair.put_here("b.ics", body("b", "good"))
    pair.sync()
    assert pair.there() == {"b": "good"}
    with pair.office.store.read() as tx:
        (trouble,) = remote.troubled_items(tx, pair.remote_id, 10)
    assert (trouble.state, trouble.name) == (ItemState.REFUSED, "a.ics")
    assert str(status) in trouble.error_text
    puts = strange.count("PUT")
    pair.settle()
    assert strange.count("PUT") == puts
    assert pair.here()["a"] == "bad"
    pair.put_here("a.ics", body("a", "mended"))
    pair.settle()
    assert pair.here() == pair.there() == {"a": "mended", "b": "good"}


def test_a_full_server_stops_the_push_and_nothing_else(pair: Pair) -> None:
    full = [True]

    def quota(asked: Asked, send: Send) -> Answer:
        return Answer(507, {}, b"", "") if asked.method == "PUT" and full[0] else send(asked)

    behind(pair, quota)
    pair.put_here("a.ics", body("a", "x"))
    pair.put_there("b.ics", body("b", "x"))
    assert pair.sync().problem is Problem.QUOTA_THERE
    assert set(pair.here()) == {"a", "b"}
    full[0] = False
    pair.settle()
    assert pair.here() == pair.there()


@pytest.mark.every_database
def test_the_quota_here_stops_the_pull_with_nothing_half_done(pair: Pair) -> None:
    from davserver.storage import principals

    with pair.office.store.write() as tx:
        ann = principals.get(tx, "ann")
        assert ann
        principals.change(tx, ann.id, quota=10)
    pair.put_there("b.ics", body("b", "x"))
    assert pair.sync().problem is Problem.QUOTA_HERE
    assert pair.here() == {}
    with pair.office.store.write() as tx:
        principals.change(tx, ann.id, quota=None)
    pair.settle()
    assert pair.here() == {"b": "x"}


# -- rights


def read_only(asked: Asked, send: Send) -> Answer:
    """A calendar that somebody shares for reading."""
    error = b'<d:error xmlns:d="DAV:"><d:need-privileges/></d:error>'
    if asked.method in ("PUT", "DELETE", "PROPPATCH"):
        return Answer(403, {"content-type": "text/xml"}, error, asked.path)
    answer = send(asked)
    privileges = (
        b"<d:current-user-privilege-set><d:privilege><d:read/></d:privilege></d:current-user-privilege-set>"
    )
    pattern = rb"<d:current-user-privilege-set>.*?</d:current-user-privilege-set>"
    return replace(answer, body=re.sub(pattern, privileges, answer.body, flags=re.DOTALL))


def needs_privileges(asked: Asked, send: Send) -> Answer:
    """The same on a server that says nothing of privileges before."""
    answer = read_only(asked, send)
    body = re.sub(rb"<d:current-user-privilege-set>.*?</d:current-user-privilege-set>", b"", answer.body)
    return replace(answer, body=body)


@pytest.mark.parametrize("quirk", [read_only, needs_privileges])
def test_what_may_only_be_read_is_restored_and_the_edit_is_kept_in_the_trash(pair: Pair, quirk: Any) -> None:
    fill(pair, 2)
    behind(pair, quirk)
    pair.put_here("e0.ics", body("e0", "mine"))
    pair.delete_here("e1.ics")
    pair.put_here("new.ics", body("new", "mine"))
    for _ in range(3):
        pair.sync()
    assert pair.row.read_only
    assert pair.here() == {"e0": "x", "e1": "x", "new": "mine"}
    assert pair.there() == {"e0": "x", "e1": "x"}
    assert [text_of(one) for one in pair.conflicts()] == ["mine"]
    assert pair.sync().requests == 1


def test_only_received(pair: Pair) -> None:
    fill(pair, 2)
    pair.change(direction=Direction.PULL.value)
    strange = behind(pair)
    pair.put_here("e0.ics", body("e0", "mine"))
    pair.put_here("new.ics", body("new", "mine"))
    pair.delete_here("e1.ics")
    pair.put_there("e2.ics", body("e2", "x"))
    pair.settle()
    assert pair.here() == {"e0": "x", "e1": "x", "e2": "x", "new": "mine"}
    assert not {"PUT", "DELETE", "PROPPATCH"} & {one.method for one in strange.seen}


def test_only_sent(pair: Pair) -> None:
    fill(pair, 3)
    pair.change(direction=Direction.PUSH.value)
    pair.put_there("e0.ics", body("e0", "theirs"))
    pair.delete_there("e1.ics")
    pair.put_there("extra.ics", body("extra", "theirs"))
    pair.put_here("e2.ics", body("e2", "mine"))
    pair.settle()
    assert pair.here() == {"e0": "x", "e1": "x", "e2": "mine"}
    assert pair.there() == {"e0": "x", "e1": "x", "e2": "mine", "extra": "theirs"}
    assert [text_of(one) for one in pair.conflicts()] == ["theirs"]


# -- conflicts


@pytest.mark.parametrize(
    ("policy", "here", "lost"),
    [
        (Policy.REMOTE, {"a": "theirs"}, ["mine"]),
        (Policy.LOCAL, {"a": "mine"}, ["theirs"]),
        (Policy.NEWEST, {"a": "theirs"}, ["mine"]),
    ],
)
def test_a_conflict_is_decided_and_the_loser_kept(pair: Pair, policy: Policy, here: Any, lost: Any) -> None:
    pair.change(policy=policy.value)
    pair.put_here("a.ics", body("a", "x"))
    pair.settle()
    pair.put_here("a.ics", body("a", "mine"))
    pair.put_there("a.ics", body("a", "theirs"))
    pair.settle()
    assert pair.here() == pair.there() == here
    assert [text_of(one) for one in pair.conflicts()] == lost


def test_the_newest_version_wins(pair: Pair) -> None:
    pair.change(policy=Policy.NEWEST.value)
    pair.put_here("a.ics", event("SUMMARY:x", uid="a"))
    pair.settle()
    pair.put_here("a.ics", event("SUMMARY:mine", "LAST-MODIFIED:20260102T000000Z", uid="a"))
    pair.put_there("a.ics", event("SUMMARY:theirs", "LAST-MODIFIED:20260101T000000Z", uid="a"))
    pair.settle()
    assert pair.here() == pair.there() == {"a": "mine"}


@pytest.mark.every_database
def test_both_are_kept_with_a_uid_of_its_own(pair: Pair) -> None:
    pair.change(policy=Policy.KEEP_BOTH.value)
    pair.put_here("a.ics", body("a", "x"))
    pair.settle()
    pair.put_here("a.ics", body("a", "mine"))
    pair.put_there("a.ics", body("a", "theirs"))
    pair.settle()
    assert pair.here() == pair.there()
    assert sorted(pair.here().values()) == ["mine (conflict)", "theirs"]


def test_a_meeting_is_not_doubled(pair: Pair) -> None:
    pair.change(policy=Policy.KEEP_BOTH.value)
    meeting = ("ORGANIZER:mailto:ann@example.org", "ATTENDEE:mailto:bob@example.org")
    pair.put_here("a.ics", event("SUMMARY:x", *meeting, uid="a"))
    pair.settle()
    pair.put_here("a.ics", event("SUMMARY:mine", *meeting, uid="a"))
    pair.put_there("a.ics", event("SUMMARY:theirs", *meeting, uid="a"))
    pair.settle()
    assert pair.here() == pair.there() == {"a": "theirs"}
    assert [text_of(one) for one in pair.conflicts()] == ["mine"]


def test_an_edit_beats_a_deletion_on_either_side(pair: Pair) -> None:
    fill(pair, 3)
    pair.put_here("e0.ics", body("e0", "edited here"))
    pair.delete_there("e0.ics")
    pair.put_there("e1.ics", body("e1", "edited there"))
    pair.delete_here("e1.ics")
    pair.settle()
    assert pair.here() == pair.there() == {"e0": "edited here", "e1": "edited there", "e2": "x"}


def test_the_same_change_on_both_sides_is_no_conflict(pair: Pair) -> None:
    fill(pair, 1)
    pair.put_here("e0.ics", body("e0", "same"))
    pair.put_there("e0.ics", body("e0", "same").replace(b"PRODID:-//test", b"PRODID:-//other"))
    pair.settle()
    assert pair.here() == pair.there() == {"e0": "same"}
    assert pair.conflicts() == []


def test_only_a_new_entity_tag_is_no_conflict(pair: Pair) -> None:
    fill(pair, 1)
    pair.put_here("e0.ics", body("e0", "mine"))
    pair.put_there("e0.ics", body("e0", "x").replace(b"DTSTAMP:20260101", b"DTSTAMP:20260202"))
    pair.settle()
    assert pair.here() == pair.there() == {"e0": "mine"}
    assert pair.conflicts() == []


def test_what_both_sides_have_already_is_paired_not_doubled(pair: Pair) -> None:
    for number in range(3):
        pair.put_here(f"mine{number}.ics", body(f"u{number}", "x"))
        pair.put_there(f"theirs{number}.ics", body(f"u{number}", "x" if number else "theirs"))
    pair.settle()
    assert pair.here() == pair.there() == {"u0": "theirs", "u1": "x", "u2": "x"}
    assert [text_of(one) for one in pair.conflicts()] == ["x"]


def test_the_push_has_the_entity_tag_of_the_version_it_was_made_from(pair: Pair) -> None:
    """Never one fetched just before: another's edit would be overwritten unseen."""
    fill(pair, 1)
    known = pair.client.get(pair.href + "e0.ics").etag
    raced: list[bool] = []

    def race(asked: Asked, send: Send) -> Answer:
        if asked.method == "PUT" and not raced:
            raced.append(True)
            pair.put_there("e0.ics", body("e0", "theirs"))
        return send(asked)

    strange = behind(pair, race)
    pair.put_here("e0.ics", body("e0", "mine"))
    pair.settle()
    first = next(one for one in strange.seen if one.method == "PUT")
    assert first.headers["If-Match"] == known
    assert pair.here() == pair.there() == {"e0": "theirs"}
    assert [text_of(one) for one in pair.conflicts()] == ["mine"]


# -- UIDs and bodies


@pytest.mark.every_database
def test_a_uid_twice_there_is_parked_and_told(pair: Pair) -> None:
    """Office365's gateways hold hundreds of them: one is shown, the others are listed with their titles."""

    def double(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        if asked.is_report and not asked.token:
            copy = re.search(rb"<d:response>.*?one\.ics.*?</d:response>", answer.body, re.DOTALL)
            assert copy
            more = copy[0].replace(b"one.ics", b"two.ics")
            return replace(answer, body=answer.body.replace(copy[0], copy[0] + more))
        if b"multiget" in asked.body:
            part = re.search(rb"<d:response>.*?one\.ics.*?</d:response>", answer.body, re.DOTALL)
            assert part
            more = part[0].replace(b"one.ics", b"two.ics").replace(b"first", b"second")
            gone = re.sub(
                rb"<d:response><d:href>[^<]*two\.ics.*?</d:response>", b"", answer.body, flags=re.DOTALL
            )
            return replace(answer, body=gone.replace(part[0], part[0] + more))
        return send(asked)

    pair.put_there("one.ics", body("a", "first"))
    behind(pair, double)
    assert pair.sync().ok
    assert pair.here() == {"a": "first"}
    with pair.office.store.read() as tx:
        (parked,) = remote.troubled_items(tx, pair.remote_id, 10)
    assert parked.state is ItemState.PARKED
    assert "second" in parked.error_text


def test_what_cannot_be_read_is_told_and_the_others_come(pair: Pair) -> None:
    def broken(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        if b"multiget" in asked.body:
            return replace(answer, body=answer.body.replace(b"SUMMARY:broken", b"DTSTART:rubbish"))
        return answer

    strange = behind(pair, broken)
    pair.put_there("a.ics", body("a", "broken"))
    pair.put_there("b.ics", body("b", "good"))
    pair.sync()
    assert pair.here() == {"b": "good"}
    with pair.office.store.read() as tx:
        (trouble,) = remote.troubled_items(tx, pair.remote_id, 10)
    assert trouble.state is ItemState.UNREADABLE
    assert trouble.error_text
    pair.settle()
    assert pair.sync().requests == 1
    strange.quirks = ()
    pair.put_there("a.ics", body("a", "mended"))
    pair.settle()
    assert pair.here() == {"a": "mended", "b": "good"}


@pytest.mark.every_database
def test_an_item_that_was_moved_there_is_not_deleted_and_made_anew(pair: Pair) -> None:
    fill(pair, 2)
    known = pair.client.get(pair.href + "e0.ics")
    pair.delete_there("e0.ics")
    pair.put_there("moved.ics", known.body or b"")
    before = pair.bodies_here()
    pair.settle()
    assert pair.bodies_here() == before
    pair.put_here("e0.ics", body("e0", "mine"))
    pair.settle()
    assert set(pair.bodies_there()) == {"e1.ics", "moved.ics"}
    assert pair.there()["e0"] == "mine"


@pytest.mark.every_database
def test_of_many_new_items_those_that_meet_something_here_are_looked_at_alone(pair: Pair) -> None:
    pair.put_here("e0.ics", body("mine", "has the name of another"))
    pair.put_here("own.ics", body("e1", "x"))
    for number in range(5):
        pair.put_there(f"e{number}.ics", body(f"e{number}", "x"))
    pair.settle()
    texts = {**{f"e{number}": "x" for number in range(5)}, "mine": "has the name of another"}
    assert pair.here() == pair.there() == texts
    assert pair.name_here("mine") == "e0.ics"
    assert pair.name_here("e1") == "own.ics", "paired, not doubled"
    assert [pair.name_here(f"e{number}") for number in (2, 3, 4)] == ["e2.ics", "e3.ics", "e4.ics"]
    assert pair.sync().requests == 1


@pytest.mark.every_database
def test_a_name_that_another_object_took_here(pair: Pair) -> None:
    fill(pair, 1)
    pair.delete_here("e0.ics")
    pair.put_here("e0.ics", body("other", "y"))
    pair.settle()
    assert pair.here() == pair.there() == {"other": "y"}


# -- faults


def failing(answer: Answer | Exception, when: Any = lambda asked: True) -> Any:
    """Answers so, or raises it."""

    def quirk(asked: Asked, send: Send) -> Answer:
        if not when(asked):
            return send(asked)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return quirk


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Answer(401, {}, b"", ""), Problem.CREDENTIALS),
        (Answer(403, {}, b"", ""), Problem.FORBIDDEN),
        (Answer(500, {}, b"", ""), Problem.SERVER),
        (Answer(503, {}, b"", ""), Problem.SERVER),
        (Answer(503, {"retry-after": "120"}, b"", ""), Problem.BUSY),
        (Answer(429, {}, b"", ""), Problem.BUSY),
        (Answer(403, {}, b"<error>usageLimits</error>", ""), Problem.BUSY),
        (Answer(200, {}, b"<html>Welcome to the hotel</html>", ""), Problem.NOT_DAV),
        (Answer(207, {}, b"<d:multistatus xmlns:d='DAV:'><d:resp", ""), Problem.GARBLED),
        (Unreachable("x", "refused"), Problem.UNREACHABLE),
        (CertificateRefused("x", "expired"), Problem.CERTIFICATE),
        (RedirectRefused("elsewhere", "https://elsewhere.example/"), Problem.REDIRECT),
        (TooLarge("64 MiB"), Problem.TOO_LARGE),
    ],
)
def test_a_fault_has_a_name_changes_nothing_and_is_over_when_it_is_over(
    pair: Pair, fault: Any, problem: Problem
) -> None:
    fill(pair, 2)
    pair.put_here("new.ics", body("new", "x"))
    strange = behind(pair, failing(fault))
    before = pair.bodies_here()
    result = pair.sync()
    assert result.problem is problem
    assert result.text
    assert pair.bodies_here() == before
    strange.quirks = ()
    pair.settle()
    assert pair.here() == pair.there()


def account_of(pair: Pair) -> Any:
    with pair.office.store.read() as tx:
        return remote.account(tx, pair.account_id)


def test_a_refused_password_is_not_tried_again(pair: Pair) -> None:
    """In the middle of a run, too; the account could be locked."""
    fill(pair, 1)
    strange = behind(pair, failing(Answer(401, {}, b"", ""), lambda asked: asked.is_report))
    pair.put_there("e0.ics", body("e0", "y"))
    assert pair.sync().problem is Problem.CREDENTIALS
    assert (account_of(pair).next_run, account_of(pair).error_code) == (None, "credentials")
    assert len([one for one in strange.seen if one.is_report]) == 1
    with pair.office.store.read() as tx:
        assert remote.due(tx, 2**40) == []


def test_retry_after_is_obeyed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    behind(pair, failing(Answer(429, {"retry-after": "1234"}, b"", "")))
    monkeypatch.setattr("davserver.sync.run.now", lambda: 1_000_000)
    assert pair.sync().retry_after == 1234
    assert account_of(pair).next_run == 1_001_234


def test_failures_come_again_later_and_later_but_within_a_day(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind(pair, failing(Unreachable("x", "y")))
    monkeypatch.setattr("davserver.sync.run.now", lambda: 1_000_000)
    waits = []
    for _ in range(12):
        pair.sync()
        waits.append(account_of(pair).next_run - 1_000_000)
    assert waits[0] > 900
    assert waits[3] > waits[1]
    assert max(waits) <= 86_400 * 1.1


def test_reading_is_repeated_after_a_cut_and_writing_is_not(pair: Pair) -> None:
    fill(pair, 1)
    cuts: list[str] = []

    def cut_once(asked: Asked, send: Send) -> Answer:
        if asked.method not in cuts:
            cuts.append(asked.method)
            send(asked)
            raise Unreachable("x", "cut")
        return send(asked)

    strange = behind(pair, cut_once)
    pair.put_here("new.ics", body("new", "x"))
    assert pair.sync().problem is Problem.UNREACHABLE
    assert strange.count("PUT") == 1
    pair.settle()
    assert strange.count("PUT") == 1, "the lost answer was looked for, not sent again"
    assert pair.here() == pair.there() == {"e0": "x", "new": "x"}


@pytest.mark.every_database
def test_a_lease_keeps_two_runners_apart(pair: Pair) -> None:
    inner: list[Any] = []

    def meanwhile(asked: Asked, send: Send) -> Answer:
        if not inner:
            inner.append(None)
            inner[0] = pair.sync()
        return send(asked)

    strange = behind(pair, meanwhile)
    pair.put_here("a.ics", body("a", "x"))
    assert pair.sync().ok
    assert inner[0].problem is Problem.LEASE
    assert strange.count("PUT") == 1


@pytest.mark.every_database
def test_who_lost_the_lease_writes_no_more(pair: Pair) -> None:
    def steal(asked: Asked, send: Send) -> Answer:
        answer = send(asked)
        if b"multiget" in asked.body:
            with pair.office.store.write() as tx:
                remote.change_account(tx, pair.account_id, lease_owner="another:1:x", lease_until=2**40)
        return answer

    behind(pair, steal)
    for number in range(2):
        pair.put_there(f"e{number}.ics", body(f"e{number}", "x"))
    assert pair.sync().problem is Problem.LEASE
    assert pair.here() == {}


@pytest.mark.every_database
def test_the_lease_of_a_dead_process_of_this_machine_is_over(pair: Pair) -> None:
    with pair.office.store.write() as tx:
        owner = new_owner().replace(f":{os.getpid()}:", f":{2**22 + 1}:")
        remote.change_account(tx, pair.account_id, lease_owner=owner, lease_until=2**40)
    assert pair.sync().ok


# -- guards


def answer(pair: Pair, said: str) -> None:
    pair.change(guard=json.dumps({**json.loads(pair.row.guard), "answer": said}))


def test_a_remote_that_was_emptied_deletes_nothing_without_consent(pair: Pair) -> None:
    fill(pair, 12)
    for number in range(12):
        pair.delete_there(f"e{number}.ics")
    for _ in range(2):
        assert pair.sync().problem is Problem.GUARD
    assert len(pair.here()) == 12
    question = json.loads(pair.row.guard)
    assert (question["side"], question["count"], question["known"]) == ("here", 12, 12)
    answer(pair, "accept")
    pair.settle()
    assert pair.here() == {}
    assert pair.row.guard == ""


def test_an_emptied_remote_is_filled_again(pair: Pair) -> None:
    fill(pair, 12)
    for number in range(12):
        pair.delete_there(f"e{number}.ics")
    assert pair.sync().problem is Problem.GUARD
    answer(pair, "restore")
    pair.settle()
    assert len(pair.here()) == 12
    assert pair.here() == pair.there()


@pytest.mark.parametrize("listing", ["of changes", "of all", "in an audit"])
@pytest.mark.parametrize("said", ["accept", "restore"])
def test_a_local_mass_deletion_needs_consent_too(pair: Pair, said: str, listing: str) -> None:
    behind(pair, *((without_sync,) if listing == "of all" else ()))
    fill(pair, 12)
    if listing == "in an audit":
        pair.age()
    for number in range(12):
        pair.delete_here(f"e{number}.ics")
    assert pair.sync().problem is Problem.GUARD
    assert len(pair.there()) == 12
    assert json.loads(pair.row.guard)["side"] == "there"
    answer(pair, said)
    pair.settle()
    assert pair.here() == pair.there()
    assert len(pair.here()) == (0 if said == "accept" else 12)


@pytest.mark.every_database
def test_consent_covers_what_was_asked_and_not_more(pair: Pair) -> None:
    fill(pair, 30)
    for number in range(20):
        pair.delete_there(f"e{number}.ics")
    assert pair.sync().problem is Problem.GUARD
    answer(pair, "accept")
    for number in range(20, 29):
        pair.delete_there(f"e{number}.ics")
    assert pair.sync().problem is Problem.GUARD
    assert len(pair.here()) == 30


def test_a_question_that_time_has_answered_is_dropped(pair: Pair) -> None:
    fill(pair, 12)
    bodies = pair.bodies_there()
    for name in bodies:
        pair.delete_there(name)
    assert pair.sync().problem is Problem.GUARD
    for name, data in bodies.items():
        pair.put_there(name, data)
    pair.settle()
    assert (pair.row.guard, len(pair.here())) == ("", 12)


def test_the_only_item_is_deleted_without_a_question_and_can_be_restored(pair: Pair) -> None:
    fill(pair, 1)
    pair.delete_there("e0.ics")
    assert pair.sync().ok
    assert pair.here() == {}
    with pair.office.store.read() as tx:
        kept = history.deleted(tx, pair.collection_id, 10)
    assert [one.name for one in kept] == ["e0.ics"]


def test_two_empty_sides_are_no_accident(pair: Pair) -> None:
    pair.settle()
    assert pair.sync().ok


# -- collections


@pytest.mark.every_database
def test_a_collection_that_is_gone_there_deletes_nothing_here(pair: Pair) -> None:
    fill(pair, 2)
    assert pair.client.delete(pair.href).ok
    for _ in range(4):
        assert pair.sync().ok
    assert len(pair.here()) == 2
    assert (pair.row.error_code, pair.row.gone_count) == ("gone", 4)


@pytest.mark.every_database
def test_name_and_colour_go_both_ways(pair: Pair) -> None:
    from davserver.storage import collections

    fill(pair, 1)
    there = pair.client
    assert there.describe(pair.href, CALENDAR, display_name="Theirs", color="#112233FF").ok
    assert pair.sync().ok
    with pair.office.store.write() as tx:
        mine = collections.by_id(tx, pair.collection_id)
        assert mine
        assert (mine.display_name, mine.color) == ("Theirs", "#112233")
        collections.change(tx, pair.collection_id, display_name="Mine", color="#445566")
    assert pair.sync().ok
    facts = there.facts(pair.href)
    assert (facts.display_name, facts.color[:7]) == ("Mine", "#445566")
    strange = behind(pair)
    assert pair.sync().ok
    assert strange.count("PROPPATCH") == 0


def test_a_server_that_keeps_its_names_is_not_asked_for_ever(pair: Pair) -> None:
    from davserver.storage import collections

    fill(pair, 1)
    strange = behind(pair, failing(Answer(403, {}, b"", ""), lambda asked: asked.method == "PROPPATCH"))
    with pair.office.store.write() as tx:
        collections.change(tx, pair.collection_id, display_name="Mine")
    for _ in range(3):
        assert pair.sync().ok
    assert strange.count("PROPPATCH") == 1


# -- other lives of a database


def test_a_remote_database_that_was_rolled_back(pair: Pair, tmp_path: Path) -> None:
    fill(pair, 3)
    database = tmp_path / "peer" / "remote.db"
    saved = _copy(database, tmp_path / "saved")
    pair.put_there("e0.ics", body("e0", "later"))
    pair.put_here("e1.ics", body("e1", "later here"))
    pair.settle()
    _put_back(pair, saved, database)
    for _ in range(2):
        pair.age()
        pair.settle()
    assert pair.here() == pair.there()
    assert len(pair.here()) == 3


@pytest.mark.every_database
def test_what_is_remembered_was_rolled_back_and_nothing_is_doubled(pair: Pair) -> None:
    fill(pair, 2)
    with pair.office.store.read() as tx:
        rows = remote.all_items(tx, pair.remote_id)
    row = pair.row
    pair.put_here("new.ics", body("new", "x"))
    pair.put_there("e0.ics", body("e0", "y"))
    pair.settle()
    with pair.office.store.write() as tx:
        remote.forget_items(tx, pair.remote_id)
        for one in rows.values():
            values = {**one._asdict(), "state": one.state.value}
            del values["id"]
            remote.add_item(tx, values.pop("remote_id"), values.pop("href"), **values)
        remote.change_collection(
            tx, pair.remote_id, sync_token=row.sync_token, ctag=row.ctag, seen_revision=row.seen_revision
        )
    pair.settle()
    assert pair.here() == pair.there() == {"e0": "y", "e1": "x", "new": "x"}
    assert pair.conflicts() == []


def _copy(database: Path, folder: Path) -> Path:
    folder.mkdir()
    for suffix in ("", "-wal", "-shm"):
        if (file := Path(f"{database}{suffix}")).exists():
            shutil.copy(file, folder / file.name)
    return folder


def _put_back(pair: Pair, saved: Path, database: Path) -> None:
    pair.peer.app.store.close()  # type: ignore[attr-defined]
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
        if (file := saved / f"{database.name}{suffix}").exists():
            shutil.copy(file, f"{database}{suffix}")
