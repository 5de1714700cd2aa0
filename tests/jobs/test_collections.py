"""Calendars and address books by the use-cases that pages, API and command line share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from davserver.config import Settings
from davserver.errors import HttpError
from davserver.jobs import collections, sharing
from davserver.jobs.collections import Details
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.model import Access, Collection, CollectionKind
from davserver.storage import Store, audit
from tests.content.objects import event
from tests.davclient import CR, IC, C, Client, D

CALENDAR = CollectionKind.CALENDAR
DEFAULT = Place("ann", CALENDAR, "default")


@pytest.fixture
def office(store: Store, people: dict[str, int]) -> Office:
    """ann at work."""
    return Office(store, Settings(), actor="ann", address="192.0.2.7")


def test_a_new_calendar_is_what_was_asked_for(ann: Client, office: Office) -> None:
    details = Details("Work", "What I do", "#3366ffcc", 3, ("VTODO",), "Europe/Berlin", transparent=True)
    made = collections.create(office, "ann", CALENDAR, details, name="work")
    found = ann.propfind(
        f"{ann.calendar_home}{made.name}/",
        *(D + "displayname", IC + "calendar-color", IC + "calendar-order", C + "calendar-description"),
        *(C + "supported-calendar-component-set", C + "calendar-timezone", C + "schedule-calendar-transp"),
    ).one
    assert [
        found[name].text for name in (D + "displayname", IC + "calendar-color", IC + "calendar-order")
    ] == [
        "Work",
        "#3366ffcc",
        "3",
    ]
    assert found[C + "calendar-description"].text == "What I do"
    assert found[C + "supported-calendar-component-set"].attributes("name") == ["VTODO"]
    assert "TZID:Europe/Berlin" in found[C + "calendar-timezone"].text
    assert found[C + "schedule-calendar-transp"].names == [C + "transparent"]


def test_without_a_name_there_is_an_address_that_nobody_else_has(office: Office, ann: Client) -> None:
    first = collections.create(office, "ann", CollectionKind.ADDRESSBOOK, Details("Friends"))
    second = collections.create(office, "ann", CollectionKind.ADDRESSBOOK, Details("Friends"))
    assert first.name != second.name
    types = ann.prop(f"{ann.book_home}{first.name}/", D + "resourcetype").names
    assert types == [D + "collection", CR + "addressbook"]


def test_a_name_that_is_taken_is_refused(office: Office) -> None:
    with pytest.raises(HttpError) as caught:
        collections.create(office, "ann", CALENDAR, Details(), name="default")
    assert caught.value.status == 409


BAD = [
    Details(color="red"),
    Details(color="#12345"),
    Details(timezone_id="Mars/Olympus"),
    Details(components=()),
    Details(components=("VALARM",)),
    Details(position=10**10),
    Details(display_name="x" * 20_000),
]


@pytest.mark.parametrize("details", BAD)
def test_what_makes_no_sense_is_refused_and_nothing_changes(
    office: Office, store: Store, details: Details
) -> None:
    with store.read() as tx:
        before = collections.get(tx, DEFAULT)
    attempts: tuple[Callable[[], object], ...] = (
        lambda: collections.create(office, "ann", CALENDAR, details, name="new"),
        lambda: collections.edit(office, DEFAULT, details),
    )
    for attempt in attempts:
        with pytest.raises(HttpError) as caught:
            attempt()
        assert caught.value.status == 400
    with store.read() as tx:
        assert collections.get(tx, DEFAULT) == before
        assert len(collections.home(tx, "ann", CALENDAR).own) == 1


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 300, "a\nb"])
def test_a_name_is_a_part_of_the_address(office: Office, name: str) -> None:
    with pytest.raises(HttpError) as caught:
        collections.create(office, "ann", CALENDAR, Details(), name=name)
    assert caught.value.status == 400


def test_a_calendar_keeps_taking_what_it_holds(ann: Client, office: Office) -> None:
    ann.put(ann.calendar + "one.ics", event())
    with pytest.raises(HttpError, match="VEVENT") as caught:
        collections.edit(office, DEFAULT, Details(components=("VTODO",)))
    assert caught.value.status == 409
    assert collections.edit(office, DEFAULT, Details(components=("VEVENT",))).components == "VEVENT"


def test_the_zone_that_a_client_sent_stays_while_it_is_the_same(ann: Client, office: Office) -> None:
    mine = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n"
        "X-MINE:1\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\n"
        "END:STANDARD\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n"
    )
    ann.proppatch(ann.calendar, f"<c:calendar-timezone>{mine}</c:calendar-timezone>")
    collections.edit(office, DEFAULT, Details("x", timezone_id="Europe/Berlin"))
    assert "X-MINE" in ann.prop(ann.calendar, C + "calendar-timezone").text
    collections.edit(office, DEFAULT, Details("x", timezone_id="Europe/Vienna"))
    assert "TZID:Europe/Vienna" in ann.prop(ann.calendar, C + "calendar-timezone").text
    collections.edit(office, DEFAULT, Details("x"))
    assert ann.prop(ann.calendar, C + "calendar-timezone").status == 404


def test_a_home_is_ordered_as_people_order_it(office: Office, store: Store, bob: Client) -> None:
    for name in ("a", "b"):
        collections.create(office, "bob", CALENDAR, Details(name), name=name)
    sharing.share(office, DEFAULT, "bob", Access.READ)
    collections.reorder(office, "bob", CALENDAR, ["b", "ann-default", "a", "nothing"])
    with store.read() as tx:
        here = collections.home(tx, "bob", CALENDAR)
    assert [one.name for one in here.own] == ["b", "a", "default"]
    assert [one.collection.position for one in here.shared] == [2]
    assert bob.prop(bob.calendar_home + "ann-default/", IC + "calendar-order").text == "2"


def test_how_one_sees_it_is_one_s_own(office: Office, ann: Client, bob: Client, store: Store) -> None:
    sharing.share(office, DEFAULT, "bob@example.org", Access.READ)
    with store.read() as tx:
        calendar: Collection = collections.get(tx, DEFAULT)
    collections.see_as(office, "bob", calendar.id, Details("Ann", color="#ff0000"))
    assert bob.prop(bob.calendar_home + "ann-default/", D + "displayname").text == "Ann"
    assert ann.prop(ann.calendar, D + "displayname").text == "Calendar"
    with pytest.raises(HttpError) as caught:
        collections.see_as(office, "eve", calendar.id, Details("Ann"))
    assert caught.value.status == 404


def test_each_change_leaves_a_line_in_the_audit_log(office: Office, store: Store) -> None:
    collections.create(office, "ann", CALENDAR, Details("x"), name="x")
    collections.edit(office, DEFAULT, Details("y"))
    collections.reorder(office, "ann", CALENDAR, ["x"])
    with store.read() as tx:
        rows = [(row.actor, row.action, row.target, row.address) for row in audit.newest(tx, 3)]
    assert rows == [
        ("ann", "calendar.order", "calendars/ann", "192.0.2.7"),
        ("ann", "calendar.edit", "calendars/ann/default", "192.0.2.7"),
        ("ann", "calendar.add", "calendars/ann/x", "192.0.2.7"),
    ]
