"""DATE, DATE-TIME, DURATION, PERIOD, UTC-OFFSET and zones: RFC 5545 3.3.4-3.3.14, 3.6.5; RFC 7809."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from davserver.content.lines import Component, Line, parse_components, parse_line
from davserver.content.stamps import (
    MAX_SECONDS,
    MIN_SECONDS,
    Span,
    Stamp,
    format_date,
    format_duration,
    format_local,
    format_utc,
    format_utc_offset,
    from_datetime,
    is_leap,
    parse_duration,
    parse_stamp,
    parse_utc_offset,
    to_datetime,
    year_of,
    year_start,
)
from davserver.content.times import (
    UTC_ZONE,
    Moment,
    Period,
    Zones,
    as_zone,
    calendar_zone,
    known_zone,
    named_zone,
    parse_moment,
    parse_moments,
    parse_periods,
    property_in_range,
    vtimezone,
    zone_of_vtimezone,
)
from davserver.content.zones import Zone
from davserver.errors import InvalidContent

NO_ZONES = Zones(Component("VCALENDAR"))


def local(text: str) -> int:
    return parse_stamp(text).seconds


def zone(name: str) -> Zone:
    found = named_zone(name)
    assert found is not None
    return found


def custom(text: str) -> Zone:
    found = zone_of_vtimezone(parse_components(text)[0])
    assert found is not None
    return found


# -- values ---------------------------------------------------------------------------------------


def test_the_three_forms_of_a_date_time_and_a_date() -> None:
    assert parse_stamp("19700102T000001") == Stamp(86_401, is_date=False, is_utc=False)
    assert parse_stamp("19700102T000001Z") == Stamp(86_401, is_date=False, is_utc=True)
    assert parse_stamp(" 19700102 ") == Stamp(86_400, is_date=True, is_utc=False)


def test_a_leap_second_is_read_as_the_second_before_it() -> None:
    assert parse_stamp("20161231T235960Z") == parse_stamp("20161231T235959Z")


def test_the_first_and_the_last_second() -> None:
    assert parse_stamp("00010101T000000").seconds == MIN_SECONDS
    assert parse_stamp("99991231T235959").seconds == MAX_SECONDS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Z",
        "2020",
        "20201301",
        "20200230",
        "00000101",
        "20200101T",
        "20200101T250000",
        "20200101T000060X",
        "2020-01-01",
        "20200101 000000",
        "20200101T00:000",
        "2020W101",
        "٢٠٢٠٠١٠١",
        "20200101T0000000",
        "20200101Z",
    ],
)
def test_what_is_no_date_is_invalid_content(text: str) -> None:
    with pytest.raises(InvalidContent):
        parse_stamp(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("P7W", Span(49, 0)),
        ("P15DT5H0M20S", Span(15, 18_020)),
        ("PT1H", Span(0, 3600)),
        ("PT1H30S", Span(0, 3630)),
        ("-PT15M", Span(0, -900)),
        ("+P1D", Span(1, 0)),
        ("-P1DT1S", Span(-1, -1)),
        ("P0D", Span(0, 0)),
        ("P1W2D", Span(9, 0)),
        ("P1DT", Span(1, 0)),
    ],
)
def test_durations(text: str, span: Span) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "1D", "P1", "P1H", "PT1D", "P-1D", "P1Y", "--P1D", "P١D", "P9999999999D"]
)
def test_what_is_no_duration_is_invalid_content(text: str) -> None:
    with pytest.raises(InvalidContent):
        parse_duration(text)


def test_utc_offsets() -> None:
    assert [parse_utc_offset(text) for text in ("+0100", "-0500", "+053328", "-0000")] == [
        3600,
        -18_000,
        20_008,
        0,
    ]
    assert [format_utc_offset(offset) for offset in (3600, -18_000, 20_008, 0)] == [
        "+0100",
        "-0500",
        "+053328",
        "+0000",
    ]
    for text in ("", "+1", "+2400", "+0160", "UTC"):
        with pytest.raises(InvalidContent):
            parse_utc_offset(text)


def test_values_are_written_as_they_are_read() -> None:
    assert format_local(local("00010203T040506")) == "00010203T040506"
    assert format_utc(0) == "19700101T000000Z"
    assert format_date(local("20200229")) == "20200229"
    assert [format_duration(seconds) for seconds in (0, 3600, 5415, -60)] == [
        "PT0S",
        "PT1H",
        "PT1H30M15S",
        "-PT1M",
    ]
    assert format_utc(MAX_SECONDS + 10**9) == "99991231T235959Z"


@given(st.datetimes())
def test_integers_and_datetimes_agree(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    seconds = from_datetime(moment)
    assert to_datetime(seconds) == moment
    assert year_of(seconds // 86_400) == moment.year
    assert to_datetime(year_start(moment.year) * 86_400) == datetime(moment.year, 1, 1)
    assert is_leap(moment.year) == (year_start(moment.year + 1) - year_start(moment.year) == 366)


# -- properties -----------------------------------------------------------------------------------


def test_a_value_gets_the_zone_of_its_tzid_unless_it_is_utc_or_a_date() -> None:
    berlin = zone("Europe/Berlin")
    assert parse_moment(parse_line("DTSTART;TZID=Europe/Berlin:20200101T000000"), NO_ZONES).zone is berlin
    assert parse_moment(parse_line("DTSTART;TZID=Europe/Berlin:20200101T000000Z"), NO_ZONES).zone is UTC_ZONE
    assert parse_moment(parse_line("DTSTART;TZID=Europe/Berlin:20200101"), NO_ZONES) == Moment(
        local("20200101"), None, True
    )
    assert parse_moment(parse_line("DTSTART:20200101T000000"), NO_ZONES).zone is None


def test_the_form_decides_not_value() -> None:
    assert parse_moment(parse_line("DTSTART:20200101"), NO_ZONES).is_date
    assert not parse_moment(parse_line("DTSTART;VALUE=DATE:20200101T100000"), NO_ZONES).is_date


def test_rdate_may_mix_dates_and_periods() -> None:
    line = parse_line("RDATE;VALUE=PERIOD:20200101T000000Z/PT1H,20200102T000000Z/20200102T020000Z,20200103,")
    first, second, third = parse_moments(line, NO_ZONES)
    assert isinstance(first, Period)
    assert isinstance(second, Period)
    assert first.utc(UTC_ZONE) == (local("20200101"), local("20200101T010000"))
    assert second.utc(UTC_ZONE) == (local("20200102"), local("20200102T020000"))
    assert third == Moment(local("20200103"), None, True)


def test_free_busy_holds_periods_only() -> None:
    assert (
        len(list(parse_periods(parse_line("FREEBUSY:20200101T000000Z/PT1H,20200102T000000Z/P1D"), NO_ZONES)))
        == 2
    )
    with pytest.raises(InvalidContent):
        list(parse_periods(parse_line("FREEBUSY:20200101T000000Z"), NO_ZONES))


def test_days_of_a_duration_are_days_on_the_calendar_and_hours_are_exact() -> None:
    eve_of_change = Moment(local("20200328T120000"), zone("Europe/Berlin"), False)
    assert format_local(eve_of_change.plus(Span(1, 0)).local) == "20200329T120000"
    assert format_local(eve_of_change.plus(Span(0, 86_400)).local) == "20200329T130000"


@pytest.mark.parametrize(
    ("line", "start", "end", "found"),
    [
        ("DTSTAMP:20200101T120000Z", "20200101T120000", "20200101T120001", True),
        ("DTSTAMP:20200101T120000Z", "20200101T110000", "20200101T120000", False),
        ("DTSTAMP:20200101T120000Z", "20200101T120001", None, False),
        ("DTSTAMP:20200101T120000Z", None, "20200101T120001", True),
        ("DUE;TZID=America/New_York:20200101T120000", "20200101T170000", "20200101T170001", True),
        ("DUE;VALUE=DATE:20200102", "20200101T230000", "20200101T230001", True),
        ("EXDATE:20200101T120000Z,20210101T120000Z", "20210101T000000", "20220101T000000", True),
        ("SUMMARY:New year", None, None, False),
    ],
)
def test_a_property_is_in_range_if_its_value_is(
    line: str, start: str | None, end: str | None, *, found: bool
) -> None:
    zones = Zones(Component("VCALENDAR"), ZoneInfo("Europe/Berlin"))
    window = [None if text is None else local(text) for text in (start, end)]
    assert property_in_range(parse_line(line), zones, *window) is found


# -- gaps and folds -------------------------------------------------------------------------------


def test_a_time_inside_a_gap_is_read_with_the_offset_before_it() -> None:
    # RFC 5545 3.3.5: 2:30 on the day that skips 2:00-3:00 is 3:30 by the clock after it.
    new_york = zone("America/New_York")
    assert format_utc(new_york.to_utc(local("20070311T023000"))) == "20070311T073000Z"
    assert format_local(new_york.to_local(new_york.to_utc(local("20070311T023000")))) == "20070311T033000"


def test_a_time_inside_a_fold_is_its_first_pass() -> None:
    # RFC 5545 3.3.5: 1:30 of November 4th 2007 is the one in daylight time.
    assert format_utc(zone("America/New_York").to_utc(local("20071104T013000"))) == "20071104T053000Z"


@settings(max_examples=60)
@given(
    st.integers(local("18500101"), local("22000101")), st.sampled_from(["Europe/Berlin", "America/New_York"])
)
def test_known_zones_agree_with_zoneinfo(moment: int, name: str) -> None:
    truth = datetime.fromtimestamp(0, UTC) + timedelta(seconds=moment)
    here = truth.astimezone(ZoneInfo(name)).replace(tzinfo=None)
    assert to_datetime(zone(name).to_local(moment)) == here
    back = here.replace(tzinfo=ZoneInfo(name)).astimezone(UTC)
    assert zone(name).to_utc(from_datetime(here)) == from_datetime(back)


def test_bounds_on_the_wall_clock_enclose_all_that_means_one_moment() -> None:
    berlin = zone("Europe/Berlin")
    noon = local("20200601T100000")
    assert berlin.local_bounds(noon) == (noon + 7200, noon + 7200)
    low, high = berlin.local_bounds(local("20200329T010000"))
    assert (format_local(low), format_local(high)) == ("20200329T020000", "20200329T030000")


@pytest.mark.parametrize("moment", [MIN_SECONDS, MAX_SECONDS, -(10**15), 10**15])
def test_the_ends_of_time_have_an_offset_too(moment: int) -> None:
    berlin = zone("Europe/Berlin")
    assert abs(berlin.to_utc(moment) - moment) < 86_400
    assert abs(berlin.to_local(moment) - moment) < 86_400


def test_any_tzinfo_is_a_zone_and_a_zone_is_a_tzinfo() -> None:
    assert as_zone(UTC) is UTC_ZONE
    assert as_zone(timezone(timedelta(hours=5))).to_utc(0) == -18_000
    assert as_zone(zone("Europe/Berlin")) is zone("Europe/Berlin")
    assert datetime(2020, 6, 1, tzinfo=zone("Europe/Berlin")).utcoffset() == timedelta(hours=2)
    assert datetime(2020, 6, 1, tzinfo=zone("Europe/Berlin")).tzname() == "Europe/Berlin"


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tzid", "name"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("/mozilla.org/20050126_1/Europe/Berlin", "Europe/Berlin"),
        ("/mozilla.org/20070129_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("/freeassociation.sourceforge.net/Europe/London", "Europe/London"),
        ("/citadel.org/20190914_1/UTC", "UTC"),
        ("America/New York", "America/New_York"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("W. Europe Standard Time ", "Europe/Berlin"),
        ("eastern standard time", "America/New_York"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("Etc/UTC", "UTC"),
        ("US/Pacific", "US/Pacific"),
        ("right/Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_tzid_that_names_a_zone_in_any_known_way(tzid: str, name: str) -> None:
    assert zone(tzid).name == name


@pytest.mark.parametrize(
    "tzid",
    [
        "",
        "/",
        "Mars/Olympus",
        "../../../etc/passwd",
        "America",
        "localtime",
        "posixrules",
        "tzdata.zi",
        "Europe/Berlin\x00",
        "A" * 300,
        "Foo/EST",
        "zone.tab",
        "Factory",
    ],
)
def test_a_tzid_that_names_none(tzid: str) -> None:
    assert named_zone(tzid) is None
    assert not known_zone(tzid)


def test_a_zone_id_is_an_exact_iana_name() -> None:
    assert known_zone("Europe/Berlin")
    assert not known_zone("W. Europe Standard Time")
    assert not known_zone("/mozilla.org/20050126_1/Europe/Berlin")
    assert not known_zone("right/Europe/Berlin")


def test_every_windows_name_of_cldr_means_what_cldr_says() -> None:
    june, december = local("20260601T000000"), local("20261201T000000")
    for windows, iana in WINDOWS_TO_OLSON.items():
        for moment in (june, december):
            assert zone(windows).to_local(moment) == zone(iana).to_local(moment), windows


def test_a_known_name_wins_over_the_objects_own_vtimezone() -> None:
    wrong = vtimezone("Asia/Tokyo").replace("Asia/Tokyo", "Europe/Berlin")
    root = parse_components(f"BEGIN:VCALENDAR\n{wrong}END:VCALENDAR")[0]
    assert Zones(root).get("Europe/Berlin") is zone("Europe/Berlin")


def test_an_unknown_name_means_the_objects_own_vtimezone_else_the_default() -> None:
    own = vtimezone("Asia/Tokyo").replace("Asia/Tokyo", "Our office")
    root = parse_components(f"BEGIN:VCALENDAR\n{own}END:VCALENDAR")[0]
    zones = Zones(root, ZoneInfo("Europe/Berlin"))
    assert zones.get("Our office").to_utc(0) == -9 * 3600
    assert zones.get("Your office").to_utc(0) == -3600


def test_the_zone_of_a_calendar_timezone_property() -> None:
    known = parse_components(f"BEGIN:VCALENDAR\n{vtimezone('Europe/Berlin')}END:VCALENDAR")[0]
    assert calendar_zone(known) is zone("Europe/Berlin")
    assert calendar_zone(Component("VCALENDAR")) is None


# -- VTIMEZONE ------------------------------------------------------------------------------------

# As Outlook writes it: rules from 1601 on, no year of change.
OUTLOOK = """\
BEGIN:VTIMEZONE
TZID:Mitteleuropa
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""

