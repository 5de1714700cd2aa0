"""Looking after the database: checks, copies, a new index, old history."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL, select, text

from davserver.errors import InvalidContent
from davserver.model import CollectionKind, ItemIndex, NewCollection, NewItem
from davserver.storage import Store, collections, items, maintenance, schema


def fill(store: Store, owner: int, count: int) -> None:
    """A calendar x with so many items."""
    with store.write() as tx:
        made = collections.create(tx, NewCollection(owner, CollectionKind.CALENDAR, "x"))
        for number in range(count):
            target = collections.lock(tx, made.id)
            assert target is not None
            items.put(tx, target, NewItem(str(number), str(number).encode()), None, "ann")


def test_a_sound_database_has_no_problems(store: Store, people: dict[str, int]) -> None:
    fill(store, people["ann"], 3)
    assert maintenance.problems(store) == []


def test_a_missing_table_and_a_lost_reference_are_told(store: Store, tmp_path: Path) -> None:
    own = Store(URL.create("sqlite", database=str(tmp_path / "a.db")))
    schema.metadata.create_all(own.engine)
    with own.write() as tx:
        tx.execute(text("DROP TABLE audit"))
    assert maintenance.problems(own) == ["table audit is missing"]
    own.close()


def test_a_copy_is_whole_private_and_never_over_something(
    store: Store, people: dict[str, int], tmp_path: Path
) -> None:
    if not store.is_sqlite:
        pytest.skip("a copy is made of an SQLite file; the others have their own tools")
    fill(store, people["ann"], 3)
    target = tmp_path / "copy.db"
    maintenance.copy_to(store, target)
    assert target.stat().st_mode & 0o077 == 0
    copied = Store(URL.create("sqlite", database=str(target)))
    with copied.read() as tx:
        assert items.total(tx) == 3
    copied.close()
    with pytest.raises(FileExistsError):
        maintenance.copy_to(store, target)


def test_index_rows_are_written_anew_and_what_is_refused_is_told(
    store: Store, people: dict[str, int]
) -> None:
    fill(store, people["ann"], 450)

    def index_of(kind: CollectionKind, body: bytes) -> ItemIndex:
        assert kind is CollectionKind.CALENDAR
        if body == b"7":
            raise InvalidContent("no seven")
        return ItemIndex("VTODO", "new " + body.decode(), 1, 2, sort_key=b"k" + body, words="W")

    told = list(maintenance.reindex(store, index_of))
    assert [one for one in told if isinstance(one, int)][-1] == 450
    assert [one for one in told if not isinstance(one, int)] == [maintenance.Unreadable("x", "7", "no seven")]
    with store.read() as tx:
        rows = {row.name: row for row in tx.execute(select(schema.item))}
        index = items.read_index(tx, rows["8"].id)
    assert rows["8"].uid == "new 8"
    assert (index.sort_key, index.words) == (b"k8", "W")
    assert (rows["8"].component, rows["7"].component) == ("VTODO", "")


def test_old_history_is_forgotten(store: Store, people: dict[str, int]) -> None:
    row = {
        "owner_id": people["ann"], "collection_id": 1, "collection_name": "x", "name": "a", "uid": "u",
        "component": "VEVENT", "etag": '"e"', "reason": "deleted", "actor": "ann", "data": b"1",
    }  # fmt: skip
    from davserver.storage.engine import now

    with store.write() as tx:
        for age in [0, 5, *range(20, 470)]:
            tx.execute(schema.history.insert().values(at=now() - age * 86_400, **row))
    assert maintenance.forget_history(store, 10) == 450
    assert maintenance.forget_history(store, 10) == 0
    with store.read() as tx:
        assert len(tx.execute(select(schema.history)).all()) == 2
