"""Queries over the items of a collection: the condition of content.search as SQL.

The rows found are candidates. Where the condition is exact for a row, its body was all that was missing; the
others carry what content.search.decide needs, or a recurrence summary, or are settled by their body.
A statement is made once for each shape of condition; what the condition says goes in as parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, false, func, or_, select, true
from sqlalchemy.sql.elements import ColumnElement

from davserver.content.search import (
    CUT_MARK,
    AllOf,
    AnyOf,
    Condition,
    HasComponent,
    HasText,
    InWindow,
    UidHasParts,
    UidIs,
)
from davserver.content.summary import window_months
from davserver.model import Busy, Timing
from davserver.storage import texts
from davserver.storage.items import BEGINNING, FOREVER, INDEXED
from davserver.storage.prepared import Prepared, filled
from davserver.storage.schema import item, uid_part

FLOATING_SLACK = 16 * 3600
"""Seconds by which a floating time can lie off UTC (old local mean times too); windows are widened by it."""


def candidates(
    tx: Connection, collection_ids: Sequence[int], condition: Condition | None, columns: tuple[str, ...]
) -> Iterator[Sequence[Any]]:
    """Rows of items of one or several collections that may match, a batch at a time, in no order.

    :param columns: names of the columns of ``item`` that each row begins with; those of INDEXED follow.
    """
    if len(collection_ids) > 1 and condition is not None and _is_looked_up(condition):
        for one in collection_ids:  # what is looked up belongs to one collection
            yield from candidates(tx, (one,), condition, columns)
        return
    for start in range(0, len(collection_ids), MOST_COLLECTIONS):
        ids = filled(collection_ids[start : start + MOST_COLLECTIONS])
        values: dict[str, Any] = {f"c{place}": one for place, one in enumerate(ids)}
        shape: Shape = ("all",)
        if condition is not None:
            shape = _shape(_looked_up(tx, ids[0], condition), values, TEXTS[tx.dialect.name].pattern)
        yield from _statement((shape, columns, len(ids)), tx.dialect.name).batches(tx, values)


def _is_looked_up(condition: Condition) -> bool:
    if isinstance(condition, AllOf | AnyOf):
        return any(_is_looked_up(part) for part in condition.parts)
    return isinstance(condition, HasText | UidHasParts)


def busy(tx: Connection, collection_id: int, start: int, end: int) -> Iterator[Sequence[Any]]:
    """What may be busy time in a window, a batch at a time: the columns of BUSY_COLUMNS."""
    values = {"c0": collection_id, "e": "VEVENT", "f": "VFREEBUSY", "free": Busy.FREE.value}
    window = zip(("low", "high", "start", "end", "months"), _window_values(start, end), strict=True)
    return _BUSY.batches(tx, {**values, **dict(window)})


MOST_COLLECTIONS = 100
"""Collections that are searched in one statement."""

FEW = 64
"""Items that may share a part of their UIDs before it no longer counts as telling."""


@dataclass(frozen=True, slots=True)
class _HasId:
    """The row is one of these."""

    ids: tuple[int, ...]


def _looked_up(tx: Connection, collection_id: int, condition: Condition) -> Condition | _HasId:
    """The condition with the ids of items in place of texts and parts of UIDs that few items have."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            inner: Any = tuple(_looked_up(tx, collection_id, part) for part in parts)
            if isinstance(condition, AnyOf) and inner and all(isinstance(part, _HasId) for part in inner):
                return _HasId(tuple({one for part in inner for one in part.ids}))
            return type(condition)(inner)
        case HasText():
            ids = texts.holders(tx, collection_id, condition)
            return condition if ids is None else _HasId(ids)
        case UidHasParts(parts):
            for part in parts:
                rows = _WITH_PART.rows(tx, {"collection_id": collection_id, "part": part})
                if len(rows) <= FEW:
                    return _HasId(tuple(row[0] for row in rows))
    return condition


_WITH_PART = Prepared(
    select(uid_part.c.item_id)
    .where(uid_part.c.collection_id == bindparam("collection_id"), uid_part.c.part == bindparam("part"))
    .limit(FEW + 1)
)

Pattern = Callable[[str], str]
Shape = tuple[Any, ...]
"""A condition without its values: nested tuples of a word and names of parameters."""


def _shape(condition: Condition | _HasId, values: dict[str, Any], pattern: Pattern) -> Shape:
    """The shape of a condition; its values are put under the names that the shape holds."""
    match condition:
        case AllOf(parts):
            return ("allof", *(_shape(part, values, pattern) for part in parts))
        case AnyOf(parts):
            return ("anyof", *(_shape(part, values, pattern) for part in parts))
        case HasComponent(name):
            return ("component", _put(values, name))
        case UidIs(text):
            return ("uid-is", _put(values, text))
        case UidHasParts(parts):
            return ("uid-part", _put(values, parts[0]))
        case _HasId(ids):
            return ("ids", *(_put(values, one) for one in filled(ids)))
        case HasText(_, needle):
            needles = pattern(needle[:LONGEST_TEXT]), pattern(condition.cut)
            return ("text", *(_put(values, one) for one in needles))
        case InWindow(start, end):
            return ("window", *(_put(values, value) for value in _window_values(start, end)))


