"""The body of a link: one calendar that the pickiest reader takes, with what lies in its window."""

from __future__ import annotations

import json
import time
from calendar import timegm
from collections.abc import Iterable, Iterator

import icalendar
import pytest
import vobject
from sqlalchemy import Connection

from davserver.model import Detail, View
from davserver.storage import items
from tests.content.objects import BERLIN, calendar, card, component, event, todo
from tests.davclient import Client
from tests.links.conftest import BOOK, Desk, MakeLink

DAY = 86_400


@pytest.fixture
def diary(ann: Client) -> Client:
    """ann with zones with and without definition, a series, a task, long lines, an event without DTSTAMP."""
    for uid in ("one", "two"):
        part = component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000", f"SUMMARY:{uid}", uid=uid)
        ann.put(f"{ann.calendar}{uid}.ics", calendar(BERLIN, part))
    ann.put(
        ann.calendar + "tokyo.ics", event("DTSTART;TZID=Asia/Tokyo:20260601T100000", "SUMMARY:Tokyo", uid="t")
    )
    windows = "DTSTART;TZID=W. Europe Standard Time:20260701T100000"
    ann.put(ann.calendar + "w.ics", event(windows, "SUMMARY:" + "Sitzung ä" * 20, uid="w"))
    series = event("DTSTART:20260101T090000Z", "RRULE:FREQ=WEEKLY;COUNT=20", "SUMMARY:weekly", uid="weekly")
    ann.put(ann.calendar + "weekly.ics", series)
    ann.put(ann.calendar + "todo.ics", todo("SUMMARY:Tax").replace(b"one@example.com", b"todo"))
    bare = event("SUMMARY:bare", uid="bare").replace(b"DTSTAMP:20260101T000000Z\r\n", b"")
    assert ann.put(ann.calendar + "bare.ics", bare).status == 201
    return ann


@pytest.fixture
def picky(diary: Client, link: MakeLink) -> list[str]:
    return link().text().split("\r\n")


def test_every_line_is_short_and_ends_with_crlf(diary: Client, link: MakeLink) -> None:
    diary.proppatch(diary.calendar, f"<d:displayname>{'ü,;' * 60}</d:displayname>")
    for detail in Detail:
        body = link(view=View(detail), label=detail).ask().body
        assert b"\n" not in body.replace(b"\r\n", b"")
        assert max(len(line) for line in body.split(b"\r\n")) <= 75


def test_every_zone_is_defined_once_also_those_used_by_name_alone(diary: Client, link: MakeLink) -> None:
    for detail in Detail:
        reader = link(view=View(detail), label=detail)
        found = reader.lines()
        defined = [line[5:] for line in found if line.startswith("TZID:")]
        used = {line.partition(";TZID=")[2].partition(":")[0] for line in found if ";TZID=" in line}
        assert sorted(set(defined)) == sorted(defined)
        assert used <= set(defined)
        assert {"Europe/Berlin", "Asia/Tokyo"} <= set(defined)


def test_two_libraries_read_it(diary: Client, link: MakeLink) -> None:
    for detail in Detail:
        text = link(view=View(detail), label=detail).text()
        read = icalendar.Calendar.from_ical(text)
        events = list(read.walk("VEVENT"))
        assert len(events) == 6
        assert all(one["UID"] and one["DTSTAMP"] and one["DTSTART"] for one in events)
        assert len(vobject.readOne(text).vevent_list) == 6


def test_what_stands_in_front(diary: Client, link: MakeLink) -> None:
    diary.proppatch(
        diary.calendar,
        "<d:displayname>Büro, 1</d:displayname><ic:calendar-color>#FF0000FF</ic:calendar-color>"
        "<c:calendar-description>What we do</c:calendar-description>"
        "<c:calendar-timezone-id>Europe/Berlin</c:calendar-timezone-id>",
    )
    head = link().lines()[:20]
    wanted = [
        "NAME:Büro\\, 1",
        "X-WR-CALNAME:Büro\\, 1",
        "X-WR-CALDESC:What we do",
        "X-WR-TIMEZONE:Europe/Berlin",
        "COLOR:red",
        "X-APPLE-CALENDAR-COLOR:#FF0000",
        "REFRESH-INTERVAL;VALUE=DURATION:PT60M",
        "X-PUBLISHED-TTL:PT60M",
    ]
    assert [one for one in wanted if one not in head] == []
    assert not [one for one in head if one.startswith("METHOD")]
    assert "What we do" not in link(view=View(Detail.BUSY), label="busy").text()


def test_a_link_has_a_title_of_its_own(diary: Client, link: MakeLink) -> None:
    found = link(title="The days\\of ann").lines()
    assert "NAME:The days\\\\of ann" in found


def test_the_same_calendar_is_the_same_text(diary: Client, link: MakeLink, desk: Desk) -> None:
    """Readers that compare DTSTAMP would take everything for changed."""
    reader = link()
    before = reader.text()
    desk.server.links._cache.__init__(0)  # type: ignore[misc]
    assert reader.text() == before


# -- what lies in the window

