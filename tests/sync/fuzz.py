"""Random edits on both sides, a quarter of the requests faulty, runs killed anywhere: nothing may be lost.

    python -m tests.sync.fuzz --peer radicale --policy remote --kind calendar --seeds 0-49

Each body tells its own descent: every version appends its number to what the one before said. In the end,
both sides hold the same, no UID twice, and each version that was acknowledged is an ancestor of a body that
is there, of one that was deleted on purpose, or of one in the trash of conflicts. A run without anything to
do costs one request and writes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from davserver.content import normal
from davserver.jobs.office import Office
from davserver.model import CollectionKind, Policy
from davserver.storage import Store, remote
from davserver.storage import collections as stored
from davserver.sync.http import Answer, Unreachable
from davserver.sync.problems import Problem
from tests.sync.pairs import EXTENSIONS, Pair, body_of, new_pair, office_in, text_of, uid_of
from tests.sync.peers import PEERS, Peer, fresh_database, peer

FAULTS = 0.25
"""Share of the requests that go wrong."""
CRASHES = 0.04
"""Share of the transactions at whose begin or end the process dies."""
ROUNDS = 14


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Faults:
    """A network and a server that fail, and other people who edit meanwhile."""

    peer: Peer
    rng: random.Random
    meanwhile: Any
    counts: Counter[str] = field(default_factory=Counter)
    on: bool = True
    dead: bool = False

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """An answer, or a fault."""
        if self.dead:
            raise Crash
        if not self.on or self.rng.random() > FAULTS:
            if self.on and self.rng.random() < 0.05:
                self.meanwhile()
            return self.peer.web().request(method, url, headers=headers, body=body)
        fault = self.rng.choice(("before", "after", "500", "503", "429", "half", "killed"))
        self.counts[fault] += 1
        if fault in ("500", "503", "429"):
            return Answer(int(fault), {}, b"", url)
        if fault == "before":
            raise Unreachable("remote.example", "cut")
        answer = self.peer.web().request(method, url, headers=headers, body=body)
        if fault == "killed" and self.rng.random() < 0.3:
            self.dead = True
            raise Crash
        if fault == "half" and answer.status == 207:
            return Answer(207, answer.headers, answer.body[: len(answer.body) // 2], url)
        raise Unreachable("remote.example", "cut")


@dataclass
class Mortal:
    """A store whose process may die at the begin and at the end of each transaction that writes."""

    store: Store
    faults: Faults

    def read(self) -> Any:
        """As Store.read."""
        if self.faults.dead:
            raise Crash
        return self.store.read()

    @contextlib.contextmanager
    def write(self) -> Iterator[Any]:
        """As Store.write."""
        self._perhaps_die()
        with self.store.write() as tx:
            yield tx
            self._perhaps_die()  # inside: nothing is committed
        self._perhaps_die()

    def _perhaps_die(self) -> None:
        if self.faults.dead:
            raise Crash
        if self.faults.on and self.faults.rng.random() < CRASHES / 3:
            self.faults.counts["crash"] += 1
            self.faults.dead = True
            raise Crash


@dataclass
class Game:
    """One seed."""

    pair: Pair
    rng: random.Random
    acknowledged: set[int] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    number: int = 0

    # -- people

    def edit(self) -> None:
        """Somebody does something on one side."""
        side, what = self.rng.choice(("here", "there")), self.rng.random()
        bodies = self.pair.bodies_here() if side == "here" else self.pair.bodies_there()
        if what < 0.35 or not bodies:
            self._write(side, self._fresh_name(), f"u{self.rng.randrange(10**9)}", "")
        else:
            name = self.rng.choice(sorted(bodies))
            if what < 0.8:
                self._write(side, name, uid_of(bodies[name]), text_of(bodies[name]))
            else:
                self._delete(side, name, bodies[name])

    def _fresh_name(self) -> str:
        return f"n{self.rng.randrange(10**9)}{EXTENSIONS[self.pair.kind]}"

    def _write(self, side: str, name: str, uid: str, before: str) -> None:
        self.number += 1
        body = body_of(self.pair.kind, uid, f"{before} {self.number}".strip())
        (self.pair.put_here if side == "here" else self.pair.put_there)(name, body)
        self.acknowledged.add(self.number)

    def _delete(self, side: str, name: str, body: bytes) -> None:
        (self.pair.delete_here if side == "here" else self.pair.delete_there)(name)
        self.deleted |= descent(body)

    def create_and_delete_before_the_next_look(self, faults: Faults) -> None:
        """Made by us, deleted by another client before our next poll: some servers never tell."""
        name = self._fresh_name()
        self._write("here", name, f"u{self.rng.randrange(10**9)}", "")
        run(self.pair, faults)
        bodies = self.pair.bodies_there()
        if name in bodies:
            self._delete("there", name, bodies[name])


def descent(body: bytes) -> set[int]:
    """The versions that a body descends from."""
    return {int(word) for word in text_of(body).split() if word.isdigit()}


def run(pair: Pair, faults: Faults) -> None:
    """One run that may fail or die; the lease of a dead one is over."""
    faults.dead = False
    try:
        result = pair.sync()
        faults.counts["ok" if result.ok else str(result.problem)] += 1
        if result.problem is Problem.GUARD:
            answer_guard(pair, faults.rng)
    except Crash:
        faults.counts["died"] += 1
    faults.dead = False
    with pair.office.store.write() as tx:
        remote.change_account(tx, pair.account_id, lease_owner="", lease_until=0)


def answer_guard(pair: Pair, rng: random.Random) -> None:
    """Somebody answers the question."""
    import json

    asked = json.loads(pair.row.guard)
    asked["answer"] = rng.choice(("accept", "restore"))
    with pair.office.store.write() as tx:
        remote.change_collection(tx, pair.remote_id, guard=json.dumps(asked))


def play(seed: int, peer_name: str, policy: Policy, kind: CollectionKind) -> Counter[str]:
    """One seed; AssertionError where anything is lost, doubled or different."""
    rng = random.Random(f"{seed}-{peer_name}-{policy}-{kind}")
    with tempfile.TemporaryDirectory() as folder, peer(peer_name, Path(folder) / "peer") as there:
        fresh_database(Path(folder) / "local.db")
        store = Store(URL.create("sqlite", database=f"{folder}/local.db"), synchronous="OFF")
        try:
            return _play(rng, Path(folder), (store, there), (policy, kind))
        finally:
            store.close()


def _play(
    rng: random.Random, folder: Path, sides: tuple[Store, Peer], how: tuple[Policy, CollectionKind]
) -> Counter[str]:
    store, there = sides
    pair = new_pair(office_in(folder, store), there, how[1])
    pair.change(policy=how[0].value)
    game = Game(pair, rng)
    faults = Faults(there, rng, game.edit)
    pair.runner = Office(Mortal(store, faults), pair.office.settings, "ann")  # type: ignore[arg-type]
    pair.connect = lambda office, account: contextlib.nullcontext(there.client(faults))
    for _ in range(rng.randrange(3, 9)):
        game.edit()
    for _ in range(ROUNDS):
        run(pair, faults)
        for _ in range(rng.randrange(4)):
            game.edit()
        if rng.random() < 0.1:
            game.create_and_delete_before_the_next_look(faults)
        if rng.random() < 0.1:
            pair.age()
    faults.on = False
    come_to_rest(pair, rng)
    check(game, store)
    return faults.counts


def come_to_rest(pair: Pair, rng: random.Random) -> None:
    """Runs until two in a row do nothing; questions about deletions are answered by chance."""
    quiet = 0
    for _ in range(20):
        result = pair.sync()
        if result.problem is Problem.GUARD:
            answer_guard(pair, rng)
            continue
        assert result.ok, (result.problem, result.text)
        quiet = 0 if any(result.counts.values()) or result.requests > 1 else quiet + 1
        if quiet == 2:
            return
    raise AssertionError(f"does not come to rest: {result}")


def check(game: Game, store: Store) -> None:
    """Nothing lost, nothing doubled, both sides alike, and an idle run does nothing."""
    pair = game.pair
    here, there = pair.bodies_here(), pair.bodies_there()
    for side in (here, there):
        uids = [uid_of(body) for body in side.values()]
        assert len(uids) == len(set(uids)), "a UID twice"
    prints_here = {uid_of(body): normal.fingerprint(body) for body in here.values()}
    prints_there = {uid_of(body): normal.fingerprint(body) for body in there.values()}
    assert prints_here == prints_there, _difference(pair)
    kept = set(game.deleted)
    for body in (*here.values(), *there.values(), *pair.conflicts()):
        kept |= descent(body)
    assert game.acknowledged <= kept, f"lost: {sorted(game.acknowledged - kept)}"
    with store.read() as tx:
        before = stored.by_id(tx, pair.collection_id)
    listed = pair.client.etags(pair.href).changed
    result = pair.sync()
    with store.read() as tx:
        after = stored.by_id(tx, pair.collection_id)
    assert (result.requests, before) == (1, after), result
    assert pair.client.etags(pair.href).changed == listed


def _difference(pair: Pair) -> str:
    return f"here {sorted(pair.here().items())}\nthere {sorted(pair.there().items())}"


def main() -> int:
    """Many seeds; prints each that fails, and a sum."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--peer", choices=[*PEERS], required=True)
    parser.add_argument("--policy", choices=[one.value for one in Policy], required=True)
    parser.add_argument("--kind", choices=[one.value for one in CollectionKind], required=True)
    parser.add_argument("--seeds", default="0-9")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    first, _, last = args.seeds.partition("-")
    total: Counter[str] = Counter()
    failed, began = [], time.monotonic()
    for seed in range(int(first), int(last or first) + 1):
        try:
            total += play(seed, args.peer, Policy(args.policy), CollectionKind(args.kind))
        except Exception as error:
            failed.append(seed)
            print(f"seed {seed}: {type(error).__name__}: {str(error)[:600]}", flush=True)
    count = int(last or first) - int(first) + 1
    told = ", ".join(f"{name} {number}" for name, number in sorted(total.items()))
    seconds = time.monotonic() - began
    print(f"{args.peer} {args.policy} {args.kind}: {count - len(failed)}/{count} seeds, {seconds:.0f} s")
    print(f"    {told}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
