"""The search text never hides a match, and decide() never contradicts the body."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from davserver.content.collations import ASCII_CASEMAP, OCTET, UNICODE_CASEMAP, unicode_casemap
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
from davserver.content.ical import CalendarLimits, check_calendar_object
from davserver.content.instances import bounds
from davserver.content.lines import Component, Line, dump, escape_text
from davserver.content.minimizers import minimizers
from davserver.content.search import (
    CUT,
    CUT_MARK,
    MOST_LINES,
    AllOf,
    AnyOf,
    Condition,
    HasComponent,
    HasText,
    InWindow,
    Prefilter,
    UidHasParts,
    UidIs,
    card_search,
    decide,
    lines_of,
    prefilter,
)
from davserver.content.vcard import CardLimits, check_card
from davserver.model import ItemIndex, Timing
from tests.content.objects import calendar, card, component, event, todo


def calendar_row(body: bytes) -> tuple[Component, ItemIndex]:
    """The parsed object and the index row that storage would keep."""
    checked = check_calendar_object(body, CalendarLimits())
    extent = bounds(checked.root, checked.component)
    exact = Timing.FLOATING if extent.floating else Timing.EXACT
    timing = exact if extent.exact else Timing.SERIES
    row = ItemIndex(checked.component, checked.uid, extent.first, extent.last, timing, checked.search)
    return checked.root, row


def card_row(body: bytes) -> tuple[Component, ItemIndex]:
    checked = check_card(body, CardLimits())
    return checked.root, ItemIndex("VCARD", checked.uid, search=checked.search)


def holds(condition: Condition | None, row: ItemIndex) -> bool:
    """The condition as SQL has to understand it."""
    slack = 0 if row.timing is Timing.EXACT else 16 * 3600
    match condition:
        case None:
            return True
        case HasComponent(name):
            return row.component == name
        case InWindow(start, end):
            begins = end is None or row.first is None or row.first < end + slack
            return begins and (start is None or row.last is None or row.last > start - slack)
        case HasText(name, needle):
            cut = row.search.startswith(CUT_MARK) and condition.cut in row.search
            in_lines = lines_of(row.search, name)
            assert cut == (condition.cut in in_lines)
            return cut or needle in in_lines
        case UidIs(text):
            return row.uid == text
        case UidHasParts(parts):
            return set(parts) <= set(minimizers(unicode_casemap(row.uid)))
        case AllOf(parts):
            return all(holds(part, row) for part in parts)
        case AnyOf(parts):
            return any(holds(part, row) for part in parts)


# -- the text ------------------------------------------------------------------------------------


def test_each_searchable_property_is_a_folded_line() -> None:
    _, row = calendar_row(event("SUMMARY:Lunch\\nat\\, noon", "LOCATION:Café", "X-OTHER:no"))
    folded = unicode_casemap("Café")
    assert row.search == f"\n*:U\nLOCATION:{folded}\nSUMMARY:LUNCH\x1fAT, NOON\nUID:ONE@EXAMPLE.COM\n"


def test_overrides_are_in_it_and_remarked() -> None:
    _, row = calendar_row(
        calendar(
            component("VEVENT", "DTSTART:20260504T100000Z", "RRULE:FREQ=DAILY", "SUMMARY:Daily"),
            component(
                "VEVENT", "DTSTART:20260504T110000Z", "RECURRENCE-ID:20260504T100000Z", "SUMMARY:Moved"
            ),
        )
    )
    assert row.search.startswith("\n*:M\n")
    assert "\nSUMMARY:DAILY\nSUMMARY:MOVED\n" in row.search


def test_long_values_are_cut_and_marked() -> None:
    _, row = calendar_row(event("DESCRIPTION:" + "a" * (CUT + 1)))
    assert f"\nDESCRIPTION~:{'A' * CUT}\n" in row.search


def test_many_properties_of_one_name_are_cut_and_marked() -> None:
    _, row = calendar_row(event(*[f"ATTENDEE:mailto:{number}@example.com" for number in range(500)]))
    assert row.search.count("\nATTENDEE:") == MOST_LINES
    assert "\nATTENDEE~:\n" in row.search


def test_pictures_and_keys_are_known_by_their_presence_only() -> None:
    _, row = card_row(card("PHOTO;ENCODING=b;TYPE=JPEG:" + "AAAA" * 9000))
    assert "\nPHOTO~:\n" in row.search
    assert len(row.search) < 200


# -- the prefilter -------------------------------------------------------------------------------


def in_event(*props: PropFilter, span: TimeRange | None = None) -> CompFilter:
    return CompFilter("VCALENDAR", comp_filters=(CompFilter("VEVENT", time_range=span, prop_filters=props),))


def test_component_and_time_alone_are_exact() -> None:
    assert prefilter(CompFilter("VCALENDAR")) == Prefilter(None, exact=True)
    assert prefilter(in_event()) == Prefilter(HasComponent("VEVENT"), exact=True)
    assert prefilter(in_event(span=TimeRange(1, 2))) == Prefilter(
        AllOf((HasComponent("VEVENT"), InWindow(1, 2))), exact=True
    )


def test_a_text_narrows_to_its_folded_form_or_a_cut_value() -> None:
    query = in_event(PropFilter("SUMMARY", text_matches=(TextMatch("Zoë"),)))
    needle = HasText("SUMMARY", unicode_casemap("Zoë"))
    assert prefilter(query) == Prefilter(AllOf((HasComponent("VEVENT"), needle)))


@pytest.mark.parametrize(
    ("kind", "needle"),
    [
        (MatchType.EQUALS, "\nSUMMARY:X\n"),
        (MatchType.STARTS_WITH, "\nSUMMARY:X"),
        (MatchType.ENDS_WITH, "X\n"),
        (MatchType.CONTAINS, "X"),
    ],
)
def test_the_match_type_narrows_further(kind: MatchType, needle: str) -> None:
    found = prefilter(CardFilter((PropFilter("SUMMARY", text_matches=(TextMatch("x", match_type=kind),)),)))
    assert found.condition == HasText("SUMMARY", needle)


def test_a_short_uid_narrows_like_any_text() -> None:
    query = in_event(PropFilter("UID", text_matches=(TextMatch("a@b", OCTET),)))
    assert prefilter(query) == Prefilter(AllOf((HasComponent("VEVENT"), HasText("UID", "A@B"))))


@pytest.mark.parametrize(
    "prop",
    [
        PropFilter("LOCATION", is_not_defined=True),
        PropFilter("X-OTHER", text_matches=(TextMatch("x"),)),
        PropFilter("DTSTART", time_range=TimeRange(1, 2)),
    ],
)
def test_what_the_index_cannot_tell_does_not_narrow(prop: PropFilter) -> None:
    assert prefilter(in_event(prop)) == Prefilter(HasComponent("VEVENT"))


def test_a_negated_text_narrows_to_the_property() -> None:
    found = prefilter(CardFilter((PropFilter("FN", text_matches=(TextMatch("x", negate=True),)),)))
    assert found.condition == HasText("FN", "\nFN:")


def test_anyof_narrows_only_if_every_part_does() -> None:
    known, unknown = PropFilter("FN"), PropFilter("TEL", is_not_defined=True)
    assert prefilter(CardFilter((known, unknown))).condition is None
    assert prefilter(CardFilter((known, known))).condition == AnyOf((HasText("FN", "\nFN:"),) * 2)
    assert prefilter(CardFilter((known, unknown), Test.ALLOF)).condition == HasText("FN", "\nFN:")


# -- decide --------------------------------------------------------------------------------------


def test_a_row_decides_component_time_and_folded_text() -> None:
    _, row = calendar_row(event("SUMMARY:Lunch", "DTSTART:20260504T100000Z", "DURATION:PT1H"))
    start = row.first or 0
    assert decide(in_event(), row) is True
    assert decide(CompFilter("VCALENDAR", comp_filters=(CompFilter("VTODO"),)), row) is False
    assert decide(in_event(span=TimeRange(start + 3599, None)), row) is True
    assert decide(in_event(span=TimeRange(start + 3600, None)), row) is False
    for collation in (ASCII_CASEMAP, UNICODE_CASEMAP):
        assert (
            decide(in_event(PropFilter("SUMMARY", text_matches=(TextMatch("LUNCH", collation),))), row)
            is True
        )
        assert (
            decide(in_event(PropFilter("SUMMARY", text_matches=(TextMatch("dinner", collation),))), row)
            is False
        )


def test_a_row_leaves_to_the_body_what_it_does_not_hold() -> None:
    _, row = calendar_row(event("SUMMARY:Café", "DESCRIPTION:" + "a" * 300, "RRULE:FREQ=DAILY"))
    assert decide(in_event(PropFilter("SUMMARY", text_matches=(TextMatch("cafe"),))), row) is None
    assert decide(in_event(PropFilter("SUMMARY", text_matches=(TextMatch("Caf", OCTET),))), row) is None
    assert decide(in_event(PropFilter("DESCRIPTION", text_matches=(TextMatch("b"),))), row) is None
    assert (
        decide(in_event(PropFilter("DESCRIPTION", text_matches=(TextMatch("aaa", UNICODE_CASEMAP),))), row)
        is True
    )
    assert decide(in_event(span=TimeRange(row.first, None)), row) is None
    assert decide(in_event(span=TimeRange(0, 1)), row) is False


def test_a_uid_is_decided_under_every_collation() -> None:
    _, row = calendar_row(event(uid="Ä-1@example.com"))
    for collation in (ASCII_CASEMAP, OCTET, UNICODE_CASEMAP):
        assert decide(in_event(PropFilter("UID", text_matches=(TextMatch("Ä-1@", collation),))), row) is True
        assert decide(in_event(PropFilter("UID", text_matches=(TextMatch("Ö-1@", collation),))), row) is False


def test_open_tasks_are_decided_without_a_body() -> None:
    query = CompFilter(
        "VCALENDAR",
        comp_filters=(
            CompFilter(
                "VTODO",
                prop_filters=(
                    PropFilter("COMPLETED", is_not_defined=True),
                    PropFilter("STATUS", text_matches=(TextMatch("CANCELLED", negate=True),)),
                ),
            ),
        ),
    )
    assert decide(query, calendar_row(todo("STATUS:NEEDS-ACTION"))[1]) is True
    assert decide(query, calendar_row(todo("STATUS:CANCELLED"))[1]) is False
    assert decide(query, calendar_row(todo("STATUS:NEEDS-ACTION", "COMPLETED:20260504T100000Z"))[1]) is False


# -- against the body ----------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["", "a", "A", "é", "É", "e\u0301", "ß", "ﬁ", "K", "k", "\u212a", ",", ";", ":", "\n", "\\", "~", " "]
)
TEXTS = st.lists(WORDS, max_size=6).map("".join)
NAMES = st.sampled_from(["SUMMARY", "LOCATION", "CATEGORIES", "UID", "X-OTHER", "COMMENT"])
CARD_NAMES = st.sampled_from(["FN", "N", "NICKNAME", "TEL", "PHOTO", "X-OTHER", "UID"])
MATCHES = st.builds(
    TextMatch,
    TEXTS,
    st.sampled_from([ASCII_CASEMAP, OCTET, UNICODE_CASEMAP]),
    st.booleans(),
    st.sampled_from(list(MatchType)),
)
TESTS = st.sampled_from(list(Test))
SPANS = st.builds(
    TimeRange,
    st.none() | st.integers(-3, 3).map(lambda day: 1_777_852_800 + day * 86_400),
    st.none() | st.integers(-2, 4).map(lambda day: 1_777_852_800 + day * 86_400),
)


def props(names: st.SearchStrategy[str]) -> st.SearchStrategy[PropFilter]:
    params = st.builds(ParamFilter, st.sampled_from(["TYPE", "X-P"]), st.booleans(), st.none() | MATCHES)
    conditions = st.builds(
        PropFilter,
        names,
        time_range=st.none(),
        text_matches=st.lists(MATCHES, max_size=2).map(tuple),
        param_filters=st.just(()) | st.tuples(params),
        test=TESTS,
    )
    return conditions | st.builds(PropFilter, names, st.just(True))


@st.composite
def comps(draw: st.DrawFn) -> CompFilter:
    name = draw(st.sampled_from(["VEVENT", "VEVENT", "VTODO", "VTIMEZONE"]))
    if draw(st.integers(0, 9)) == 0:
        return CompFilter(name, is_not_defined=True)
    alarm = CompFilter("VALARM", is_not_defined=draw(st.booleans()))
    return CompFilter(
        name,
        time_range=draw(st.none() | SPANS),
        prop_filters=draw(st.lists(props(NAMES), max_size=2).map(tuple)),
        comp_filters=draw(st.sampled_from([(), (), (alarm,)])),
        test=draw(TESTS),
    )


QUERIES = st.builds(
    CompFilter, st.just("VCALENDAR"), comp_filters=st.lists(comps(), max_size=2).map(tuple), test=TESTS
)
LINES = st.builds(
    lambda name, text: Line(name, escape_text(text)), NAMES.filter(lambda name: name != "UID"), TEXTS
)
STARTS = st.sampled_from(
    ["DTSTART:20260504T100000Z", "DTSTART:20260504T100000", "DTSTART;VALUE=DATE:20260504"]
)


@st.composite
def calendar_objects(draw: st.DrawFn) -> bytes:
    uid = "x" + escape_text(draw(TEXTS).strip())

    def one(*lines: str) -> str:
        parts = [dump(Component("X", draw(st.lists(LINES, max_size=4))))]
        extra = [part for part in parts[0].split("\r\n") if part not in ("BEGIN:X", "END:X", "")]
        return component("VEVENT", *lines, *extra, uid=uid)

    master = one(draw(STARTS), *draw(st.sampled_from([(), (), ("RRULE:FREQ=DAILY;COUNT=2",)])))
    override = one("DTSTART:20260505T120000Z", "RECURRENCE-ID:20260505T100000Z")
    return calendar(*draw(st.sampled_from([(master,), (master,), (master, override)])))


@settings(max_examples=400, deadline=None)
@given(calendar_objects(), QUERIES)
def test_index_and_body_agree_on_calendar_objects(body: bytes, query: CompFilter) -> None:
    root, row = calendar_row(body)
    truth, found = match_calendar(root, query, UTC), prefilter(query)
    if truth:
        assert holds(found.condition, row)
    assert decide(query, row) in (truth, None)
    if found.exact and (row.timing is Timing.EXACT or "InWindow" not in repr(found.condition)):
        assert holds(found.condition, row) == truth == decide(query, row)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(CARD_NAMES, TEXTS), max_size=5), st.lists(props(CARD_NAMES), max_size=2), TESTS)
def test_index_and_body_agree_on_cards(
    given_lines: list[tuple[str, str]], wanted: list[PropFilter], test: Test
) -> None:
    lines = [Line(name, escape_text(text)) for name, text in given_lines if name != "UID"]
    root = Component("VCARD", [Line("VERSION", "4.0"), Line("UID", "xÉ"), *lines])
    row = ItemIndex("VCARD", "xÉ", search=card_search(root))
    query = CardFilter(tuple(wanted), test)
    truth = match_card(root, query)
    if truth:
        assert holds(prefilter(query).condition, row)
    assert decide(query, row) in (truth, None)
