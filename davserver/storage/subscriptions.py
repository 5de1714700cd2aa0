"""Subscriptions to calendars elsewhere, and what was last taken from each.

``subscription_item`` remembers a digest for each stored item, written in the transaction that writes the
item, so that a fetch that was interrupted is simply done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from davserver.model import FeedState, Subscription
from davserver.storage.engine import now
from davserver.storage.items import NAMES_PER_STATEMENT
from davserver.storage.schema import subscription, subscription_item

NEW: Mapping[str, Any] = {
    "interval_minutes": None,
    "feed_minutes": None,
    "by_content": False,
    "accept_empty": False,
    "etag": "",
    "last_modified": "",
    "digest": "",
    "state": FeedState.NEW.value,
    "error_text": "",
    "failures": 0,
    "skipped": "",
    "lease_owner": "",
    "lease_until": 0,
}


def _subscription(row: Any) -> Subscription:
    values = dict(row._mapping)
    return Subscription(**{**values, "state": FeedState(values["state"])})


def add(tx: Connection, **values: Any) -> int:
    """A new subscription, due now; returns its id."""
    row = {**NEW, "created": now(), "next_run": now(), **values}
    key: Any = tx.execute(insert(subscription), row).inserted_primary_key
    return int(key[0])


def get(tx: Connection, subscription_id: int) -> Subscription | None:
    """One subscription."""
    row = tx.execute(select(subscription).where(subscription.c.id == subscription_id)).first()
    return None if row is None else _subscription(row)


def of_owner(tx: Connection, owner_id: int) -> list[Subscription]:
    """A user's subscriptions, oldest first."""
    statement = select(subscription).where(subscription.c.owner_id == owner_id).order_by(subscription.c.id)
    return [_subscription(row) for row in tx.execute(statement)]


def of_collections(tx: Connection, collection_ids: Iterable[int]) -> dict[int, Subscription]:
    """The subscriptions that fill some collections, by collection id."""
    statement = select(subscription).where(subscription.c.collection_id.in_(list(collection_ids)))
    return {row.collection_id: _subscription(row) for row in tx.execute(statement)}


def change(tx: Connection, subscription_id: int, **values: Any) -> None:
    """Change columns of a subscription."""
    tx.execute(update(subscription).where(subscription.c.id == subscription_id).values(**values))


def remove(tx: Connection, subscription_id: int) -> None:
    """Forget a subscription; its calendar stays as it is."""
    tx.execute(delete(subscription).where(subscription.c.id == subscription_id))


def count_of(tx: Connection, owner_id: int) -> int:
    """How many subscriptions a user has."""
    statement = select(func.count()).where(subscription.c.owner_id == owner_id)
    return int(tx.execute(statement).scalar_one())


# -- when


def due(tx: Connection, moment: int) -> list[int]:
    """Ids of those whose time has come and that nobody is at, longest overdue first."""
    statement = (
        select(subscription.c.id)
        .where(subscription.c.next_run <= moment, subscription.c.lease_until <= moment)
        .order_by(subscription.c.next_run)
    )
    return list(tx.execute(statement).scalars())


def next_due(tx: Connection) -> int | None:
    """When the next one is due; None where none ever is."""
    found: int | None = tx.execute(select(func.min(subscription.c.next_run))).scalar()
    return found


# -- what was taken


def digests(tx: Connection, subscription_id: int) -> dict[str, str]:
    """Item name → digest of what was last taken for it."""
    statement = select(subscription_item.c.name, subscription_item.c.digest).where(
        subscription_item.c.subscription_id == subscription_id
    )
    return {row[0]: row[1] for row in tx.execute(statement)}


def remember(tx: Connection, subscription_id: int, taken: Mapping[str, str]) -> None:
    """Set the digests of some items."""
    forget(tx, subscription_id, taken)
    rows = [
        {"subscription_id": subscription_id, "name": name, "digest": digest} for name, digest in taken.items()
    ]
    if rows:
        tx.execute(insert(subscription_item), rows)


def forget(tx: Connection, subscription_id: int, names: Iterable[str]) -> None:
    """Forget the digests of some items."""
    remaining = list(names)
    for start in range(0, len(remaining), NAMES_PER_STATEMENT):
        batch = remaining[start : start + NAMES_PER_STATEMENT]
        tx.execute(
            delete(subscription_item).where(
                subscription_item.c.subscription_id == subscription_id, subscription_item.c.name.in_(batch)
            )
        )
