"""Queries over the items of a collection: the condition of content.search as SQL.

The rows found are candidates. Where the condition is exact for a row, its body was all that was missing; the
others carry what content.search.decide needs, or a recurrence summary, or are settled by their body.
A statement is made once for each shape of condition; what the condition says goes in as parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, false, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from davserver.content.search import AllOf, AnyOf, Condition, HasComponent, HasText, InWindow, UidContains
from davserver.content.summary import window_months
from davserver.model import Item, ItemIndex, Timing
from davserver.storage.items import BEGINNING, COLUMNS, FOREVER, INDEXED, index_of
from davserver.storage.prepared import Prepared
from davserver.storage.schema import item

FLOATING_SLACK = 16 * 3600
"""Seconds by which a floating time can lie off UTC (old local mean times too); windows are widened by it."""

_WIDTH = len(COLUMNS)
_COLUMNS = (*COLUMNS, *(item.c[name] for name in INDEXED))


def candidates(
    tx: Connection, collection_id: int, condition: Condition | None
) -> Iterator[tuple[Item, ItemIndex]]:
    """Items that may match, in the order of their creation, without bodies."""
    values: dict[str, Any] = {"collection_id": collection_id}
    shape = _shape(condition, values) if condition is not None else ("all",)
    for row in _statement(shape, tx.dialect.name).stream(tx, values):
        yield Item._make(row[:_WIDTH]), index_of(row[_WIDTH:])


Shape = tuple[Any, ...]
"""A condition without its values: nested tuples of a word and names of parameters."""


def _shape(condition: Condition, values: dict[str, Any]) -> Shape:
    """The shape of a condition; its values are put under the names that the shape holds."""
    match condition:
        case AllOf(parts):
            return ("allof", *(_shape(part, values) for part in parts))
        case AnyOf(parts):
            return ("anyof", *(_shape(part, values) for part in parts))
        case HasComponent(name):
            return ("component", _put(values, name))
        case UidContains(text):
            return ("uid", _put(values, text))
        case HasText(needle, cut):
            return ("text", _put(values, needle), _put(values, cut))
        case InWindow(start, end):
            early = BEGINNING if start is None else start
            late = FOREVER if end is None else end
            window = (early - FLOATING_SLACK, late + FLOATING_SLACK, early, late, window_months(start, end))
            return ("window", *(_put(values, value) for value in window))


def _put(values: dict[str, Any], value: Any) -> str:
    name = f"p{len(values)}"
    values[name] = value
    return name


@lru_cache(maxsize=256)
def _statement(shape: Shape, dialect: str) -> Prepared:
    where = and_(item.c.collection_id == bindparam("collection_id"), _clause(shape, dialect))
    return Prepared(select(*_COLUMNS).where(where).order_by(item.c.id))


def _clause(shape: Shape, dialect: str) -> ColumnElement[bool]:
    return _CLAUSES[shape[0]](dialect, *shape[1:])


def _contains(dialect: str, column: Any, name: str) -> ColumnElement[bool]:
    """Whether a column contains a text, byte for byte: LIKE would fold letters on SQLite."""
    position = func.strpos if dialect == "postgresql" else func.instr
    return position(column, bindparam(name)) > 0


def _with_uid(dialect: str, text: str) -> Any:
    """Found in the index of UIDs alone, without a look at the rows."""
    in_collection = item.c.collection_id == bindparam("collection_id")
    return select(item.c.id).where(in_collection, _contains(dialect, item.c.uid, text))


def _window(dialect: str, low: str, high: str, start: str, end: str, months: str) -> ColumnElement[bool]:
    """The widened bounds, which the index ranges over; then the exact ones, and the months of series."""
    return and_(
        item.c.last > bindparam(low),
        item.c.first < bindparam(high),
        or_(
            item.c.timing != Timing.EXACT.value,
            and_(item.c.last > bindparam(start), item.c.first < bindparam(end)),
        ),
        item.c.months.bitwise_and(bindparam(months)) != 0,
    )


_CLAUSES: dict[str, Callable[..., ColumnElement[bool]]] = {
    "all": lambda dialect: true(),
    "component": lambda dialect, name: item.c.component == bindparam(name),
    "uid": lambda dialect, text: item.c.id.in_(_with_uid(dialect, text)),
    "text": lambda dialect, needle, cut: or_(
        _contains(dialect, item.c.search, needle), _contains(dialect, item.c.search, cut)
    ),
    "window": _window,
    "allof": lambda dialect, *parts: and_(true(), *(_clause(part, dialect) for part in parts)),
    "anyof": lambda dialect, *parts: or_(false(), *(_clause(part, dialect) for part in parts)),
}
