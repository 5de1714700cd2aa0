"""Settings on the pages: all are shown, what may change holds at once, everywhere; nobody is locked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from davserver.admin.setting_words import LABELS, SECTIONS

from davserver import config
from davserver.app import Server
from davserver.config import Settings
from davserver.jobs.settings import in_force
from davserver.storage import Store, audit
from davserver.storage import settings as settings_table
from tests.davclient import Client
from tests.mailbox import Mailbox, running
from tests.web.conftest import Browser
from tests.web.visitor import Visitor


def test_every_setting_has_words_of_its_own() -> None:
    assert set(SECTIONS) == set(config.SECTIONS)
    assert set(LABELS) == {f"{section}.{key}" for section in config.SECTIONS for key in config.keys(section)}


@pytest.mark.parametrize("section", list(config.SECTIONS))
def test_every_setting_is_shown_with_its_help(visit: Any, section: str) -> None:
    text = visit("ada").get(f"/admin/settings/{section}").text("main")
    for item in config.keys(section).values():
        told = item.metadata["help"].replace("`", "")
        assert any(" ".join(one.split()) in text for one in (told, told.replace("false:", "Off:"))), item.name


def test_what_the_first_calendar_holds_is_chosen_by_words(visit: Any) -> None:
    labels = visit("ada").get("/admin/settings/accounts").texts("label")
    assert {"Events", "Tasks", "Journal entries", "Published busy times"} < set(labels)


def test_a_change_holds_at_once_in_this_process_and_in_others(
    visit: Any, server: Server, store: Store, client: Any
) -> None:
    other = Server(server.base, store)
    other._look_at = 0.0
    ada = visit("ada")
    page = ada.get("/admin/settings/auth").submit(realm="The Hoppers").follow()
    assert "Saved. It holds from now on." in page.flashes
    for app in (server, other):
        challenge = Client(app, None).propfind("/dav/").header("WWW-Authenticate")
        assert challenge == 'Basic realm="The Hoppers", charset="UTF-8"'
    with store.read() as tx:
        newest = audit.newest(tx, 1)[0]
    assert (newest.actor, newest.action, newest.target) == ("ada", "settings.change", "auth.realm")


def test_the_default_is_not_stored(visit: Any, store: Store) -> None:
    ada = visit("ada")
    ada.get("/admin/settings/auth").submit(realm="Other")
    ada.get("/admin/settings/auth").submit(realm="davserver")
    with store.read() as tx:
        assert settings_table.all_below(tx, "config.") == {}


@pytest.mark.parametrize(
    ("section", "field", "value", "said"),
    [
        ("auth", "realm", 'a"b', "Must be 1 to 100 characters without quotes and backslashes"),
        ("limits", "xml_depth", "3", "Must be between 8 and 250"),
        ("limits", "xml_depth", "many", "Not a valid integer value."),
        ("server", "trusted_proxies", "10.0.0.0/8\nnonsense", "Must be a list of addresses or networks"),
        ("server", "base_url", "dav.example.org", "Must be like"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_stored(
    visit: Any, store: Store, section: str, field: str, value: str, said: str
) -> None:
    page = visit("ada").get(f"/admin/settings/{section}").submit(**{field: value})
    assert page.status == 422
    assert said in page.text(f"#{field}-error")
    with store.read() as tx:
        assert settings_table.all_below(tx, "config.") == {}


def test_what_would_lock_everybody_out_is_refused(visit: Any) -> None:
    page = visit("ada").get("/admin/settings/auth").submit(basic=None)
    assert page.status == 400
    assert "nobody could sign in" in page.text(".alert")


def test_file_and_environment_win_and_are_shown_as_fixed(store: Store, people: Any, tmp_path: Any) -> None:
    fixed = {"auth.realm": "environment"}
    base = Settings()
    base = replace(base, auth=replace(base.auth, realm="Fixed"), fixed=fixed)
    base = replace(base, storage=replace(base.storage, data_dir=tmp_path))
    ada = Visitor(Server(base, store))
    ada.sign_in("ada")
    page = ada.get("/admin/settings/auth")
    assert page.find("#realm") == []
    assert ['"Fixed"', "environment"] in [
        [one.text_content().strip() for one in row.iter("td")] for row in page.find("tbody tr")
    ]
    with store.write() as tx:
        settings_table.put(tx, "config.auth.realm", '"Stored"')
    assert in_force(store, base).auth.realm == "Fixed"


@pytest.mark.parametrize("stored", ["nonsense", '"a\\"b"', "7", "null"])
def test_what_is_stored_and_does_not_fit_never_keeps_the_server_from_starting(
    store: Store, stored: str
) -> None:
    with store.write() as tx:
        settings_table.put(tx, "config.auth.realm", stored)
        settings_table.put(tx, "config.gone.key", "1")
        settings_table.put(tx, "config.web.title", '"Mine"')
    settings = in_force(store, Settings())
    assert (settings.auth.realm, settings.web.title) == ("davserver", "Mine")


def test_calendars_can_be_turned_off(visit: Any, ann: Client) -> None:
    assert ann.propfind(ann.calendar).status == 207
    visit("ada").get("/admin/settings/caldav").submit(enabled=None)
    assert ann.propfind(ann.calendar).status in (403, 404)
    assert ann.propfind(ann.book).status == 207


def test_the_name_of_the_server_is_at_the_head_of_the_pages(visit: Any) -> None:
    ada = visit("ada")
    ada.get("/admin/settings/web").submit(title="<b>Our</b> house")
    assert visit().get("/account/sign-in").text("header") == "<b>Our</b> house"


# -- mail


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A running mail server."""
    with running() as server:
        yield server


