"""DELETE: items with conditions, collections with all in them; bodies go to history."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from davserver.storage import Store, schema
from tests.content.objects import event
from tests.davclient import Client, D, MakeClient, MakeServer, X


def test_an_item_is_gone(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    ann.put(path, event())
    assert ann.delete(path).status == 204
    assert ann.get(path).status == 404
    assert ann.delete(path).status == 404
    assert ann.propfind(ann.calendar, D + "getetag", depth="1").hrefs == [ann.calendar]


def test_a_deleted_body_goes_to_history(ann: Client, store: Store) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.delete(ann.calendar + "one.ics")
    with store.read() as tx:
        (row,) = tx.execute(select(schema.history)).all()
    assert (row.data, row.reason, row.actor) == (event(), "deleted", "ann")


def test_if_match_guards_a_deletion(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    tag = ann.put(path, event()).etag
    assert ann.delete(path, if_match='"a"').status == 412
    assert ann.get(path).status == 200
    assert ann.delete(path, if_match=f'"a", {tag}').status == 204


def test_without_a_trash_a_collection_goes_with_all_in_it_and_its_bodies_to_history(
    make_server: MakeServer, store: Store
) -> None:
    ann = Client(make_server(storage={"trash_days": 0}), "ann")
    for number in range(3):
        ann.put(f"{ann.calendar}{number}.ics", event(uid=str(number)))
    ann.proppatch(ann.calendar, "<x:own/>")
    ann.proppatch(ann.calendar + "1.ics", "<x:own/>")
    assert ann.delete(ann.calendar).status == 204
    assert ann.propfind(ann.calendar, D + "displayname").status == 404
    assert ann.get(ann.calendar + "1.ics").status == 404
    with store.read() as tx:
        assert len(tx.execute(select(schema.history)).all()) == 3
        for table in (schema.item, schema.body, schema.tombstone, schema.dead_property):
            assert tx.execute(select(func.count()).select_from(table)).scalar_one() == 0


@pytest.mark.parametrize("depth", ["0", "1", "x"])
def test_a_collection_is_deleted_with_infinite_depth_only(ann: Client, depth: str) -> None:
    assert ann.delete(ann.calendar, depth=depth).status == 400
    assert ann.delete(ann.calendar, depth="infinity").status == 204


@pytest.mark.parametrize("path", ["", "principals/", "principals/ann/", "calendars/", "calendars/ann/"])
def test_the_fixed_places_are_not_deleted(ann: Client, path: str) -> None:
    assert ann.delete(ann.root + path).status in (403, 405)
    assert ann.propfind(ann.root + path, D + "resourcetype").status == 207


def test_a_deleted_item_s_properties_do_not_come_back_with_its_name(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    ann.put(path, event())
    ann.proppatch(path, "<x:own>v</x:own>")
    ann.delete(path)
    ann.put(path, event())
    assert ann.prop(path, X + "own").status == 404


def test_bob_deletes_items_but_never_the_calendar_he_was_given(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.grant(ann.calendar, "bob", D + "read", D + "write")
    ann.put(ann.calendar + "one.ics", event())
    assert bob.delete(ann.calendar).status == 403
    assert bob.delete(ann.calendar + "one.ics").status == 204
    assert ann.propfind(ann.calendar, D + "displayname").status == 207


def test_who_may_change_content_may_not_delete(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.put(ann.calendar + "one.ics", event())
    ann.grant(ann.calendar, "bob", D + "read", D + "write-content")
    assert bob.put(ann.calendar + "one.ics", event("SUMMARY:x")).status == 204
    assert bob.delete(ann.calendar + "one.ics").status == 403
    assert bob.put(ann.calendar + "two.ics", event(uid="two")).status == 403
