"""No page is wider than the smallest phone, whatever people call their things."""

from __future__ import annotations

import io
from typing import Any

import pytest

from davserver.config import Settings
from davserver.jobs import app_passwords, groups, links, sharing, transfer
from davserver.jobs import collections as jobs_collections
from davserver.jobs.app_passwords import Wanted
from davserver.jobs.collections import Details
from davserver.jobs.groups import Described
from davserver.jobs.links import Source, Wish
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.jobs.transfer import Wish as ImportWish
from davserver.model import Access, CollectionKind
from davserver.storage import Store, collections, principals, remote
from tests.web.conftest import Browser

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
EVENT = (
    f"BEGIN:VEVENT\nUID:1\nDTSTART:20260105T100000Z\nSUMMARY:{LONG}\nLOCATION:{LONG}\n"
    f"DESCRIPTION:{LONG}\nEND:VEVENT"
)
CARD = f"BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:{LONG}\nORG:{LONG}\nEMAIL:{LONG}@example.org\nEND:VCARD\n"
REFUSED = f"BEGIN:VEVENT\nUID:2\nSUMMARY:{LONG}\nEND:VEVENT"
EVENTS = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{EVENT}\n{REFUSED}\nEND:VCALENDAR\n"

BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

OWN = (
    *("", "calendar?month=2026-01", "calendar/agenda?from=2026-01-05", "tasks", "contacts", "deleted"),
    *("search?q=Donau", "calendars/", "calendars/long/edit", "calendars/long/delete", "addressbooks/"),
    *("sharing/", "sharing/calendar/long", "links", "links/new", "subscriptions/", "subscriptions/add"),
    *("remote/", "remote/add", "remote/add/generic", "trash/", "import-export", "profile", "connect"),
    *(
        "connect/apple",
        "connect/vdirsyncer",
        "app-passwords",
        "app-passwords/add",
        "app-passwords/revoke-all",
    ),
    *("password", "second-factor", "sessions"),
)
ADMIN = (
    *("", "users/", "add-user", "add-resource", "users/ann/", "users/ann/account", "users/ann/remove"),
    *("users/ann/password", "groups/", "groups/add", "groups/of/long/", "groups/of/long/remove", "sharing/"),
    *("check", "devices", "audit", "settings/", "settings/server", "settings/auth", "settings/mail"),
)


@pytest.fixture
def long_names(store: Store, people: dict[str, int]) -> list[str]:
    """Ada has one of everything, called by a long word; the addresses that only then exist."""
    office = Office(store, Settings(), "ada")
    for kind, data in ((CollectionKind.CALENDAR, EVENTS), (CollectionKind.ADDRESSBOOK, CARD)):
        jobs_collections.create(office, "ada", kind, Details(LONG, LONG), name="long")
        with store.read() as tx:
            target = collections.get(tx, "ada", kind, "long")
        assert target is not None
        transfer.import_file(office, target, io.BytesIO(data.encode()), ImportWish(source=LONG))
    place = Place("ada", CollectionKind.CALENDAR, "long")
    groups.create_group(office, Described("long", LONG), ["ann", "ada"])
    for who in ("ann", "long"):
        sharing.share(office, place, who, Access.READ)
    app_passwords.create(office, "ada", Wanted(LONG[:100]))
    with store.write() as tx:
        principals.change(tx, people["ann"], display_name=LONG)
        ada = principals.get(tx, "ada")
    assert ada is not None
    link = links.create(office, ada, Source(CollectionKind.CALENDAR, ("long",)), Wish(LONG[:100], LONG[:100]))
    with store.write() as tx:
        account = remote.add_account(
            tx, owner_id=ada.id, label=LONG, base_url="https://example.org/", interval_seconds=900
        )
        remote.add_collection(
            tx, account, CollectionKind.CALENDAR, "/long/", display_name=LONG, subscribed=True
        )
    return [
        *(f"links/{link.id}{page}" for page in ("", "/edit", "/remove")),
        *(f"remote/{account}{page}" for page in ("", "/log", "/edit", "/remove")),
    ]


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_no_page_is_wider_than_a_small_phone(
    browser: Browser, long_names: list[str], people: dict[str, int], store: Store, language: str
) -> None:
    browser.sign_in("ada")
    with store.write() as tx:
        principals.change(tx, people["ada"], language=language)
    browser.page.set_viewport_size({"width": 320, "height": 600})
    paths = [f"/account/{path}" for path in (*OWN, *long_names, *found_in(store))]
    paths += [f"/admin/{path}" for path in ADMIN]
    assert {path: wider for path in paths if (wider := beyond(browser, path))} == {}
    assert browser.page.locator(f"html[lang={language}]").count() == 1


def found_in(store: Store) -> list[str]:
    """The pages of the event, the contact and the imports."""
    with store.read() as tx:
        rows = tx.exec_driver_sql(
            "SELECT c.kind, c.name, i.name FROM item i JOIN collection c ON c.id = i.collection_id"
        )
        pages = [f"entries/{kind}/{home}/{name}" for kind, home, name in rows]
        imports = tx.exec_driver_sql("SELECT id FROM transfer")
        return pages + [f"import-export/{key}" for (key,) in imports]


def beyond(browser: Browser, path: str) -> Any:
    """How many pixels of a page lie beyond the edge of the window, or which status it has instead of 200."""
    answer = browser.open(path)
    if answer.status != 200:
        return f"status {answer.status}"
    return browser.page.evaluate(BEYOND)
