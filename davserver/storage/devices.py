"""Who connects with which client, from where, when last: written every quarter of an hour at most."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from davserver.storage.engine import now
from davserver.storage.schema import app_password, device, principal

KEPT = 180 * 86_400
"""Seconds after which a device that was not seen is forgotten."""


@dataclass(frozen=True, slots=True)
class Device:
    """A client of a person. ``label``: the app password that it uses, "" for the account's own password."""

    id: int
    owner: str
    agent: str
    address: str
    first_seen: int
    last_seen: int
    label: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a request shows; ``credential_id`` is the app password's, 0 for the account's own password."""

    principal_id: int
    credential_id: int
    agent: str
    address: str


def note(tx: Connection, seen: Seen) -> None:
    """The device was here."""
    moment = now()
    same = (device.c.principal_id == seen.principal_id) & (device.c.credential_id == seen.credential_id)
    same &= (device.c.agent == seen.agent) & (device.c.address == seen.address)
    if tx.execute(update(device).where(same).values(last_seen=moment)).rowcount == 0:
        tx.execute(insert(device), {**asdict(seen), "first_seen": moment, "last_seen": moment})


_LISTED: Any = (
    select(
        device.c.id,
        principal.c.name,
        device.c.agent,
        device.c.address,
        device.c.first_seen,
        device.c.last_seen,
        func.coalesce(app_password.c.label, ""),
    )
    .select_from(
        device.join(principal, principal.c.id == device.c.principal_id).outerjoin(
            app_password, app_password.c.id == device.c.credential_id
        )
    )
    .order_by(device.c.last_seen.desc(), device.c.id.desc())
)


def listing(tx: Connection, principal_id: int | None, limit: int, offset: int = 0) -> list[Device]:
    """The devices of a person, or of all, the one seen last first; one statement."""
    statement = _LISTED if principal_id is None else _LISTED.where(device.c.principal_id == principal_id)
    return [Device(*row) for row in tx.execute(statement.limit(limit).offset(offset))]


def forget_old(tx: Connection) -> int:
    """Remove what was not seen for half a year; returns how many."""
    return tx.execute(delete(device).where(device.c.last_seen < now() - KEPT)).rowcount
