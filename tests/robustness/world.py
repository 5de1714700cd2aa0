"""The whole server in this process over a small database, as the robustness tests use it.

A World has Ann (who asks), Bob (whose things she must not see) and settings with small limits, so that "too
large" and "too many" are cheap to try. Requests go straight to the WSGI callable, inside wsgiref's validator
where the request itself keeps the rules of WSGI. ``state`` is everything that is stored; ``rewind`` puts it
back. ``Work`` counts the lines of Python that an answer costs: a bound that does not depend on the machine.
"""

from __future__ import annotations

import base64
import io
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.validate import validator

from lxml import etree

import davserver
from davserver.app import create_app
from davserver.config import Settings
from davserver.jobs.office import Office
from davserver.jobs.users import NewUser, create_user
from davserver.storage import open_store
from tests.databases import make_file

PASSWORD = "correct horse"
SECRET = "Bobs-geheimer-Termin"
"""Stands in each of Bob's objects; no answer to Ann may hold it."""

OURS = str(Path(davserver.__file__).parent)
Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
State = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Wanted:
    """A request as a client writes it; ``target`` is percent-encoded and may have a query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, the last one where it stands twice."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, "" where there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    @property
    def xml(self) -> Any:
        """The root element of the body."""
        return etree.fromstring(self.body)


class TooMuchWork(BaseException):
    """An answer went over its bound. Nothing in the server may catch it."""


class Work:
    """Counts calls of Python functions, and in our own code lines; raises where they are too many."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.done = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what is done within."""
        before, done, most = sys.gettrace(), 0, self.most

        def line(_frame: FrameType, _event: str, _arg: Any) -> Any:
            nonlocal done
            done += 1
            if done > most:
                raise TooMuchWork(f"more than {most} steps")
            return line

        def called(frame: FrameType, event: str, arg: Any) -> Any:
            line(frame, event, arg)
            return line if frame.f_code.co_filename.startswith(OURS) else None

        sys.settrace(called)  # closures: this is what most of the time goes into
        try:
            yield
        finally:
            sys.settrace(before)
            self.done += done


def small_settings(folder: Path) -> Settings:
    """Small limits, no throttle (it would answer 429 to all that follows), no waiting for the disk."""
    default = Settings()
    return replace(
        default,
        storage=replace(default.storage, data_dir=folder, sqlite_synchronous="NORMAL"),
        auth=replace(default.auth, throttle_account=0, throttle_address=0, cache_seconds=3600),
        caldav=replace(default.caldav, max_resource_size=64 * 1024, max_instances=1000),
        carddav=replace(default.carddav, max_resource_size=64 * 1024, max_image_size=16 * 1024),
        limits=replace(
            default.limits, xml_size=64 * 1024, xml_depth=32, multiget_hrefs=100, query_instances=1000
        ),
    )


