"""The rows by which people see what is shared with them: made, named and removed as shares come and go.

A view gives nobody access: that is asked of ``share`` and ``membership`` each time (collections.granted,
shares). So a view left behind could do no harm; ``settle`` keeps them to those who have one to have.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, union, update

from davserver.model import PrincipalKind, ShareState
from davserver.storage.prepared import Prepared
from davserver.storage.schema import (
    TRASH,
    collection,
    dead_property,
    membership,
    principal,
    share,
    shared_view,
)

LONGEST_BASE = 200
"""Characters of a view's name before what makes it unique."""

_TAKEN_WAY = Prepared(
    select(shared_view.c.id).where(
        shared_view.c.user_id == bindparam("user_id"),
        shared_view.c.kind == bindparam("kind"),
        shared_view.c.name == bindparam("name"),
    )
)
_OF: Any = share.c.collection_id == bindparam("id")
_PEOPLE: Any = union(
    select(principal.c.id, share.c.initial)
    .select_from(share.join(principal, principal.c.id == share.c.principal_id))
    .where(_OF, principal.c.kind != PrincipalKind.GROUP.value),
    select(membership.c.member_id, share.c.initial)
    .select_from(share.join(membership, membership.c.group_id == share.c.principal_id))
    .where(_OF),
)
_WHOSE: Any = (
    select(collection.c.kind, collection.c.name, collection.c.owner_id, principal.c.name)
    .select_from(collection.join(principal, principal.c.id == collection.c.owner_id))
    .where(collection.c.id == bindparam("id"))
)


def make_way(tx: Connection, user_id: int, kind: str, name: str) -> None:
    """Give a view another name whose place the user's own collection takes."""
    row = _TAKEN_WAY.first(tx, {"user_id": user_id, "kind": kind, "name": name})
    if row is not None:
        other = f"{name[:LONGEST_BASE]}-{secrets.token_hex(4)}"
        raised = {"name": other, "revision": shared_view.c.revision + 1}
        tx.execute(update(shared_view).where(shared_view.c.id == row[0]).values(**raised))


def settle(tx: Connection, collection_id: int) -> list[int]:
    """Make the views of a collection fit its shares; returns the ids of the users who got a new one.

    Called whenever shares or the members of a group have changed. One in the trash is settled when it is
    restored.
    """
    row = tx.execute(_WHOSE, {"id": collection_id}).first()
    if row is None or row[0] == TRASH:
        return []
    kind, name, owner_id, owner = row
    people: dict[int, str] = {}
    for user_id, initial in tx.execute(_PEOPLE, {"id": collection_id}):
        if user_id != owner_id and people.get(user_id) != ShareState.ACCEPTED.value:
            people[user_id] = initial
    held = select(shared_view.c.user_id, shared_view.c.id).where(shared_view.c.collection_id == collection_id)
    there = {row[0]: row[1] for row in tx.execute(held)}
    _remove(tx, [view_id for user_id, view_id in there.items() if user_id not in people])
    missing = {user_id: state for user_id, state in people.items() if user_id not in there}
    _add(tx, collection_id, kind, f"{owner}-{name}"[:LONGEST_BASE], missing)
    counted = select(func.count()).select_from(share).where(share.c.collection_id == collection_id)
    tx.execute(
        update(collection).where(collection.c.id == collection_id).values(shares=counted.scalar_subquery())
    )
    return list(missing)


def settle_all(tx: Connection, collection_ids: Iterable[int]) -> None:
    """Settle several collections."""
    for collection_id in collection_ids:
        settle(tx, collection_id)


def given_to(tx: Connection, principal_id: int) -> list[int]:
    """The ids of the collections that are shared with a user or group itself."""
    statement = select(share.c.collection_id).where(share.c.principal_id == principal_id)
    return list(tx.execute(statement).scalars())


def forget(tx: Connection, collection_id: int) -> None:
    """Remove all views of a collection that goes away."""
    ids = select(shared_view.c.id).where(shared_view.c.collection_id == collection_id)
    _remove(tx, list(tx.execute(ids).scalars()))


def forget_of_user(tx: Connection, user_id: int) -> None:
    """Remove all views of a user who goes away."""
    ids = select(shared_view.c.id).where(shared_view.c.user_id == user_id)
    _remove(tx, list(tx.execute(ids).scalars()))


def _remove(tx: Connection, ids: list[int]) -> None:
    if ids:
        own = (dead_property.c.scope == "view") & dead_property.c.scope_id.in_(ids)
        tx.execute(delete(dead_property).where(own))
        tx.execute(delete(shared_view).where(shared_view.c.id.in_(ids)))


def _add(tx: Connection, collection_id: int, kind: str, base: str, states: dict[int, str]) -> None:
    """New views under the base name, or under one made unique where somebody has it already."""
    if not states:
        return
    own = select(collection.c.owner_id).where(
        collection.c.owner_id.in_(list(states)), collection.c.kind == kind, collection.c.name == base
    )
    shared = select(shared_view.c.user_id).where(
        shared_view.c.user_id.in_(list(states)), shared_view.c.kind == kind, shared_view.c.name == base
    )
    taken = set(tx.execute(union(own, shared)).scalars())
    rows = [
        {
            "user_id": user_id,
            "collection_id": collection_id,
            "kind": kind,
            "name": f"{base}-{secrets.token_hex(4)}" if user_id in taken else base,
            "state": state,
            "transparent": True,
            "revision": 1,
        }
        for user_id, state in states.items()
    ]
    tx.execute(insert(shared_view), rows)
