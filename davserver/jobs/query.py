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
from davserver.errors import BudgetExceeded
from davserver.model import Timing
from davserver.storage import items
from davserver.storage import search as stored

T = TypeVar("T")

Query = CompFilter | CardFilter
Row = Sequence[Any]
_COMPONENT, _TIMING, _SUMMARY = map(items.INDEXED.index, ("component", "timing", "summary"))


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
        """What the columns of INDEXED tell, most of them at one look; None where only the body can."""
        if self.prefilter.exact:
            if row[_TIMING] == Timing.EXACT or not self._has_window:
                return True
            if row[_SUMMARY]:
                return self._in_time(row[_COMPONENT], row[_SUMMARY])
        return prefilters.decide(self.query, items.index_of(row), self.zone)

    def _in_time(self, component: str, short: str) -> bool:
        """Of a filter that asks for components and times only: what the summary tells."""
        assert isinstance(self.query, CompFilter)
        spans = (part.time_range for part in self.query.comp_filters if part.name.upper() == component)
        answers = (span is None or summary.in_range(short, component, span, self.zone) for span in spans)
        return all(answers) if self.query.test is Test.ALLOF else any(answers)

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
        decided = [search.by_row(row[len(wanted) :]) for row in in_time(batch, deadline)]
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
    for body in in_time(items.bodies_of(tx, sized), deadline):
        yield search.by_body(body)


def in_time(things: Iterable[T], deadline: float) -> Iterator[T]:
    """The same things.

    :raises BudgetExceeded: once it is later than the deadline.
    """
    for thing in things:
        if monotonic() > deadline:
            raise BudgetExceeded("The query takes too long. Ask for less.")
        yield thing
