"""Looking inside: exact occurrences in one's zone, tasks, contacts, search; the cost follows the answer."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event as sql_event

from davserver.config import Settings
from davserver.content.zones import named_zone
from davserver.jobs import agenda, transfer
from davserver.jobs.agenda import Agenda, Window
from davserver.jobs.office import Office
from davserver.jobs.transfer import Wish
from davserver.model import Collection, CollectionKind, NewCollection
from davserver.storage import Store, collections
from davserver.storage.prepared import Prepared

BERLIN: Any = named_zone("Europe/Berlin")
NEW_YORK: Any = named_zone("America/New_York")


def utc(text: str) -> int:
    """Seconds of 2026-01-05T10:00."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def day(text: str) -> int:
    """The number of a day since 1970."""
    return utc(text) // 86_400


@pytest.fixture
def office(store: Store, people: dict[str, int]) -> Office:
    """Ann at work."""
    return Office(store, Settings(), "ann")


def held(office: Office, kind: CollectionKind = CollectionKind.CALENDAR, owner: str = "ann") -> Collection:
    """A collection called default."""
    with office.store.read() as tx:
        found = collections.get(tx, owner, kind, "default")
    assert found is not None
    return found


def fill(office: Office, *components: str, target: Collection | None = None) -> None:
    """Import components into ann's calendar."""
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *components, "END:VCALENDAR", ""])
    report = transfer.import_file(office, target or held(office), io.BytesIO(text.encode()), Wish())
    assert report.refused == 0, report.refusals


def fill_book(office: Office, *cards: str) -> None:
    """Import cards into ann's address book."""
    text = "".join(f"BEGIN:VCARD\nVERSION:3.0\n{card}\nEND:VCARD\n" for card in cards)
    book = held(office, CollectionKind.ADDRESSBOOK)
    report = transfer.import_file(office, book, io.BytesIO(text.encode()), Wish())
    assert report.refused == 0, report.refusals


def event(uid: str, start: str, *more: str, title: str = "Tea") -> str:
    """A VEVENT; start with its parameters."""
    return "\n".join(
        ["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{title}", f"DTSTART{start}", *more, "END:VEVENT"]
    )


def shown(office: Office, start: str, end: str, zone: Any = BERLIN) -> Agenda:
    """Ann's calendar in a window of days of the zone."""
    window = Window(zone.to_utc(utc(start)), zone.to_utc(utc(end)))
    with office.store.read() as tx:
        return agenda.agenda(tx, [held(office)], window, zone, office.settings.limits)


def january(office: Office, zone: Any = BERLIN) -> list[tuple[str, int, int]]:
    """Title, first and last day of January 2026, days counted from 1."""
    first = day("2025-12-31")
    found = shown(office, "2026-01-01", "2026-02-01", zone).occurrences
    return [(one.title, one.first_day - first, one.last_day - first) for one in found]


def test_a_series_with_exceptions_and_a_moved_instance(office: Office) -> None:
    zone = ";TZID=Europe/Berlin"
    series = event("s", f"{zone}:20260105T100000", "RRULE:FREQ=WEEKLY", f"EXDATE{zone}:20260112T100000")
    moved = event("s", f"{zone}:20260120T150000", f"RECURRENCE-ID{zone}:20260119T100000", title="Moved")
    fill(office, series, moved)
    assert january(office) == [("Tea", 5, 5), ("Moved", 20, 20), ("Tea", 26, 26)]
    assert all(one.repeats for one in shown(office, "2026-01-01", "2026-02-01").occurrences)


def test_days_are_those_of_the_zone_that_is_asked_for(office: Office) -> None:
    fill(office, event("late", ":20260105T233000Z"), event("whole", ";VALUE=DATE:20260107"))
    assert january(office, BERLIN) == [("Tea", 6, 6), ("Tea", 7, 7)]
    assert january(office, NEW_YORK) == [("Tea", 5, 5), ("Tea", 7, 7)]


