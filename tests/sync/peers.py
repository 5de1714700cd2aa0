"""Real servers to synchronise with: Radicale, Xandikos, sabre/dav, and a second one of ours.

    with peer("radicale", folder) as there:
        there.client()          a DavClient of ann's, without faults
        there.home              the URL of her calendars (address books: there.home_card)

Requests go to the WSGI application directly, so nothing is waited for; a Web may put faults between. Only
sabre/dav is a process of its own.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from sqlalchemy import URL

from davserver.app import Server
from davserver.config import Settings, StorageSettings
from davserver.model import CollectionKind
from davserver.storage import Store
from davserver.sync.client import DavClient, Facts
from davserver.sync.http import Answer, Password
from davserver.sync.quirks import Quirks
from tests.conftest import add_person
from tests.databases import make_file
from tests.davclient import PASSWORD
from tests.sync.sabre import sabre

ORIGIN = "http://remote.example"
Application = Callable[..., Any]


@dataclass
class WsgiWeb:
    """Sends requests to an application in this process."""

    app: Application
    user: str = "ann"
    password: str = PASSWORD

    def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """The application's answer."""
        parts = urlsplit(url)
        data = body or b""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
            "QUERY_STRING": parts.query,
            "CONTENT_LENGTH": str(len(data)),
            "SERVER_NAME": "remote.example",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.9",
            "HTTP_HOST": "remote.example",
            "HTTP_AUTHORIZATION": Password(self.user, self.password).basic(),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in (headers or {}).items():
            key = name.upper().replace("-", "_")
            environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        told: list[Any] = []
        answer = self.app(environ, lambda status, sent, exc_info=None: told.append((status, sent)))
        content = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        status, sent = told[-1]
        return Answer(int(status[:3]), {name.lower(): value for name, value in sent}, content, url)


@dataclass
class Peer:
    """A server to synchronise with. ``state`` tells whether anything in it was written."""

    name: str
    app: Application
    home: str
    home_card: str
    quirks: Quirks = field(default_factory=Quirks)

    def web(self) -> WsgiWeb:
        """Requests without faults."""
        return WsgiWeb(self.app)

    def client(self, web: Any = None) -> DavClient:
        """A client of ann's."""
        return DavClient(web or self.web(), ORIGIN + "/", self.quirks, sleep=lambda _: None)

    def make(self, kind: CollectionKind, name: str) -> str:
        """A new collection; returns its href."""
        home = self.home if kind is CollectionKind.CALENDAR else self.home_card
        href = f"{home}{name}/"
        components = ("VEVENT", "VTODO", "VJOURNAL") if kind is CollectionKind.CALENDAR else ()
        reply = self.client().make(href, kind, Facts(href, kind, name.title(), components=components))
        assert reply.ok, reply
        return href


@contextlib.contextmanager
def _radicale(folder: Path) -> Iterator[Peer]:
    pytest.importorskip("radicale", reason="Radicale is not installed")
    from radicale import Application, config, log

    configuration = config.load()
    configuration.update(
        {
            "storage": {"filesystem_folder": str(folder), "_filesystem_fsync": "False"},
            "auth": {"type": "none"},
            "logging": {"level": "error"},
        },
        "test",
        privileged=True,
    )
    app = Application(configuration)
    log.logger.setLevel(logging.CRITICAL)
    WsgiWeb(app).request("PROPFIND", f"{ORIGIN}/ann/", headers={"Depth": "0"})  # makes the principal
    yield Peer("radicale", app, "/ann/", "/ann/")


@contextlib.contextmanager
def _xandikos(folder: Path) -> Iterator[Peer]:
    pytest.importorskip("xandikos", reason="Xandikos is not installed")
    from xandikos.web import SingleUserFilesystemBackend, XandikosApp

    logging.getLogger("xandikos").setLevel(logging.CRITICAL)
    backend = SingleUserFilesystemBackend(path=str(folder))
    backend.create_principal("/ann/", create_defaults=True)
    backend._mark_as_principal("/ann/")
    app = XandikosApp(backend, "/ann/")
    with ThreadPoolExecutor(1) as pool:  # it starts an event loop, which this thread may have already

        def answer(environ: Any, start_response: Any) -> list[bytes]:
            return pool.submit(lambda: list(app(environ, start_response))).result()

        yield Peer("xandikos", answer, "/ann/calendars/", "/ann/contacts/")


@contextlib.contextmanager
def _davserver(folder: Path) -> Iterator[Peer]:
    fresh_database(folder / "remote.db")
    store = Store(URL.create("sqlite", database=str(folder / "remote.db")), synchronous="OFF")
    settings = Settings(storage=StorageSettings(data_dir=folder))
    try:
        app = Server(settings, store)
        yield Peer("davserver", app, "/dav/calendars/ann/", "/dav/addressbooks/ann/")
    finally:
        store.close()


def fresh_database(file: Path) -> None:
    """An SQLite database with the schema and ann in it; made once, then copied."""
    file.write_bytes(_template())


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = make_file(Path(folder) / "template.db")
        store = Store(URL.create("sqlite", database=str(file)), synchronous="OFF")
        with store.write() as tx:
            add_person(tx, "ann")
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()
        return file.read_bytes()


@contextlib.contextmanager
def _sabre(folder: Path) -> Iterator[Peer]:
    with sabre(folder) as app:
        yield Peer("sabre", app, "/calendars/ann/", "/addressbooks/ann/")


PEERS = {"radicale": _radicale, "xandikos": _xandikos, "davserver": _davserver, "sabre": _sabre}


@contextlib.contextmanager
def peer(name: str, folder: Path) -> Iterator[Peer]:
    """A server with an account of ann's, its data in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with PEERS[name](folder) as there:
        yield there
