"""jCal and jCard say the same as the text, both ways."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from davserver.content.ical import CalendarLimits, check_calendar_object
from davserver.content.jcal import from_jcal, from_jcard, to_jcal, to_jcard
from davserver.content.lines import Component, Line, decode, dump, escape_text, parse_components
from davserver.content.values import encode_param
from davserver.errors import CALDAV, CARDDAV, InvalidContent
from tests.content.objects import BERLIN, calendar, card, component, event


def parsed(body: bytes) -> Component:
    return parse_components(decode(body))[0]


def as_json(*lines: str) -> list[Any]:
    """The properties of the one event, after UID, DTSTAMP and DTSTART."""
    properties: list[Any] = json.loads(to_jcal(parsed(event(*lines))))[2][0][1]
    return [
        item
        for item in properties
        if item[0] not in ("uid", "dtstamp", "dtstart") or "DTSTART" in "".join(lines)
    ]


def from_json(*properties: Any) -> str:
    """The lines of an event with these properties."""
    root = from_jcal(json.dumps(["vcalendar", [], [["vevent", list(properties), []]]]).encode())
    return dump(root.children[0]).removeprefix("BEGIN:VEVENT\r\n").removesuffix("END:VEVENT\r\n")


VALUES = [
    ("SUMMARY:a\\, b\\nc", ["summary", {}, "text", "a, b\nc"]),
    ("CATEGORIES:a,b\\,c", ["categories", {}, "text", "a", "b,c"]),
    ("DTEND;VALUE=DATE:20260505", ["dtend", {}, "date", "2026-05-05"]),
    ("DTEND:20260504T110000Z", ["dtend", {}, "date-time", "2026-05-04T11:00:00Z"]),
    (
        "RECURRENCE-ID;TZID=Europe/Berlin;RANGE=THISANDFUTURE:20260504T110000",
        [
            "recurrence-id",
            {"tzid": "Europe/Berlin", "range": "THISANDFUTURE"},
            "date-time",
            "2026-05-04T11:00:00",
        ],
    ),
    (
        "EXDATE:20260504T110000Z,20260505T110000Z",
        ["exdate", {}, "date-time", "2026-05-04T11:00:00Z", "2026-05-05T11:00:00Z"],
    ),
    (
        "RDATE;VALUE=PERIOD:20260504T110000Z/PT1H,20260504T110000Z/20260504T120000Z",
        [
            "rdate",
            {},
            "period",
            ["2026-05-04T11:00:00Z", "PT1H"],
            ["2026-05-04T11:00:00Z", "2026-05-04T12:00:00Z"],
        ],
    ),
    (
        "RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=1SU,-1MO;BYMONTHDAY=-1;UNTIL=20270101T000000Z;WKST=SU",
        [
            "rrule",
            {},
            "recur",
            {
                "freq": "MONTHLY",
                "interval": 2,
                "byday": ["1SU", "-1MO"],
                "bymonthday": -1,
                "until": "2027-01-01T00:00:00Z",
                "wkst": "SU",
            },
        ],
    ),
    ("DURATION:PT1H", ["duration", {}, "duration", "PT1H"]),
    ("SEQUENCE:3", ["sequence", {}, "integer", 3]),
    ("GEO:37.386013;-122.08", ["geo", {}, "float", [37.386013, -122.08]]),
    ("REQUEST-STATUS:2.0;Success\\, so far", ["request-status", {}, "text", ["2.0", "Success, so far"]]),
    (
        'ATTENDEE;CN="Lee, Ann":mailto:ann@example.com',
        ["attendee", {"cn": "Lee, Ann"}, "cal-address", "mailto:ann@example.com"],
    ),
    (
        'ATTENDEE;MEMBER="mailto:a@x","mailto:b@x":mailto:c@x',
        ["attendee", {"member": ["mailto:a@x", "mailto:b@x"]}, "cal-address", "mailto:c@x"],
    ),
    (
        "X-NOTE;CN=Ann ^'Babe^' Lee:as, it; is\\n",
        ["x-note", {"cn": 'Ann "Babe" Lee'}, "unknown", "as, it; is\\n"],
    ),
    ("X-FLAG;VALUE=BOOLEAN:TRUE", ["x-flag", {}, "boolean", True]),
    ("X-WHERE;VALUE=URI:geo:1,2", ["x-where", {}, "uri", "geo:1,2"]),
    ("X-OFFSET;VALUE=UTC-OFFSET:-0530", ["x-offset", {}, "utc-offset", "-05:30"]),
    ("X-TIME;VALUE=TIME:102200Z", ["x-time", {}, "time", "10:22:00Z"]),
    ("X-STRANGE;VALUE=X-TYPE:raw", ["x-strange", {}, "x-type", "raw"]),
]


@pytest.mark.parametrize(("line", "value"), VALUES, ids=[line for line, _ in VALUES])
def test_each_value_type_has_its_json_form_and_comes_back(line: str, value: list[Any]) -> None:
    assert as_json(line) == [value]
    assert from_json(value).replace("\r\n ", "").strip() == line


def test_components_nest() -> None:
    body = event("BEGIN:VALARM\nACTION:AUDIO\nTRIGGER;RELATED=START:-PT10M\nEND:VALARM")
    alarm = json.loads(to_jcal(parsed(body)))[2][0][2][0]
    trigger = ["trigger", {"related": "START"}, "duration", "-PT10M"]
    assert alarm == ["valarm", [["action", {}, "text", "AUDIO"], trigger], []]


def test_what_clients_leave_out_is_seen_by_its_form() -> None:
    assert as_json("DTSTART:20260504") == [
        ["uid", {}, "text", "one@example.com"],
        ["dtstamp", {}, "date-time", "2026-01-01T00:00:00Z"],
        ["dtstart", {}, "date", "2026-05-04"],
    ]
    assert as_json("RDATE:20260504T110000Z/PT1H") == [
        ["rdate", {}, "period", ["2026-05-04T11:00:00Z", "PT1H"]]
    ]


@pytest.mark.parametrize(
    "line", ["SEQUENCE:007", "GEO:north", "RRULE:FREQ=DAILY;FREQ=DAILY", "DURATION:soon", "GEO:1.10;2.0"]
)
def test_a_value_of_another_form_is_handed_on_as_it_is(line: str) -> None:
    assert from_json(*as_json(line)).strip().replace("1.1;", "1.10;") == line


def test_icalendar_agrees() -> None:
    icalendar = pytest.importorskip("icalendar")
    body = calendar(
        BERLIN,
        component(
            "VEVENT",
            "DTSTART;TZID=Europe/Berlin:20260504T100000",
            "DTEND;TZID=Europe/Berlin:20260504T110000",
            "RRULE:FREQ=WEEKLY;COUNT=3;BYDAY=MO",
            "SUMMARY:Lunch\\, at noon",
            "SEQUENCE:2",
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.com",
        ),
    )
    theirs = icalendar.Calendar.from_ical(body).to_jcal()
    ours = json.loads(to_jcal(parsed(body)))

    def flat(value: Any) -> Any:
        """Order of properties and one-element lists aside."""
        if isinstance(value, dict):
            return sorted((key, flat(item)) for key, item in value.items())
        if isinstance(value, list) and len(value) == 3 and isinstance(value[1], list):
            return [value[0], sorted(map(flat, value[1])), sorted(map(flat, value[2]))]
        if isinstance(value, list) and len(value) == 1:
            return flat(value[0])
        return json.dumps([flat(item) for item in value]) if isinstance(value, list) else json.dumps(value)

    assert flat(ours) == flat(json.loads(json.dumps(theirs)))


# -- jCard ---------------------------------------------------------------------------------------

CARD_VALUES = [
    ("N:Doe;John;Philip,Paul;;Dr", ["n", {}, "text", ["Doe", "John", ["Philip", "Paul"], "", "Dr"]]),
    ("ORG:Example\\, Inc.", ["org", {}, "text", "Example, Inc."]),
    ("ORG:Example;Sales", ["org", {}, "text", ["Example", "Sales"]]),
    ("NICKNAME:Annie,Nan", ["nickname", {}, "text", "Annie", "Nan"]),
    ("BDAY:19531015", ["bday", {}, "date-and-or-time", "1953-10-15"]),
    ("BDAY:--0415", ["bday", {}, "date-and-or-time", "--04-15"]),
    ("BDAY:1985-04", ["bday", {}, "date-and-or-time", "1985-04"]),
    ("BDAY:19531015T102200-0800", ["bday", {}, "date-and-or-time", "1953-10-15T10:22:00-08:00"]),
    ("BDAY:T-2200", ["bday", {}, "date-and-or-time", "T-22:00"]),
    ("BDAY;VALUE=text:circa 1800", ["bday", {}, "text", "circa 1800"]),
    ("REV:19951031T222710Z", ["rev", {}, "timestamp", "1995-10-31T22:27:10Z"]),
    (
        "item1.TEL;VALUE=uri;TYPE=work,voice:tel:+1-555",
        ["tel", {"group": "item1", "type": ["work", "voice"]}, "uri", "tel:+1-555"],
    ),
    ("PHOTO:data:image/png;base64,AAAA", ["photo", {}, "uri", "data:image/png;base64,AAAA"]),
    ("LANG;PREF=1:fr", ["lang", {"pref": "1"}, "language-tag", "fr"]),
    (
        'ADR;LABEL="a^nb, c":;;1 Main St;Town;;;',
        ["adr", {"label": "a\nb, c"}, "text", ["", "", "1 Main St", "Town", "", "", ""]],
    ),
]


@pytest.mark.parametrize(("line", "value"), CARD_VALUES, ids=[line for line, _ in CARD_VALUES])
def test_each_card_property_has_its_json_form_and_comes_back(line: str, value: list[Any]) -> None:
    root = Component("VCARD", parse_components(f"BEGIN:VCARD\n{line}\nEND:VCARD")[0].lines)
    assert json.loads(to_jcard(root)) == ["vcard", [value]]
    back = dump(from_jcard(json.dumps(["vcard", [value]]).encode()))
    assert back.split("\r\n")[1:-2] == [line]


# -- both ways -----------------------------------------------------------------------------------

PLAIN = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12
)
TEXT = st.lists(PLAIN | st.sampled_from(["\n", ",", ";", "\\", ":", '"', "^"]), max_size=4).map("".join)
RAW = PLAIN.filter(lambda text: text == text.strip())
MOMENT = st.datetimes(min_value=datetime(1000, 1, 1)).map("{:%Y%m%dT%H%M%SZ}".format)
DAY = st.dates(min_value=date(1000, 1, 1)).map("{:%Y%m%d}".format)
PARAMS = st.dictionaries(
    st.sampled_from(["CN", "X-A", "LANGUAGE"]),
    st.lists(TEXT.map(encode_param).filter(bool), min_size=1, max_size=2),
)
LINES = st.one_of(
    st.builds(Line, st.sampled_from(["SUMMARY", "UID", "STATUS"]), TEXT.map(escape_text), PARAMS),
    st.builds(Line, st.just("CATEGORIES"), st.lists(TEXT.map(escape_text), min_size=1).map(",".join), PARAMS),
    st.builds(Line, st.sampled_from(["X-RAW", "URL", "ATTENDEE"]), RAW, PARAMS),
    st.builds(Line, st.sampled_from(["DTSTART", "EXDATE"]), MOMENT),
    st.builds(Line, st.just("DUE"), DAY, st.just({"VALUE": ["DATE"]})),
    st.builds(Line, st.just("PRIORITY"), st.integers(-(10**12), 10**12).map(str)),
    st.builds(Line, st.just("FREEBUSY"), st.lists(MOMENT.map("{}/PT1H".format), min_size=1).map(",".join)),
    st.builds(Line, st.just("RRULE"), MOMENT.map("FREQ=DAILY;BYMONTH=1,2;UNTIL={}".format)),
)
COMPONENTS = st.builds(
    lambda lines, inner: Component("VCALENDAR", lines, [Component("VEVENT", inner)]),
    st.lists(LINES, max_size=5),
    st.lists(LINES, max_size=5),
)


@settings(max_examples=300, deadline=None)
@given(COMPONENTS)
def test_text_to_jcal_and_back_is_the_same(root: Component) -> None:
    assert from_jcal(to_jcal(root).encode()) == root


@settings(max_examples=300, deadline=None)
@given(COMPONENTS)
def test_what_comes_from_jcal_can_be_parsed_again(root: Component) -> None:
    assert parse_components(dump(from_jcal(to_jcal(root).encode())))[0].children[0].name == "VEVENT"


def test_a_put_of_jcal_is_a_calendar_object() -> None:
    body = event("SUMMARY:Lunch", "DTSTART;TZID=Europe/Berlin:20260504T100000")
    converted = dump(from_jcal(to_jcal(parsed(body)).encode())).encode()
    assert converted == body
    assert check_calendar_object(converted, CalendarLimits()).component == "VEVENT"


# -- hostile JSON --------------------------------------------------------------------------------

REFUSED = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff",
    b"[" * 100_000,
    b'["vcalendar",[],[]',
    b'["vcard",[]]',
    b'["vcalendar",{},[]]',
    b'["vcalendar",[["summary",{},"text"]],[]]',
    b'["vcalendar",[["summary",[],"text","x"]],[]]',
    b'["vcalendar",[["sum mary",{},"text","x"]],[]]',
    b'["vcalendar",[["summary",{},"text",null]],[]]',
    b'["vcalendar",[["summary",{},"text",{}]],[]]',
    b'["vcalendar",[["summary",{},"text","\\u0007"]],[]]',
    b'["vcalendar",[["summary",{},"text","\\ud800"]],[]]',
    b'["vcalendar",[["priority",{},"integer",NaN]],[]]',
    b'["vcalendar",[["x-a",{},"unknown","x\\r\\nEND:VCALENDAR"]],[]]',
    b'["vcalendar",[["rrule",{},"recur",{"freq":"DAILY\\nX:1"}]],[]]',
    b'["vcalendar",[["rrule",{},"recur",{"fr eq":"DAILY"}]],[]]',
    b'["vcalendar",[["x-a",{"b:c":"1"},"text","x"]],[]]',
    b'["vcalendar",[["x-a",{"group":"a b"},"text","x"]],[]]',
    b'["vcalendar",[["x-a",{},"text;x","x"]],[]]',
    b'["vcalendar",[["priority",{},"integer",' + b"9" * 5000 + b"]],[]]",
]


@pytest.mark.parametrize("body", REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_jcal_is_refused_with_valid_calendar_data(body: bytes) -> None:
    with pytest.raises(InvalidContent) as caught:
        from_jcal(body)
    assert (caught.value.status, caught.value.precondition) == (403, CALDAV + "valid-calendar-data")


def test_what_is_no_jcard_is_refused_with_valid_address_data() -> None:
    with pytest.raises(InvalidContent) as caught:
        from_jcard(to_jcal(parsed(event())).encode())
    assert caught.value.precondition == CARDDAV + "valid-address-data"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["vcalendar", "text"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(JSON, min_size=4, max_size=6) | JSON, st.sampled_from([from_jcal, from_jcard]))
@example(["rrule", {}, "recur", {"freq": ["DAILY", ["x"]]}], from_jcal)
@example(["geo", {}, "float", [[1], 1e300, -0.0, 1e-9]], from_jcal)
@example(["n", {}, "text", [["a", ["b"]]]], from_jcard)
def test_any_json_is_read_or_refused_and_nothing_else(value: Any, read: Any) -> None:
    for body in (value, ["vcalendar", [value], []], ["vcard", [value]]):
        try:
            root = read(json.dumps(body).encode())
        except InvalidContent:
            continue
        assert parse_components(decode(dump(root).encode()))[0].name == root.name


def test_a_card_of_ours_survives() -> None:
    body = card("TEL;VALUE=uri;TYPE=home:tel:+49-30-1", "NOTE:a\\nb", version="4.0")
    assert dump(from_jcard(to_jcard(parsed(body)).encode())).encode() == body
