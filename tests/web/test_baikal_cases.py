"""What Baïkal's own browser tests check, here: install, upgrade, users, calendars, books, settings, XSS.

Each test has the name of its counterpart there; where the way differs, it says why.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from davserver.app import Server, create_app
from davserver.config import Settings, StorageSettings
from davserver.jobs import setup
from davserver.storage import Store, migrations, open_store
from tests.web.visitor import Page, Visitor

XSS = '<script>alert("xss")</script>'
USER = {
    "name": "testuser",
    "display_name": "Test User",
    "email": "testuser@example.com",
    "password": "lantern brook 7",
    "again": "lantern brook 7",
}


def add(ada: Visitor, **fields: str) -> Page:
    """Send the form of a new user."""
    return ada.get("/admin/").link("Users and resources").link("Add a user").submit(**{**USER, **fields})


def install(app: Any, code: str) -> Page:
    """Go through the set-up; the page at its end."""
    answers = {"name": "boss", "password": "lantern brook 7", "again": "lantern brook 7", "code": code}
    return Visitor(app).get("/admin/setup").submit(**answers).follow()


# -- install.py, upgrade.py: on PostgreSQL and MariaDB the same schema is made (tests/test_schema.py)


def test_install_sqlite(tmp_path: Path) -> None:
    settings = Settings(storage=StorageSettings(data_dir=tmp_path))
    app: Any = create_app(settings)
    code = setup.setup_code(app.application.store, settings)
    assert install(app, str(code)).text("h1") == "Your server is ready"
    app.application.store.close()


def test_upgrade_sqlite(tmp_path: Path) -> None:
    """There is no wizard to start: an older file is copied and brought up to date at the start."""
    settings = StorageSettings(data_dir=tmp_path)
    with closing(sqlite3.connect(tmp_path / "davserver.db")) as file:
        store = open_store(settings)
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        with store.write() as tx:
            config.attributes["connection"] = tx
            command.upgrade(config, "0001")
        app: Any = create_app(Settings(storage=settings))
        assert list(tmp_path.glob("davserver-0001-*.backup.db"))
        assert file.execute("SELECT version_num FROM alembic_version").fetchone() == (migrations.HEAD,)
        app.application.store.close()
        store.close()


# -- users.py


def test_user_create(visit: Any) -> None:
    assert "testuser was added." in add(visit("ada")).follow().flashes


def test_user_create_missing_required_fields(visit: Any) -> None:
    page = add(visit("ada"), name="", display_name="", email="", password="", again="")
    assert page.status == 422
    assert page.text("#name-error") == "This field is required."


def test_user_create_invalid_email(visit: Any) -> None:
    page = add(visit("ada"), email="notanemail")
    assert "notanemail is not a mail address." in page.text(".alert")


def test_user_create_password_mismatch(visit: Any) -> None:
    assert add(visit("ada"), again="differentpassword").text("#again-error") == "The two passwords differ."


def test_user_create_duplicate_username(visit: Any) -> None:
    ada = visit("ada")
    add(ada)
    page = add(ada, display_name="Another User")
    assert page.status == 409
    assert "There is already an account testuser." in page.text(".alert")


def test_user_edit(visit: Any) -> None:
    ada = visit("ada")
    page = add(ada).follow().link("Account").submit(display_name="Test User Updated").follow()
    assert page.find("#display_name")[0].get("value") == "Test User Updated"


def test_user_delete(visit: Any) -> None:
    ada = visit("ada")
    page = add(ada).follow().link("Account").link("Remove …").submit("Remove for ever", name="testuser")
    assert "testuser" not in page.follow().texts("tbody th")


# -- settings.py


def test_system_settings(visit: Any) -> None:
    ada = visit("ada")
    page = ada.get("/admin/").link("Settings").link("New users and the directory")
    page = page.submit(timezone="America/New_York").follow()
    assert "Saved. It holds from now on." in page.flashes
    assert page.find("#timezone option")[0].getparent().value == "America/New_York"


def test_users_create_edit_delete(visit: Any) -> None:
    ada = visit("ada")
    page = add(ada).follow().link("Account").submit(display_name="Test User Updated").follow()
    assert "Test User Updated" in ada.get("/admin/users/").text("tbody")
    page.link("Remove …").submit("Remove for ever", name="testuser")
    assert "testuser" not in ada.get("/admin/users/").text("tbody")


@pytest.mark.parametrize(("menu", "kind"), [("Calendars", "calendars"), ("Address books", "addressbooks")])
def test_user_calendars_and_addressbooks(visit: Any, menu: str, kind: str) -> None:
    """create, edit and delete of calendars.py and addressbooks.py, in one life.

    There is no address to type, so none can be invalid: it is made from the name.
    """
    ada = visit("ada")
    page = add(ada).follow().link(menu)
    assert page.text("h1") == menu
    page = ada.get(f"/admin/users/testuser/{kind}/new").submit(
        display_name="Test Thing", description="A test"
    )
    assert "Test Thing" in page.follow().text("main")
    (edit,) = {
        one.get("href")
        for one in ada.get(f"/admin/users/testuser/{kind}/").doc.iter("a")
        if (one.get("href") or "").endswith("/edit") and "/default/" not in one.get("href")
    }
    ada.get(edit).submit(display_name="Test Thing Updated", description="Updated")
    assert "Test Thing Updated" in ada.get(f"/admin/users/testuser/{kind}/").text("main")
    question = ada.get(edit.removesuffix("edit") + "delete")
    form = question.doc.forms[-2] if len(question.doc.forms) > 2 else question.doc.forms[0]
    fields = {"typed": "Test Thing Updated"} if "typed" in form.fields else {}
    assert question.submit(**fields).status == 303
    assert "Test Thing Updated" not in ada.get(f"/admin/users/testuser/{kind}/").texts("tbody th")


@pytest.mark.parametrize("kind", ["calendars", "addressbooks"])
def test_create_missing_displayname(visit: Any, kind: str) -> None:
    page = visit("ada").get(f"/admin/users/ann/{kind}/new").submit(display_name="")
    assert page.status in (400, 422)
    assert page.text("#display_name-error") or page.text(".alert")


# -- security_xss.py


@pytest.mark.parametrize("kind", ["calendars", "addressbooks"])
def test_displayname_xss_is_escaped_on_create_and_edit(visit: Any, kind: str) -> None:
    ada = visit("ada")
    page = ada.get(f"/admin/users/ann/{kind}/new").submit(display_name=XSS).follow()
    assert XSS.encode() not in page.body
    for path in (f"/admin/users/ann/{kind}/", "/admin/users/ann/", "/admin/users/ann/remove"):
        assert XSS.encode() not in ada.get(path).body
    page = ada.get(f"/admin/users/ann/{kind}/default/edit").submit(display_name=XSS).follow()
    assert XSS.encode() not in page.body
    assert "alert" in page.text("main")


def test_user_username_xss_is_escaped_on_create(visit: Any) -> None:
    ada = visit("ada")
    page = add(ada, name=XSS)
    assert page.status == 400
    assert XSS.encode() not in page.body
    assert XSS.encode() not in ada.get("/admin/users/").body


def test_user_displayname_xss_is_escaped(visit: Any) -> None:
    ada = visit("ada")
    page = add(ada, display_name=XSS).follow()
    assert page.text("h1") == XSS
    for shown in (page, ada.get("/admin/users/"), ada.get("/admin/users/testuser/account")):
        assert XSS.encode() not in shown.body


def test_settings_sqlite_path_xss_is_escaped(store: Store, people: dict[str, int], tmp_path: Path) -> None:
    """The path is not typed on a page, neither at the set-up nor later; where it is shown, it is text."""
    folder = tmp_path / 'nonexistent_<script>alert("xss")<'
    folder.mkdir()
    ada = Visitor(Server(Settings(storage=StorageSettings(data_dir=folder)), store))
    ada.sign_in("ada")
    for path in ("/admin/settings/storage", "/admin/check"):
        page = ada.get(path)
        assert b"<script>alert" not in page.body
        assert "nonexistent_<script>" in page.text("main")
