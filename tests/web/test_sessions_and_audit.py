"""Who connects with what, who changed what; long work that is watched; pages that need no write."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from davserver.auth.devices import client_name
from davserver.storage import Store, tasks
from tests.davclient import Client, MakeClient
from tests.web.conftest import Browser

AGENTS = [
    ("DAVx5/4.3.12-ose (2024/01/01; dav4jvm; okhttp/4.12) Android/14", "DAVx⁵ 4.3.12"),
    ("iOS/17.4 (21E219) accountsd/1.0", "iPhone, iPad (iOS 17.4)"),
    ("macOS/14.4 (23E214) dataaccessd/1.0", "Mac (macOS 14.4)"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.9.0", "Thunderbird 115"),
    ("CalDavSynchronizer/4.4", "Outlook CalDav Synchronizer 4.4"),
    ("Evolution/3.50.2", "Evolution, GNOME 3.50.2"),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36", "Chrome, Chromium 120"),
    ("", ""),
    ("something\x07strange/1.0 (more)", "somethingstrange/1.0"),
]


@pytest.mark.parametrize(("agent", "name"), AGENTS)
def test_clients_are_called_as_people_call_them(agent: str, name: str) -> None:
    assert client_name(agent) == name


def test_a_device_is_seen_by_its_owner_and_by_an_administrator(visit: Any, ann: Client) -> None:
    ann.propfind("/dav/", user_agent="DAVx5/4.3")
    ann.propfind("/dav/", user_agent="DAVx5/4.3")
    for page in (
        visit("ann").get("/account/sessions"),
        visit("ada").get("/admin/devices"),
        visit("ada").get("/admin/users/ann/sessions"),
    ):
        assert page.text("main").count("DAVx⁵ 4.3") == 1
        assert "192.0.2.7" in page.text("main")
    assert "DAVx⁵" not in visit("eve").get("/account/sessions").text("main")


def test_a_poll_that_was_noted_writes_nothing(ann: Client, store: Store) -> None:
    ann.propfind("/dav/", user_agent="DAVx5/4.3")
    begun: list[str] = []

    def note(_c: Any, _k: Any, statement: str, *_rest: Any) -> None:
        begun.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        ann.propfind("/dav/", user_agent="DAVx5/4.3")
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
    assert [one for one in begun if not one.startswith("SELECT")] == []


def test_the_audit_log_tells_who_what_and_from_where(visit: Any) -> None:
    ada = visit("ada")
    ada.get("/admin/users/bob/account").submit(display_name="Robert")
    page = ada.get("/admin/audit?q=bob")
    assert page.texts("tbody td")[1:] == ["ada", "user.change", "bob", "192.0.2.7"]
    assert "Nothing fits" in ada.get("/admin/audit?q=nonsense").text("main")


def test_long_work_is_watched_by_its_owner(visit: Any, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        key = tasks.add(tx, people["ann"], "import", total=10, message="3 of 10")
        tasks.progress(tx, key, 3)
    ann = visit("ann")
    page = ann.get(f"/account/progress/{key}?back=/account/profile")
    assert page.find("progress")[0].get("value") == "30"
    assert page.find("noscript")
    assert ann.get(f"/account/progress/{key}.json").answer.json["percent"] == 30
    assert visit("eve").get(f"/account/progress/{key}").status == 404
    assert visit("ada").get(f"/admin/users/ann/progress/{key}").status == 200
    with store.write() as tx:
        tasks.finish(tx, key, message="10 events")
    assert (
        ann.get(f"/account/progress/{key}?back=/account/profile").link("Continue").path == "/account/profile"
    )


def test_progress_goes_on_by_itself_in_a_browser(
    browser: Browser, store: Store, people: dict[str, int], client: MakeClient
) -> None:
    with store.write() as tx:
        key = tasks.add(tx, people["ann"], "import", total=10, message="begun")
    browser.sign_in("ann")
    browser.open(f"/account/progress/{key}")
    assert browser.problems() == []
    browser.shoot("progress")
    with store.write() as tx:
        tasks.finish(tx, key, message="10 events")
    browser.page.get_by_role("link", name="Continue").wait_for()
    assert browser.page.get_by_role("heading", level=1).inner_text() == "Done"
    client("ann").propfind("/dav/", user_agent="DAVx5/4.3")
    browser.open("/account/sessions")
    assert browser.problems() == []
    browser.shoot("sessions")
    browser.follow(browser.page.get_by_role("button", name="Sign out").first)
    browser.sign_in("ada")
    for path, name in (
        ("/admin/audit", "audit"),
        ("/admin/devices", "devices"),
        ("/admin/", "dashboard-used"),
    ):
        browser.open(path)
        assert browser.problems() == [], path
        browser.shoot(name)
