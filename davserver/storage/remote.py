"""Accounts on other servers, their collections, what is remembered of each item, lost versions, the log.

The state of an item and the item itself are written in one transaction, so a run may be killed anywhere.
"Changed here" is an item whose revision is not the remembered one; there are no marks that could be
forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, update

from davserver.model import (
    CollectionKind,
    Direction,
    Item,
    ItemState,
    Policy,
    RemoteAccount,
    RemoteCollection,
    RemoteConflict,
    RemoteItem,
    RemoteRun,
)
from davserver.sentences import unpacked
from davserver.storage.engine import now
from davserver.storage.items import COLUMNS, NAMES_PER_STATEMENT
from davserver.storage.prepared import Prepared, PreparedIn
from davserver.storage.schema import (
    collection as local_collection,
)
from davserver.storage.schema import (
    item,
    remote_account,
    remote_collection,
    remote_conflict,
    remote_item,
    remote_run,
    tombstone,
)

BATCH = 200
DAY = 86_400


# -- accounts ----------------------------------------------------------------------------------------


def _account(row: Any) -> RemoteAccount:
    return RemoteAccount(**row._mapping)


def add_account(tx: Connection, **values: Any) -> int:
    """A new account; returns its id."""
    row = {
        "preset": "generic",
        "auth_kind": "basic",
        "username": "",
        "secret": "",
        "oauth_meta": "",
        "ca_pem": "",
        "fingerprint": "",
        "principal_cal": "",
        "principal_card": "",
        "home_cal": "",
        "home_card": "",
        "active": True,
        "follow_new": False,
        "lease_owner": "",
        "lease_until": 0,
        "fail_count": 0,
        "error_code": "",
        "error_text": "",
        "progress": "",
        "trace": "",
        "created": now(),
        **values,
    }
    key: Any = tx.execute(insert(remote_account), row).inserted_primary_key
    return int(key[0])


def account(tx: Connection, account_id: int) -> RemoteAccount | None:
    """One account."""
    row = tx.execute(select(remote_account).where(remote_account.c.id == account_id)).first()
    return None if row is None else _account(row)


def accounts_of(tx: Connection, owner_id: int | None = None) -> list[RemoteAccount]:
    """The accounts of one user, or all, oldest first."""
    statement = select(remote_account).order_by(remote_account.c.id)
    if owner_id is not None:
        statement = statement.where(remote_account.c.owner_id == owner_id)
    return [_account(row) for row in tx.execute(statement)]


PUSH_SECONDS = 3
"""From a change here to its push: changes come in company."""

_FREE = and_(remote_account.c.active.is_(True), remote_account.c.next_run.is_not(None))
_CHANGED: Any = (
    select(remote_account.c.id, func.max(local_collection.c.modified))
    .select_from(
        remote_collection.join(
            local_collection, local_collection.c.id == remote_collection.c.collection_id
        ).join(remote_account, remote_account.c.id == remote_collection.c.account_id)
    )
    .where(
        _FREE,
        remote_collection.c.subscribed.is_(True),
        remote_account.c.fail_count == 0,
        remote_account.c.lease_until <= bindparam("moment"),
        local_collection.c.revision != remote_collection.c.seen_revision,
        local_collection.c.modified >= func.coalesce(remote_account.c.last_run, 0),
    )
    .group_by(remote_account.c.id)
)
"""Accounts with a collection that was changed here since the last run: their push is due soon."""


def due(tx: Connection, moment: int) -> list[int]:
    """Ids of the accounts whose time has come, or that have something to push; nobody is at them."""
    statement = (
        select(remote_account.c.id)
        .where(_FREE, remote_account.c.next_run <= moment, remote_account.c.lease_until <= moment)
        .order_by(remote_account.c.next_run)
    )
    timed = list(tx.execute(statement).scalars())
    changed = tx.execute(_CHANGED, {"moment": moment})
    return list(dict.fromkeys([*timed, *(row[0] for row in changed if row[1] + PUSH_SECONDS <= moment)]))


def next_due(tx: Connection) -> int | None:
    """When the next account is due; None where none ever is."""
    statement = select(func.min(remote_account.c.next_run)).where(
        _FREE, remote_account.c.lease_until <= now()
    )
    moments = [tx.execute(statement).scalar()]
    moments += [row[1] + PUSH_SECONDS for row in tx.execute(_CHANGED, {"moment": now()})]
    return min((one for one in moments if one is not None), default=None)


def watched(tx: Connection) -> frozenset[int]:
    """The local collections whose changes are to be pushed soon."""
    statement = (
        select(remote_collection.c.collection_id)
        .join(remote_account, remote_account.c.id == remote_collection.c.account_id)
        .where(
            _FREE,
            remote_collection.c.subscribed.is_(True),
            remote_collection.c.direction != Direction.PULL.value,
        )
    )
    return frozenset(one for one in tx.execute(statement).scalars() if one is not None)


def change_account(tx: Connection, account_id: int, **values: Any) -> None:
    """Change columns of an account."""
    tx.execute(update(remote_account).where(remote_account.c.id == account_id).values(**values))


def remove_account(tx: Connection, account_id: int) -> None:
    """Forget an account with all that is remembered of it; the collections and lost versions stay."""
    tx.execute(delete(remote_account).where(remote_account.c.id == account_id))


# -- collections -------------------------------------------------------------------------------------


def _collection(row: Any) -> RemoteCollection:
    values = dict(row._mapping)
    values["kind"] = CollectionKind(values["kind"])
    values["direction"] = Direction(values["direction"])
    values["policy"] = Policy(values["policy"])
    return RemoteCollection(**values)


def add_collection(tx: Connection, account_id: int, kind: CollectionKind, href: str, **values: Any) -> int:
    """A newly seen remote collection; returns its id."""
    row = {
        "account_id": account_id,
        "kind": kind.value,
        "href": href,
        "display_name": "",
        "color": "",
        "components": "",
        "direction": Direction.TWO_WAY.value,
        "policy": Policy.REMOTE.value,
        "subscribed": False,
        "read_only": False,
        "reports": True,
        "initial": True,
        "sync_token": "",
        "ctag": "",
        "seen_revision": 0,
        "full_scan_at": 0,
        "gone_count": 0,
        "error_code": "",
        "error_text": "",
        "guard": "",
        "stats": "",
        **values,
    }
    key: Any = tx.execute(insert(remote_collection), row).inserted_primary_key
    return int(key[0])


def collection(tx: Connection, remote_id: int) -> RemoteCollection | None:
    """One remote collection."""
    row = tx.execute(select(remote_collection).where(remote_collection.c.id == remote_id)).first()
    return None if row is None else _collection(row)


def collections_of(tx: Connection, account_id: int) -> list[RemoteCollection]:
    """The collections of an account, oldest first."""
    statement = (
        select(remote_collection)
        .where(remote_collection.c.account_id == account_id)
        .order_by(remote_collection.c.id)
    )
    return [_collection(row) for row in tx.execute(statement)]


def linked_to(tx: Connection, collection_ids: Iterable[int]) -> dict[int, RemoteCollection]:
    """The subscribed remote collections by the local collection that each is linked with."""
    statement = select(remote_collection).where(
        remote_collection.c.collection_id.in_(list(collection_ids)), remote_collection.c.subscribed.is_(True)
    )
    found = (_collection(row) for row in tx.execute(statement))
    return {one.collection_id: one for one in found if one.collection_id is not None}


def change_collection(tx: Connection, remote_id: int, **values: Any) -> None:
    """Change columns of a remote collection."""
    tx.execute(update(remote_collection).where(remote_collection.c.id == remote_id).values(**values))


def forget_collection(tx: Connection, remote_id: int) -> None:
    """Forget a remote collection with what is remembered of its items."""
    tx.execute(delete(remote_collection).where(remote_collection.c.id == remote_id))


# -- items -------------------------------------------------------------------------------------------

_ITEM_COLUMNS = tuple(remote_item.c[name] for name in RemoteItem._fields)


def _item(row: Any) -> RemoteItem:
    return RemoteItem._make((*row[:10], bool(row[10]), ItemState(row[11]), unpacked(row[12])))


_ADD_ITEM: Any = insert(remote_item)
_NEW_ITEM = {
    "name": None,
    "uid": "",
    "local_revision": 0,
    "etag": "",
    "base_hash": "",
    "inflight_hash": "",
    "inflight_revision": 0,
    "unconfirmed": False,
    "state": ItemState.OK.value,
    "error_text": "",
}
_ADD_ITEMS = Prepared(insert(remote_item).inline(), columns=("remote_id", "href", *_NEW_ITEM))


def add_item(tx: Connection, remote_id: int, href: str, **values: Any) -> RemoteItem:
    """Remember an item."""
    row: dict[str, Any] = {"remote_id": remote_id, "href": href, **_NEW_ITEM, **values}
    key: Any = tx.execute(_ADD_ITEM, row).inserted_primary_key
    return RemoteItem(id=int(key[0]), **{**row, "state": ItemState(row["state"])})


def add_items(tx: Connection, remote_id: int, rows: Iterable[dict[str, Any]]) -> None:
    """Remember many items at once, none of them in trouble; each row has its ``href``."""
    _ADD_ITEMS.run_many(tx, [{"remote_id": remote_id, **_NEW_ITEM, **row} for row in rows])


def change_item(tx: Connection, item_id: int, **values: Any) -> None:
    """Change what is remembered of an item."""
    tx.execute(update(remote_item).where(remote_item.c.id == item_id).values(**values))


def forget_item(tx: Connection, item_id: int) -> None:
    """Forget an item."""
    tx.execute(delete(remote_item).where(remote_item.c.id == item_id))


def forget_items(tx: Connection, remote_id: int) -> None:
    """Forget all items of a collection: the next run pairs both sides anew."""
    tx.execute(delete(remote_item).where(remote_item.c.remote_id == remote_id))


_OF_COLLECTION = remote_item.c.remote_id == bindparam("remote_id")
_BY_HREF = Prepared(select(*_ITEM_COLUMNS).where(_OF_COLLECTION, remote_item.c.href == bindparam("href")))
_BY_NAME = Prepared(select(*_ITEM_COLUMNS).where(_OF_COLLECTION, remote_item.c.name == bindparam("name")))
_BY_HREFS = PreparedIn(
    lambda hrefs: select(*_ITEM_COLUMNS).where(_OF_COLLECTION, remote_item.c.href.in_(hrefs))
)
_KNOWN_NAMES = PreparedIn(
    lambda names: select(remote_item.c.name).where(_OF_COLLECTION, remote_item.c.name.in_(names))
)


def item_by_href(tx: Connection, remote_id: int, href: str) -> RemoteItem | None:
    """What is remembered of an href."""
    row = _BY_HREF.first(tx, {"remote_id": remote_id, "href": href})
    return None if row is None else _item(row)


def item_by_name(tx: Connection, remote_id: int, name: str) -> RemoteItem | None:
    """What is remembered of a local item."""
    row = _BY_NAME.first(tx, {"remote_id": remote_id, "name": name})
    return None if row is None else _item(row)


def items_by_href(tx: Connection, remote_id: int, hrefs: Iterable[str]) -> dict[str, RemoteItem]:
    """What is remembered of some hrefs."""
    found: dict[str, RemoteItem] = {}
    wanted = list(hrefs)
    for start in range(0, len(wanted), NAMES_PER_STATEMENT):
        part = wanted[start : start + NAMES_PER_STATEMENT]
        found.update((row[2], _item(row)) for row in _BY_HREFS.rows(tx, part, {"remote_id": remote_id}))
    return found


def names_known(tx: Connection, remote_id: int, names: Sequence[str]) -> set[str]:
    """Those of some local names (NAMES_PER_STATEMENT at most) that something is remembered of."""
    return {row[0] for row in _KNOWN_NAMES.rows(tx, names, {"remote_id": remote_id})} if names else set()


def all_items(tx: Connection, remote_id: int) -> dict[str, RemoteItem]:
    """Everything remembered of a collection, by href."""
    statement = select(*_ITEM_COLUMNS).where(remote_item.c.remote_id == remote_id)
    return {row[2]: _item(row) for row in tx.execute(statement)}


def open_items(tx: Connection, remote_id: int) -> list[RemoteItem]:
    """Items that were sent and not answered, or not yet seen in a listing."""
    statement = select(*_ITEM_COLUMNS).where(
        remote_item.c.remote_id == remote_id,
        or_(remote_item.c.inflight_hash != "", remote_item.c.unconfirmed.is_(True)),
    )
    return [_item(row) for row in tx.execute(statement)]


def confirm_items(tx: Connection, remote_id: int) -> None:
    """Everything that was answered is part of the state that the token stands for."""
    tx.execute(
        update(remote_item)
        .where(
            remote_item.c.remote_id == remote_id,
            remote_item.c.unconfirmed.is_(True),
            remote_item.c.inflight_hash == "",
        )
        .values(unconfirmed=False)
    )


def troubled_items(tx: Connection, remote_id: int, limit: int) -> list[RemoteItem]:
    """Items that are not kept in step, with the reason in ``error_text``."""
    statement = (
        select(*_ITEM_COLUMNS)
        .where(remote_item.c.remote_id == remote_id, remote_item.c.state != ItemState.OK.value)
        .order_by(remote_item.c.id)
        .limit(limit)
    )
    return [_item(row) for row in tx.execute(statement)]


def count_items(tx: Connection, remote_id: int) -> int:
    """How many items are linked with one here."""
    statement = select(func.count()).where(
        remote_item.c.remote_id == remote_id, remote_item.c.name.is_not(None)
    )
    return int(tx.execute(statement).scalar_one())


def counts(tx: Connection, account_id: int) -> tuple[dict[int, int], dict[int, int]]:
    """How many items are linked, and how many are not kept in step, by remote collection."""
    joined = remote_item.join(remote_collection, remote_collection.c.id == remote_item.c.remote_id)
    found = []
    for condition in (remote_item.c.name.is_not(None), remote_item.c.state != ItemState.OK.value):
        statement = (
            select(remote_item.c.remote_id, func.count())
            .select_from(joined)
            .where(remote_collection.c.account_id == account_id, condition)
            .group_by(remote_item.c.remote_id)
        )
        found.append({row[0]: row[1] for row in tx.execute(statement)})
    return found[0], found[1]


_LINK = and_(remote_item.c.remote_id == bindparam("remote_id"), remote_item.c.name == item.c.name)
_CHANGED_HERE: Any = (
    select(*COLUMNS)
    .select_from(item.outerjoin(remote_item, _LINK))
    .where(
        item.c.collection_id == bindparam("collection_id"),
        item.c.revision > bindparam("since"),
        or_(remote_item.c.id.is_(None), remote_item.c.local_revision != item.c.revision),
    )
    .order_by(item.c.revision)
)
_GONE_HERE: Any = (
    select(*_ITEM_COLUMNS)
    .select_from(
        remote_item.join(
            tombstone,
            and_(
                tombstone.c.collection_id == bindparam("collection_id"),
                tombstone.c.name == remote_item.c.name,
            ),
        )
    )
    .where(remote_item.c.remote_id == bindparam("remote_id"), tombstone.c.revision > bindparam("since"))
    .order_by(tombstone.c.revision)
)


def changed_here(tx: Connection, remote: RemoteCollection) -> list[Item]:
    """Local items after ``seen_revision`` that are new or differ from what was agreed, oldest first."""
    values = {
        "remote_id": remote.id,
        "collection_id": remote.collection_id,
        "since": remote.seen_revision,
    }
    return [Item._make(row) for row in tx.execute(_CHANGED_HERE, values)]


def gone_here(tx: Connection, remote: RemoteCollection) -> list[RemoteItem]:
    """Linked items that were deleted here after ``seen_revision``."""
    values = {
        "remote_id": remote.id,
        "collection_id": remote.collection_id,
        "since": remote.seen_revision,
    }
    return [_item(row) for row in tx.execute(_GONE_HERE, values)]


# -- lost versions -----------------------------------------------------------------------------------


def _conflict(row: Any) -> RemoteConflict:
    values = dict(row._mapping)
    return RemoteConflict(**{**values, "kind": CollectionKind(values["kind"])})


def add_conflict(tx: Connection, **values: Any) -> int:
    """Keep a version that lost."""
    key: Any = tx.execute(insert(remote_conflict), {"at": now(), **values}).inserted_primary_key
    return int(key[0])


def conflict(tx: Connection, conflict_id: int) -> RemoteConflict | None:
    """One lost version."""
    row = tx.execute(select(remote_conflict).where(remote_conflict.c.id == conflict_id)).first()
    return None if row is None else _conflict(row)


def conflicts_of(tx: Connection, owner_id: int, *, limit: int, offset: int = 0) -> list[RemoteConflict]:
    """The lost versions of one user, newest first."""
    statement = (
        select(remote_conflict)
        .where(remote_conflict.c.owner_id == owner_id)
        .order_by(remote_conflict.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_conflict(row) for row in tx.execute(statement)]


def count_conflicts(tx: Connection, owner_id: int, account_id: int | None = None) -> int:
    """How many lost versions of one user, or of one account, are kept."""
    statement = select(func.count()).where(remote_conflict.c.owner_id == owner_id)
    if account_id is not None:
        statement = statement.where(remote_conflict.c.account_id == account_id)
    return int(tx.execute(statement).scalar_one())


def mark_restored(tx: Connection, conflict_id: int) -> None:
    """Note that a lost version was brought back."""
    tx.execute(update(remote_conflict).where(remote_conflict.c.id == conflict_id).values(restored=now()))


# -- the log -----------------------------------------------------------------------------------------


def add_run(tx: Connection, **values: Any) -> None:
    """Log one run."""
    tx.execute(insert(remote_run), values)


def runs_of(tx: Connection, account_id: int, limit: int) -> list[RemoteRun]:
    """The last runs of an account, newest first."""
    statement = (
        select(remote_run)
        .where(remote_run.c.account_id == account_id)
        .order_by(remote_run.c.id.desc())
        .limit(limit)
    )
    return [RemoteRun(**row._mapping) for row in tx.execute(statement)]


def forget_old(tx: Connection, *, runs_before: int, conflicts_before: int) -> int:
    """Remove runs and lost versions from before these moments, a batch at a time; returns how many."""
    count = 0
    for table, column, before in (
        (remote_run, remote_run.c.started, runs_before),
        (remote_conflict, remote_conflict.c.at, conflicts_before),
    ):
        old = list(tx.execute(select(table.c.id).where(column < before).limit(BATCH)).scalars())
        tx.execute(delete(table).where(table.c.id.in_(old)))
        count += len(old)
    return count
