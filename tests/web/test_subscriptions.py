"""Subscriptions on the pages: a calendar elsewhere from the address to its end, every trouble in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from davserver.app import Server
from davserver.storage import Store, subscriptions
from davserver.storage.engine import now
from davserver.storage.schema import subscription
from davserver.sync.runner import FEEDS, run_due
from davserver.sync.work import Place
from tests.content.test_feed import calendar, event
from tests.davclient import MakeServer
from tests.sync.remote import Remote, Reply, running
from tests.web.conftest import Browser

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """A server that may reach the loopback."""
    made: Server = make_server(outgoing={"allow": ("127.0.0.0/8",), "ports": ("*",), "seconds": 5})
    return made


@pytest.fixture
def remote() -> Iterator[Remote]:
    """Who publishes calendars."""
    with running() as made:
        made.replies["/a.ics"] = Reply(body=calendar(event(1), event(2), head="X-WR-CALNAME:Bins\r\n"))
        yield made


@pytest.fixture
def work(server: Server, store: Store) -> Any:
    """What the runner does: fetch whatever is due; ``work(again=True)`` makes all due."""

    def run(*, again: bool = False) -> int:
        if again:
            with store.write() as tx:
                for key in (row.id for row in tx.execute(subscription.select())):
                    subscriptions.change(tx, key, next_run=now())
        return run_due(Place(store, server.settings), (FEEDS,))

    return run


def subscribe(visitor: Any, remote: Remote, path: str = "/a.ics") -> Any:
    page = visitor.get("/account/subscriptions/add").submit("Subscribe", url=remote.url(path))
    assert page.status == 303, page.text("main")
    return page.follow()


def test_an_address_becomes_a_calendar(visit: Any, remote: Remote, work: Any) -> None:
    ann = visit("ann")
    page = subscribe(ann, remote)
    assert page.flashes[0] == "Subscribed. The calendar is being fetched."
    assert "Not fetched yet" in page.text("tbody")
    assert ann.get("/account/subscriptions/status.json").answer.get_json()["state"] == "running"
    assert work() == 1
    assert ann.get("/account/subscriptions/status.json").answer.get_json()["state"] == "done"
    page = ann.get("/account/subscriptions/")
    assert page.texts("tbody th a") == ["Bins"]
    assert "Up to date" in page.text("tbody")


def test_what_is_wrong_with_an_address_is_said_at_the_form(visit: Any, remote: Remote) -> None:
    ann = visit("ann")
    form = ann.get("/account/subscriptions/add")
    assert "Enter the address." in form.submit("Subscribe").text("main")
    for no_address in ("ftp://example.org/x", "nonsense"):
        page = form.submit("Subscribe", url=no_address)
        assert page.status == 400
        assert "must begin with https://" in page.text("main")
    assert "names no host" in form.submit("Subscribe", url="https:///x").text("main")
    subscribe(ann, remote)
    assert "already" in form.submit("Subscribe", url=remote.url("/a.ics")).text("main")


def test_trouble_is_told_with_what_to_do_and_the_events_stay(visit: Any, remote: Remote, work: Any) -> None:
    ann = visit("ann")
    subscribe(ann, remote)
    work()
    for reply, word, remedy in (
        (Reply(404), "Not found", "new address"),
        (Reply(410), "Withdrawn", "not fetched any more"),
        (Reply(200, f"<html>{EVIL}</html>".encode()), "No calendar at the address", "ends with .ics"),
        (Reply(503), "Their server has trouble", "by itself"),
    ):
        remote.replies["/a.ics"] = reply
        work(again=True)
        page = ann.get("/account/subscriptions/").link("Bins")
        assert word in page.text(".alert")
        assert remedy in page.text(".alert")
        assert page.texts("dd")[0] == "2"


def test_a_sudden_zero_waits_for_a_person(visit: Any, remote: Remote, work: Any) -> None:
    ann = visit("ann")
    subscribe(ann, remote)
    work()
    remote.replies["/a.ics"] = Reply(body=calendar())
    work(again=True)
    page = ann.get("/account/subscriptions/").link("Bins")
    assert "Suddenly empty" in page.text(".alert")
    page.submit("Accept: it is empty")
    work()
    page = ann.get("/account/subscriptions/").link("Bins")
    assert page.texts("dd")[0] == "0"
    assert "Up to date" in page.text(".alert")


def test_name_colour_and_what_is_kept_can_be_changed_and_no_secret_is_shown(
    visit: Any, remote: Remote, work: Any, store: Store
) -> None:
    ann = visit("ann")
    remote.replies["/s3cret.ics"] = remote.replies["/a.ics"]
    form = ann.get("/account/subscriptions/add")
    form.submit("Subscribe", url=remote.url("/s3cret.ics"), username="ann", password="pa55word")
    work()
    page = ann.get("/account/subscriptions/").link("Bins")
    edit = page.link("Edit")
    for shown in (page, edit):
        assert "s3cret" not in shown.body.decode()
        assert "pa55word" not in shown.body.decode()
    done = edit.submit("Save", name="Rubbish", color="#ff0000", minutes="30", keep_tasks="y").follow()
    assert done.text("h1") == "Rubbish"
    work()
    with store.read() as tx:
        (one,) = tx.execute(subscription.select())
    assert (one.interval_minutes, one.keep_tasks, one.state) == (30, True, "ok")


@pytest.mark.parametrize(("keep", "found"), [("delete", 1), ("keep", 2)])
def test_it_ends_with_its_events_or_without(
    visit: Any, remote: Remote, work: Any, store: Store, keep: str, found: int
) -> None:
    ann = visit("ann")
    subscribe(ann, remote)
    work()
    page = ann.get("/account/subscriptions/").link("Bins").link("Remove")
    done = page.submit("Remove", keep=keep).follow()
    assert "No subscriptions yet" in done.text("main")
    with store.read() as tx:
        held = tx.exec_driver_sql(
            "SELECT COUNT(*) FROM collection WHERE kind = 'calendar' AND owner_id = "
            "(SELECT id FROM principal WHERE name = 'ann')"
        ).scalar()
    assert held == found


def test_eve_sees_and_touches_nothing_and_an_administrator_helps(
    visit: Any, remote: Remote, work: Any, store: Store
) -> None:
    subscribe(visit("ann"), remote)
    work()
    with store.read() as tx:
        (key,) = tx.execute(subscription.select().with_only_columns(subscription.c.id)).scalars()
    eve = visit("eve")
    assert "No subscriptions yet" in eve.get("/account/subscriptions/").text("main")
    for path in ("", "/edit", "/remove"):
        assert eve.get(f"/account/subscriptions/{key}{path}").status == 404
    own = eve.get("/account/subscriptions/")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', own.body.decode())
    assert token is not None
    for path in ("refresh", "accept", "remove"):
        assert eve.post(f"/account/subscriptions/{key}/{path}", csrf_token=token[1]).status == 404
    assert eve.get(f"/admin/users/ann/subscriptions/{key}").status in (403, 404)
    ada = visit("ada").get(f"/admin/users/ann/subscriptions/{key}")
    assert ada.text("h1") == "Bins"


def test_the_life_of_a_subscription_in_a_browser(browser: Browser, remote: Remote, work: Any) -> None:
    page = browser.page
    browser.sign_in("ann")
    browser.follow(page.get_by_role("link", name="Subscriptions"))
    assert browser.problems() == []
    browser.shoot("subscriptions-empty")
    browser.follow(page.get_by_role("link", name="Subscribe to a calendar"))
    browser.shoot("subscriptions-add")
    assert browser.problems() == []
    page.get_by_label("Address of the calendar").fill(remote.url("/a.ics"))
    browser.follow(page.get_by_role("button", name="Subscribe"))
    browser.shoot("subscriptions-waiting")
    work()
    page.get_by_text("Up to date").wait_for()  # the page has noticed by itself
    assert browser.problems() == []
    browser.shoot("subscriptions-list")
    remote.replies["/a.ics"] = Reply(body=calendar())
    browser.follow(page.get_by_role("button", name="Refresh Bins"))
    work()
    page.get_by_text("Suddenly empty", exact=True).wait_for()
    assert browser.problems() == []
    browser.shoot("subscriptions-show")
    browser.follow(page.get_by_role("link", name="Edit"))
    assert browser.problems() == []
    browser.shoot("subscriptions-edit")
    browser.follow(page.get_by_role("link", name="Cancel"))
    browser.follow(page.get_by_role("link", name="Remove"))
    assert browser.problems() == []
    browser.shoot("subscriptions-remove")
    page.get_by_label("Keep them").check()
    browser.follow(page.get_by_role("button", name="Remove"))
    page.get_by_text("No subscriptions yet").wait_for()
