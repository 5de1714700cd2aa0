"""Second factors: the sealed secret of an authenticator app, and the digests of recovery codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from davserver.storage.engine import now
from davserver.storage.schema import recovery_code, second_factor


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """``secret`` is sealed by the vault; ``confirmed`` None until a first code was right."""

    secret: str
    confirmed: int | None
    last_step: int


def get(tx: Connection, principal_id: int) -> SecondFactor | None:
    """The person's second factor, also one that waits for its first code."""
    columns = (second_factor.c.secret, second_factor.c.confirmed, second_factor.c.last_step)
    row = tx.execute(select(*columns).where(second_factor.c.principal_id == principal_id)).first()
    return None if row is None else SecondFactor(*row)


def is_on(tx: Connection, principal_id: int) -> bool:
    """Whether the person needs a second factor to sign in."""
    found = get(tx, principal_id)
    return found is not None and found.confirmed is not None


def begin(tx: Connection, principal_id: int, secret: str) -> None:
    """Keep a new sealed secret; it counts when it is confirmed."""
    remove(tx, principal_id)
    tx.execute(insert(second_factor), {"principal_id": principal_id, "secret": secret, "last_step": 0})


def confirm(tx: Connection, principal_id: int, step: int, recovery: Iterable[str]) -> None:
    """From now on it is needed; ``recovery`` are the digests of fresh recovery codes."""
    mine = second_factor.c.principal_id == principal_id
    tx.execute(update(second_factor).where(mine).values(confirmed=now(), last_step=step))
    replace_codes(tx, principal_id, recovery)


def replace_codes(tx: Connection, principal_id: int, recovery: Iterable[str]) -> None:
    """Fresh recovery codes; the old ones are worth nothing."""
    tx.execute(delete(recovery_code).where(recovery_code.c.principal_id == principal_id))
    tx.execute(insert(recovery_code), [{"principal_id": principal_id, "secret": one} for one in recovery])


def take_step(tx: Connection, principal_id: int, step: int) -> bool:
    """Note that the code of this step was used; False if it, or a later one, was already."""
    mine = (second_factor.c.principal_id == principal_id) & (second_factor.c.last_step < step)
    return tx.execute(update(second_factor).where(mine).values(last_step=step)).rowcount == 1


def take_code(tx: Connection, principal_id: int, digest: str) -> bool:
    """Use a recovery code up; False if there is none such."""
    mine = (recovery_code.c.principal_id == principal_id) & (recovery_code.c.secret == digest)
    return tx.execute(delete(recovery_code).where(mine)).rowcount >= 1


def codes_left(tx: Connection, principal_id: int) -> int:
    """How many recovery codes are left."""
    mine = recovery_code.c.principal_id == principal_id
    return int(tx.execute(select(func.count()).select_from(recovery_code).where(mine)).scalar_one())


def remove(tx: Connection, principal_id: int) -> bool:
    """No second factor any more; False if there was none."""
    tx.execute(delete(recovery_code).where(recovery_code.c.principal_id == principal_id))
    mine = second_factor.c.principal_id == principal_id
    return tx.execute(delete(second_factor).where(mine)).rowcount == 1
