"""Dead properties (RFC 4918 section 4.1): what clients keep here and the server does not understand.

A property belongs to a scope (principal, the two homes, collection, item, view: what a person keeps at a
collection that is shared with him) and the id in it. The value is
the whole element as canonical XML text, as the protocol made it.
"""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from davserver.storage.prepared import Prepared
from davserver.storage.schema import collection, dead_property, item, shared_view

PRINCIPAL_SCOPES = ("principal", "calendar-home", "addressbook-home")

_OF = Prepared(
    select(dead_property.c.name, dead_property.c.value).where(
        dead_property.c.scope == bindparam("scope"), dead_property.c.scope_id == bindparam("id")
    )
)
_OF_ITEMS = (
    select(dead_property.c.scope_id, dead_property.c.name, dead_property.c.value)
    .select_from(dead_property.join(item, item.c.id == dead_property.c.scope_id))
    .where(dead_property.c.scope == "item", item.c.collection_id == bindparam("id"))
)
_OF_COLLECTIONS = (
    select(dead_property.c.scope_id, dead_property.c.name, dead_property.c.value)
    .select_from(dead_property.join(collection, collection.c.id == dead_property.c.scope_id))
    .where(dead_property.c.scope == "collection", collection.c.owner_id == bindparam("id"))
)
_OF_VIEWS = (
    select(dead_property.c.scope_id, dead_property.c.name, dead_property.c.value)
    .select_from(dead_property.join(shared_view, shared_view.c.id == dead_property.c.scope_id))
    .where(dead_property.c.scope == "view", shared_view.c.user_id == bindparam("id"))
)

ByName = dict[str, str]


def of(tx: Connection, scope: str, scope_id: int) -> ByName:
    """All dead properties of one resource: Clark name → element text."""
    return {row[0]: row[1] for row in _OF.rows(tx, {"scope": scope, "id": scope_id})}


def of_items(tx: Connection, collection_id: int, names: Names[str] | None = None) -> dict[int, ByName]:
    """Dead properties of the items of a collection, by item id; only ``names`` where given."""
    return _grouped(tx, _OF_ITEMS, collection_id, names)


def of_collections(tx: Connection, owner_id: int, names: Names[str] | None = None) -> dict[int, ByName]:
    """Dead properties of a principal's collections, by collection id; only ``names`` where given."""
    return _grouped(tx, _OF_COLLECTIONS, owner_id, names)


def of_views(tx: Connection, user_id: int, names: Names[str] | None = None) -> dict[int, ByName]:
    """What a user keeps at collections shared with him, by view id; only ``names`` where given."""
    return _grouped(tx, _OF_VIEWS, user_id, names)


def of_principals(tx: Connection, principal_ids: Names[int]) -> dict[int, ByName]:
    """Dead properties of principals, by principal id."""
    ids = dead_property.c.scope_id.in_(sorted(principal_ids))
    statement = select(dead_property.c.scope_id, dead_property.c.name, dead_property.c.value)
    found: dict[int, ByName] = {}
    for scope_id, name, value in tx.execute(statement.where(dead_property.c.scope == "principal", ids)):
        found.setdefault(scope_id, {})[name] = value
    return found


def _grouped(tx: Connection, statement: Any, key: int, names: Names[str] | None) -> dict[int, ByName]:
    if names is not None:
        statement = statement.where(dead_property.c.name.in_(sorted(names)))
    found: dict[int, ByName] = {}
    for scope_id, name, value in tx.execute(statement, {"id": key}):
        found.setdefault(scope_id, {})[name] = value
    return found


def put(tx: Connection, scope: str, scope_id: int, name: str, value: str) -> None:
    """Set one property."""
    remove(tx, scope, scope_id, name)
    tx.execute(insert(dead_property), {"scope": scope, "scope_id": scope_id, "name": name, "value": value})


def restore(tx: Connection, scope: str, scope_id: int, properties: Mapping[str, str]) -> None:
    """Replace all properties of a resource by those of an archive; the values were checked."""
    forget(tx, scope, scope_id)
    for name, value in properties.items():
        put(tx, scope, scope_id, name, value)


def remove(tx: Connection, scope: str, scope_id: int, name: str) -> None:
    """Remove one property; removing one that is not there is no error (RFC 4918 14.23)."""
    tx.execute(delete(dead_property).where(_is(scope, scope_id) & (dead_property.c.name == name)))


def forget(tx: Connection, scope: str, scope_id: int) -> None:
    """Remove all properties of a resource that goes away."""
    _FORGET.run(tx, {"b_scope": scope, "b_id": scope_id})


_FORGET = Prepared(
    delete(dead_property).where(
        dead_property.c.scope == bindparam("b_scope"), dead_property.c.scope_id == bindparam("b_id")
    )
)


def forget_several(tx: Connection, scope: str, scope_ids: Names[int]) -> None:
    """Remove all properties of some resources that go away."""
    gone = dead_property.c.scope_id.in_(list(scope_ids))
    tx.execute(delete(dead_property).where(dead_property.c.scope == scope, gone))


def forget_items(tx: Connection, collection_id: int) -> None:
    """Remove all properties of the items of a collection that goes away."""
    ids = select(item.c.id).where(item.c.collection_id == collection_id)
    tx.execute(
        delete(dead_property).where(dead_property.c.scope == "item", dead_property.c.scope_id.in_(ids))
    )


def copy(tx: Connection, scope: str, source_id: int, target_id: int) -> None:
    """Give the target the source's properties (COPY and MOVE keep dead properties, RFC 4918 9.8.2)."""
    forget(tx, scope, target_id)
    for name, value in of(tx, scope, source_id).items():
        put(tx, scope, target_id, name, value)


def _is(scope: str, scope_id: int) -> Any:
    return (dead_property.c.scope == scope) & (dead_property.c.scope_id == scope_id)
