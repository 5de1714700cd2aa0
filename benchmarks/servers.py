"""The servers: how each is installed, started, seeded and watched.

Rules: real processes on free ports of 127.0.0.1, everything below a scratch folder; peers live in virtual
environments of their own. A server is a subclass of ``Server``; workloads know only its public names.
CPU and memory are those of the process tree, from /proc (Linux).
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import davserver
from benchmarks import floor
from benchmarks.client import Client, Request, Wrong, expect_status
from benchmarks.data import DataSet, Item, stamp

ACCOUNT = ("bench", "bench-pw")
CALENDAR, ADDRESS_BOOK = "work", "people"
SMALL = [f"small{number:02d}" for number in range(18)]
"""Empty calendars beside the large one, so that a home listing is one of twenty."""

START_SECONDS = 60
ROOT = Path(__file__).resolve().parent.parent

NAMESPACES = b'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:A="urn:ietf:params:xml:ns:carddav"'
MKCALENDAR = b"<C:mkcalendar %s><set><prop><displayname>%s</displayname></prop></set></C:mkcalendar>"
MKCOL = (
    b"<mkcol %s><set><prop><resourcetype><collection/><A:addressbook/></resourcetype>"
    b"<displayname>%s</displayname></prop></set></mkcol>"
)
POLL = b"<propfind %s><prop><resourcetype/></prop></propfind>" % NAMESPACES
XML = {"Content-Type": "application/xml; charset=utf-8"}


class Unavailable(Exception):
    """A server cannot be installed or started here."""


class Server:
    """A server under test. Subclasses say where its collections are and how it starts."""

    name: str
    calendars: str
    """Path of the calendar home."""
    addressbooks: str
    """Path of the address book home."""
    account: tuple[str, str] | None = ACCOUNT
    export = ""
    """What follows a calendar's path to get all of it as one file."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder / self.name
        self.python = cache / self.name / "bin" / "python"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def calendar(self) -> str:
        """Path of the large calendar."""
        return f"{self.calendars}{CALENDAR}/"

    @property
    def address_book(self) -> str:
        """Path of the address book."""
        return f"{self.addressbooks}{ADDRESS_BOOK}/"

    def install(self) -> str:
        """Make it ready to start, once per machine; returns its version. ``Unavailable`` says why not."""
        if not self.python.exists():
            venv.create(self.python.parent.parent, with_pip=True)
        installed = _run([self.python, "-m", "pip", "--quiet", "install", self.name])
        if installed.returncode:
            reason = installed.stderr.strip().rpartition("\n")[2]
            raise Unavailable(f"{self.name} cannot be installed: {reason}")
        code = f"import importlib.metadata as m; print(m.version({self.name!r}))"
        return _run([self.python, "-c", code]).stdout.strip()

    def prepare(self) -> None:
        """What must be there before the first start."""

    def command(self) -> Sequence[str | Path]:
        """The command line that serves ``folder`` at ``port``."""
        raise NotImplementedError

    def seed(self, data: DataSet) -> None:
        """Make the collections and fill them, while it runs."""
        client = self.client()
        for name in [CALENDAR, *SMALL]:
            body = MKCALENDAR % (NAMESPACES, name.encode())
            _done(client, Request("MKCALENDAR", f"{self.calendars}{name}/", body, XML))
        body = MKCOL % (NAMESPACES, ADDRESS_BOOK.encode())
        _done(client, Request("MKCOL", self.address_book, body, XML))
        self.fill(self.calendar, data.objects)
        self.fill(self.address_book, data.cards)
        client.close()

    def fill(self, path: str, items: Sequence[Item]) -> None:
        """Store items in a collection, over HTTP where nothing else is known."""
        client = self.client()
        for item in items:
            _done(client, Request("PUT", path + item.name, item.body, {"Content-Type": item.content_type}))
        client.close()

    def client(self) -> Client:
        """A connection with this server's account."""
        return Client(self.port, self.account)

    def start(self) -> None:
        """Start the process; returns when it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        environment = {**os.environ, "DAVSERVER_DATA_DIR": str(self.folder), "PYTHONPATH": str(ROOT)}
        with (self.folder.parent / f"{self.name}.log").open("ab") as output:
            self._process = subprocess.Popen(
                self.command(), stdout=output, stderr=output, env=environment, cwd=self.folder
            )
        self._wait_for_port()

    def stop(self) -> None:
        """End the process; nothing happens where it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def cold_start(self) -> float:
        """Stop, start, and the seconds until the first 207 about the large calendar."""
        self.stop()
        began = time.perf_counter()
        self.start()
        client = self.client()
        expect_status(client.send(Request("PROPFIND", self.calendar, POLL, {**XML, "Depth": "0"})), 207)
        seconds = time.perf_counter() - began
        client.close()
        return seconds

    def cpu_seconds(self) -> float:
        """User and system time of the process tree so far; the kernel counts in steps of 10 ms."""
        return sum(_cpu_ticks(pid) for pid in self._tree()) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> tuple[float, float]:
        """MiB in memory now, and at most since ``forget_peak``."""
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in self._tree()]
        return sum(_mib("VmRSS", text) for text in texts), sum(_mib("VmHWM", text) for text in texts)

    def forget_peak(self) -> None:
        """Begin to watch the memory's peak anew (proc(5), clear_refs)."""
        for pid in self._tree():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def _tree(self) -> list[int]:
        assert self._process is not None
        children: dict[int, list[int]] = {}
        for pid, parent in _parents():
            children.setdefault(parent, []).append(pid)
        tree = [self._process.pid]
        for pid in tree:
            tree += children.get(pid, [])
        return tree

    def _wait_for_port(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                return
        log = (self.folder.parent / f"{self.name}.log").read_text(errors="replace")
        raise Unavailable(f"{self.name} does not start: {log.strip()[-300:]}")


class Davserver(Server):
    """This project, by ``davserver serve``."""

    name = "davserver"
    calendars = "/dav/calendars/bench/"
    addressbooks = "/dav/addressbooks/bench/"
    export = "?export"

    def install(self) -> str:
        return davserver.__version__

    def prepare(self) -> None:
        self.folder.mkdir(parents=True)
        user, password = ACCOUNT
        options = ["--email", "bench@example.org", "--display-name", "Bench", "--password-stdin"]
        self._run("user", "add", user, *options, given=password)

    def fill(self, path: str, items: Sequence[Item]) -> None:
        """By its own import: objects are checked and indexed as at PUT, and named by their UIDs."""
        kind, user, name = path.strip("/").split("/")[-3:]
        file = self.folder / "seed"
        with file.open("wb") as stream:
            stream.writelines(item.body for item in items)
        self._run("import", str(file), "--user", user, f"--{kind.removesuffix('s')}", name)
        file.unlink()

    def _run(self, *arguments: str, given: str = "") -> None:
        environment = {**os.environ, "DAVSERVER_DATA_DIR": str(self.folder), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "davserver", *arguments]
        done = subprocess.run(
            command,
            input=given,
            env=environment,
            capture_output=True,
            text=True,
            cwd=self.folder,
            check=False,
        )
        if done.returncode:
            raise Wrong(
                f"davserver {arguments[0]}: {done.stdout.strip()[-300:]} {done.stderr.strip()[-300:]}"
            )

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "davserver", "serve", "--listen", f"127.0.0.1:{self.port}"]


