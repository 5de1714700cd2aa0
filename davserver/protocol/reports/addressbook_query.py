"""addressbook-query (RFC 6352 8.6), with its limit."""

from __future__ import annotations

from datetime import UTC

from davserver import davxml
from davserver.davxml import CARDDAV, Element
from davserver.errors import HttpError
from davserver.protocol.multistatus import multistatus
from davserver.protocol.reports import query, report
from davserver.protocol.reports.filter import card_filter
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind


@report(
    CARDDAV + "addressbook-query",
    on={Kind.ADDRESSBOOK, Kind.ADDRESSBOOK_HOME, Kind.CARD},
    rfc="RFC 6352 8.6",
)
def addressbook_query(request: Request, root: Element) -> Response:
    """The cards that match; beyond the limit a 507 for the request's own address (RFC 6352 8.6.1)."""
    return multistatus(query.responses(request, root, card_filter(root), UTC, _limit(root)))


def _limit(root: Element) -> int | None:
    limit = davxml.child(root, CARDDAV + "limit")
    if limit is None:
        return None
    text = davxml.text_of(davxml.child(limit, CARDDAV + "nresults")).strip()
    if not (text.isascii() and text.isdigit()) or not int(text[:9]):
        raise HttpError(400, "nresults is a positive number.")
    return int(text[:9])
