"""What people do with their own accounts: a new password, app passwords only, leaving."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from davserver.app import Server
from davserver.auth import Authenticator
from davserver.auth.passwords import hash_password
from davserver.errors import HttpError
from davserver.jobs import account, tidy, users
from davserver.jobs.account import NewPassword
from davserver.jobs.app_passwords import token_hash
from davserver.jobs.office import Office
from davserver.model import Principal
from davserver.storage import Store, principals, schema, web_sessions
from davserver.storage.engine import now
from tests.davclient import D, MakeClient, MakeServer

OLD, NEW = "the old horse", "a new and longer horse"


class Desk:
    """ann at her own page."""

    def __init__(self, server: Server, store: Store) -> None:
        self.office = Office(store, server.settings, "ann", "192.0.2.1")
        self.authenticator = Authenticator(server.settings, store)
        with store.write() as tx:
            principals.set_credential(tx, self.ann.id, "password", hash_password(OLD))
            for name in ("here", "elsewhere"):
                web_sessions.add(tx, self.ann.id, token_hash(name), "full", 99, address="", agent="")

    @property
    def ann(self) -> Principal:
        with self.office.store.read() as tx:
            return users.find_user(tx, "ann")

    @property
    def sessions(self) -> list[web_sessions.WebSession]:
        with self.office.store.read() as tx:
            return web_sessions.of_principal(tx, self.ann.id)

    def change(self, old: str, new: str, session_id: int = 0) -> None:
        given = NewPassword(old, new, session_id)
        account.change_password(self.office, self.authenticator, self.ann, given)

    def leave(self, password: str = OLD) -> None:
        account.leave(self.office, self.authenticator, self.ann, password)

    def signs_in(self, password: str) -> bool:
        try:
            account.prove(self.office, self.authenticator, self.ann, password)
        except HttpError:
            return False
        return True


@pytest.fixture
def desk(make_server: MakeServer, store: Store) -> Desk:
    return Desk(make_server(accounts={"self_removal": True}), store)


def refused(status: int) -> pytest.RaisesExc[HttpError]:
    return pytest.RaisesExc(HttpError, check=lambda error: error.status == status)


def test_a_new_password_replaces_the_old_one_and_ends_the_other_sessions(desk: Desk) -> None:
    here = next(one for one in desk.sessions if one.token == token_hash("here"))
    desk.change(OLD, NEW, here.id)
    assert desk.signs_in(NEW)
    assert not desk.signs_in(OLD)
    assert [one.id for one in desk.sessions] == [here.id]


def test_the_old_password_is_asked_and_guessing_it_is_slowed_down(desk: Desk) -> None:
    for _ in range(10):
        with refused(403):
            desk.change("wrong", NEW)
    with refused(429):
        desk.change("wrong", NEW)
    assert len(desk.sessions) == 2


@pytest.mark.parametrize("weak", ["short", "password1234", "Ann.Example", "aaaaaaaaaaaa", OLD, "x" * 2000])
def test_a_password_that_everybody_would_try_is_not_taken(desk: Desk, weak: str) -> None:
    with refused(400):
        desk.change(OLD, weak)
    assert desk.signs_in(OLD)


def test_clients_are_kept_off_the_own_password_until_it_is_undone(desk: Desk, client: MakeClient) -> None:
    phone = client("ann", password=OLD)
    account.set_app_passwords_only(desk.office, "ann", only=True)
    answer = phone.propfind(phone.calendar, D + "displayname")
    assert (answer.status, "app password" in answer.text) == (401, True)
    assert desk.signs_in(OLD), "at the pages"
    account.set_app_passwords_only(desk.office, "ann", only=False)
    assert phone.propfind(phone.calendar, D + "displayname").status == 207


# -- leaving


def age(desk: Desk) -> None:
    with desk.office.store.write() as tx:
        tx.execute(update(schema.principal).where(schema.principal.c.name == "ann").values(remove_at=now()))


def test_who_leaves_is_locked_out_at_once_and_gone_when_the_days_are_over(desk: Desk, ann: object) -> None:
    desk.leave()
    left = desk.ann
    assert left.disabled
    assert left.remove_at is not None
    assert 13.9 < (left.remove_at - now()) / account.DAY <= 14
    assert not desk.signs_in(OLD)
    assert desk.sessions == []
    assert account.remove_due(desk.office.store) == []
    age(desk)
    assert tidy.tidy(desk.office.store, desk.office.settings)["accounts whose owners have left"] == 1
    with refused(404):
        _ = desk.ann


def test_whoever_is_enabled_before_that_has_come_back(desk: Desk) -> None:
    desk.leave()
    users.set_disabled(desk.office, "ann", disabled=False)
    assert (desk.ann.disabled, desk.ann.remove_at) == (False, None)
    assert desk.signs_in(OLD)
    assert account.remove_due(desk.office.store) == []


def test_leaving_takes_the_password_and_the_operator_s_leave(
    desk: Desk, server: Server, store: Store
) -> None:
    with refused(403):
        desk.leave("wrong")
    forbidding = Office(store, server.settings, "ann", "192.0.2.1")
    with refused(403):
        account.leave(forbidding, desk.authenticator, desk.ann, OLD)
    assert not desk.ann.disabled


def test_the_last_administrator_stays(desk: Desk) -> None:
    with desk.office.store.write() as tx:
        principals.change(tx, desk.ann.id, admin=True)
    with refused(409):
        desk.leave()
    with desk.office.store.write() as tx:
        principals.change(tx, users.find_user(tx, "bob").id, admin=True)
    desk.leave()
    assert desk.ann.disabled
