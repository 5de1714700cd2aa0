"""Accounts and the first set-up, as every mouth uses them."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from davserver.config import AccountSettings, Settings
from davserver.errors import HttpError
from davserver.jobs import setup, users
from davserver.jobs.office import Office
from davserver.jobs.users import NewUser
from davserver.model import CollectionKind
from davserver.storage import collections, open_store, principals
from tests.databases import make_file

PASSWORD = "correct horse"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    settings = Settings(storage=replace(Settings().storage, data_dir=tmp_path))
    make_file(tmp_path / "davserver.db")
    store = open_store(settings.storage)
    yield Office(store, settings, actor="bob")
    store.close()


def names(office: Office, kind: CollectionKind, owner: str = "ann") -> list[tuple[str, str | None, str]]:
    with office.store.read() as tx:
        mine = collections.of_owner(tx, users.find_user(tx, owner).id, kind)
    return [(item.name, item.display_name, item.components) for item in mine]


def test_what_a_new_user_gets_is_a_setting(office: Office) -> None:
    accounts = AccountSettings(
        calendar_name="Kalender",
        addressbook_name="",
        calendar_components=("VEVENT",),
        timezone="Europe/Berlin",
        quota=1000,
    )
    here = replace(office, settings=replace(office.settings, accounts=accounts))
    principal = users.create_user(here, NewUser("ann", PASSWORD))
    assert (principal.timezone, principal.quota) == ("Europe/Berlin", 1000)
    assert names(office, CollectionKind.CALENDAR) == [("default", "Kalender", "VEVENT")]
    assert names(office, CollectionKind.ADDRESSBOOK) == []


def test_a_refused_account_leaves_nothing_behind(office: Office) -> None:
    users.create_user(office, NewUser("ann", PASSWORD, display_name="Ann"))
    with pytest.raises(HttpError, match="already an account") as caught:
        users.create_user(office, NewUser("ann", PASSWORD, display_name="Other"))
    assert caught.value.status == 409
    with office.store.read() as tx:
        assert [item.display_name for item in principals.list_all(tx)] == ["Ann"]
    assert len(names(office, CollectionKind.CALENDAR)) == 1


@pytest.mark.parametrize("email", ["", "ann@example.org", " ann@example.org ", "zoë@exämple.org", "a+b@x"])
def test_good_mail_addresses(email: str) -> None:
    assert users.check_email(email) == email.strip()


@pytest.mark.parametrize(
    "email", ["ann", "@x", "ann@", "a b@x.org", "a@b@c", "a@x\n.org", "<a@x.org>", "a" * 250 + "@x.org"]
)
def test_bad_mail_addresses(email: str) -> None:
    with pytest.raises(HttpError) as caught:
        users.check_email(email)
    assert caught.value.status == 400


def test_names_are_one_name_however_they_are_typed(office: Office) -> None:
    users.create_user(office, NewUser("zoe\u0308", PASSWORD))
    with office.store.read() as tx:
        assert users.find_user(tx, "zo\u00eb").name == users.find_user(tx, "zoe\u0308").name == "zo\u00eb"


def test_the_set_up_code_stays_the_same_until_there_is_an_account(office: Office) -> None:
    code = setup.setup_code(office.store, office.settings)
    file = setup.setup_file(office.settings)
    assert code
    assert len(code) == 19
    assert file.read_text() == code + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("changed")
    file.chmod(0o666)
    assert setup.setup_code(office.store, office.settings) == code
    assert file.read_text() == code + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    users.create_user(office, NewUser("ann", PASSWORD))
    assert not file.exists()
    assert setup.setup_code(office.store, office.settings) is None
    users.remove_user(office, "ann")
    assert setup.setup_code(office.store, office.settings) != code


def test_the_password_is_not_shown_by_accident() -> None:
    assert PASSWORD not in repr(NewUser("ann", PASSWORD))
