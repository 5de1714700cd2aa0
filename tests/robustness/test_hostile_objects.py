"""Objects that hang, fill or crash other servers, through the whole server.

Each is put (stored, or refused with the precondition that fits), and whatever was stored is then asked for in
every way a client asks: a month, expanded, free-busy, synchronised, exported, as jCal. Every answer is one of
the RFC's, within a bound of work that is counted in steps, so that the test means the same on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from davserver.config import Settings
from tests.content.hostile import HOSTILE, REFUSED
from tests.content.objects import calendar, card, component, event, todo
from tests.robustness.corpus import BOOK, CALENDAR
from tests.robustness.test_mutations import judge
from tests.robustness.world import Answer, Wanted, World, small_settings

INSTANCES = 10_000
"""Occurrences that one query may compute here, and that an object with an end may have."""

MOST_STEPS = INSTANCES * 800
"""Calls of functions and lines of our own code that one answer may cost: about a second."""

_CALDAV = "urn:ietf:params:xml:ns:caldav"
_CARDDAV = "urn:ietf:params:xml:ns:carddav"

STORED = ""
HOUR = "DURATION:PT1H"
EMPTY = "RRULE:FREQ=SECONDLY;BYDAY=2TU,1WE;BYSETPOS=35,-15;BYSECOND=32"
BERLIN = "DTSTART;TZID=Europe/Berlin:20200106T090000"

PEERS: tuple[tuple[str, bytes, str], ...] = (
    ("3,500 and more instances (Baïkal: 500)", event("RRULE:FREQ=DAILY;UNTIL=20360101T000000Z"), STORED),
    ("no instance at all (Baïkal #1053)", event("RRULE:FREQ=DAILY;UNTIL=20200101T000000Z"), STORED),
    ("before 1970 (Baïkal)", event("DTSTART:19450508T230100Z", "RRULE:FREQ=YEARLY"), STORED),
    ("in the year 2040 (Baïkal)", event("DTSTART:20400101T000000Z"), STORED),
    ("a TZID with a blank behind it (Outlook)", event("DTSTART;TZID=Europe/Berlin :20260101T090000"), STORED),
    ("a Windows zone (Outlook)", event("DTSTART;TZID=W. Europe Standard Time:20260101T090000"), STORED),
    (
        "EXDATE as DATE for times (Radicale: 400)",
        event(BERLIN, "RRULE:FREQ=DAILY", "EXDATE;VALUE=DATE:20200107"),
        STORED,
    ),
    (
        "RDATE and EXDATE of other types (Xandikos #529)",
        event(BERLIN, "RRULE:FREQ=DAILY", "RDATE;VALUE=DATE:20200107", "EXDATE:20200108T080000Z"),
        STORED,
    ),
    ("a local UNTIL (Xandikos #572)", event(BERLIN, "RRULE:FREQ=DAILY;UNTIL=20200201T090000"), STORED),
    ("UNTIL as a date (Xandikos)", event(BERLIN, "RRULE:FREQ=DAILY;UNTIL=20200201"), STORED),
    (
        "whole days that recur (Xandikos #442)",
        event("DTSTART;VALUE=DATE:20200101", "RRULE:FREQ=WEEKLY;UNTIL=20300101"),
        STORED,
    ),
    ("newlines that are escaped (Xandikos #565)", event(r"DESCRIPTION:one\ntwo\Nthree\\n"), STORED),
    ("eighteen rules that BYSETPOS leaves nothing of",
     event("DTSTART;VALUE=DATE:20261119", "RRULE:FREQ=HOURLY", *[EMPTY] * 18, "EXRULE:FREQ=HOURLY"), STORED),
    ("a task without a start (Stalwart)", todo("DUE:20260101T000000Z"), STORED),
    ("a task without any time", todo("SUMMARY:some day"), STORED),
    ("a task that recurs from its DUE", todo("DUE;VALUE=DATE:20260101", "RRULE:FREQ=DAILY"), STORED),
    (
        "an alarm relative to an end that is not there",
        calendar(
            component(
                "VEVENT",
                "DTSTART;VALUE=DATE:20260101",
                "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER;RELATED=END:PT1H\nEND:VALARM",
            )
        ),
        STORED,
    ),
    ("emoji", event("SUMMARY:\U0001f4a9\U0001f468‍\U0001f469‍\U0001f467"), STORED),
    ("a line of 900,000 characters", event("X-BIG:" + "x" * 900_000), STORED),
    ("lines that end in LF alone", event("SUMMARY:x").replace(b"\r\n", b"\n"), STORED),
    ("a BOM in front", b"\xef\xbb\xbf" + event(), STORED),
    ("DTEND and DURATION (Radicale #985)", event("DTEND:20260504T110000Z", HOUR), "valid-calendar-data"),
    ("two UIDs (Xandikos: 201)", calendar(component("VEVENT", BERLIN), component("VEVENT", BERLIN, uid="b")),
     "valid-calendar-object-resource"),
    ("no UID", event().replace(b"UID:one@example.com\r\n", b""), "valid-calendar-object-resource"),
    ("an empty UID", event(uid=""), "valid-calendar-object-resource"),
    ("events and tasks in one", calendar(component("VEVENT", BERLIN), component("VTODO")),
     "valid-calendar-object-resource"),
    ("nothing inside", calendar(), "valid-calendar-object-resource"),
    ("a METHOD", event().replace(b"VERSION:2.0", b"VERSION:2.0\r\nMETHOD:REQUEST"),
     "valid-calendar-object-resource"),
    ("the same instance twice", calendar(component("VEVENT", BERLIN), component("VEVENT", BERLIN)),
     "valid-calendar-object-resource"),
    ("a card (Xandikos: 500, and stored)", card(), "valid-calendar-data"),
    ("a component that is not closed", event().replace(b"END:VEVENT\r\n", b""), "valid-calendar-data"),
    ("50,000 components within each other", b"BEGIN:VCALENDAR\r\n" * 50_000, "valid-calendar-data"),
    ("Latin-1", event("SUMMARY:Käse").decode().encode("latin-1"), "valid-calendar-data"),
    ("UTF-16", event().decode().encode("utf-16"), "valid-calendar-data"),
    ("a NUL", event("SUMMARY:a\0b"), "valid-calendar-data"),
    ("nothing", b"", "valid-calendar-data"),
    ("a start that is no date", event("DTSTART:tomorrow"), "valid-calendar-data"),
    ("February 30th", event("DTSTART:20260230T000000Z"), "valid-calendar-data"),
    ("a rule without FREQ", event("RRULE:COUNT=3"), "valid-calendar-data"),
    ("a rule with an unknown FREQ", event("RRULE:FREQ=HALFYEARLY"), "valid-calendar-data"),
    ("a rule with COUNT and UNTIL", event("RRULE:FREQ=DAILY;COUNT=2;UNTIL=20300101T000000Z"), STORED),
    ("a zone that nobody knows", event("DTSTART;TZID=Mars/Olympus:20260101T000000"), "valid-timezone"),
    ("before the first date that is taken", event("DTSTART:00010101T000000Z"), "min-date-time"),
    ("after the last date that is taken", event("DTSTART:99990101T000000Z"), "max-date-time"),
    ("1,001 attendees", event(*["ATTENDEE:mailto:a@example.org"] * 1001), "max-attendees-per-instance"),
    ("endless FREQ=SECONDLY (Radicale, Xandikos)", event("RRULE:FREQ=SECONDLY"), "max-instances"),
    ("11 MB", event("X-BIG:" + "x" * 11_000_000), "max-resource-size"),
)  # fmt: skip
"""Name, object, and the precondition by which it is refused."""

CARDS: tuple[tuple[str, bytes, str], ...] = (
    ("a vCard 4 picture (not Radicale)", card("PHOTO:data:image/jpeg;base64,AAAA", version="4.0"), STORED),
    ("a picture of 2 MB", card("PHOTO;ENCODING=b;TYPE=JPEG:" + "A" * 2_800_000), STORED),
    ("only an FN (vdirsyncer #605)", b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:x\r\nFN:x\r\nEND:VCARD\r\n", STORED),
    ("a group of Apple's", card("X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:x"), STORED),
    ("a group of RFC 6350", card("KIND:group", "MEMBER:urn:uuid:x", version="4.0"), STORED),
    ("a birthday without a year", card("BDAY:--0203", version="4.0"), STORED),
    ("quoted-printable from an old phone", card("NOTE;ENCODING=QUOTED-PRINTABLE:=C3=A4=\r\n =C3=B6"), STORED),
    ("a thousand numbers", card(*[f"TEL;TYPE=CELL:{number}" for number in range(1000)]), STORED),
    ("no UID (Radicale: 400)", card().replace(b"UID:ann-1\r\n", b""), "valid-address-data"),
    ("two UIDs", card("UID:b"), "valid-address-data"),
    ("two cards", card() + card(uid="b"), "valid-address-data"),
    ("no name", b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:x\r\nEND:VCARD\r\n", "valid-address-data"),
    ("version 2.1", card(version="2.1"), "supported-address-data"),
    ("an event", event(), "valid-address-data"),
    ("Latin-1", card("NOTE:Käse").decode().encode("latin-1"), "valid-address-data"),
    ("a picture of 6 MB", card("PHOTO;ENCODING=b;TYPE=JPEG:" + "A" * 8_400_000), "max-image-size"),
    ("11 MB", card("NOTE:" + "x" * 11_000_000), "max-resource-size"),
)  # fmt: skip


@pytest.fixture(scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, default = tmp_path_factory.mktemp("hostile"), Settings()
    limits = replace(default.limits, query_instances=INSTANCES)
    settings = replace(small_settings(folder), caldav=default.caldav, carddav=default.carddav, limits=limits)
    made = World(folder, settings)
    made.remember()
    yield made
    made.close()


@pytest.fixture
def world(_world: World) -> World:
    """An empty calendar, an empty address book, and the limits that a server has by default."""
    _world.rewind()
    return _world


def ask(world: World, method: str, target: str, body: str = "", **headers: str) -> Answer:
    """Ask, and hold the answer against what every answer must be."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    wanted = Wanted(method, target, named, body.encode())
    answer = world.ask(wanted, most_steps=MOST_STEPS)
    judge(world, wanted, answer)
    return answer


