"""What calendar-query and addressbook-query share: items in scope that match, and the answer made of them.

Which items match is decided by jobs.query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo

from davserver.davxml import Element
from davserver.errors import HttpError
from davserver.jobs import query as jobs_query
from davserver.jobs.query import Query, Row, Search
from davserver.protocol.members import Members
from davserver.protocol.methods.propfind import members
from davserver.protocol.multistatus import more_response, within_budget
from davserver.protocol.properties import asked_in
from davserver.protocol.reports.data import data_in
from davserver.protocol.request import INFINITY, Request
from davserver.protocol.tree import COLLECTIONS, HOMES, ITEMS, Node
from davserver.storage import items


def matches(
    request: Request, collection_id: int, search: Search, columns: tuple[str, ...]
) -> Iterator[list[Row]]:
    """Rows of the items of a collection that match, within what one request may take."""
    scope = jobs_query.Scope(request.tx, (collection_id,), request.settings.limits.query_seconds)
    return jobs_query.matches(scope, search, columns)


def bodies(request: Request, collection_id: int, search: Search) -> Iterator[bytes]:
    """The bodies of the items of a collection that match, streamed in bounded memory."""
    batches = matches(request, collection_id, search, ("id", "size"))
    return items.bodies_of(request.tx, ((row[0], row[1]) for rows in batches for row in rows))


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
