"""GNOME's calendars and contacts with the values of the page "Connect a device", by its real services.

evolution-data-server is what GNOME's settings, Evolution, Calendar and Contacts all go through. It runs on a
message bus and in a home of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from admin.clients import Access
from davserver.config import Settings
from davserver.jobs import app_passwords
from davserver.jobs.app_passwords import DEVICE, Wanted
from davserver.jobs.office import Office
from tests.content.objects import card, event
from tests.robustness.processes import Client, Server

PYTHON, SCRIPT = "/usr/bin/python3", Path(__file__).with_name("gnome.py")
NEEDED = 'import gi; gi.require_versions({"EDataServer": "1.2", "ECal": "2.0", "EBook": "1.2"})'


def _is_here() -> bool:
    if not shutil.which("dbus-run-session") or not Path(PYTHON).exists():
        return False
    done = subprocess.run([PYTHON, "-c", NEEDED], capture_output=True, check=False)
    return done.returncode == 0 and Path("/usr/libexec/evolution-source-registry").exists()


if not _is_here():
    pytest.skip(
        "evolution-data-server is not installed (Debian: apt install dbus evolution-data-server python3-gi"
        " gir1.2-ecal-2.0 gir1.2-ebook-1.2)",
        allow_module_level=True,
    )

CALENDAR, BOOK = "/dav/calendars/ann/default/", "/dav/addressbooks/ann/default/"


@dataclass
class Gnome:
    """A session of ann's."""

    process: subprocess.Popen[str]

    def ask(self, operation: str, *arguments: str) -> Any:
        """One operation of gnome.py."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([operation, *arguments]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["answer"]


@contextlib.contextmanager
def session(home: Path) -> Iterator[Gnome]:
    """From its first question to its end."""
    run = home / "run"
    run.mkdir(mode=0o700)
    environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(home), "XDG_RUNTIME_DIR": str(run)}
    with (home / "words").open("w") as words:
        process = subprocess.Popen(
            ["dbus-run-session", "--", PYTHON, str(SCRIPT)],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        )
        with process:  # its standard input is closed at the end, and with it the session
            yield Gnome(process)


@pytest.fixture(scope="module")
def access(server: Server) -> Access:
    """What the page shows to ann after it made an app password."""
    with contextlib.closing(server.place.open()) as store:
        made = app_passwords.create(Office(store, Settings()), "ann", Wanted("GNOME", DEVICE))
    return Access(server.url, "ann", made.password)


@pytest.fixture(scope="module")
def found(access: Access, gnome: Gnome) -> list[Any]:
    """(kind, name, path) of what GNOME finds with these values."""
    found: list[Any] = gnome.ask("account", access.address, access.name, access.password)
    return found


@pytest.fixture(scope="module")
def gnome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gnome]:
    """GNOME before it knows of us."""
    with session(tmp_path_factory.mktemp("gnome")) as gnome:
        yield gnome


@pytest.fixture
def ann(server: Server) -> Iterator[Client]:
    """Ann at another device."""
    with server.client() as client:
        yield client


def eventually(state: Callable[[], Any], wanted: Any) -> None:
    """GNOME looks when it likes to, and not at once."""
    until = time.monotonic() + 30
    while state() != wanted and time.monotonic() < until:
        time.sleep(0.1)
    assert state() == wanted


def test_the_values_of_the_page_lead_to_calendars_and_contacts(found: list[Any]) -> None:
    assert {(kind, path) for kind, _, path in found} == {
        ("contacts", BOOK),
        ("events", CALENDAR),
        ("memos", CALENDAR),
        ("tasks", CALENDAR),
    }
    assert {name for _, name, _ in found} == {"Calendar", "Contacts"}


@pytest.mark.parametrize("path", ["", "/", "/dav", "/dav/principals/ann/", "/dav.php/"])
def test_gnome_finds_everything_from_any_address_that_somebody_might_type(
    gnome: Gnome, server: Server, access: Access, path: str
) -> None:
    prefix = "/dav.php" if path == "/dav.php/" else "/dav"
    assert gnome.ask("discover", server.url + path, access.name, access.password) == [
        f"{server.url}{prefix}/addressbooks/ann/default/",
        f"{server.url}{prefix}/calendars/ann/default/",
    ]


TEXTS = {
    "events": "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:20260102T100000Z\r\nSUMMARY:{name}\r\nEND:VEVENT\r\n",
    "tasks": "BEGIN:VTODO\r\nUID:{uid}\r\nSUMMARY:{name}\r\nEND:VTODO\r\n",
    "contacts": "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nN:;{name};;;\r\nEND:VCARD\r\n",
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.usefixtures("found")
def test_what_is_made_changed_and_deleted_in_gnome_is_on_the_server(
    gnome: Gnome, ann: Client, kind: str
) -> None:
    path = BOOK if kind == "contacts" else CALENDAR
    before = ann.listing(path)
    uid = gnome.ask("add", kind, path, TEXTS[kind].format(uid=f"made-{kind}", name="Grüße ☃"))
    (name,) = set(ann.listing(path)) - set(before)
    body = ann.ask("GET", path + name).body.decode()
    assert "Grüße ☃" in body
    assert f"UID:{uid}" in body
    gnome.ask("change", kind, path, uid, "Änderung")
    body = ann.ask("GET", path + name).body.decode()
    assert "Änderung" in body
    assert "Grüße" not in body.replace("N:;Grüße", "")
    gnome.ask("remove", kind, path, uid)
    assert ann.listing(path) == before


ELSEWHERE: dict[str, tuple[str, str, Callable[[str], bytes]]] = {
    "events": (CALENDAR, "other%20name.ics", lambda to: event(f"SUMMARY:{to}")),
    "contacts": (BOOK, "other%20name.vcf", lambda to: card(f"FN:{to}")),
}


@pytest.mark.parametrize("kind", ELSEWHERE)
@pytest.mark.usefixtures("found")
def test_what_is_made_changed_and_deleted_elsewhere_is_in_gnome(gnome: Gnome, ann: Client, kind: str) -> None:
    path, name, make = ELSEWHERE[kind]

    def names() -> Any:
        return gnome.ask("listing", kind, path)

    assert names() == {}
    assert ann.put(path + name, make("Grüße ☃")).status == 201
    eventually(lambda: [*names().values()], ["Grüße ☃"])
    assert ann.put(path + name, make("Änderung")).status == 204
    eventually(lambda: [*names().values()], ["Änderung"])
    (uid,) = names()
    gnome.ask("change", kind, path, uid, "in GNOME")
    assert "in GNOME" in ann.ask("GET", path + name).body.decode()
    assert len(ann.listing(path)) == 1
    assert ann.ask("DELETE", path + name).status == 204
    eventually(names, {})
