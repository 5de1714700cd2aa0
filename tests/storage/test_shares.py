"""Shares and views: who has what follows from share and membership alone, on every database."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from davserver.model import Access, Collection, CollectionKind, ShareState
from davserver.storage import Store, collections, dead_properties, principals, schema, shares, views
from davserver.storage.shares import Terms
from tests.sharing import group

CALENDAR = CollectionKind.CALENDAR
READ, WRITE = Terms(Access.READ), Terms(Access.READ_WRITE)


def calendar(store: Store, owner: str = "ann") -> Collection:
    """Somebody's calendar."""
    with store.read() as tx:
        found = collections.get(tx, owner, CALENDAR, "default")
    assert found is not None
    return found


def seen(store: Store, user_id: int) -> list[tuple[str, Access]]:
    """What lies in a home because others share it."""
    with store.read() as tx:
        return [(one.view.name, one.access) for one in shares.of_user(tx, user_id, CALENDAR)]


def test_a_share_is_in_the_home_until_it_is_taken_back(store: Store, people: dict[str, int]) -> None:
    one = calendar(store)
    with store.write() as tx:
        given, fresh = shares.give(tx, one.id, people["bob"], READ)
    assert fresh == [people["bob"]]
    assert seen(store, people["bob"]) == [("ann-default", Access.READ)]
    with store.write() as tx:
        again, fresh = shares.give(tx, one.id, people["bob"], WRITE)
    assert (again.id, again.uid, fresh) == (given.id, given.uid, [])
    assert seen(store, people["bob"]) == [("ann-default", Access.READ_WRITE)]
    assert calendar(store).shares == 1
    with store.write() as tx:
        assert shares.take_back(tx, one.id, people["bob"])
        assert not shares.take_back(tx, one.id, people["bob"])
    assert seen(store, people["bob"]) == []
    assert calendar(store).shares == 0


def test_a_view_alone_opens_nothing(store: Store, people: dict[str, int]) -> None:
    one = calendar(store)
    with store.write() as tx:
        shares.give(tx, one.id, people["bob"], WRITE)
        tx.execute(delete(schema.share))
        assert tx.execute(select(func.count()).select_from(schema.shared_view)).scalar_one() == 1
        assert shares.of_user(tx, people["bob"], CALENDAR) == []
        assert collections.granted(tx, one.id, people["bob"]) == frozenset()
        views.settle(tx, one.id)
        assert tx.execute(select(func.count()).select_from(schema.shared_view)).scalar_one() == 0


def test_members_of_a_group_come_and_go(store: Store, people: dict[str, int]) -> None:
    one = calendar(store)
    family = group(store, "family", people["ann"], people["bob"])
    with store.write() as tx:
        shares.give(tx, one.id, family, READ)
        shares.give(tx, one.id, people["bob"], WRITE)
    assert seen(store, people["bob"]) == [("ann-default", Access.READ_WRITE)]
    assert seen(store, people["ann"]) == []
    group(store, "family", people["eve"])
    assert seen(store, people["eve"]) == [("ann-default", Access.READ)]
    assert seen(store, people["bob"]) == [("ann-default", Access.READ_WRITE)]
    with store.write() as tx:
        principals.remove(tx, family)
    assert seen(store, people["eve"]) == []
    assert calendar(store).shares == 1


def test_only_what_was_taken_grants(store: Store, people: dict[str, int]) -> None:
    one = calendar(store)
    with store.write() as tx:
        shares.give(tx, one.id, people["bob"], Terms(Access.READ, ShareState.INVITED))
    for state, opens in (
        (ShareState.INVITED, False),
        (ShareState.ACCEPTED, True),
        (ShareState.HIDDEN, True),
        (ShareState.DECLINED, False),
    ):
        with store.write() as tx:
            offered = shares.offer(tx, people["bob"], one.id)
            assert offered is not None
            shares.set_state(tx, offered.view.id, state)
            assert collections.granted(tx, one.id, people["bob"]) == ({"read"} if opens else set())
            assert collections.granted_in(tx, [one.id], people["bob"]).get(one.id, set()) == (
                {"read"} if opens else set()
            )
            listed = shares.of_user(tx, people["bob"], CALENDAR)
            assert bool(listed) == (state is ShareState.ACCEPTED)


def test_properties_of_a_view_go_with_it(store: Store, people: dict[str, int]) -> None:
    one = calendar(store)
    with store.write() as tx:
        shares.give(tx, one.id, people["bob"], READ)
        offered = shares.offer(tx, people["bob"], one.id)
        assert offered is not None
        dead_properties.put(tx, "view", offered.view.id, "{urn:x}a", "<a/>")
        assert dead_properties.of_views(tx, people["bob"]) == {offered.view.id: {"{urn:x}a": "<a/>"}}
        shares.take_back(tx, one.id, people["bob"])
        assert tx.execute(select(func.count()).select_from(schema.dead_property)).scalar_one() == 0


def test_what_is_shared_is_found_by_owner_and_by_who_has_it(store: Store, people: dict[str, int]) -> None:
    family = group(store, "family", people["eve"])
    with store.write() as tx:
        shares.give(tx, calendar(store).id, family, READ)
        shares.give(tx, calendar(store, "bob").id, people["eve"], READ)

    def found(text: str, limit: int = 10, offset: int = 0) -> list[str]:
        with store.read() as tx:
            return [owner.name for owner, _ in shares.listing(tx, text, limit, offset)]

    assert found("") == ["ann", "bob"]
    assert found("", 1, 1) == ["bob"]
    assert found("FAMILY") == ["ann"]
    assert found("eve") == found("bob@example") == ["bob"]
    assert found("%") == []
