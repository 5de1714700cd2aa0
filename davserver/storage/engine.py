"""Databases and transactions: what differs between SQLite, PostgreSQL and MariaDB, and nothing else.

    with store.read() as tx:    one consistent snapshot
    with store.write() as tx:   SQLite takes its write lock at BEGIN, so a check and the write that
                                depends on it are one step; the others lock the collection's row

A write is durable when the block ends: SQLite runs in WAL mode with synchronous=FULL.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from davserver.config import StorageSettings
from davserver.errors import ConfigError

PAGE_CACHE_KIB = 4096
"""SQLite's page cache per connection; with a handful of threads it stays far below the idle memory."""

POOL_SIZE = 8
"""Connections kept open for reuse; more are opened while more are needed at once."""

_RETRY_CODES = {"40001", "40P01", "1213", "1205", "1020"}
"""Serialization failures and deadlocks of PostgreSQL (SQLSTATE) and MariaDB (error number)."""


class Store:
    """An opened database. Safe to share between threads; a forked child opens connections of its own."""

    def __init__(self, url: URL, *, synchronous: str = "FULL", busy_seconds: int = 30) -> None:
        self.url = url
        self.dialect = url.get_backend_name()
        self.engine = _create_engine(url, synchronous, busy_seconds)
        self._reads, self._writes = _read_and_write(self.engine, self.dialect)
        self._idle: list[Connection] = []
        os.register_at_fork(after_in_child=self._forget_connections)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.dialect == "sqlite"

    @property
    def file(self) -> Path | None:
        """The database file of SQLite, None elsewhere."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    @property
    def busy(self) -> int:
        """Connections that a transaction holds at this moment."""
        pool: Any = self.engine.pool
        return int(pool.checkedout()) - len(self._idle)

    def read(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the database and leaves nothing behind."""
        return _Snapshot(self._reads, self._idle) if self.is_sqlite else self._read()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._reads.connect() as connection:
            connection.begin()  # not left to the first statement: prepared.py goes past SQLAlchemy
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed when the block ends, and undone when it raises."""
        with self._writes.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all pooled connections."""
        while self._idle:
            self._idle.pop().close()
        self.engine.dispose()

    def _forget_connections(self) -> None:
        for connection in self._idle:
            connection.detach()
        self._idle.clear()
        self.engine.dispose(close=False)


class _Snapshot:
    """A read transaction of SQLite, begun and ended on the driver: of SQLAlchemy's 20 µs it needs little.

    An embedded database does not hang up, so connections are kept open, not only pooled.
    """

    __slots__ = ("_connection", "_driver", "_engine", "_idle")

    def __init__(self, engine: Engine, idle: list[Connection]) -> None:
        self._engine = engine
        self._idle = idle

    def __enter__(self) -> Connection:
        self._connection = self._idle.pop() if self._idle else self._engine.connect()
        driver: Any = self._connection.connection.driver_connection
        self._driver = driver
        try:
            _begin(self._driver, "BEGIN")
        except BaseException:
            self._connection.close()
            raise
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None and len(self._idle) < POOL_SIZE // 2:
            if self._connection.in_transaction():
                self._connection.rollback()
            self._driver.rollback()
            self._idle.append(self._connection)
        else:
            self._connection.close()


def open_store(settings: StorageSettings) -> Store:
    """The database that the settings name; an SQLite file is created with its folder.

    Does not look at the schema: see :mod:`davserver.storage.migrations`.
    """
    configured = settings.database_url
    if configured:
        try:
            url = make_url(configured)
        except (ArgumentError, ValueError) as error:
            raise ConfigError(f"storage.database_url is not a database URL: {error}") from None
    else:
        folder = Path(settings.data_dir)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / "davserver.db"
        file.touch(mode=0o600)
        url = URL.create("sqlite", database=str(file))
    return Store(url, synchronous=settings.sqlite_synchronous, busy_seconds=settings.busy_seconds)


def is_transient(error: DBAPIError) -> bool:
    """Whether the same transaction, run again, may well succeed (deadlock, serialization failure)."""
    original: Any = error.orig
    code = getattr(original, "sqlstate", None) or (original.args[:1] or [""])[0]
    return str(code) in _RETRY_CODES


def is_unavailable(error: DBAPIError) -> bool:
    """Whether the database is busy or away, so that a client should come again later."""
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated


def now() -> int:
    """The clock of the storage: UTC seconds."""
    return int(time.time())


def _create_engine(url: URL, synchronous: str, busy_seconds: int) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            pool_size=POOL_SIZE,
            pool_use_lifo=True,  # the connection used last has its pages at hand
            max_overflow=64,
            connect_args={"timeout": busy_seconds, "check_same_thread": False, "cached_statements": 256},
        )
        event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, synchronous))
        return engine
    is_mariadb = url.get_backend_name() in ("mysql", "mariadb")
    if is_mariadb:
        url = url.update_query_dict({"charset": "utf8mb4"})
    engine = create_engine(url, pool_size=POOL_SIZE, max_overflow=64, pool_pre_ping=True, pool_recycle=1800)
    if is_mariadb:
        # Its protocol carries one result at a time: a statement in the middle of a streamed listing would
        # throw the rest of the listing away. So results are read whole there.
        engine.dialect.supports_server_side_cursors = False
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, synchronous: str) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
        f"cache_size=-{PAGE_CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    # SQLite's own lower() knows ASCII only; people are called Öz.
    connection.create_function("lower", 1, lambda text: text and text.lower(), deterministic=True)


def _read_and_write(engine: Engine, dialect: str) -> tuple[Engine, Engine]:
    """Two views of one pool. SQLite begins by hand (its driver would begin too late)."""
    if dialect != "sqlite":
        return (
            engine.execution_options(isolation_level="REPEATABLE READ"),
            engine.execution_options(isolation_level="READ COMMITTED"),
        )
    reads, writes = engine.execution_options(begin="BEGIN"), engine.execution_options(begin="BEGIN IMMEDIATE")
    event.listen(engine, "begin", _begin_sqlite)
    return reads, writes


def _begin_sqlite(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if not driver.in_transaction:  # in a _Snapshot it has begun
        _begin(driver, connection.get_execution_options().get("begin", "BEGIN"))


def _begin(driver: sqlite3.Connection, begin: str) -> None:
    try:
        driver.execute(begin)
    except sqlite3.Error as error:
        raise DBAPIError.instance(begin, None, error, sqlite3.Error) from error
