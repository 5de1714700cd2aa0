"""What calendar-query and addressbook-query share: candidates by SQL, the rest decided one by one.

The one place where a filter meets the stored items; the engine behind it is storage.search (SQL) with
content.search (what the index row tells) and content.filters (what only the body tells).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from time import monotonic
from typing import Any, TypeVar

from davserver.content import lines, summary
from davserver.content import search as prefilters
from davserver.content.filters import CardFilter, CompFilter, Test, match_calendar, match_card
from davserver.content.lines import Component
from davserver.davxml import Element
from davserver.errors import BudgetExceeded, HttpError
from davserver.model import ItemIndex, Timing
from davserver.protocol.members import Members
from davserver.protocol.methods.propfind import members
from davserver.protocol.multistatus import more_response, within_budget
from davserver.protocol.properties import asked_in
from davserver.protocol.reports.data import data_in
from davserver.protocol.request import INFINITY, Request
from davserver.protocol.tree import COLLECTIONS, HOMES, ITEMS, Node
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


def matches(
    request: Request, collection_id: int, search: Search, columns: tuple[str, ...]
) -> Iterator[list[Row]]:
    """Rows of the items of a collection that match, a batch at a time, each with these columns."""
    deadline = monotonic() + request.settings.limits.query_seconds
    wanted = (*columns, "id", "size")
    for batch in stored.candidates(request.tx, collection_id, search.prefilter.condition, wanted):
        decided = [search.by_row(row[len(wanted) :]) for row in _in_time(batch, deadline)]
        unsure = [
            row[len(columns) : len(wanted)]
            for row, known in zip(batch, decided, strict=True)
            if known is None
        ]
        answers = _by_bodies(request, search, unsure, deadline)
        yield [
            row[: len(columns)]
            for row, known in zip(batch, decided, strict=True)
            if (next(answers) if known is None else known)
        ]


def _by_bodies(
    request: Request, search: Search, sized: list[tuple[int, int]], deadline: float
) -> Iterator[bool]:
    """What only the bodies tell."""
    for body in _in_time(items.bodies_of(request.tx, sized), deadline):
        yield search.by_body(body)


def _in_time(things: Iterable[T], deadline: float) -> Iterator[T]:
    for thing in things:
        if monotonic() > deadline:
            raise BudgetExceeded("The query takes too long. Ask for less.")
        yield thing


def bodies(request: Request, collection_id: int, search: Search) -> Iterator[bytes]:
    """The bodies of the items of a collection that match, streamed in bounded memory."""
    batches = matches(request, collection_id, search, ("id", "size"))
    return items.bodies_of(request.tx, ((row[0], row[1]) for rows in batches for row in rows))


def near(request: Request, collection_id: int, query: Query) -> Iterator[Component]:
    """The times of all items that the index cannot exclude: of series the summary, of others the body."""
    condition = prefilters.prefilter(query).condition
    for batch in stored.candidates(request.tx, collection_id, condition, ("id", "size")):
        yield from (summary.parsed(row[-1]) for row in batch if row[-1])
        for body in items.bodies_of(request.tx, (row[:2] for row in batch if not row[-1])):
            yield lines.parse_components(lines.decode(body))[0]


def scope(request: Request) -> Iterable[Node]:
    """The collections that a query is about: by its Depth, and 1 where a client sends none."""
    node, depth = request.node, request.depth(1)
    if node.kind in COLLECTIONS:
        return [node] if depth else []
    return members(request, node) if node.kind in HOMES and depth == INFINITY else []


def responses(
    request: Request, root: Element, query: Query, zone: tzinfo, limit: int | None = None
) -> Iterator[str]:
    """A response for each match with the asked properties and data. What is asked is checked at once.

    :param limit: matches to answer; that there are more is told by a 507.
    """
    search, asked, data = Search(query, zone), asked_in(root), data_in(request, root)
    render = data.render if data else None
    answers = _alone if request.node.kind in ITEMS else _every
    found = answers(request, search, lambda parent: Members(request, parent, asked, render))
    return within_budget(request.href(request.node), _texts(request, found, limit))


Found = Iterator[tuple[Members, list[Row]]]


def _texts(request: Request, found: Found, limit: int | None) -> Iterator[str]:
    left = limit
    for held, rows in found:
        if left is not None and len(rows) > left:
            yield from held.responses(rows[:left])
            yield more_response(request.href(request.node))
            return
        yield from held.responses(rows)
        if left is not None:
            left -= len(rows)


def _every(request: Request, search: Search, members_of: Callable[[Node], Members]) -> Found:
    """The matches in all collections in scope."""
    for parent in scope(request):
        held = members_of(parent)
        assert parent.collection is not None
        for rows in matches(request, parent.collection.id, search, held.columns):
            yield held, rows


def _alone(request: Request, search: Search, members_of: Callable[[Node], Members]) -> Found:
    """A query sent to an item asks of it alone (RFC 4791 7.8, Depth: 0)."""
    item, parent = request.node.item, request.resolve(request.node.segments[:-1])
    if item is None or parent is None:
        raise HttpError(404)
    if search.by_body(items.read_body(request.tx, item.id)):
        held = members_of(parent)
        yield held, items.rows_of_names(request.tx, item.collection_id, held.columns, [item.name])
