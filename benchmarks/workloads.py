"""The workloads: what is asked, and what makes the answer right.

Rules: a workload is a generator of tasks, a request and the check of its answer. What stands before the
first ``yield`` prepares and is not measured. A check returns how many items the answer told of, or raises
``Wrong``; no request depends on the server but for its paths. Every workload leaves the data as it was,
except for titles.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, cycle

from benchmarks import data
from benchmarks.client import Answer, Missing, Request, expect, expect_status, multistatus
from benchmarks.data import BUSY, QUIET, YEAR, DataSet, Item, Span
from benchmarks.servers import CALENDAR, NAMESPACES, SMALL, XML, Server

CALENDAR_DATA = "{urn:ietf:params:xml:ns:caldav}calendar-data"
ADDRESS_DATA = "{urn:ietf:params:xml:ns:carddav}address-data"
BATCH = 50


@dataclass(slots=True)
class Visit:
    """One server with its data, while it is measured."""

    server: Server
    data: DataSet
    created: list[str] = field(default_factory=list)
    """Paths of the objects that the PUT workload left for the DELETE workload."""
    serial: Iterator[int] = field(default_factory=count)

    def ask(self, request: Request) -> Answer:
        """An unmeasured request."""
        client = self.server.client()
        try:
            return client.send(request)
        finally:
            client.close()


@dataclass(frozen=True, slots=True)
class Task:
    """A request, and the check of its answer: how many items it told of."""

    request: Request
    check: Callable[[Answer], int]


Tasks = Generator[Task, None, None]
"""Closed when a sample is over: a ``finally`` puts things back."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A name and its tasks, without end or until there is nothing left to do."""

    name: str
    tasks: Callable[[Visit], Tasks]


def _xml(method: str, path: str, depth: int, body: str) -> Request:
    # the root element's name ends at the first space or bracket; the namespaces go there
    root = re.sub(r"^<[\w:-]+", lambda match: f"{match[0]} {NAMESPACES.decode()}", body)
    content = b'<?xml version="1.0" encoding="utf-8"?>\n' + root.encode()
    return Request(method, path, content, {**XML, "Depth": str(depth)})


def _put(visit: Visit, item: Item, **conditions: str) -> Task:
    headers = {"Content-Type": item.content_type, **conditions}
    return Task(Request("PUT", visit.server.calendar + item.name, item.body, headers), _stored)


def _stored(answer: Answer) -> int:
    expect_status(answer, 200, 201, 204)
    return 1


def put_new(visit: Visit) -> Tasks:
    """PUT of events that are not there."""
    for number in visit.serial:
        item = data.new_object(str(number))
        visit.created.append(visit.server.calendar + item.name)
        yield _put(visit, item, **{"If-None-Match": "*"})


def put_changed(visit: Visit) -> Tasks:
    """PUT of objects that are there, each time with another title."""
    for number in visit.serial:
        yield _put(visit, data.calendar_object(number * 7 % visit.data.size, f"edition {number}"))


def delete(visit: Visit) -> Tasks:
    """DELETE of what the PUT workload made; what time does not allow is deleted unmeasured."""
    try:
        while visit.created:
            yield Task(Request("DELETE", visit.created.pop()), _stored)
    finally:
        while visit.created:
            _stored(visit.ask(Request("DELETE", visit.created.pop())))


TOKEN = (
    '<propfind xmlns:S="http://calendarserver.org/ns/"><prop><S:getctag/><sync-token/><displayname/></prop>'
    "</propfind>"
)


def poll(visit: Visit) -> Tasks:
    """PROPFIND depth 0 for the ctag and the sync-token."""
    while True:
        yield Task(_xml("PROPFIND", visit.server.calendar, 0, TOKEN), _has_token)


def _has_token(answer: Answer) -> int:
    properties = multistatus(answer).responses.get(CALENDAR, {})
    expect(properties.get("{DAV:}sync-token"), "no sync-token")
    expect(properties.get("{http://calendarserver.org/ns/}getctag"), "no ctag")
    return 1


def _sync(visit: Visit, token: str) -> Request:
    body = f"<sync-token>{token}</sync-token><sync-level>1</sync-level><prop><getetag/></prop>"
    return _xml("REPORT", visit.server.calendar, 0, f"<sync-collection>{body}</sync-collection>")


def _token(visit: Visit) -> str:
    return multistatus(visit.ask(_sync(visit, ""))).token


