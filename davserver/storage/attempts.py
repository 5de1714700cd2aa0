"""Failed logins, rate limits and used nonces: short-lived notes that all processes of one machine share.

They lie in a small SQLite file of their own, not in the database: whoever guesses passwords must not be
able to keep its write lock busy, and nothing is lost when the file is. Hence no fsync, and a file that
cannot be read is thrown away. A connection is opened for each use: these are the slow and rare requests,
and there is no state to share between threads or to carry over a fork.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
FILE_NAME = "attempts.db"

_TABLES = """
CREATE TABLE IF NOT EXISTS failure (key TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS ix_failure ON failure (key, at);
CREATE TABLE IF NOT EXISTS hit (key TEXT NOT NULL, at REAL NOT NULL, expires REAL NOT NULL);
CREATE INDEX IF NOT EXISTS ix_hit ON hit (key, at);
CREATE TABLE IF NOT EXISTS nonce (nonce TEXT, count INTEGER, expires REAL, PRIMARY KEY (nonce, count));
"""
_NTH_NEWEST = "SELECT at FROM failure WHERE key = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?"
_NTH_HIT = "SELECT expires FROM hit WHERE key = ? AND expires > ? ORDER BY at DESC LIMIT 1 OFFSET ?"

log = logging.getLogger("davserver.auth")


class Attempts:
    """The notes in ``data_dir``. If they cannot be kept, that is logged and nothing is throttled."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME
        with suppress(OSError):  # beside a database server nobody else may have made it
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)

    def nth_newest(self, key: str, number: int, since: float) -> float | None:
        """When the number-th newest failure happened, if after ``since``; None where there are fewer."""

        def read(file: sqlite3.Connection) -> float | None:
            row = file.execute(_NTH_NEWEST, (key, since, number - 1)).fetchone()
            return None if row is None else float(row[0])

        return self._use(read, None)

    def record(self, keys: Iterable[str], at: float, keep_since: float) -> None:
        """Note a failure under each key; failures older than ``keep_since`` are forgotten."""

        def write(file: sqlite3.Connection) -> None:
            file.execute("DELETE FROM failure WHERE at < ?", (keep_since,))
            file.executemany("INSERT INTO failure VALUES (?, ?)", [(key, at) for key in keys])

        self._use(write, None)

    def forget(self, key: str) -> None:
        """Forget the failures under a key."""
        self._use(lambda file: file.execute("DELETE FROM failure WHERE key = ?", (key,)), None)

    def hit(self, key: str, most: int, seconds: float, now: float) -> float:
        """Count one use of what may be used ``most`` times in so many seconds; returns the seconds to wait.

        0: there was room, and the use is counted. Otherwise nothing is counted: who waits gets in.
        """

        def write(file: sqlite3.Connection) -> float:
            file.execute("DELETE FROM hit WHERE expires <= ?", (now,))
            row = file.execute(_NTH_HIT, (key, now, most - 1)).fetchone()
            if row is not None:
                return float(row[0]) - now
            file.execute("INSERT INTO hit VALUES (?, ?, ?)", (key, now, now + seconds))
            return 0.0

        return self._use(write, 0.0)

    def is_first_use(self, nonce: str, count: int, expires: float, now: float) -> bool:
        """Note that a nonce was used with that count; False if it was already (a replay)."""

        def write(file: sqlite3.Connection) -> bool:
            file.execute("DELETE FROM nonce WHERE expires < ?", (now,))
            row = (nonce, count, expires)
            return file.execute("INSERT OR IGNORE INTO nonce VALUES (?, ?, ?)", row).rowcount == 1

        return self._use(write, unavailable=False)

    def _use(self, action: Callable[[sqlite3.Connection], T], unavailable: T) -> T:
        for _ in range(2):
            try:
                self.path.touch(mode=0o600)
                with closing(sqlite3.connect(self.path, timeout=5)) as file, file:
                    file.execute("PRAGMA synchronous=OFF")
                    file.executescript(_TABLES)
                    return action(file)
            except (sqlite3.OperationalError, OSError) as exc:
                log.error("cannot note failed logins in %s: %s", self.path, exc)
                return unavailable
            except sqlite3.DatabaseError:  # a power cut left a broken file: it is not worth more
                self.path.unlink(missing_ok=True)
        return unavailable
