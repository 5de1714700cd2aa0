"""The background runner: does what is due, at once when told, and nothing ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection

from davserver.config import Settings
from davserver.jobs import background, tidy
from davserver.jobs.office import Office
from davserver.jobs.settings import change
from davserver.storage import Store, items, maintenance, open_store
from davserver.storage.engine import now
from davserver.sync import runner
from davserver.sync.runner import Runner, run_due
from davserver.sync.work import Place, Work, backed_off, spread
from tests.databases import make_file


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a server with a database of its own."""
    base = Settings()
    made = replace(base, storage=replace(base.storage, data_dir=tmp_path, sqlite_synchronous="NORMAL"))
    make_file(tmp_path / "davserver.db")
    return made


class Pieces:
    """A kind of work in memory: key → when it is due."""

    def __init__(self, deed: Callable[[int], None] = lambda key: None) -> None:
        self.moments: dict[int, int] = {}
        self.done: list[int] = []
        self.deed = deed
        self.work = Work("pieces", self.next_due, self.due, self.run)

    def next_due(self, tx: Connection) -> int | None:
        return min(self.moments.values(), default=None)

    def due(self, tx: Connection, moment: int) -> list[int]:
        return [key for key, at in self.moments.items() if at <= moment]

    def run(self, place: Place, key: int) -> None:
        self.deed(key)
        self.moments.pop(key)
        self.done.append(key)


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.005)


def test_what_is_due_is_done_and_what_is_not_waits(settings: Settings) -> None:
    pieces = Pieces()
    pieces.moments = {1: 0, 2: now() + 3600, 3: 0}
    made = Runner(settings, (pieces.work,))
    made.start()
    wait_until(lambda: sorted(pieces.done) == [1, 3])
    made.stop()
    assert pieces.moments.keys() == {2}


def test_a_word_is_enough_to_begin_at_once(settings: Settings) -> None:
    pieces = Pieces()
    made = Runner(settings, (pieces.work,))
    made.start()
    time.sleep(0.1)
    pieces.moments[7] = now()
    background.wake()
    wait_until(lambda: pieces.done == [7], 1)
    made.stop()


def test_a_slow_piece_holds_up_no_other(settings: Settings) -> None:
    release = threading.Event()

    def deed(key: int) -> None:
        if key == 1:
            release.wait(5)

    pieces = Pieces(deed)
    pieces.moments = dict.fromkeys(range(1, 8), 0)
    made = Runner(settings, (pieces.work,))
    made.start()
    wait_until(lambda: sorted(pieces.done) == [2, 3, 4, 5, 6, 7])
    release.set()
    wait_until(lambda: 1 in pieces.done)
    made.stop()


def test_a_failure_is_logged_and_the_rest_goes_on(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[int] = []

    def deed(key: int) -> None:
        tried.append(key)
        if key == 1:
            raise ZeroDivisionError("boom")

    pieces = Pieces(deed)
    pieces.moments = {1: 0, 2: 0}
    made = Runner(settings, (pieces.work,))
    made.start()
    wait_until(lambda: pieces.done == [2])
    for _ in range(5):
        background.wake()
        time.sleep(0.02)
    made.stop()
    assert tried.count(1) == 1
    assert "pieces 1 failed" in caplog.text


def test_stopping_lets_a_piece_come_to_its_end(settings: Settings) -> None:
    begun = threading.Event()

    def deed(key: int) -> None:
        begun.set()
        time.sleep(0.2)

    pieces = Pieces(deed)
    pieces.moments = {1: 0}
    made = Runner(settings, (pieces.work,))
    made.start()
    begun.wait(5)
    made.stop()
    assert pieces.done == [1]


def test_a_database_that_is_away_is_asked_again(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (settings.storage.data_dir / "davserver.db").rename(settings.storage.data_dir / "away.db")
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.1)
    made = Runner(settings)
    made.start()
    wait_until(lambda: "looking for work failed" in caplog.text)
    made.stop()


def test_without_a_thread_each_due_piece_is_done_once(store: Store) -> None:
    pieces = Pieces()
    pieces.moments = {1: 0, 2: 0, 3: now() + 60}
    assert run_due(Place(store, Settings()), (pieces.work,)) == 2
    assert pieces.done == [1, 2]
    stopped = Place(store, Settings())
    stopped.stopping.set()
    pieces.moments = {1: 0}
    assert run_due(stopped, (pieces.work,)) == 0


def test_tidying_is_done_once_a_day_by_one_of_all(store: Store, people: dict[str, int]) -> None:
    place = Place(store, Settings())
    assert run_due(place, (runner.TIDYING,)) == 1
    assert run_due(place, (runner.TIDYING,)) == 0
    assert not tidy.claim(store)
    with store.read() as tx:
        assert maintenance.tidying_due_at(tx) > now()
        assert items.total(tx) == 0


def test_the_operator_may_leave_fetching_to_cron(settings: Settings) -> None:
    to_cron = replace(settings, outgoing=replace(settings.outgoing, background=False))
    assert runner.works_of(to_cron) == (runner.TIDYING,)
    assert set(runner.works_of(settings)) == set(runner.WORKS)


def test_while_the_operator_wants_nothing_fetched_it_waits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOOK_SECONDS", 0.1)
    outward, inward = Pieces(), Pieces()
    outward.moments, inward.moments = {1: 0}, {1: 0}
    office = Office(open_store(settings.storage), settings)
    change(office, {"outgoing.enabled": False})
    made = Runner(settings, (replace(outward.work, goes_out=True), inward.work))
    made.start()
    wait_until(lambda: inward.done == [1])
    time.sleep(0.3)
    assert outward.done == []
    change(office, {"outgoing.enabled": True})
    wait_until(lambda: outward.done == [1])
    made.stop()
    office.store.close()


def test_intervals_are_spread_and_doubled_after_failures() -> None:
    assert all(900 <= spread(1000) <= 1100 for _ in range(100))
    assert 3600 * 0.9 <= backed_off(900, 2) <= 3600 * 1.1
    assert backed_off(900, 50) <= 86_400 * 1.1
    assert backed_off(7 * 86_400, 3) >= 6 * 86_400
