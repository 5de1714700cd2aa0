"""The background runner: does what is due, in the server's process or by ``davserver sync``.

    runner = Runner(settings); runner.start(); …; runner.stop()      beside the server
    run_due(place)                                                   once, from cron

Belongs here: looking what is due, threads, and that no failure ends them. What the work is: sync/work.py.

One thread looks; each due piece runs in a thread of its own, a few at a time, so that a slow server holds
up nobody else's feed. Leases in the database keep two processes from doing the same. A piece that fails
in an unforeseen way is logged and left alone for some minutes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from davserver.config import Settings
from davserver.jobs.background import woken
from davserver.jobs.settings import in_force
from davserver.storage import maintenance, open_store, remote, subscriptions, watch
from davserver.storage.engine import now
from davserver.sync.owners import end_dead_leases
from davserver.sync.work import Place, Work

AT_ONCE = 3
"""Pieces that run at the same time."""

LOOK_SECONDS = 15.0
"""How often it is looked for work that other processes made due."""

TIME_OUT_SECONDS = 300.0
"""How long a piece is left alone after an unforeseen failure."""

log = logging.getLogger("davserver.sync")


def _feed(place: Place, key: int) -> None:
    from davserver.sync import feeds  # what does the work is loaded when there is some: most have none

    feeds.run(place, key)


def _account(place: Place, key: int) -> None:
    from davserver.sync import run  # likewise

    run.run_due(place, key)


def _tidy(place: Place, key: int) -> None:
    from davserver.jobs import tidy  # likewise, once a day

    if tidy.claim(place.store):
        for name, count in tidy.tidy(place.store, place.settings).items():
            if count:
                log.info("tidied: %d %s", count, name)


def _tidy_due(tx: Connection, moment: int) -> list[int]:
    return [0] if maintenance.tidying_due_at(tx) <= moment else []


FEEDS = Work("subscriptions", subscriptions.next_due, subscriptions.due, _feed, goes_out=True)
ACCOUNTS = Work("accounts", remote.next_due, remote.due, _account, goes_out=True)
TIDYING = Work("tidying", maintenance.tidying_due_at, _tidy_due, _tidy)

WORKS: tuple[Work, ...] = (FEEDS, ACCOUNTS, TIDYING)
"""All kinds of work."""


def works_of(settings: Settings) -> tuple[Work, ...]:
    """What `davserver serve` does in the background; tidying it always does."""
    return tuple(work for work in WORKS if settings.outgoing.background or not work.goes_out)


def run_due(place: Place, works: Sequence[Work] = WORKS) -> int:
    """Do everything that is due now, one after the other; returns how many pieces."""
    count = 0
    end_dead_leases(place.store)
    for work in works:
        with place.store.read() as tx:
            keys = work.due(tx, now())
        for key in keys:
            if place.stopping.is_set():
                return count
            _run(place, work, key)
            count += 1
    return count


def _run(place: Place, work: Work, key: int) -> bool:
    """Do one piece; whether it went as foreseen."""
    try:
        work.run(place, key)
    except Exception:
        log.exception("%s %s failed", work.name, key)
        return False
    return True


class Runner:
    """Does what is due until it is stopped. The database is opened by its own thread."""

    def __init__(self, settings: Settings, works: Sequence[Work] = WORKS) -> None:
        self._settings = settings
        self._works = works
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="runner", daemon=True)
        self._active: dict[tuple[str, int], threading.Thread] = {}
        self._set_aside: dict[tuple[str, int], float] = {}
        self._push_at = 0.0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float = 10) -> None:
        """Let running pieces come to a clean end, and wait for that at most so long."""
        self._stopping.set()
        woken.set()
        until = time.monotonic() + seconds
        for thread in (self._thread, *list(self._active.values())):
            thread.join(max(0.0, until - time.monotonic()))

    def _loop(self) -> None:
        store = open_store(self._settings.storage)
        place = Place(store, self._settings, stopping=self._stopping)
        while not self._stopping.is_set():
            woken.clear()
            woken.wait(self._look(place))
        watch.expect((), None)
        if not self._active:
            store.close()

    def _look(self, place: Place) -> float:
        """Begin what is due; returns the seconds until the next look."""
        try:
            end_dead_leases(place.store)
            fetches = in_force(place.store, self._settings).outgoing.enabled
            works = [work for work in self._works if fetches or not work.goes_out]
            with place.store.read() as tx:
                watch.expect(remote.watched(tx) if ACCOUNTS in works else (), self._changed)
                found = [(work, key) for work in works for key in work.due(tx, now())]
                moments = [moment for work in works if (moment := work.next_due(tx)) is not None]
        except SQLAlchemyError as error:
            log.warning("looking for work failed: %s", getattr(error, "orig", None) or error)
            return LOOK_SECONDS
        for work, key in found:
            self._begin(place, work, key)
        later: list[float] = [moment - now() for moment in moments if moment > now()]
        if (pushing := self._push_at - time.monotonic()) > 0:
            later.append(pushing)
        return float(max(1.0, min([LOOK_SECONDS, *later])))

    def _changed(self) -> None:
        """A collection that is kept in step changes in this process: look when its push is due.

        Said inside the transaction, which is over by then; else a usual look finds it.
        """
        if self._push_at < time.monotonic():
            self._push_at = time.monotonic() + remote.PUSH_SECONDS
            woken.set()

    def _begin(self, place: Place, work: Work, key: int) -> None:
        name = (work.name, key)
        if name in self._active or len(self._active) >= AT_ONCE:
            return
        if self._set_aside.get(name, 0.0) > time.monotonic():
            return
        thread = threading.Thread(target=self._do, args=(place, work, key), name=work.name, daemon=True)
        self._active[name] = thread
        thread.start()

    def _do(self, place: Place, work: Work, key: int) -> None:
        # a copy of the place with an owner of its own: a lease belongs to one piece
        settings = in_force(place.store, self._settings)
        if not _run(Place(place.store, settings, stopping=place.stopping), work, key):
            self._set_aside[work.name, key] = time.monotonic() + TIME_OUT_SECONDS
        self._active.pop((work.name, key), None)
        woken.set()
