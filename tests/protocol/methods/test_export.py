"""?export: a whole calendar as .ics, an address book as .vcf, with Baïkal's parameters."""

from __future__ import annotations

import json
from calendar import timegm

import pytest

from tests.content.objects import BERLIN, calendar, card, component, event, todo
from tests.davclient import Client, D, MakeClient, pieces_of

MAY_4, MAY_5 = timegm((2026, 5, 4, 0, 0, 0)), timegm((2026, 5, 5, 0, 0, 0))


@pytest.fixture
def diary(ann: Client) -> Client:
    """ann with two zoned events, a series and a task."""
    for uid in ("one", "two"):
        part = component("VEVENT", "DTSTART;TZID=Europe/Berlin:20260504T100000", f"SUMMARY:{uid}", uid=uid)
        ann.put(f"{ann.calendar}{uid}.ics", calendar(BERLIN, part))
    ann.put(ann.calendar + "weekly.ics", event("DTSTART:20260101T090000Z", "RRULE:FREQ=WEEKLY", uid="weekly"))
    ann.put(ann.calendar + "todo.ics", todo("SUMMARY:Tax").replace(b"one@example.com", b"todo"))
    return ann


def lines(client: Client, query: str = "", path: str = "") -> list[str]:
    """The unfolded lines of an export."""
    answer = client.get(f"{path or client.calendar}?export{query}")
    assert answer.status == 200, answer.body
    return list(pieces_of(answer.text))


def uids(found: list[str]) -> set[str]:
    """The UIDs among lines."""
    return {line.removeprefix("UID:") for line in found if line.startswith("UID:")}


def test_a_calendar_is_one_vcalendar_with_each_zone_once(diary: Client) -> None:
    found = lines(diary)
    assert found[0] == "BEGIN:VCALENDAR"
    assert found.count("BEGIN:VCALENDAR") == found.count("END:VCALENDAR") == 1
    assert found.count("BEGIN:VTIMEZONE") == 1
    assert found.count("VERSION:2.0") == 1
    assert uids(found) == {"one", "two", "weekly", "todo"}
    assert "X-WR-CALNAME:Calendar" in found


def test_the_file_is_named_after_the_calendar(diary: Client) -> None:
    diary.proppatch(diary.calendar, '<d:displayname>Büro "x"/y\\ \n z</d:displayname>')
    answer = diary.get(diary.calendar + "?export")
    assert answer.header("Content-Type") == "text/calendar; charset=utf-8"
    disposition = answer.header("Content-Disposition") or ""
    assert disposition.startswith('attachment; filename="B_ro ')
    assert "filename*=UTF-8''B%C3%BCro" in disposition


def test_lines_are_at_most_75_octets_with_crlf(diary: Client) -> None:
    diary.proppatch(diary.calendar, f"<d:displayname>{'ü' * 90}</d:displayname>")
    body = diary.get(diary.calendar + "?export").body
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert max(len(line) for line in body.split(b"\r\n")) <= 75


def test_colour_and_description_and_zone_are_in_it(diary: Client) -> None:
    diary.proppatch(
        diary.calendar,
        "<ic:calendar-color>#FF0000</ic:calendar-color><c:calendar-description>a, b</c:calendar-description>"
        "<c:calendar-timezone-id>Europe/Berlin</c:calendar-timezone-id>",
    )
    found = lines(diary)
    assert "X-APPLE-CALENDAR-COLOR:#FF0000" in found
    assert "X-WR-CALDESC:a\\, b" in found
    assert "X-WR-TIMEZONE:Europe/Berlin" in found


def test_a_component_type_is_chosen(diary: Client) -> None:
    assert uids(lines(diary, "&componentType=VTODO")) == {"todo"}
    assert uids(lines(diary, "&componentType=VEVENT")) == {"one", "two", "weekly"}
    assert uids(lines(diary, "&componentType=VJOURNAL")) == set()


def test_a_span_is_chosen(diary: Client) -> None:
    assert uids(lines(diary, f"&start={MAY_4}&end={MAY_5}")) == {"one", "two"}
    assert uids(lines(diary, f"&start={MAY_5}")) == {"weekly"}
    assert uids(lines(diary, "&end=1767300000")) == {"weekly"}


def test_series_are_expanded(diary: Client) -> None:
    found = lines(diary, f"&expand=1&start={MAY_4}&end={MAY_4 + 14 * 86400}")
    assert len([line for line in found if line.startswith("RECURRENCE-ID")]) == 2
    assert not [line for line in found if line.startswith("RRULE")]
    assert found.count("BEGIN:VEVENT") == 4


@pytest.mark.parametrize("how", ["parameter", "header"])
def test_jcal(diary: Client, how: str) -> None:
    if how == "parameter":
        answer = diary.get(diary.calendar + "?export&accept=jcal")
    else:
        answer = diary.get(diary.calendar + "?export", accept="application/calendar+json")
    assert answer.content_type == "application/calendar+json"
    root = json.loads(answer.body)
    assert [part[0] for part in root[2]].count("vevent") == 3


WRONG = [
    "&start=x",
    "&start=-1",
    "&end=99999999999999999999",
    "&expand=1",
    "&expand=1&start=1",
    f"&start={MAY_5}&end={MAY_4}",
    "&componentType=VALARM",
    "&componentType=",
]


@pytest.mark.parametrize("query", WRONG)
def test_parameters_that_make_no_sense_are_400(diary: Client, query: str) -> None:
    assert diary.get(f"{diary.calendar}?export{query}").status == 400


def test_an_address_book_is_all_its_cards(ann: Client) -> None:
    bodies = [card("NOTE:x", uid="a"), card("PHOTO:data:image/png;base64,AAAA", version="4.0", uid="b")]
    for number, body in enumerate(bodies):
        ann.put(f"{ann.book}{number}.vcf", body)
    answer = ann.get(ann.book + "?export")
    assert answer.header("Content-Type") == "text/vcard; charset=utf-8"
    assert answer.body == b"".join(bodies)
    assert "Contacts.vcf" in (answer.header("Content-Disposition") or "")


@pytest.mark.parametrize("place", ["calendar", "book"])
def test_an_empty_collection_is_an_empty_export(ann: Client, place: str) -> None:
    assert ann.get(getattr(ann, place) + "?export").status == 200


@pytest.mark.parametrize("place", ["root", "principal", "calendar_home", "book_home"])
def test_only_collections_are_exported(ann: Client, place: str) -> None:
    assert ann.get(getattr(ann, place) + "?export").status == 400


def test_who_may_read_may_export(client: MakeClient) -> None:
    ann, bob = client("ann"), client("bob")
    ann.put(ann.calendar + "one.ics", event())
    assert bob.get(ann.calendar + "?export").status == 403
    ann.grant(ann.calendar, "bob", D + "read")
    assert bob.get(ann.calendar + "?export").status == 200


def test_head_says_what_get_would(diary: Client) -> None:
    head, get = diary.head(diary.calendar + "?export"), diary.get(diary.calendar + "?export")
    assert head.status == 200
    assert head.header("Content-Length") == str(len(get.body))


def test_a_reader_of_calendars_gets_the_whole_calendar(diary: Client) -> None:
    answer = diary.get(diary.calendar, accept="text/calendar, application/ics, text/plain;q=0.9")
    assert answer.content_type == "text/calendar"
    assert b"BEGIN:VCALENDAR" in answer.body
