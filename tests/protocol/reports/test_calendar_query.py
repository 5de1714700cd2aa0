"""calendar-query: components, properties, texts, time-ranges; what comes back and in which form."""

from __future__ import annotations

import json

import pytest

from tests.content.objects import BERLIN, calendar, component, event, todo
from tests.davclient import Answer, C, Client, D, MakeServer, X, pieces_of, xml

EVENTS = {
    "may": event("SUMMARY:Picnic in the Park", "LOCATION:Wien", uid="may"),
    "day": event("DTSTART;VALUE=DATE:20260504", "SUMMARY:All day", "CATEGORIES:fun,sun", uid="day"),
    "floating": event("DTSTART:20260504T230000", "DURATION:PT30M", uid="floating"),
    "weekly": event("DTSTART:20260101T090000Z", "DTEND:20260101T100000Z", "RRULE:FREQ=WEEKLY", uid="weekly"),
    "alarm": calendar(
        component(
            "VEVENT",
            "DTSTART:20260810T100000Z",
            "DTEND:20260810T110000Z",
            "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-P2D\nDESCRIPTION:x\nEND:VALARM",
            "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:bob@example.org",
            uid="alarm",
        )
    ),
    "due": todo("DUE:20260505T100000Z", "SUMMARY:Tax").replace(b"one@example.com", b"due"),
    "undated": todo("SUMMARY:Some day").replace(b"one@example.com", b"undated"),
    "done": todo("COMPLETED:20260401T100000Z", "STATUS:COMPLETED").replace(b"one@example.com", b"done"),
    "journal": calendar(component("VJOURNAL", "DTSTART;VALUE=DATE:20260504", uid="journal")),
}


@pytest.fixture
def diary(ann: Client) -> Client:
    """ann with all EVENTS in her calendar, NAME.ics each."""
    for name, body in EVENTS.items():
        assert ann.put(f"{ann.calendar}{name}.ics", body).status == 201, name
    return ann


def query(
    client: Client, inner: str, data: str = "", path: str = "", depth: str | None = "1", after: str = ""
) -> Answer:
    """A calendar-query whose VCALENDAR filter holds ``inner``; after: elements behind the filter."""
    text = (
        f"<c:calendar-query><d:prop><d:getetag/>{data}</d:prop><c:filter>"
        f'<c:comp-filter name="VCALENDAR">{inner}</c:comp-filter></c:filter>{after}</c:calendar-query>'
    )
    return client.report(path or client.calendar, text, depth=depth)


def found(answer: Answer) -> set[str]:
    """The names without suffix."""
    return {name.removesuffix(".ics") for name in answer.names}


def comp(name: str, inner: str = "") -> str:
    """A comp-filter."""
    return f'<c:comp-filter name="{name}">{inner}</c:comp-filter>'


def span(start: str = "", end: str = "") -> str:
    """A time-range."""
    attributes = (f' start="{start}"' if start else "") + (f' end="{end}"' if end else "")
    return f"<c:time-range{attributes}/>"