def precondition(answer: Answer) -> str:
    """The local name of the element in a DAV:error."""
    return str(answer.xml[0].tag).rpartition("}")[2] if answer.body else ""


# -- the questions

WINDOWS = (
    ("20200101T000000Z", "20200201T000000Z"),
    ("20400101T000000Z", "20400201T000000Z"),
    ("16000101T000000Z", "29990101T000000Z"),
)
Windows = tuple[tuple[str, str], ...]
_NS = f'xmlns="DAV:" xmlns:C="{_CALDAV}" xmlns:A="{_CARDDAV}"'


def _query(window: tuple[str, str], kind: str, data: str = "") -> str:
    return (
        f"<C:calendar-query {_NS}><prop><C:calendar-data>{data}</C:calendar-data></prop><C:filter>"
        f'<C:comp-filter name="VCALENDAR"><C:comp-filter name="{kind}">'
        f'<C:time-range start="{window[0]}" end="{window[1]}"/></C:comp-filter></C:comp-filter></C:filter>'
        "</C:calendar-query>"
    )


def _alarms(window: tuple[str, str]) -> str:
    span = f'<C:time-range start="{window[0]}" end="{window[1]}"/>'
    return _query(window, "VEVENT").replace(
        f'<C:comp-filter name="VEVENT">{span}',
        f'<C:comp-filter name="VEVENT"><C:comp-filter name="VALARM">{span}</C:comp-filter>',
    )


