"""What calendar-query and addressbook-query share: candidates by SQL, the rest decided one by one.

The one place where a filter meets the stored items; the engine behind it is storage.search (SQL) with
content.search (what the index row tells) and content.filters (what only the body tells).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from itertools import islice
from time import monotonic

from sqlalchemy import Connection

from davserver.content import lines
from davserver.content import search as prefilters
from davserver.content.filters import CardFilter, CompFilter, match_calendar, match_card
from davserver.davxml import Element
from davserver.errors import BudgetExceeded, HttpError
from davserver.model import Item, ItemIndex, Timing
from davserver.protocol import tree
from davserver.protocol.methods.propfind import BATCH, prefetch
from davserver.protocol.multistatus import Plan, response
from davserver.protocol.properties import Asked, asked_in, plan
from davserver.protocol.reports.data import DATA_NAMES, Data, data_in
from davserver.protocol.request import INFINITY, Request
from davserver.protocol.tree import COLLECTIONS, HOLDS, HOMES, ITEMS, Node
from davserver.storage import collections, items
from davserver.storage import search as stored

Query = CompFilter | CardFilter
Decide = Callable[[bytes], bool]
"""Whether a body matches the query; asked only where the index row cannot tell."""


def matches(
    request: Request, collection_id: int, query: Query, decide: Decide
) -> Iterator[tuple[Item, bytes]]:
    """Items of a collection that match, with their bodies, streamed."""
    tx, deadline = request.tx, monotonic() + request.settings.limits.query_seconds
    prefilter = prefilters.prefilter(query)
    for item, index, body in stored.candidates_with_bodies(tx, collection_id, prefilter.condition):
        if monotonic() > deadline:
            raise BudgetExceeded("The query takes too long. Ask for less.")
        if _holds(query, prefilter, index, body, decide):
            yield item, body


def _holds(
    query: Query, prefilter: prefilters.Prefilter, index: ItemIndex, body: bytes, decide: Decide
) -> bool:
    if prefilter.exact and (index.timing is Timing.EXACT or not _has_window(prefilter.condition)):
        return True
    known = prefilters.decide(query, index)
    return decide(body) if known is None else known


def near(tx: Connection, collection_id: int, query: Query) -> Iterator[bytes]:
    """Bodies of the items that the index cannot exclude; for callers that look at each body anyway."""
    condition = prefilters.prefilter(query).condition
    return (body for _, _, body in stored.candidates_with_bodies(tx, collection_id, condition))


def _has_window(condition: prefilters.Condition | None) -> bool:
    if isinstance(condition, prefilters.AllOf | prefilters.AnyOf):
        return any(_has_window(part) for part in condition.parts)
    return isinstance(condition, prefilters.InWindow)


def decider(query: Query, zone: tzinfo) -> Decide:
    """The exact answer for a body."""
    if isinstance(query, CardFilter):
        return lambda body: match_card(_parsed(body), query)
    return lambda body: match_calendar(_parsed(body), query, zone)


def _parsed(body: bytes) -> lines.Component:
    return lines.parse_components(lines.decode(body))[0]


def scope(request: Request) -> Iterable[Node]:
    """The collections that a query is about: by its Depth, and 1 where a client sends none."""
    node, depth = request.node, request.depth(1)
    if node.kind in COLLECTIONS:
        return [node] if depth else []
    if node.kind in HOMES and depth == INFINITY and node.owner is not None:
        held_here = collections.of_owner(request.tx, node.owner.id, HOLDS[node.kind])
        return [request.grant(tree.collection_node(node, held)) for held in held_here]
    return []


def found(request: Request, query: Query, zone: tzinfo) -> Iterator[tuple[Node, bytes]]:
    """Nodes of the items in scope that match, with their bodies."""
    decide = decider(query, zone)
    if request.node.kind in ITEMS:
        yield from _single(request, query, decide)
        return
    for parent in scope(request):
        if parent.collection is None:
            continue
        for item, body in matches(request, parent.collection.id, query, decide):
            yield tree.item_node(parent, item), body


def _single(request: Request, query: Query, decide: Decide) -> Iterator[tuple[Node, bytes]]:
    """A query sent to an item asks of it alone (RFC 4791 7.8, Depth: 0)."""
    if request.node.item is None:
        raise HttpError(404)
    body = items.read_body(request.tx, request.node.item.id)
    if decide(body):
        yield request.node, body


def responses(request: Request, root: Element, nodes: Iterable[tuple[Node, bytes]]) -> Iterator[str]:
    """A response for each match with the asked properties and data. What is asked is checked at once."""
    return _rendered(request, nodes, asked_in(root), data_in(request, root))


def _rendered(
    request: Request, nodes: Iterable[tuple[Node, bytes]], asked: Asked, data: Data | None
) -> Iterator[str]:
    remaining = iter(nodes)
    while batch := list(islice(remaining, BATCH if data is None else 100)):
        yield from _batch(request, batch, asked, data)


def _batch(
    request: Request, batch: list[tuple[Node, bytes]], asked: Asked, data: Data | None
) -> Iterator[str]:
    compiled: Plan = plan(request, batch[0][0], asked, DATA_NAMES if data else ())
    prefetch(request, [node for node, _ in batch], {batch[0][0].kind: compiled})
    for node, body in batch:
        rendered = data.render(body) if data else ""
        yield response(request.href(node), compiled.render(request, node, rendered))