class Floor(Server):
    """The floor of pure Python (floor.py), told the truth when it is seeded."""

    name = "floor"
    calendars = "/calendars/"
    addressbooks = "/addressbooks/"

    def install(self) -> str:
        return f"waitress {version('waitress')}, SQLite {sqlite3.sqlite_version}"

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, "-m", "benchmarks.floor", self.folder / "floor.db", str(self.port)]

    def seed(self, data: DataSet) -> None:
        database = floor.connect(str(self.folder / "floor.db"))
        database.executescript(floor.SCHEMA)
        database.execute("BEGIN")
        for name in SMALL:
            database.execute("INSERT INTO collection (kind, name) VALUES ('calendars', ?)", (name,))
        self._insert(database, "calendars", CALENDAR, data.objects)
        self._insert(database, "addressbooks", ADDRESS_BOOK, data.cards)
        database.execute("COMMIT")
        database.close()

    def _insert(self, database: sqlite3.Connection, kind: str, name: str, items: Sequence[Item]) -> None:
        sql = "INSERT INTO collection (kind, name) VALUES (?, ?) RETURNING id"
        (collection,) = database.execute(sql, (kind, name)).fetchone()
        for item in items:
            row = (
                collection,
                item.name,
                item.uid,
                item.component,
                item.title.lower(),
                f'"{item.uid}"',
                item.body,
            )
            sql = "INSERT INTO item (collection, name, uid, component, title, etag, body, revision)"
            identity = database.execute(f"{sql} VALUES (?,?,?,?,?,?,?,0)", row).lastrowid
            times = [(collection, stamp(i[0]), stamp(i[1]), identity, item.opaque) for i in item.instances]
            database.executemany("INSERT INTO occurrence VALUES (?,?,?,?,?)", times)


