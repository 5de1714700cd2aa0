"""Dead properties: kept by scope and id, read for many resources at once."""

from __future__ import annotations

from davserver.model import CollectionKind, NewCollection, NewItem
from davserver.storage import Store, collections, dead_properties, items


def test_values_are_set_replaced_and_removed(store: Store) -> None:
    with store.write() as tx:
        dead_properties.put(tx, "item", 1, "{n}a", "1")
        dead_properties.put(tx, "item", 1, "{n}a", "2 🎂")
        dead_properties.put(tx, "item", 1, "{n}A", "3")
        dead_properties.put(tx, "collection", 1, "{n}a", "4")
        assert dead_properties.of(tx, "item", 1) == {"{n}a": "2 🎂", "{n}A": "3"}
        dead_properties.remove(tx, "item", 1, "{n}a")
        dead_properties.remove(tx, "item", 1, "{n}none")
        assert dead_properties.of(tx, "item", 1) == {"{n}A": "3"}
        dead_properties.forget(tx, "item", 1)
        assert dead_properties.of(tx, "item", 1) == {}
        assert dead_properties.of(tx, "collection", 1) == {"{n}a": "4"}


def test_long_names_and_values_fit(store: Store) -> None:
    with store.write() as tx:
        dead_properties.put(tx, "item", 1, "🎂" * 400, "v" * 1_000_000)
        assert dead_properties.of(tx, "item", 1) == {"🎂" * 400: "v" * 1_000_000}


def test_those_of_all_items_come_in_one_statement(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        made = collections.create(tx, NewCollection(people["ann"], CollectionKind.CALENDAR, "x"))
        ids = []
        for number in range(3):
            target = collections.lock(tx, made.id)
            assert target is not None
            ids.append(items.put(tx, target, NewItem(str(number), b"1"), None, "ann").id)
            dead_properties.put(tx, "item", ids[-1], "a", str(number))
            dead_properties.put(tx, "item", ids[-1], "b", "x")
        found = dead_properties.of_items(tx, made.id)
        assert found == {key: {"a": str(number), "b": "x"} for number, key in enumerate(ids)}
        assert dead_properties.of_items(tx, made.id, {"b"}) == {key: {"b": "x"} for key in ids}


def test_those_of_all_collections_and_principals_too(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        (calendar,) = collections.of_owner(tx, people["ann"], CollectionKind.CALENDAR)
        dead_properties.put(tx, "collection", calendar.id, "a", "1")
        dead_properties.put(tx, "principal", people["ann"], "a", "2")
        dead_properties.put(tx, "calendar-home", people["ann"], "a", "3")
        assert dead_properties.of_collections(tx, people["ann"]) == {calendar.id: {"a": "1"}}
        assert dead_properties.of_principals(tx, [people["ann"], people["bob"]]) == {
            people["ann"]: {"a": "2"}
        }


def test_a_copy_replaces_what_was_there(store: Store) -> None:
    with store.write() as tx:
        dead_properties.put(tx, "item", 1, "a", "1")
        dead_properties.put(tx, "item", 2, "b", "2")
        dead_properties.copy(tx, "item", 1, 2)
        assert dead_properties.of(tx, "item", 2) == {"a": "1"}
