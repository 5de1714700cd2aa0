"""addressbook-multiget (RFC 6352 8.7)."""

from __future__ import annotations

from davserver.davxml import CARDDAV, Element
from davserver.protocol.reports import report
from davserver.protocol.reports.multiget import multiget
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind


@report(
    CARDDAV + "addressbook-multiget",
    on={Kind.ADDRESSBOOK, Kind.ADDRESSBOOK_HOME, Kind.CARD},
    rfc="RFC 6352 8.7",
)
def addressbook_multiget(request: Request, root: Element) -> Response:
    """The named cards with the asked properties and address-data."""
    return multiget(request, root)