def set_up_mail(ada: Visitor, mailbox: Mailbox) -> None:
    port = mailbox.port
    page = ada.get("/admin/settings/mail").submit(
        host="127.0.0.1",
        port=str(port),
        security="none",
        sender="dav@example.org",
        user="dav",
        password="s3cret words",
    )
    assert page.status == 303


def test_a_test_mail_is_sent_and_the_password_is_kept_sealed(
    visit: Any, mailbox: Mailbox, store: Store
) -> None:
    ada = visit("ada")
    set_up_mail(ada, mailbox)
    page = ada.get("/admin/settings/mail")
    assert "s3cret words" not in page.body.decode()
    page = page.submit("Send a test mail").follow()
    assert "A mail to ada@example.org is on its way." in page.flashes
    (message,) = mailbox.messages
    assert (message["To"], message["From"]) == ("ada@example.org", "dav@example.org")
    assert mailbox.auth
    with store.read() as tx:
        assert "s3cret words" not in (settings_table.get(tx, "config.mail.password") or "s3cret words")
    assert page.submit(user="other").status == 303, "an empty password field leaves it as it is"
    with store.read() as tx:
        assert settings_table.get(tx, "config.mail.password")


def test_a_link_to_a_new_password_goes_by_mail_where_mail_is_set_up(visit: Any, mailbox: Mailbox) -> None:
    ada = visit("ada")
    set_up_mail(ada, mailbox)
    page = ada.get("/admin/users/ann/account").submit("Link to a new password")
    assert "The link was sent to ann@example.org." in page.text("main")
    assert page.find("div.copy") == []
    (message,) = mailbox.messages
    text = str(message.get_payload(decode=True), "utf-8")  # type: ignore[arg-type]
    link = next(line for line in text.splitlines() if "/new-password/" in line)
    chosen = (
        visit()
        .get(link.removeprefix("http://dav.example.org"))
        .submit(password="new words", again="new words")
    )
    assert chosen.status == 303


def test_a_password_that_smtp_cannot_carry_is_said(visit: Any, mailbox: Mailbox) -> None:
    ada = visit("ada")
    set_up_mail(ada, mailbox)
    ada.get("/admin/settings/mail").submit(password="pässword")
    failed = ada.get("/admin/settings/mail").submit("Send a test mail").follow()
    assert "The mail was not sent" in failed.text(".alert")


def test_mail_that_fails_is_said_and_the_link_is_shown_instead(visit: Any, mailbox: Mailbox) -> None:
    ada = visit("ada")
    set_up_mail(ada, mailbox)
    mailbox.shutdown()
    mailbox.server_close()
    page = ada.get("/admin/users/ann/account").submit("Link to a new password")
    assert "The mail was not sent" in page.text(".alert")
    assert page.find("div.copy input")
    failed = ada.get("/admin/settings/mail").submit("Send a test mail").follow()
    assert "The mail was not sent" in failed.text(".alert")


def test_settings_in_a_browser(browser: Browser) -> None:
    browser.sign_in("ada")
    browser.open("/admin/settings/")
    assert browser.problems() == []
    browser.shoot("settings")
    for section in ("accounts", "auth", "mail", "storage", "server"):
        browser.open(f"/admin/settings/{section}")
        assert browser.problems() == [], section
        browser.shoot(f"settings-{section}")
    browser.open("/admin/settings/accounts")
    browser.page.get_by_label("First calendar").fill("Termine")
    browser.follow(browser.page.get_by_role("button", name="Save"))
    assert browser.page.get_by_role("status").inner_text() == "Saved. It holds from now on."
    browser.open("/admin/add-user")
    assert "Termine" in browser.page.get_by_role("main").inner_text()
