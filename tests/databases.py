"""Databases for tests: one beside another on a server, SQLite files without a migration of their own."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, text

from davserver.storage import Store, migrations, schema


class own_database:  # noqa: N801 - reads as a function: with own_database(url) as mine
    """A database made beside the given one, dropped at the end."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.name = f"davserver_test_{secrets.token_hex(6)}"

    def __enter__(self) -> URL:
        self._run(f"CREATE DATABASE {self.name}")
        if self.url.get_backend_name() == "postgresql":
            self._run(f"ALTER DATABASE {self.name} SET synchronous_commit = off")
        return self.url.set(database=self.name)

    def __exit__(self, *exc: object) -> None:
        force = " WITH (FORCE)" if self.url.get_backend_name() == "postgresql" else ""
        self._run(f"DROP DATABASE {self.name}{force}")

    def _run(self, statement: str) -> None:
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def make_file(file: Path) -> Path:
    """An SQLite database with the schema and not one row: the migrations ran once, this is a copy."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_template())
    return file


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "template.db"
        with closing(Store(URL.create("sqlite", database=str(file)), synchronous="OFF")) as store:
            migrations.ensure(store)
            with store.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return file.read_bytes()


def empty(tx: Connection) -> None:
    """Delete every row. Most tables have none, and one question tells which."""
    quote = tx.dialect.identifier_preparer.quote
    names = [quote(table.name) for table in reversed(schema.metadata.sorted_tables)]
    asked = ", ".join(f"EXISTS (SELECT 1 FROM {name})" for name in names)
    for name, is_filled in zip(names, tx.exec_driver_sql(f"SELECT {asked}").one(), strict=True):
        if is_filled:
            tx.exec_driver_sql(f"DELETE FROM {name}")
