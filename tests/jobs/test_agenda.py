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
from davserver.jobs.agenda import Agenda, Room, Window
from davserver.jobs.office import Office
from davserver.jobs.transfer import Wish
from davserver.model import Collection, CollectionKind, NewCollection
from davserver.storage import Store, collections
from davserver.storage.prepared import Prepared
from tests.davclient import Client

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


def shown(office: Office, start: str, end: str, zone: Any = BERLIN, **room: int) -> Agenda:
    """Ann's calendar in a window of days of the zone."""
    window = Window(zone.to_utc(utc(start)), zone.to_utc(utc(end)))
    with office.store.read() as tx:
        return agenda.agenda(tx, [held(office)], window, zone, Room(office.settings.limits, **room))


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
    assert (len(found.occurrences), found.complete) == (10, False)
    found = shown(office, "2026-01-01", "2026-01-06")
    assert (len(found.occurrences), found.complete) == (5, True)


def test_of_a_day_only_so_many_are_shown_and_all_are_counted(office: Office) -> None:
    fill(
        office,
        *(event(f"e{hour}", f":20260105T{hour:02}0000Z", title=f"at {hour}") for hour in range(8, 20)),
        event("all", ";VALUE=DATE:20260105", "DTEND;VALUE=DATE:20260107", title="Fair"),
        event("float", ":20260105T073000", title="Yoga"),
        event("s", ";TZID=Europe/Berlin:20260101T070000", "RRULE:FREQ=DAILY", title="Run"),
        event("s", ";TZID=Europe/Berlin:20260105T060000", RUN_OF_THE_5TH, title="Early run"),
    )
    found = shown(office, "2026-01-05", "2026-01-08", a_day=4)
    assert [one.title for one in found.occurrences] == ["Fair", "Early run", "Yoga", "at 8", "Run", "Run"]
    assert found.counts == {day("2026-01-05"): 15, day("2026-01-06"): 2, day("2026-01-07"): 1}
    everything = shown(office, "2026-01-05", "2026-01-08")
    assert len(everything.occurrences) == 17
    assert set(found.occurrences) < set(everything.occurrences)


RUN_OF_THE_5TH = "RECURRENCE-ID;TZID=Europe/Berlin:20260105T070000"


def test_a_list_ends_with_the_last_day_that_there_is_room_for(office: Office) -> None:
    fill(
        office,
        *(event(f"e{n}", f":202601{5 + n // 3:02}T{8 + n % 3:02}0000Z", title=f"{n}") for n in range(9)),
    )
    found = shown(office, "2026-01-01", "2026-02-01", in_all=7)
    assert [one.title for one in found.occurrences] == ["0", "1", "2", "3", "4", "5"]
    assert (found.until, found.complete) == (day("2026-01-07"), True)
    crowded = shown(office, "2026-01-06", "2026-02-01", in_all=2)
    assert [one.title for one in crowded.occurrences] == ["3", "4", "5"]
    assert shown(office, "2026-01-01", "2026-02-01", in_all=9).until is None


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


def test_a_done_task_stands_by_when_it_was_done_and_an_open_one_by_its_date(office: Office) -> None:
    fill(
        office,
        task("old", "STATUS:COMPLETED", "COMPLETED:20250101T100000Z"),
        task("new", "STATUS:COMPLETED", "COMPLETED:20260101T100000Z"),
        task("unsaid", "STATUS:CANCELLED", "LAST-MODIFIED:20250601T100000Z"),
        task("odd", "STATUS:CANCELLED", "LAST-MODIFIED:long ago"),
        task("berlin", "DUE;TZID=Europe/Berlin:20260110T103000"),
        task("new york", "DUE;TZID=America/New_York:20260110T040000"),
        task("1950", "DUE:19500101T000000Z"),
    )
    with office.store.read() as tx:
        closed = agenda.tasks(tx, [held(office)], BERLIN, slice(0, 10), done=True)
        opened = agenda.tasks(tx, [held(office)], BERLIN, slice(0, 10))
    assert [one.title for one in closed.tasks] == ["new", "unsaid", "old", "odd"]
    assert [one.title for one in opened.tasks] == ["1950", "new york", "berlin"]


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
        page = agenda.contacts(tx, [held(office, CollectionKind.ADDRESSBOOK)], "", slice(1, 3))
        assert ([one.title for one in page.contacts], page.count) == (["bob", "Only a company"], 4)
        ann = agenda.contacts(tx, [book], "acme", slice(0, 1)).contacts[0]
        assert (ann.company, ann.has_photo, ann.emails) == ("Acme, Inc., Sales", True, ())


