"""Items: bodies byte for byte, revisions, tombstones, history; the same on every database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from davserver.model import Collection, CollectionKind, Item, ItemIndex, NewCollection, NewItem, Timing
from davserver.storage import Store, collections, items, schema


def new(name: str, body: bytes = b"body", uid: str = "") -> NewItem:
    """A checked body; the uid is the name unless given."""
    index = ItemIndex("VEVENT", uid or name, 10, 20, Timing.EXACT, "text of " + name, 0b101, "summary")
    return NewItem(name, body, replace(index, sort_key=b"\xff" + body[:9], words=f"WORDS {len(body)}"))


def made(tx: Connection, owner: int, name: str = "one") -> Collection:
    """A new calendar."""
    wanted = NewCollection(owner, CollectionKind.CALENDAR, name, components="VEVENT")
    return collections.create(tx, wanted)


def stored(tx: Connection, where: Collection, item: NewItem) -> Item:
    """Put an item as the protocol does: lock, look, write."""
    target = collections.lock(tx, where.id)
    assert target is not None
    return items.put(tx, target, item, items.get(tx, where.id, item.name), "ann")


def removed(tx: Connection, where: Collection, name: str) -> None:
    """Remove an item as the protocol does."""
    target, held = collections.lock(tx, where.id), items.get(tx, where.id, name)
    assert target is not None
    assert held is not None
    items.remove(tx, target, held, "ann")


@pytest.fixture
def tx(store: Store, people: dict[str, int]) -> Iterator[Connection]:
    """A write transaction; the people are there."""
    with store.write() as connection:
        yield connection


BODIES = [b"", b"a\r\nb\n\rc", bytes(range(256)), "ü🎂\u2028".encode(), b"x" * 3_000_000]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_any_bytes_come_back(people: dict[str, int], tx: Connection, body: bytes) -> None:
    where = made(tx, people["ann"])
    item = stored(tx, where, new("a", body))
    assert items.read_body(tx, item.id) == body
    assert items.read_bodies(tx, [item.id]) == {item.id: body}
    assert (item.size, item.etag) == (len(body), items.etag_of(body))


def test_what_put_returns_is_what_is_read(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    item = stored(tx, where, new("a"))
    assert items.get(tx, where.id, "a") == item
    assert items.get_with_body(tx, where.id, "a") == (item, b"body")
    assert items.read_index(tx, item.id) == new("a").index
    again = stored(tx, where, new("a", b"other"))
    assert items.get(tx, where.id, "a") == again
    assert items.read_index(tx, item.id) == new("a", b"other").index
    assert again.id == item.id


def test_equal_bytes_have_equal_tags(people: dict[str, int]) -> None:
    assert items.etag_of(b"a") == items.etag_of(b"a") != items.etag_of(b"b")


def test_each_write_takes_the_next_revision(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    start = where.revision
    first = stored(tx, where, new("a"))
    second = stored(tx, where, new("b"))
    third = stored(tx, where, new("a", b"other"))
    removed(tx, where, "b")
    now = collections.lock(tx, where.id)
    assert now is not None
    assert [first.revision, second.revision, third.revision, now.revision] == [
        start + n for n in (1, 2, 3, 4)
    ]
    assert items.gone_since(tx, where.id, start, 10) == [("b", start + 4)]
    assert [one.name for one in items.changed_since(tx, where.id, start, 10)] == ["a"]


def test_every_revision_has_a_stamp_of_its_own(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    for number in range(3):
        stored(tx, where, new("a", str(number).encode()))
    stamps = [collections.stamp_of(tx, where.id, where.revision + number) for number in range(4)]
    assert None not in stamps
    assert len(set(stamps)) == 4
    assert collections.stamp_of(tx, where.id, where.revision + 4) is None


def test_counts_and_sizes_follow(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    stored(tx, where, new("a", b"12345"))
    stored(tx, where, new("b", b"123"))
    stored(tx, where, new("a", b"1"))
    now = collections.lock(tx, where.id)
    assert now is not None
    assert (now.item_count, now.size) == (2, 4)
    assert collections.used_bytes(tx, people["ann"]) == 4
    removed(tx, where, "a")
    removed(tx, where, "b")
    now = collections.lock(tx, where.id)
    assert now is not None
    assert (now.item_count, now.size) == (0, 0)


def test_a_name_that_comes_back_is_gone_no_more(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    stored(tx, where, new("a"))
    removed(tx, where, "a")
    stored(tx, where, new("a"))
    assert items.gone_since(tx, where.id, 0, 10) == []
    removed(tx, where, "a")
    assert len(items.gone_since(tx, where.id, 0, 10)) == 1


def test_changes_come_oldest_first_up_to_a_limit(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    for name in "abcd":
        stored(tx, where, new(name))
    stored(tx, where, new("b", b"later"))
    assert [one.name for one in items.changed_since(tx, where.id, 0, 3)] == ["a", "c", "d"]
    assert [one.name for one in items.changed_since(tx, where.id, where.revision + 4, 3)] == ["b"]


def test_history_keeps_what_was_overwritten_and_deleted(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    stored(tx, where, new("a", b"1"))
    stored(tx, where, new("a", b"1"))
    stored(tx, where, new("a", b"2"))
    removed(tx, where, "a")
    rows = tx.execute(select(schema.history).order_by(schema.history.c.id)).all()
    assert [(row.data, row.reason, row.name, row.actor, row.owner_id) for row in rows] == [
        (b"1", "overwritten", "a", "ann", people["ann"]),
        (b"2", "deleted", "a", "ann", people["ann"]),
    ]


def test_history_outlives_the_collection(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    for number in range(450):
        stored(tx, where, new(str(number)))
    target = collections.lock(tx, where.id)
    assert target is not None
    items.bury(tx, target, "ann")
    collections.remove(tx, target)
    rows = tx.execute(select(schema.history.c.name)).scalars().all()
    assert sorted(rows, key=int) == [str(number) for number in range(450)]
    for table in (schema.item, schema.body, schema.tombstone):
        assert tx.execute(select(table)).first() is None


def test_a_name_is_unique_in_a_collection_by_the_database_itself(
    store: Store, people: dict[str, int]
) -> None:
    with store.write() as tx:
        where = made(tx, people["ann"])
        stored(tx, where, new("a"))

    def write_blindly() -> None:
        with store.write() as tx:
            target = collections.lock(tx, where.id)
            assert target is not None
            items.put(tx, target, new("a", uid="other"), None, "ann")

    with pytest.raises(IntegrityError):
        write_blindly()
    with store.read() as tx:
        assert [one.name for one in items.listing(tx, where.id)] == ["a"]


def test_listings_are_whole_while_other_statements_run(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        where = made(tx, people["ann"])
        for number in range(1200):
            stored(tx, where, new(f"{number:04}"))
    with store.read() as tx:
        names = []
        for item, body in items.listing_with_bodies(tx, where.id):
            assert items.read_body(tx, item.id) == body
            names.append(item.name)
        bare = []
        for item in items.listing(tx, where.id):
            if item.name.endswith("00"):
                assert items.get(tx, where.id, item.name) == item
            bare.append(item.name)
    assert names == bare == [f"{number:04}" for number in range(1200)]


def test_many_names_are_found_in_batches(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        where = made(tx, people["ann"])
        for number in range(600):
            stored(tx, where, new(str(number)))
        wanted = [str(number) for number in range(0, 1200, 2)]
        assert {one.name for one in items.by_names(tx, where.id, wanted)} == {
            str(number) for number in range(0, 600, 2)
        }
        bodies = items.read_bodies(tx, [one.id for one in items.by_names(tx, where.id, wanted)])
        assert list(bodies.values()) == [b"body"] * 300


def test_names_and_uids_are_compared_byte_for_byte(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    names = ["a", "A", "ä", "a\u0308", "a ", " a", "ß", "ss", "🎂", "🍰"]
    for name in names:
        stored(tx, where, new(name))
    for name in names:
        found = items.get(tx, where.id, name)
        assert found is not None
        assert found.name == name
        assert items.names_with_uid(tx, where.id, name) == [name]
        assert [one.name for one in items.by_names(tx, where.id, [name])] == [name]


@pytest.mark.parametrize("length", [255, 256])
def test_long_uids_are_kept(people: dict[str, int], tx: Connection, length: int) -> None:
    where = made(tx, people["ann"])
    uid = "🎂" * length
    assert stored(tx, where, new("a", uid=uid)).uid == uid
    assert items.names_with_uid(tx, where.id, uid) == ["a"]


def test_of_writers_at_once_exactly_one_creates_a_name(store: Store, people: dict[str, int]) -> None:
    """Baïkal stores the same name two or three times."""
    with store.write() as tx:
        where = made(tx, people["ann"])
    created: list[int] = []
    gate = threading.Barrier(4)

    def write(number: int) -> None:
        gate.wait()
        with store.write() as tx:
            target = collections.lock(tx, where.id)
            assert target is not None
            if items.get(tx, where.id, "a") is None:
                items.put(tx, target, new("a", str(number).encode()), None, "ann")
                created.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(created) == 1
    with store.read() as tx:
        (item,) = items.listing(tx, where.id)
        assert items.read_body(tx, item.id) == str(created[0]).encode()


def test_writers_at_once_never_share_a_revision(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        where = made(tx, people["ann"])

    def write(number: int) -> None:
        for turn in range(5):
            with store.write() as tx:
                stored(tx, where, new(f"{number}-{turn}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        revisions = [one.revision for one in items.listing(tx, where.id)]
        now = collections.get(tx, "ann", CollectionKind.CALENDAR, "one")
    assert sorted(revisions) == list(range(where.revision + 1, where.revision + 21))
    assert now is not None
    assert (now.revision, now.item_count) == (where.revision + 20, 20)


def test_a_failed_transaction_leaves_nothing(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        where = made(tx, people["ann"])

    def fail() -> None:
        with store.write() as tx:
            stored(tx, where, new("a"))
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        fail()
    with store.read() as tx:
        assert list(items.listing(tx, where.id)) == []
        now = collections.get(tx, "ann", CollectionKind.CALENDAR, "one")
        assert now is not None
        assert (now.revision, now.stamp) == (where.revision, where.stamp)


def test_a_reader_sees_one_state(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        where = made(tx, people["ann"])
        stored(tx, where, new("a"))
    with store.read() as reader:
        assert items.get(reader, where.id, "a") is not None
        with store.write() as tx:
            stored(tx, where, new("b"))
            removed(tx, where, "a")
        assert [one.name for one in items.listing(reader, where.id)] == ["a"]
    with store.read() as reader:
        assert [one.name for one in items.listing(reader, where.id)] == ["b"]


def test_all_items_are_counted(people: dict[str, int], tx: Connection) -> None:
    where = made(tx, people["ann"])
    stored(tx, where, new("a"))
    assert items.total(tx) == 1
