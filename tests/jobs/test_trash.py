"""The trash: what is deleted lies there as it was, is restored as it was, and goes in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import trash
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.model import CollectionKind, FeedState, Trashed
from davserver.storage import Store, audit, collections, maintenance, principals, schema, subscriptions
from tests.content.objects import event
from tests.davclient import C, Client, D, MakeClient, MakeServer
from tests.sharing import listed, share

CALENDAR = Place("ann", CollectionKind.CALENDAR, "default")


@pytest.fixture
def office(store: Store, people: dict[str, int]) -> Office:
    """Somebody at work in the database of ann, bob and eve."""
    return Office(store, Settings(), actor="ann", address="192.0.2.7")


def in_trash(store: Store, owner: str = "ann") -> list[Trashed]:
    """What somebody has in the trash."""
    with store.read() as tx:
        return trash.listing(tx, owner)


Delete = Callable[[Client, Office], Any]
WAYS: dict[str, Delete] = {
    "DAV": lambda ann, office: ann.delete(ann.calendar),
    "use-case": lambda ann, office: trash.delete(office, CALENDAR),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_deleted_is_restored_as_it_was(
    ann: Client, bob: Client, office: Office, store: Store, way: str
) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.proppatch(ann.calendar, "<d:displayname>Mine</d:displayname><x:own/>")
    ann.grant(ann.calendar, "eve", D + "read")
    share(ann, ann.calendar, "bob")
    bob.proppatch(bob.calendar_home + "ann-default/", "<d:displayname>Hers</d:displayname>")
    token = ann.token(ann.calendar)
    WAYS[way](ann, office)
    assert listed(ann, ann.calendar_home) == []
    assert listed(bob, bob.calendar_home) == [bob.calendar]
    assert ann.get(ann.calendar + "one.ics").status == 404
    (gone,) = in_trash(store)
    assert (gone.name, gone.actor, gone.collection.item_count) == ("default", "ann", 1)
    assert trash.restore(office, "ann", gone.collection.id).name == "default"
    assert in_trash(store) == []
    assert ann.get(ann.calendar + "one.ics").body == event()
    assert ann.prop(ann.calendar, "{urn:example:x}own").status == 200
    assert ann.sync(ann.calendar, token).hrefs == []
    assert bob.prop(bob.calendar_home + "ann-default/", D + "displayname").text == "Hers"
    assert "eve" in ann.propfind(ann.calendar, D + "acl").text


def test_a_new_one_of_the_same_name_is_another(ann: Client, office: Office, store: Store) -> None:
    ann.put(ann.calendar + "one.ics", event())
    token = ann.token(ann.calendar)
    ann.delete(ann.calendar)
    assert ann.mkcalendar(ann.calendar).status == 201
    assert ann.propfind(ann.calendar, D + "getetag", depth="1").hrefs == [ann.calendar]
    assert ann.sync(ann.calendar, token).error == D + "valid-sync-token"
    (gone,) = in_trash(store)
    assert trash.restore(office, "ann", gone.collection.id).name == "default-2"
    assert ann.get(ann.calendar_home + "default-2/one.ics").status == 200


def test_two_of_one_name_lie_side_by_side(ann: Client, office: Office, store: Store) -> None:
    for _ in range(2):
        ann.delete(ann.calendar)
        ann.mkcalendar(ann.calendar)
    found = in_trash(store)
    assert [one.name for one in found] == ["default", "default"]
    names = {trash.restore(office, "ann", one.collection.id).name for one in found}
    assert names == {"default-2", "default-3"}


def test_the_trash_counts_for_no_quota_and_a_restore_keeps_to_it(
    ann: Client, office: Office, store: Store, people: dict[str, int]
) -> None:
    ann.put(ann.calendar + "one.ics", event())
    used = int(ann.prop(ann.book, D + "quota-used-bytes").text)
    ann.delete(ann.calendar)
    assert int(ann.prop(ann.book, D + "quota-used-bytes").text) == 0
    with store.write() as tx:
        principals.change(tx, people["ann"], quota=used - 1)
    (gone,) = in_trash(store)
    with pytest.raises(HttpError) as caught:
        trash.restore(office, "ann", gone.collection.id)
    assert caught.value.status == 507
    assert in_trash(store) == [gone]


def test_a_lock_ends_with_the_calendar(ann: Client, office: Office, store: Store) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.lock(ann.calendar + "one.ics")
    trash.delete(office, CALENDAR)
    (gone,) = in_trash(store)
    trash.restore(office, "ann", gone.collection.id)
    assert ann.put(ann.calendar + "one.ics", event("SUMMARY:x")).status == 204


def test_nobody_else_s_trash_is_reached(ann: Client, office: Office, store: Store) -> None:
    ann.delete(ann.calendar)
    (gone,) = in_trash(store)
    for use in (trash.restore, trash.remove):
        with pytest.raises(HttpError) as caught:
            use(office, "eve", gone.collection.id)
        assert caught.value.status == 404
    assert in_trash(store, "eve") == []
    assert in_trash(store) == [gone]


def test_removed_for_good_is_gone(ann: Client, office: Office, store: Store) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.proppatch(ann.calendar + "one.ics", "<x:own/>")
    ann.delete(ann.calendar)
    (gone,) = in_trash(store)
    trash.remove(office, "ann", gone.collection.id)
    with store.read() as tx:
        for table in (schema.trash, schema.item, schema.body, schema.dead_property):
            assert tx.execute(select(func.count()).select_from(table)).scalar_one() == 0
        assert "calendar.purge" in [row.action for row in audit.newest(tx, 5)]


def test_what_is_old_enough_goes_by_itself(ann: Client, office: Office, store: Store) -> None:
    ann.delete(ann.calendar)
    ann.delete(ann.book)
    assert trash.purge(store, office.settings) == 0
    with store.write() as tx:
        old = schema.trash.c.at - 31 * 86_400
        tx.execute(update(schema.trash).where(schema.trash.c.kind == "calendar").values(at=old))
    assert trash.purge(store, office.settings) == 1
    assert [one.collection.kind for one in in_trash(store)] == [CollectionKind.ADDRESSBOOK]


def test_ids_are_never_used_again(ann: Client, office: Office, store: Store) -> None:
    ann.delete(ann.calendar)
    (gone,) = in_trash(store)
    trash.remove(office, "ann", gone.collection.id)
    ann.mkcalendar(ann.calendar)
    ann.delete(ann.calendar)
    (again,) = in_trash(store)
    assert again.collection.id > gone.collection.id


def test_without_a_trash_nothing_lies_there(make_server: MakeServer, office: Office, store: Store) -> None:
    settings = replace(office.settings, storage=replace(office.settings.storage, trash_days=0))
    assert trash.delete(replace(office, settings=settings), CALENDAR) is None
    assert in_trash(store) == []


def test_reindexing_reaches_into_the_trash(ann: Client, store: Store) -> None:
    from davserver.config import CalDavSettings
    from davserver.content import index

    ann.put(ann.calendar + "one.ics", event())
    ann.delete(ann.calendar)
    steps = list(
        maintenance.reindex(store, lambda kind, body: index.of_calendar_object(body, CalDavSettings()))
    )
    assert steps == [1]


def test_moving_onto_a_calendar_puts_that_one_into_the_trash(
    client: MakeClient, ann: Client, store: Store
) -> None:
    ann.mkcalendar(ann.calendar_home + "other/")
    assert ann.transfer("MOVE", ann.calendar_home + "other/", ann.calendar).status == 204
    assert [one.name for one in in_trash(store)] == ["default"]
    assert ann.prop(ann.calendar, C + "calendar-description").status == 404


def test_a_subscription_that_stopped_for_want_of_its_calendar_goes_on(
    ann: Client, office: Office, store: Store, people: dict[str, int]
) -> None:
    with store.write() as tx:
        held = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
        assert held is not None
        keep = {"keep_alarms": False, "keep_attachments": False, "keep_tasks": False}
        row = {"owner_id": people["ann"], "collection_id": held.id, "secret": "", "host": "example.org"}
        key = subscriptions.add(tx, **row, **keep)
        subscriptions.change(tx, key, state=FeedState.GONE.value, next_run=None)
    trash.delete(office, CALENDAR)
    trash.restore(office, "ann", held.id)
    with store.read() as tx:
        found = subscriptions.get(tx, key)
    assert found is not None
    assert found.state is FeedState.NEW
    assert found.next_run is not None
