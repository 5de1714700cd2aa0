"""Queries over the items of a collection: the condition of content.search as SQL.

The rows found are candidates. Where the condition is exact for a row, its body was all that was missing; the
others carry their search text, so that content.search.decide or a look at the body settles them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, and_, case, false, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from davserver.content.search import AllOf, AnyOf, Condition, HasComponent, HasText, InWindow, UidContains
from davserver.model import Item, ItemIndex, Timing
from davserver.storage.items import COLUMNS
from davserver.storage.schema import body, item

_SEARCHED = (*COLUMNS, item.c.first, item.c.last, item.c.timing, item.c.search)
_TIMINGS = {timing.value: timing for timing in Timing}

FLOATING_SLACK = 16 * 3600
"""Seconds by which a floating time can lie off UTC (old local mean times too); windows are widened by it."""


def candidates(
    tx: Connection, collection_id: int, condition: Condition | None
) -> Iterator[tuple[Item, ItemIndex]]:
    """Items that may match, in the order of their creation, without bodies."""
    where = and_(item.c.collection_id == collection_id, _clause(tx, condition))
    statement = select(*_SEARCHED).where(where).order_by(item.c.id)
    for row in tx.execute(statement, execution_options={"yield_per": 500}):
        found = Item._make(row[:10])
        yield found, ItemIndex(found.component, found.uid, row[10], row[11], _TIMINGS[row[12]], row[13])


def candidates_with_bodies(
    tx: Connection, collection_id: int, condition: Condition | None
) -> Iterator[tuple[Item, ItemIndex, bytes]]:
    """The same with bodies, for queries that return them."""
    where = and_(item.c.collection_id == collection_id, _clause(tx, condition))
    source = item.join(body, body.c.item_id == item.c.id)
    statement = select(*_SEARCHED, body.c.data).select_from(source).where(where).order_by(item.c.id)
    for row in tx.execute(statement, execution_options={"yield_per": 200}):
        found = Item._make(row[:10])
        index = ItemIndex(found.component, found.uid, row[10], row[11], _TIMINGS[row[12]], row[13])
        yield found, index, row[14]


def _clause(tx: Connection, condition: Condition | None) -> ColumnElement[bool]:
    if condition is None:
        return true()
    return _CLAUSES[type(condition)](tx, condition)


def _contains(tx: Connection, column: Any, text: str) -> ColumnElement[bool]:
    """Whether a column contains a text, byte for byte: LIKE would fold letters on SQLite."""
    if tx.dialect.name == "postgresql":
        return func.strpos(column, text) > 0
    return func.instr(column, text) > 0


def _has_text(tx: Connection, condition: HasText) -> ColumnElement[bool]:
    return or_(_contains(tx, item.c.search, condition.needle), _contains(tx, item.c.search, condition.cut))


def _in_window(tx: Connection, condition: InWindow) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = []
    slack = case((item.c.timing == Timing.EXACT, 0), else_=FLOATING_SLACK)
    if condition.end is not None:
        parts.append(or_(item.c.first.is_(None), item.c.first < slack + condition.end))
    if condition.start is not None:
        parts.append(or_(item.c.last.is_(None), item.c.last > condition.start - slack))
    return and_(true(), *parts)


_CLAUSES: dict[type, Callable[[Connection, Any], ColumnElement[bool]]] = {
    HasComponent: lambda tx, condition: item.c.component == condition.name,
    InWindow: _in_window,
    HasText: _has_text,
    UidContains: lambda tx, condition: _contains(tx, item.c.uid, condition.text),
    AllOf: lambda tx, condition: and_(true(), *(_clause(tx, part) for part in condition.parts)),
    AnyOf: lambda tx, condition: or_(false(), *(_clause(tx, part) for part in condition.parts)),
}
