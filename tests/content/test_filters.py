"""match_calendar and match_card: RFC 4791 9.7 and RFC 6352 10.5, as CalDAVTester's queries use them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from davserver.content.collations import OCTET, UNICODE_CASEMAP
from davserver.content.filters import (
    CardFilter,
    CompFilter,
    MatchType,
    ParamFilter,
    PropFilter,
    Test,
    TextMatch,
    TimeRange,
    match_calendar,
    match_card,
)
from davserver.content.lines import decode, parse_components
from davserver.errors import HttpError
from tests.content.objects import calendar, card, component, event, todo


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def calendar_matches(body: bytes, *comps: CompFilter, test: Test = Test.ALLOF, zone: str = "UTC") -> bool:
    root = parse_components(decode(body))[0]
    return match_calendar(root, CompFilter("VCALENDAR", comp_filters=comps, test=test), ZoneInfo(zone))


def event_has(body: bytes, *props: PropFilter, test: Test = Test.ALLOF) -> bool:
    return calendar_matches(body, CompFilter("VEVENT", prop_filters=props, test=test))


def contains(name: str, text: str) -> PropFilter:
    return PropFilter(name, text_matches=(TextMatch(text),))


# -- components ----------------------------------------------------------------------------------


def test_a_component_filter_without_conditions_asks_whether_the_component_exists() -> None:
    assert calendar_matches(event(), CompFilter("VEVENT"))
    assert calendar_matches(event(), CompFilter("vevent"))
    assert not calendar_matches(event(), CompFilter("VTODO"))


def test_the_top_filter_must_name_vcalendar() -> None:
    root = parse_components(decode(event()))[0]
    assert match_calendar(root, CompFilter("VCALENDAR"), UTC)
    assert not match_calendar(root, CompFilter("VEVENT"), UTC)
    assert not match_calendar(root, CompFilter("VCALENDAR", is_not_defined=True), UTC)


def test_is_not_defined_matches_what_has_no_such_component() -> None:
    assert calendar_matches(event(), CompFilter("VTODO", is_not_defined=True))
    assert not calendar_matches(event(), CompFilter("VEVENT", is_not_defined=True))


def test_an_event_without_alarm_is_found_by_is_not_defined_inside_it() -> None:
    without = CompFilter("VEVENT", comp_filters=(CompFilter("VALARM", is_not_defined=True),))
    alarm = "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT5M\nEND:VALARM"
    assert calendar_matches(event(), without)
    assert not calendar_matches(event(alarm), without)


def test_allof_wants_every_component_filter_and_anyof_one() -> None:
    both = (CompFilter("VEVENT"), CompFilter("VTODO"))
    assert not calendar_matches(event(), *both)
    assert calendar_matches(event(), *both, test=Test.ANYOF)
    assert calendar_matches(todo(), *both, test=Test.ANYOF)


SERIES = calendar(
    component("VEVENT", "DTSTART:20260504T100000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY", "SUMMARY:Daily"),
    component(
        "VEVENT",
        "RECURRENCE-ID:20260506T100000Z",
        "DTSTART:20260507T150000Z",
        "DURATION:PT1H",
        "SUMMARY:Moved",
    ),
)


def test_conditions_must_hold_for_one_component_together() -> None:
    span = TimeRange(at("2026-05-07T15:00"), at("2026-05-07T16:00"))

    def named(summary: str) -> CompFilter:
        return CompFilter("VEVENT", time_range=span, prop_filters=(contains("SUMMARY", summary),))

    assert calendar_matches(SERIES, named("Moved"))
    assert not calendar_matches(SERIES, named("Daily"))


# -- time-range ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2026-05-04T09:00", "2026-05-04T10:00", False),
        ("2026-05-04T10:30", "2026-05-04T10:31", True),
        ("2026-05-06T10:00", "2026-05-06T11:00", False),
        ("2026-05-07T15:30", None, True),
        (None, "2026-05-04T10:00", False),
        ("2036-05-04T10:59", "2036-05-04T11:30", True),
    ],
)
def test_a_time_range_meets_each_instance(start: str | None, end: str | None, found: bool) -> None:
    span = TimeRange(start and at(start), end and at(end))  # type: ignore[arg-type]
    assert calendar_matches(SERIES, CompFilter("VEVENT", time_range=span)) is found


def test_whole_days_lie_in_the_given_zone() -> None:
    body = event("DTSTART;VALUE=DATE:20260504")
    evening = CompFilter("VEVENT", time_range=TimeRange(at("2026-05-03T22:30"), at("2026-05-03T22:45")))
    assert calendar_matches(body, evening, zone="Europe/Berlin")
    assert not calendar_matches(body, evening, zone="UTC")


def test_an_alarm_is_found_by_when_it_rings() -> None:
    body = event("BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT30M\nEND:VALARM")

    def alarm(start: str, end: str) -> CompFilter:
        return CompFilter(
            "VEVENT", comp_filters=(CompFilter("VALARM", time_range=TimeRange(at(start), at(end))),)
        )

    assert calendar_matches(body, alarm("2026-05-04T09:30", "2026-05-04T09:31"))
    assert not calendar_matches(body, alarm("2026-05-04T10:00", "2026-05-04T11:00"))


def test_the_available_parts_of_an_availability_have_times_of_their_own() -> None:
    times = "DTSTART:20260504T090000Z\nDTEND:20260504T170000Z\nRRULE:FREQ=WEEKLY"
    part = f"BEGIN:AVAILABLE\nUID:x\n{times}\nEND:AVAILABLE"
    body = calendar(component("VAVAILABILITY", part))

    def available(start: str, end: str) -> CompFilter:
        inner = CompFilter("AVAILABLE", time_range=TimeRange(at(start), at(end)))
        return CompFilter("VAVAILABILITY", comp_filters=(inner,))

    assert calendar_matches(body, available("2026-05-11T16:00", "2026-05-11T18:00"))
    assert not calendar_matches(body, available("2026-05-12T09:00", "2026-05-12T17:00"))


def test_a_component_that_has_no_time_is_in_no_range() -> None:
    body = calendar("BEGIN:X-THING\nX-A:1\nEND:X-THING", component("VEVENT", "DTSTART:20260504"))
    assert not calendar_matches(body, CompFilter("X-THING", time_range=TimeRange(0, None)))
    assert not calendar_matches(body, CompFilter("VALARM", time_range=TimeRange(0, None)))


def test_a_property_time_range_compares_its_moments() -> None:
    span = TimeRange(at("2026-01-01T00:00"), at("2026-01-02T00:00"))
    assert event_has(event("CREATED:20260101T150000Z"), PropFilter("CREATED", time_range=span))
    assert not event_has(event("CREATED:20260102T000000Z"), PropFilter("CREATED", time_range=span))
    assert not event_has(event("X-WHEN:soon"), PropFilter("X-WHEN", time_range=span))


# -- properties ----------------------------------------------------------------------------------


def test_a_property_filter_without_conditions_asks_whether_the_property_exists() -> None:
    assert event_has(event("LOCATION:"), PropFilter("location"))
    assert not event_has(event(), PropFilter("LOCATION"))
    assert event_has(event(), PropFilter("LOCATION", is_not_defined=True))
    assert not event_has(event("LOCATION:"), PropFilter("LOCATION", is_not_defined=True))


def test_open_tasks_are_found_as_clients_ask_for_them() -> None:
    query = CompFilter(
        "VTODO",
        prop_filters=(
            PropFilter("COMPLETED", is_not_defined=True),
            PropFilter("STATUS", text_matches=(TextMatch("CANCELLED", negate=True),)),
        ),
    )
    assert calendar_matches(todo("STATUS:NEEDS-ACTION"), query)
    assert not calendar_matches(todo("STATUS:CANCELLED"), query)
    assert not calendar_matches(todo("STATUS:NEEDS-ACTION", "COMPLETED:20260504T100000Z"), query)


@pytest.mark.parametrize(
    ("match", "found"),
    [
        (TextMatch("uarterly"), True),
        (TextMatch("QUARTERLY"), True),
        (TextMatch("quarterly", OCTET), False),
        (TextMatch("Quarterly", OCTET), True),
        (TextMatch("yearly"), False),
        (TextMatch("yearly", negate=True), True),
        (TextMatch("report, für", UNICODE_CASEMAP), True),
        (TextMatch("REPORT, FÜR", UNICODE_CASEMAP), True),
        (TextMatch("REPORT, FÜR"), False),
        (TextMatch("quarterly", match_type=MatchType.STARTS_WITH), True),
        (TextMatch("report", match_type=MatchType.STARTS_WITH), False),
        (TextMatch("ann", match_type=MatchType.ENDS_WITH), True),
        (TextMatch("report", match_type=MatchType.ENDS_WITH), False),
        (TextMatch("Quarterly report, für\nAnn", match_type=MatchType.EQUALS), True),
        (TextMatch("Quarterly", match_type=MatchType.EQUALS), False),
        (TextMatch(""), True),
    ],
)
def test_a_text_match_compares_the_unescaped_value(match: TextMatch, found: bool) -> None:
    body = event("SUMMARY:Quarterly rep\n ort\\, für\\nAnn")
    assert event_has(body, PropFilter("SUMMARY", text_matches=(match,))) is found


def test_a_member_of_a_list_is_equal_on_its_own() -> None:
    body = event("CATEGORIES:Work,a\\,b,Home")
    for text in ("work", "a,b", "home", "work,a,b,home"):
        assert event_has(
            body, PropFilter("CATEGORIES", text_matches=(TextMatch(text, match_type=MatchType.EQUALS),))
        )


def test_one_matching_property_of_several_is_enough() -> None:
    body = event("ATTENDEE:mailto:ann@example.com", "ATTENDEE:mailto:bob@example.com")
    assert event_has(body, contains("ATTENDEE", "bob@"))
    assert event_has(body, PropFilter("ATTENDEE", text_matches=(TextMatch("bob@", negate=True),)))
    assert not event_has(body, contains("ATTENDEE", "eve@"))


def test_an_unknown_collation_is_refused() -> None:
    with pytest.raises(HttpError) as caught:
        event_has(event("SUMMARY:x"), PropFilter("SUMMARY", text_matches=(TextMatch("x", "i;basic"),)))
    assert caught.value.precondition == "{urn:ietf:params:xml:ns:caldav}supported-collation"


# -- parameters ----------------------------------------------------------------------------------


def attendee(*params: ParamFilter, text: str = "") -> PropFilter:
    return PropFilter("ATTENDEE", text_matches=(TextMatch(text),) if text else (), param_filters=params)


def test_a_parameter_filter_looks_at_the_property_that_matches_the_rest() -> None:
    body = event(
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.com",
        "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:bob@example.com",
    )
    undecided = ParamFilter("partstat", text_match=TextMatch("needs-action"))
    assert event_has(body, attendee(undecided, text="bob@example.com"))
    assert not event_has(body, attendee(undecided, text="ann@example.com"))


def test_a_parameter_may_be_asked_for_or_for_its_absence() -> None:
    body = event("ATTENDEE;CN=Ann:mailto:ann@example.com")
    assert event_has(body, attendee(ParamFilter("CN")))
    assert not event_has(body, attendee(ParamFilter("ROLE")))
    assert event_has(body, attendee(ParamFilter("ROLE", is_not_defined=True)))
    assert not event_has(body, attendee(ParamFilter("CN", is_not_defined=True)))
    assert not event_has(body, attendee(ParamFilter("ROLE", text_match=TextMatch("x", negate=True))))


def test_parameter_values_are_decoded_and_tried_one_by_one() -> None:
    body = event('ATTENDEE;CN="Ann ^\'Babe^\' Lee";MEMBER="mailto:a@x","mailto:b@x":mailto:ann@example.com')
    assert event_has(body, attendee(ParamFilter("CN", text_match=TextMatch('"babe"'))))
    equal = TextMatch("mailto:b@x", match_type=MatchType.EQUALS)
    assert event_has(body, attendee(ParamFilter("MEMBER", text_match=equal)))


# -- cards ---------------------------------------------------------------------------------------

ANN = card(
    "FN:Anna Lee",
    "N:Lee;Anna;;;",
    "ORG:Example\\, Inc.;Sales",
    "NICKNAME:Annie,Nan",
    "EMAIL;TYPE=INTERNET,WORK:ann@example.com",
    "EMAIL;TYPE=HOME:ann@home.example",
    "item1.TEL;TYPE=CELL:+49 30 1",
    "item1.X-ABLabel:Boat",
    "TEL;TYPE=HOME:+49 30 2",
)


def card_matches(*props: PropFilter, test: Test = Test.ANYOF, body: bytes = ANN) -> bool:
    return match_card(parse_components(decode(body))[0], CardFilter(props, test))


def text(
    name: str, *texts: str, test: Test = Test.ANYOF, match_type: MatchType = MatchType.CONTAINS
) -> PropFilter:
    matches = tuple(TextMatch(each, UNICODE_CASEMAP, match_type=match_type) for each in texts)
    return PropFilter(name, text_matches=matches, test=test)


def test_a_filter_without_conditions_matches_every_card() -> None:
    assert card_matches()


def test_anyof_and_allof_combine_property_filters() -> None:
    assert card_matches(text("FN", "anna"), text("FN", "bob"))
    assert not card_matches(text("FN", "anna"), text("FN", "bob"), test=Test.ALLOF)


def test_allof_inside_a_property_filter_wants_one_property_with_all_of_it() -> None:
    assert card_matches(text("EMAIL", "ann", "example.com", test=Test.ALLOF))
    assert not card_matches(text("EMAIL", "home.example", "example.com", test=Test.ALLOF))
    assert card_matches(text("EMAIL", "nobody", "example.com", test=Test.ANYOF))


def test_type_is_tried_value_by_value_in_every_spelling() -> None:
    work = ParamFilter("TYPE", text_match=TextMatch("work", match_type=MatchType.EQUALS))
    both = PropFilter("EMAIL", text_matches=(TextMatch("ann@example.com"),), param_filters=(work,))
    assert card_matches(both)
    for line in ("TEL;TYPE=work;TYPE=voice:1", 'TEL;TYPE="work,voice":1', "TEL;WORK;VOICE:1"):
        assert card_matches(PropFilter("TEL", param_filters=(work,)), body=card(line))


def test_a_group_before_the_name_narrows_to_that_group() -> None:
    assert card_matches(text("TEL", "30 2"))
    assert card_matches(text("item1.TEL", "30 1"))
    assert not card_matches(text("ITEM1.TEL", "30 2"))
    assert card_matches(text("X-ABLABEL", "boat"))


def test_parts_of_structured_values_are_texts_of_their_own() -> None:
    for name, part in (("N", "Anna"), ("ORG", "Example, Inc."), ("NICKNAME", "Nan")):
        assert card_matches(text(name, part, match_type=MatchType.EQUALS))
    assert card_matches(text("N", "Lee;Anna;;;", match_type=MatchType.EQUALS))


def test_cards_without_a_property_are_found_by_is_not_defined() -> None:
    assert card_matches(PropFilter("PHOTO", is_not_defined=True))
    assert not card_matches(PropFilter("EMAIL", is_not_defined=True))


def test_zoe_is_found_whatever_her_spelling() -> None:
    assert card_matches(text("FN", "ZOË"), body=card("FN:Zoë"))
    assert card_matches(text("FN", "zoe\u0308"), body=card("FN:ZOË"))
