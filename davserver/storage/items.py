"""Calendar objects and cards: bodies byte for byte, with their index rows, changes and history.

Every write happens on a locked collection (collections.lock) and takes a revision; the item or its
tombstone is stamped with it. There is no other way in, so no import or sync path can bypass the sync-token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, select, union_all, update

from davserver.content.collations import unicode_casemap
from davserver.content.minimizers import minimizers
from davserver.model import Busy, Collection, Item, ItemIndex, NewItem, Timing
from davserver.storage import collections, dead_properties
from davserver.storage.engine import now
from davserver.storage.prepared import Prepared, PreparedIn
from davserver.storage.schema import body, history, item, item_words, tombstone, uid_part

T = TypeVar("T")

NAMES_PER_STATEMENT = 250
"""How many names go into one IN (…); below every database's limit of parameters."""

BODIES_AT_ONCE = 2 * 1024 * 1024
"""Bytes of bodies that are read by one statement, unless a single one is larger."""

INDEXED = ("component", "uid", "first", "last", "timing", "search", "months", "summary")
"""The columns of the index row that queries read, in the order of ItemIndex."""

_KEPT = (*INDEXED, "sort_key", "busy")
"""All columns of the index row; its words are in a table of their own."""

BEGINNING, FOREVER = -(2**62), 2**62
"""What ``first`` and ``last`` hold where they are unbounded."""

COLUMNS = (
    item.c.id,
    item.c.collection_id,
    item.c.name,
    item.c.uid,
    item.c.component,
    item.c.etag,
    item.c.size,
    item.c.revision,
    item.c.created,
    item.c.modified,
)
_BODIES = item.join(body, body.c.item_id == item.c.id)
_IN_COLLECTION = item.c.collection_id == bindparam("collection_id")
_GET = Prepared(select(*COLUMNS).where(_IN_COLLECTION, item.c.name == bindparam("name")))
_GET_BODY = Prepared(
    select(*COLUMNS, body.c.data).select_from(_BODIES).where(_IN_COLLECTION, item.c.name == bindparam("name"))
)
_BODY = Prepared(select(body.c.data).where(body.c.item_id == bindparam("id")))
_BODIES_OF = PreparedIn(lambda ids: select(body.c.item_id, body.c.data).where(body.c.item_id.in_(ids)))
_INDEX = Prepared(
    select(*(item.c[name] for name in _KEPT), item_words.c.words)
    .select_from(item.join(item_words, item_words.c.item_id == item.c.id))
    .where(item.c.id == bindparam("id"))
)
_LIST_BODIES = Prepared(
    select(*COLUMNS, body.c.data).select_from(_BODIES).where(_IN_COLLECTION).order_by(item.c.revision),
    key=item.c.id,
)
_BY_UID = Prepared(select(item.c.name).where(_IN_COLLECTION, item.c.uid == bindparam("uid")))
_BY_UIDS = PreparedIn(lambda uids: select(*COLUMNS).where(_IN_COLLECTION, item.c.uid.in_(uids)))
_CHANGED = Prepared(
    select(*COLUMNS)
    .where(_IN_COLLECTION, item.c.revision > bindparam("since"))
    .order_by(item.c.revision)
    .limit(bindparam("limit"))
)
_BURIED: Any = select(tombstone.c.name, tombstone.c.revision).where(
    tombstone.c.collection_id == bindparam("collection_id"), tombstone.c.revision > bindparam("since")
)
_GONE = Prepared(_BURIED.order_by(tombstone.c.revision).limit(bindparam("limit")))
_GONE_UNTIL = Prepared(
    _BURIED.where(tombstone.c.revision <= bindparam("until")).order_by(tombstone.c.revision),
    key=tombstone.c.revision,
)
_REVISIONS: Any = union_all(
    select(item.c.revision).where(_IN_COLLECTION, item.c.revision > bindparam("since")),
    select(tombstone.c.revision).where(
        tombstone.c.collection_id == bindparam("collection_id"),
        tombstone.c.revision > bindparam("since"),
        bindparam("since") > 0,
    ),
).subquery()
_NTH_CHANGE = Prepared(
    select(_REVISIONS.c.revision).order_by(_REVISIONS.c.revision).limit(2).offset(bindparam("skipped"))
)
_WRITTEN = (*_KEPT, "etag", "size", "revision", "modified")
_INSERT: Any = insert(item)
_INSERT_NEW = Prepared(insert(item).inline(), columns=("collection_id", "name", "created", *_WRITTEN))
_INSERT_BODY = Prepared(insert(body))
_INSERT_WORDS = Prepared(insert(item_words))
_UPDATE = Prepared(
    update(item)
    .where(item.c.id == bindparam("b_id"))
    .values({column: bindparam(f"b_{column}") for column in _WRITTEN})
)
_UPDATE_INDEX = Prepared(
    update(item)
    .where(item.c.id == bindparam("b_id"))
    .values({column: bindparam(f"b_{column}") for column in _KEPT})
)
_UPDATE_BODY = Prepared(
    update(body).where(body.c.item_id == bindparam("b_id")).values(data=bindparam("b_data"))
)
_UPDATE_WORDS = Prepared(
    update(item_words).where(item_words.c.item_id == bindparam("b_id")).values(words=bindparam("b_words"))
)
_DELETE = Prepared(delete(item).where(item.c.id == bindparam("b_id")))
_RAISE = Prepared(
    delete(tombstone).where(
        tombstone.c.collection_id == bindparam("b_collection_id"), tombstone.c.name == bindparam("b_name")
    )
)
_RAISE_ALL: Any = delete(tombstone).where(
    tombstone.c.collection_id == bindparam("b_collection_id"),
    tombstone.c.name.in_(bindparam("b_names", expanding=True)),
)
_BURY = Prepared(insert(tombstone))
_ADD_PART = Prepared(insert(uid_part))
_REMOVE_PART = Prepared(
    delete(uid_part).where(
        uid_part.c.collection_id == bindparam("collection_id"),
        uid_part.c.part == bindparam("part"),
        uid_part.c.item_id == bindparam("item_id"),
    )
)
_KEEP: Any = insert(history)


