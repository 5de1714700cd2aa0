"""calendar-query (RFC 4791 7.8)."""

from __future__ import annotations

from davserver.davxml import CALDAV, Element
from davserver.protocol.multistatus import multistatus
from davserver.protocol.reports import query, report
from davserver.protocol.reports.filter import calendar_filter, zone_of
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind


@report(CALDAV + "calendar-query", on={Kind.CALENDAR, Kind.CALENDAR_HOME, Kind.EVENT}, rfc="RFC 4791 7.8")
def calendar_query(request: Request, root: Element) -> Response:
    """The objects that match the filter; none is an empty 207, never 404."""
    wanted, zone = calendar_filter(root), zone_of(request, root)
    return multistatus(query.responses(request, root, wanted, zone))
