"""What calendar-query and addressbook-query share: candidates by SQL, the rest decided one by one.

The one place where a filter meets the stored items; the engine behind it is storage.search (SQL) with
content.search (what the index row tells) and content.filters (what only the body tells).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from functools import cached_property
from itertools import islice
from time import monotonic

from davserver.content import lines, summary
from davserver.content import search as prefilters
from davserver.content.filters import CardFilter, CompFilter, Test, match_calendar, match_card
from davserver.content.lines import Component
from davserver.davxml import Element
from davserver.errors import BudgetExceeded, HttpError
from davserver.model import Item, ItemIndex, Timing
from davserver.protocol import tree
from davserver.protocol.methods.propfind import members, prefetch
from davserver.protocol.multistatus import Plan, response, within_budget
from davserver.protocol.properties import Asked, asked_in, plan
from davserver.protocol.reports.data import DATA_NAMES, Data, data_in
from davserver.protocol.request import INFINITY, Request
from davserver.protocol.tree import COLLECTIONS, HOMES, ITEMS, Node
from davserver.storage import items
from davserver.storage import search as stored

Query = CompFilter | CardFilter
BATCH = 250
"""Candidates that are decided together; their bodies are read in one statement."""


@dataclass(frozen=True)
class Search:
    """One query with all that decides it, cheapest first: index row, recurrence summary, body."""

    query: Query
    zone: tzinfo

    @cached_property
    def prefilter(self) -> prefilters.Prefilter:
        """The necessary condition for SQL."""
        return prefilters.prefilter(self.query)

    def by_index(self, index: ItemIndex) -> bool | None:
        """What the index row tells; None where only the body can."""
        if self.prefilter.exact and (index.timing is Timing.EXACT or not self._has_window):
            return True
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


def matches(request: Request, collection_id: int, search: Search) -> Iterator[tuple[Item, bytes]]:
    """Items of a collection that match, with their bodies, streamed in bounded memory."""
    deadline = monotonic() + request.settings.limits.query_seconds
    found = stored.candidates(request.tx, collection_id, search.prefilter.condition)
    while batch := list(islice(found, BATCH)):
        if monotonic() > deadline:
            raise BudgetExceeded("The query takes too long. Ask for less.")
        decided = [(item, search.by_index(index)) for item, index in batch]
        wanted = [(item, known) for item, known in decided if known is not False]
        bodies = items.read_bodies(request.tx, [item.id for item, _ in wanted]) if wanted else {}
        for item, known in wanted:
            if known or search.by_body(bodies[item.id]):
                yield item, bodies[item.id]


def near(request: Request, collection_id: int, query: Query) -> Iterator[Component]:
    """The times of all items that the index cannot exclude: of series the summary, of others the body."""
    condition = prefilters.prefilter(query).condition
    found = stored.candidates(request.tx, collection_id, condition)
    while batch := list(islice(found, BATCH)):
        yield from (summary.parsed(index.summary) for _, index in batch if index.summary)
        bare = [item.id for item, index in batch if not index.summary]
        for body in items.read_bodies(request.tx, bare).values():
            yield lines.parse_components(lines.decode(body))[0]


def scope(request: Request) -> Iterable[Node]:
    """The collections that a query is about: by its Depth, and 1 where a client sends none."""
    node, depth = request.node, request.depth(1)
    if node.kind in COLLECTIONS:
        return [node] if depth else []
    return members(request, node) if node.kind in HOMES and depth == INFINITY else []


def found(request: Request, query: Query, zone: tzinfo) -> Iterator[tuple[Node, bytes]]:
    """Nodes of the items in scope that match, with their bodies."""
    search = Search(query, zone)
    if request.node.kind in ITEMS:
        yield from _single(request, search)
        return
    for parent in scope(request):
        if parent.collection is None:
            continue
        for item, body in matches(request, parent.collection.id, search):
            yield tree.item_node(parent, item), body


def _single(request: Request, search: Search) -> Iterator[tuple[Node, bytes]]:
    """A query sent to an item asks of it alone (RFC 4791 7.8, Depth: 0)."""
    if request.node.item is None:
        raise HttpError(404)
    body = items.read_body(request.tx, request.node.item.id)
    if search.by_body(body):
        yield request.node, body


def responses(request: Request, root: Element, nodes: Iterable[tuple[Node, bytes]]) -> Iterator[str]:
    """A response for each match with the asked properties and data. What is asked is checked at once."""
    rendered = _rendered(request, nodes, asked_in(root), data_in(request, root))
    return within_budget(request.href(request.node), rendered)


def _rendered(
    request: Request, nodes: Iterable[tuple[Node, bytes]], asked: Asked, data: Data | None
) -> Iterator[str]:
    remaining = iter(nodes)
    while batch := list(islice(remaining, BATCH)):
        yield from _batch(request, batch, asked, data)


def _batch(
    request: Request, batch: list[tuple[Node, bytes]], asked: Asked, data: Data | None
) -> Iterator[str]:
    compiled: Plan = plan(request, batch[0][0], asked, DATA_NAMES if data else ())
    prefetch(request, [node for node, _ in batch], {batch[0][0].kind: compiled})
    for node, body in batch:
        rendered = data.render(body) if data else ""
        yield response(request.href(node), compiled.render(request, node, rendered))