@pytest.mark.parametrize(
    ("start", "more", "days"),
    [
        (";VALUE=DATE:20260105", ["DTEND;VALUE=DATE:20260108"], (5, 7)),
        (";VALUE=DATE:20260105", [], (5, 5)),
        (":20260105T220000Z", ["DTEND:20260106T230000Z"], (5, 6)),
        (":20260105T100000Z", [], (5, 5)),
        (":20251230T100000Z", ["DTEND:20260102T100000Z"], (-1, 2)),
    ],
)
def test_an_event_is_shown_on_each_of_its_days(
    office: Office, start: str, more: list[str], days: tuple[int, int]
) -> None:
    fill(office, event("a", start, *more))
    assert january(office) == [("Tea", *days)]


def test_whole_days_come_first_then_the_time_decides(office: Office) -> None:
    fill(
        office,
        event("b", ":20260105T120000Z", title="Noon"),
        event("a", ":20260105T080000Z", title="Morning"),
        event("c", ";VALUE=DATE:20260105", title="Holiday"),
    )
    assert [title for title, _, _ in january(office)] == ["Holiday", "Morning", "Noon"]


def test_too_many_occurrences_are_cut_and_it_is_said(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda, "MOST_OCCURRENCES", 10)
    fill(office, event("s", ":20260101T100000Z", "RRULE:FREQ=DAILY"))
    found = shown(office, "2026-01-01", "2026-02-01")
    assert len(found.occurrences) == 10
    found = shown(office, "2026-01-01", "2026-01-06")
    assert (len(found.occurrences), found.complete) == (5, True)


def test_only_the_calendars_that_are_asked_for(office: Office, people: dict[str, int]) -> None:
    fill(office, event("b", ":20260105T100000Z", title="Bob's"), target=held(office, owner="bob"))
    fill(office, event("a", ":20260105T100000Z"))
    assert january(office) == [("Tea", 5, 5)]


# -- tasks


def task(uid: str, *more: str) -> str:
    """A VTODO."""
    return "\n".join(["BEGIN:VTODO", f"UID:{uid}", f"SUMMARY:{uid}", *more, "END:VTODO"])


def test_open_tasks_come_by_their_due_date_and_done_ones_apart(office: Office) -> None:
    fill(
        office,
        task("someday"),
        task("later", "DUE:20260601T100000Z", "PRIORITY:1", "PERCENT-COMPLETE:40"),
        task("soon", "DUE;VALUE=DATE:20260110"),
        task("done", "STATUS:COMPLETED", "COMPLETED:20260101T100000Z"),
        task("dropped", "STATUS:CANCELLED"),
        event("e", ":20260105T100000Z"),
    )
    with office.store.read() as tx:
        found = agenda.tasks(tx, [held(office)], BERLIN, slice(0, 10))
        closed = agenda.tasks(tx, [held(office)], BERLIN, slice(0, 10), done=True)
        assert agenda.tasks(tx, [held(office)], BERLIN, slice(1, 2)).tasks == found.tasks[1:2]
    assert [one.title for one in found.tasks] == ["soon", "later", "someday"]
    assert found.count == 3
    soon, later, _ = found.tasks
    assert (soon.due_is_date, soon.due) == (True, BERLIN.to_utc(utc("2026-01-10")))
    assert (later.priority, later.percent, later.due) == (1, 40, utc("2026-06-01T10:00"))
    assert {one.title for one in closed.tasks} == {"done", "dropped"}
    assert all(one.done for one in closed.tasks)


# -- contacts


def test_contacts_are_sorted_by_name_and_found_by_all_their_words(office: Office) -> None:
    fill_book(
        office,
        "UID:1\nFN:zoë Miller\nEMAIL;TYPE=home:zoe@example.org\nTEL:+49 1",
        "UID:2\nFN:Ann Öztürk\nORG:Acme\\, Inc.;Sales\nPHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=",
        "UID:3\nFN:bob\nNOTE:" + "x" * 300 + " needle",
        "UID:4\nORG:Only a company",
    )
    book = held(office, CollectionKind.ADDRESSBOOK)
    with office.store.read() as tx:

        def names(words: str) -> list[str]:
            return [one.title for one in agenda.contacts(tx, [book], words, slice(0, 10)).contacts]

        assert names("") == ["Ann Öztürk", "bob", "Only a company", "zoë Miller"]
        assert names("ÖZTÜRK acme") == ["Ann Öztürk"]
        assert names("needle") == ["bob"]
        assert names("zoe@ mill") == ["zoë Miller"]
        assert names("fn") == names("uid") == names("nothing") == []
        page = agenda.contacts(tx, [book], "", slice(1, 3))
        assert ([one.title for one in page.contacts], page.count) == (["bob", "Only a company"], 4)
        ann = agenda.contacts(tx, [book], "acme", slice(0, 1)).contacts[0]
        assert (ann.company, ann.has_photo, ann.emails) == ("Acme, Inc., Sales", True, ())


