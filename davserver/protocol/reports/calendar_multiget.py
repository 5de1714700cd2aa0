"""calendar-multiget (RFC 4791 7.9)."""

from __future__ import annotations

from davserver.davxml import CALDAV, Element
from davserver.protocol.reports import report
from davserver.protocol.reports.multiget import multiget
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind


@report(CALDAV + "calendar-multiget", on={Kind.CALENDAR, Kind.CALENDAR_HOME, Kind.EVENT}, rfc="RFC 4791 7.9")
def calendar_multiget(request: Request, root: Element) -> Response:
    """The named objects with the asked properties and calendar-data."""
    return multiget(request, root)
