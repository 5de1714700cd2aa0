"""Accounts on other servers as rows: what is due, who has it, what is remembered, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from davserver.config import Settings
from davserver.jobs.items import check_body
from davserver.model import CollectionKind, Direction, ItemState, NewItem, RemoteCollection
from davserver.storage import Store, collections, items, leases, remote
from davserver.storage.engine import now
from tests.content.objects import event

CALENDAR = CollectionKind.CALENDAR


class World:
    """ann's account with one collection there, linked with her calendar."""

    def __init__(self, tx: Connection, owner_id: int) -> None:
        self.owner_id = owner_id
        self.account_id = self.account(tx)
        mine = collections.get(tx, "ann", CALENDAR, "default")
        assert mine is not None
        self.calendar_id = mine.id
        self.remote_id = remote.add_collection(tx, self.account_id, CALENDAR, "/there/", color="#FF0000")
        remote.change_collection(
            tx, self.remote_id, collection_id=mine.id, subscribed=True, seen_revision=mine.revision
        )

    def account(self, tx: Connection, **values: Any) -> int:
        told = {"label": "there", "base_url": "https://there.example/", "interval_seconds": 900, **values}
        return remote.add_account(tx, owner_id=self.owner_id, **{"next_run": now() + 900, **told})

    def row(self, tx: Connection) -> RemoteCollection:
        found = remote.collection(tx, self.remote_id)
        assert found is not None
        return found

    def put(self, tx: Connection, name: str) -> int:
        """Store an event here; returns its revision."""
        body = event("SUMMARY:x", uid=name)
        target = collections.lock(tx, self.calendar_id)
        assert target is not None
        new = NewItem(name, body, check_body(CALENDAR, body, Settings()))
        return items.put(tx, target, new, items.get(tx, target.id, name), "ann").revision

    def delete(self, tx: Connection, name: str) -> None:
        target = collections.lock(tx, self.calendar_id)
        assert target is not None
        gone = items.get(tx, target.id, name)
        assert gone is not None
        items.remove(tx, target, gone, "ann")


@pytest.fixture
def world(store: Store, people: dict[str, int]) -> World:
    with store.write() as tx:
        return World(tx, people["ann"])


# -- accounts


def test_an_account_comes_back_as_it_was_stored_and_belongs_to_its_owner(
    store: Store, world: World, people: dict[str, int]
) -> None:
    with store.write() as tx:
        second = world.account(tx, label="Ünïcode ☃", username="ann", follow_new=True, trace="[]")
        found = remote.account(tx, second)
        assert found is not None
        assert (found.label, found.username, found.follow_new, found.active) == (
            "Ünïcode ☃",
            "ann",
            True,
            True,
        )
        assert [one.id for one in remote.accounts_of(tx, world.owner_id)] == [world.account_id, second]
        assert remote.accounts_of(tx, people["eve"]) == []
        remote.change_account(tx, second, label="other", active=False)
        found = remote.account(tx, second)
        assert found is not None
        assert (found.label, found.active) == ("other", False)


def test_an_account_that_ends_takes_its_memory_with_it_and_leaves_collections_and_lost_versions(
    store: Store, world: World
) -> None:
    with store.write() as tx:
        remote.add_item(tx, world.remote_id, "/there/a.ics", name="a.ics")
        lose(tx, world, b"lost")
        remote.remove_account(tx, world.account_id)
        assert remote.account(tx, world.account_id) is None
        assert remote.collection(tx, world.remote_id) is None
        assert remote.all_items(tx, world.remote_id) == {}
        assert collections.by_id(tx, world.calendar_id) is not None
        assert [one.data for one in remote.conflicts_of(tx, world.owner_id, limit=9)] == [b"lost"]


def test_what_is_due_is_active_and_nobody_is_at_it_longest_overdue_first(store: Store, world: World) -> None:
    moment = now()
    with store.write() as tx:
        assert remote.due(tx, moment) == []
        assert remote.next_due(tx) == moment + 900
        late, later = world.account(tx, next_run=moment - 1), world.account(tx, next_run=moment - 9)
        world.account(tx, next_run=None)
        world.account(tx, next_run=0, active=False)
        assert remote.due(tx, moment) == [later, late]
        assert leases.take(tx, leases.ACCOUNTS, later, "one", moment + 60)
        assert remote.due(tx, moment) == [late]
        assert remote.next_due(tx) == moment - 1


