"""Databases, people and the server for all tests that speak DAV or use the storage.

The same tests run on SQLite, and on PostgreSQL and MariaDB where DAVSERVER_TEST_POSTGRESQL_URL and
DAVSERVER_TEST_MARIADB_URL name a database; each session makes its own beside it and drops it at the end.
The schema is made once for a session by the migrations; between tests the tables are emptied. Tests marked
one_database show nothing about SQL and stay on SQLite, but for those beside them marked every_database.

    ann     owns a calendar and an address book, both called default
    bob     has his own; tests give him access to some of ann's
    eve     has an account and no access to anything of theirs: she must see nothing
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from passlib.handlers.argon2 import argon2
from sqlalchemy import URL, make_url

from davserver.app import Server
from davserver.auth import passwords
from davserver.config import Settings
from davserver.model import CollectionKind, NewCollection, NewPrincipal
from davserver.storage import Store, collections, migrations, principals
from tests.databases import empty, own_database
from tests.davclient import PASSWORD, Client, MakeClient, MakeServer

URL_VARIABLES = {
    "postgresql": "DAVSERVER_TEST_POSTGRESQL_URL",
    "mariadb": "DAVSERVER_TEST_MARIADB_URL",
}
PEOPLE = ("ann", "bob", "eve")
REAL_ARGON2 = passwords._argon2


SLOW_FIRST = ("robustness", "hosting", "interop", "web", "sync", "api")
"""Folders whose tests take long: what is begun last must not be what the others wait for."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow files first; and what is marked one_database stays on SQLite, unless marked every_database."""
    dropped = [one for one in items if not _is_wanted(one)]
    config.hook.pytest_deselected(items=dropped)
    kept = [one for one in items if _is_wanted(one)]
    items[:] = sorted(kept, key=lambda one: one.path.parent.name not in SLOW_FIRST)


def _is_wanted(item: pytest.Item) -> bool:
    if item.get_closest_marker("every_database") or not item.get_closest_marker("one_database"):
        return True
    callspec: Any = getattr(item, "callspec", None)
    return callspec is None or callspec.params.get("database", "sqlite") == "sqlite"


@pytest.fixture(params=["sqlite", *URL_VARIABLES])
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database that the test runs on."""
    kind: str = request.param
    variable = URL_VARIABLES.get(kind)
    if variable and not os.environ.get(variable):
        pytest.skip(f"{variable} is not set: nothing is tested on {kind}")
    return kind


@pytest.fixture(scope="session")
def open_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Store]]:
    """open_database("sqlite") → this session's database of that kind, migrated at its first use."""
    with ExitStack() as stack:

        @cache
        def opened(kind: str) -> Store:
            if kind == "sqlite":
                url = URL.create("sqlite", database=str(tmp_path_factory.mktemp("sqlite") / "davserver.db"))
            else:
                url = stack.enter_context(own_database(make_url(os.environ[URL_VARIABLES[kind]])))
            store = Store(url, synchronous="NORMAL")
            stack.callback(store.close)
            migrations.ensure(store)
            return store

        yield opened


@pytest.fixture
def store(database: str, open_database: Callable[[str], Store]) -> Store:
    """A database with the whole schema and not one row."""
    store = open_database(database)
    with store.write() as tx:
        empty(tx)
    return store


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashes() -> Iterator[None]:
    """Hashing is slow on purpose; here it is as quick as argon2 can be, in this process."""
    cheap = argon2.using(type="ID", memory_cost=16, time_cost=1, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_argon2", lambda: cheap)
        yield


@pytest.fixture
def real_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For tests of what a hash costs: as on a real server."""
    monkeypatch.setattr(passwords, "_argon2", REAL_ARGON2)
    passwords._dummy_hash.cache_clear()
    yield
    passwords._dummy_hash.cache_clear()


@cache
def secret() -> str:
    """The hash of PASSWORD."""
    return passwords.hash_password(PASSWORD)


def add_person(tx: Any, name: str, **columns: Any) -> int:
    """An account with a calendar and an address book ``default``; returns its id."""
    known = {"display_name": name.title(), "email": f"{name}@example.org", **columns}
    person = principals.add(tx, NewPrincipal(name, **known))
    principals.set_credential(tx, person.id, "app", secret())
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
