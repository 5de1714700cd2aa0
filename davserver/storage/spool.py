"""The pieces of a file that is being imported, on disk, so that a file of any size needs little memory.

A private temporary SQLite database, whatever the server's own one is: SQLite keeps small ones in memory,
larger ones in a file of the temporary directory, and removes it when it is closed. Pieces that belong
together (overrides and their master) are found together wherever they stood in the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from types import TracebackType
from typing import Any

from davserver.content.streams import Head, Piece

_TABLES = """
    CREATE TABLE piece (number INTEGER PRIMARY KEY, name TEXT, uid TEXT, file TEXT, line INTEGER,
        calendar INTEGER, instance TEXT, zones TEXT, repairs TEXT, text BLOB);
    CREATE TABLE head (calendar INTEGER PRIMARY KEY, digest BLOB);
    CREATE TABLE zone (calendar INTEGER, tzid TEXT, digest BLOB, PRIMARY KEY (calendar, tzid)) WITHOUT ROWID;
    CREATE TABLE text (digest BLOB PRIMARY KEY, text BLOB);
"""
_ADD = """
    INSERT INTO piece (name, uid, file, line, calendar, instance, zones, repairs, text)
    VALUES (?,?,?,?,?,?,?,?,?)
"""
_GROUPS = "SELECT min(number), count(*), uid, name FROM piece GROUP BY uid, name ORDER BY 1"
_ONE = "SELECT * FROM piece WHERE number = ?"
_SEVERAL = "SELECT * FROM piece WHERE uid = ? AND name = ? ORDER BY number"
_SEPARATOR = "\x1f"

Filed = tuple[str, Piece]
"""The name of the file that a piece comes from ("" for a single one), and the piece."""


class Spool:
    """A place for pieces; to be closed."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;" + _TABLES)
        self._indexed = False
        self._text = lru_cache(maxsize=64)(self._read_text)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, piece: Piece, file: str = "") -> None:
        """Keep a piece; a VTIMEZONE for its calendar, the first one of each TZID."""
        if piece.name == "VTIMEZONE":
            values = (piece.calendar, piece.zones[0], self._keep_text(piece.text))
            self._database.execute("INSERT OR IGNORE INTO zone VALUES (?,?,?)", values)
            return
        zones, repairs = _SEPARATOR.join(piece.zones), _SEPARATOR.join(piece.repairs)
        head = (piece.name, piece.uid, file, piece.line, piece.calendar, piece.instance)
        self._database.execute(_ADD, (*head, zones, repairs, piece.text))

    def add_head(self, head: Head) -> None:
        """Keep what a calendar's components take from it."""
        self._database.execute("INSERT INTO head VALUES (?,?)", (head.calendar, self._keep_text(head.text)))

    def _keep_text(self, text: bytes) -> bytes:
        digest = blake2b(text, digest_size=16).digest()
        self._database.execute("INSERT OR IGNORE INTO text VALUES (?,?)", (digest, text))
        return digest

    def count(self) -> int:
        """How many groups there are."""
        counted = "SELECT count(*) FROM (SELECT 1 FROM piece GROUP BY uid, name)"
        self._index()
        return int(self._database.execute(counted).fetchone()[0])

    def groups(self) -> Iterator[list[Filed]]:
        """The pieces of each UID and component together, in the order of the file."""
        self._index()
        for number, count, uid, name in self._database.execute(_GROUPS):
            if count == 1:
                yield [_filed(self._database.execute(_ONE, (number,)).fetchone())]
            else:
                yield [_filed(row) for row in self._database.execute(_SEVERAL, (uid, name))]

    def _index(self) -> None:
        if not self._indexed:
            self._database.execute("CREATE INDEX together ON piece (uid, name)")
            self._indexed = True

    def head(self, calendar: int) -> bytes:
        """The head of a calendar."""
        return self._text("SELECT digest FROM head WHERE calendar = ?", (calendar,))

    def zone(self, calendar: int, tzid: str) -> bytes:
        """The VTIMEZONE of a TZID in a calendar; empty where it has none."""
        return self._text("SELECT digest FROM zone WHERE calendar = ? AND tzid = ?", (calendar, tzid))

    def _read_text(self, digest: str, key: tuple[Any, ...]) -> bytes:
        row = self._database.execute(f"SELECT text FROM text WHERE digest = ({digest})", key).fetchone()  # noqa: S608 - two constants
        return b"" if row is None else row[0]


def _filed(row: Any) -> Filed:
    _, name, uid, file, line, calendar, instance, zones, repairs, text = row
    parts = (
        tuple(zones.split(_SEPARATOR)) if zones else (),
        tuple(repairs.split(_SEPARATOR)) if repairs else (),
    )
    return file, Piece(name, text, line, calendar, uid, instance, *parts)
