"""``?export``: a whole calendar as one .ics, an address book as one .vcf, with Baïkal's parameters.

    start, end      UTC seconds; only events in that time          (calendars)
    expand=1        each instance by itself; needs start and end   (calendars)
    componentType   VEVENT, VTODO or VJOURNAL                      (calendars)
    accept=jcal     jCal; also by Accept: application/calendar+json

Stored bodies are spliced as text (content.splice); only expansion and jCal parse them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from davserver.content import expand, jcal, lines, splice
from davserver.content.filters import CompFilter, TimeRange
from davserver.content.recur import Budget
from davserver.errors import HttpError
from davserver.jobs import export as exports
from davserver.jobs.query import Search
from davserver.model import Collection
from davserver.protocol.negotiation import JCAL
from davserver.protocol.reports import query
from davserver.protocol.reports.filter import zone_of
from davserver.protocol.request import Request, Response
from davserver.protocol.tree import COLLECTIONS, Kind
from davserver.storage import items
from davserver.wire import disposition

COMPONENT_TYPES = ("VEVENT", "VTODO", "VJOURNAL")

Parameters = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parameters of a calendar's export."""

    span: TimeRange | None
    expand: bool
    component: str | None
    json: bool


def export(request: Request, parameters: Parameters) -> Response:
    """The export of a collection; 400 for parameters that make no sense."""
    node = request.node
    if node.kind not in COLLECTIONS or node.collection is None:
        raise HttpError(400, "Calendars and address books can be exported.")
    name = node.collection.display_name or node.collection.name
    if node.kind is Kind.ADDRESSBOOK:
        pieces = exports.export_collection(request.tx, node.collection)
        return _answer(name + ".vcf", "text/vcard; charset=utf-8", pieces)
    wanted = _wanted(request, parameters)
    pieces = _pieces(request, node.collection, wanted)
    if wanted.json:
        return _answer(name + ".json", f"{JCAL}; charset=utf-8", pieces)
    return _answer(name + ".ics", "text/calendar; charset=utf-8", pieces)


def _answer(name: str, content_type: str, pieces: Iterable[bytes]) -> Response:
    attachment = disposition("attachment", name)
    headers = [("Content-Type", content_type), ("Content-Disposition", attachment), ("Vary", "Accept")]
    return Response(200, headers, iter(pieces))


def _wanted(request: Request, parameters: Parameters) -> Wanted:
    start, end = _seconds(parameters, "start"), _seconds(parameters, "end")
    expanded = _first(parameters, "expand") not in (None, "", "0", "false")
    component = _first(parameters, "componentType")
    if component is not None and component not in COMPONENT_TYPES:
        raise HttpError(400, f"componentType is one of {', '.join(COMPONENT_TYPES)}.")
    if expanded and (start is None or end is None):
        raise HttpError(400, "expand needs start and end.")
    if start is not None and end is not None and end <= start:
        raise HttpError(400, "end must come after start.")
    span = None if start is None and end is None else TimeRange(start, end)
    accept = _first(parameters, "accept") or request.header("Accept") or ""
    return Wanted(span, expanded, "VEVENT" if span else component, "jcal" in accept or JCAL in accept)


def _first(parameters: Parameters, name: str) -> str | None:
    values = parameters.get(name)
    return values[0] if values else None


def _seconds(parameters: Parameters, name: str) -> int | None:
    value = _first(parameters, name)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 13):
        raise HttpError(400, f"{name} is a time in seconds since 1970.")
    return int(value)


def _pieces(request: Request, calendar: Collection, wanted: Wanted) -> Iterator[bytes]:
    bodies = _bodies(request, calendar, wanted)
    if wanted.expand:
        bodies = _expanded(request, wanted, bodies)
    header = exports.calendar_header(calendar)
    if not wanted.json:
        return splice.splice_calendar(bodies, header)
    whole = b"".join(splice.splice_calendar(bodies, header))
    return iter([jcal.to_jcal(lines.parse_components(lines.decode(whole))[0]).encode()])


def _bodies(request: Request, calendar: Collection, wanted: Wanted) -> Iterator[bytes]:
    if wanted.component is None:
        return (body for _, body in items.listing_with_bodies(request.tx, calendar.id))
    part = CompFilter(wanted.component, time_range=wanted.span)
    wish = CompFilter("VCALENDAR", comp_filters=(part,))
    return query.bodies(request, calendar.id, Search(wish, zone_of(request)))


def _expanded(request: Request, wanted: Wanted, bodies: Iterable[bytes]) -> Iterator[bytes]:
    span = wanted.span or TimeRange()
    window = span.start or 0, span.end or 0
    zone, budget = zone_of(request), Budget.of_request(request.settings.limits.query_instances)
    for body in bodies:
        root = lines.parse_components(lines.decode(body))[0]
        yield lines.dump(expand.expand(root, window, zone, budget)).encode()