def _lists(names: frozenset[str]) -> Callable[[Answer], int]:
    """The check that exactly these objects are listed, each with an ETag."""

    def check(answer: Answer) -> int:
        found = multistatus(answer).members(".ics")
        listed = frozenset(name for name, properties in found.items() if properties.get("{DAV:}getetag"))
        expect(listed == names == frozenset(found), f"{len(found)} objects listed, {len(names)} expected")
        return len(found)

    return check


def sync_none(visit: Visit) -> Tasks:
    """sync-collection when nothing changed."""
    request = _sync(visit, _token(visit))
    while True:
        yield Task(request, _lists(frozenset()))


def sync_one(visit: Visit) -> Tasks:
    """sync-collection when one object changed."""
    request = _sync(visit, _token(visit))
    number = next(visit.serial)
    item = data.calendar_object(number % visit.data.size, f"edition {number}")
    _stored(visit.ask(_put(visit, item).request))
    while True:
        yield Task(request, _lists(frozenset({item.name})))


def sync_initial(visit: Visit) -> Tasks:
    """sync-collection without a token."""
    while True:
        yield Task(_sync(visit, ""), _lists(visit.data.names))


def list_members(visit: Visit) -> Tasks:
    """PROPFIND depth 1 for the ETags."""
    request = _xml("PROPFIND", visit.server.calendar, 1, "<propfind><prop><getetag/></prop></propfind>")
    while True:
        yield Task(request, _lists(visit.data.names))


def _multiget(visit: Visit, path: str, items: Sequence[Item], data_property: str) -> Tasks:
    report = "calendar-multiget" if data_property == CALENDAR_DATA else "addressbook-multiget"
    for number in visit.serial:
        start = number * BATCH % len(items)
        batch = items[start : start + BATCH]
        hrefs = "".join(f"<href>{path}{item.name}</href>" for item in batch)
        body = f"<prop><getetag/>{_element(data_property)}</prop>{hrefs}"
        request = _xml("REPORT", path, 1, _in(data_property, report, body))
        yield Task(request, _gives(data_property, batch))


def _element(clark: str) -> str:
    return f"<{'C' if 'caldav' in clark else 'A'}:{clark.rpartition('}')[2]}/>"


def _in(clark: str, report: str, body: str) -> str:
    tag = f"{'C' if 'caldav' in clark else 'A'}:{report}"
    return f"<{tag}>{body}</{tag}>"


def _gives(data_property: str, items: Sequence[Item]) -> Callable[[Answer], int]:
    """The check that exactly these items are given, whole."""

    def check(answer: Answer) -> int:
        found = multistatus(answer).members(".ics" if data_property == CALENDAR_DATA else ".vcf")
        expect(len(found) == len(items), f"{len(found)} items given, {len(items)} expected")
        for item in items:
            _check_body(item, found.get(item.name, {}).get(data_property, ""))
        return len(items)

    return check


def _check_body(item: Item, text: str) -> None:
    """The UID is there, and as many components and lines of data as were stored, the photo included."""
    begin = f"BEGIN:{item.component}"
    expect(item.uid in text, f"{item.name} is missing or without its UID")
    expect(text.count(begin) == item.body.decode().count(begin), f"{item.name} has lost components")
    # peers fold and order lines anew, and the title may be another edition: size tells of lost data
    expect(len(text.encode()) > 0.7 * len(item.body), f"{item.name} has lost data")


def multiget_events(visit: Visit) -> Tasks:
    """calendar-multiget of 50."""
    return _multiget(visit, visit.server.calendar, visit.data.objects, CALENDAR_DATA)


def multiget_cards(visit: Visit) -> Tasks:
    """addressbook-multiget of 50."""
    return _multiget(visit, visit.server.address_book, visit.data.cards, ADDRESS_DATA)


def get(visit: Visit) -> Tasks:
    """GET of one object."""
    for number in visit.serial:
        item = visit.data.objects[number * 37 % visit.data.size]

        def check(answer: Answer, item: Item = item) -> int:
            expect_status(answer, 200)
            _check_body(item, answer.body.decode())
            return 1

        yield Task(Request("GET", visit.server.calendar + item.name), check)


def get_unchanged(visit: Visit) -> Tasks:
    """GET with the ETag that is still right."""
    path = visit.server.calendar + visit.data.objects[data.CORE - 1].name
    etag = visit.ask(Request("GET", path)).headers.get("etag", "")
    expect(etag, "no ETag")
    while True:
        yield Task(Request("GET", path, headers={"If-None-Match": etag}), _unchanged)


