"""Conditions of content.search as SQL: the same rows on every database, and never too few."""

from __future__ import annotations

from datetime import UTC

import pytest
from sqlalchemy import Connection

from davserver.config import CalDavSettings
from davserver.content import index
from davserver.content.collations import OCTET, unicode_casemap
from davserver.content.filters import CompFilter, MatchType, PropFilter, TextMatch, TimeRange
from davserver.content.search import (
    AllOf,
    AnyOf,
    Condition,
    HasComponent,
    HasText,
    InWindow,
    prefilter,
)
from davserver.jobs.query import Scope, Search, matches
from davserver.model import Collection, CollectionKind, NewCollection, NewItem
from davserver.storage import Store, collections, items, search
from tests.content.objects import event, todo

BODIES = {
    "utc": event("DTSTART:20260504T100000Z", "DTEND:20260504T110000Z", "SUMMARY:Picnic", uid="utc-Ä%_"),
    "floating": event("DTSTART:20260504T230000", uid="floating"),
    "day": event("DTSTART;VALUE=DATE:20260504", uid="day"),
    "weekly": event("DTSTART:20260101T090000Z", "RRULE:FREQ=WEEKLY", uid="weekly"),
    "yearly": event("DTSTART:19500801T090000Z", "RRULE:FREQ=YEARLY", uid="yearly"),
    "task": todo("SUMMARY:undated").replace(b"one@example.com", b"task"),
}


@pytest.fixture
def calendar(store: Store, people: dict[str, int]) -> int:
    """The id of a calendar with all BODIES."""
    with store.write() as tx:
        made = collections.create(tx, NewCollection(people["ann"], CollectionKind.CALENDAR, "x"))
        for name, body in BODIES.items():
            target = collections.lock(tx, made.id)
            assert target is not None
            items.put(
                tx, target, NewItem(name, body, index.of_calendar_object(body, CalDavSettings())), None, "ann"
            )
    return made.id


def found(store: Store, calendar: int, condition: Condition | None) -> set[str]:
    """The names of the candidates."""
    with store.read() as tx:
        batches = search.candidates(tx, [calendar], condition, ("name",))
        return {row[0] for rows in batches for row in rows}


MAY_4, MAY_5, DAY = 1777852800, 1777939200, 86400
EVENT, TASK = HasComponent("VEVENT"), HasComponent("VTODO")
CASES: list[tuple[Condition | None, set[str]]] = [
    (None, set(BODIES)),
    (EVENT, set(BODIES) - {"task"}),
    (TASK, {"task"}),
    (AllOf((EVENT, TASK)), set()),
    (AnyOf((EVENT, TASK)), set(BODIES)),
    (AllOf(()), set(BODIES)),
    (AnyOf(()), set()),
    (HasText("UID", unicode_casemap("Ä%_")), {"utc"}),
    (HasText("UID", "ä"), set()),
    (HasText("UID", "EE"), {"weekly"}),
]


@pytest.mark.parametrize(("condition", "names"), CASES)
def test_conditions(store: Store, calendar: int, condition: Condition | None, names: set[str]) -> None:
    assert found(store, calendar, condition) == names


def test_a_window_never_misses_and_mostly_narrows(store: Store, calendar: int) -> None:
    here = found(store, calendar, AllOf((EVENT, InWindow(MAY_4, MAY_5))))
    assert {"utc", "floating", "day", "weekly"} <= here
    past = found(
        store, calendar, AllOf((EVENT, InWindow(MAY_4 - 40 * 365 * DAY, MAY_4 - 40 * 365 * DAY + DAY)))
    )
    assert past <= {"yearly"}
    late = found(store, calendar, AllOf((EVENT, InWindow(MAY_5 + 2 * DAY, None))))
    assert {"weekly", "yearly"} <= late
    assert "utc" not in late
    assert "utc" not in found(store, calendar, AllOf((EVENT, InWindow(None, MAY_4))))


def test_floating_times_are_found_up_to_half_a_day_off(store: Store, calendar: int) -> None:
    for shift in (-13, 13):
        moment = MAY_4 + 23 * 3600 + shift * 3600
        assert "floating" in found(store, calendar, InWindow(moment - 60, moment + 60))


QUERIES = [
    CompFilter("VCALENDAR"),
    CompFilter("VCALENDAR", comp_filters=(CompFilter("VEVENT", time_range=TimeRange(MAY_4, MAY_5)),)),
    CompFilter(
        "VCALENDAR",
        comp_filters=(
            CompFilter("VEVENT", prop_filters=(PropFilter("SUMMARY", text_matches=(TextMatch("picnic"),)),)),
        ),
    ),
]


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
def test_the_prefilter_of_a_query_never_misses(store: Store, calendar: int, query: CompFilter) -> None:
    from datetime import UTC

    from davserver.content import lines
    from davserver.content.filters import match_calendar

    exact = {
        name
        for name, body in BODIES.items()
        if match_calendar(lines.parse_components(lines.decode(body))[0], query, UTC)
    }
    candidates = found(store, calendar, prefilter(query).condition)
    assert exact <= candidates
    assert exact