def test_a_change_here_makes_its_account_due_after_a_short_while(store: Store, world: World) -> None:
    with store.write() as tx:
        assert remote.watched(tx) == {world.calendar_id}
        world.put(tx, "a.ics")
        moment = now()
        assert remote.due(tx, moment - 1) == []
        assert remote.due(tx, moment + remote.PUSH_SECONDS) == [world.account_id]
        remote.change_account(tx, world.account_id, fail_count=1)
        assert remote.due(tx, moment + remote.PUSH_SECONDS) == [], "after a failure the interval counts"
        remote.change_account(tx, world.account_id, fail_count=0)
        held = collections.by_id(tx, world.calendar_id)
        assert held is not None
        remote.change_collection(tx, world.remote_id, seen_revision=held.revision)
        assert remote.due(tx, moment + remote.PUSH_SECONDS) == []


@pytest.mark.parametrize(
    "values", [{"direction": Direction.PULL.value}, {"subscribed": False}, {"collection_id": None}]
)
def test_what_is_never_sent_is_not_waited_for(store: Store, world: World, values: dict[str, Any]) -> None:
    with store.write() as tx:
        remote.change_collection(tx, world.remote_id, **values)
        assert remote.watched(tx) == frozenset()


# -- leases


def test_a_lease_is_had_by_one_until_it_is_over(store: Store, world: World) -> None:
    with store.write() as tx:
        assert leases.take(tx, leases.ACCOUNTS, world.account_id, "one", now() + 60)
        assert not leases.take(tx, leases.ACCOUNTS, world.account_id, "two", now() + 60)
        assert leases.take(tx, leases.ACCOUNTS, world.account_id, "one", now() + 90), "it is renewed"
        assert leases.owners(tx) == {"one"}
        leases.end(tx, leases.ACCOUNTS, "two")
        assert leases.owners(tx) == {"one"}
        leases.end(tx, leases.ACCOUNTS, "one")
        assert leases.take(tx, leases.ACCOUNTS, world.account_id, "two", now() - 1)
        assert leases.take(tx, leases.ACCOUNTS, world.account_id, "three", now() + 60), "that one was over"
        assert not leases.take(tx, leases.ACCOUNTS, world.account_id + 1000, "one", now() + 60)


# -- collections


def test_collections_come_with_their_kinds_and_by_what_they_are_linked_to(store: Store, world: World) -> None:
    with store.write() as tx:
        book = remote.add_collection(tx, world.account_id, CollectionKind.ADDRESSBOOK, "/book/")
        one, two = remote.collections_of(tx, world.account_id)
        assert (one.id, one.kind, one.color, one.initial) == (world.remote_id, CALENDAR, "#FF0000", True)
        assert (two.id, two.kind, two.direction, two.subscribed) == (
            book,
            CollectionKind.ADDRESSBOOK,
            Direction.TWO_WAY,
            False,
        )
        assert set(remote.linked_to(tx, [world.calendar_id])) == {world.calendar_id}
        remote.forget_collection(tx, world.remote_id)
        assert remote.linked_to(tx, [world.calendar_id]) == {}


# -- what is remembered


def test_items_are_found_by_href_and_by_name_as_they_were_written(store: Store, world: World) -> None:
    with store.write() as tx:
        known = {"name": "A.ics", "uid": "u", "etag": '"1"', "base_hash": "h", "local_revision": 7}
        made = remote.add_item(tx, world.remote_id, "/there/A.ics", **known)
        remote.add_items(
            tx, world.remote_id, [{"href": f"/there/{n}.ics", "name": f"{n}.ics"} for n in range(300)]
        )
        assert remote.item_by_href(tx, world.remote_id, "/there/A.ics") == made
        assert remote.item_by_name(tx, world.remote_id, "A.ics") == made
        assert remote.item_by_name(tx, world.remote_id, "a.ics") is None, "names differ by case"
        hrefs = [*(f"/there/{n}.ics" for n in range(300)), "/there/none.ics"]
        assert set(remote.items_by_href(tx, world.remote_id, hrefs)) == set(hrefs[:-1])
        assert len(remote.all_items(tx, world.remote_id)) == 301
        assert remote.names_known(tx, world.remote_id, ["A.ics", "5.ics", "none"]) == {"A.ics", "5.ics"}
        assert remote.count_items(tx, world.remote_id) == 301
        remote.forget_item(tx, made.id)
        assert remote.item_by_href(tx, world.remote_id, "/there/A.ics") is None
        remote.forget_items(tx, world.remote_id)
        assert remote.all_items(tx, world.remote_id) == {}


