"""sync-collection: what changed since a token, limits, and which tokens are refused how."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from davserver.app import Server
from davserver.storage import Store, schema
from tests.content.objects import card, event
from tests.davclient import CR, C, Client, D, MakeClient, X

THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.0"


def fill(ann: Client, count: int) -> None:
    """Events 0.ics, 1.ics, …"""
    for number in range(count):
        ann.put(f"{ann.calendar}{number}.ics", event(uid=str(number)))


def states(client: Client, path: str, token: str) -> dict[str, int]:
    """Name → 200 for changed, 404 for gone."""
    members = client.sync(path, token).members
    return {href.rpartition("/")[2]: one.status or 200 for href, one in members.items()}


def test_the_first_sync_lists_everything_and_gives_a_token(ann: Client) -> None:
    fill(ann, 2)
    answer = ann.sync(ann.calendar)
    assert answer.names == {"0.ics", "1.ics"}
    assert answer.sync_token == ann.token(ann.calendar)
    assert ann.calendar not in answer.members


def test_nothing_changed_is_one_small_answer_with_the_same_token(ann: Client) -> None:
    fill(ann, 2)
    token = ann.token(ann.calendar)
    answer = ann.sync(ann.calendar, token)
    assert answer.hrefs == []
    assert answer.sync_token == token


def test_new_changed_and_gone_items_are_told(ann: Client) -> None:
    fill(ann, 3)
    token = ann.token(ann.calendar)
    ann.put(ann.calendar + "new.ics", event(uid="new"))
    ann.put(ann.calendar + "1.ics", event("SUMMARY:x", uid="1"))
    ann.delete(ann.calendar + "2.ics")
    assert states(ann, ann.calendar, token) == {"new.ics": 200, "1.ics": 200, "2.ics": 404}


def test_what_came_and_went_since_is_gone_and_what_came_back_is_there(ann: Client) -> None:
    fill(ann, 1)
    token = ann.token(ann.calendar)
    ann.put(ann.calendar + "short.ics", event(uid="short"))
    ann.delete(ann.calendar + "short.ics")
    ann.delete(ann.calendar + "0.ics")
    ann.put(ann.calendar + "0.ics", event(uid="0"))
    found = states(ann, ann.calendar, token)
    assert found["0.ics"] == 200
    assert found.get("short.ics") in (404, None)


def test_the_first_sync_tells_of_nothing_gone(ann: Client) -> None:
    fill(ann, 2)
    ann.delete(ann.calendar + "0.ics")
    assert states(ann, ann.calendar, "") == {"1.ics": 200}


def test_every_token_ever_given_stays_good(ann: Client) -> None:
    tokens = [ann.token(ann.calendar)]
    for number in range(5):
        ann.put(f"{ann.calendar}{number}.ics", event(uid=str(number)))
        tokens.append(ann.token(ann.calendar))
    for number, token in enumerate(tokens):
        assert set(states(ann, ann.calendar, token)) == {f"{later}.ics" for later in range(number, 5)}


def test_the_token_is_the_ctag_and_changes_with_each_write(ann: Client) -> None:
    from tests.davclient import CS

    seen = set()
    for number in range(3):
        token = ann.token(ann.calendar)
        assert ann.prop(ann.calendar, CS + "getctag").text == token
        seen.add(token)
        ann.put(ann.calendar + "one.ics", event(f"SUMMARY:{number}"))
    assert len(seen) == 3


def test_asked_properties_come_missing_ones_too(ann: Client) -> None:
    fill(ann, 1)
    answer = ann.sync(ann.calendar, "", D + "getetag", D + "getcontenttype", D + "resourcetype", X + "none")
    member = answer.members[ann.calendar + "0.ics"]
    assert member[D + "getcontenttype"].text.startswith("text/calendar")
    assert member.missing == {X + "none"}


def test_thunderbird_asks_for_the_cards_in_the_same_report(ann: Client) -> None:
    ann.put(ann.book + "one.vcf", card())
    answer = ann.sync(ann.book, "", D + "getetag", CR + "address-data", depth="1")
    assert answer.members[ann.book + "one.vcf"].data == card().decode()


def test_events_come_in_the_same_report(ann: Client) -> None:
    fill(ann, 1)
    answer = ann.sync(ann.calendar, "", C + "calendar-data")
    assert answer.members[ann.calendar + "0.ics"].data == event(uid="0").decode()


# -- limits


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_limit_cuts_the_answer_and_the_token_goes_on(ann: Client, limit: int) -> None:
    fill(ann, 5)
    seen: list[str] = []
    token = ""
    for _ in range(10):
        answer = ann.sync(ann.calendar, token, limit=limit)
        more = answer.members.get(ann.calendar)
        seen += [href for href in answer.hrefs if href != ann.calendar]
        token = answer.sync_token
        if more is None:
            break
        assert more.status == 507
        assert more.element.find(f"{D}error/{D}number-of-matches-within-limits") is not None
        assert len(answer.members) == limit + 1
    assert sorted(seen) == [f"{ann.calendar}{number}.ics" for number in range(5)]
    assert token == ann.token(ann.calendar)


def test_an_answer_that_fits_exactly_is_not_cut(ann: Client) -> None:
    fill(ann, 3)
    answer = ann.sync(ann.calendar, "", limit=3)
    assert len(answer.members) == 3
    assert answer.sync_token == ann.token(ann.calendar)


def test_deletions_count_and_survive_a_cut(ann: Client) -> None:
    fill(ann, 4)
    token = ann.token(ann.calendar)
    for number in (0, 2):
        ann.delete(f"{ann.calendar}{number}.ics")
        ann.put(f"{ann.calendar}{number + 1}.ics", event("SUMMARY:x", uid=str(number + 1)))
    found: dict[str, int] = {}
    for _ in range(10):
        answer = ann.sync(ann.calendar, token, limit=1)
        found.update({href.rpartition("/")[2]: one.status or 200 for href, one in answer.members.items()})
        token = answer.sync_token
        if ann.calendar not in answer.members:
            break
    found.pop("", None)
    assert found == {"0.ics": 404, "1.ics": 200, "2.ics": 404, "3.ics": 200}


def test_changes_between_two_pieces_are_not_lost(ann: Client) -> None:
    fill(ann, 4)
    first = ann.sync(ann.calendar, "", limit=2)
    ann.put(ann.calendar + "0.ics", event("SUMMARY:x", uid="0"))
    ann.delete(ann.calendar + "1.ics")
    found = states(ann, ann.calendar, first.sync_token)
    assert found == {"0.ics": 200, "1.ics": 404, "2.ics": 200, "3.ics": 200}


@pytest.mark.parametrize("count", ["0", "-1", "many", ""])
def test_a_limit_that_is_none_is_400(ann: Client, count: str) -> None:
    text = (
        "<d:sync-collection><d:sync-token/><d:sync-level>1</d:sync-level>"
        f"<d:limit><d:nresults>{count}</d:nresults></d:limit><d:prop/></d:sync-collection>"
    )
    assert ann.report(ann.calendar, text, depth="0").status == 400


# -- tokens that are refused


def wrong_tokens(good: str) -> list[str]:
    """Tokens that were never given."""
    head, _, stamp = good.rpartition("-")
    number, _, revision = head.rpartition("-")
    return [
        f"{number}-{int(revision) + 5}-{stamp}",
        f"{number}-{revision}-000000000000",
        f"data:,999999-{revision}-{stamp}",
        good + "0",
        "http://example.org/sync/999",
        "rubbish",
        "data:,",
        "data:,9999999999999999999-1-a",
        "💥",
    ]


def test_a_token_that_was_never_given_is_403_with_its_precondition(ann: Client) -> None:
    """CalDav Synchronizer wants 403 and the root element DAV:error, DAVx5 the element."""
    fill(ann, 1)
    for token in wrong_tokens(ann.token(ann.calendar)):
        answer = ann.sync(ann.calendar, token)
        assert (answer.status, answer.error) == (403, D + "valid-sync-token"), token


@pytest.mark.parametrize(("agent", "status"), [(THUNDERBIRD, 400), ("DAVx5/4.5", 403), (None, 403)])
def test_thunderbird_s_address_books_get_400_because_they_start_over_on_nothing_else(
    ann: Client, agent: str | None, status: int
) -> None:
    answer = ann.sync(ann.book, "rubbish", user_agent=agent)
    assert (answer.status, answer.error) == (status, D + "valid-sync-token")
    assert ann.sync(ann.calendar, "rubbish", user_agent=agent).status == 403


def test_thunderbird_does_not_take_the_error_for_a_rate_limit(ann: Client) -> None:
    """It looks for ``<D:error xmlns:D="DAV:"/>`` without content."""
    answer = ann.sync(ann.calendar, "rubbish", user_agent=THUNDERBIRD)
    assert len(answer.xml)


def test_the_token_of_another_collection_is_refused(ann: Client) -> None:
    ann.mkcalendar(ann.calendar_home + "other/")
    assert ann.sync(ann.calendar, ann.token(ann.calendar_home + "other/")).status == 403


def test_the_token_of_a_collection_that_was_made_anew_is_refused(ann: Client) -> None:
    path = ann.calendar_home + "again/"
    ann.mkcalendar(path)
    ann.put(path + "one.ics", event())
    token = ann.token(path)
    ann.delete(path)
    ann.mkcalendar(path)
    assert ann.sync(path, token).status == 403
    ann.put(path + "one.ics", event())
    assert ann.sync(path, token).status == 403


def test_issue_1441_after_a_restored_backup_newer_tokens_are_refused(
    ann: Client, store: Store, server: Server, tmp_path: Path
) -> None:
    """Baïkal takes tokens from the future, and clients miss changes for ever."""
    if store.file is None:
        pytest.skip("a file is restored; the other databases have the next test")
    fill(ann, 2)
    old, copy = ann.token(ann.calendar), tmp_path / "copy" / "davserver.db"
    copy.parent.mkdir()
    with closing(sqlite3.connect(store.file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    ann.put(ann.calendar + "2.ics", event(uid="2"))
    newer = ann.token(ann.calendar)
    restored = Store(store.url.set(database=str(copy)))
    again = Client(Server(server.settings, restored), "ann")
    assert again.sync(again.calendar, newer).status == 403
    again.put(again.calendar + "other.ics", event(uid="other"))
    assert again.token(again.calendar) != newer
    assert again.sync(again.calendar, newer).status == 403
    assert states(again, again.calendar, old) == {"other.ics": 200}
    restored.close()


def test_a_token_of_a_lost_life_of_the_database_is_refused(ann: Client, store: Store) -> None:
    fill(ann, 2)
    with store.read() as tx:
        before = tx.execute(schema.collection.select().order_by(schema.collection.c.id)).first()
    assert before is not None
    ann.put(ann.calendar + "2.ics", event(uid="2"))
    lost = ann.token(ann.calendar)
    with store.write() as tx:  # what a restored backup does
        newer = schema.revision.c.revision > before.revision
        tx.execute(schema.revision.delete().where(schema.revision.c.collection_id == before.id, newer))
        tx.execute(schema.item.delete().where(schema.item.c.revision > before.revision))
        values = {"revision": before.revision, "stamp": before.stamp}
        tx.execute(schema.collection.update().where(schema.collection.c.id == before.id).values(**values))
    assert ann.sync(ann.calendar, lost).status == 403
    ann.put(ann.calendar + "3.ics", event(uid="3"))
    assert ann.sync(ann.calendar, lost).status == 403


# -- the request


@pytest.mark.parametrize("depth", ["0", "1", None])
def test_depths_of_real_clients_are_taken(ann: Client, depth: str | None) -> None:
    fill(ann, 1)
    assert len(ann.sync(ann.calendar, depth=depth).members) == 1


def test_infinite_depth_is_400(ann: Client) -> None:
    assert ann.sync(ann.calendar, depth="infinity").status == 400


def test_a_level_is_1_or_infinite_or_left_out(ann: Client) -> None:
    for level, status in (("1", 207), ("infinite", 207), ("2", 400), (None, 207)):
        text = "" if level is None else f"<d:sync-level>{level}</d:sync-level>"
        body = f"<d:sync-collection><d:sync-token/>{text}<d:prop><d:getetag/></d:prop></d:sync-collection>"
        assert ann.report(ann.calendar, body, depth="0").status == status


def test_a_home_has_no_sync_and_says_so(ann: Client) -> None:
    """macOS asks there; refused with 403 it polls the list."""
    answer = ann.sync(ann.calendar_home)
    assert (answer.status, answer.error) == (403, D + "supported-report")


def test_minimal_leaves_out_what_is_missing(ann: Client) -> None:
    fill(ann, 1)
    member = ann.sync(ann.calendar, "", D + "getetag", X + "none", prefer="return=minimal").one
    assert set(member.props) == {D + "getetag"}


def test_bob_sees_the_same_changes(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    token = bob.token(ann.calendar)
    bob.put(ann.calendar + "his.ics", event(uid="his"))
    assert states(ann, ann.calendar, token) == states(bob, ann.calendar, token) == {"his.ics": 200}
