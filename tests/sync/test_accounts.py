"""What people do with accounts on other servers, from adding one to taking leave of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.model import CollectionKind, Direction, NewCollection, Policy, Principal
from davserver.storage import Store, audit, collections, items, principals, remote
from davserver.storage.engine import now
from davserver.sync import accounts
from davserver.sync.accounts import Change, Choice, NewAccount
from davserver.sync.client import DavClient
from davserver.sync.problems import ADVICE, Problem
from davserver.sync.run import Options
from tests.sync.pairs import body_of, office_in
from tests.sync.peers import Peer, peer

CALENDAR, BOOK = CollectionKind.CALENDAR, CollectionKind.ADDRESSBOOK


class NoDns:
    """A domain without records."""

    def srv(self, name: str) -> list[Any]:
        return []

    def txt(self, name: str) -> list[str]:
        return []


@dataclass
class Desk:
    """ann before a page about accounts."""

    office: Office
    ann: Principal
    eve: Principal
    there: Peer

    @property
    def net(self) -> accounts.Net:
        """The other server, without a network."""

        def reach(office: Office, access: Any, url: str) -> Any:
            web = self.there.web()
            web.password = access.auth.password
            return contextlib.nullcontext(DavClient(web, url, sleep=lambda _: None))

        return accounts.Net(reach, NoDns(), self.options)

    @property
    def options(self) -> Options:
        return Options(connect=lambda office, account: contextlib.nullcontext(self.there.client()))

    def add(self, **values: Any) -> int:
        """ann's account, connected."""
        known = {"address": "http://remote.example/", "username": "ann", "secret": "correct horse", **values}
        added = accounts.add_account(self.office, self.ann, NewAccount(**known), self.net)
        assert added.account_id is not None, added.found.trace
        return added.account_id

    def view(self, account_id: int) -> accounts.AccountView:
        return accounts.view(self.office, self.ann, account_id)

    def one(self, account_id: int, name: str) -> accounts.CollectionView:
        """The collection of that name."""
        return next(one for one in self.view(account_id).collections if one.remote.display_name == name)

    def choose(self, account_id: int, name: str, **choice: Any) -> int:
        remote_id = self.one(account_id, name).remote.id
        accounts.choose(self.office, self.ann, remote_id, Choice(**choice))
        return remote_id

    def sync(self, account_id: int) -> Any:
        return accounts.sync_now(self.office, self.ann, account_id, self.options)

    def put_there(self, href: str, uid: str, text: str, kind: CollectionKind = CALENDAR) -> None:
        assert self.there.client().put(href, kind, body_of(kind, uid, text)).ok


@pytest.fixture
def desk(store: Store, people: dict[str, int], tmp_path: Path) -> Iterator[Desk]:
    with store.read() as tx:
        ann, eve = principals.get(tx, "ann"), principals.get(tx, "eve")
    assert ann
    assert eve
    with peer("davserver", tmp_path / "peer") as there:
        there.make(CALENDAR, "work")
        yield Desk(office_in(tmp_path, store), ann, eve, there)


def refused(status: int, job: Any, *args: Any, **named: Any) -> str:
    """The sentence of an HttpError with that status."""
    with pytest.raises(HttpError) as caught:
        job(*args, **named)
    assert caught.value.status == status
    return caught.value.message


# -- adding


def test_an_account_is_found_and_its_collections_are_offered(desk: Desk) -> None:
    view = desk.view(desk.add())
    assert [one.remote.display_name for one in view.collections] == ["Calendar", "Work", "Contacts"]
    assert not any(one.remote.subscribed or one.local for one in view.collections)
    assert view.trace
    assert view.account.home_cal.endswith("/dav/calendars/ann/")
    assert view.advice is None