def test_texts_are_found_with_any_character(store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        made = collections.create(tx, NewCollection(people["ann"], CollectionKind.CALENDAR, "y"))
        for number, text in enumerate(("100%", "a_b", "it's", 'quo"te', "back\\\\slash", "🎂", "ZOË")):
            target = collections.lock(tx, made.id)
            assert target is not None
            body = event(f"SUMMARY:{text}", uid=str(number))
            new = NewItem(str(number), body, index.of_calendar_object(body, CalDavSettings()))
            items.put(tx, target, new, None, "ann")
    for number, needle in enumerate(("100%", "a_b", "it's", 'quo"te', "back\\slash", "🎂", "zoË")):
        query = CompFilter(
            "VCALENDAR",
            comp_filters=(
                CompFilter(
                    "VEVENT", prop_filters=(PropFilter("SUMMARY", text_matches=(TextMatch(needle),)),)
                ),
            ),
        )
        assert str(number) in found(store, made.id, prefilter(query).condition), needle


OUTLOOK = "040000008200E00074C5B7101A82E008"
"""Each UID that Outlook makes begins so."""

SHARED = [f"{OUTLOOK}00000000{number:016X}0000000000000000100000009C8E3B12F7A44D41" for number in range(70)]
OTHERS = ["short", "8f14e45f-ceea-467f-9f3b-1c2d7a6b5e10", "x-8f14e45f-ceea-467f-9f3b-1c2d7a6b5e10-copy"]


@pytest.fixture
def with_uids(store: Store, people: dict[str, int]) -> Collection:
    """A calendar whose events are named by their UIDs."""
    with store.write() as tx:
        made = collections.create(tx, NewCollection(people["ann"], CollectionKind.CALENDAR, "uids"))
        for uid in (*SHARED, *OTHERS):
            put_event(tx, made.id, uid, uid)
    return made


def put_event(tx: Connection, calendar: int, name: str, uid: str) -> None:
    target = collections.lock(tx, calendar)
    assert target is not None
    new = NewItem(name, b"", index.of_calendar_object(event(uid=uid), CalDavSettings()))
    items.put(tx, target, new, items.get(tx, calendar, name), "ann")


def by_uid(store: Store, calendar: int, text: str, match: MatchType = MatchType.CONTAINS) -> set[str]:
    """The names of the items that a query for a UID finds, byte for byte and without regard to case."""
    exactly, folded = (
        CompFilter("VEVENT", prop_filters=(PropFilter("UID", text_matches=(one,)),))
        for one in (TextMatch(text, OCTET, match_type=match), TextMatch(text.lower(), match_type=match))
    )
    assert _matching(store, calendar, exactly) == _matching(store, calendar, folded)
    return _matching(store, calendar, exactly)


def _matching(store: Store, calendar: int, wanted: CompFilter) -> set[str]:
    search = Search(CompFilter("VCALENDAR", comp_filters=(wanted,)), UTC)
    with store.read() as tx:
        batches = matches(Scope(tx, (calendar,), 10), search, ("name",))
        return {row[0] for rows in batches for row in rows}


@pytest.mark.parametrize("uid", [SHARED[0], SHARED[69], OTHERS[2], "short"])
def test_a_uid_finds_its_item(store: Store, with_uids: Collection, uid: str) -> None:
    assert by_uid(store, with_uids.id, uid) == {uid}
    assert by_uid(store, with_uids.id, uid, MatchType.EQUALS) == {uid}


def test_a_uid_finds_those_that_contain_it(store: Store, with_uids: Collection) -> None:
    assert by_uid(store, with_uids.id, OTHERS[1]) == {OTHERS[1], OTHERS[2]}
    assert by_uid(store, with_uids.id, OTHERS[1], MatchType.EQUALS) == {OTHERS[1]}
    assert by_uid(store, with_uids.id, OUTLOOK) == set(SHARED)  # a part that does not tell much


def test_a_uid_is_searched_among_few(store: Store, with_uids: Collection) -> None:
    wanted = PropFilter("UID", text_matches=(TextMatch(OTHERS[1]),))
    query = CompFilter("VCALENDAR", comp_filters=(CompFilter("VEVENT", prop_filters=(wanted,)),))
    assert found(store, with_uids.id, prefilter(query).condition) == {OTHERS[1], OTHERS[2]}


@pytest.mark.parametrize("text", ["nothing", "1f14e45f-ceea-467f-9f3b-1c2d7a6b5e10", OUTLOOK[::-1]])
def test_a_uid_that_nobody_has_finds_nothing(store: Store, with_uids: Collection, text: str) -> None:
    assert by_uid(store, with_uids.id, text) == set()


def test_a_uid_is_found_in_its_own_collection_only(
    store: Store, with_uids: Collection, people: dict[str, int]
) -> None:
    with store.write() as tx:
        other = collections.create(tx, NewCollection(people["bob"], CollectionKind.CALENDAR, "other"))
        put_event(tx, other.id, "his", OTHERS[1])
    assert by_uid(store, with_uids.id, OTHERS[1]) == {OTHERS[1], OTHERS[2]}
    assert by_uid(store, other.id, OTHERS[1]) == {"his"}


def test_the_parts_of_a_uid_go_with_it(store: Store, with_uids: Collection) -> None:
    with store.write() as tx:
        put_event(tx, with_uids.id, OTHERS[2], SHARED[0] + "-2")  # no PUT may do this; an import could
        gone, target = items.get(tx, with_uids.id, OTHERS[1]), collections.lock(tx, with_uids.id)
        assert gone is not None
        assert target is not None
        items.remove(tx, target, gone, "ann")
    assert by_uid(store, with_uids.id, OTHERS[1]) == set()
    assert by_uid(store, with_uids.id, SHARED[0]) == {SHARED[0], OTHERS[2]}
