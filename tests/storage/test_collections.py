"""Collections: creation, states, sizes, access lists."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from davserver.model import Ace, CollectionKind, NewCollection, NewItem, NewPrincipal, PrincipalKind
from davserver.storage import Store, collections, dead_properties, items, principals

CALENDAR, BOOK = CollectionKind.CALENDAR, CollectionKind.ADDRESSBOOK


def test_what_is_created_is_read_back(store: Store, people: dict[str, int]) -> None:
    wanted = NewCollection(
        people["ann"],
        CALENDAR,
        "x",
        "Näme 🎂",
        "text",
        "#FF0000",
        -3,
        "BEGIN:…",
        "Europe/Berlin",
        "VEVENT",
        True,
    )
    with store.write() as tx:
        made = collections.create(tx, wanted)
    with store.read() as tx:
        assert collections.get(tx, "ann", CALENDAR, "x") == made
    for name in wanted.__dataclass_fields__:
        assert getattr(made, name) == getattr(wanted, name)
    assert type(made.transparent) is bool
    assert made.stamp


def test_one_name_is_free_in_each_home(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        for owner in ("ann", "bob"):
            for kind in (CALENDAR, BOOK):
                collections.create(tx, NewCollection(people[owner], kind, "x"))
    with pytest.raises(IntegrityError), store.write() as tx:
        collections.create(tx, NewCollection(people["ann"], CALENDAR, "x"))


def test_a_home_is_listed_oldest_first(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        for name in "cab":
            collections.create(tx, NewCollection(people["ann"], CALENDAR, name))
        names = [one.name for one in collections.of_owner(tx, people["ann"], CALENDAR)]
    assert names == ["default", "c", "a", "b"]


def test_a_new_life_of_a_name_has_other_stamps(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        first = collections.create(tx, NewCollection(people["ann"], CALENDAR, "x"))
        collections.remove(tx, first)
        second = collections.create(tx, NewCollection(people["ann"], CALENDAR, "x"))
        assert collections.stamp_of(tx, first.id, first.revision) is None
    assert second.id > first.id
    assert second.stamp != first.stamp


def test_the_state_of_a_home_changes_with_everything_in_it(store: Store, people: dict[str, int]) -> None:
    seen = set()
    with store.write() as tx:

        def look() -> None:
            seen.add(collections.home_state(collections.of_owner(tx, people["ann"], CALENDAR)))

        look()
        made = collections.create(tx, NewCollection(people["ann"], CALENDAR, "x"))
        look()
        items.put(tx, made, NewItem("a", b"1"), None, "ann")
        look()
        target = collections.lock(tx, made.id)
        assert target is not None
        collections.remove(tx, target)
        look()
    assert len(seen) >= 3


def test_removal_takes_dead_properties_along(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        made = collections.create(tx, NewCollection(people["ann"], CALENDAR, "x"))
        held = items.put(tx, made, NewItem("a", b"1"), None, "ann")
        dead_properties.put(tx, "collection", made.id, "n", "v")
        dead_properties.put(tx, "item", held.id, "n", "v")
        collections.remove(tx, made)
        assert dead_properties.of(tx, "collection", made.id) == {}
        assert dead_properties.of(tx, "item", held.id) == {}


def test_access_is_granted_to_one_to_a_group_to_all(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        group = principals.add(tx, NewPrincipal("g", PrincipalKind.GROUP))
        principals.set_members(tx, group.id, [people["eve"]])
        made = collections.create(tx, NewCollection(people["ann"], CALENDAR, "x"))
        collections.set_acl(
            tx,
            made.id,
            [
                Ace(people["bob"], frozenset({"one", "two"})),
                Ace(group.id, frozenset({"three"})),
                Ace(None, frozenset({"four"})),
            ],
        )
        assert collections.granted(tx, made.id, people["bob"]) == {"one", "two", "four"}
        assert collections.granted(tx, made.id, people["eve"]) == {"three", "four"}
        assert collections.granted(tx, made.id + 1, people["eve"]) == frozenset()
        assert dict(collections.acls(tx, [made.id])[made.id]) == {
            "bob": {"one", "two"},
            "g": {"three"},
            None: {"four"},
        }
        collections.set_acl(tx, made.id, [])
        assert collections.acls(tx, [made.id]) == {}


def test_properties_change_without_a_new_revision(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        made = collections.create(tx, NewCollection(people["ann"], CALENDAR, "x"))
        collections.change(tx, made.id, display_name="y", color=None)
        again = collections.lock(tx, made.id)
    assert again is not None
    assert (again.display_name, again.revision, again.stamp) == ("y", made.revision, made.stamp)


def test_what_is_not_there_is_none(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        assert collections.get(tx, "ann", CALENDAR, "none") is None
        assert collections.get(tx, "none", CALENDAR, "default") is None
        assert collections.lock(tx, 10**9) is None