def test_a_wrong_password_stores_nothing_and_says_what_to_do(desk: Desk) -> None:
    new = NewAccount("http://remote.example/", "ann", "wrong")
    added = accounts.add_account(desk.office, desk.ann, new, desk.net)
    assert added.account_id is None
    assert added.found.problem is Problem.CREDENTIALS
    assert "password" in added.found.remedy
    assert accounts.listing(desk.office, desk.ann) == []


@pytest.mark.parametrize(
    "values",
    [
        {"secret": ""},
        {"address": " "},
        {"preset": "nobody"},
        {"interval": 10},
        {"interval": 10**6},
        {"fingerprint": "abc"},
        {"ca_pem": "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----"},
        {"auth_kind": "magic"},
        {"username": "x" * 300},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_cannot_be_is_told(desk: Desk, values: dict[str, Any]) -> None:
    known = {"address": "http://remote.example/", "username": "ann", "secret": "x", **values}
    assert refused(400, accounts.add_account, desk.office, desk.ann, NewAccount(**known), desk.net)


def test_the_same_account_is_not_connected_twice(desk: Desk) -> None:
    desk.add()
    assert "already" in refused(409, desk.add)


def test_the_password_is_encrypted_and_in_no_text(desk: Desk) -> None:
    account_id = desk.add()
    account = desk.view(account_id).account
    assert account.secret.startswith("f1:")
    assert "correct horse" not in repr(account) + account.secret + account.trace
    assert "correct horse" not in repr(NewAccount("a", "b", "correct horse")) + repr(
        Change(secret="correct horse")
    )
    with desk.office.store.read() as tx:
        assert "correct horse" not in str([tuple(row) for row in audit.newest(tx, 50)])


def test_a_missing_key_is_a_state_and_no_empty_password(desk: Desk, tmp_path: Path) -> None:
    account_id = desk.add()
    (tmp_path / "secret.key").unlink()
    result = accounts.sync_now(desk.office, desk.ann, account_id)
    assert result.problem is Problem.KEY
    view = desk.view(account_id)
    assert view.account.next_run is None
    assert view.advice == ADVICE[Problem.KEY]


def test_a_new_password_starts_an_account_that_had_stopped(desk: Desk) -> None:
    account_id = desk.add()
    with desk.office.store.write() as tx:
        remote.change_account(tx, account_id, next_run=None, error_code="credentials", fail_count=3)
    accounts.edit(desk.office, desk.ann, account_id, Change(secret="new one", label="Work"))
    account = desk.view(account_id).account
    assert (account.error_code, account.fail_count, account.label) == ("", 0, "Work")
    assert account.next_run is not None
    assert account.next_run <= now()


# -- others see nothing


def test_eve_reaches_nothing_of_anns(desk: Desk) -> None:
    account_id = desk.add()
    remote_id = desk.choose(account_id, "Work")
    office, eve = desk.office, desk.eve
    assert accounts.listing(office, eve) == []
    for job in (accounts.view, accounts.runs, accounts.sync_now, accounts.sync_soon, accounts.refresh):
        refused(404, job, office, eve, account_id)
    refused(404, accounts.unsubscribe, office, eve, remote_id)
    refused(404, accounts.troubles, office, eve, remote_id)
    refused(404, accounts.choose, office, eve, remote_id, Choice())
    refused(404, accounts.edit, office, eve, account_id, Change(label="mine"))
    refused(404, accounts.remove, office, eve, account_id, keep=True)
    refused(404, accounts.answer, office, eve, remote_id, "x", accept=True)
    with office.store.read() as tx:
        mine = collections.get(tx, "ann", CALENDAR, "default")
    assert mine
    refused(404, accounts.publish, office, eve, account_id, mine.id)


def test_nobody_links_a_collection_of_others(desk: Desk) -> None:
    account_id = desk.add()
    with desk.office.store.read() as tx:
        eves = collections.get(tx, "eve", CALENDAR, "default")
    assert eves
    remote_id = desk.one(account_id, "Work").remote.id
    refused(404, accounts.choose, desk.office, desk.ann, remote_id, Choice(collection_id=eves.id))


# -- choosing and running


def test_a_chosen_calendar_becomes_a_usual_one_here(desk: Desk) -> None:
    desk.put_there("/dav/calendars/ann/work/a.ics", "a", "x")
    account_id = desk.add()
    desk.choose(account_id, "Work")
    assert desk.sync(account_id).ok
    found = desk.one(account_id, "Work")
    assert found.local
    assert (found.local.display_name, found.local.item_count, found.linked) == ("Work", 1, 1)
    assert found.local.owner_id == desk.ann.id


def test_a_calendar_is_linked_with_one_that_is_here_already(desk: Desk) -> None:
    desk.put_there("/dav/calendars/ann/work/a.ics", "a", "x")
    account_id = desk.add()
    with desk.office.store.read() as tx:
        mine = collections.get(tx, "ann", CALENDAR, "default")
    assert mine
    choice = {"collection_id": mine.id, "direction": Direction.PULL, "policy": Policy.LOCAL}
    desk.choose(account_id, "Work", **choice)
    assert desk.sync(account_id).ok
    found = desk.one(account_id, "Work").remote
    assert (found.collection_id, found.direction, found.policy) == (mine.id, Direction.PULL, Policy.LOCAL)
    other = desk.one(account_id, "Calendar").remote.id
    refused(409, accounts.choose, desk.office, desk.ann, other, Choice(collection_id=mine.id))


def test_what_is_not_chosen_any_more_stays_on_both_sides(desk: Desk) -> None:
    desk.put_there("/dav/calendars/ann/work/a.ics", "a", "x")
    account_id = desk.add()
    remote_id = desk.choose(account_id, "Work")
    desk.sync(account_id)
    local = desk.one(account_id, "Work").local
    assert local
    accounts.unsubscribe(desk.office, desk.ann, remote_id)
    with desk.office.store.write() as tx:
        target = collections.lock(tx, local.id)
        assert target
        items.remove(tx, target, next(items.listing(tx, local.id)), "ann")
    assert desk.sync(account_id).ok
    assert desk.there.client().get("/dav/calendars/ann/work/a.ics").body


def test_a_collection_that_appears_there_is_offered_or_followed(desk: Desk) -> None:
    account_id = desk.add()
    desk.there.make(CALENDAR, "later")
    accounts.refresh(desk.office, desk.ann, account_id, desk.net)
    assert not desk.one(account_id, "Later").remote.subscribed
    accounts.edit(desk.office, desk.ann, account_id, Change(follow_new=True))
    desk.there.make(CALENDAR, "newest")
    desk.sync(account_id)
    assert desk.one(account_id, "Newest").local
    assert not desk.one(account_id, "Later").remote.subscribed


def test_a_collection_of_ours_is_created_there(desk: Desk) -> None:
    account_id = desk.add()
    for kind, title in ((CALENDAR, "Garden"), (BOOK, "Club")):
        with desk.office.store.write() as tx:
            components = "VEVENT,VTODO" if kind is CALENDAR else ""
            color = "#112233" if kind is CALENDAR else None
            new = NewCollection(
                desk.ann.id, kind, "mine", display_name=title, components=components, color=color
            )
            mine = collections.create(tx, new)
        accounts.publish(desk.office, desk.ann, account_id, mine.id, desk.net)
        refused(409, accounts.publish, desk.office, desk.ann, account_id, mine.id, desk.net)
        assert desk.sync(account_id).ok
        found = desk.one(account_id, title)
        facts = desk.there.client().facts(found.remote.href)
        assert (facts.kind, facts.display_name) == (kind, title)
        assert facts.color[:7] == (color or "")


def test_a_dry_run_tells_and_does_nothing(desk: Desk) -> None:
    desk.put_there("/dav/calendars/ann/work/a.ics", "a", "x")
    account_id = desk.add()
    desk.choose(account_id, "Work")
    told = accounts.dry_run(desk.office, desk.ann, account_id, desk.options)
    assert [(step.action.value, step.href) for step in told["Work"]] == [
        ("take", "/dav/calendars/ann/work/a.ics")
    ]
    local = desk.one(account_id, "Work").local
    assert local
    assert local.item_count == 0


def test_runs_are_logged_and_idle_ones_are_not_worth_a_line(desk: Desk) -> None:
    desk.put_there("/dav/calendars/ann/work/a.ics", "a", "x")
    account_id = desk.add()
    desk.choose(account_id, "Work")
    desk.sync(account_id)
    (run,) = accounts.runs(desk.office, desk.ann, account_id)
    assert (run.pulled, run.error_code, run.reason) == (1, "", "manual")
    options = Options(reason="interval", connect=desk.options.connect)
    accounts.sync_now(desk.office, desk.ann, account_id, options)
    assert len(accounts.runs(desk.office, desk.ann, account_id)) == 1


def test_a_calendar_in_the_trash_waits_there(desk: Desk) -> None:
    from davserver.jobs import trash

    desk.put_there("/dav/calendars/ann/work/a.ics", "a", "x")
    account_id = desk.add()
    desk.choose(account_id, "Work")
    desk.sync(account_id)
    local = desk.one(account_id, "Work").local
    assert local
    with desk.office.store.write() as tx:
        target = collections.lock(tx, local.id)
        assert target
        trash.discard(tx, desk.office.settings, (desk.ann, target), "ann")
    assert desk.sync(account_id).ok
    assert desk.there.client().get("/dav/calendars/ann/work/a.ics").body
    trash.restore(desk.office, "ann", local.id)
    desk.put_there("/dav/calendars/ann/work/b.ics", "b", "x")
    assert desk.sync(account_id).ok
    again = desk.one(account_id, "Work").local
    assert again
    assert again.item_count == 2


# -- soon


def test_a_change_here_is_pushed_soon(desk: Desk) -> None:
    account_id = desk.add()
    desk.choose(account_id, "Work")
    desk.sync(account_id)
    local = desk.one(account_id, "Work").local
    assert local
    with desk.office.store.write() as tx:
        remote.change_account(tx, account_id, last_run=now() - 100, next_run=now() + 900)
        assert remote.due(tx, now()) == []
        _touch(tx, local.id)
        assert remote.due(tx, now()) == []
        assert remote.due(tx, now() + remote.PUSH_SECONDS) == [account_id]
        assert remote.next_due(tx) == now() + remote.PUSH_SECONDS
        remote.change_account(tx, account_id, fail_count=1)
        assert remote.due(tx, now() + remote.PUSH_SECONDS) == [], "a server that fails is left in peace"


def _touch(tx: Any, collection_id: int) -> None:
    target = collections.lock(tx, collection_id)
    assert target
    collections.advance(tx, target)


# -- lost versions


def test_a_lost_version_is_shown_restored_and_pushed(desk: Desk) -> None:
    href = "/dav/calendars/ann/work/a.ics"
    desk.put_there(href, "a", "x")
    account_id = desk.add()
    desk.choose(account_id, "Work")
    desk.sync(account_id)
    local = desk.one(account_id, "Work").local
    assert local
    client = desk.there.client()
    client.put(href, CALENDAR, body_of(CALENDAR, "a", "theirs"), if_match=client.get(href).etag)
    _edit(desk, local.id, body_of(CALENDAR, "a", "mine"))
    desk.sync(account_id)
    (lost,) = accounts.conflicts(desk.office, desk.ann)
    assert (lost.side, lost.account_label, lost.collection_name) == ("here", "ann", "Work")
    assert accounts.title_of(lost.data) == "mine"
    assert accounts.title_of(lost.kept) == "theirs"
    assert desk.view(account_id).conflicts == 1
    refused(404, accounts.conflict, desk.office, desk.eve, lost.id)
    refused(404, accounts.restore_conflict, desk.office, desk.eve, lost.id)
    assert accounts.restore_conflict(desk.office, desk.ann, lost.id) == "a.ics"
    assert accounts.conflict(desk.office, desk.ann, lost.id).restored
    desk.sync(account_id)
    assert b"SUMMARY:mine" in (client.get(href).body or b"")


def _edit(desk: Desk, collection_id: int, body: bytes) -> None:
    from davserver.jobs.items import check_body, store_item
    from davserver.model import NewItem

    index = check_body(CALENDAR, body, desk.office.settings)
    with desk.office.store.write() as tx:
        target = collections.lock(tx, collection_id)
        assert target
        (name,) = items.names_with_uid(tx, collection_id, index.uid)
        current = items.get(tx, collection_id, name)
        store_item(tx, target, NewItem(name, body, index), current, owner=desk.ann, actor="ann")


def test_lost_versions_outlive_the_account(desk: Desk) -> None:
    account_id = desk.add()
    with desk.office.store.write() as tx:
        mine = collections.get(tx, "ann", CALENDAR, "default")
        assert mine
        values = {"owner_id": desk.ann.id, "account_id": account_id, "account_label": "x"}
        place = {"collection_id": mine.id, "collection_name": "Calendar", "kind": "calendar", "name": "a.ics"}
        what = {"uid": "a", "href": "/a", "side": "here", "reason": "conflict", "restored": None}
        body = body_of(CALENDAR, "a", "mine")
        conflict_id = remote.add_conflict(tx, **values, **place, **what, data=body, kept=b"")
    accounts.remove(desk.office, desk.ann, account_id, keep=True)
    assert accounts.restore_conflict(desk.office, desk.ann, conflict_id) == "a.ics"


# -- questions


def test_a_question_is_answered_once_and_for_what_was_asked(desk: Desk) -> None:
    account_id = desk.add()
    remote_id = desk.choose(account_id, "Work")
    for number in range(3):
        desk.put_there(f"/dav/calendars/ann/work/{number}.ics", f"u{number}", "x")
    desk.sync(account_id)
    for number in range(3):
        assert desk.there.client().delete(f"/dav/calendars/ann/work/{number}.ics").ok
    assert desk.sync(account_id).problem is Problem.GUARD
    found = desk.one(account_id, "Work")
    question = found.question
    assert question
    assert (question.side, question.count, question.known) == ("here", 3, 3)
    assert found.advice == ADVICE[Problem.GUARD]
    refused(409, accounts.answer, desk.office, desk.ann, remote_id, "old token", accept=True)
    accounts.answer(desk.office, desk.ann, remote_id, question.token, accept=False)
    desk.sync(account_id)
    assert len(desk.there.client().etags("/dav/calendars/ann/work/").changed) == 3
    assert desk.one(account_id, "Work").question is None


# -- leaving


@pytest.mark.parametrize("keep", [True, False])
def test_an_account_is_disconnected_with_or_without_its_data(desk: Desk, keep: bool) -> None:
    desk.put_there("/dav/calendars/ann/work/a.ics", "a", "x")
    account_id = desk.add()
    desk.choose(account_id, "Work")
    desk.sync(account_id)
    local = desk.one(account_id, "Work").local
    assert local
    accounts.remove(desk.office, desk.ann, account_id, keep=keep)
    assert accounts.listing(desk.office, desk.ann) == []
    with desk.office.store.read() as tx:
        assert (collections.by_id(tx, local.id) is not None) is keep
    assert desk.there.client().get("/dav/calendars/ann/work/a.ics").body


def test_every_problem_has_words_and_a_remedy() -> None:
    assert set(ADVICE) == set(Problem)
    assert all(one.meaning and one.remedy for one in ADVICE.values())
    assert accounts.advice_of("") is None
    assert accounts.advice_of("no such") is None
