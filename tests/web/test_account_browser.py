"""Journeys through one's own account in a real browser, with the real vdirsyncer beside it."""

from __future__ import annotations

import json
import plistlib
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from davserver.jobs import app_passwords, users
from davserver.jobs.app_passwords import Wanted
from davserver.jobs.office import Office
from davserver.storage import Store
from davserver.storage.schema import app_grant
from tests.content.objects import event
from tests.davclient import Client
from tests.web.conftest import Browser

VDIRSYNCER = Path(sys.executable).with_name("vdirsyncer")
NEW = "four words that differ"
PAGES = ("", "app-passwords", "app-passwords/add", "sessions", "connect/android")


@pytest.fixture
def ann(browser: Browser) -> Browser:
    """ann at her browser, signed in."""
    browser.sign_in("ann")
    return browser


def clean(browser: Browser, name: str) -> None:
    """What axe finds is mended; the page is photographed where that is wished."""
    assert browser.problems() == [], name
    assert browser.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    browser.shoot(name)


def post(url: str, body: bytes = b"") -> tuple[int, Any]:
    """What an app does."""
    asked = urllib.request.Request(url, body, {"User-Agent": "DAVx5/4.5"}, method="POST")
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_first_login_leads_from_the_link_to_a_connected_device(
    browser: Browser, make_browser: Any, server: Any
) -> None:
    browser.sign_in("ada")
    browser.open("/admin/add-user")
    browser.page.get_by_label("User name").fill("carl")
    browser.follow(browser.page.get_by_role("main").get_by_role("button", name="Add").first)
    link = browser.page.locator("div.copy input").first.input_value()

    carl = make_browser()
    carl.page.goto(link)
    clean(carl, "first-login")
    carl.page.get_by_label("New password", exact=True).fill(NEW)
    carl.page.get_by_label("New password again").fill(NEW)
    carl.follow(carl.page.get_by_role("button", name="Set the password"))
    carl.sign_in("carl", NEW)
    carl.follow(carl.page.get_by_role("link", name="Connect a device").first)
    carl.follow(carl.page.get_by_role("link", name="Thunderbird"))
    carl.follow(carl.page.get_by_role("button", name="Make an app password"))
    clean(carl, "connect-thunderbird")
    password = carl.page.get_by_role("textbox", name="App password").input_value()
    device = Client(server, "carl", password=password)
    assert device.propfind(device.calendar, "{DAV:}displayname").status == 207


def test_the_password_is_changed_with_its_strength_shown(ann: Browser, make_browser: Any) -> None:
    page = ann.page
    ann.follow(page.get_by_role("link", name="Password", exact=True))
    page.get_by_label("Your password now").fill("correct horse")
    page.get_by_label("New password", exact=True).fill("password1")
    status = page.locator("[data-strength-shown] [role=status]")
    status.get_by_text("Very weak").wait_for()
    page.get_by_label("New password", exact=True).fill(NEW + " a lot")
    status.get_by_text("Strong").wait_for()
    page.get_by_label("New password again").fill(NEW + " a lot")
    clean(ann, "password")
    ann.follow(page.get_by_role("button", name="Change the password"))
    page.get_by_text("Your password is changed").wait_for()
    other = make_browser()
    other.sign_in("ann", NEW + " a lot")
    assert other.page.get_by_role("heading", level=1).inner_text() == "Ann"