class World:
    """One server, one database."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.settings = settings or small_settings(folder)
        make_file(folder / "davserver.db")
        store = open_store(self.settings.storage)
        for name in ("ann", "bob"):
            create_user(Office(store, self.settings), NewUser(name, PASSWORD, f"{name}@example.org"))
        store.close()
        self.file = folder / "davserver.db"
        self.application: Application = create_app(self.settings)
        self.validated: Application = validator(_Typed(self.application))
        self._observer = sqlite3.connect(self.file, isolation_level=None)
        self._template = sqlite3.connect(":memory:")
        self._remembered = -1

    # -- asking

    def ask(self, wanted: Wanted, user: str = "ann", *, most_steps: int = 6_000_000) -> Answer:
        """The answer, or TooMuchWork."""
        environ = environ_of(wanted, user)
        application = self.application
        if _is_wsgi(environ):
            environ[REAL_METHOD] = wanted.method
            environ["REQUEST_METHOD"] = wanted.method if wanted.method in KNOWN else "POST"
            application = self.validated
        with Work(most_steps).counted():
            return call(application, environ)

    def put(self, target: str, body: bytes, user: str = "ann") -> Answer:
        """Store an object."""
        kind = "text/vcard" if target.endswith(".vcf") else "text/calendar"
        return self.ask(Wanted("PUT", target, (("Content-Type", kind),), body), user)

    # -- what is stored

    def version(self) -> int:
        """Changes when anything at all was committed since."""
        return int(self._observer.execute("PRAGMA data_version").fetchone()[0])

    def state(self) -> State:
        """Every row of every table but those that say who was here, and how often."""
        names = [
            row[0]
            for row in self._observer.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
                " AND name NOT LIKE 'sqlite%' ORDER BY name"
            )
        ]
        kept = [name for name in names if name not in ("device", "daily_figure")]
        return {name: self._observer.execute(f'SELECT * FROM "{name}"').fetchall() for name in kept}

    def remember(self) -> None:
        """The state that ``rewind`` returns to."""
        self._observer.backup(self._template)
        self._remembered = self.version()

    def rewind(self) -> None:
        """As it was when it was remembered."""
        if self.version() == self._remembered:
            return
        target = sqlite3.connect(self.file)
        self._template.backup(target)
        target.close()
        self._remembered = self.version()

    def faults(self) -> list[str]:
        """What is wrong with what is stored, whatever was asked before."""
        return faults(self._observer)

    def close(self) -> None:
        """Let go of the files."""
        self._observer.close()
        self._template.close()
        self.application.application.store.close()  # type: ignore[attr-defined]


FAULTS = (
    ("items without a body", "SELECT name FROM item WHERE id NOT IN (SELECT item_id FROM body)"),
    ("bodies without an item", "SELECT item_id FROM body WHERE item_id NOT IN (SELECT id FROM item)"),
    (
        "counts that are wrong",
        "SELECT name FROM collection WHERE (item_count, size) !="
        " (SELECT count(*), coalesce(sum(size), 0) FROM item WHERE collection_id = collection.id)",
    ),
    (
        "sizes that are wrong",
        "SELECT name FROM item JOIN body ON body.item_id = item.id WHERE item.size != length(body.data)",
    ),
    (
        "a revision used twice",
        "SELECT collection_id, revision FROM (SELECT collection_id, revision FROM item"
        " UNION ALL SELECT collection_id, revision FROM tombstone) GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    (
        "items newer than their collection",
        "SELECT item.name FROM item JOIN collection ON collection.id = collection_id"
        " WHERE item.revision > collection.revision",
    ),
    (
        "a collection whose token is not remembered",
        "SELECT name FROM collection WHERE NOT EXISTS (SELECT 1 FROM revision"
        " WHERE collection_id = collection.id"
        " AND revision.revision = collection.revision AND revision.stamp = collection.stamp)",
    ),
    (
        "names that are both there and gone",
        "SELECT item.name FROM item JOIN tombstone USING (collection_id, name)",
    ),
    (
        "a UID in two items of a collection",
        "SELECT collection_id, uid FROM item GROUP BY 1, 2 HAVING count(*) > 1",
    ),
)
"""A question and the SQL that finds rows where the answer is bad."""


def faults(database: sqlite3.Connection) -> list[str]:
    """What is wrong inside an SQLite database of ours, [] where nothing is."""
    found = [f"{question}: {rows}" for question, sql in FAULTS if (rows := database.execute(sql).fetchall())]
    bodies = database.execute(
        "SELECT item.name, item.etag, body.data FROM item JOIN body ON body.item_id = item.id"
    )
    for name, etag, data in bodies:
        if etag != f'"{blake2b(data, digest_size=16).hexdigest()}"':
            found.append(f"{name}: the entity tag is not of the body")
    return found


# -- a request as WSGI hands it over


def basic(user: str, password: str = PASSWORD) -> str:
    """The value of Authorization."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def environ_of(wanted: Wanted, user: str) -> Environ:
    """As waitress and gunicorn make it: the path decoded to bytes and shown as Latin-1."""
    path, _, query = wanted.target.partition("?")
    environ: Environ = {
        "REQUEST_METHOD": wanted.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "dav.example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "dav.example.org",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "HTTP_AUTHORIZATION": basic(user),
    }
    if wanted.body:
        environ["CONTENT_LENGTH"] = str(len(wanted.body))
    for name, value in wanted.headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value
    if environ.get("HTTP_TRANSFER_ENCODING") == "chunked":
        environ.pop("CONTENT_LENGTH", None)
        environ["wsgi.input_terminated"] = True
    announced = environ.get("CONTENT_LENGTH", "")
    seen = int(announced[:9]) if announced.isascii() and announced.isdigit() else len(wanted.body)
    environ["wsgi.input"] = io.BytesIO(wanted.body[:seen])
    return environ


def _is_wsgi(environ: Environ) -> bool:
    """Whether the request keeps the rules of WSGI itself, so that the validator can look at the answer."""
    announced: str = environ.get("CONTENT_LENGTH", "0")
    return announced.isascii() and announced.isdigit() and str(environ["PATH_INFO"]).startswith("/")


KNOWN = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE"})
"""Methods that wsgiref's validator has heard of; it warns of all others."""

REAL_METHOD = "davserver.test.method"


class _Typed:
    """Between the validator and the server: the real method goes in, and a Content-Type comes out.

    The validator wants one on every answer, RFC 9110 8.3 only where there is content.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        environ["REQUEST_METHOD"] = environ[REAL_METHOD]

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            names = {name.lower(): value for name, value in headers}
            if names.get("content-length") == "0" and "content-type" not in names:
                headers = [*headers, ("Content-Type", "text/plain")]
            return start_response(status, headers, *rest)

        return self.application(environ, start)


def call(application: Application, environ: Environ) -> Answer:
    """Run a request to its last byte, as a server does, and check that the two halves fit."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))
        return lambda data: None

    pieces = application(environ, start_response)
    try:
        body = b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
    assert len(started) == 1, f"start_response was called {len(started)} times"
    status, headers = started[0]
    return Answer(int(status[:3]), tuple(headers), body)
