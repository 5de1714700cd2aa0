"""Statements of the hot path: compiled once for each dialect, run on the driver's own cursor.

SQLAlchemy's execution costs several times what SQLite takes to answer one indexed row, and each request
runs two or three of these. What this gives up, the callers do not need: result types beyond the driver's own
(a boolean may come as 0 or 1) and expanding parameters. Errors are SQLAlchemy's, as everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Values = dict[str, Any]
ROWS_AT_ONCE = 500


class Prepared:
    """One statement."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self._compiled: dict[str, tuple[str, list[str] | None, Values]] = {}

    def rows(self, tx: Connection, values: Values) -> list[Any]:
        """All rows of a query."""
        cursor = self._run(tx, values)
        try:
            found: list[Any] = cursor.fetchall()
            return found
        finally:
            cursor.close()

    def first(self, tx: Connection, values: Values) -> Any:
        """The first row, None where there is none."""
        found = self.rows(tx, values)
        return found[0] if found else None

    def run(self, tx: Connection, values: Values) -> None:
        """A statement without rows."""
        self._run(tx, values).close()

    def stream(self, tx: Connection, values: Values) -> Iterator[Any]:
        """The rows of a long query in bounded memory."""
        if tx.dialect.name != "sqlite":
            # PostgreSQL and MariaDB need a cursor on the server for that, which SQLAlchemy knows to open.
            found = tx.execute(self.statement, values, execution_options={"yield_per": ROWS_AT_ONCE})
            try:
                yield from found
            finally:
                found.close()  # a reader who leaves early must not leave the server's cursor open
            return
        cursor = self._run(tx, values)
        try:
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield from rows
        finally:
            cursor.close()

    def _run(self, tx: Connection, values: Values) -> Any:
        sql, names, fixed = self._compiled.get(tx.dialect.name) or self._compile(tx)
        given = {**fixed, **values} if fixed else values
        parameters = given if names is None else [given[name] for name in names]
        cursor = tx.connection.cursor()
        try:
            cursor.execute(sql, parameters)
        except tx.dialect.loaded_dbapi.Error as error:
            cursor.close()
            raise DBAPIError.instance(sql, None, error, tx.dialect.loaded_dbapi.Error) from error
        return cursor

    def _compile(self, tx: Connection) -> tuple[str, list[str] | None, Values]:
        compiled = self.statement.compile(dialect=tx.dialect)
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        entry = (str(compiled), compiled.positiontup, fixed)
        self._compiled[tx.dialect.name] = entry
        return entry
