"""free-busy-query (RFC 4791 7.10): one VFREEBUSY, as text/calendar."""

from __future__ import annotations

from collections.abc import Iterable

from davserver import davxml
from davserver.content import freebusy, lines
from davserver.content.lines import Component, Line
from davserver.davxml import CALDAV, Element
from davserver.errors import HttpError
from davserver.jobs import free_busy
from davserver.protocol import access
from davserver.protocol.reports import query, report
from davserver.protocol.reports.filter import time_range, zone_of
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind, Node
from davserver.storage.engine import now


@report(
    CALDAV + "free-busy-query",
    on={Kind.CALENDAR, Kind.CALENDAR_HOME},
    rfc="RFC 4791 7.10",
    privilege=access.READ_FREE_BUSY,
)
def free_busy_query(request: Request, root: Element) -> Response:
    """Merged busy time of the calendar, or with Depth: infinity of all calendars in a home."""
    element = davxml.child(root, CALDAV + "time-range")
    if element is None:
        raise HttpError(400, "free-busy-query has a time-range.")
    span = time_range(element)
    if span.start is None or span.end is None:
        raise HttpError(400, "The time-range has a start and an end.")
    calendars = [one.collection for one in _counting(request) if one.collection is not None]
    asked = free_busy.Span(span.start, span.end, zone_of(request)), request.settings.limits
    owner = request.node.owner
    periods = free_busy.of_calendars(request.tx, calendars, owner, asked) if owner else []
    busy = freebusy.free_busy_component(periods, span.start, span.end, now())
    head = [Line("VERSION", "2.0"), Line("PRODID", "-//davserver//EN")]
    body = lines.dump(Component("VCALENDAR", head, [busy])).encode()
    return Response(200, [("Content-Type", "text/calendar; charset=utf-8")], body)


def _counting(request: Request) -> Iterable[Node]:
    """The calendars in scope that count.

    A transparent one does not count for its owner; asked for by itself it answers (RFC 6638 9.1). What others
    share is transparent unless the user says otherwise.
    """
    for node in query.scope(request):
        if node is request.node or (node.collection is not None and not node.collection.transparent):
            yield node
