"""vdirsyncer keeps a folder of files and a collection of ours alike, by its real command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.content.objects import card, event
from tests.robustness.processes import Client, Server
from tests.robustness.world import PASSWORD

BESIDE_PYTHON = Path(sys.executable).with_name("vdirsyncer")
COMMAND = str(BESIDE_PYTHON) if BESIDE_PYTHON.exists() else shutil.which("vdirsyncer")
if COMMAND is None:
    pytest.skip("vdirsyncer is not installed", allow_module_level=True)

CONFIG = """\
[general]
status_path = "{folder}/status"

[pair both]
a = "here"
b = "there"
collections = ["{name}"]
metadata = ["displayname"{color}]
conflict_resolution = "a wins"

[storage here]
type = "filesystem"
path = "{folder}/here"
fileext = "{extension}"

[storage there]
type = "{kind}"
url = "{url}"
username = "ann"
password = "{password}"
"""


@dataclass(frozen=True)
class Pair:
    """A folder, a collection, and the command between them."""

    folder: Path
    path: str
    extension: str
    make: Callable[[str, str], bytes]
    client: Client

    def run(self, action: str) -> None:
        """Run vdirsyncer; every question it asks is answered with yes."""
        command = [COMMAND or "", "-c", str(self.folder / "config"), action]
        done = subprocess.run(
            command, input="y\n" * 9, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "error" not in done.stderr.lower(), done.stderr

    @property
    def here(self) -> dict[str, bytes]:
        """Bodies in the folder by UID."""
        return {
            uid_of(file.read_bytes()): file.read_bytes() for file in self.place.glob("*" + self.extension)
        }

    @property
    def there(self) -> dict[str, bytes]:
        """Bodies on the server by UID."""
        bodies = [self.client.ask("GET", self.path + name).body for name in self.client.listing(self.path)]
        return {uid_of(body): body for body in bodies}

    @property
    def place(self) -> Path:
        return self.folder / "here" / self.path.split("/")[-2]

    def put_here(self, uid: str, name: str) -> None:
        (self.place / (uid + self.extension)).write_bytes(self.make(uid, name))

    def file_of(self, uid: str) -> Path:
        return next(file for file in self.place.iterdir() if uid_of(file.read_bytes()) == uid)

    def name_of(self, uid: str) -> str:
        """The name of the item on the server."""
        names = self.client.listing(self.path)
        return next(name for name in names if uid_of(self.client.ask("GET", self.path + name).body) == uid)


def uid_of(body: bytes) -> str:
    return body.partition(b"UID:")[2].split()[0].decode()


KINDS = {
    "caldav": (".ics", "calendars", lambda uid, name: event(f"SUMMARY:{name}", uid=uid)),
    "carddav": (".vcf", "addressbooks", lambda uid, name: card(f"FN:{name}", uid=uid)),
}


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Pair]:
    """Both sides, after discovery: the collection is new on the server."""
    extension, home, make = KINDS[request.param]
    name = f"pair-{request.node.originalname}"[:40]
    (tmp_path / "here" / name).mkdir(parents=True)
    config = CONFIG.format(
        folder=tmp_path,
        name=name,
        extension=extension,
        kind=request.param,
        url=server.url + "/",
        password=PASSWORD,
        color=', "color"' if request.param == "caldav" else "",
    )
    (tmp_path / "config").write_text(config)
    with server.client() as client:
        made = Pair(tmp_path, f"/dav/{home}/ann/{name}/", extension, make, client)
        made.run("discover")
        yield made


def test_changes_on_either_side_reach_the_other(pair: Pair) -> None:
    for uid in ("one", "two", "three"):
        pair.put_here(uid, f"Grüße {uid}")
    pair.run("sync")
    assert pair.there == pair.here
    assert set(pair.there) == {"one", "two", "three"}

    tags = pair.client.listing(pair.path)
    pair.run("sync")
    assert pair.client.listing(pair.path) == tags, "nothing changed, and yet something was written"

    pair.client.put(pair.path + "four" + pair.extension, pair.make("four", "from there ☃"))
    pair.client.put(pair.path + pair.name_of("two"), pair.make("two", "changed there"))
    pair.put_here("one", "changed here")
    pair.file_of("three").unlink()
    pair.run("sync")
    assert pair.there == pair.here
    assert set(pair.there) == {"one", "two", "four"}
    assert "changed here" in pair.there["one"].decode()
    assert "changed there" in pair.here["two"].decode()

    pair.client.ask("DELETE", pair.path + pair.name_of("four"))
    pair.client.put(pair.path + pair.name_of("one"), pair.make("one", "conflict there"))
    pair.put_here("one", "conflict here")
    pair.run("sync")
    assert pair.there == pair.here
    assert set(pair.there) == {"one", "two"}
    assert "conflict here" in pair.there["one"].decode()


def test_two_hundred_items_go_there_and_come_back_byte_for_byte(pair: Pair) -> None:
    for number in range(200):
        pair.put_here(f"item-{number}", f"Nummer {number}")
    pair.run("sync")
    assert len(pair.there) == 200
    assert pair.there == pair.here


def test_names_and_colours_are_synchronised(pair: Pair) -> None:
    (pair.place / "displayname").write_text("Ärger & Freude")
    if pair.extension == ".ics":
        (pair.place / "color").write_text("#ff8800")
    pair.run("metasync")
    color = b'<calendar-color xmlns="http://apple.com/ns/ical/"/>'
    ask = b'<propfind xmlns="DAV:"><prop><displayname/>' + color + b"</prop></propfind>"
    found = pair.client.ask("PROPFIND", pair.path, ask, Depth="0").body.decode()
    assert "Ärger &amp; Freude" in found
    assert pair.extension != ".ics" or "#ff8800" in found.lower()
