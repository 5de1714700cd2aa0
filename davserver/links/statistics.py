"""Who fetches a link: counted in memory, written to the database in batches.

Thousands of readers poll all day; a write for each would keep the database busy. So hits are added up and
written a minute after the first one, and when the process ends. What a killed process had not written is
lost, which is at most a minute of counting.
"""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from functools import lru_cache

from sqlalchemy.exc import SQLAlchemyError

from davserver.storage import Store, links

SECONDS = 60.0
LONGEST_CLIENT = 200

log = logging.getLogger("davserver.links")


class Statistics:
    """Safe to share between threads."""

    def __init__(self, store: Store, seconds: float = SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._hits: dict[int, tuple[int, int, str]] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        atexit.register(_flush_at_exit, weakref.ref(self))

    def note(self, link_id: int, moment: int, client: str) -> None:
        """Count one request, answered in full or by "not modified"."""
        with self._lock:
            hits = self._hits.get(link_id, (0, 0, ""))[0]
            self._hits[link_id] = hits + 1, moment, client
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what has been counted."""
        with self._lock:
            hits, self._hits = self._hits, {}
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if not hits:
            return
        try:
            with self._store.write() as tx:
                links.count_hits(tx, ((key, *counted) for key, counted in sorted(hits.items())))
        except SQLAlchemyError as error:
            log.warning("statistics of links were not written: %s", str(error).partition("\n")[0])


def _flush_at_exit(held: weakref.ref[Statistics]) -> None:
    statistics = held()
    if statistics is not None:
        statistics.flush()


@lru_cache(maxsize=1000)
def client_name(agent: str | None) -> str:
    """A User-Agent as it is kept: one line of printable ASCII."""
    text = "".join(one for one in agent or "" if " " <= one <= "~")
    return text[:LONGEST_CLIENT]
