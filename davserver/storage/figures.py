"""Numbers for the dashboard: how much of everything there is. Each function is one statement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from davserver.model import CollectionKind, PrincipalKind
from davserver.storage.schema import collection, item, principal


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is in the whole database; ``size`` in bytes."""

    users: int
    calendars: int
    events: int
    tasks: int
    addressbooks: int
    contacts: int
    size: int


def _collections(kind: CollectionKind, value: Any) -> Any:
    return select(value).select_from(collection).where(collection.c.kind == kind.value).scalar_subquery()


def _items(component: str) -> Any:
    return select(func.count()).select_from(item).where(item.c.component == component).scalar_subquery()


_TOTALS: Any = select(
    select(func.count())
    .select_from(principal)
    .where(principal.c.kind == PrincipalKind.USER.value)
    .scalar_subquery(),
    _collections(CollectionKind.CALENDAR, func.count()),
    _items("VEVENT"),
    _items("VTODO"),
    _collections(CollectionKind.ADDRESSBOOK, func.count()),
    _collections(CollectionKind.ADDRESSBOOK, func.coalesce(func.sum(collection.c.item_count), 0)),
    select(func.coalesce(func.sum(collection.c.size), 0)).scalar_subquery(),
)


def totals(tx: Connection) -> Totals:
    """How much there is of everything."""
    return Totals(*(int(value) for value in tx.execute(_TOTALS).one()))
