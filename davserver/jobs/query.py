"""Which items of collections match a filter: candidates by SQL, the rest decided one by one.

The one place where a filter meets the stored items; calendar-query, addressbook-query, export and the pages
all come by here. The engine behind it is storage.search (SQL) with content.search (what the index row tells)
and content.filters (what only the body tells).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection

from davserver.content import lines, summary
from davserver.content import search as prefilters
from davserver.content.filters import CardFilter, CompFilter, Test, match_calendar, match_card
from davserver.content.lines import Component
from davserver.errors import BudgetExceeded
from davserver.model import ItemIndex, Timing
from davserver.storage import items
from davserver.storage import search as stored

T = TypeVar("T")

Query = CompFilter | CardFilter
Row = Sequence[Any]
_TIMING = items.INDEXED.index("timing")


@dataclass(frozen=True)
class Search:
    """One query with all that decides it, cheapest first: index row, recurrence summary, body."""

    query: Query
    zone: tzinfo

    @cached_property
    def prefilter(self) -> prefilters.Prefilter:
        """The necessary condition for SQL."""
        return prefilters.prefilter(self.query)

    def by_row(self, row: Row) -> bool | None:
        """The same as by_index, from the columns of INDEXED; most rows need no more than one look."""
        if self.prefilter.exact and (row[_TIMING] == Timing.EXACT or not self._has_window):
            return True
        return self.by_index(items.index_of(row))

    def by_index(self, index: ItemIndex) -> bool | None:
        """What the index row tells; None where only the body can."""
        known = prefilters.decide(self.query, index, self.zone)
        if known is None and self.prefilter.exact and index.summary:
            answers = (self._in_range(part, index) for part in self._parts(index.component))
            return all(answers) if self.query.test is Test.ALLOF else any(answers)
        return known

    def _parts(self, component: str) -> list[CompFilter]:
        assert isinstance(self.query, CompFilter)
        return [part for part in self.query.comp_filters if part.name.upper() == component]

    def _in_range(self, part: CompFilter, index: ItemIndex) -> bool:
        span = part.time_range
        return span is None or summary.in_range(index.summary, index.component, span, self.zone)

    @cached_property
    def _has_window(self) -> bool:
        return _has_window(self.prefilter.condition)

    def by_body(self, body: bytes) -> bool:
        """The exact answer."""
        root = lines.parse_components(lines.decode(body))[0]
        if isinstance(self.query, CardFilter):
            return match_card(root, self.query)
        return match_calendar(root, self.query, self.zone)


def _has_window(condition: prefilters.Condition | None) -> bool:
    if isinstance(condition, prefilters.AllOf | prefilters.AnyOf):
        return any(_has_window(part) for part in condition.parts)
    return isinstance(condition, prefilters.InWindow)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and how long to search: collections by id, seconds that the whole may take."""

    tx: Connection
    collection_ids: tuple[int, ...]
    seconds: float


def matches(scope: Scope, search: Search, columns: tuple[str, ...]) -> Iterator[list[Row]]:
    """Rows of the items that match, a batch at a time, each with these columns.

    :raises BudgetExceeded: when it takes too long.
    """
    deadline = monotonic() + scope.seconds
    wanted = (*columns, "id", "size")
    found = stored.candidates(scope.tx, scope.collection_ids, search.prefilter.condition, wanted)
    for batch in found:
        decided = [search.by_row(row[len(wanted) :]) for row in _in_time(batch, deadline)]
        unsure = [
            row[len(columns) : len(wanted)]
            for row, known in zip(batch, decided, strict=True)
            if known is None
        ]
        answers = _by_bodies(scope.tx, search, unsure, deadline)
        yield [
            row[: len(columns)]
            for row, known in zip(batch, decided, strict=True)
            if (next(answers) if known is None else known)
        ]


def _by_bodies(
    tx: Connection, search: Search, sized: list[tuple[int, int]], deadline: float
) -> Iterator[bool]:
    """What only the bodies tell."""
    for body in _in_time(items.bodies_of(tx, sized), deadline):
        yield search.by_body(body)


def _in_time(things: Iterable[T], deadline: float) -> Iterator[T]:
    for thing in things:
        if monotonic() > deadline:
            raise BudgetExceeded("The query takes too long. Ask for less.")
        yield thing


def near(tx: Connection, collection_id: int, query: Query, seconds: float) -> Iterator[Component]:
    """The times of all items that the index cannot exclude: of series the summary, of others the body.

    :raises BudgetExceeded: when it takes longer than that.
    """
    condition, deadline = prefilters.prefilter(query).condition, monotonic() + seconds
    for batch in stored.candidates(tx, (collection_id,), condition, ("id", "size")):
        yield from (summary.parsed(row[-1]) for row in _in_time(batch, deadline) if row[-1])
        for body in items.bodies_of(tx, (row[:2] for row in batch if not row[-1])):
            yield lines.parse_components(lines.decode(body))[0]
