"""The first visit: who installed the server makes the first account, and nobody else ever does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from davserver.app import Server
from davserver.config import Settings, StorageSettings
from davserver.jobs import setup
from davserver.jobs.settings import in_force
from davserver.storage import Store, principals
from tests.web.conftest import Browser

ANSWERS = {
    "name": "grace",
    "display_name": "Grace",
    "email": "grace@example.org",
    "password": "correct horse",
    "again": "correct horse",
    "title": "The Hoppers",
    "timezone": "Europe/Paris",
}


@pytest.fixture
def people() -> dict[str, int]:
    """Nobody yet."""
    return {}


@pytest.fixture
def code(store: Store, tmp_path: Path) -> str:
    """The set-up code."""
    found = setup.setup_code(store, Settings(storage=StorageSettings(data_dir=tmp_path)))
    assert found
    return found


def test_a_fresh_server_leads_to_the_set_up(visit: Any) -> None:
    assert visit().get("/").location == "/admin/setup"
    assert visit().get("/account/").follow().location == "/admin/setup"


def test_who_has_the_code_becomes_the_administrator_and_sees_the_addresses(
    visit: Any, store: Store, server: Server, code: str
) -> None:
    stranger = visit()
    page = stranger.get("/admin/setup").submit(code=code, **ANSWERS).follow()
    assert page.text("h1") == "Your server is ready"
    values = [one.get("value") for one in page.find("div.copy input")]
    assert values == [*["http://dav.example.org/"] * 3, "http://dav.example.org/dav/"]
    with store.read() as tx:
        grace = principals.get(tx, "grace")
    assert grace is not None
    assert (grace.admin, grace.timezone, grace.email) == (True, "Europe/Paris", "grace@example.org")
    settings = in_force(store, server.base)
    assert (settings.web.title, settings.accounts.timezone) == ("The Hoppers", "Europe/Paris")
    assert stranger.get("/admin/").status == 200


def test_afterwards_there_is_no_set_up(visit: Any, code: str) -> None:
    visit().get("/admin/setup").submit(code=code, **ANSWERS)
    assert visit().get("/admin/setup").status == 404
    assert visit().post("/admin/setup", code=code).status in (400, 404)
    assert visit().get("/").location == "/account/"


def test_without_the_code_nothing_is_made_and_guessing_is_throttled(
    visit: Any, store: Store, code: str
) -> None:
    stranger = visit()
    page = stranger.get("/admin/setup")
    answers = [page.submit(code="aaaa-bbbb-cccc-dddd", **ANSWERS) for _ in range(11)]
    assert [one.status for one in answers] == [403] * 10 + [429]
    assert "This is not the set-up code." in answers[0].text("main")
    assert page.submit(code=code, **ANSWERS).status == 429
    with store.read() as tx:
        assert principals.count(tx) == 0


def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(visit: Any, code: str) -> None:
    page = visit().get("/admin/setup").submit(code=code, **{**ANSWERS, "again": "other", "email": "nonsense"})
    assert page.status == 422
    assert "The two passwords differ." in page.text("#again-error")
    assert page.find("#display_name")[0].get("value") == "Grace"
    page = page.submit(password="short", again="short")
    assert page.status == 400


def test_the_wizard_in_a_browser(browser: Browser, code: str) -> None:
    browser.open("/")
    assert browser.problems() == []
    browser.shoot("setup")
    for label, value in (
        ("Set-up code", code),
        ("Your user name", "grace"),
        ("Password", "correct horse"),
        ("Password again", "correct horse"),
    ):
        browser.page.get_by_label(label, exact=True).fill(value)
    browser.follow(browser.page.get_by_role("button", name="Set up"))
    assert browser.page.get_by_role("heading", level=1).inner_text() == "Your server is ready"
    assert browser.problems() == []
    browser.shoot("setup-done")
    browser.follow(browser.page.get_by_role("main").get_by_role("link", name="Check my set-up"))
    browser.follow(browser.page.get_by_role("button", name="Check now"))
    assert "It gets through." in browser.page.get_by_role("main").inner_text()
    assert browser.problems() == []
    browser.shoot("check")