def _window_values(start: int | None, end: int | None) -> tuple[int, int, int, int, int]:
    """The parameters of _window."""
    early = BEGINNING if start is None else start
    late = FOREVER if end is None else end
    return early - FLOATING_SLACK, late + FLOATING_SLACK, early, late, window_months(start, end)


def _put(values: dict[str, Any], value: Any) -> str:
    name = f"p{len(values)}"
    values[name] = value
    return name


@lru_cache(maxsize=256)
def _statement(kind: tuple[Shape, tuple[str, ...], int], dialect: str) -> Prepared:
    """The statement for a shape, the wanted columns and so many collections."""
    shape, columns, count = kind
    owner: Any = item.c.collection_id
    if _names_ids(shape):
        owner = owner + 0  # no index on the collection may look better than the ids
    one = owner == bindparam("c0")
    inside = one if count == 1 else owner.in_([bindparam(f"c{place}") for place in range(count)])
    where = and_(inside, _clause(shape, dialect))
    wanted = [item.c[name] for name in (*columns, *INDEXED)]
    return Prepared(select(*wanted).where(where), key=item.c.id)


def _names_ids(shape: Shape) -> bool:
    return shape[0] == "ids" or (shape[0] == "allof" and any(_names_ids(part) for part in shape[1:]))


def _clause(shape: Shape, dialect: str) -> ColumnElement[bool]:
    return _CLAUSES[shape[0]](dialect, *shape[1:])


def _with_part(part: str) -> Any:
    in_collection = uid_part.c.collection_id == bindparam("c0")
    return select(uid_part.c.item_id).where(in_collection, uid_part.c.part == bindparam(part))


LONGEST_TEXT = 1000
"""Characters of a text that the database looks for; databases have limits, and the rest is decided later."""


@dataclass(frozen=True, slots=True)
class Texts:
    """How a database looks for a text inside others, quickly: what it is given, and what it is asked.

    :param pattern: makes a parameter of the text.
    :param inside: the condition on a column, given the parameter.
    """

    pattern: Callable[[str], str]
    inside: Callable[[Any, Any], ColumnElement[bool]]


def _for_like(text: str) -> str:
    escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


_NOT_PLAIN = re.compile(r"[!-/:-@\[-`{-~]")

_MARIADB = Texts(
    lambda text: _NOT_PLAIN.sub(r"\\\g<0>", text),
    lambda column, pattern: column.regexp_match(pattern),
)
TEXTS = {
    "sqlite": Texts(_for_like, lambda column, pattern: column.like(pattern, escape="!")),
    "postgresql": Texts(str, lambda column, text: func.strpos(column, text) > 0),
    "mysql": _MARIADB,
    "mariadb": _MARIADB,
}
"""On SQLite, LIKE takes a quarter of instr's time; that it folds ASCII letters finds no row too few. On
PostgreSQL it goes character by character, and strpos skips. MariaDB's LIKE folds and compares slowly; its
compiled expressions take a fifth of that."""


def _text(dialect: str, needle: str, cut: str) -> ColumnElement[bool]:
    """The text itself, or the mark of a property that was cut, where anything was."""
    inside, searched = TEXTS[dialect].inside, item.c.search
    was_cut = func.substr(searched, 1, len(CUT_MARK)) == CUT_MARK
    return or_(inside(searched, bindparam(needle)), and_(was_cut, inside(searched, bindparam(cut))))


def _window(low: str, high: str, start: str, end: str, months: str) -> ColumnElement[bool]:
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
    "uid-is": lambda dialect, text: item.c.uid == bindparam(text),
    "uid-part": lambda dialect, part: item.c.id.in_(_with_part(part)),
    "ids": lambda dialect, *ids: item.c.id.in_([bindparam(one) for one in ids]) if ids else false(),
    "text": _text,
    "window": lambda dialect, *values: _window(*values),
    "allof": lambda dialect, *parts: and_(true(), *(_clause(part, dialect) for part in parts)),
    "anyof": lambda dialect, *parts: or_(false(), *(_clause(part, dialect) for part in parts)),
}

BUSY_COLUMNS = ("id", "size", "component", "summary", "busy", "first", "last", "timing")
_BUSY = Prepared(
    select(*(item.c[name] for name in BUSY_COLUMNS)).where(
        item.c.collection_id == bindparam("c0"),
        item.c.component.in_([bindparam("e"), bindparam("f")]),
        item.c.busy != bindparam("free"),
        _window("low", "high", "start", "end", "months"),
    ),
    key=item.c.id,
)
