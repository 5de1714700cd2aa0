"""Texts kept in memory answer as the database would, for every transaction that asks."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Connection

from davserver.config import CardDavSettings
from davserver.content import index
from davserver.content.collations import unicode_casemap
from davserver.content.search import HasText
from davserver.model import Collection, CollectionKind, NewCollection, NewItem
from davserver.storage import Store, collections, items, maintenance, search, texts
from davserver.storage.schema import item
from tests.content.objects import card


def name_has(text: str) -> HasText:
    """FN contains a text."""
    return HasText("FN", unicode_casemap(text))


def put(tx: Connection, book: int, name: str, full_name: str) -> None:
    body = card(f"FN:{full_name}", uid=name)
    target = collections.lock(tx, book)
    assert target is not None
    new = NewItem(name, body, index.of_card(body, CardDavSettings()))
    items.put(tx, target, new, items.get(tx, book, name), "ann")


def remove(tx: Connection, book: int, name: str) -> None:
    target, gone = collections.lock(tx, book), items.get(tx, book, name)
    assert target is not None
    assert gone is not None
    items.remove(tx, target, gone, "ann")


def kept(tx: Connection, book: int, text: str) -> set[str] | None:
    """The names of those whose FN has the text by what is kept, None where the database is to be asked."""
    ids = texts.holders(tx, book, name_has(text))
    if ids is None:
        return None
    rows = tx.execute(item.select().where(item.c.collection_id == book))
    return {row.name for row in rows if row.id in ids}


@pytest.fixture
def book(store: Store, people: dict[str, int]) -> Collection:
    """Zoë Miller and Ann Bell; asked once, so that the next who asks is answered from memory."""
    with store.write() as tx:
        made = collections.create(tx, NewCollection(people["ann"], CollectionKind.ADDRESSBOOK, "x"))
        put(tx, made.id, "zoe", "Zoë Miller")
        put(tx, made.id, "ann", "Ann Bell")
        assert texts.holders(tx, made.id, name_has("")) is None
    return made


def test_the_first_who_asks_is_sent_to_the_database(store: Store, book: Collection) -> None:
    with store.read() as tx:
        assert texts.holders(tx, book.id, HasText("NOTE", "X")) is None
        assert texts.holders(tx, book.id, HasText("NOTE", "X")) == ()
        assert kept(tx, book.id, "zoë") == {"zoe"}


@pytest.mark.parametrize(
    ("text", "names"), [("ll", {"zoe", "ann"}), ("n b", {"ann"}), ("Zoë M", {"zoe"}), ("rA", set())]
)
def test_a_part_finds_its_holders(store: Store, book: Collection, text: str, names: set[str]) -> None:
    with store.read() as tx:
        assert kept(tx, book.id, text) == names


def test_each_write_is_followed(store: Store, book: Collection) -> None:
    with store.read() as tx:
        assert kept(tx, book.id, "eve") == set()
    with store.write() as tx:
        put(tx, book.id, "eve", "Eve Stone")
        put(tx, book.id, "ann", "Ann Stone")
        remove(tx, book.id, "zoe")
    with store.read() as tx:
        assert kept(tx, book.id, "stone") == {"eve", "ann"}
        assert kept(tx, book.id, "zoë") == set()


def test_a_transaction_sees_its_own_writes_and_leaves_none_when_undone(
    store: Store, book: Collection
) -> None:
    with store.engine.connect() as tx:
        put(tx, book.id, "eve", "Eve Stone")
        assert kept(tx, book.id, "stone") == {"eve"}
        tx.rollback()
    with store.write() as tx:
        put(tx, book.id, "bob", "Bob Stone")  # under the revision that eve had
    with store.read() as tx:
        assert kept(tx, book.id, "stone") == {"bob"}


def test_an_older_snapshot_asks_the_database(store: Store, book: Collection) -> None:
    with store.read() as before:
        assert kept(before, book.id, "ann") == {"ann"}
        with store.write() as tx:
            put(tx, book.id, "ann", "Eve Stone")
        with store.read() as after:
            assert kept(after, book.id, "stone") == {"ann"}
        assert texts.holders(before, book.id, name_has("ann")) is None
        found = search.candidates(before, [book.id], name_has("ann bell"), ("name",))
        assert [row[0] for rows in found for row in rows] == ["ann"]


def test_a_collection_made_anew_is_another(store: Store, book: Collection, people: dict[str, int]) -> None:
    with store.read() as tx:
        assert kept(tx, book.id, "zoë") == {"zoe"}
    with store.write() as tx:
        collections.remove(tx, book)
        made = collections.create(tx, NewCollection(people["ann"], CollectionKind.ADDRESSBOOK, "x"))
        put(tx, made.id, "a", "Bob Stone")
        put(tx, made.id, "b", "Zoë Stone")
    with store.read() as tx:
        kept(tx, made.id, "")
        assert kept(tx, made.id, "zoë") == {"b"}
        assert texts.holders(tx, book.id, name_has("miller")) in {None, ()}


def test_a_new_index_is_read_anew(store: Store, book: Collection) -> None:
    with store.write() as tx:
        tx.execute(item.update().where(item.c.name == "ann").values(search="\nFN:WRONG\n"))
    with store.read() as tx:
        assert kept(tx, book.id, "wrong") == {"ann"}
    list(maintenance.reindex(store, lambda kind, body: index.of_card(body, CardDavSettings())))
    with store.read() as tx:
        assert kept(tx, book.id, "wrong") == set()
        assert kept(tx, book.id, "ann") == {"ann"}


def test_a_value_that_was_cut_may_hold_anything(store: Store, book: Collection) -> None:
    with store.write() as tx:
        put(tx, book.id, "long", "x" * 300)
    with store.read() as tx:
        assert kept(tx, book.id, "zoë") == {"zoe", "long"}


def test_of_many_the_database_tells(store: Store, book: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_HOLDERS", 1)
    with store.read() as tx:
        assert kept(tx, book.id, "zoë") == {"zoe"}
        assert kept(tx, book.id, "ll") is None


def test_memory_is_bounded(store: Store, book: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_BYTES", 4 * 70)
    with store.read() as tx:
        assert kept(tx, book.id, "zoë") == {"zoe"}  # 63 bytes are kept for two names
    with store.write() as tx:
        put(tx, book.id, "eve", "Eve Stone")
    with store.read() as tx:
        assert kept(tx, book.id, "eve") is None
        assert kept(tx, book.id, "eve") is None
    monkeypatch.setattr(texts, "MOST_KEPT", 1)
    with store.read() as tx:
        for _ in range(2):
            for name in ("A", "B"):
                assert texts.holders(tx, book.id, HasText(name, "X")) is None


def test_random_writes_and_questions(store: Store, book: Collection) -> None:
    rng = Random(7)
    for _ in range(40):
        with store.write() as tx:
            for _ in range(rng.randrange(4)):
                name = rng.choice("abcdef")
                if items.get(tx, book.id, name) and rng.random() < 0.4:
                    remove(tx, book.id, name)
                else:
                    put(tx, book.id, name, "".join(rng.choices("abé", k=rng.randrange(1, 6))))
        with store.read() as tx:
            needle = "".join(rng.choices("abé", k=2))
            pattern = unicode_casemap(needle)
            rows = tx.execute(item.select().where(item.c.collection_id == book.id))
            true = {row.name for row in rows if pattern in row.search.partition("\nUID")[0]}
            found = kept(tx, book.id, needle)
            assert found is not None
            assert true <= found
