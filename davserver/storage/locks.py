"""The table of WebDAV locks as the storage that WsgiDAV's LockManager asks for.

A LockStorage belongs to one transaction: the manager's checks and the write they allow are one step, also
between processes. Lock dictionaries have WsgiDAV's keys: root, type, scope, depth, owner (bytes of XML),
timeout (seconds, -1 endless), principal, token, expire (UTC seconds, -1 never).
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import Connection, Integer, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from davserver.storage.engine import now
from davserver.storage.prepared import Prepared
from davserver.storage.schema import lock, principal

LONGEST = 7 * 24 * 3600
"""No lock outlives a week without a refresh; endless ones are cut to it (RFC 4918 10.7 allows that)."""

_COLUMNS = (
    lock.c.root,
    lock.c.scope,
    lock.c.depth,
    lock.c.owner,
    lock.c.timeout,
    principal.c.name,
    lock.c.token,
    lock.c.expires,
)
_LOCKS = select(*_COLUMNS).select_from(lock.join(principal, principal.c.id == lock.c.principal_id))
_VALID = lock.c.expires >= bindparam("now")
_ANY = Prepared(select(lock.c.token).where(_VALID).limit(1))
_BY_TOKEN = _LOCKS.where(lock.c.token == bindparam("token"), _VALID)


def _lock(row: Any) -> dict[str, Any]:
    keys = ("root", "scope", "depth", "owner", "timeout", "principal", "token", "expire")
    values = dict(zip(keys, row, strict=True))
    return {**values, "type": "write", "owner": values["owner"].encode()}


def _start(root: str) -> str:
    """What all paths below a root start with. Compared as a piece of text: the order of texts is a matter
    of the database's locale, and LIKE of its letter case."""
    return root.rstrip("/") + "/"


def _is_below(root: str) -> ColumnElement[bool]:
    start = _start(root)
    return func.substr(lock.c.root, 1, len(start)) == start


def any_around(tx: Connection, *paths: str) -> bool:
    """Whether there is any lock on, above or below one of the paths. The cheap question of each write:
    mostly nothing is locked at all.
    """
    if _ANY.first(tx, {"now": now()}) is None:
        return False
    split = [path.strip("/").split("/") for path in paths]
    roots = {"/" + "/".join(parts[:depth]) for parts in split for depth in range(len(parts) + 1)}
    around = or_(lock.c.root.in_(sorted(roots)), *(_is_below(path) for path in paths))
    return tx.execute(select(lock.c.token).where(around, _VALID), {"now": now()}).first() is not None


class LockStorage:
    """WsgiDAV's lock storage interface over one transaction."""

    def __init__(self, tx: Connection, principal_id: int) -> None:
        self.tx = tx
        self.principal_id = principal_id

    def open(self) -> None:
        """Nothing to open: the transaction is."""

    def close(self) -> None:
        """Nothing to close."""

    def get(self, token: str) -> dict[str, Any] | None:
        """A lock by its token, None where it is unknown or has expired."""
        row = self.tx.execute(_BY_TOKEN, {"token": token, "now": now()}).first()
        return None if row is None else _lock(row)

    def create(self, path: str, new: dict[str, Any]) -> dict[str, Any]:
        """Keep a new lock; fills in token, expire and the granted timeout."""
        self.tx.execute(delete(lock).where(lock.c.expires < now()))
        timeout = _granted(new["timeout"])
        new.update(token=f"opaquelocktoken:{secrets.token_hex(16)}", timeout=timeout, expire=now() + timeout)
        row = {
            "token": new["token"],
            "root": path,
            "principal_id": self.principal_id,
            "scope": new["scope"],
            "depth": new["depth"],
            "owner": new["owner"].decode(),
            "timeout": timeout,
            "expires": new["expire"],
        }
        self.tx.execute(insert(lock), row)
        return new

    def refresh(self, token: str, *, timeout: float) -> dict[str, Any] | None:
        """Start a lock's time anew."""
        granted = _granted(timeout)
        changed = {"timeout": granted, "expires": now() + granted}
        self.tx.execute(update(lock).where(lock.c.token == token).values(**changed))
        return self.get(token)

    def delete(self, token: str) -> bool:
        """Give a lock up."""
        return self.tx.execute(delete(lock).where(lock.c.token == token)).rowcount > 0

    def get_lock_list(
        self, path: str, *, include_root: bool, include_children: bool, token_only: bool
    ) -> list[Any]:
        """Locks on a path (WsgiDAV's parents end with a slash) and, if wanted, on what lies below it."""
        path = path.rstrip("/") or "/"
        conditions: list[ColumnElement[bool]] = []
        if include_root:
            conditions.append(lock.c.root == path)
        if include_children:
            conditions.append(_is_below(path))
        rows = self.tx.execute(_LOCKS.where(or_(*conditions), _VALID), {"now": now()})
        found = [_lock(row) for row in rows]
        return [one["token"] for one in found] if token_only else found


def _granted(timeout: float) -> int:
    return LONGEST if timeout < 0 else min(int(timeout), LONGEST)


def forget(tx: Connection, path: str) -> None:
    """Drop the locks on a resource that is gone and on all below it (RFC 4918 9.6, 9.9)."""
    start = _start(path)
    _FORGET.run(tx, {"b_root": path, "b_start": start, "b_length": len(start)})


_FORGET = Prepared(
    delete(lock).where(
        or_(
            lock.c.root == bindparam("b_root"),
            func.substr(lock.c.root, 1, bindparam("b_length", type_=Integer)) == bindparam("b_start"),
        )
    )
)