def test_accents_do_not_put_a_name_behind_all_others(office: Office) -> None:
    names = ["Zoe", "Émile", "eva", "Özil", "Olga", "Łukasz", "李", "Ägir"]
    fill_book(office, *(f"UID:{number}\nFN:{name}" for number, name in enumerate(names)))
    with office.store.read() as tx:
        found = agenda.contacts(tx, [held(office, CollectionKind.ADDRESSBOOK)], "", slice(0, 10))
    assert [one.title for one in found.contacts] == [
        "Ägir",
        "Émile",
        "eva",
        "Olga",
        "Özil",
        "Zoe",
        "Łukasz",
        "李",
    ]


def test_a_changed_card_is_found_as_it_is_now_and_a_copy_like_it(
    office: Office, people: dict[str, int], ann: Client
) -> None:
    def names(words: str = "") -> list[str]:
        with office.store.read() as tx:
            books = collections.of_owner(tx, people["ann"], CollectionKind.ADDRESSBOOK)
            return [one.title for one in agenda.contacts(tx, books, words, slice(0, 10)).contacts]

    path = ann.book + "a.vcf"
    for name in ("Zoe", "Ann"):
        ann.put(path, f"BEGIN:VCARD\nVERSION:3.0\nUID:a\nFN:{name}\nEND:VCARD\n".encode())
    ann.put(ann.book + "b.vcf", b"BEGIN:VCARD\nVERSION:3.0\nUID:b\nFN:Bob\nEND:VCARD\n")
    assert (names(), names("zoe"), names("ann")) == (["Ann", "Bob"], [], ["Ann"])
    other = ann.book_home + "other/"
    assert ann.mkcol(other, "<d:resourcetype><d:collection/><cr:addressbook/></d:resourcetype>").status == 201
    assert ann.transfer("COPY", path, other + "a.vcf").status == 201
    assert (names(), names("ann")) == (["Ann", "Ann", "Bob"], ["Ann", "Ann"])
    ann.delete(path)
    assert names("ann") == ["Ann"]


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

        def found(words: str, first: int = 0, last: int = 10) -> list[agenda.Hit]:
            return list(agenda.find(tx, everything, words, utc("2026-01-01"), slice(first, last)))

        hits = found("tRip")
        assert {one.title for one in hits} == {"Trip far", "Trip near", "Tea", "trip task", "Trip Advisor"}
        events = [one.title for one in hits if one.component == "VEVENT"]
        assert events == ["Trip near", "Tea", "Trip far"]
        assert hits[-1].when == utc("2028-01-05T10:00")
        assert next(one.when for one in hits if one.component == "VCARD") is None
        for words in ("trip cafe", "near café", "trip, last"):
            assert len(found(words)) == 1, words
        assert found(" ") == found("summary") == found("t%ip") == found("tr.p") == []
        assert found("trip", 1, 3) == hits[1:3]


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
            agenda.agenda(tx, calendars, window, BERLIN, Room(office.settings.limits))
            agenda.tasks(tx, calendars, BERLIN, slice(0, 20))
            agenda.find(tx, calendars, "number 7", utc("2026-01-01"), slice(0, 20))
        return len(ran)

    fill(office, event("x", ":20260110T100000Z", title="number 7"), task("t7"))
    few = look()
    hours = (f":2026{1 + number % 12:02}{1 + number % 28:02}T{number % 24:02}0000Z" for number in range(2000))
    fill(
        office, *(event(f"e{number}", start, title=f"number {number}") for number, start in enumerate(hours))
    )
    fill(office, *(task(f"t{number}") for number in range(500)))
    assert look() == few
