"""Journeys in a real browser, with somebody's CalDAV client beside it."""

from __future__ import annotations

import pytest

from davserver.app import Server
from davserver.storage import Store
from tests.content.objects import event
from tests.davclient import IC, Client, D
from tests.sharing import group, listed, share
from tests.web.conftest import Browser


@pytest.fixture
def ann(server: Server) -> Client:
    """ann's DAV client."""
    return Client(server, "ann")


@pytest.fixture
def bob(server: Server) -> Client:
    """bob's DAV client."""
    return Client(server, "bob")


def test_a_calendar_s_life_from_making_to_undoing_its_deletion(browser: Browser, ann: Client) -> None:
    page = browser.page
    browser.sign_in("ann")
    browser.follow(page.get_by_role("link", name="Calendars", exact=True))
    browser.follow(page.get_by_role("link", name="New calendar"))
    browser.shoot("calendar-new")
    assert browser.problems() == []
    page.get_by_label("Name", exact=True).fill("Holidays")
    page.get_by_label("Colour").fill("#cc3366")
    page.get_by_label("Tasks").uncheck()
    page.get_by_label("Time zone").select_option("Europe/Vienna")
    browser.follow(page.get_by_role("button", name="Create"))
    assert page.get_by_role("status").inner_text() == "“Holidays” is there."
    path = next(href for href in listed(ann, ann.calendar_home) if href != ann.calendar)
    assert ann.prop(path, IC + "calendar-color").text == "#cc3366"
    ann.put(path + "one.ics", event())
    browser.follow(page.get_by_role("button", name="Move Holidays up"))
    browser.follow(page.get_by_role("link", name="Edit Holidays"))
    page.get_by_label("Name", exact=True).fill("Days off")
    browser.follow(page.get_by_role("button", name="Save"))
    browser.shoot("calendars")
    assert browser.problems() == []
    browser.follow(page.get_by_role("link", name="Delete Days off"))
    assert "1 entry" in page.locator("main").inner_text()
    browser.shoot("calendar-delete")
    assert browser.problems() == []
    browser.follow(page.get_by_role("button", name="Delete"))
    browser.shoot("calendar-deleted")
    assert browser.problems() == []
    assert ann.get(path + "one.ics").status == 404
    browser.follow(page.get_by_role("button", name="Undo"))
    assert ann.get(path + "one.ics").status == 200
    assert ann.prop(path, D + "displayname").text == "Days off"


def test_a_share_is_seen_by_the_other_s_client_and_gone_after_it_is_taken_back(
    browser: Browser, ann: Client, bob: Client, store: Store, people: dict[str, int]
) -> None:
    group(store, "family", people["bob"], people["eve"])
    ann.put(ann.calendar + "one.ics", event())
    page, path = browser.page, bob.calendar_home + "ann-default/"
    browser.sign_in("ann")
    browser.follow(page.get_by_role("link", name="Sharing"))
    browser.shoot("sharing-empty")
    assert browser.problems() == []
    browser.follow(page.get_by_role("link", name="Share Calendar"))
    page.get_by_label("Person or group").fill("bob")
    page.get_by_label("Can read", exact=True).check()
    browser.follow(page.get_by_role("button", name="Share"))
    assert bob.get(path + "one.ics").body == event()
    assert bob.put(path + "two.ics", event(uid="two")).status == 403
    browser.follow(page.get_by_role("button", name="Let Bob write"))
    assert bob.put(path + "two.ics", event(uid="two")).status == 201
    share(ann, ann.book, "family", "read")
    page.reload()
    browser.shoot("sharing-calendar")
    assert browser.problems() == []
    browser.follow(page.get_by_role("navigation", name="Main menu").get_by_role("link", name="Sharing"))
    browser.shoot("sharing-matrix")
    assert browser.problems() == []
    token = bob.token(path)
    browser.follow(page.get_by_role("link", name="Share Calendar"))
    browser.follow(page.get_by_role("button", name="Take it back from Bob"))
    assert bob.sync(path, token).status == 404
    assert listed(bob, bob.calendar_home) == [bob.calendar]


def test_what_others_share_is_named_hidden_and_taken_back(browser: Browser, ann: Client, bob: Client) -> None:
    share(ann, ann.calendar, "bob", "read")
    page, path = browser.page, bob.calendar_home + "ann-default/"
    browser.sign_in("bob")
    browser.open("/account/calendars/")
    browser.shoot("calendars-shared")
    assert browser.problems() == []
    browser.follow(page.get_by_role("link", name="Name and colour of Calendar"))
    page.get_by_label("Name", exact=True).fill("Ann's")
    page.get_by_label("Colour").fill("#00aa00")
    browser.shoot("calendar-see")
    assert browser.problems() == []
    browser.follow(page.get_by_role("button", name="Save"))
    assert bob.prop(path, IC + "calendar-color").text == "#00aa00"
    browser.follow(page.get_by_role("button", name="Hide Ann's"))
    assert listed(bob, bob.calendar_home) == [bob.calendar]
    browser.shoot("calendars-hidden")
    browser.follow(page.get_by_role("button", name="Take back Ann's"))
    assert path in listed(bob, bob.calendar_home)


def test_the_trash_gives_back_what_an_app_deleted(browser: Browser, ann: Client) -> None:
    ann.put(ann.book + "one.vcf", b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:X\r\nN:X;;;;\r\nEND:VCARD\r\n")
    page = browser.page
    browser.sign_in("ann")
    browser.open("/account/trash/")
    browser.shoot("trash-empty")
    assert browser.problems() == []
    ann.delete(ann.book)
    ann.delete(ann.calendar)
    page.reload()
    browser.shoot("trash")
    assert browser.problems() == []
    browser.follow(page.get_by_role("button", name="Restore Contacts"))
    assert ann.get(ann.book + "one.vcf").status == 200
    browser.open("/account/calendars/")
    browser.shoot("calendars-empty")
    assert browser.problems() == []
    browser.open("/account/trash/")
    browser.follow(page.get_by_role("link", name="Remove Calendar for good"))
    browser.shoot("trash-remove")
    assert browser.problems() == []
    page.get_by_label("Type the name").fill("Calendar")
    browser.follow(page.get_by_role("button", name="Remove for good"))
    assert "The trash is empty" in page.locator("main").inner_text()


def test_an_administrator_looks_who_sees_what(browser: Browser, ann: Client, bob: Client) -> None:
    share(ann, ann.calendar, "bob", "read")
    share(bob, bob.book, "ann")
    browser.sign_in("ada")
    browser.open("/admin/sharing/")
    browser.shoot("admin-sharing")
    assert browser.problems() == []
    browser.follow(browser.page.get_by_role("link", name="Share Calendar of Ann"))
    browser.follow(browser.page.get_by_role("button", name="Take it back from Bob"))
    assert listed(bob, bob.calendar_home) == [bob.calendar]


def test_on_a_phone_nothing_is_wider_than_the_screen(browser: Browser, ann: Client, bob: Client) -> None:
    share(ann, ann.calendar, "bob", "read")
    ann.mkcalendar(ann.calendar_home + "x/", f"<d:displayname>{'Wide' * 40}</d:displayname>")
    ann.mkcalendar(ann.calendar_home + "y/", "<d:displayname>Gone</d:displayname>")
    ann.delete(ann.calendar_home + "y/")
    browser.sign_in("ann")
    browser.page.set_viewport_size({"width": 390, "height": 844})
    for path in (
        "calendars/",
        "calendars/x/edit",
        "sharing/",
        "sharing/calendar/x",
        "trash/",
        "calendars/x/delete",
    ):
        browser.open("/account/" + path)
        width = browser.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, path
