"""Databases and transactions: what the settings name is opened, and made ready to lose nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from davserver.config import Settings
from davserver.errors import ConfigError
from davserver.storage import Store, engine, open_store, schema


def test_without_a_url_there_is_an_sqlite_file_in_a_private_folder(tmp_path: Path) -> None:
    store = open_store(replace(Settings().storage, data_dir=tmp_path / "new" / "data"))
    assert store.is_sqlite
    assert store.file == tmp_path / "new" / "data" / "davserver.db"
    assert (tmp_path / "new" / "data").stat().st_mode & 0o077 == 0
    with store.read() as tx:
        assert tx.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert tx.execute(text("PRAGMA synchronous")).scalar() == 2
        assert tx.execute(text("PRAGMA foreign_keys")).scalar() == 1
    store.close()


def test_a_url_that_is_none_is_told_with_its_key() -> None:
    for url in ("rubbish", "://", "postgresql+psycopg://host:port/x"):
        with pytest.raises(ConfigError, match=r"storage\.database_url"):
            open_store(replace(Settings().storage, database_url=url))


def test_what_raises_is_undone_and_what_ends_is_kept(store: Store) -> None:
    def write(*, fail: bool) -> None:
        with store.write() as tx:
            tx.execute(schema.setting.insert().values(name="a", value="1"))
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        write(fail=True)
    with store.read() as tx:
        assert tx.execute(schema.setting.select()).all() == []
    write(fail=False)
    with store.read() as tx:
        assert len(tx.execute(schema.setting.select()).all()) == 1


def test_a_read_transaction_leaves_nothing_behind(store: Store) -> None:
    with store.read() as tx:
        tx.execute(text("SELECT 1"))
    with store.write() as tx:
        tx.execute(schema.setting.insert().values(name="a", value="1"))


def test_a_second_writer_waits_no_longer_than_told(tmp_path: Path) -> None:
    file = str(tmp_path / "a.db")
    from sqlalchemy import URL

    first, second = (Store(URL.create("sqlite", database=file), busy_seconds=0) for _ in range(2))

    def write_twice() -> None:
        with first.write(), second.write():
            pass

    with pytest.raises(OperationalError) as caught:
        write_twice()
    assert engine.is_unavailable(caught.value)
    first.close()
    second.close()


def test_a_broken_rule_is_no_transient_failure(store: Store) -> None:
    def write_twice() -> None:
        with store.write() as tx:
            for _ in range(2):
                tx.execute(schema.setting.insert().values(name="a", value="1"))

    with pytest.raises(IntegrityError) as caught:
        write_twice()
    assert not engine.is_transient(caught.value)
    assert not engine.is_unavailable(caught.value)


def test_deadlocks_and_serialization_failures_are_transient() -> None:
    class DriverError(Exception):
        sqlstate: str | None = None

    postgresql = DriverError("deadlock detected")
    postgresql.sqlstate = "40P01"
    for original in (postgresql, DriverError(1213, "Deadlock found")):
        assert engine.is_transient(OperationalError("…", {}, original))


def test_letter_case_is_ignored_beyond_ascii_on_every_database(store: Store) -> None:
    with store.read() as tx:
        assert tx.execute(text("SELECT lower('ÖZ É')")).scalar() == "öz é"
        assert tx.execute(text("SELECT lower(NULL)")).scalar() is None