def test_an_app_password_for_vdirsyncer_is_made_used_and_revoked_in_the_middle(
    ann: Browser, server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ann.page
    ann.follow(page.get_by_role("link", name="Connect a device").first)
    clean(ann, "connect")
    ann.follow(page.get_by_role("link", name="vdirsyncer", exact=True))
    ann.follow(page.get_by_role("button", name="Make an app password"))
    clean(ann, "connect-vdirsyncer")
    config = page.get_by_role("textbox").first.input_value()
    owner = Client(server, "ann")
    box = Box(tmp_path, config)
    box.run("discover")
    assert owner.put(owner.calendar + "there.ics", event(uid="there")).status == 201
    box.run("sync")
    assert box.names == {"there"}

    # many new events here; the device is cut off when the first of them has arrived there
    for number in range(20):
        box.write(str(number))
    revoke_after_the_next_put(server, monkeypatch)
    assert "401" in box.run("sync", status=1)
    arrived = len(owner.propfind(owner.calendar, "{DAV:}getetag", depth="1").members) - 2
    assert 1 <= arrived < 20
    assert len(box.names) == 21, "nothing is lost"
    page.goto(ann.address + "/account/app-passwords")
    assert page.get_by_text("No app password yet.").is_visible()

    # connected again, it goes on where it was
    page.goto(ann.address + "/account/connect/vdirsyncer")
    ann.follow(page.get_by_role("button", name="Make an app password"))
    box.configure(page.get_by_role("textbox").first.input_value())
    box.run("discover")
    box.run("sync")
    assert len(owner.propfind(owner.calendar, "{DAV:}getetag", depth="1").members) == 22


class Box:
    """A home of its own for the real vdirsyncer, with the configuration as the page gives it."""

    def __init__(self, home: Path, config: str) -> None:
        self.home = home
        self.folder = home / ".local/share/vdirsyncer/calendars/default"
        self.configure(config)

    def configure(self, config: str) -> None:
        """Save the text where the page says."""
        place = self.home / ".config/vdirsyncer/config"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(config)

    def write(self, uid: str) -> None:
        """A new event on this side."""
        (self.folder / f"{uid}.ics").write_bytes(event(uid=uid))

    def run(self, action: str, status: int = 0) -> str:
        """Run it; every question is answered with yes."""
        environ = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        command = [str(VDIRSYNCER), action]
        done = subprocess.run(
            command, input="y\n" * 9, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        return said

    @property
    def names(self) -> set[str]:
        """The events in the folder."""
        return {file.stem for file in self.folder.glob("*.ics")}


def revoke_after_the_next_put(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if ann clicked "Revoke" while the device is sending."""
    office = Office(server.store, server.settings, "ann")
    answer = type(server).__call__

    def watching(self: Any, environ: Any, start_response: Any) -> Any:
        body = answer(self, environ, start_response)
        if environ["REQUEST_METHOD"] == "PUT":
            app_passwords.revoke_all(office, "ann")
            monkeypatch.setattr(type(server), "__call__", answer)
        return body

    monkeypatch.setattr(type(server), "__call__", watching)


def test_app_passwords_are_made_with_a_scope_and_revoked_at_the_pages(ann: Browser, store: Store) -> None:
    page = ann.page
    page.goto(ann.address + "/account/app-passwords")
    clean(ann, "app-passwords-empty")
    ann.follow(page.get_by_role("link", name="New app password"))
    page.get_by_label("Device").fill("Kitchen tablet")
    page.get_by_label("Contacts", exact=True).first.select_option("Nothing")
    page.get_by_role("checkbox", name="Calendar").check()
    page.get_by_label("Expires").select_option("After 30 days")
    clean(ann, "app-passwords-add")
    ann.follow(page.get_by_role("button", name="Make it"))
    password = page.get_by_role("textbox", name="App password", exact=True).input_value()
    clean(ann, "app-passwords-made")
    copy = page.get_by_role("button", name="Copy: App password")
    copy.click()
    copy.get_by_text("Copied").wait_for()
    ann.follow(page.get_by_role("link", name="I have copied it"))
    assert password not in page.content()
    clean(ann, "app-passwords")
    ann.follow(page.get_by_role("link", name="Revoke Kitchen tablet"))
    clean(ann, "app-passwords-revoke")
    ann.follow(page.get_by_role("button", name="Revoke"))
    assert page.get_by_role("status").inner_text() == "Kitchen tablet is cut off."
    with store.read() as tx:
        assert app_passwords.listing(tx, users.find_user(tx, "ann")) == []


def test_login_flows_are_granted_refused_and_expire(ann: Browser, live: str, store: Store) -> None:
    page = ann.page
    begun = [post(live + "/index.php/login/v2")[1] for _ in range(3)]

    def poll(number: int) -> tuple[int, Any]:
        token = begun[number]["poll"]["token"]
        return post(begun[number]["poll"]["endpoint"], f"token={token}".encode())

    assert poll(0)[0] == 404
    page.goto(begun[0]["login"])
    clean(ann, "grant")
    page.get_by_label("Name of the device").fill("Tablet")
    ann.follow(page.get_by_role("button", name="Grant access"))
    assert page.get_by_role("heading", level=1).inner_text() == "Access granted"
    clean(ann, "grant-done")
    status, got = poll(0)
    assert (status, got["server"], got["loginName"]) == (200, live, "ann")
    assert poll(0)[0] == 404

    page.goto(begun[1]["login"])
    ann.follow(page.get_by_role("button", name="Refuse"))
    assert page.get_by_role("heading", level=1).inner_text() == "Access refused"
    assert poll(1)[0] == 403

    with store.write() as tx:
        tx.execute(app_grant.update().values(expires=1))
    page.goto(begun[2]["login"])
    assert "has expired" in page.get_by_role("main").inner_text()
    clean(ann, "grant-expired")
    assert poll(2)[0] == 404


def test_a_profile_is_downloaded_here_or_fetched_by_a_phone(
    ann: Browser, make_browser: Any, tmp_path: Path
) -> None:
    page = ann.page
    page.goto(ann.address + "/account/connect/apple")
    clean(ann, "connect-apple")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download for this device").click()
    waiting.value.save_as(tmp_path / "here.mobileconfig")
    ann.follow(page.get_by_role("button", name="QR code"))
    clean(ann, "connect-link")
    address = page.get_by_role("textbox", name="Address of the profile").input_value()
    phone = make_browser(viewport={"width": 390, "height": 844}, accept_downloads=True)
    phone.page.goto(address)
    clean(phone, "connect-profile")
    with phone.page.expect_download() as waiting:
        phone.page.get_by_role("button", name="Get the profile").click()
    waiting.value.save_as(tmp_path / "phone.mobileconfig")
    names = set()
    for name in ("here", "phone"):
        profile = plistlib.loads((tmp_path / f"{name}.mobileconfig").read_bytes())
        kinds = [one["PayloadType"] for one in profile["PayloadContent"]]
        assert kinds == ["com.apple.caldav.account", "com.apple.carddav.account"]
        assert profile["PayloadContent"][0]["CalDAVPort"] == urlsplit(ann.address).port
        names.add(profile["PayloadContent"][0]["CalDAVPassword"])
    assert len(names) == 2
    phone.page.goto(address)
    assert "used already" in phone.page.get_by_role("main").inner_text()


def test_all_pages_are_clean_in_the_dark_too(make_browser: Any, server: Any) -> None:
    office = Office(server.store, server.settings, "ann")
    app_passwords.create(office, "ann", Wanted("A phone with a name that is rather long for a table"))
    browser = make_browser(color_scheme="dark")
    browser.sign_in("ann")
    for path in PAGES:
        browser.open("/account/" + path)
        clean(browser, f"account-{path.replace('/', '-') or 'home'}-dark")