# -- search


def test_search_finds_in_everything_nearest_first(office: Office) -> None:
    fill(
        office,
        event("far", ":20280105T100000Z", title="Trip far"),
        event("near", ":20260105T100000Z", "LOCATION:Café", title="Trip near"),
        event("long", ":20260301T100000Z", "DESCRIPTION:" + "y" * 250 + " the Trip\\, at last"),
        event("status", ":20260105T100000Z", "STATUS:CONFIRMED", "X-TRIP:trip", title="Other"),
        task("trip task"),
    )
    fill_book(office, "UID:1\nFN:Trip Advisor\nTEL:1")
    everything = [held(office), held(office, CollectionKind.ADDRESSBOOK)]
    with office.store.read() as tx:
        hits = agenda.find(tx, everything, "tRip", utc("2026-01-01"), 10)
        titles = {one.title for one in hits.hits}
        assert titles == {"Trip far", "Trip near", "Tea", "trip task", "Trip Advisor"}
        events = [one.title for one in hits.hits if one.component == "VEVENT"]
        assert events == ["Trip near", "Tea", "Trip far"]
        assert agenda.find(tx, everything, "trip cafe", utc("2026-01-01"), 10).count == 1
        assert agenda.find(tx, everything, "near café", utc("2026-01-01"), 10).count == 1
        assert agenda.find(tx, everything, "trip, last", utc("2026-01-01"), 10).count == 1
        assert agenda.find(tx, everything, " ", utc("2026-01-01"), 10).count == 0
        limited = agenda.find(tx, everything, "trip", utc("2026-01-01"), 2)
        assert (len(limited.hits), limited.count, limited.complete) == (2, 5, True)


# -- cost


@contextmanager
def counted(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that run meanwhile."""
    ran: list[str] = []
    original = Prepared._run

    def run(self: Prepared, tx: Any, values: Any) -> Any:
        ran.append("prepared")
        return original(self, tx, values)

    def execute(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        ran.append(statement)

    monkeypatch.setattr(Prepared, "_run", run)
    sql_event.listen(office.store.engine, "before_cursor_execute", execute)
    yield ran
    sql_event.remove(office.store.engine, "before_cursor_execute", execute)


def test_the_number_of_statements_does_not_grow_with_what_is_there(
    office: Office, people: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if office.store.dialect == "mariadb":
        pytest.skip("its protocol reads many rows in pages: some 500 rows a statement")
    with office.store.write() as tx:
        for number in range(9):
            new = NewCollection(people["ann"], CollectionKind.CALENDAR, f"c{number}", components="VEVENT")
            collections.create(tx, new)
        calendars = collections.of_owner(tx, people["ann"], CollectionKind.CALENDAR)

    def look() -> int:
        window = Window(utc("2026-01-01"), utc("2026-02-01"))
        with counted(office, monkeypatch) as ran, office.store.read() as tx:
            agenda.agenda(tx, calendars, window, BERLIN, office.settings.limits)
            agenda.tasks(tx, calendars, BERLIN, slice(0, 20))
            agenda.find(tx, calendars, "number 7", utc("2026-01-01"), 20)
        return len(ran)

    fill(office, event("x", ":20260110T100000Z", title="number 7"), task("t7"))
    few = look()
    hours = (f":2026{1 + number % 12:02}{1 + number % 28:02}T{number % 24:02}0000Z" for number in range(2000))
    fill(
        office, *(event(f"e{number}", start, title=f"number {number}") for number, start in enumerate(hours))
    )
    fill(office, *(task(f"t{number}") for number in range(500)))
    assert look() == few