def test_what_was_sent_and_not_answered_stays_open_when_others_are_settled(
    store: Store, world: World
) -> None:
    with store.write() as tx:
        add = remote.add_item
        add(tx, world.remote_id, "/sent", inflight_hash="h", unconfirmed=True)
        add(tx, world.remote_id, "/answered", unconfirmed=True)
        add(tx, world.remote_id, "/known")
        assert {row.href for row in remote.open_items(tx, world.remote_id)} == {"/sent", "/answered"}
        remote.confirm_items(tx, world.remote_id)
        (left,) = remote.open_items(tx, world.remote_id)
        assert (left.href, left.unconfirmed) == ("/sent", True)


def test_troubled_items_are_counted_and_told_with_their_reason(store: Store, world: World) -> None:
    with store.write() as tx:
        remote.add_item(tx, world.remote_id, "/ok", name="ok.ics")
        row = remote.add_item(tx, world.remote_id, "/bad")
        remote.change_item(tx, row.id, state=ItemState.UNREADABLE.value, error_text="no DTSTART")
        (told,) = remote.troubled_items(tx, world.remote_id, 10)
        assert (told.href, told.state, told.error_text) == ("/bad", ItemState.UNREADABLE, "no DTSTART")
        assert remote.counts(tx, world.account_id) == ({world.remote_id: 1}, {world.remote_id: 1})


def test_what_changed_here_is_what_differs_from_what_was_agreed(store: Store, world: World) -> None:
    with store.write() as tx:
        for name in ("same.ics", "edited.ics", "new.ics", "gone.ics"):
            revision = world.put(tx, name)
            if name != "new.ics":
                remote.add_item(tx, world.remote_id, f"/{name}", name=name, local_revision=revision)
        world.put(tx, "edited.ics")
        world.delete(tx, "gone.ics")
        assert [one.name for one in remote.changed_here(tx, world.row(tx))] == ["new.ics", "edited.ics"]
        assert [one.name for one in remote.gone_here(tx, world.row(tx))] == ["gone.ics"]
        held = collections.by_id(tx, world.calendar_id)
        assert held is not None
        remote.change_collection(tx, world.remote_id, seen_revision=held.revision)
        assert remote.changed_here(tx, world.row(tx)) == []
        assert remote.gone_here(tx, world.row(tx)) == []


# -- lost versions and the log


def lose(tx: Connection, world: World, data: bytes, **values: Any) -> int:
    told = {
        "owner_id": world.owner_id,
        "account_id": world.account_id,
        "account_label": "there",
        "collection_id": world.calendar_id,
        "collection_name": "Calendar",
        "kind": CALENDAR.value,
        "name": "a.ics",
        "uid": "a",
        "href": "/there/a.ics",
        "side": "here",
        "reason": "conflict",
        "restored": None,
        "data": data,
        "kept": b"",
    }
    return remote.add_conflict(tx, **{**told, **values})


def test_lost_versions_keep_their_bytes_and_are_the_owners_alone(
    store: Store, world: World, people: dict[str, int]
) -> None:
    with store.write() as tx:
        data = bytes(range(256)) * 300
        first, second = lose(tx, world, data), lose(tx, world, b"second")
        assert [one.id for one in remote.conflicts_of(tx, world.owner_id, limit=1)] == [second]
        assert [one.id for one in remote.conflicts_of(tx, world.owner_id, limit=9, offset=1)] == [first]
        assert remote.conflicts_of(tx, people["eve"], limit=9) == []
        assert remote.count_conflicts(tx, world.owner_id, world.account_id) == 2
        found = remote.conflict(tx, first)
        assert found is not None
        assert (found.data, found.kind, found.restored) == (data, CALENDAR, None)
        remote.mark_restored(tx, first)
        found = remote.conflict(tx, first)
        assert found is not None
        assert found.restored is not None


def run(tx: Connection, world: World, started: int) -> None:
    counts = {"requests": 1, "pulled": 2, "pushed": 0, "removed_here": 0, "removed_there": 0}
    texts = {"reason": "manual", "error_code": "", "error_text": "", "detail": "{}"}
    remote.add_run(
        tx,
        account_id=world.account_id,
        started=started,
        ended=started,
        conflicts=0,
        problems=0,
        **counts,
        **texts,
    )


def test_old_runs_and_lost_versions_are_forgotten(store: Store, world: World) -> None:
    with store.write() as tx:
        for started in (10, 20, 30):
            run(tx, world, started)
        lose(tx, world, b"old", at=10)
        lose(tx, world, b"new", at=30)
        assert [one.started for one in remote.runs_of(tx, world.account_id, 2)] == [30, 20]
        assert remote.forget_old(tx, runs_before=20, conflicts_before=20) == 2
        assert [one.started for one in remote.runs_of(tx, world.account_id, 9)] == [30, 20]
        assert [one.data for one in remote.conflicts_of(tx, world.owner_id, limit=9)] == [b"new"]
