"""The page of a link: a month for people, plain, escaped, in frames only where the owner allows it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from davserver.links.sight import best_language
from davserver.model import Detail, View
from tests.content.objects import event
from tests.davclient import Client
from tests.links.conftest import BOOK, MakeLink, Reader

MAY = "?month=2026-05"


@pytest.fixture
def reader(ann: Client, link: MakeLink) -> Reader:
    """ann's May: a lunch, a holiday of three days, a weekly series, a party over midnight."""
    ann.proppatch(
        ann.calendar,
        "<c:calendar-timezone-id>Europe/Berlin</c:calendar-timezone-id><ic:calendar-color>#CC0000</ic:calendar-color>",
    )
    objects = {
        "lunch": ["DTSTART:20260504T100000Z", "DTEND:20260504T113000Z", "SUMMARY:Lunch", "LOCATION:Café"],
        "fair": ["DTSTART;VALUE=DATE:20260512", "DTEND;VALUE=DATE:20260515", "SUMMARY:Fair"],
        "choir": ["DTSTART;TZID=Europe/Berlin:20260101T190000", "RRULE:FREQ=WEEKLY", "SUMMARY:Choir"],
        "party": ["DTSTART:20260523T200000Z", "DTEND:20260524T010000Z", "SUMMARY:Party"],
        "off": ["DTSTART:20260506T080000Z", "SUMMARY:Walk", "STATUS:CANCELLED"],
        "other": ["DTSTART:20260704T100000Z", "SUMMARY:July"],
    }
    for uid, lines in objects.items():
        assert ann.put(f"{ann.calendar}{uid}.ics", event(*lines, uid=uid)).status == 201
    made = link(page=True)
    made.path = made.path.removesuffix("ics") + "html"
    return made


