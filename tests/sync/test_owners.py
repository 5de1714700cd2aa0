"""Leases: who holds one, that a killed process leaves none, and that a working one keeps its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Table

from davserver.config import Settings, StorageSettings
from davserver.jobs.items import check_body, lock_collection
from davserver.model import CollectionKind, NewItem
from davserver.storage import (
    Store,
    collections,
    items,
    leases,
    open_store,
    remote,
    subscriptions,
    watch,
)
from davserver.storage.engine import now
from davserver.sync import owners, runner
from davserver.sync.runner import Runner
from davserver.sync.work import Work
from tests.conftest import add_person
from tests.content.objects import event
from tests.databases import make_file
from tests.sync.test_runner import wait_until

HOLDER = """
import sys, time
from pathlib import Path
from davserver.config import StorageSettings
from davserver.storage import leases, open_store
from davserver.sync.owners import leased, new_owner
store = open_store(StorageSettings(data_dir=Path(sys.argv[1])))
table = {"account": leases.ACCOUNTS, "feed": leases.FEEDS}[sys.argv[2]]
with leased(store, table, int(sys.argv[3]), new_owner()) as held:
    print(held, flush=True)
    time.sleep(60)
"""
"""A process that holds a lease until it is killed."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A server with a database of its own."""
    return Settings(storage=StorageSettings(data_dir=tmp_path, sqlite_synchronous="NORMAL"))


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Its database, with an account and a feed of ann's that are due."""
    make_file(settings.storage.data_dir / "davserver.db")
    made = open_store(settings.storage)
    with made.write() as tx:
        ann = add_person(tx, "ann")
        places = {"label": "there", "base_url": "https://there.example/", "interval_seconds": 900}
        assert remote.add_account(tx, owner_id=ann, next_run=1, **places) == 1
        mine = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
        assert mine is not None
        feed = {"secret": "", "host": "there.example", "collection_id": mine.id}
        assert subscriptions.add(tx, owner_id=ann, next_run=1, **feed) == 1
    yield made
    made.close()


def due(store: Store, table: Table) -> list[int]:
    with store.read() as tx:
        return remote.due(tx, now()) if table is leases.ACCOUNTS else subscriptions.due(tx, now())


@pytest.mark.parametrize(("kind", "table"), [("account", leases.ACCOUNTS), ("feed", leases.FEEDS)])
def test_what_a_killed_process_held_is_taken_up_at_once(
    settings: Settings, store: Store, kind: str, table: Table
) -> None:
    command = [sys.executable, "-c", HOLDER, str(settings.storage.data_dir), kind, "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        owners.end_dead_leases(store)
        assert due(store, table) == [], "it lives, and keeps what it holds"
        os.kill(holder.pid, signal.SIGKILL)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # nobody has fetched its end yet: a zombie
        began: list[int] = []
        asked = (lambda tx: None, lambda tx, at: due(store, table))
        running = Runner(settings, (Work("pieces", *asked, lambda place, key: began.append(key)),))
        running.start()
        wait_until(lambda: began[:1] == [1])
        running.stop()


def test_a_number_that_another_process_has_by_now_is_known() -> None:
    mine = owners.new_owner()
    machine, pid, began, token = mine.split(":")
    assert not owners.is_dead(mine)
    assert owners.is_dead(":".join((machine, pid, f"{began}1", token)))
    assert not owners.is_dead(":".join(("elsewhere", "1", "1", token))), "of others nothing is known"
    assert not owners.is_dead("something else")


def test_a_lease_lasts_two_minutes_and_is_renewed_while_the_work_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "RENEW_SECONDS", 0.01)
    with owners.leased(store, leases.ACCOUNTS, 1, owners.new_owner()) as held:
        assert held
        assert owners.LEASE_SECONDS <= 120
        with store.write() as tx:
            remote.change_account(tx, 1, lease_until=now() + 1)
        wait_until(lambda: lease_until(store) > now() + 100)
        with owners.leased(store, leases.ACCOUNTS, 1, owners.new_owner()) as second:
            assert not second
    assert lease_until(store) == 0


def lease_until(store: Store) -> int:
    with store.read() as tx:
        found = remote.account(tx, 1)
    assert found is not None
    return found.lease_until


def test_who_lost_a_lease_does_not_take_it_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "RENEW_SECONDS", 0.01)
    with owners.leased(store, leases.ACCOUNTS, 1, owners.new_owner()):
        with store.write() as tx:
            remote.change_account(tx, 1, lease_owner="elsewhere:1:1:x", lease_until=now() + 60)
        time.sleep(0.05)
    with store.read() as tx:
        found = remote.account(tx, 1)
    assert found is not None
    assert found.lease_owner == "elsewhere:1:1:x"


# -- push soon


def test_a_change_in_a_collection_kept_in_step_is_pushed_within_seconds(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOOK_SECONDS", 60.0)
    monkeypatch.setattr(remote, "PUSH_SECONDS", 1)
    began: list[float] = []
    work = replace(runner.ACCOUNTS, run=lambda place, key: began.append(time.monotonic()))
    monkeypatch.setattr(runner, "ACCOUNTS", work)
    mine = in_step(store)
    running = Runner(settings, (work,))
    running.start()
    wait_until(lambda: mine in watch._watched)
    changed = time.monotonic()
    put(store, mine, "a")
    put(store, mine, "b")
    wait_until(lambda: bool(began))
    assert began[0] - changed < 3
    running.stop()
    assert not watch._watched


def test_a_change_that_another_process_made_is_found_by_looking(store: Store) -> None:
    mine = in_step(store)
    with store.read() as tx:
        assert remote.due(tx, now() + 60) == []
    put(store, mine, "a")
    with store.read() as tx:
        assert remote.due(tx, now()) == [], "changes come in company"
        assert remote.due(tx, now() + remote.PUSH_SECONDS) == [1]
        assert remote.next_due(tx) in (now() + remote.PUSH_SECONDS, now() + remote.PUSH_SECONDS - 1)


def test_a_change_made_while_a_run_goes_on_is_not_forgotten(store: Store) -> None:
    mine = in_step(store)
    put(store, mine, "a")  # after the run's last look at what is to be sent
    with store.write() as tx:
        remote.change_account(tx, 1, last_run=now())  # when it began
    with store.read() as tx:
        assert remote.due(tx, now() + remote.PUSH_SECONDS) == [1]


def test_other_collections_wake_nobody(store: Store) -> None:
    told: list[int] = []
    mine = in_step(store)
    watch.expect({mine + 1}, lambda: told.append(1))
    put(store, mine, "a")
    assert told == []
    watch.expect({mine}, lambda: told.append(1))
    put(store, mine, "b")
    watch.expect((), None)
    assert told == [1]


def in_step(store: Store) -> int:
    """ann's calendar, kept in step with one there, with nothing to be sent; its id."""
    with store.write() as tx:
        mine = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
        assert mine is not None
        remote_id = remote.add_collection(tx, 1, CollectionKind.CALENDAR, "/there/")
        remote.change_collection(
            tx, remote_id, collection_id=mine.id, subscribed=True, seen_revision=mine.revision
        )
        remote.change_account(tx, 1, next_run=now() + 900)
        assert remote.watched(tx) == {mine.id}
    return mine.id


def put(store: Store, collection_id: int, uid: str) -> None:
    body = event("SUMMARY:x", uid=uid)
    index = check_body(CollectionKind.CALENDAR, body, Settings())
    with store.write() as tx:
        items.put(tx, lock_collection(tx, collection_id), NewItem(f"{uid}.ics", body, index), None, "ann")