# RFC 5545 3.6.5's third example: New York with the rules of 1967-2006 and since 2007, shortened.
NEW_YORK = """\
BEGIN:VTIMEZONE
TZID:Own New York
BEGIN:DAYLIGHT
DTSTART:19870405T020000
RRULE:FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;UNTIL=20060402T070000Z
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19671029T020000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU;UNTIL=20061029T060000Z
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20070311T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU
TZOFFSETFROM:-0500
TZOFFSETTO:-0400
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:20071104T020000
RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU
TZOFFSETFROM:-0400
TZOFFSETTO:-0500
END:STANDARD
END:VTIMEZONE"""

# Changes by RDATE alone, as Apple writes old years; the last one stays.
BY_DATES = """\
BEGIN:VTIMEZONE
TZID:By dates
BEGIN:STANDARD
DTSTART:20000101T000000
TZOFFSETFROM:+0000
TZOFFSETTO:+0300
RDATE:20000101T000000
RDATE:20100101T000000,20120101T000000
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:20090101T000000
TZOFFSETFROM:+0300
TZOFFSETTO:+0400
RDATE:20110101T000000
END:DAYLIGHT
END:VTIMEZONE"""


def assert_same_offsets(own: Zone, truth: Zone, start: str, end: str) -> None:
    for moment in range(local(start), local(end), 86_400 * 5 + 3_601):
        assert own.to_local(moment) == truth.to_local(moment), format_utc(moment)
        clock = truth.to_local(moment)
        assert own.to_utc(clock) == truth.to_utc(clock), format_local(clock)


