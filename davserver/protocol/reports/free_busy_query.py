"""free-busy-query (RFC 4791 7.10): one VFREEBUSY, as text/calendar."""

from __future__ import annotations

from collections.abc import Iterator

from davserver import davxml
from davserver.content import freebusy, lines
from davserver.content.filters import CompFilter, Test, TimeRange
from davserver.content.lines import Component, Line
from davserver.content.recur import Budget
from davserver.davxml import CALDAV, Element
from davserver.errors import HttpError
from davserver.protocol import access
from davserver.protocol.reports import query, report
from davserver.protocol.reports.filter import time_range, zone_of
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import Kind
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
    zone = zone_of(request, root)
    budget = Budget.of_request(request.settings.limits.query_instances)
    periods = freebusy.busy_periods(_objects(request, span), span.start, span.end, zone, budget)
    busy = freebusy.free_busy_component(periods, span.start, span.end, now())
    head = [Line("VERSION", "2.0"), Line("PRODID", "-//davserver//EN")]
    body = lines.dump(Component("VCALENDAR", head, [busy])).encode()
    return Response(200, [("Content-Type", "text/calendar; charset=utf-8")], body)


def _objects(request: Request, span: TimeRange) -> Iterator[Component]:
    """Events and published busy times that may lie in the window."""
    parts = tuple(CompFilter(name, time_range=span) for name in ("VEVENT", "VFREEBUSY"))
    wanted = CompFilter("VCALENDAR", comp_filters=parts, test=Test.ANYOF)
    for parent in query.scope(request):
        # A transparent calendar does not count for its owner; asked for by itself it answers (RFC 6638 9.1).
        if parent.collection is None or (parent.collection.transparent and parent is not request.node):
            continue
        yield from query.near(request, parent.collection.id, wanted)
