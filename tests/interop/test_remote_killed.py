"""The real command, killed in the middle of runs over a faulty network: nothing is lost or doubled.

People edit both sides between the runs; a quarter of the requests fail, some after they were carried out.
What must hold in the end is what fuzz.py asks for.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from waitress import create_server

from davserver.config import OutgoingSettings, Settings, StorageSettings
from davserver.jobs.office import Office
from davserver.model import CollectionKind, Policy
from davserver.storage import collections, principals, remote
from davserver.sync import accounts
from davserver.sync.connect import connected
from tests.davclient import PASSWORD
from tests.hosting.places import ROOT
from tests.robustness.processes import Place, make_place
from tests.sync.fuzz import FAULTS, Game, answer_guard, check, come_to_rest
from tests.sync.pairs import Pair
from tests.sync.peers import PEERS, Application, Peer, peer

OPEN: dict[str, Any] = {"DAVSERVER_OUTGOING_ALLOW": "127.0.0.0/8", "DAVSERVER_OUTGOING_PORTS": "*"}
ROUNDS = 8
"""Runs; more, where each came to its end, by a fault, before it could be killed."""
MOST_REQUESTS = 8
"""So many are let through at most before a run is killed."""
ALL = tuple(itertools.product(PEERS, CollectionKind, range(len(Policy))))


@dataclass
class Faulty:
    """An application a quarter of whose answers are 500, half of them after the request was carried out."""

    app: Application
    rng: random.Random
    on: bool = False
    count: int = 0
    asked: int = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.asked += 1
        if not self.on or self.rng.random() > FAULTS:
            return self.app(environ, start_response)
        self.count += 1
        if self.rng.random() < 0.5:
            list(self.app(environ, lambda *_: None))
        start_response("500 Internal Server Error", [("Content-Length", "0")])
        return [b""]


@contextlib.contextmanager
def at_loopback(app: Application) -> Iterator[str]:
    """The address of an application while the block runs."""
    server = create_server(app, host="127.0.0.1", port=0, threads=1)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}/"
    finally:
        server.close()


def connect(office: Office, there: Peer, url: str, how: tuple[CollectionKind, Policy]) -> Pair:
    """ann's default collection linked with a new one there, by way of discovery."""
    kind, policy = how
    href = there.make(kind, "linked")
    with office.store.read() as tx:
        ann, mine = principals.get(tx, "ann"), collections.get(tx, "ann", kind, "default")
    assert ann
    assert mine
    added = accounts.add_account(office, ann, accounts.NewAccount(url, "ann", PASSWORD))
    assert added.account_id, added.found.remedy
    with office.store.read() as tx:
        (row,) = [one for one in remote.collections_of(tx, added.account_id) if one.href == href]
    accounts.choose(office, ann, row.id, accounts.Choice(policy=policy, collection_id=mine.id))
    pair = Pair(office, there, kind, added.account_id, row.id, mine.id, href)
    pair.connect = connected
    return pair


def run_and_kill(place: Place, pair: Pair, faulty: Faulty) -> bool:
    """A run that is killed after some requests; whether that was before its end."""
    command = [sys.executable, "-m", "davserver", "remote", "sync", str(pair.account_id)]
    last = faulty.asked + faulty.rng.randint(1, MOST_REQUESTS)
    process = subprocess.Popen(
        command, env=place.environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while faulty.asked < last and process.poll() is None:
        time.sleep(0.001)
    time.sleep(faulty.rng.uniform(0, 0.02))
    process.kill()
    process.wait()
    return bool(lease_of(pair))


def lease_of(pair: Pair) -> str:
    with pair.office.store.read() as tx:
        account = remote.account(tx, pair.account_id)
    assert account
    return account.lease_owner


@pytest.mark.parametrize(("server", "kind", "seed"), ALL)
def test_a_run_may_be_killed_at_any_moment(
    tmp_path: Path, server: str, kind: CollectionKind, seed: int
) -> None:
    rng, policy = random.Random(f"{server} {kind} {seed}"), list(Policy)[seed]
    (tmp_path / "here").mkdir()
    place = make_place(tmp_path / "here", "ann", **OPEN)
    settings = Settings(
        storage=StorageSettings(data_dir=place.folder),
        outgoing=OutgoingSettings(allow=("127.0.0.0/8",), ports=("*",)),
    )
    with contextlib.closing(place.open()) as store, peer(server, tmp_path / "there") as there:
        faulty = Faulty(there.app, random.Random(rng.random()))
        with at_loopback(faulty) as url:
            pair = connect(Office(store, settings, "ann"), there, url, (kind, policy))
            game, killed = Game(pair, rng), 0
            for number in range(4 * ROUNDS):
                if number >= ROUNDS and killed:
                    break
                faulty.on = False
                for _ in range(rng.randrange(4, 16)):
                    game.edit()
                faulty.on = True
                killed += run_and_kill(place, pair, faulty)
                if pair.row.guard:
                    answer_guard(pair, rng)
            faulty.on = False
            assert killed, "nothing was killed in the middle"
            assert faulty.count, "nothing went wrong on the way"
            come_to_rest(pair, rng)
            check(game, store)
    place.check()
