"""RRULE: RFC 5545 3.3.10 and 3.8.5.3, RFC 7529; random rules against three independent walkers.

``DAVSERVER_RANDOM_RULES`` sets how many random rules are tried (150 by default, 10,000 before a release).
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from davserver.content.recur import FREQUENCIES, UNITS, WEEKDAYS, Budget, Recurrence, parse_rule
from davserver.content.stamps import DAY, MAX_SECONDS, format_local, from_datetime, parse_stamp, to_datetime
from davserver.errors import BudgetExceeded, InvalidContent
from tests.content.naive import NaiveRule

RANDOM_RULES = int(os.environ.get("DAVSERVER_RANDOM_RULES", "150"))


def seconds(text: str) -> int:
    return parse_stamp(text).seconds


def occurrences(rule: str, start: str, until: str | None = None, limit: int = 60) -> list[str]:
    """The first occurrences as local times."""
    recurrence = Recurrence(parse_rule(rule), seconds(start), None if until is None else seconds(until))
    return [format_local(moment) for moment in islice(recurrence.between(None, None, Budget()), limit)]


def days(*months: str, time: str = "T090000") -> list[str]:
    """``199709 2 3-5`` → the days of that month at nine."""
    found = []
    for month in months:
        head, *items = month.split()
        for item in items:
            first, _, last = item.partition("-")
            found += [f"{head}{day:02}{time}" for day in range(int(first), int(last or first) + 1)]
    return found


# -- RFC 5545 3.8.5.3 -----------------------------------------------------------------------------

# fmt: off
# (RRULE, DTSTART, expected days; endless ones are compared as far as written)
EXAMPLES = [
    ("FREQ=DAILY;COUNT=10", "19970902", ["199709 2-11"]),
    (
        "FREQ=DAILY;INTERVAL=2",
        "19970902",
        ["199709 2 4 6 8 10 12 14 16 18 20 22 24 26 28 30", "199710 2 4 6"],
    ),
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", "19970902", ["199709 2 12 22", "199710 2 12"]),
    ("FREQ=WEEKLY;COUNT=10", "19970902", ["199709 2 9 16 23 30", "199710 7 14 21 28", "199711 4"]),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU",
        "19970902",
        ["199709 2 16 30", "199710 14 28", "199711 11 25", "199712 9 23", "199801 6 20", "199802 3 17"],
    ),
    ("FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", "19970902", ["199709 2 4 9 11 16 18 23 25 30", "199710 2"]),
    (
        "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
        "19970902",
        ["199709 2 4 16 18 30", "199710 2 14 16"],
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYDAY=1FR",
        "19970905",
        [
            "199709 5",
            "199710 3",
            "199711 7",
            "199712 5",
            "199801 2",
            "199802 6",
            "199803 6",
            "199804 3",
            "199805 1",
            "199806 5",
        ],
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU",
        "19970907",
        ["199709 7 28", "199711 2 30", "199801 4 25", "199803 1 29", "199805 3 31"],
    ),
    (
        "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO",
        "19970922",
        ["199709 22", "199710 20", "199711 17", "199712 22", "199801 19", "199802 16"],
    ),
    (
        "FREQ=MONTHLY;BYMONTHDAY=-3",
        "19970928",
        ["199709 28", "199710 29", "199711 28", "199712 29", "199801 29", "199802 26"],
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15",
        "19970902",
        ["199709 2 15", "199710 2 15", "199711 2 15", "199712 2 15", "199801 2 15"],
    ),
    (
        "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1",
        "19970930",
        ["199709 30", "199710 1 31", "199711 1 30", "199712 1 31", "199801 1 31", "199802 1"],
    ),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "19970910",
        ["199709 10-15", "199903 10-13"],
    ),
    (
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU",
        "19970902",
        ["199709 2 9 16 23 30", "199711 4 11 18 25", "199801 6 13 20 27", "199803 3 10 17 24 31"],
    ),
    (
        "FREQ=YEARLY;COUNT=10;BYMONTH=6,7",
        "19970610",
        [f"{year}{month} 10" for year in range(1997, 2002) for month in ("06", "07")],
    ),
    (
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
        "19970310",
        ["199703 10", *(f"{year}{month} 10" for year in (1999, 2001, 2003) for month in ("01", "02", "03"))],
    ),
    (
        "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
        "19970101",
        [
            "199701 1",
            "199704 10",
            "199707 19",
            "200001 1",
            "200004 9",
            "200007 18",
            "200301 1",
            "200304 10",
            "200307 19",
            "200601 1",
        ],
    ),
    ("FREQ=YEARLY;BYDAY=20MO", "19970519", ["199705 19", "199805 18", "199905 17"]),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "19970512", ["199705 12", "199805 11", "199905 17"]),
    (
        "FREQ=YEARLY;BYMONTH=3;BYDAY=TH",
        "19970313",
        ["199703 13 20 27", "199803 5 12 19 26", "199903 4 11 18 25"],
    ),
    (
        "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
        "19970605",
        [
            "199706 5 12 19 26",
            "199707 3 10 17 24 31",
            "199708 7 14 21 28",
            "199806 4 11 18 25",
            "199807 2 9 16 23 30",
            "199808 6 13 20 27",
            "199906 3 10 17 24",
            "199907 1 8 15 22 29",
            "199908 5 12 19 26",
        ],
    ),
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "19980213",
        ["199802 13", "199803 13", "199811 13", "199908 13", "200010 13"],
    ),
    (
        "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
        "19970913",
        [
            "199709 13",
            "199710 11",
            "199711 8",
            "199712 13",
            "199801 10",
            "199802 7",
            "199803 7",
            "199804 11",
            "199805 9",
            "199806 13",
        ],
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "19961105",
        ["199611 5", "200011 7", "200411 2"],
    ),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "19970904", ["199709 4", "199710 7", "199711 6"]),
    (
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2",
        "19970929",
        ["199709 29", "199710 30", "199711 27", "199712 30", "199801 29", "199802 26", "199803 30"],
    ),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "19970805", ["199708 5 10 19 24"]),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "19970805", ["199708 5 17 19 31"]),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "20070115", ["200701 15 30", "200702 15", "200703 15 30"]),
]
# fmt: on


@pytest.mark.parametrize(("rule", "start", "expected"), EXAMPLES)
def test_example_of_rfc_5545(rule: str, start: str, expected: list[str]) -> None:
    wanted = days(*expected)
    found = occurrences(rule, f"{start}T090000", limit=len(wanted) + 1)
    assert found[: len(wanted)] == wanted
    assert ("COUNT" in rule) == (len(found) == len(wanted))


# (RRULE without UNTIL, UNTIL on the wall clock of New York, DTSTART, expected)
EXAMPLES_WITH_UNTIL = [
    (
        "FREQ=DAILY",
        "19971223T190000",
        "19970902T090000",
        days("199709 2-30", "199710 1-31", "199711 1-30", "199712 1-23"),
    ),
    (
        "FREQ=YEARLY;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA",
        "20000131T090000",
        "19980101T090000",
        days("199801 1-31", "199901 1-31", "200001 1-31"),
    ),
    (
        "FREQ=DAILY;BYMONTH=1",
        "20000131T090000",
        "19980101T090000",
        days("199801 1-31", "199901 1-31", "200001 1-31"),
    ),
    (
        "FREQ=WEEKLY",
        "19971223T190000",
        "19970902T090000",
        days("199709 2 9 16 23 30", "199710 7 14 21 28", "199711 4 11 18 25", "199712 2 9 16 23"),
    ),
    (
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,WE,FR",
        "19971223T190000",
        "19970901T090000",
        days("199709 1 3 5 15 17 19 29", "199710 1 3 13 15 17 27 29 31", "199711 10 12 14 24 26 28")
        + days("199712 8 10 12 22"),
    ),
    (
        "FREQ=MONTHLY;BYDAY=1FR",
        "19971223T190000",
        "19970905T090000",
        days("199709 5", "199710 3", "199711 7", "199712 5"),
    ),
    (
        "FREQ=HOURLY;INTERVAL=3",
        "19970902T170000",
        "19970902T090000",
        ["19970902T090000", "19970902T120000", "19970902T150000"],
    ),
]


@pytest.mark.parametrize(("rule", "until", "start", "expected"), EXAMPLES_WITH_UNTIL)
def test_example_of_rfc_5545_with_until(rule: str, until: str, start: str, expected: list[str]) -> None:
    assert occurrences(rule, start, until, limit=1000) == expected


def test_examples_of_rfc_5545_with_times() -> None:
    quarters = occurrences("FREQ=MINUTELY;INTERVAL=15;COUNT=6", "19970902T090000")
    assert quarters == [f"19970902T{time}00" for time in ("0900", "0915", "0930", "0945", "1000", "1015")]
    ninety = occurrences("FREQ=MINUTELY;INTERVAL=90;COUNT=4", "19970902T090000")
    assert ninety == [f"19970902T{time}00" for time in ("0900", "1030", "1200", "1330")]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40",
        "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16",
    ],
)
def test_every_twenty_minutes_of_working_hours_of_rfc_5545(rule: str) -> None:
    expected = [
        f"{day}T{hour:02}{minute:02}00"
        for day in ("19970902", "19970903")
        for hour in range(9, 17)
        for minute in (0, 20, 40)
    ]
    assert occurrences(rule, "19970902T090000", limit=48) == expected


# -- what RFC 5545 leaves to judgement ------------------------------------------------------------


def test_dtstart_is_the_first_occurrence_even_if_the_rule_does_not_produce_it() -> None:
    assert occurrences("FREQ=WEEKLY;BYDAY=MO;COUNT=3", "20200101T090000") == days("202001 1 6 13")


def test_until_before_dtstart_leaves_nothing() -> None:
    assert occurrences("FREQ=DAILY", "20200101T090000", "20191231T000000") == []


def test_by_week_no_without_by_day_means_the_weekday_of_dtstart() -> None:
    assert occurrences("FREQ=YEARLY;BYWEEKNO=20", "19970512T090000", limit=3) == days(
        "199705 12", "199805 11", "199905 17"
    )


def test_times_are_ignored_where_dtstart_is_a_date() -> None:
    recurrence = Recurrence.of_dates(
        parse_rule("FREQ=DAILY;BYHOUR=1,2;BYMINUTE=5;COUNT=3"), seconds("20200101")
    )
    found = list(recurrence.between(None, None, Budget()))
    assert [format_local(moment)[:8] for moment in found] == ["20200101", "20200102", "20200103"]


def test_a_frequency_below_a_day_becomes_days_where_dtstart_is_a_date() -> None:
    recurrence = Recurrence.of_dates(parse_rule("FREQ=HOURLY;INTERVAL=48"), seconds("20200101"))
    found = list(islice(recurrence.between(None, None, Budget()), 3))
    assert [format_local(moment)[:8] for moment in found] == ["20200101", "20200103", "20200105"]


def test_interval_0_is_read_as_1_and_count_0_as_endless() -> None:
    assert occurrences("FREQ=DAILY;INTERVAL=0", "20200101T090000", limit=2) == days("202001 1 2")
    assert len(occurrences("FREQ=DAILY;COUNT=0", "20200101T090000", limit=50)) == 50


def test_rscale_gregorian_and_skip_of_rfc_7529() -> None:
    rule = "RSCALE=GREGORIAN;FREQ=MONTHLY;COUNT=4;SKIP="
    assert occurrences(rule + "OMIT", "20140131T090000") == days(
        "201401 31", "201403 31", "201405 31", "201407 31"
    )
    assert occurrences(rule + "BACKWARD", "20140131T090000") == days(
        "201401 31", "201402 28", "201403 31", "201404 30"
    )
    assert occurrences(rule + "FORWARD", "20140131T090000") == days("201401 31", "201403 1 31", "201405 1")


def test_a_leap_day_skips_backward_or_forward_in_common_years() -> None:
    rule = "RSCALE=GREGORIAN;FREQ=YEARLY;COUNT=3;SKIP="
    assert occurrences(rule + "BACKWARD", "20160229T090000") == days("201602 29", "201702 28", "201802 28")
    assert occurrences(rule + "FORWARD", "20160229T090000") == days("201602 29", "201703 1", "201803 1")


@pytest.mark.parametrize("rule", ["RSCALE=CHINESE;FREQ=YEARLY", "RSCALE=FOOBAR;FREQ=YEARLY"])
def test_other_calendars_are_refused_with_supported_rscale(rule: str) -> None:
    with pytest.raises(InvalidContent) as caught:
        parse_rule(rule)
    assert caught.value.precondition == "{urn:ietf:params:xml:ns:caldav}supported-rscale"


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "INTERVAL=2",
        "FREQ=FORTNIGHTLY",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;COUNT=-1",
        "FREQ=DAILY;COUNT=x",
        "FREQ=DAILY;COUNT=12345678901",
        "FREQ=DAILY;INTERVAL=",
        "FREQ=DAILY;UNTIL=tomorrow",
        "FREQ=DAILY;UNTIL=20201301",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=--1",
        "FREQ=MONTHLY;BYDAY=XX",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=MONTHLY;BYDAY=54MO",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=5L",
        "FREQ=YEARLY;BYWEEKNO=54",
        "FREQ=YEARLY;BYYEARDAY=367",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYMINUTE=-1",
        "FREQ=DAILY;BYSECOND=61",
        "FREQ=DAILY;BYSETPOS=0",
        "FREQ=DAILY;WKST=1MO",
        "FREQ=DAILY;SKIP=FOOBAR",
        "FREQ=DAILY;BYEASTER=0",
        "FREQ=DAILY;BYHOUR=٣",
        "FREQ=DAILY;BYHOUR=" + "1," * 5000 + "1",
    ],
)
def test_a_bad_rule_is_invalid_calendar_data(rule: str) -> None:
    with pytest.raises(InvalidContent) as caught:
        parse_rule(rule)
    assert caught.value.precondition == "{urn:ietf:params:xml:ns:caldav}valid-calendar-data"


def test_case_spaces_signs_and_private_parts_are_no_reason_to_refuse() -> None:
    rule = parse_rule(" freq=monthly;byday= +1mo, -1fr ;X-FOO=bar; ")
    assert rule.by_day == ((-1, 4), (1, 0))


# -- cost -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("freq", FREQUENCIES)
def test_a_window_costs_the_same_however_far_dtstart_is(freq: str) -> None:
    recurrence = Recurrence(parse_rule(f"FREQ={freq};INTERVAL=3"), seconds("00010101T000000"))
    budget = Budget(steps=60)
    list(islice(recurrence.between(seconds("20300101T000000"), seconds("20300201T000000"), budget), 100))
    assert budget.steps > 0


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=HOURLY;INTERVAL=24;BYHOUR=5",
        "FREQ=SECONDLY;INTERVAL=2;BYSECOND=1,59",
        "FREQ=DAILY;BYMONTH=4;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-30",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=6",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;BYSETPOS=1",
        "FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=8",
    ],
)
def test_a_rule_that_never_matches_ends_at_once(rule: str) -> None:
    recurrence = Recurrence(parse_rule(rule), seconds("20200101T000000"))
    assert list(recurrence.between(None, None, Budget(steps=100))) == [seconds("20200101T000000")]


def test_a_search_without_end_stops_at_its_budget() -> None:
    rule = parse_rule("FREQ=SECONDLY;INTERVAL=86401;BYHOUR=3;BYMINUTE=0;BYSECOND=0;BYMONTH=2;BYMONTHDAY=29")
    with pytest.raises(BudgetExceeded) as caught:
        list(Recurrence(rule, 0).between(1, None, Budget(steps=500)))
    assert caught.value.precondition == "{DAV:}number-of-matches-within-limits"


def test_no_occurrence_is_later_than_the_year_9999() -> None:
    found = list(
        Recurrence(parse_rule("FREQ=DAILY"), seconds("99991230T120000")).between(None, None, Budget())
    )
    assert [format_local(moment) for moment in found] == ["99991230T120000", "99991231T120000"]
    assert list(Recurrence(parse_rule("FREQ=SECONDLY"), MAX_SECONDS).between(None, None, Budget())) == [
        MAX_SECONDS
    ]


def test_enumeration_is_lazy() -> None:
    recurrence = Recurrence(parse_rule("FREQ=SECONDLY"), seconds("20200101T000000"))
    assert next(recurrence.between(seconds("90000101T000000"), None, Budget(steps=3))) == seconds(
        "90000101T000000"
    )


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("FREQ=DAILY;COUNT=1000000", "47571127T000000"),
        ("FREQ=SECONDLY;COUNT=86401", "20200102T000000"),
        ("FREQ=MINUTELY;BYHOUR=9;COUNT=62", "20200102T090000"),
        ("FREQ=HOURLY;BYMINUTE=0,30;COUNT=4", "20200101T013000"),
        ("FREQ=YEARLY;COUNT=1", "20200101T000000"),
        ("FREQ=MONTHLY;BYDAY=FR;BYSETPOS=-1;COUNT=3", "20200228T000000"),
    ],
)
def test_count_gives_the_last_occurrence(rule: str, last: str) -> None:
    found = Recurrence(parse_rule(rule), seconds("20200101T000000")).last()
    assert found is not None
    assert format_local(found) == last


def test_a_count_that_cannot_be_reached_counts_as_endless() -> None:
    assert Recurrence(parse_rule("FREQ=YEARLY;COUNT=9999999999"), 0).last() is None
    assert Recurrence(parse_rule("FREQ=DAILY"), 0).last() is None


# -- random rules ---------------------------------------------------------------------------------


def _some(choice: random.Random, values: list[str] | range, most: int) -> str:
    return ",".join(str(value) for value in choice.sample(list(values), choice.randint(1, most)))


def _signed(size: int) -> list[str]:
    return [str(number) for number in (*range(1, size + 1), *range(-size, 0))]


def random_rule(choice: random.Random) -> str:
    """A rule of any shape; each part is there about as often as it matters."""
    freq = choice.choice(FREQUENCIES)
    parts = [f"FREQ={freq}"]
    names = list(WEEKDAYS)
    nth = [f"{number}{day}" for day in names for number in (1, 2, 3, 4, 5, -1, -2, -5)]

    def maybe(share: float, name: str, values: list[str] | range, most: int) -> None:
        if choice.random() < share:
            parts.append(f"{name}={_some(choice, values, most)}")

    maybe(0.5, "INTERVAL", [1, 2, 3, 4, 5, 7, 11, 13, 25, 61, 100, 1441, 4000], 1)  # type: ignore[list-item]
    maybe(0.3, "BYMONTH", range(1, 13), 5)
    maybe(0.2, "BYMONTHDAY", _signed(31), 5)
    maybe(0.1, "BYYEARDAY", _signed(366), 8)
    if freq == "YEARLY":
        maybe(0.25, "BYWEEKNO", _signed(53), 4)
    if choice.random() < 0.4:
        ordinals = freq in ("YEARLY", "MONTHLY") and choice.random() < 0.5
        parts.append(f"BYDAY={_some(choice, nth + names if ordinals else names, 4)}")
    maybe(0.2, "BYHOUR", range(24), 4)
    maybe(0.2, "BYMINUTE", range(60), 4)
    maybe(0.2, "BYSECOND", range(60), 4)
    if len(parts) > 1 and any(part.startswith("BY") for part in parts):
        maybe(0.25, "BYSETPOS", ["1", "2", "3", "-1", "-2", "7", "-9"], 2)
    maybe(0.4, "WKST", names, 1)
    return ";".join(parts)


def random_start(choice: random.Random) -> datetime:
    day = datetime(1990, 1, 1) + timedelta(days=choice.randrange(20_000))
    return day.replace(hour=choice.randrange(24), minute=choice.randrange(60), second=choice.randrange(60))


def horizon(rule: str, start: datetime) -> datetime:
    """How far the naive walk can look in a few milliseconds."""
    unit = UNITS.get(rule.split(";")[0].removeprefix("FREQ="), 0)
    return start + (timedelta(seconds=unit * 3000) if unit else timedelta(days=900))


def random_cases() -> st.SearchStrategy[random.Random]:
    """Seeds rather than drawn choices: variety matters more here than a small counterexample."""
    return st.integers(0, 2**63).map(random.Random)


random_rules = settings(max_examples=RANDOM_RULES, deadline=None, database=None, print_blob=True)


@random_rules
@given(random_cases())
def test_random_rules_agree_with_the_naive_walk(choice: random.Random) -> None:
    text, start = random_rule(choice), random_start(choice)
    end = horizon(text, start)
    truth = [from_datetime(moment) for moment in NaiveRule(text, start).until(end)]
    recurrence = Recurrence(parse_rule(text), from_datetime(start))
    assert list(recurrence.between(None, from_datetime(end), Budget())) == truth, (text, start)
    low, high = sorted(choice.randrange(from_datetime(start) - DAY, from_datetime(end)) for _ in range(2))
    window = list(recurrence.between(low, high, Budget()))
    assert window == [moment for moment in truth if low <= moment < high], (text, start, low, high)


@random_rules
@given(random_cases())
def test_count_of_random_rules_agrees_with_counting(choice: random.Random) -> None:
    text, start = random_rule(choice), from_datetime(random_start(choice))
    budget = Budget(steps=3_000)
    truth = list(_until_exhausted(Recurrence(parse_rule(text), start), budget, choice.randint(1, 200)))
    counted = Recurrence(parse_rule(f"{text};COUNT={len(truth)}"), start)
    assert counted.last() == truth[-1], (text, start)
    assert list(counted.between(truth[-1], None, Budget())) == truth[-1:], (text, start)


def _until_exhausted(recurrence: Recurrence, budget: Budget, limit: int) -> Iterator[int]:
    try:
        yield from islice(recurrence.between(None, None, budget), limit)
    except BudgetExceeded:
        return


def _same_in_dateutil(text: str) -> bool:
    """What dateutil reads otherwise than RFC 5545: it counts the first week of BYSETPOS from DTSTART,
    weeks before the end of a year by another year's, takes all seven days of a BYWEEKNO, and wants
    every one of ``BYDAY=MO,1MO`` to hold.
    """
    weekly_position = "FREQ=WEEKLY" in text and "BYSETPOS" in text
    bare_week = "BYWEEKNO" in text and not any(part in text for part in ("BYDAY", "BYMONTHDAY", "BYYEARDAY"))
    parts = dict(part.split("=") for part in text.split(";"))
    last_weeks = {"-52", "-53"} & set(parts.get("BYWEEKNO", "").split(","))
    mixed = len({len(item) > 2 for item in parts.get("BYDAY", "MO").split(",")}) > 1
    return not (weekly_position or bare_week or last_weeks or mixed)


@random_rules
@given(random_cases())
def test_random_rules_agree_with_dateutil(choice: random.Random) -> None:
    text, start = random_rule(choice), random_start(choice)
    if not _same_in_dateutil(text):
        return
    end = horizon(text, start)
    recurrence = Recurrence(parse_rule(text), from_datetime(start))
    beyond = from_datetime(end) + 5 * (from_datetime(end) - from_datetime(start))
    if next(recurrence.between(from_datetime(end) + 1, beyond, Budget()), None) is None:
        return  # dateutil notices its UNTIL only at the next occurrence, if there ever is one
    try:
        rule = rrulestr(f"{text};UNTIL={end:%Y%m%dT%H%M%S}", dtstart=start)
    except ValueError:
        return  # dateutil knows at once that a grid never meets its filters
    truth = sorted({from_datetime(moment) for moment in rule} | {from_datetime(start)})
    assert list(recurrence.between(None, from_datetime(end) + 1, Budget())) == truth, (text, start)


def test_the_naive_walk_agrees_with_rfc_5545_too() -> None:
    for rule, start, expected in EXAMPLES:
        wanted = days(*expected)
        walk = NaiveRule(rule.replace(";COUNT", ";X"), to_datetime(seconds(f"{start}T090000")))
        end = to_datetime(seconds(wanted[-1]) + 1)
        assert [format_local(from_datetime(moment)) for moment in walk.until(end)] == wanted