class Radicale(Server):
    """Radicale's own server, htpasswd accounts. Items are put into its store: a PUT costs it O(N)."""

    name = "radicale"
    calendars = addressbooks = "/bench/"

    def prepare(self) -> None:
        self.folder.mkdir(parents=True)
        (self.folder / "users").write_text(":".join(ACCOUNT))

    def command(self) -> Sequence[str | Path]:
        options = {
            "server-hosts": f"127.0.0.1:{self.port}",
            "storage-filesystem-folder": str(self.folder),
            "auth-type": "htpasswd",
            "auth-htpasswd-filename": str(self.folder / "users"),
            "auth-htpasswd-encryption": "plain",
            "logging-level": "warning",
        }
        return [self.python, "-m", "radicale", *(f"--{key}={value}" for key, value in options.items())]

    def fill(self, path: str, items: Sequence[Item]) -> None:
        folder = self.folder / "collection-root" / path.strip("/")
        for item in items:
            (folder / item.name).write_bytes(item.body)


class Xandikos(Server):
    """Xandikos' own server, without accounts, as it comes. Items are committed to its git repositories."""

    name = "xandikos"
    calendars = "/bench/calendars/"
    addressbooks = "/bench/contacts/"
    account = None

    def command(self) -> Sequence[str | Path]:
        place = ["--listen-address=127.0.0.1", f"--port={self.port}", f"--directory={self.folder}"]
        return [
            self.python,
            "-m",
            "xandikos",
            "serve",
            *place,
            "--current-user-principal=/bench/",
            "--defaults",
        ]

    def fill(self, path: str, items: Sequence[Item]) -> None:
        folder = self.folder / path.strip("/")
        for item in items:
            (folder / item.name).write_bytes(item.body)
        identity = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
        for action in (["add", "--all"], ["commit", "--quiet", "--message=seed"]):
            done = _run(["git", *identity, "-C", folder, *action])
            if done.returncode:
                raise Unavailable(f"xandikos cannot be seeded: {done.stderr.strip()[-200:]}")


SERVERS: Sequence[type[Server]] = (Floor, Davserver, Radicale, Xandikos)
"""In the order of the report. The floor is what the others are compared with."""

PEERS = frozenset({"radicale", "xandikos"})


def _run(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _done(client: Client, request: Request) -> None:
    answer = client.send(request)
    if answer.status not in (200, 201, 204):
        raise Wrong(f"{request.method} {request.path}: status {answer.status} {answer.body[:200]!r}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _stat(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat from the state on: 1 parent, 11 utime, 12 stime."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parents() -> Iterator[tuple[int, int]]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield int(pid), int(_stat(pid)[1])
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue


def _cpu_ticks(pid: int) -> int:
    return sum(map(int, _stat(pid)[11:13]))


def _mib(key: str, status: str) -> float:
    found = re.search(rf"{key}:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0