def etag_of(data: bytes) -> str:
    """The strong entity tag of a body, quoted (RFC 9110 8.8.3). Equal bytes have equal tags."""
    return f'"{blake2b(data, digest_size=16).hexdigest()}"'


def get(tx: Connection, collection_id: int, name: str) -> Item | None:
    """One item without its body."""
    row = _GET.first(tx, {"collection_id": collection_id, "name": name})
    return None if row is None else Item._make(row)


def get_with_body(tx: Connection, collection_id: int, name: str) -> tuple[Item, bytes] | None:
    """One item and its body."""
    row = _GET_BODY.first(tx, {"collection_id": collection_id, "name": name})
    return None if row is None else (Item._make(row[:-1]), row[-1])


def read_body(tx: Connection, item_id: int) -> bytes:
    """The stored bytes of an item that is known to exist."""
    data: bytes = _BODY.first(tx, {"id": item_id})[0]
    return data


def read_bodies(tx: Connection, item_ids: Sequence[int]) -> dict[int, bytes]:
    """The stored bytes of items, by item id."""
    batches = (_BODIES_OF.rows(tx, batch, {}) for batch in _batches(item_ids))
    return {row[0]: row[1] for rows in batches for row in rows}


def bodies_of(tx: Connection, sized: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """The bodies of items given by id and size, in that order; some BODIES_AT_ONCE are in memory together."""
    batch: list[int] = []
    room = BODIES_AT_ONCE
    for item_id, size in sized:
        if batch and (size > room or len(batch) == NAMES_PER_STATEMENT):
            yield from _in_order(tx, batch)
            batch, room = [], BODIES_AT_ONCE
        batch.append(item_id)
        room -= size
    if batch:
        yield from _in_order(tx, batch)


def _in_order(tx: Connection, item_ids: list[int]) -> Iterator[bytes]:
    found = read_bodies(tx, item_ids)
    return (found[item_id] for item_id in item_ids)


def read_index(tx: Connection, item_id: int) -> ItemIndex:
    """The index row beside an item's body, for a copy of it."""
    *row, sort_key, busy, words = _INDEX.first(tx, {"id": item_id})
    return replace(index_of(row), sort_key=sort_key, busy=Busy(busy), words=words)


def index_values(index: ItemIndex) -> dict[str, Any]:
    """The index row as values of the columns of INDEXED; open ends become numbers, for the index."""
    bounds = {
        "first": BEGINNING if index.first is None else index.first,
        "last": FOREVER if index.last is None else index.last,
    }
    values = {name: getattr(index, name) for name in _KEPT}
    return values | bounds | {"timing": index.timing.value, "busy": index.busy.value}


def change_index(tx: Connection, item_id: int, index: ItemIndex) -> None:
    """Write all that is kept beside a body anew, but for the parts of its UID (:func:`index_uid`)."""
    values = {f"b_{key}": value for key, value in index_values(index).items()}
    _UPDATE_INDEX.run(tx, {**values, "b_id": item_id})
    _UPDATE_WORDS.run(tx, {"b_id": item_id, "b_words": index.words})


def index_of(row: Any) -> ItemIndex:
    """The index row from the columns of INDEXED."""
    component, uid, first, last, timing, search, months, summary = row
    begun = None if first == BEGINNING else first
    ended = None if last == FOREVER else last
    return ItemIndex(component, uid, begun, ended, _TIMINGS[timing], search, months, summary)


_TIMINGS = {timing.value: timing for timing in Timing}


def listing(tx: Connection, collection_id: int) -> Iterator[Item]:
    """All items of a collection without bodies, streamed, least recently changed first."""
    batches = written(tx, collection_id, Item._fields, 0, FOREVER)
    return (Item._make(row) for rows in batches for row in rows)


def written(
    tx: Connection, collection_id: int, columns: tuple[str, ...], since: int, until: int
) -> Iterator[Sequence[Any]]:
    """Rows of the items written after one revision and up to another, a batch at a time, oldest change first.

    :param columns: names of columns of ``item``; a long listing is the cheaper the fewer they are.
    """
    values = {"collection_id": collection_id, "since": since, "until": until}
    return _written(columns).batches(tx, values)


@lru_cache(maxsize=64)
def _written(columns: tuple[str, ...]) -> Prepared:
    in_span = item.c.revision > bindparam("since"), item.c.revision <= bindparam("until")
    statement = select(*_named(columns)).where(_IN_COLLECTION, *in_span)
    return Prepared(statement.order_by(item.c.revision), key=item.c.id)


def _named(columns: tuple[str, ...]) -> list[Any]:
    return [item.c[name] for name in columns]


def listing_with_bodies(tx: Connection, collection_id: int) -> Iterator[tuple[Item, bytes]]:
    """All items of a collection with bodies, streamed."""
    rows = _LIST_BODIES.stream(tx, {"collection_id": collection_id})
    return ((Item._make(row[:-1]), row[-1]) for row in rows)


def by_names(tx: Connection, collection_id: int, names: Iterable[str]) -> Iterator[Item]:
    """Those of the named items that exist, without bodies."""
    for batch in _batches(names):
        yield from map(Item._make, rows_of_names(tx, collection_id, Item._fields, batch))


def rows_of_names(
    tx: Connection, collection_id: int, columns: tuple[str, ...], names: Sequence[str]
) -> list[Any]:
    """Rows of those of the named items (NAMES_PER_STATEMENT at most) that exist, in no order."""
    return _of_names(columns).rows(tx, names, {"collection_id": collection_id})


@lru_cache(maxsize=64)
def _of_names(columns: tuple[str, ...]) -> PreparedIn:
    return PreparedIn(lambda names: select(*_named(columns)).where(_IN_COLLECTION, item.c.name.in_(names)))


def _batches(many: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(many)
    while batch := list(islice(remaining, NAMES_PER_STATEMENT)):
        yield batch


def names_with_uid(tx: Connection, collection_id: int, uid: str) -> list[str]:
    """The names of the items that hold a UID (imported data may hold one UID twice)."""
    rows = _BY_UID.rows(tx, {"collection_id": collection_id, "uid": uid})
    return [row[0] for row in rows]


def by_uids(tx: Connection, collection_id: int, uids: Iterable[str]) -> dict[str, Item]:
    """Those of the UIDs that a collection has already, with the item that holds each."""
    found: dict[str, Item] = {}
    for batch in _batches(uids):
        for row in _BY_UIDS.rows(tx, batch, {"collection_id": collection_id}):
            held = Item._make(row)
            found.setdefault(held.uid, held)
    return found


def changed_since(tx: Connection, collection_id: int, since: int, limit: int) -> list[Item]:
    """Items that were written after a revision, oldest change first (RFC 6578 3.5)."""
    values = {"collection_id": collection_id, "since": since, "limit": limit}
    return [Item._make(row) for row in _CHANGED.rows(tx, values)]


def gone_since(tx: Connection, collection_id: int, since: int, limit: int) -> list[tuple[str, int]]:
    """Name and revision of what was deleted after a revision and is not there again."""
    values = {"collection_id": collection_id, "since": since, "limit": limit}
    return [(row[0], row[1]) for row in _GONE.rows(tx, values)]


def gone_until(tx: Connection, collection_id: int, since: int, until: int) -> Iterator[str]:
    """Names of what was deleted after one revision and up to another, streamed, oldest first."""
    values = {"collection_id": collection_id, "since": since, "until": until}
    return (row[0] for row in _GONE_UNTIL.stream(tx, values))


def truncated_at(tx: Connection, collection_id: int, since: int, limit: int) -> int | None:
    """The revision of the last of the first ``limit`` changes after a revision; None where there are no more.

    With ``since`` 0 what is gone does not count: who knows nothing need not forget.
    """
    values = {"collection_id": collection_id, "since": since, "skipped": limit - 1}
    rows = _NTH_CHANGE.rows(tx, values)
    return int(rows[0][0]) if len(rows) > 1 else None


def put(tx: Connection, target: Collection, new: NewItem, replaced: Item | None, actor: str) -> Item:
    """Store a body under a name of a locked collection.

    :param replaced: the item now under that name, as read after the lock; its body goes to history, unless
        the collection is filled from elsewhere.
    :param actor: name of who writes, for the history.
    """
    size, moment = len(new.body), now()
    growth = size - (replaced.size if replaced else 0)
    revision = collections.advance(tx, target, items=0 if replaced else 1, size=growth)
    index = new.index
    values: dict[str, Any] = {
        **index_values(index),
        "etag": etag_of(new.body),
        "size": size,
        "revision": revision,
        "modified": moment,
    }
    if replaced is not None:
        if replaced.etag != values["etag"] and not target.read_only:
            _keep(tx, target, [(replaced, read_body(tx, replaced.id))], "overwritten", actor)
        _UPDATE.run(tx, {"b_id": replaced.id, **{f"b_{key}": value for key, value in values.items()}})
        _UPDATE_BODY.run(tx, {"b_id": replaced.id, "b_data": new.body})
        _UPDATE_WORDS.run(tx, {"b_id": replaced.id, "b_words": index.words})
        if replaced.uid != index.uid:
            index_uid(tx, replaced, index.uid)
        item_id, created = replaced.id, replaced.created
    else:
        row = {"collection_id": target.id, "name": new.name, "created": moment, **values}
        key: Any = tx.execute(_INSERT, row).inserted_primary_key
        _INSERT_BODY.run(tx, {"item_id": key[0], "data": new.body})
        _INSERT_WORDS.run(tx, {"item_id": key[0], "words": index.words})
        _RAISE.run(tx, {"b_collection_id": target.id, "b_name": new.name})
        _ADD_PART.run_many(tx, _parts(target.id, key[0], index.uid))
        item_id, created = key[0], moment
    etag: str = values["etag"]
    return Item(
        item_id, target.id, new.name, index.uid, index.component, etag, size, revision, created, moment
    )


def put_new(tx: Connection, target: Collection, new: Sequence[NewItem]) -> Collection:
    """Store bodies under names that are free in a locked collection; a handful of statements for all of them.

    :returns: the collection with the revision that the last one took.
    """
    sizes = [len(one.body) for one in new]
    advanced = collections.advance_by(tx, target, len(new), items=len(new), size=sum(sizes))
    first, moment = target.revision + 1, now()
    rows = [
        {
            "collection_id": target.id,
            "name": one.name,
            "created": moment,
            "modified": moment,
            "revision": first + place,
            "etag": etag_of(one.body),
            "size": sizes[place],
            **index_values(one.index),
        }
        for place, one in enumerate(new)
    ]
    _INSERT_NEW.run_many(tx, rows)
    added = _CHANGED.rows(tx, {"collection_id": target.id, "since": target.revision, "limit": len(new)})
    stored = [(row[0], one) for row, one in zip(added, new, strict=True)]
    _INSERT_BODY.run_many(tx, [{"item_id": key, "data": one.body} for key, one in stored])
    _INSERT_WORDS.run_many(tx, [{"item_id": key, "words": one.index.words} for key, one in stored])
    _ADD_PART.run_many(tx, [part for key, one in stored for part in _parts(target.id, key, one.index.uid)])
    for batch in _batches(one.name for one in new):
        tx.execute(_RAISE_ALL, {"b_collection_id": target.id, "b_names": batch})
    return advanced


def remove(tx: Connection, target: Collection, gone: Item, actor: str, *, moved: bool = False) -> None:
    """Delete an item of a locked collection: body to history (unless it was moved), name to a tombstone."""
    revision = collections.advance(tx, target, items=-1, size=-gone.size)
    if not moved and not target.read_only:
        _keep(tx, target, [(gone, read_body(tx, gone.id))], "deleted", actor)
    dead_properties.forget(tx, "item", gone.id)
    _REMOVE_PART.run_many(tx, _parts(target.id, gone.id, gone.uid))
    _DELETE.run(tx, {"b_id": gone.id})
    _BURY.run(tx, {"collection_id": target.id, "name": gone.name, "revision": revision})


def remove_all(
    tx: Connection, target: Collection, gone: Sequence[Item], actor: str, *, moved: bool = False
) -> Collection:
    """Delete items of a locked collection as :func:`remove` does; a handful of statements for all of them.

    :returns: the collection with the revision that the last one took.
    """
    advanced = collections.advance_by(
        tx, target, len(gone), items=-len(gone), size=-sum(one.size for one in gone)
    )
    if not moved and not target.read_only:
        bodies = bodies_of(tx, ((one.id, one.size) for one in gone))
        _keep(tx, target, list(zip(gone, bodies, strict=True)), "deleted", actor)
    _REMOVE_PART.run_many(tx, [part for one in gone for part in _parts(target.id, one.id, one.uid)])
    ids = [one.id for one in gone]
    for start in range(0, len(ids), NAMES_PER_STATEMENT):
        batch = ids[start : start + NAMES_PER_STATEMENT]
        dead_properties.forget_several(tx, "item", batch)
        tx.execute(delete(item).where(item.c.id.in_(batch)))
    buried = [
        {"collection_id": target.id, "name": one.name, "revision": target.revision + 1 + place}
        for place, one in enumerate(gone)
    ]
    tx.execute(_BURY.statement, buried)
    return advanced


def index_uid(tx: Connection, known: Item, uid: str) -> None:
    """Write the parts of an item's UID anew, by which searches for longer parts of it find it."""
    _REMOVE_PART.run_many(tx, _parts(known.collection_id, known.id, known.uid))
    _REMOVE_PART.run_many(tx, _parts(known.collection_id, known.id, uid))
    _ADD_PART.run_many(tx, _parts(known.collection_id, known.id, uid))


def _parts(collection_id: int, item_id: int, uid: str) -> list[dict[str, Any]]:
    return [
        {"collection_id": collection_id, "part": part, "item_id": item_id}
        for part in minimizers(unicode_casemap(uid))
    ]


def bury(tx: Connection, target: Collection, actor: str) -> None:
    """Move the bodies of all items of a collection that is about to be removed to history."""
    rows = iter(listing_with_bodies(tx, target.id))
    while batch := list(islice(rows, 200)):
        _keep(tx, target, batch, "deleted", actor)


def _keep(
    tx: Connection, target: Collection, gone: Sequence[tuple[Item, bytes]], reason: str, actor: str
) -> None:
    moment = now()
    rows = [
        {
            "owner_id": target.owner_id,
            "collection_id": target.id,
            "collection_name": target.name,
            "name": old.name,
            "uid": old.uid,
            "component": old.component,
            "etag": old.etag,
            "reason": reason,
            "actor": actor,
            "created": old.created,
            "at": moment,
            "data": data,
        }
        for old, data in gone
    ]
    tx.execute(_KEEP, rows)


def components_in(tx: Connection, collection_id: int) -> set[str]:
    """The components of which a calendar holds at least one."""
    found = select(item.c.component).where(item.c.collection_id == collection_id).distinct()
    return set(tx.execute(found).scalars())


def total(tx: Connection) -> int:
    """How many items there are in all."""
    return int(tx.execute(select(func.count()).select_from(item)).scalar_one())
