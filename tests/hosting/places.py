"""Real web servers in temporary folders, and the conversation that davserver must hold behind each.

The package is installed there as at a user's: an unpacked wheel in a folder ``lib``, beside links to the
libraries; nothing is imported from the checkout.
"""

from __future__ import annotations

import base64
import http.client
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PASSWORD = "correct horse"
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n"
    "DTSTAMP:20260101T000000Z\r\nDTSTART:20260102T100000Z\r\nSUMMARY:Käsekuchen\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Client:
    """Speaks to one mount of one server."""

    port: int
    mount: str = ""
    user: str = "ann"
    host: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send one request on a connection of its own; ``If_None_Match`` is a header's name."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.user:
            token = base64.b64encode(f"{self.user}:{PASSWORD}".encode()).decode()
            sent["Authorization"] = f"Basic {token}"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        try:
            connection.request(method, self.mount + path, body, {**self.headers, **sent})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()


def converse(client: Client) -> None:
    """What a calendar program does on its first day; every step must hold behind every server."""
    calendar = "/dav/calendars/ann/default/"
    nobody = Client(client.port, client.mount, "", headers=client.headers)
    assert nobody.request("GET", "/healthz").body == b"ok\n"
    refused = nobody.request("PROPFIND", "/dav/", Depth="0")
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith('Basic realm="davserver"')
    well_known = nobody.request("PROPFIND", "/.well-known/caldav")
    assert (well_known.status, well_known.headers["Location"]) == (301, client.mount + "/dav/")

    ask = b'<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
    found = client.request("PROPFIND", "/dav/", ask, Depth="0")
    assert found.status == 207, found
    assert f">{client.mount}/dav/principals/ann/<".encode() in found.body

    name = calendar + "K%C3%A4se%20%26%20100%25%3F%2B.ics"
    event = EVENT.format(uid="one").encode()
    put = client.request("PUT", name, event, Content_Type="text/calendar", If_None_Match="*")
    assert put.status == 201, put
    assert client.request("PUT", name, event, If_None_Match="*").status == 412
    got = client.request("GET", name)
    assert (got.status, got.body, got.headers["ETag"]) == (200, event, put.headers["ETag"])
    listed = client.request("PROPFIND", calendar, Depth="1")
    hrefs = re.findall(r"href>([^<]*)<", listed.body.decode())
    assert unquote(client.mount + name) in [unquote(unescape(href)) for href in hrefs]
    assert client.request("HEAD", name).status == 200
    assert client.request("OPTIONS", calendar).headers["DAV"].startswith("1")
    assert client.request("DELETE", name, If_Match=put.headers["ETag"]).status == 204
    assert client.request("GET", name).status == 404


# -- installing


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the web server's own user can enter (pytest's are for the tester's eyes only)."""
    folder = Path(tempfile.mkdtemp(prefix="davserver-hosting-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install_lib(folder: Path) -> Path:
    """``folder/lib``: the wheel, unpacked, and links to the libraries of this environment."""
    pytest.importorskip("hatchling")
    code = f"import hatchling.build as b; print(b.build_wheel({str(folder)!r}))"
    built = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    lib = folder / "lib"
    lib.mkdir()
    with zipfile.ZipFile(folder / built.stdout.split()[-1]) as wheel:
        wheel.extractall(lib)
    for place in Path(sysconfig.get_path("purelib")).iterdir():
        if not place.name.startswith(("davserver", "_editable", "__editable")) and place.suffix != ".pth":
            (lib / place.name).symlink_to(place)
    return lib


def make_data(folder: Path, *users: str, owner: str = "") -> Path:
    """A data directory with accounts, made by the command line."""
    data = folder / "davserver-data"
    for user in users:
        davserver(data, "user", "add", user, "--email", f"{user}@example.org", "--password-stdin")
    data.mkdir(exist_ok=True)
    if owner and os.getuid() == 0:
        entry = pwd.getpwnam(owner)
        for path in (data, *data.iterdir()):
            os.chown(path, entry.pw_uid, entry.pw_gid)
    return data


def davserver(data: Path, *arguments: str) -> None:
    """Run a command of ours on a data directory; passwords come from standard input."""
    subprocess.run(
        [sys.executable, "-m", "davserver", *arguments],
        cwd=ROOT,
        env={**os.environ, "DAVSERVER_DATA_DIR": str(data)},
        input=PASSWORD,
        text=True,
        check=True,
        capture_output=True,
    )


# -- running


@contextmanager
def running(command: list[str], port: int, **environ: str) -> Iterator[None]:
    """A server process, from its first answer to SIGTERM; its words are shown when it fails."""
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(
            command, env={**os.environ, **environ}, stdout=words, stderr=words, start_new_session=True
        )
        try:
            if not _answers(port, process):
                words.seek(0)
                pytest.fail(f"{command[0]} does not answer:\n{words.read()}")
            yield
        finally:
            _end(process)


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            if Client(port, user="").request("GET", "/").status:
                return True
        except OSError:
            time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