WINDOWS = [
    (View(), {"one", "two", "t", "w", "weekly", "todo", "bare"}),
    (View(components=("VTODO",)), {"todo"}),
    (View(components=("VEVENT",)), {"one", "two", "t", "w", "weekly", "bare"}),
    (View(start=timegm((2026, 6, 1, 1, 0, 0))), {"t", "w", "todo"}),
    (View(start=timegm((2026, 6, 1, 2, 0, 0)), components=("VEVENT",)), {"w"}),
    (View(start=timegm((2026, 5, 14, 9, 0, 0)), components=("VEVENT",)), {"t", "w", "weekly"}),
    (View(start=timegm((2026, 5, 15, 0, 0, 0)), components=("VEVENT",)), {"t", "w"}),
    (View(end=timegm((2026, 1, 1, 9, 0, 0)), components=("VEVENT",)), set()),
    (View(end=timegm((2026, 1, 1, 9, 0, 1)), components=("VEVENT",)), {"weekly"}),
    (
        View(start=timegm((2026, 1, 2, 0, 0, 0)), end=timegm((2026, 1, 7, 0, 0, 0)), components=("VEVENT",)),
        set(),
    ),
]


@pytest.mark.parametrize(("view", "uids"), WINDOWS)
def test_a_fixed_window(diary: Client, link: MakeLink, view: View, uids: set[str]) -> None:
    """A series is there whole where one of its instances is: 20 weeks from January 1st."""
    assert link(view=view).uids() == uids


def test_a_window_that_moves_with_the_days(ann: Client, link: MakeLink, desk: Desk) -> None:
    today = int(time.time()) // DAY
    for days in (-30, -8, -7, 0, 14, 15, 40):
        date = time.strftime("%Y%m%d", time.gmtime((today + days) * DAY))
        uid = f"d{days}"
        ann.put(
            f"{ann.calendar}{uid}.ics", event(f"DTSTART:{date}T120000Z", f"DTEND:{date}T130000Z", uid=uid)
        )
    reader = link(view=View(days_back=7, days_ahead=14))
    assert reader.uids() == {"d-7", "d0", "d14"}
    desk.edit(reader.made.id, view=View(days_ahead=14))
    assert reader.uids() == {"d-30", "d-8", "d-7", "d0", "d14"}


def test_a_moving_window_moves_the_tag_and_the_date_each_midnight(
    diary: Client, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, fixed = link(view=View(days_back=7)), link(label="fixed")
    tags, fixed_tags, dates = set(), set(), set()
    midnight = int(time.time()) // DAY * DAY + DAY
    for moment in (midnight - 1, midnight + 5, midnight + DAY - 1, midnight + DAY):
        monkeypatch.setattr("davserver.links.server.time.time", lambda moment=moment: moment)
        answer = reader.ask()
        tags.add(answer.header("ETag"))
        dates.add(answer.header("Last-Modified"))
        fixed_tags.add(fixed.ask().header("ETag"))
    assert (len(tags), len(dates), len(fixed_tags)) == (3, 3, 1)


def test_the_window_of_the_address_narrows_that_of_the_link(diary: Client, link: MakeLink) -> None:
    reader = link(view=View(start=timegm((2026, 6, 1, 0, 0, 0)), components=("VEVENT",)))
    assert reader.uids("?end=2026-06-15") == {"t"}
    assert reader.uids("?start=2026-01-01") == {"t", "w"}
    assert reader.uids("?end=2026-01-01") == set()


def test_of_what_lies_outside_the_window_no_body_is_read(
    diary: Client, link: MakeLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    bodies = items.bodies_of

    def reading(tx: Connection, sized: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        wanted = list(sized)
        read.extend(size for _, size in wanted)
        return bodies(tx, wanted)

    monkeypatch.setattr(items, "bodies_of", reading)
    reader = link(view=View(start=timegm((2026, 6, 15, 0, 0, 0)), components=("VEVENT",)))
    assert reader.uids("?end=2027-01-01") == {"w"}
    assert len(read) == 1


# -- JSON


def test_jcal(diary: Client, link: MakeLink) -> None:
    reader = link()
    answer = reader.ask("GET", reader.path[:-4] + ".json")
    assert answer.header("Content-Type") == "application/calendar+json; charset=utf-8"
    name, properties, parts = json.loads(answer.body)
    assert name == "vcalendar"
    assert ["name", {}, "text", "Calendar"] in properties
    assert len([part for part in parts if part[0] == "vevent"]) == 6


def test_jcards(ann: Client, link: MakeLink) -> None:
    reader = link(BOOK)
    path = reader.path[:-4] + ".json"
    assert json.loads(reader.ask("GET", path).body) == []
    for uid in ("a", "b"):
        ann.put(f"{ann.book}{uid}.vcf", card(f"FN:{uid}", uid=uid))
    answer = reader.ask("GET", path)
    assert answer.header("Content-Type") == "application/vcard+json; charset=utf-8"
    assert [one[0] for one in json.loads(answer.body)] == ["vcard", "vcard"]
    titles = link(BOOK, view=View(Detail.TITLES), label="names")
    assert "Lee" in titles.text()


def test_an_empty_calendar_is_a_calendar(link: MakeLink) -> None:
    reader = link()
    assert reader.lines()[0] == "BEGIN:VCALENDAR"
    assert reader.lines()[-1] == "END:VCALENDAR"
    assert reader.uids() == set()
