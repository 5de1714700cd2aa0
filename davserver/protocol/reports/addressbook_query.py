"""addressbook-query (RFC 6352 8.6), with its limit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from itertools import islice

from davserver import davxml
from davserver.davxml import CARDDAV, DAV, Element
from davserver.errors import HttpError
from davserver.protocol.multistatus import multistatus, status_response
from davserver.protocol.reports import query, report
from davserver.protocol.reports.filter import card_filter
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind, Node


@report(
    CARDDAV + "addressbook-query",
    on={Kind.ADDRESSBOOK, Kind.ADDRESSBOOK_HOME, Kind.CARD},
    rfc="RFC 6352 8.6",
)
def addressbook_query(request: Request, root: Element) -> Response:
    """The cards that match; beyond the limit a 507 for the request's own address (RFC 6352 8.6.1)."""
    nodes = query.found(request, card_filter(root), UTC)
    limit = _limit(root)
    if limit is None:
        return multistatus(query.responses(request, root, nodes))
    return multistatus(_limited(request, root, nodes, limit))


def _limit(root: Element) -> int | None:
    limit = davxml.child(root, CARDDAV + "limit")
    if limit is None:
        return None
    text = davxml.text_of(davxml.child(limit, CARDDAV + "nresults")).strip()
    if not (text.isascii() and text.isdigit()) or not int(text[:9]):
        raise HttpError(400, "nresults is a positive number.")
    return int(text[:9])


def _limited(
    request: Request, root: Element, nodes: Iterator[tuple[Node, bytes]], limit: int
) -> Iterator[str]:
    yield from query.responses(request, root, islice(nodes, limit))
    if next(nodes, None) is not None:
        tail = davxml.element(DAV + "error", davxml.element(DAV + "number-of-matches-within-limits"))
        yield status_response(request.href(request.node), 507, tail)