def _unchanged(answer: Answer) -> int:
    expect_status(answer, 304)
    return 1


HOME = (
    '<propfind xmlns:S="http://calendarserver.org/ns/" xmlns:I="http://apple.com/ns/ical/"><prop>'
    "<resourcetype/><displayname/><current-user-privilege-set/><owner/><supported-report-set/>"
    "<C:supported-calendar-component-set/><C:calendar-description/><C:calendar-timezone/><S:getctag/>"
    "<sync-token/><I:calendar-color/><I:calendar-order/></prop></propfind>"
)


def home(visit: Visit) -> Tasks:
    """PROPFIND depth 1 on the home, with what clients ask for."""

    def check(answer: Answer) -> int:
        found = multistatus(answer).responses
        expect({CALENDAR, *SMALL} <= set(found), f"{len(found)} collections listed")
        return len(SMALL) + 1

    while True:
        yield Task(_xml("PROPFIND", visit.server.calendars, 1, HOME), check)


def _query(visit: Visit, filters: str, data_element: str = "<C:calendar-data/>") -> Request:
    inner = f'<C:comp-filter name="VCALENDAR">{filters}</C:comp-filter>'
    body = f"<prop><getetag/>{data_element}</prop><C:filter>{inner}</C:filter>"
    return _xml("REPORT", visit.server.calendar, 1, f"<C:calendar-query>{body}</C:calendar-query>")


def _window(span: Span) -> str:
    return f'<C:comp-filter name="VEVENT"><C:time-range {span.attributes}/></C:comp-filter>'


def _items_during(visit: Visit, span: Span) -> list[Item]:
    inside = visit.data.during(span)
    return [item for item in visit.data.objects if item.name in inside]


def month_busy(visit: Visit) -> Tasks:
    """calendar-query of a month with data; its answer grows with the calendar."""
    tasks = [
        Task(_query(visit, _window(span)), _gives(CALENDAR_DATA, _items_during(visit, span))) for span in BUSY
    ]
    yield from cycle(tasks)


def month_quiet(visit: Visit) -> Tasks:
    """calendar-query of a month whose answer is the same at every size."""
    check = _gives(CALENDAR_DATA, _items_during(visit, QUIET))
    while True:
        yield Task(_query(visit, _window(QUIET)), check)


def todos(visit: Visit) -> Tasks:
    """calendar-query of all todos with data."""
    wanted = [item for item in visit.data.objects if item.component == "VTODO"]
    while True:
        yield Task(_query(visit, '<C:comp-filter name="VTODO"/>'), _gives(CALENDAR_DATA, wanted))


def by_uid(visit: Visit) -> Tasks:
    """calendar-query of one event by its UID."""
    for number in visit.serial:
        item = visit.data.events[number * 31 % len(visit.data.events)]
        match = f'<C:text-match collation="i;octet">{item.uid}</C:text-match>'
        filters = f'<C:prop-filter name="UID">{match}</C:prop-filter>'
        request = _query(visit, f'<C:comp-filter name="VEVENT">{filters}</C:comp-filter>')
        yield Task(request, _gives(CALENDAR_DATA, [item]))


def _people(visit: Visit, part: str) -> Tasks:
    match = f'<A:text-match collation="i;unicode-casemap" match-type="contains">{part}</A:text-match>'
    filters = f'<A:filter><A:prop-filter name="FN">{match}</A:prop-filter></A:filter>'
    body = f"<prop><getetag/><A:address-data/></prop>{filters}"
    request = _xml(
        "REPORT", visit.server.address_book, 1, f"<A:addressbook-query>{body}</A:addressbook-query>"
    )
    wanted = [card for card in visit.data.cards if part.lower() in card.title.lower()]
    while True:
        yield Task(request, _gives(ADDRESS_DATA, wanted))


def people_rare(visit: Visit) -> Tasks:
    """addressbook-query of a name that twenty people bear, at every size."""
    return _people(visit, data.RARE[:5].lower())


def people_common(visit: Visit) -> Tasks:
    """addressbook-query of a name that one in twelve bears."""
    return _people(visit, data.COMMON[:5].lower())


def _free_busy(visit: Visit, spans: Sequence[Span]) -> Tasks:
    pattern = "<C:free-busy-query><C:time-range {}/></C:free-busy-query>"
    tasks = [
        Task(
            _xml("REPORT", visit.server.calendar, 1, pattern.format(span.attributes)),
            _is_busy(visit.data.busy(span), span),
        )
        for span in spans
    ]
    yield from cycle(tasks)