def ask_everything(world: World, windows: Windows) -> Iterator[tuple[str, Answer]]:
    """What clients ask of a calendar: (question, answer)."""
    for window in windows:
        span = f'start="{window[0]}" end="{window[1]}"'
        for kind in ("VEVENT", "VTODO") if window == windows[0] else ("VEVENT",):
            yield "query", ask(world, "REPORT", CALENDAR, _query(window, kind), Depth="1")
            expanded = _query(window, kind, f"<C:expand {span}/>")
            yield "expand", ask(world, "REPORT", CALENDAR, expanded, Depth="1")
        limited = _query(window, "VEVENT", f"<C:limit-recurrence-set {span}/>")
        yield "limit-recurrence-set", ask(world, "REPORT", CALENDAR, limited, Depth="1")
        yield "alarms", ask(world, "REPORT", CALENDAR, _alarms(window), Depth="1")
        busy = f"<C:free-busy-query {_NS}><C:time-range {span}/></C:free-busy-query>"
        yield "free-busy", ask(world, "REPORT", CALENDAR, busy, Depth="1")
    sync = (
        f"<sync-collection {_NS}><sync-token/><sync-level>1</sync-level><prop><C:calendar-data/></prop>"
        "</sync-collection>"
    )
    yield "sync", ask(world, "REPORT", CALENDAR, sync)
    yield "export", ask(world, "GET", CALENDAR + "?export")
    yield "export as jCal", ask(world, "GET", CALENDAR + "?export&accept=jcal")
    yield "export expanded", ask(world, "GET", CALENDAR + "?export&expand=1&start=1577836800&end=1580515200")


