"""The frame of all pages in a real browser: keyboard, screen readers, light and dark, without script."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Browser

PAGES = ["/account/", "/account/profile", "/admin/", "/admin/users/ann/profile", "/account/nothing"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_in_the_way_of_people_who_use_keyboard_or_screen_reader(
    make_browser: Any, scheme: str
) -> None:
    browser = make_browser(color_scheme=scheme)
    browser.open("/account/sign-in")
    assert browser.problems() == []
    browser.shoot(f"sign-in-{scheme}")
    browser.sign_in("ada")
    for path in PAGES if scheme == "light" else PAGES[2:4]:
        browser.open(path)
        assert browser.problems() == [], path
        browser.shoot(f"frame{path.replace('/', '-')}-{scheme}")


def test_no_other_host_is_asked_and_nothing_is_refused_by_our_own_policy(browser: Browser, live: str) -> None:
    asked, said = [], []
    browser.page.on("request", lambda request: asked.append(request.url))
    browser.page.on("console", lambda message: said.append(message.text))
    browser.sign_in("ada")
    browser.open("/admin/")
    assert asked
    assert [url for url in asked if not url.startswith(live + "/")] == []
    assert said == []


def test_the_browser_s_wish_for_dark_is_followed_until_the_person_chooses(make_browser: Any) -> None:
    browser = make_browser(color_scheme="dark")
    browser.open("/account/sign-in")
    root = browser.page.locator("html")
    assert root.get_attribute("data-bs-theme") == "dark"
    browser.follow(browser.page.get_by_role("button", name="Light"))
    assert root.get_attribute("data-bs-theme") == "light"


def test_all_works_without_script(make_browser: Any) -> None:
    browser = make_browser(java_script_enabled=False, viewport={"width": 390, "height": 844})
    browser.sign_in("ann")
    browser.follow(browser.page.get_by_role("link", name="Profile"))
    browser.page.get_by_label("Name", exact=True).fill("Ann without script")
    browser.follow(browser.page.get_by_role("button", name="Save"))
    assert browser.page.get_by_role("status").inner_text() == "Saved."
    browser.follow(browser.page.get_by_role("button", name="Dark"))
    assert browser.page.locator("html").get_attribute("data-bs-theme") == "dark"


def test_on_a_phone_nothing_is_wider_than_the_screen(make_browser: Any) -> None:
    browser = make_browser(viewport={"width": 390, "height": 844})
    browser.sign_in("ada")
    for path in PAGES:
        browser.open(path)
        assert browser.page.evaluate("document.documentElement.scrollWidth") <= 390, path
    browser.page.get_by_role("button", name="Menu").click()
    assert browser.page.get_by_role("link", name="Overview").is_visible()
