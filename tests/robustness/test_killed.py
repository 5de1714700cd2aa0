"""A server that is killed in the middle of writes has lost nothing that it had acknowledged.

Writers put, overwrite and delete items of their own, a follower asks for sync-tokens; then SIGKILL reaches
all processes of the server at once. After the restart: each item is as its last acknowledged write left it
(or as the one write that was under way would have), every token still tells what happened after it, and
nothing else, and the database is whole. DAVSERVER_TEST_KILLS sets the rounds for each server.
"""

from __future__ import annotations

import http.client
import itertools
import os
import random
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.robustness.processes import Client, Gunicorn, Server, Waitress, event, make_place
from tests.robustness.world import faults

ROUNDS = int(os.environ.get("DAVSERVER_TEST_KILLS", "2"))
WRITERS = 6

_tick = itertools.count().__next__
"""A clock that only orders: what was sent and answered before what."""


@dataclass
class Item:
    """What a writer knows of one of its items. ``pending`` is the write that has no answer yet."""

    stored: bytes | None = None
    pending: tuple[bytes | None] | None = None
    last_answered: int = -1


@dataclass(frozen=True)
class Token:
    """A token, when it was asked for, and what the collection looked like with it."""

    token: str
    asked: int
    listing: dict[str, str]


@dataclass
class Log:
    """All that clients know about one server's calendar."""

    items: dict[str, Item] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    answers: int = 0
    strange: list[str] = field(default_factory=list)


class Crowd:
    """Writers and a follower on a server, until it is killed."""

    def __init__(self, server: Server, log: Log, round_: int) -> None:
        self.server, self.log = server, log
        self.ends = threading.Event()
        self.threads = [
            threading.Thread(target=self._write, args=(number, round_)) for number in range(WRITERS)
        ]
        self.threads.append(threading.Thread(target=self._follow))

    def run_until_killed(self, seconds: float) -> None:
        for thread in self.threads:
            thread.start()
        time.sleep(seconds)
        self.server.kill()
        self.ends.set()
        for thread in self.threads:
            thread.join(60)

    def _write(self, number: int, round_: int) -> None:
        chance = random.Random(f"{number} {round_}")
        try:
            with self.server.client() as client:
                while not self.ends.is_set():
                    self._one_write(client, f"{number}-{chance.randrange(8)}", chance)
        except (OSError, http.client.HTTPException):
            return  # the server is dead: what was under way stays pending

    def _one_write(self, client: Client, uid: str, chance: random.Random) -> None:
        name = uid + ".ics"
        item = self.log.items.setdefault(name, Item())
        if item.stored is not None and chance.random() < 0.25:
            item.pending = (None,)
            status = client.ask("DELETE", f"/dav/calendars/ann/default/{name}").status
            wanted = 204
        else:
            body = event(uid, f"{chance.random()}", filler=chance.choice((0, 0, 4_000, 60_000)))
            item.pending = (body,)
            status = client.put(name, body).status
            wanted = 201 if item.stored is None else 204
        if status != wanted:
            self.log.strange.append(f"{status} instead of {wanted} for {name}")
            return
        item.stored, item.pending, item.last_answered = item.pending[0], None, _tick()
        self.log.answers += 1

    def _follow(self) -> None:
        token, listing = "", dict[str, str]()
        try:
            with self.server.client() as client:
                while not self.ends.is_set():
                    asked = _tick()
                    answer = client.sync(token)
                    listing = {**{k: v for k, v in listing.items() if k not in answer.gone}, **answer.changed}
                    token = answer.token
                    self.log.tokens.append(Token(token, asked, listing))
                    time.sleep(0.005)
        except (OSError, http.client.HTTPException):
            return


@pytest.mark.parametrize("kind", [Waitress, Gunicorn])
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(kind: type[Server], tmp_path: Path) -> None:
    if kind is Gunicorn:
        pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    server, log = kind(make_place(tmp_path)), Log()
    chance = random.Random(kind.__name__)
    try:
        server.start()
        for round_ in range(ROUNDS):
            Crowd(server, log, round_).run_until_killed(chance.uniform(0.4, 1.2))
            server.start()
            _compare(server, log)
    finally:
        server.stop()
    assert log.answers > 20 * ROUNDS, "hardly anything was written: the test tests nothing"
    assert server.place.check() == "No damage found.\n"


def _compare(server: Server, log: Log) -> None:
    assert log.strange == []
    with closing(sqlite3.connect(server.place.folder / "davserver.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert faults(file) == []
    with server.client() as client:
        now = client.listing()
        undecided = set()
        for name, item in log.items.items():
            undecided |= _compare_item(client, name, item, there=name in now)
        assert set(now) <= set(log.items)
        for token in random.Random(len(log.tokens)).sample(log.tokens, min(25, len(log.tokens))):
            _compare_token(client, token, now, log, undecided)
    for item in log.items.values():
        item.pending = None


def _compare_item(client: Client, name: str, item: Item, *, there: bool) -> set[str]:
    """The item's name where a write without an answer was under way; its outcome is now the state."""
    answer = client.ask("GET", f"/dav/calendars/ann/default/{name}")
    assert (answer.status == 200) == there
    found = answer.body if there else None
    allowed = [item.stored, *(item.pending or ())]
    assert found in allowed, f"{name} is not as the last acknowledged write left it"
    item.stored = found
    if item.pending is None:
        return set()
    item.last_answered = _tick()
    return {name}


def _compare_token(client: Client, token: Token, now: dict[str, str], log: Log, undecided: set[str]) -> None:
    """The token leads from what was seen with it to what is now, and names only what was written since."""
    answer = client.sync(token.token)
    after = {**{k: v for k, v in token.listing.items() if k not in answer.gone}, **answer.changed}
    assert after == now
    written = {name for name, item in log.items.items() if item.last_answered > token.asked} | undecided
    assert {*answer.changed, *answer.gone} <= written
