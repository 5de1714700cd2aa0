"""Real servers in processes of their own, killed and started again, and a client that keeps its connection.

    with served(Waitress(place)) as server:        place: a data directory and the environment around it
        ann = server.client()
        ann.put("one.ics", event("one"))

A Place may lie on SQLite, PostgreSQL or MariaDB. Accounts are made as the command line makes them.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote

from lxml import etree
from sqlalchemy import URL

from davserver.config import Settings
from davserver.jobs.office import Office
from davserver.jobs.users import NewUser, create_user
from davserver.storage import Store, migrations, open_store
from tests.databases import make_file
from tests.hosting.places import DEPLOY, ROOT, free_port
from tests.robustness.world import PASSWORD, basic

CALENDAR = "/dav/calendars/ann/default/"
D = "{DAV:}"


def event(uid: str, summary: str = "x", *, filler: int = 0) -> bytes:
    """A small event, or one with so many bytes of description."""
    folded = "".join("\r\n " + "y" * 70 for _ in range(filler // 73))
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\n"
        f"UID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260102T100000Z\r\nSUMMARY:{summary}\r\n"
        f"DESCRIPTION:{folded}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


# -- places


@dataclass(frozen=True)
class Place:
    """Where a server has its data."""

    folder: Path
    url: URL | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a server here."""
        own = {
            **os.environ,
            "DAVSERVER_DATA_DIR": str(self.folder),
            "PYTHONPATH": str(ROOT),
            **self.variables,
        }
        if self.url is not None:
            own["DAVSERVER_STORAGE_DATABASE_URL"] = self.url.render_as_string(hide_password=False)
        return own

    def open(self) -> Store:
        """Its database, for a look behind the scenes."""
        url = self.url.render_as_string(hide_password=False) if self.url is not None else ""
        return open_store(replace(Settings().storage, data_dir=self.folder, database_url=url))

    def check(self) -> str:
        """What ``davserver db check`` says; raises where it finds something."""
        command = [sys.executable, "-m", "davserver", "db", "check"]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def make_place(folder: Path, *users: str, url: URL | None = None, **variables: str) -> Place:
    """A fresh database with these accounts, ``ann`` if none is named."""
    place = Place(folder, url, variables)
    settings = Settings()
    settings = replace(settings, storage=replace(settings.storage, data_dir=folder))
    if url is None:
        make_file(folder / "davserver.db")
    with contextlib.closing(place.open()) as store:
        migrations.ensure(store)
        for name in users or ("ann",):
            create_user(Office(store, settings), NewUser(name, PASSWORD, f"{name}@example.org"))
    return place


# -- servers


class Server:
    """A server over a place. ``start`` returns when it answers."""

    quick_end = signal.SIGTERM

    def __init__(self, place: Place) -> None:
        self.place = place
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process

    @property
    def command(self) -> list[str]:
        """What is run."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Run it, in a process group of its own."""
        self._process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.place.environ,
            stdout=self._words,
            stderr=self._words,
            start_new_session=True,
        )
        until = time.monotonic() + 30
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), Client(self.port, timeout=5) as client:
                if client.ask("GET", "/healthz").status == 200:
                    return
            time.sleep(0.03)
        self._words.seek(0)
        raise AssertionError(f"no answer: {self._words.read()}")

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as the kernel does it."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """As an operator does it who does not wait for connections to end; for good."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.quick_end)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._words.close()

    def words(self) -> str:
        """What it wrote to its standard output and error."""
        self._words.seek(0)
        return self._words.read()

    def client(self, user: str = "ann") -> Client:
        """Somebody who talks to it."""
        return Client(self.port, user)


class Waitress(Server):
    """``davserver serve``."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "davserver", "serve", "--listen", f"127.0.0.1:{self.port}"]


class Gunicorn(Server):
    """gunicorn with our sample settings and so many processes."""

    processes = 4
    quick_end = signal.SIGQUIT

    @property
    def command(self) -> list[str]:
        options = ["--config", str(DEPLOY / "gunicorn.conf.py"), "--workers", str(self.processes)]
        bind = ["--bind", f"127.0.0.1:{self.port}", "--log-level", "warning"]
        return [sys.executable, "-m", "gunicorn", *options, *bind, "davserver.wsgi:application"]


@contextmanager
def served(server: Server) -> Iterator[Server]:
    """From its first answer to its end."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


# -- clients


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Synced:
    """One answer to sync-collection, or several for one that came in parts."""

    token: str
    changed: dict[str, str]
    gone: frozenset[str]


class Client:
    """One keep-alive connection of one user."""

    def __init__(self, port: int, user: str = "ann", timeout: float = 60) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._authorization = basic(user)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send one request; ``If_Match`` is a header's name."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, {"Authorization": self._authorization, **sent})
        if self._connection.sock is not None:
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        response = self._connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())

    def put(self, name: str, body: bytes, **headers: str) -> Answer:
        """PUT a calendar object or a card, into the default calendar unless the name is a path."""
        path = name if name.startswith("/") else CALENDAR + name
        kind = "text/vcard" if name.endswith(".vcf") else "text/calendar"
        return self.ask("PUT", path, body, Content_Type=kind, **headers)

    def listing(self, path: str = CALENDAR) -> dict[str, str]:
        """Name → entity tag of all items."""
        ask = b'<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
        answer = self.ask("PROPFIND", path, ask, Depth="1")
        assert answer.status == 207, answer
        return _responses(etree.fromstring(answer.body))[0]

    def sync(self, token: str = "", limit: int = 0, path: str = CALENDAR) -> Synced:
        """What changed since the token, in one answer of at most ``limit`` changes (0: all)."""
        limited = f"<limit><nresults>{limit}</nresults></limit>" if limit else ""
        ask = (
            f'<sync-collection xmlns="DAV:"><sync-token>{token}</sync-token><sync-level>1'
            f"</sync-level>{limited}"
            "<prop><getetag/></prop></sync-collection>"
        )
        answer = self.ask("REPORT", path, ask.encode())
        assert answer.status == 207, answer
        root = etree.fromstring(answer.body)
        changed, gone = _responses(root)
        return Synced(root.findtext(D + "sync-token") or "", changed, gone)


def _responses(root: etree._Element) -> tuple[dict[str, str], frozenset[str]]:
    """Changed and gone names; the collection itself is left out."""
    changed, gone = {}, set()
    for response in root.iter(D + "response"):
        name = unquote(response.findtext(D + "href") or "").rpartition("/")[2]
        status, etag = response.findtext(D + "status") or "", response.findtext(f".//{D}getetag")
        if name and re.search(r" 404 ", status):
            gone.add(name)
        elif name and etag:
            changed[name] = etag
    return changed, frozenset(gone)
