"""App passwords as pages, API and command line use them; Login Flow v2 from start to end."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from davserver.errors import HttpError
from davserver.jobs import app_passwords, login_flow, users
from davserver.jobs.app_passwords import DEVICE, Wanted
from davserver.jobs.office import Office
from davserver.model import CollectionKind, Principal, Right, Scope
from davserver.storage import Store, audit, collections
from davserver.storage.engine import now
from davserver.storage.schema import app_grant, app_password
from tests.davclient import MakeServer


@pytest.fixture
def office(make_server: MakeServer, store: Store) -> Office:
    return Office(store, make_server().settings, "ann", "192.0.2.1")


def person(office: Office, name: str) -> Principal:
    with office.store.read() as tx:
        return users.find_user(tx, name)


def labels(office: Office, name: str = "ann") -> list[str]:
    with office.store.read() as tx:
        return [one.label for one in app_passwords.listing(tx, users.find_user(tx, name))]


def calendar(office: Office, name: str) -> int:
    with office.store.read() as tx:
        found = collections.get(tx, name, CollectionKind.CALENDAR, "default")
    assert found is not None
    return found.id


def refused(status: int) -> pytest.RaisesExc[HttpError]:
    return pytest.RaisesExc(HttpError, check=lambda error: error.status == status)


def test_they_are_made_listed_renamed_and_revoked(office: Office) -> None:
    first = app_passwords.create(office, "ann", Wanted("  My\u00a0 Phone "))
    app_passwords.create(office, "ann", Wanted("Laptop"))
    assert labels(office) == ["My Phone", "Laptop"]
    app_passwords.rename(office, "ann", first.app_password.id, "Old phone")
    app_passwords.revoke(office, "ann", first.app_password.id)
    assert labels(office) == ["Laptop"]
    assert app_passwords.revoke_all(office, "ann") == 1
    with office.store.read() as tx:
        entries = [(one.action, one.target) for one in audit.newest(tx, 9)]
    assert ("app-password.revoke", "ann: Old phone") in entries
    assert first.password not in str(entries)


def test_nobody_reaches_somebody_else_s(office: Office) -> None:
    made = app_passwords.create(office, "ann", Wanted("Phone"))
    for act in (
        lambda: app_passwords.revoke(office, "eve", made.app_password.id),
        lambda: app_passwords.rename(office, "eve", made.app_password.id, "mine"),
    ):
        with refused(404):
            act()
    assert labels(office) == ["Phone"]
    assert labels(office, "eve") == []


@pytest.mark.parametrize("label", ["", "  ", "x" * 101, "a\x00b", "a\u202eb"])
def test_a_label_is_one_readable_line(office: Office, label: str) -> None:
    with refused(400):
        app_passwords.create(office, "ann", Wanted(label))


def test_one_that_opens_nothing_or_has_expired_is_not_made(office: Office) -> None:
    with refused(400):
        app_passwords.create(office, "ann", Wanted("x", Scope(Right.NONE, Right.NONE, Right.NONE)))
    with refused(400):
        app_passwords.create(office, "ann", Wanted("x", expires=now() - 1))
    with refused(400):
        app_passwords.create(office, "ann", Wanted("x", Scope(collections=frozenset({1}))))
    assert labels(office) == []


def test_single_collections_are_those_that_the_owner_sees(office: Office) -> None:
    mine, anns = calendar(office, "eve"), calendar(office, "ann")
    app_passwords.create(office, "eve", Wanted("x", Scope(api=Right.NONE, collections=frozenset({mine}))))
    for hidden in (anns, 999_999):
        with refused(404):
            scope = Scope(api=Right.NONE, collections=frozenset({hidden}))
            app_passwords.create(office, "eve", Wanted("y", scope))
    assert labels(office, "eve") == ["x"]


def test_an_account_has_a_limited_number(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_passwords, "MOST", 2)
    for label in ("a", "b"):
        app_passwords.create(office, "ann", Wanted(label))
    with refused(409):
        app_passwords.create(office, "ann", Wanted("c"))


def test_a_public_part_that_is_in_use_is_not_used_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from davserver.auth import app_passwords as words

    taken = app_passwords.create(office, "ann", Wanted("a")).password
    coming = [taken[:6] + words.generate()[6:], words.generate()]
    monkeypatch.setattr(words, "generate", lambda: coming.pop(0))
    app_passwords.create(office, "ann", Wanted("b"))
    assert labels(office) == ["a", "b"]


def test_long_revoked_ones_are_forgotten(office: Office) -> None:
    made = app_passwords.create(office, "ann", Wanted("Phone"))
    app_passwords.revoke(office, "ann", made.app_password.id)
    with office.store.write() as tx:
        tx.execute(update(app_password).values(revoked=now() - 200 * 86_400))
    app_passwords.create(office, "ann", Wanted("New"))
    with office.store.read() as tx:
        assert [row.label for row in tx.execute(app_password.select())] == ["New"]


# -- Login Flow v2


def test_a_flow_is_granted_and_gives_its_password_once(office: Office) -> None:
    started = login_flow.start(office, "DAVx5/4.5")
    with refused(404):
        login_flow.poll(office, started.token)
    with office.store.read() as tx:
        seen = login_flow.find(tx, started.page)
    assert (seen.agent, seen.address) == ("DAVx5/4.5", "192.0.2.1")
    login_flow.grant(office, started.page, person(office, "ann"), "Phone", DEVICE)
    taken = login_flow.poll(office, started.token)
    assert (taken.login_name, taken.made.app_password.label) == ("ann", "Phone")
    assert labels(office) == ["Phone"]
    with refused(404):
        login_flow.poll(office, started.token)
    with refused(404):
        login_flow.grant(office, started.page, person(office, "ann"), "Phone", DEVICE)


def test_a_refused_flow_says_so_and_cannot_be_granted_afterwards(office: Office) -> None:
    started = login_flow.start(office, "")
    login_flow.refuse(office, started.page, person(office, "ann"))
    with refused(403):
        login_flow.poll(office, started.token)
    with refused(409):
        login_flow.grant(office, started.page, person(office, "bob"), "Phone", DEVICE)
    assert labels(office) == labels(office, "bob") == []


def test_an_expired_flow_is_gone(office: Office) -> None:
    started = login_flow.start(office, "x")
    login_flow.grant(office, started.page, person(office, "ann"), "Phone", DEVICE)
    with office.store.write() as tx:
        tx.execute(update(app_grant).values(expires=now()))
    with refused(404):
        login_flow.poll(office, started.token)
    with office.store.read() as tx, refused(404):
        login_flow.find(tx, started.page)
    login_flow.start(office, "y")
    with office.store.read() as tx:
        assert [row.label for row in tx.execute(app_grant.select())] == ["y"], "and forgotten by the next one"


def test_a_flow_of_somebody_who_was_locked_out_meanwhile_gives_nothing(office: Office) -> None:
    started = login_flow.start(office, "x")
    login_flow.grant(office, started.page, person(office, "ann"), "Phone", DEVICE)
    users.set_disabled(office, "ann", disabled=True)
    with refused(404):
        login_flow.poll(office, started.token)


def test_neither_token_lies_in_the_database_and_each_opens_only_its_own_door(office: Office) -> None:
    started = login_flow.start(office, "x")
    with office.store.read() as tx:
        row = str(dict(tx.execute(app_grant.select()).mappings().one()))
        assert started.token not in row
        assert started.page not in row
        with refused(404):
            login_flow.find(tx, started.token)
    with refused(404):
        login_flow.poll(office, started.page)


def test_strangers_cannot_fill_the_table(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_flow, "MOST_WAITING", 2)
    for _ in range(2):
        login_flow.start(office, "x")
    with refused(503):
        login_flow.start(office, "x")