class Page(HTMLParser):
    """Days of a page: date → texts of its entries; addresses; whether anything could run or be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.days: dict[str, str] = {}
        self.links: list[str] = []
        self.loaded: list[str] = []
        self._day = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("datetime"):
            self._day = values["datetime"] or ""
            self.days[self._day] = ""
        if tag == "a":
            self.links.append(values["href"] or "")
        dangerous = {"src", "style", "action", *(name for name in values if name.startswith("on"))}
        if tag in ("script", "img", "iframe", "link", "object", "form") or dangerous & set(values):
            self.loaded.append(tag)

    def handle_data(self, data: str) -> None:
        if self._day:
            self.days[self._day] = " ".join(f"{self.days[self._day]} {data}".split())


def test_a_month_shows_what_happens_on_each_day(reader: Reader) -> None:
    answer = reader.ask("GET", reader.path + MAY)
    assert (answer.status, answer.header("Content-Type")) == (200, "text/html; charset=utf-8")
    days = Page(answer.text).days
    assert "12:00" in days["2026-05-04"]
    assert "Lunch Café" in days["2026-05-04"]
    assert [day for day, text in days.items() if "Fair" in text] == ["2026-05-12", "2026-05-13", "2026-05-14"]
    assert [day[-2:] for day, text in days.items() if "Choir" in text] == ["30", "07", "14", "21", "28"]
    assert [day[-2:] for day, text in days.items() if "Party" in text] == ["23", "24"]
    assert "Walk (cancelled)" in days["2026-05-06"]
    assert "July" not in answer.text
    assert min(days) == "2026-04-27"
    assert len(days) == 35


def test_the_list_shows_days_with_events_only(reader: Reader) -> None:
    days = Page(reader.text(f"{MAY}&view=agenda")).days
    assert "2026-05-05" not in days
    assert (
        len(days) == 1 + 1 + 3 + 4 + 2 - 1
    )  # lunch, walk, fair, choir, party; fair and choir share the 14th


def test_months_are_reached_by_links(reader: Reader) -> None:
    for query, before, after in (
        (MAY, "2026-04", "2026-06"),
        ("?month=2026-01", "2025-12", "2026-02"),
        ("?month=2026-12", "2026-11", "2027-01"),
    ):
        links = Page(reader.text(query)).links
        assert links[0] == f"?month={before}&view=month"
        assert links[1] == f"?month={after}&view=month"
        assert reader.ask("GET", reader.path + links[1]).status == 200
    assert Page(reader.text()).links  # the present month, without a query


@pytest.mark.parametrize("month", ["2026-13", "2026", "x", "1969-12", "2200-01", "99999-01", "2026-5"])
def test_a_month_that_there_is_not_is_refused(reader: Reader, month: str) -> None:
    assert reader.ask("GET", f"{reader.path}?month={month}").status == 400
    assert reader.ask("GET", f"{reader.path}?view={month}").status == 400


@pytest.mark.parametrize("month", ["1970-01", "2199-12"])
def test_the_ends_of_time_have_one_way_only(reader: Reader, month: str) -> None:
    assert len(Page(reader.text(f"?month={month}")).links) == 5


def test_the_page_offers_the_subscription(reader: Reader) -> None:
    links = Page(reader.text()).links
    assert f"webcal://dav.example.org/ical/{reader.token}.ics" in links
    assert f"http://dav.example.org/ical/{reader.token}.ics" in links


NASTY = '<script>alert(1)</script><img src=x onerror="alert(2)">{{ 7*7 }}</style>'


def test_whatever_stands_in_a_calendar_is_text(ann: Client, reader: Reader) -> None:
    ann.put(ann.calendar + "x.ics", event(f"SUMMARY:{NASTY}", f"LOCATION:{NASTY}", uid="x"))
    ann.proppatch(ann.calendar, f"<d:displayname>{NASTY.replace('<', '&lt;')}</d:displayname>")
    text = reader.text(MAY)
    assert Page(text).loaded == []
    assert "<script" not in text
    assert "49" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert "&lt;script&gt;alert(1)" in text


def test_nothing_runs_and_nothing_is_fetched(reader: Reader) -> None:
    answer = reader.ask()
    policy = answer.header("Content-Security-Policy") or ""
    sheet = answer.text.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(sheet.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert "--color:#CC0000" in sheet
    assert (answer.header("Set-Cookie"), answer.header("Referrer-Policy")) == (None, "no-referrer")


def test_other_sites_frame_it_where_the_owner_allows_it(ann: Client, link: MakeLink) -> None:
    reader = link(page=True, embed=True)
    path = reader.path.removesuffix("ics") + "html"
    answer = reader.ask("GET", path + "?embed=1")
    assert "frame-ancestors *" in (answer.header("Content-Security-Policy") or "")
    assert "webcal:" not in answer.text
    assert "&amp;embed=1" in answer.text


def test_there_is_no_page_where_the_owner_wants_none(ann: Client, link: MakeLink) -> None:
    reader = link()
    assert reader.ask("GET", reader.path.removesuffix("ics") + "html").status == 404
    book = link(BOOK)
    assert book.ask("GET", book.path.removesuffix("vcf") + "html").status == 404


def test_the_page_tells_no_more_than_the_link(ann: Client, link: MakeLink) -> None:
    lines = ("DTSTART:20260504T100000Z", "SUMMARY:Dentist", "LOCATION:Main street")
    ann.put(ann.calendar + "a.ics", event(*lines, uid="a"))
    ann.put(ann.calendar + "b.ics", event(*lines, "CLASS:PRIVATE", uid="b"))
    for detail, seen, unseen in (
        (Detail.BUSY, "Busy", ["Dentist", "Main"]),
        (Detail.TITLES, "Dentist", ["Main"]),
        (Detail.FULL, "Main street", []),
    ):
        reader = link(view=View(detail), page=True, label=detail)
        text = reader.ask("GET", reader.path.removesuffix("ics") + "html" + MAY).text
        assert text.count(seen) == 1
        assert [one for one in unseen if one in text] == []


def test_the_window_of_the_link_holds_for_the_page(ann: Client, reader: Reader) -> None:
    text = reader.text(f"{MAY}&start=2026-05-10")
    assert "Lunch" not in text
    assert "Fair" in text


def test_it_is_not_made_again_until_something_changes(
    ann: Client, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = reader.ask("GET", reader.path + MAY).header("ETag")
    assert reader.ask("GET", reader.path + MAY, if_none_match=tag).status == 304
    other = {
        reader.ask("GET", reader.path + query, accept_language=language).header("ETag")
        for query in (MAY, "?month=2026-06", f"{MAY}&view=agenda", f"{MAY}&embed=1")
        for language in ("en",)
    }
    assert len(other) == 4
    monkeypatch.setattr("davserver.links.page.render", None)
    assert reader.ask("GET", reader.path + MAY).status == 200
    monkeypatch.undo()
    ann.put(ann.calendar + "new.ics", event("SUMMARY:New", uid="new"))
    assert "New" in reader.text(MAY)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("xx", "en"),
        ("en-GB, fr;q=0.5", "en-GB"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("x;q=1.2.3, \x00", "en"),
    ],
)
def test_the_language_is_one_that_there_is(header: str, language: str) -> None:
    assert best_language(header) == language


def test_times_are_written_as_in_the_reader_s_country(reader: Reader) -> None:
    assert "12:00 – 13:30" in reader.text(MAY, accept_language="en-GB")
    assert "12:00\u202fPM – 1:30\u202fPM" in reader.text(MAY, accept_language="en-US")
    assert "12:00" in reader.text(MAY, accept_language="en-XX")


def test_an_empty_month_says_so(reader: Reader) -> None:
    assert "Nothing in this month." in reader.text("?month=1999-01")


def test_a_thousand_events_of_one_day_are_a_page(ann: Client, reader: Reader) -> None:
    ann.put(
        ann.calendar + "m.ics", event("DTSTART:20260504T000000Z", "RRULE:FREQ=MINUTELY;COUNT=4000", uid="m")
    )
    text = reader.text(MAY)
    assert "There is more than this page can show." in text