MAY_BE_507 = {"query", "expand", "free-busy", "export expanded", "alarms"}
"""Questions that may end in number-of-matches-within-limits; the others cost what they return."""


def _are_answers(world: World, windows: Windows = WINDOWS) -> None:
    for question, answer in ask_everything(world, windows):
        is_limit = answer.status == 507 and question in MAY_BE_507
        assert is_limit or answer.status in (200, 207), (question, answer)


# -- the tests


@pytest.mark.parametrize(("name", "body"), HOSTILE, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_made_to_hang_a_server_is_stored_and_answered_or_refused(
    world: World, name: str, body: bytes
) -> None:
    before = world.state()
    answer = ask_to_put(world, CALENDAR + "hostile.ics", body)
    if answer.status == 201:
        assert name not in REFUSED
        assert ask(world, "GET", CALENDAR + "hostile.ics").body == body
        _are_answers(world)
    else:
        assert answer.status == 403
        assert answer.xml[0].tag.startswith(f"{{{_CALDAV}}}"), answer
        assert world.state() == before


@pytest.mark.parametrize(("name", "body", "refusal"), PEERS, ids=[row[0] for row in PEERS])
def test_what_breaks_other_calendar_servers_is_stored_or_refused_by_name(
    world: World, name: str, body: bytes, refusal: str
) -> None:
    before = world.state()
    answer = ask_to_put(world, CALENDAR + "peer.ics", body)
    if refusal:
        assert (answer.status, precondition(answer)) in ((403, refusal), (413, refusal)), answer
        assert world.state() == before
        return
    assert answer.status == 201, answer
    assert ask(world, "GET", CALENDAR + "peer.ics").body == body
    _are_answers(world)


@pytest.mark.parametrize(("name", "body", "refusal"), CARDS, ids=[row[0] for row in CARDS])
def test_what_breaks_other_address_books_is_stored_or_refused_by_name(
    world: World, name: str, body: bytes, refusal: str
) -> None:
    before = world.state()
    answer = ask_to_put(world, BOOK + "peer.vcf", body)
    if refusal:
        assert (answer.status, precondition(answer)) in ((403, refusal), (413, refusal)), answer
        assert world.state() == before
        return
    assert answer.status == 201, answer
    assert ask(world, "GET", BOOK + "peer.vcf").body == body
    for wanted in ("text/vcard;version=3.0", "text/vcard;version=4.0", "application/vcard+json"):
        assert ask(world, "GET", BOOK + "peer.vcf", Accept=wanted).status == 200
    search = (
        f'<A:addressbook-query {_NS}><prop><A:address-data/></prop><A:filter><A:prop-filter name="TEL">'
        "<A:text-match>9</A:text-match></A:prop-filter></A:filter></A:addressbook-query>"
    )
    assert ask(world, "REPORT", BOOK, search, Depth="1").status == 207
    assert ask(world, "GET", BOOK + "?export").status == 200


def ask_to_put(world: World, target: str, body: bytes) -> Answer:
    """PUT with a bound of work."""
    kind = "text/vcard" if target.endswith(".vcf") else "text/calendar"
    wanted = Wanted("PUT", target, (("Content-Type", kind),), body)
    answer = world.ask(wanted, most_steps=MOST_STEPS)
    judge(world, wanted, answer)
    return answer


def test_all_of_them_in_one_calendar_still_get_an_answer(world: World) -> None:
    stored = 0
    objects = [*(body for _, body in HOSTILE), *(body for _, body, _ in PEERS)]
    for number, body in enumerate(objects):
        own = body.replace(b"UID:one@example.com", b"UID:%d" % number).replace(
            b"UID:a\r", b"UID:a%d\r" % number
        )
        stored += ask_to_put(world, f"{CALENDAR}{number}.ics", own).status == 201
    assert stored > 50
    _are_answers(world, WINDOWS[-1:])


def _expanded_for_twenty_years(world: World) -> Answer:
    window = "20260101T000000Z", "20460101T000000Z"
    span = f'start="{window[0]}" end="{window[1]}"'
    return ask(world, "REPORT", CALENDAR, _query(window, "VEVENT", f"<C:expand {span}/>"), Depth="1")


def test_what_a_query_expands_is_limited_for_all_its_objects_together(world: World) -> None:
    """Each of these has fewer instances than an object may have; the query must not compute them all.

    The first object is more than fits into an answer that is held back: it has left with 207 by then.
    """
    for number in range(30):
        ask_to_put(world, f"{CALENDAR}{number}.ics", event("RRULE:FREQ=DAILY", uid=f"daily-{number}"))
    answer = _expanded_for_twenty_years(world)
    assert answer.status == 207
    assert [len(answer.xml), answer.xml[-1][0].text, answer.xml[-1][1].text] == [
        2,
        CALENDAR,
        "HTTP/1.1 507 Insufficient Storage",
    ]


@pytest.mark.parametrize(
    "line", ["X-BIG:" + "x" * 900_000, "X-BIG;A=" + "x" * 900_000 + ":x", "X:\r\n" * 100_000 + "X:"]
)
def test_a_large_object_is_not_written_out_thousands_of_times(world: World, line: str) -> None:
    """900 KB for each of 7,300 days would be 6 GB."""
    body = event("RRULE:FREQ=DAILY", "X-LARGE:").replace(b"X-LARGE:", line.encode())
    assert ask_to_put(world, CALENDAR + "large.ics", body).status == 201
    answer = _expanded_for_twenty_years(world)
    assert (answer.status, precondition(answer)) == (507, "number-of-matches-within-limits")


def test_a_rule_without_an_end_is_found_in_2040_and_in_2900(world: World) -> None:
    """Baïkal cuts endless rules at 2038."""
    ask_to_put(world, CALENDAR + "yearly.ics", event("DTSTART:19990101T120000Z", "RRULE:FREQ=YEARLY"))
    for year in (2040, 2900):
        window = f"{year}0101T000000Z", f"{year}0201T000000Z"
        answer = ask(world, "REPORT", CALENDAR, _query(window, "VEVENT"), Depth="1")
        assert b"yearly.ics" in answer.body, year


def test_an_item_keeps_its_uid(world: World) -> None:
    """Xandikos lets it change."""
    ask_to_put(world, CALENDAR + "one.ics", event(uid="one"))
    answer = ask_to_put(world, CALENDAR + "one.ics", event(uid="two"))
    assert (answer.status, precondition(answer)) == (409, "no-uid-conflict")


@pytest.mark.parametrize(
    "name", ["umä.ics", "a b;c.ics", "#1.ics", "100%.ics", "a+b&c.ics", "'quote\".ics", "?.ics"]
)
def test_any_name_can_be_put_listed_and_fetched_by_the_very_href_that_was_listed(
    world: World, name: str
) -> None:
    """Radicale stores mojibake, answers 404 to a raw ``;``; Xandikos to %23."""
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    assert ask_to_put(world, CALENDAR + encoded, event()).status == 201
    listed = ask(world, "PROPFIND", CALENDAR, Depth="1")
    href = [one.text for one in listed.xml.iter("{DAV:}href")][-1]
    assert ask(world, "GET", href).body == event()
    for spelled in (href, CALENDAR + encoded, "http://dav.example.org" + href):
        escaped = spelled.replace("&", "&amp;")
        data = f"<prop><C:calendar-data/></prop><href>{escaped}</href>"
        multiget = f"<C:calendar-multiget {_NS}>{data}</C:calendar-multiget>"
        assert b"BEGIN:VEVENT" in ask(world, "REPORT", CALENDAR, multiget).body, spelled
    assert ask(world, "DELETE", href).status == 204


def test_the_index_and_a_calendar_made_with_an_empty_body_are_whole(world: World) -> None:
    """Xandikos answers 400 to a MKCALENDAR with a Content-Type and no body, and makes it all the same."""
    answer = ask(world, "MKCALENDAR", "/dav/calendars/ann/empty/", Content_Type="application/xml")
    assert answer.status == 201
    assert ask(world, "PROPFIND", "/dav/calendars/ann/empty/", Depth="0").status == 207
    assert world.faults() == []
