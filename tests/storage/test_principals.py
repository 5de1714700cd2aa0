"""Principals: accounts, groups, credentials; what is left when one goes: nothing."""

from __future__ import annotations

from sqlalchemy import func, select

from davserver.model import CollectionKind, NewItem, NewPrincipal, PrincipalKind
from davserver.storage import Store, collections, dead_properties, items, locks, principals, schema


def test_what_is_added_is_read_back(store: Store) -> None:
    wanted = NewPrincipal("zoë", PrincipalKind.ROOM, "Zoë Öz", "z@example.org", True, "Europe/Berlin", 10**12)
    with store.write() as tx:
        added = principals.add(tx, wanted)
        assert principals.get(tx, "zoë") == principals.by_id(tx, added.id) == added
    for name in wanted.__dataclass_fields__:
        assert getattr(added, name) == getattr(wanted, name)
    assert added.admin is True
    assert added.disabled is False


def test_names_are_told_apart_byte_for_byte(store: Store) -> None:
    with store.write() as tx:
        for name in ("ann", "Ann", "änn"):
            principals.add(tx, NewPrincipal(name))
        for name in ("ann", "Ann", "änn"):
            found = principals.get(tx, name)
            assert found is not None
            assert found.name == name
        assert principals.get(tx, "ANN") is None
        assert principals.get(tx, "ann ") is None


def test_a_login_holds_all_credentials(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        principals.set_credential(tx, people["ann"], "password", "h1")
        principals.set_credential(tx, people["ann"], "password", "h2")
        principals.set_credential(tx, people["ann"], "md5-a1", "h3", "BaikalDAV")
        login = principals.login(tx, "ann")
        assert login is not None
        found = [(one.kind, one.secret, one.realm) for one in login.credentials if one.kind != "app"]
        assert found == [("password", "h2", ""), ("md5-a1", "h3", "BaikalDAV")]
        principals.remove_credentials(tx, people["ann"], "md5-a1")
        login = principals.login(tx, "ann")
        assert login is not None
        assert "md5-a1" not in [one.kind for one in login.credentials]
        assert principals.login(tx, "nobody") is None


def test_a_login_without_credentials_has_none(store: Store) -> None:
    with store.write() as tx:
        principals.add(tx, NewPrincipal("room"))
        login = principals.login(tx, "room")
    assert login is not None
    assert login.credentials == ()


def test_people_are_searched_by_all_their_names(store: Store) -> None:
    with store.write() as tx:
        principals.add(tx, NewPrincipal("a", display_name="Zoë ÖZ 100%_x!", email="Mail@Example.org"))
        principals.add(tx, NewPrincipal("b", display_name="Other"))
        for text in ("zoë", "ÖZ", "öz", "mail@EXAMPLE", "a", "100%", "%_x!"):
            assert "a" in [one.name for one in principals.search(tx, text, 10)], text
        for text in ("100_", "%x", "nobody"):
            assert principals.search(tx, text, 10) == [], text
        assert len(principals.search(tx, "", 1)) == 1


def test_mail_addresses_are_found_in_any_case(store: Store, people: dict[str, int]) -> None:
    with store.read() as tx:
        found = principals.by_email(tx, "ANN@example.ORG")
        assert found is not None
        assert found.name == "ann"
        assert principals.by_email(tx, "nobody@example.org") is None


def test_groups_and_members(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        group = principals.add(tx, NewPrincipal("g", PrincipalKind.GROUP))
        principals.set_members(tx, group.id, [people["bob"], people["ann"], people["bob"]])
        assert [one.name for one in principals.members_of(tx, group.id)] == ["ann", "bob"]
        assert [one.name for one in principals.groups_of(tx, people["ann"])] == ["g"]
        principals.remove(tx, people["ann"])
        assert [one.name for one in principals.members_of(tx, group.id)] == ["bob"]


def test_kinds_are_listed(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        principals.add(tx, NewPrincipal("hall", PrincipalKind.ROOM))
        assert [one.name for one in principals.of_kind(tx, "room", 10)] == ["hall"]
        assert [one.name for one in principals.of_kind(tx, "individual", 2)] == ["ann", "bob"]
        assert len(principals.list_all(tx)) == principals.count(tx) == 4


def test_nothing_is_left_of_a_removed_account(store: Store, people: dict[str, int]) -> None:
    """Baïkal leaves inboxes and memberships behind, and SQLite hands the id to the next user."""
    with store.write() as tx:
        ann = people["ann"]
        (calendar,) = collections.of_owner(tx, ann, CollectionKind.CALENDAR)
        held = items.put(tx, calendar, NewItem("a", b"1"), None, "ann")
        for scope, key in (
            ("item", held.id),
            ("collection", calendar.id),
            ("principal", ann),
            ("calendar-home", ann),
        ):
            dead_properties.put(tx, scope, key, "n", "v")
        lock = {"timeout": 60, "scope": "exclusive", "depth": "0", "owner": b""}
        locks.LockStorage(tx, ann).create("/calendars/ann/default", lock)
        principals.remove(tx, ann)
        others = [people["bob"], people["eve"]]
        assert set(tx.execute(select(schema.collection.c.owner_id)).scalars()) == set(others)
        for table in (schema.item, schema.body, schema.dead_property, schema.lock, schema.history):
            assert tx.execute(select(func.count()).select_from(table)).scalar_one() == 0, table.name
        assert principals.add(tx, NewPrincipal("new")).id > max(others)