MAY_4 = span("20260504T000000Z", "20260505T000000Z")
QUERIES: dict[str, tuple[str, set[str]]] = {
    "everything": ("", set(EVENTS)),
    "events": (comp("VEVENT"), {"may", "day", "floating", "weekly", "alarm"}),
    "tasks": (comp("VTODO"), {"due", "undated", "done"}),
    "journals": (comp("VJOURNAL"), {"journal"}),
    "free-busy": (comp("VFREEBUSY"), set()),
    "events on a day": (comp("VEVENT", MAY_4), {"may", "day", "floating"}),
    "a weekly one in ten years": (
        comp("VEVENT", span("20360101T000000Z", "20360108T000000Z")),
        {"weekly"},
    ),
    "from a moment on": (comp("VEVENT", span("20260701T000000Z")), {"weekly", "alarm"}),
    "up to a moment": (comp("VEVENT", span(end="20260201T000000Z")), {"weekly"}),
    "tasks in a span": (comp("VTODO", span("20260505T000000Z", "20260506T000000Z")), {"due", "undated"}),
    "journals on a day": (comp("VJOURNAL", MAY_4), {"journal"}),
    "alarms": (comp("VEVENT", comp("VALARM", span("20260808T000000Z", "20260809T000000Z"))), {"alarm"}),
    "without an alarm": (
        comp("VEVENT", comp("VALARM", "<c:is-not-defined/>")),
        {"may", "day", "floating", "weekly"},
    ),
    "text": (
        comp("VEVENT", '<c:prop-filter name="SUMMARY"><c:text-match>PICNIC</c:text-match></c:prop-filter>'),
        {"may"},
    ),
    "text byte for byte": (
        comp(
            "VEVENT",
            '<c:prop-filter name="SUMMARY">'
            '<c:text-match collation="i;octet">PICNIC</c:text-match></c:prop-filter>',
        ),
        set(),
    ),
    "not that text": (
        comp(
            "VEVENT",
            '<c:prop-filter name="SUMMARY">'
            '<c:text-match negate-condition="yes">picnic</c:text-match></c:prop-filter>',
        ),
        {"day"},
    ),
    "one of a list": (
        comp("VEVENT", '<c:prop-filter name="CATEGORIES"><c:text-match>sun</c:text-match></c:prop-filter>'),
        {"day"},
    ),
    "a property at all": (comp("VEVENT", '<c:prop-filter name="LOCATION"/>'), {"may"}),
    "no such property": (
        comp("VEVENT", '<c:prop-filter name="SUMMARY"><c:is-not-defined/></c:prop-filter>'),
        {"floating", "weekly", "alarm"},
    ),
    "a parameter": (
        comp(
            "VEVENT",
            '<c:prop-filter name="ATTENDEE"><c:param-filter name="PARTSTAT">'
            "<c:text-match>NEEDS-ACTION</c:text-match></c:param-filter></c:prop-filter>",
        ),
        {"alarm"},
    ),
    "no such parameter": (
        comp(
            "VEVENT",
            '<c:prop-filter name="ATTENDEE"><c:param-filter name="RSVP">'
            "<c:is-not-defined/></c:param-filter></c:prop-filter>",
        ),
        {"alarm"},
    ),
    "a property in a span": (
        comp(
            "VTODO",
            '<c:prop-filter name="COMPLETED">'
            + span("20260401T000000Z", "20260402T000000Z")
            + "</c:prop-filter>",
        ),
        {"done"},
    ),
    "by UID": (
        comp("VEVENT", '<c:prop-filter name="UID"><c:text-match>may</c:text-match></c:prop-filter>'),
        {"may"},
    ),
    "both conditions": (comp("VEVENT", MAY_4 + '<c:prop-filter name="LOCATION"/>'), {"may"}),
    "no events at all": (comp("VEVENT", "<c:is-not-defined/>"), {"due", "undated", "done", "journal"}),
    "events and tasks side by side, which no object is: the first": (
        comp("VEVENT", MAY_4) + comp("VTODO"),
        {"may", "day", "floating"},
    ),
    "events and tasks with further conditions: by the letter an object that is both": (
        comp("VEVENT", MAY_4) + comp("VTODO", '<c:prop-filter name="DUE"/>'),
        set(),
    ),
    "events beside no tasks": (
        comp("VEVENT", MAY_4) + comp("VTODO", "<c:is-not-defined/>"),
        {"may", "day", "floating"},
    ),
    "events with two conditions": (
        comp("VEVENT", MAY_4) + comp("VEVENT", '<c:prop-filter name="LOCATION"/>'),
        {"may"},
    ),
    "open tasks as Apple asks": (
        comp("VTODO", '<c:prop-filter name="COMPLETED"><c:is-not-defined/></c:prop-filter>'),
        {"due", "undated"},
    ),
}


@pytest.mark.parametrize("case", QUERIES)
def test_a_query_finds(diary: Client, case: str) -> None:
    inner, expected = QUERIES[case]
    assert found(query(diary, inner)) == expected


def test_issue_2038_a_yearly_series_is_found_after_2038(ann: Client) -> None:
    """Baïkal ends endless rules in 2038, and clamps what is before 1970."""
    ann.put(ann.calendar + "old.ics", event("DTSTART;VALUE=DATE:19610412", "RRULE:FREQ=YEARLY", uid="old"))
    for year in (1962, 2040, 2600):
        assert found(query(ann, comp("VEVENT", span(f"{year}0401T000000Z", f"{year}0501T000000Z")))) == {
            "old"
        }
    assert found(query(ann, comp("VEVENT", span("19600101T000000Z", "19610101T000000Z")))) == set()


def test_no_hits_are_an_empty_207(ann: Client) -> None:
    """CalDav Synchronizer takes anything else for an error."""
    answer = query(ann, comp("VEVENT"))
    assert (answer.status, answer.hrefs) == (207, [])


