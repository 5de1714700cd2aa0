"""Who is at a piece of work: a lease is two columns of its row, ``lease_owner`` and ``lease_until``.

Whoever sets them while they are free or over has the piece. What a process is, and whether it still lives,
is not known here (sync/owners).
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, or_, select, update

from davserver.storage.engine import now
from davserver.storage.schema import remote_account, subscription

ACCOUNTS, FEEDS = remote_account, subscription
TABLES = (ACCOUNTS, FEEDS)
"""Every table whose rows are worked on under a lease."""


def take(tx: Connection, table: Table, key: int, owner: str, until: int) -> bool:
    """Take or renew a lease; False where another has it."""
    is_free = or_(table.c.lease_until <= now(), table.c.lease_owner == owner)
    statement = update(table).where(table.c.id == key, is_free)
    return tx.execute(statement.values(lease_owner=owner, lease_until=until)).rowcount == 1


def end(tx: Connection, table: Table, owner: str) -> None:
    """End the leases of an owner."""
    tx.execute(update(table).where(table.c.lease_owner == owner).values(lease_owner="", lease_until=0))


def owners(tx: Connection) -> set[str]:
    """Who holds leases now."""
    found: set[str] = set()
    for table in TABLES:
        found |= set(tx.execute(select(table.c.lease_owner).where(table.c.lease_until > now())).scalars())
    return found
