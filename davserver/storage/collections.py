"""Calendars and address books, their revisions, and who else may use them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, union_all, update

from davserver.model import Ace, Collection, CollectionKind, NewCollection, ShareState
from davserver.storage import dead_properties, views, watch
from davserver.storage.engine import now
from davserver.storage.prepared import Prepared
from davserver.storage.schema import (
    TRASH,
    ace,
    collection,
    membership,
    principal,
    revision,
    share,
    shared_view,
)

COLUMNS: Any = (
    collection.c.id,
    collection.c.owner_id,
    collection.c.kind,
    collection.c.name,
    collection.c.display_name,
    collection.c.description,
    collection.c.color,
    collection.c.position,
    collection.c.timezone,
    collection.c.timezone_id,
    collection.c.components,
    collection.c.transparent,
    collection.c.revision,
    collection.c.stamp,
    collection.c.item_count,
    collection.c.size,
    collection.c.created,
    collection.c.modified,
    collection.c.read_only,
    collection.c.shares,
)
_GET = Prepared(
    select(*COLUMNS)
    .select_from(collection.join(principal, principal.c.id == collection.c.owner_id))
    .where(
        principal.c.name == bindparam("owner"),
        collection.c.kind == bindparam("kind"),
        collection.c.name == bindparam("name"),
    )
)
_SELECT: Any = select(*COLUMNS).where(collection.c.id == bindparam("id"), collection.c.kind != TRASH)
_BY_ID = Prepared(_SELECT)
_OF_OWNER = Prepared(
    select(*COLUMNS).where(
        collection.c.owner_id == bindparam("owner_id"), collection.c.kind == bindparam("kind")
    )
)
_LOCK = Prepared(_SELECT.with_for_update(of=collection))
_USED = Prepared(
    select(func.coalesce(func.sum(collection.c.size), 0)).where(
        collection.c.owner_id == bindparam("owner_id"), collection.c.kind != TRASH
    )
)
_ADVANCE = Prepared(
    update(collection)
    .where(collection.c.id == bindparam("b_id"))
    .values(
        revision=bindparam("b_revision"),
        stamp=bindparam("b_stamp"),
        modified=bindparam("b_modified"),
        item_count=collection.c.item_count + bindparam("b_items"),
        size=collection.c.size + bindparam("b_size"),
    )
)
_REMEMBER = Prepared(insert(revision))
_STAMP = Prepared(
    select(revision.c.stamp).where(
        revision.c.collection_id == bindparam("id"), revision.c.revision == bindparam("revision")
    )
)
_GROUPS: Any = select(membership.c.group_id).where(membership.c.member_id == bindparam("user_id"))
_IN_USE: Any = and_(
    shared_view.c.collection_id == share.c.collection_id,
    shared_view.c.user_id == bindparam("user_id"),
    or_(shared_view.c.state == ShareState.ACCEPTED.value, shared_view.c.state == ShareState.HIDDEN.value),
)


def _grants(of: Any) -> Any:
    """What a user is granted by access lists and by shares that he took, in one statement.

    :param of: makes the condition for a column that holds a collection's id.
    """

    def given_to(column: Any) -> Any:
        return or_(column == bindparam("user_id"), column.in_(_GROUPS))

    by_list = select(ace.c.collection_id, ace.c.privileges).where(
        of(ace.c.collection_id), or_(ace.c.principal_id.is_(None), given_to(ace.c.principal_id))
    )
    by_share = (
        select(share.c.collection_id, share.c.access)
        .select_from(share.join(shared_view, _IN_USE))
        .where(of(share.c.collection_id), given_to(share.c.principal_id))
    )
    return union_all(by_list, by_share)


_GRANTED = Prepared(_grants(lambda column: column == bindparam("id")))
_GRANTED_IN: Any = _grants(lambda column: column.in_(bindparam("ids", expanding=True)))
_ACLS: Any = (
    select(ace.c.collection_id, principal.c.name, ace.c.privileges)
    .select_from(ace.outerjoin(principal, principal.c.id == ace.c.principal_id))
    .where(ace.c.collection_id.in_(bindparam("ids", expanding=True)))
    .order_by(ace.c.id)
)

_KINDS = {kind.value: kind for kind in CollectionKind}


@lru_cache(maxsize=512)
def collection_of(row: Any) -> Collection:
    """A row of COLUMNS (and whatever follows them is the caller's) as a value; equal rows are one value."""
    key, owner_id, kind, *described = row[:11]
    rest: tuple[Any, ...] = (bool(row[11]), *row[12:18], bool(row[18]), row[19])
    return Collection(key, owner_id, _KINDS[kind], *described, *rest)


def get(tx: Connection, owner: str, kind: CollectionKind, name: str) -> Collection | None:
    """The collection at owner/name, in one statement."""
    row = _GET.first(tx, {"owner": owner, "kind": kind.value, "name": name})
    return None if row is None else collection_of(row)


def of_owner(tx: Connection, owner_id: int, kind: CollectionKind) -> list[Collection]:
    """All collections of one kind in a home, oldest first (to sort here is cheaper than in SQLite)."""
    rows = sorted(_OF_OWNER.rows(tx, {"owner_id": owner_id, "kind": kind.value}), key=itemgetter(0))
    return list(map(collection_of, rows))


def of_owners(tx: Connection, owner_ids: list[int]) -> list[Collection]:
    """All collections of several owners, of both kinds, in the order of their owners' ids."""
    listed = select(*COLUMNS).where(collection.c.owner_id.in_(owner_ids), collection.c.kind != TRASH)
    ordered = listed.order_by(collection.c.owner_id, collection.c.kind.desc(), collection.c.id)
    return [collection_of(row) for row in tx.execute(ordered)]


def lock(tx: Connection, collection_id: int) -> Collection | None:
    """The collection as it is now, its row locked until the transaction ends.

    Every write to a collection starts here, so the checks after it cannot be overtaken.
    """
    row = _LOCK.first(tx, {"id": collection_id})
    return None if row is None else collection_of(row)


def create(tx: Connection, new: NewCollection) -> Collection:
    """Create an empty collection; the name must be free (UNIQUE makes a race an IntegrityError)."""
    moment = now()
    values = {
        **{field: getattr(new, field) for field in new.__dataclass_fields__},
        "kind": new.kind.value,
        "revision": 1,
        "stamp": _new_stamp(),
        "item_count": 0,
        "size": 0,
        "created": moment,
        "modified": moment,
    }
    key: Any = tx.execute(insert(collection), values).inserted_primary_key
    created = collection_of(_BY_ID.first(tx, {"id": key[0]}))
    _remember(tx, created.id, created.revision, created.stamp, moment)
    views.make_way(tx, new.owner_id, new.kind.value, new.name)
    return created


def by_id(tx: Connection, collection_id: int) -> Collection | None:
    """The collection with that id; None for one in the trash, too."""
    row = _BY_ID.first(tx, {"id": collection_id})
    return None if row is None else collection_of(row)


def change(tx: Connection, collection_id: int, **values: Any) -> None:
    """Change columns that describe a collection (display_name, color, …); items keep their revisions."""
    changed = {"modified": now(), **values}
    tx.execute(update(collection).where(collection.c.id == collection_id).values(**changed))


def rename(tx: Connection, target: Collection, name: str) -> None:
    """Give a collection another name in its home; the name must be free."""
    change(tx, target.id, name=name)
    views.make_way(tx, target.owner_id, target.kind.value, name)


def remove(tx: Connection, target: Collection) -> None:
    """Remove a collection with its items; move the bodies to history first (see items.bury)."""
    dead_properties.forget_items(tx, target.id)
    dead_properties.forget(tx, "collection", target.id)
    views.forget(tx, target.id)
    tx.execute(delete(collection).where(collection.c.id == target.id))


def advance(tx: Connection, target: Collection, *, items: int = 0, size: int = 0) -> int:
    """Take the next revision of a locked collection, count items and bytes; returns the revision."""
    taken, stamp, moment = target.revision + 1, _new_stamp(), now()
    values = {
        "b_id": target.id,
        "b_revision": taken,
        "b_stamp": stamp,
        "b_modified": moment,
        "b_items": items,
        "b_size": size,
    }
    _ADVANCE.run(tx, values)
    _remember(tx, target.id, taken, stamp, moment)
    watch.changed(target.id)
    return taken


def advance_by(tx: Connection, target: Collection, count: int, *, items: int, size: int) -> Collection:
    """Take the next ``count`` revisions of a locked collection, count items and bytes; it as it is now."""
    moment = now()
    rows = [
        {"collection_id": target.id, "revision": target.revision + step, "stamp": _new_stamp(), "at": moment}
        for step in range(1, count + 1)
    ]
    taken: dict[str, Any] = rows[-1]
    values = {
        "b_id": target.id,
        "b_revision": taken["revision"],
        "b_stamp": taken["stamp"],
        "b_modified": moment,
        "b_items": items,
        "b_size": size,
    }
    _ADVANCE.run(tx, values)
    _REMEMBER.run_many(tx, rows)
    watch.changed(target.id)
    return target._replace(
        revision=taken["revision"],
        stamp=taken["stamp"],
        item_count=target.item_count + items,
        size=target.size + size,
        modified=moment,
    )


def _remember(tx: Connection, collection_id: int, taken: int, stamp: str, moment: int) -> None:
    _REMEMBER.run(tx, {"collection_id": collection_id, "revision": taken, "stamp": stamp, "at": moment})


def _new_stamp() -> str:
    return secrets.token_hex(6)


def stamp_of(tx: Connection, collection_id: int, at_revision: int) -> str | None:
    """The stamp that this database gave to a revision, None for one that it never took."""
    row = _STAMP.first(tx, {"id": collection_id, "revision": at_revision})
    return None if row is None else str(row[0])


def home_state(held: Sequence[Collection]) -> str:
    """A text that changes whenever anything in a home changes (getctag of a home, for iOS)."""
    revisions, moments = sum(one.revision for one in held), sum(one.modified for one in held)
    return f"{len(held)}-{revisions}-{moments}-{max((one.id for one in held), default=0)}"


def used_bytes(tx: Connection, owner_id: int) -> int:
    """Bytes of all bodies that the principal owns (RFC 4331 quota-used-bytes)."""
    return int(_USED.first(tx, {"owner_id": owner_id})[0])


def granted(tx: Connection, collection_id: int, user_id: int) -> frozenset[str]:
    """What the access list and the shares grant a user, himself or by his groups.

    Privileges, and for shares the word of model.Access.
    """
    rows = _GRANTED.rows(tx, {"id": collection_id, "user_id": user_id})
    return frozenset(word for row in rows for word in row[1].split())


def granted_in(tx: Connection, collection_ids: Iterable[int], user_id: int) -> dict[int, frozenset[str]]:
    """The same for several collections, in one statement."""
    found: dict[int, frozenset[str]] = {}
    for key, words in tx.execute(_GRANTED_IN, {"ids": list(collection_ids), "user_id": user_id}):
        found[key] = found.get(key, frozenset()) | frozenset(words.split())
    return found


def acls(tx: Connection, collection_ids: Iterable[int]) -> dict[int, list[tuple[str | None, frozenset[str]]]]:
    """The access lists (RFC 3744 5.5) of several collections: principal name (None: all) and privileges."""
    found: dict[int, list[tuple[str | None, frozenset[str]]]] = {}
    for collection_id, name, privileges in tx.execute(_ACLS, {"ids": list(collection_ids)}):
        found.setdefault(collection_id, []).append((name, frozenset(privileges.split())))
    return found


def set_acl(tx: Connection, collection_id: int, entries: Iterable[Ace]) -> None:
    """Replace the access control list of a collection."""
    tx.execute(delete(ace).where(ace.c.collection_id == collection_id))
    rows = [
        {
            "collection_id": collection_id,
            "principal_id": entry.principal_id,
            "privileges": " ".join(sorted(entry.privileges)),
        }
        for entry in entries
    ]
    if rows:
        tx.execute(insert(ace), rows)
