"""Public links: found by the digest of their token, with what they show, in one statement.

The token itself is here only encrypted, with a key that lies outside the database: who has a copy of the
database has no link. Statistics are added up elsewhere and written many at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from davserver.model import Collection, CollectionKind, Detail, Link, Private, View
from davserver.storage.engine import now
from davserver.storage.prepared import Prepared
from davserver.storage.schema import collection, link, link_collection, principal

_VIEW = (
    "detail",
    "private",
    "left_out",
    "components",
    "window_start",
    "window_end",
    "days_back",
    "days_ahead",
)
_FLAGS = ("active", "cors", "page", "embed")
_OTHERS = ("kind", "label", "title", "digest", "secret", "salt", "expires", "password", "version")
_STATISTICS = ("created", "modified", "hits", "last_accessed", "last_client")
_LINK = (*_VIEW, *_FLAGS, *_OTHERS, *_STATISTICS)
_OWNER = (principal.c.name, principal.c.timezone, principal.c.disabled)
_COLUMNS: Any = (
    link.c.id,
    *_OWNER,
    *(link.c[name] for name in _LINK),
    *(collection.c[name] for name in Collection._fields),
)
_WIDTH = 1 + len(_OWNER) + len(_LINK)
_ROWS: Any = (
    select(*_COLUMNS)
    .select_from(
        link.join(principal, principal.c.id == link.c.owner_id)
        .outerjoin(link_collection, link_collection.c.link_id == link.c.id)
        .outerjoin(
            collection,  # one that lies in the trash has another kind
            and_(collection.c.id == link_collection.c.collection_id, collection.c.kind == link.c.kind),
        )
    )
    .order_by(link.c.id, link_collection.c.position)
)
_BY_DIGEST = Prepared(_ROWS.where(link.c.digest == bindparam("digest")))
_GET = Prepared(_ROWS.where(link.c.owner_id == bindparam("owner_id"), link.c.id == bindparam("id")))
_OF_OWNER: Any = _ROWS.where(
    link.c.id.in_(
        select(
            select(link.c.id)
            .where(link.c.owner_id == bindparam("owner_id"), link.c.id > bindparam("after"))
            .order_by(link.c.id)
            .limit(bindparam("limit"))
            .subquery()
            .c.id
        )
    )
)
_OF_COLLECTION: Any = _ROWS.where(
    link.c.owner_id == bindparam("owner_id"),
    link.c.id.in_(
        select(link_collection.c.link_id).where(link_collection.c.collection_id == bindparam("collection_id"))
    ),
)
_COUNT_HITS = (
    update(link)
    .where(link.c.id == bindparam("b_id"))
    .values(
        hits=link.c.hits + bindparam("b_hits"),
        last_accessed=bindparam("b_at"),
        last_client=bindparam("b_client"),
    )
)
_KINDS = {kind.value: kind for kind in CollectionKind}


def by_digest(tx: Connection, digest: str) -> Link | None:
    """The link whose token has that SHA-256, None for none; a disabled owner's links are not found."""
    rows = _BY_DIGEST.rows(tx, {"digest": digest})
    return None if not rows or rows[0][3] else _link(rows)


def get(tx: Connection, owner_id: int, link_id: int) -> Link | None:
    """One link of an owner."""
    rows = _GET.rows(tx, {"owner_id": owner_id, "id": link_id})
    return _link(rows) if rows else None


def of_owner(tx: Connection, owner_id: int, *, after: int = 0, limit: int = 1000) -> list[Link]:
    """Links of an owner, oldest first, those after an id."""
    return list(_links(tx.execute(_OF_OWNER, {"owner_id": owner_id, "after": after, "limit": limit})))


def of_collection(tx: Connection, owner_id: int, collection_id: int) -> list[Link]:
    """Links of an owner that show a collection, alone or among others; oldest first."""
    return list(_links(tx.execute(_OF_COLLECTION, {"owner_id": owner_id, "collection_id": collection_id})))


def _links(rows: Iterable[Any]) -> Iterator[Link]:
    for _, group in groupby(rows, lambda row: row[0]):
        yield _link(list(group))


def _link(rows: list[Any]) -> Link:
    key, owner, timezone = rows[0][:3]
    values = dict(zip(_LINK, rows[0][4:_WIDTH], strict=True))
    detail, private, left_out, components, *window = (values.pop(name) for name in _VIEW)
    shown_as = Detail(detail), Private(private), frozenset(left_out.split()), tuple(components.split())
    view = View(*shown_as, *window)
    flags = {name: bool(values[name]) for name in _FLAGS}
    kind = _KINDS[values["kind"]]
    shown = tuple(_collection(row[_WIDTH:]) for row in rows if row[_WIDTH] is not None)
    rest = {**values, **flags, "kind": kind}
    return Link(id=key, owner=owner, timezone=timezone, view=view, collections=shown, **rest)


def _collection(row: Any) -> Collection:
    read = Collection(*row)
    return read._replace(kind=_KINDS[read.kind], transparent=bool(read.transparent))


def view_values(view: View) -> dict[str, Any]:
    """The columns of a view."""
    return {
        "detail": view.detail.value,
        "private": view.private.value,
        "left_out": " ".join(sorted(view.left_out)),
        "components": " ".join(view.components),
        "window_start": view.start,
        "window_end": view.end,
        "days_back": view.days_back,
        "days_ahead": view.days_ahead,
    }


def add(tx: Connection, owner_id: int, values: dict[str, Any], collection_ids: Iterable[int]) -> int:
    """Store a new link; returns its id."""
    moment = now()
    row = {**values, "owner_id": owner_id, "created": moment, "modified": moment}
    key: Any = tx.execute(insert(link), row).inserted_primary_key
    _show(tx, key[0], collection_ids)
    return int(key[0])


def change(
    tx: Connection, link_id: int, values: dict[str, Any], collection_ids: Iterable[int] | None = None
) -> None:
    """Change columns, and which collections are shown; what readers hold is out of date from now on."""
    changed = {**values, "version": link.c.version + 1, "modified": now()}
    tx.execute(update(link).where(link.c.id == link_id).values(**changed))
    if collection_ids is not None:
        tx.execute(delete(link_collection).where(link_collection.c.link_id == link_id))
        _show(tx, link_id, collection_ids)


def _show(tx: Connection, link_id: int, collection_ids: Iterable[int]) -> None:
    rows = [
        {"link_id": link_id, "collection_id": one, "position": position}
        for position, one in enumerate(collection_ids)
    ]
    if rows:
        tx.execute(insert(link_collection), rows)


def remove(tx: Connection, link_id: int) -> None:
    """Forget a link."""
    tx.execute(delete(link).where(link.c.id == link_id))


def count_hits(tx: Connection, hits: Iterable[tuple[int, int, int, str]]) -> None:
    """Add to the statistics: (link id, hits, when last, by which client) for several links."""
    rows = [
        {"b_id": key, "b_hits": count, "b_at": at, "b_client": client[:200]}
        for key, count, at, client in hits
    ]
    if rows:
        tx.execute(_COUNT_HITS, rows)
