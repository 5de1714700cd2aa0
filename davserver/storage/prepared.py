"""Statements of the hot path: compiled once for each dialect, run on the driver's own cursor.

SQLAlchemy's execution costs several times what SQLite takes to answer one indexed row, and each request
runs two or three of these. What this gives up, the callers do not need: result types beyond the driver's own
(a boolean may come as 0 or 1) and expanding parameters. Errors are SQLAlchemy's, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, bindparam
from sqlalchemy.exc import DBAPIError

Values = dict[str, Any]
ROWS_AT_ONCE = 500


class Prepared:
    """One statement.

    :param key: a column of a query that is another one in every row, for long answers.
    :param columns: those that an INSERT is given; all of the table, unless said.
    """

    def __init__(self, statement: Any, key: Any = None, columns: Sequence[str] | None = None) -> None:
        self.statement = statement
        self._key = key
        self._columns = columns
        if key is not None:
            self._keys = Prepared(statement.with_only_columns(key))
            self._by_keys = PreparedIn(lambda keys: statement.where(key.in_(keys)))
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

    def run_many(self, tx: Connection, many: Sequence[Values]) -> None:
        """A statement without rows, for each of these values."""
        sql, names, _ = self._compiled.get(tx.dialect.name) or self._compile(tx)
        given: list[Any] = list(many) if names is None else [[one[name] for name in names] for one in many]
        cursor = tx.connection.cursor()
        try:
            cursor.executemany(sql, given)
        except tx.dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(sql, None, error, tx.dialect.loaded_dbapi.Error) from error
        finally:
            cursor.close()

    def stream(self, tx: Connection, values: Values) -> Iterator[Any]:
        """The rows of a long query in bounded memory."""
        return chain.from_iterable(self.batches(tx, values))

    def batches(self, tx: Connection, values: Values) -> Iterator[Sequence[Any]]:
        """The same, up to ROWS_AT_ONCE rows at a time."""
        if tx.dialect.name in ("mysql", "mariadb"):
            yield from self._paged(tx, values)
            return
        if tx.dialect.name != "sqlite":
            # PostgreSQL needs a cursor on the server for that, which SQLAlchemy knows to open.
            options = {"yield_per": ROWS_AT_ONCE}
            with tx.execute(self.statement, values, execution_options=options) as found:
                yield from found.partitions()  # a reader who leaves early leaves no open cursor behind
            return
        cursor = self._run(tx, values)
        try:
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                yield rows
        finally:
            cursor.close()

    def _paged(self, tx: Connection, values: Values) -> Iterator[Sequence[Any]]:
        """MariaDB's protocol carries one result at a time, read whole: first the keys, then rows by keys."""
        if self._key is None:
            yield from _cut(self.rows(tx, values))
            return
        for batch in _cut(self._keys.rows(tx, values)):
            yield self._by_keys.rows(tx, [row[0] for row in batch], values)

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
        compiled = self.statement.compile(dialect=tx.dialect, column_keys=self._columns)
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        entry = (str(compiled), compiled.positiontup, fixed)
        self._compiled[tx.dialect.name] = entry
        return entry


class PreparedIn:
    """A query with one IN (…), whatever the number of values.

    SQLAlchemy writes such a statement anew for each execution. Here there is one for each power of two, and
    the last value is repeated until it is filled.

    :param make: the statement, given the list of parameters for its IN.
    """

    def __init__(self, make: Callable[[list[Any]], Any]) -> None:
        self._make = make
        self._sized: dict[int, Prepared] = {}

    def rows(self, tx: Connection, many: Sequence[Any], values: Values) -> list[Any]:
        """All rows for these values, of which there is at least one."""
        values_of_in = filled(many)
        names = _names(len(values_of_in))
        prepared = self._sized.get(len(names))
        if prepared is None:
            prepared = self._sized[len(names)] = Prepared(self._make([bindparam(name) for name in names]))
        return prepared.rows(tx, {**dict(zip(names, values_of_in, strict=True)), **values})


def filled(many: Sequence[Any]) -> list[Any]:
    """The values, the last one repeated until their number is a power of two (or nothing)."""
    size = 1 << (len(many) - 1).bit_length() if many else 0
    return [*many, *[many[-1] for _ in range(size - len(many))]]


@lru_cache(maxsize=16)
def _names(size: int) -> tuple[str, ...]:
    return tuple(f"in_{number}" for number in range(size))


def _cut(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE))