def test_a_vtimezone_from_1601_as_outlook_writes_it() -> None:
    assert_same_offsets(custom(OUTLOOK), zone("Europe/Berlin"), "19970101", "20600101")
    summer, winter = local("19010601T120000"), local("19011201T120000")
    assert (custom(OUTLOOK).to_local(summer) - summer, custom(OUTLOOK).to_local(winter) - winter) == (
        7200,
        3600,
    )


def test_a_vtimezone_whose_rules_changed() -> None:
    assert_same_offsets(custom(NEW_YORK), zone("America/New_York"), "19880101", "20400101")


def test_a_vtimezone_has_gaps_and_folds() -> None:
    own = custom(NEW_YORK)
    assert format_utc(own.to_utc(local("20070311T023000"))) == "20070311T073000Z"
    assert format_utc(own.to_utc(local("20071104T013000"))) == "20071104T053000Z"


def test_a_vtimezone_by_dates_keeps_its_last_offset_and_starts_with_its_first() -> None:
    own = custom(BY_DATES)
    hours = {
        year: (own.to_local(local(f"{year}0601")) - local(f"{year}0601")) // 3600
        for year in range(1999, 2014)
    }
    assert hours == {
        1999: 0,
        **dict.fromkeys(range(2000, 2009), 3),
        2009: 4,
        2010: 3,
        2011: 4,
        2012: 3,
        2013: 3,
    }
    assert own.to_local(local("29990601")) - local("29990601") == 3 * 3600


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VTIMEZONE\nTZID:X\nEND:VTIMEZONE",
        "BEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nDTSTART:20000101T000000\nEND:STANDARD\nEND:VTIMEZONE",
        NEW_YORK.replace("-0500", "east"),
        NEW_YORK.replace("BYDAY=1SU", "BYDAY=ONE"),
        NEW_YORK.replace("20071104T020000", "some day"),
    ],
)
def test_a_vtimezone_that_describes_no_zone(text: str) -> None:
    assert zone_of_vtimezone(parse_components(text)[0]) is None


@pytest.mark.parametrize(
    "name",
    [
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "Asia/Jerusalem",
        "UTC",
        "America/Santiago",
        "Africa/Casablanca",
        "Asia/Gaza",
        "Africa/Cairo",
        "Europe/Dublin",
        "America/Scoresbysund",
    ],
)
def test_a_written_vtimezone_has_the_offsets_of_its_zone(name: str) -> None:
    text = vtimezone(name)
    assert text.startswith(f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\n")
    assert_same_offsets(custom(text), zone(name), "20260101", "20371201")


def test_a_written_vtimezone_is_compact_where_the_zone_is_regular() -> None:
    text = vtimezone("Europe/Berlin")
    assert text.count("RRULE:FREQ=YEARLY;BYMONTH=") == 2
    assert len(text) < 400
    assert "RRULE" not in vtimezone("Asia/Kolkata")


def test_a_vtimezone_of_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InvalidContent):
        vtimezone("Mars/Olympus")


def test_an_iana_zone_is_found_again_behind_a_line_with_quotes() -> None:
    line = Line("DTSTART", "20200601T100000", {"TZID": ['"Europe/Berlin"']})
    assert parse_moment(line, NO_ZONES).utc(UTC_ZONE) == local("20200601T080000")
