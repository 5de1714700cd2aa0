"""The birthdays of an address book: one event a year for each, in whatever form the date is written."""

from __future__ import annotations

import pytest

from davserver.config import CalDavSettings
from davserver.content.birthdays import birthdays
from davserver.content.index import of_calendar_object
from davserver.content.lines import Component, parse_components
from tests.content.objects import card


def events(*lines: str) -> list[Component]:
    """The events of a card with these lines."""
    made = birthdays(card("FN:Ann; Lee, PhD", *lines), 0)
    if made and len(lines) == 1:
        of_calendar_object(made, CalDavSettings())  # one that may be stored, too
    return parse_components(made.decode())[0].children if made else []


@pytest.mark.parametrize(
    ("line", "start", "title"),
    [
        ("BDAY:1966-05-04", "19660504", "🎂 Ann\\; Lee\\, PhD (1966)"),
        ("BDAY:19660504", "19660504", "🎂 Ann\\; Lee\\, PhD (1966)"),
        ("BDAY;VALUE=date:19660504T000000Z", "19660504", "🎂 Ann\\; Lee\\, PhD (1966)"),
        ("BDAY:--0504", "20000504", "🎂 Ann\\; Lee\\, PhD"),
        ("BDAY:--05-04", "20000504", "🎂 Ann\\; Lee\\, PhD"),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-05-04", "20000504", "🎂 Ann\\; Lee\\, PhD"),
        ("BDAY:1850-05-04", "19000504", "🎂 Ann\\; Lee\\, PhD (1850)"),
        ("ANNIVERSARY:20010203", "20010203", "♥ Ann\\; Lee\\, PhD (2001)"),
        ("BDAY:1964-02-29", "19640229", "🎂 Ann\\; Lee\\, PhD (1964)"),
        ("BDAY:1850-02-29", "19000228", "🎂 Ann\\; Lee\\, PhD (1850)"),
    ],
)
def test_a_birthday_is_a_whole_day_of_each_year(line: str, start: str, title: str) -> None:
    (event,) = events(line)
    assert event.value("DTSTART") == start
    assert event.value("SUMMARY") == title
    assert (event.value("RRULE") or "").startswith("FREQ=YEARLY")


@pytest.mark.parametrize(
    "line", ["BDAY:soon", "BDAY:1966-13-01", "BDAY:1966-02-30", "BDAY:", "BDAY:1966", "NOTE:x"]
)
def test_what_names_no_day_makes_no_event(line: str) -> None:
    assert events(line) == []


def test_two_days_of_a_card_are_two_events_that_stay_the_same() -> None:
    one, two = events("BDAY:1966-05-04", "ANNIVERSARY:1990-01-01")
    assert one.value("UID") != two.value("UID")
    again = events("BDAY:1966-05-05", "ANNIVERSARY:1990-01-01")
    assert [event.value("UID") for event in again] == [one.value("UID"), two.value("UID")]