def test_the_index_follows_what_is_written(ann: Client) -> None:
    path = ann.calendar + "one.ics"
    june = comp("VEVENT", span("20260601T000000Z", "20260701T000000Z"))
    ann.put(path, event())
    assert found(query(ann, june)) == set()
    ann.put(path, event("DTSTART:20260615T100000Z"))
    assert found(query(ann, june)) == {"one"}
    ann.mkcalendar(ann.calendar_home + "other/")
    ann.transfer("MOVE", path, ann.calendar_home + "other/one.ics")
    assert found(query(ann, june)) == set()
    assert found(query(ann, june, path=ann.calendar_home + "other/")) == {"one"}


# -- zones


def test_floating_times_and_days_are_read_in_the_zone_of_the_query(diary: Client) -> None:
    late = comp("VEVENT", span("20260504T220000Z", "20260504T235900Z"))
    assert "floating" in found(query(diary, late))
    zone = "<c:timezone-id>Asia/Tokyo</c:timezone-id>"
    assert "floating" not in found(query(diary, late, after=zone))
    text = f"<c:timezone>{calendar(BERLIN).decode()}</c:timezone>".replace("\r", "&#13;")
    early = comp("VEVENT", span("20260503T220000Z", "20260503T223000Z"))
    assert "day" in found(query(diary, early, after=text))
    assert "day" not in found(query(diary, early))


def test_the_calendar_s_zone_is_used_without_one_in_the_query(diary: Client) -> None:
    early = comp("VEVENT", span("20260503T220000Z", "20260503T223000Z"))
    diary.proppatch(diary.calendar, "<c:calendar-timezone-id>Europe/Berlin</c:calendar-timezone-id>")
    assert "day" in found(query(diary, early))


def test_issue_697_a_calendar_without_a_zone_answers_every_report(ann: Client) -> None:
    """Baïkal writes plain "UTC" into calendar-timezone, and then answers 500."""
    ann.put(ann.calendar + "one.ics", event("RRULE:FREQ=DAILY"))
    data = '<c:calendar-data><c:expand start="20260504T000000Z" end="20260506T000000Z"/></c:calendar-data>'
    assert query(ann, comp("VEVENT", MAY_4), data).status == 207
    busy = "<c:free-busy-query>" + MAY_4 + "</c:free-busy-query>"
    assert ann.report(ann.calendar, busy).status == 200
    assert ann.get(ann.calendar + "?export&expand=1&start=1777852800&end=1777939200").status == 200


@pytest.mark.parametrize("zone", ["<c:timezone-id>Nowhere</c:timezone-id>", "<c:timezone>UTC</c:timezone>"])
def test_a_zone_that_is_none_is_refused(ann: Client, zone: str) -> None:
    answer = query(ann, comp("VEVENT", MAY_4), after=zone)
    assert answer.status == 403
    assert answer.error in (C + "valid-timezone", C + "valid-calendar-data")


# -- refused filters


