"""Small named values that live with the data: keys, marks of what has been done."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, bindparam, delete, insert, select

from davserver.storage.engine import Store
from davserver.storage.schema import setting

_GET = select(setting.c.value).where(setting.c.name == bindparam("name"))


def get(tx: Connection, name: str) -> str | None:
    """The value under a name, None where there is none."""
    value: str | None = tx.execute(_GET, {"name": name}).scalar()
    return value


def all_below(tx: Connection, prefix: str) -> dict[str, str]:
    """The values whose names begin so, without the prefix."""
    begins = setting.c.name.startswith(prefix, autoescape=True)
    return {row.name.removeprefix(prefix): row.value for row in tx.execute(select(setting).where(begins))}


def put(tx: Connection, name: str, value: str) -> None:
    """Set a value."""
    remove(tx, name)
    tx.execute(insert(setting), {"name": name, "value": value})


def remove(tx: Connection, name: str) -> None:
    """Forget a value."""
    tx.execute(delete(setting).where(setting.c.name == name))


def shared_key(store: Store, name: str) -> bytes:
    """A random key of 32 bytes that all processes share; made by whoever needs it first."""
    with store.read() as tx:
        key = get(tx, name)
    if key is None:
        with store.write() as tx:
            key = get(tx, name) or secrets.token_hex(32)
            put(tx, name, key)
    return bytes.fromhex(key)
