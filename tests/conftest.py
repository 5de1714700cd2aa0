"""Databases, people and the server for all tests that speak DAV or use the storage.

The same tests run on SQLite, and on PostgreSQL and MariaDB where DAVSERVER_TEST_POSTGRESQL_URL and
DAVSERVER_TEST_MARIADB_URL name a database; each session makes its own beside it and drops it at the end.
The schema is made once for a session by the migrations; between tests the tables are emptied.

    ann     owns a calendar and an address book, both called default
    bob     has his own; tests give him access to some of ann's
    eve     has an account and no access to anything of theirs: she must see nothing
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, make_url, text

from davserver.app import Server
from davserver.config import Settings
from davserver.model import CollectionKind, NewCollection, NewPrincipal
from davserver.storage import Store, collections, migrations, principals, schema
from tests.davclient import PASSWORD, Client, MakeClient, MakeServer

URL_VARIABLES = {
    "postgresql": "DAVSERVER_TEST_POSTGRESQL_URL",
    "mariadb": "DAVSERVER_TEST_MARIADB_URL",
}
PEOPLE = ("ann", "bob", "eve")


@pytest.fixture(scope="session", params=["sqlite", *URL_VARIABLES])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[URL]:
    """The URL of an empty database that belongs to this session."""
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(tmp_path_factory.mktemp("sqlite") / "davserver.db"))
        return
    variable = URL_VARIABLES[request.param]
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set: nothing is tested on {request.param}")
    with own_database(make_url(os.environ[variable])) as url:
        yield url


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


@pytest.fixture(scope="session")
def _migrated(database_url: URL) -> Iterator[Store]:
    store = Store(database_url, synchronous="NORMAL")
    migrations.ensure(store)
    yield store
    store.close()


@pytest.fixture
def store(_migrated: Store) -> Store:
    """A database with the whole schema and not one row."""
    with _migrated.write() as tx:
        for table in reversed(schema.metadata.sorted_tables):
            tx.execute(table.delete())
    return _migrated


@cache
def _secret() -> str:
    """The hash of PASSWORD as an app password with the cheapest parameters: logins cost nothing here."""
    from passlib.hash import argon2

    cheap = argon2.using(memory_cost=8, time_cost=1, parallelism=1)
    return str(cheap.hash(PASSWORD))


def add_person(tx: Any, name: str, **columns: Any) -> int:
    """An account with a calendar and an address book ``default``; returns its id."""
    known = {"display_name": name.title(), "email": f"{name}@example.org", **columns}
    person = principals.add(tx, NewPrincipal(name, **known))
    principals.set_credential(tx, person.id, "app", _secret())
    for kind, title, components in (
        (CollectionKind.CALENDAR, "Calendar", "VEVENT,VTODO,VJOURNAL"),
        (CollectionKind.ADDRESSBOOK, "Contacts", ""),
    ):
        new = NewCollection(person.id, kind, "default", display_name=title, components=components)
        collections.create(tx, new)
    return person.id


@pytest.fixture
def people(store: Store) -> dict[str, int]:
    """ann, bob and eve: name → id."""
    with store.write() as tx:
        return {name: add_person(tx, name) for name in PEOPLE}


@pytest.fixture
def make_server(store: Store, people: dict[str, int], tmp_path: Path) -> MakeServer:
    """make_server(caldav={"max_resource_size": 2000}) → the whole server with other settings."""

    def make(**sections: dict[str, Any]) -> Server:
        sections.setdefault("storage", {}).setdefault("data_dir", tmp_path)
        settings = Settings()
        changed = {name: replace(getattr(settings, name), **keys) for name, keys in sections.items()}
        return Server(replace(settings, **changed), store)

    return make


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """The whole server with default settings."""
    made: Server = make_server()
    return made


@pytest.fixture
def client(server: Server) -> MakeClient:
    """client("ann", prefix="/dav.php") → somebody who talks to the server."""
    return lambda user, **options: Client(server, user, **options)


@pytest.fixture
def ann(client: MakeClient) -> Client:
    """Who owns things."""
    return client("ann")


@pytest.fixture
def bob(client: MakeClient) -> Client:
    """Who is given access."""
    return client("bob")


@pytest.fixture
def eve(client: MakeClient) -> Client:
    """Who must see nothing."""
    return client("eve")