def free_busy(visit: Visit) -> Tasks:
    """free-busy-query of a month."""
    return _free_busy(visit, BUSY)


def free_busy_quiet(visit: Visit) -> Tasks:
    """free-busy-query of a month whose answer is the same at every size."""
    return _free_busy(visit, [QUIET])


def _is_busy(wanted: Sequence[data.Instance], span: Span) -> Callable[[Answer], int]:
    def check(answer: Answer) -> int:
        expect_status(answer, 200)
        found = (period for period in _periods(answer.body.decode()) if span.touches(period))
        clipped = data.merged((max(start, span.start), min(end, span.end)) for start, end in found)
        expect(clipped == list(wanted), f"{len(clipped)} busy periods, {len(wanted)} expected")
        return len(wanted)

    return check


def _periods(text: str) -> Iterator[data.Instance]:
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    for line in re.findall(r"^FREEBUSY[^:\r\n]*:(.*?)\r?$", unfolded, re.M):
        for start, end in (period.split("/") for period in line.split(",")):
            begin = _moment(start)
            yield begin, begin + _duration(end) if end.startswith("P") else _moment(end)


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    units = {"W": "weeks", "D": "days", "H": "hours", "M": "minutes", "S": "seconds"}
    parts = re.findall(r"(\d+)([WDHMS])", text)
    return timedelta(**{units[unit]: int(number) for number, unit in parts})


def expand_year(visit: Visit) -> Tasks:
    """calendar-query of a year, each occurrence as an event of its own."""
    wanted = visit.data.during(YEAR)
    element = f"<C:calendar-data><C:expand {YEAR.attributes}/></C:calendar-data>"

    def check(answer: Answer) -> int:
        if b"HTTP/1.1 507" in answer.body:  # cut off at the limit that the server announces
            raise Missing
        found = multistatus(answer).members(".ics")
        texts = {name: properties.get(CALENDAR_DATA, "") for name, properties in found.items()}
        counts = {name: text.count("BEGIN:VEVENT") for name, text in texts.items()}
        different = [name for name in wanted | counts if wanted.get(name) != counts.get(name)]
        expect(not different, f"{len(different)} of {len(wanted)} objects with other occurrences")
        expect(not any("RRULE" in text.partition("BEGIN:VEVENT")[2] for text in texts.values()), "RRULE left")
        return sum(counts.values())

    while True:
        yield Task(_query(visit, _window(YEAR), element), check)


def export(visit: Visit) -> Tasks:
    """The whole calendar in one file."""
    wanted = {item.uid for item in visit.data.objects}

    def check(answer: Answer) -> int:
        expect_status(answer, 200)
        text = re.sub(r"\r?\n[ \t]", "", answer.body.decode())
        found = set(re.findall(r"^UID:(.*?)\r?$", text, re.M))
        expect(found == wanted, f"{len(found & wanted)} of {len(wanted)} objects in the file")
        expect(text.count("BEGIN:VCALENDAR") == 1, "not one calendar")
        return len(found)

    # Xandikos answers with a page for people unless the type is asked for
    request = Request("GET", visit.server.calendar + visit.server.export, headers={"Accept": "text/calendar"})
    while True:
        yield Task(request, check)


WORKLOADS: Sequence[Workload] = (
    Workload("PUT, new", put_new),
    Workload("PUT, changed", put_changed),
    Workload("DELETE", delete),
    Workload("token poll (PROPFIND 0)", poll),
    Workload("sync, 0 changes", sync_none),
    Workload("sync, 1 change", sync_one),
    Workload("sync, initial", sync_initial),
    Workload("PROPFIND 1, ETags", list_members),
    Workload("multiget 50 events", multiget_events),
    Workload("multiget 50 cards", multiget_cards),
    Workload("GET", get),
    Workload("GET, 304", get_unchanged),
    Workload("home listing, 19 calendars", home),
    Workload("month query", month_busy),
    Workload("month query, same answer", month_quiet),
    Workload("VTODO query", todos),
    Workload("UID query", by_uid),
    Workload("FN query", people_common),
    Workload("FN query, same answer", people_rare),
    Workload("free-busy, month", free_busy),
    Workload("free-busy, same answer", free_busy_quiet),
    Workload("expand a year", expand_year),
    Workload("export", export),
)
"""In the order they run: PUT before DELETE. Add one here and it is in the report."""
