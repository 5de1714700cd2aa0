"""The schema: what the migrations make is what schema.py describes, on every database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from davserver.config import CalDavSettings
from davserver.content import index
from davserver.errors import ConfigError
from davserver.model import CollectionKind, ItemIndex, NewItem
from davserver.storage import Store, collections, items, listing, migrations, schema
from tests.conftest import add_person
from tests.content.objects import event, todo

VERSIONS = Path(migrations.__file__).parent / "versions"


def test_the_migrations_make_what_the_schema_describes(store: Store) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": _differs})
        differences = compare_metadata(context, schema.metadata)
    assert differences == []


def _differs(context: Any, inspected: Any, described: Any, found: Any, wanted: Any) -> bool | None:
    """PostgreSQL and MariaDB answer by themselves, but for long texts; SQLite has one integer for all."""
    if context.dialect.name == "sqlite":
        return False
    made = wanted.compile(context.dialect)  # MariaDB makes the type of a length that is wide enough
    long = {f"TEXT({schema.LONGEST})": "LONGTEXT", f"BLOB({schema.LONGEST})": "LONGBLOB"}
    return type(found).__name__ != long[made] if made in long else None


def test_every_column_is_as_nullable_as_described(store: Store) -> None:
    with store.read() as tx:
        found = {
            f"{table}.{column['name']}": column["nullable"]
            for table in schema.metadata.tables
            for column in inspect(tx).get_columns(table)
        }
    described = {
        f"{name}.{column.name}": column.nullable
        for name, table in schema.metadata.tables.items()
        for column in table.columns
    }
    assert found == described


def test_texts_are_compared_byte_for_byte_on_every_database(store: Store) -> None:
    with store.write() as tx:
        for name in ("ann", "Ann", "änn", "ann "):
            add_person(tx, name)
        for name in ("ann", "Ann", "änn", "ann "):
            statement = schema.principal.select().where(schema.principal.c.name == name)
            assert [row.name for row in tx.execute(statement)] == [name]


def test_ids_are_never_used_again(store: Store) -> None:
    with store.write() as tx:
        first = add_person(tx, "ann")
        tx.execute(schema.principal.delete())
        assert add_person(tx, "ann") > first


def test_head_is_the_newest_migration() -> None:
    assert max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py")) == migrations.HEAD


def test_each_migration_follows_the_one_before() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [migrations.HEAD]
    assert [one.revision for one in scripts.walk_revisions()][-1] == "0001"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where an SQLite database will be."""
    return tmp_path / "davserver.db"


def _open(file: Path) -> Store:
    from sqlalchemy import URL

    return Store(URL.create("sqlite", database=str(file)))


def test_an_empty_sqlite_database_is_made_at_the_start_without_a_backup(file: Path) -> None:
    store = _open(file)
    assert migrations.current(store) is None
    assert migrations.ensure(store) is None
    assert migrations.current(store) == migrations.HEAD
    store.close()
    assert list(file.parent.glob("*.backup.db")) == []


def test_a_database_that_fits_is_left_alone(file: Path) -> None:
    store = _open(file)
    migrations.ensure(store)
    assert migrations.ensure(store) is None
    store.close()
    assert list(file.parent.glob("*.backup.db")) == []


def _as_older(file: Path) -> None:
    """A database of version 0000: the migration that made it is undone by hand."""
    store = _open(file)
    migrations.ensure(store)
    with store.write() as tx:
        add_person(tx, "ann")
    store.close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")


def test_an_older_sqlite_database_is_copied_before_its_upgrade(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _as_older(file)
    store = _open(file)
    upgraded: list[str] = []
    monkeypatch.setattr("alembic.command.upgrade", lambda config, head: upgraded.append(head))
    copied = migrations.ensure(store)
    assert upgraded == ["head"]
    assert copied is not None
    assert copied.parent == file.parent
    assert copied.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copied)) as connection:
        assert connection.execute("SELECT name FROM principal").fetchall() == [("ann",)]
    store.close()


def _downgrade(store: Store, revision: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    with store.write() as tx:
        config.attributes["connection"] = tx
        command.downgrade(config, revision)


def test_what_was_stored_before_lists_and_words_were_kept_is_listed_and_found(file: Path) -> None:
    store = _open(file)
    migrations.ensure(store)
    bodies = {"a": b"BEGIN:VCARD\nVERSION:3.0\nUID:a\nFN:\xc3\x84nne\nEND:VCARD\n", "b": b"not a card"}
    with store.write() as tx:
        add_person(tx, "ann")
        book = collections.get(tx, "ann", CollectionKind.ADDRESSBOOK, "default")
        assert book is not None
        items.put_new(
            tx, book, [NewItem(name, body, ItemIndex("VCARD", name)) for name, body in bodies.items()]
        )
    _downgrade(store, "0006")
    migrations.ensure(store)
    with store.read() as tx:
        assert [one.name for one in listing.by_key(tx, [book.id], b"", slice(0, 9))] == ["b", "a"]
        assert [one.name for one in listing.with_words(tx, [book.id], ["NNE"], slice(0, 9))] == ["a"]
    store.close()


def test_what_was_stored_before_busy_times_were_kept_is_told_as_by_a_reindex(file: Path) -> None:
    store = _open(file)
    migrations.ensure(store)
    bodies = {
        "single": event("DTEND:20260504T110000Z", "STATUS:TENTATIVE"),
        "invited": event("DTEND:20260504T110000Z", "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org"),
        "yearly": event("RRULE:FREQ=YEARLY", "TRANSP:TRANSPARENT"),
        "task": todo("DUE:20260504T100000Z"),
    }
    rows = {name: index.of_calendar_object(body, CalDavSettings()) for name, body in bodies.items()}
    new = [NewItem(name, body, rows[name]) for name, body in bodies.items()]
    new.append(NewItem("broken", b"not an event", ItemIndex("VEVENT", "broken")))
    with store.write() as tx:
        add_person(tx, "ann")
        home = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
        assert home is not None
        items.put_new(tx, home, new)
        ids = {name: found.id for name in [*rows, "broken"] if (found := items.get(tx, home.id, name))}
    _downgrade(store, "0007")
    migrations.ensure(store)
    with store.read() as tx:
        found_rows = {name: items.read_index(tx, key) for name, key in ids.items()}
    assert found_rows.pop("broken") == ItemIndex("VEVENT", "broken")
    assert found_rows == rows
    store.close()


def test_a_newer_database_stops_the_start(file: Path) -> None:
    store = _open(file)
    migrations.ensure(store)
    with store.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match=r"9999.*newer"):
        migrations.ensure(store)
    store.close()


def test_an_older_database_server_is_not_upgraded_by_itself(store: Store) -> None:
    if store.is_sqlite:
        pytest.skip("SQLite is upgraded at the start")
    with store.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        with pytest.raises(ConfigError, match="davserver db upgrade"):
            migrations.ensure(store)
    finally:
        with store.write() as tx:
            tx.execute(text(f"UPDATE alembic_version SET version_num = '{migrations.HEAD}'"))


def test_a_failed_upgrade_leaves_the_sqlite_database_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alembic import op

    store = _open(file)
    real = op.create_table

    def fail(name: str, *columns: Any, **options: Any) -> Any:
        if name == "item":
            raise RuntimeError("power cut")
        return real(name, *columns, **options)

    monkeypatch.setattr(op, "create_table", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        migrations.ensure(store)
    monkeypatch.undo()
    with store.read() as tx:
        assert inspect(tx).get_table_names() == []
    migrations.ensure(store)
    assert migrations.current(store) == migrations.HEAD
    store.close()
