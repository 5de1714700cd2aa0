"""Which columns hold secrets that the vault encrypted; reading and renewing them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import Column, Connection, select, update

from davserver.storage import settings
from davserver.storage.schema import link, remote_account, second_factor, subscription

SEALED: tuple[Column[str], ...] = (
    link.c.secret,
    remote_account.c.secret,
    second_factor.c.secret,
    subscription.c.secret,
)
"""Columns of encrypted values; "" where there is none. Every column that the vault fills stands here."""

SEALED_SETTINGS = ("config.mail.password",)
"""Names in the table ``setting`` whose values the vault encrypted."""


def values(tx: Connection) -> Iterator[str]:
    """All encrypted values."""
    for column in SEALED:
        yield from tx.execute(select(column).where(column != "")).scalars()
    yield from (value for name in SEALED_SETTINGS if (value := settings.get(tx, name)))


def renew(tx: Connection, change: Callable[[str], str]) -> int:
    """Replace each encrypted value by what ``change`` makes of it; returns how many."""
    count = 0
    for column in SEALED:
        key = column.table.c.id
        for row_id, value in tx.execute(select(key, column).where(column != "")).fetchall():
            tx.execute(update(column.table).where(key == row_id).values({column.name: change(value)}))
            count += 1
    for name in SEALED_SETTINGS:
        if held := settings.get(tx, name):
            settings.put(tx, name, change(held))
            count += 1
    return count