BROKEN = {
    "no filter": ("<c:calendar-query><d:prop/></c:calendar-query>", "valid-filter"),
    "empty filter": ("<c:calendar-query><d:prop/><c:filter/></c:calendar-query>", "valid-filter"),
    "not VCALENDAR": (
        f"<c:calendar-query><d:prop/><c:filter>{comp('VEVENT')}</c:filter></c:calendar-query>",
        "valid-filter",
    ),
    "two": (
        f"<c:calendar-query><d:prop/><c:filter>{comp('VCALENDAR') * 2}</c:filter></c:calendar-query>",
        "valid-filter",
    ),
}
INNER = {
    "comp without a name": ("<c:comp-filter/>", "valid-filter"),
    "prop without a name": (comp("VEVENT", "<c:prop-filter/>"), "valid-filter"),
    "empty time-range": (comp("VEVENT", "<c:time-range/>"), "valid-filter"),
    "backwards": (comp("VEVENT", span("20260505T000000Z", "20260504T000000Z")), "valid-filter"),
    "not UTC": (comp("VEVENT", span("20260505T000000")), "valid-filter"),
    "no date": (comp("VEVENT", span("20269905T000000Z")), "valid-filter"),
    "is-not-defined and more": (
        comp("VEVENT", "<c:is-not-defined/>" + MAY_4),
        "valid-filter",
    ),
    "unknown collation": (
        comp(
            "VEVENT",
            '<c:prop-filter name="SUMMARY">'
            '<c:text-match collation="i;klingon">x</c:text-match></c:prop-filter>',
        ),
        "supported-collation",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_query_without_a_filter_is_refused(ann: Client, case: str) -> None:
    text, precondition = BROKEN[case]
    answer = ann.report(ann.calendar, text)
    assert (answer.status, answer.error) == (403, C + precondition)


@pytest.mark.parametrize("case", INNER)
def test_a_filter_that_makes_no_sense_is_refused(diary: Client, case: str) -> None:
    inner, precondition = INNER[case]
    answer = query(diary, inner)
    assert answer.status in (400, 403)
    assert answer.error == C + precondition


def test_an_unknown_component_matches_nothing_or_is_refused(diary: Client) -> None:
    answer = query(diary, comp("X-OTHER"))
    assert answer.status == 403 or answer.hrefs == []


# -- data


def data_of(answer: Answer, name: str) -> list[str]:
    """The unfolded lines of an item's calendar-data."""
    (member,) = [one for href, one in answer.members.items() if href.endswith(f"/{name}.ics")]
    return list(pieces_of(member.data))


def test_whole_data_is_the_stored_bytes(diary: Client) -> None:
    answer = query(diary, comp("VEVENT", MAY_4), "<c:calendar-data/>")
    for href, member in answer.members.items():
        assert member.data.encode() == EVENTS[href.rpartition("/")[2].removesuffix(".ics")]


def test_selected_properties(diary: Client) -> None:
    data = (
        '<c:calendar-data><c:comp name="VCALENDAR"><c:prop name="VERSION"/><c:comp name="VEVENT">'
        '<c:prop name="SUMMARY"/><c:prop name="UID"/></c:comp></c:comp></c:calendar-data>'
    )
    lines = data_of(query(diary, comp("VEVENT", MAY_4), data), "may")
    assert [line for line in lines if line] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "BEGIN:VEVENT",
        "UID:may",
        "SUMMARY:Picnic in the Park",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_novalue_leaves_the_name(diary: Client) -> None:
    data = (
        '<c:calendar-data><c:comp name="VCALENDAR"><c:comp name="VEVENT">'
        '<c:prop name="SUMMARY" novalue="yes"/></c:comp></c:comp></c:calendar-data>'
    )
    assert "SUMMARY:" in data_of(query(diary, comp("VEVENT", MAY_4), data), "may")


def test_expanded_series_have_instances_in_utc_and_no_rule(diary: Client) -> None:
    data = '<c:calendar-data><c:expand start="20260105T000000Z" end="20260120T000000Z"/></c:calendar-data>'
    within = comp("VEVENT", span("20260105T000000Z", "20260120T000000Z"))
    lines = data_of(query(diary, within, data), "weekly")
    assert [line for line in lines if line.startswith("DTSTART")] == [
        "DTSTART:20260108T090000Z",
        "DTSTART:20260115T090000Z",
    ]
    assert [line for line in lines if line.startswith("RECURRENCE-ID")] == [
        "RECURRENCE-ID:20260108T090000Z",
        "RECURRENCE-ID:20260115T090000Z",
    ]
    assert not [line for line in lines if line.startswith("RRULE")]


def test_limited_series_keep_the_rule_and_drop_far_overrides(ann: Client) -> None:
    body = calendar(
        component("VEVENT", "DTSTART:20260101T090000Z", "RRULE:FREQ=WEEKLY", uid="w"),
        component("VEVENT", "RECURRENCE-ID:20260108T090000Z", "DTSTART:20260108T100000Z", uid="w"),
        component("VEVENT", "RECURRENCE-ID:20260611T090000Z", "DTSTART:20260611T100000Z", uid="w"),
    )
    ann.put(ann.calendar + "w.ics", body)
    data = (
        '<c:calendar-data><c:limit-recurrence-set start="20260601T000000Z" end="20260701T000000Z"/>'
        "</c:calendar-data>"
    )
    lines = data_of(query(ann, comp("VEVENT"), data), "w")
    assert "RRULE:FREQ=WEEKLY" in lines
    assert [line for line in lines if line.startswith("RECURRENCE-ID")] == ["RECURRENCE-ID:20260611T090000Z"]


def test_limited_free_busy_drops_far_periods(ann: Client) -> None:
    ann.mkcalendar(
        ann.calendar_home + "busy/",
        '<c:supported-calendar-component-set><c:comp name="VFREEBUSY"/></c:supported-calendar-component-set>',
    )
    body = calendar(
        component(
            "VFREEBUSY",
            "DTSTART:20260101T000000Z",
            "DTEND:20270101T000000Z",
            "FREEBUSY:20260102T000000Z/PT1H,20260602T000000Z/PT1H",
        )
    )
    assert ann.put(ann.calendar_home + "busy/one.ics", body).status == 201
    data = (
        '<c:calendar-data><c:limit-freebusy-set start="20260601T000000Z" end="20260701T000000Z"/>'
        "</c:calendar-data>"
    )
    answer = query(ann, comp("VFREEBUSY"), data, path=ann.calendar_home + "busy/")
    text = answer.one.data.replace("\r\n ", "")
    assert "20260602T000000Z" in text
    assert "20260102T000000Z" not in text


@pytest.mark.parametrize(
    "inner",
    [
        "<c:expand/>",
        '<c:expand start="20260101T000000Z"/>',
        '<c:expand start="20260201T000000Z" end="20260101T000000Z"/>',
        '<c:expand start="x" end="y"/>',
        '<c:expand start="20260101T000000Z" end="20270101T000000Z"/>'
        '<c:limit-recurrence-set start="20260101T000000Z" end="20270101T000000Z"/>',
    ],
)
def test_a_window_that_makes_no_sense_is_refused(diary: Client, inner: str) -> None:
    answer = query(diary, comp("VEVENT"), f"<c:calendar-data>{inner}</c:calendar-data>")
    assert answer.status in (400, 403)


def test_an_expansion_over_budget_is_507(make_server: MakeServer) -> None:
    ann = Client(make_server(caldav={"max_instances": 100}), "ann")
    ann.put(ann.calendar + "one.ics", event("RRULE:FREQ=WEEKLY"))
    data = '<c:calendar-data><c:expand start="20260101T000000Z" end="20360101T000000Z"/></c:calendar-data>'
    answer = query(ann, comp("VEVENT"), data)
    assert (answer.status, answer.error) == (507, D + "number-of-matches-within-limits")


def test_jcal_and_expand_go_together(diary: Client) -> None:
    data = (
        '<c:calendar-data content-type="application/calendar+json">'
        '<c:expand start="20260105T000000Z" end="20260120T000000Z"/></c:calendar-data>'
    )
    answer = query(diary, comp("VEVENT", span("20260105T000000Z", "20260120T000000Z")), data)
    assert len(json.loads(answer.members[diary.calendar + "weekly.ics"].data)[2]) == 2


def test_properties_come_beside_the_data(diary: Client) -> None:
    member = query(diary, comp("VJOURNAL"), "<c:calendar-data/><d:getcontenttype/><x:none/>").one
    assert member[D + "getcontenttype"].text.startswith("text/calendar")
    assert member.missing == {X + "none"}
    assert member[D + "getetag"].text == diary.get(diary.calendar + "journal.ics").etag


# -- depth and place


@pytest.mark.parametrize(("depth", "count"), [("0", 0), ("1", 9), (None, 9), ("infinity", 9)])
def test_depth_on_a_calendar(diary: Client, depth: str | None, count: int) -> None:
    answer = query(diary, "", depth=depth)
    assert answer.status == 207
    assert len(answer.members) in ({count} if depth is not None else {0, 9})


def test_a_query_on_an_item_asks_of_it_alone(diary: Client) -> None:
    path = diary.calendar + "may.ics"
    assert query(diary, comp("VEVENT"), path=path, depth="0").hrefs == [path]
    assert query(diary, comp("VTODO"), path=path, depth="0").hrefs == []


def test_a_query_on_a_home_reaches_all_calendars_in_depth(diary: Client) -> None:
    diary.mkcalendar(diary.calendar_home + "other/")
    diary.put(diary.calendar_home + "other/more.ics", event(uid="more"))
    names = found(query(diary, comp("VEVENT", MAY_4), path=diary.calendar_home, depth="infinity"))
    assert names == {"may", "day", "floating", "more"}


def test_an_address_book_takes_no_calendar_query(ann: Client) -> None:
    answer = query(ann, "", path=ann.book)
    assert (answer.status, answer.error) == (403, D + "supported-report")


def test_propname_and_allprop_may_be_asked_for(diary: Client) -> None:
    for inner in ("<d:allprop/>", "<d:propname/>"):
        text = (
            f"<c:calendar-query>{inner}<c:filter>{comp('VCALENDAR', comp('VJOURNAL'))}</c:filter>"
            "</c:calendar-query>"
        )
        answer = diary.request("REPORT", diary.calendar, xml(text), depth="1")
        assert D + "getetag" in answer.one.props


def test_what_ios_asks_for_on_its_first_run(diary: Client) -> None:
    """A time-range that has only a start, a month back."""
    answer = query(diary, comp("VEVENT", span("20260410T000000Z")), "<d:getcontenttype/>")
    assert found(answer) == {"may", "day", "floating", "weekly", "alarm"}
