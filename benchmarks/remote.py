"""The first pull of a calendar from another server, and a run with nothing to do: ours and vdirsyncer's.

    python -m benchmarks.remote [--events 2000] [--turns 2]

One remote server for both, in a process of its own; each client in a fresh process. Printed: whole commands
against each other, ``davserver remote sync`` and ``vdirsyncer sync``, with their start; the same inside a
process of ours that runs already, as in ``davserver serve``; requests to the remote (ours), and the peak of
resident memory above that of an idle process of ours.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from davserver.config import OutgoingSettings
from davserver.model import CollectionKind
from davserver.sync.client import DavClient
from davserver.sync.http import Client
from davserver.sync.problems import RemoteError

ROOT = Path(__file__).parent.parent
PASSWORD = "correct horse"

OURS = """
import gc, json, resource, sys, time
from dataclasses import replace
from pathlib import Path
from davserver.config import OutgoingSettings, Settings, StorageSettings
from davserver.jobs.office import Office
from davserver.storage import migrations, open_store, principals, collections
from davserver.sync import accounts, runner
from davserver.app import create_app
from davserver.sync.accounts import Choice, NewAccount
folder, url = Path(sys.argv[1]), sys.argv[2]
settings = Settings(
    storage=StorageSettings(data_dir=folder), outgoing=OutgoingSettings(allow=("127.0.0.0/8",), ports=("*",))
)
create_app(settings)
store = open_store(settings.storage)
office = Office(store, settings, "ann")
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
idle = peak()
with store.read() as tx:
    ann = principals.get(tx, "ann")
added = accounts.add_account(office, ann, NewAccount(url, "ann", "correct horse"))
for one in accounts.view(office, ann, added.account_id).collections:
    if one.remote.href.endswith("/big/"):
        accounts.choose(office, ann, one.remote.id, Choice())
gc.freeze()  # as the command does
told = []
for _ in range(2):
    began, cpu = time.perf_counter(), time.process_time()
    result = accounts.sync_now(office, ann, added.account_id)
    assert result.ok, result
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    told.append({"seconds": seconds, "cpu": cpu, "requests": result.requests})
print(json.dumps({"idle MiB": idle, "peak MiB": peak(), "runs": told}))
"""

VDIRSYNCER = """\
[general]
status_path = "{folder}/status"

[pair both]
a = "here"
b = "there"
collections = ["big"]

[storage here]
type = "filesystem"
path = "{folder}/here"
fileext = ".ics"

[storage there]
type = "caldav"
url = "{url}"
username = "ann"
password = "correct horse"
"""


def event(number: int) -> str:
    """An event of the size that people have."""
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//EN\r\nBEGIN:VEVENT\r\n"
        f"UID:event-{number}@bench\r\nDTSTAMP:20260101T000000Z\r\n"
        f"DTSTART:202{number % 9}0{1 + number % 9}15T100000Z\r\nDURATION:PT1H\r\nSUMMARY:Event {number}\r\n"
        f"DESCRIPTION:{'words ' * 20}\r\nLOCATION:Room {number % 7}\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def start_radicale(folder: Path, events: int, port: int) -> subprocess.Popen[bytes]:
    """Radicale with a calendar ``big`` of ann's."""
    calendar = folder / "collection-root" / "ann" / "big"
    calendar.mkdir(parents=True)
    (calendar / ".Radicale.props").write_text(json.dumps({"tag": "VCALENDAR", "D:displayname": "Big"}))
    for number in range(events):
        (calendar / f"{number}.ics").write_text(event(number), newline="")
    command = [sys.executable, "-m", "radicale", "--storage-filesystem-folder", str(folder)]
    command += ["--auth-type", "none", "--hosts", f"127.0.0.1:{port}", "--logging-level", "error"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def _warm(url: str) -> None:
    """Let the server build what it keeps beside its files: who comes first must not pay for both."""
    with Client(OutgoingSettings(allow=("127.0.0.0/8",), ports=("*",), seconds=600)) as web:
        client = DavClient(web, url)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with contextlib.suppress(RemoteError):
                client.home(url)
                break
        client.sync(url + "big/", "")
        hrefs = list(client.etags(url + "big/").changed)
        client.multiget(url + "big/", CollectionKind.CALENDAR, hrefs)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=2, help="how often both are measured, in turns")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port = 20_000 + os.getpid() % 10_000
        server = start_radicale(folder / "radicale", args.events, port)
        try:
            url = f"http://127.0.0.1:{port}/ann/"
            _warm(url)
            for turn in range(args.turns):
                _ours(folder / f"ours{turn}", url)
                _vdirsyncer(folder / f"vdirsyncer{turn}", url)
        finally:
            server.kill()
            server.wait()
    return 0


def _ours(folder: Path, url: str) -> None:
    """The command, then the same in a process that runs already."""
    environ = _environ(folder / "whole")
    command = [sys.executable, "-m", "davserver"]
    _as_ann([*command, "user", "add", "ann"], environ)
    _as_ann([*command, "remote", "add", "ann", url, "--username", "ann", "--all"], environ)
    _timed("davserver", [*command, "remote", "sync"], environ)
    environ = _environ(folder / "inside")
    _as_ann([*command, "user", "add", "ann"], environ)
    done = subprocess.run(
        [sys.executable, "-c", OURS, environ["DAVSERVER_DATA_DIR"], url],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    for what, run in zip(("first pull", "idle run"), told["runs"], strict=True):
        _tell("davserver, running", what, run["seconds"], run["cpu"], f"{run['requests']} requests")
    print(f"davserver   memory  {told['peak MiB'] - told['idle MiB']} MiB above {told['idle MiB']} MiB")


def _environ(folder: Path) -> dict[str, str]:
    """That of a server with its data here. Bytecode is kept, as where pip has installed it."""
    folder.mkdir(parents=True)
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **inherited,
        "DAVSERVER_DATA_DIR": str(folder),
        "DAVSERVER_OUTGOING_ALLOW": "127.0.0.0/8",
        "DAVSERVER_OUTGOING_PORTS": "*",
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }


def _as_ann(command: list[str], environ: dict[str, str]) -> None:
    subprocess.run(
        [*command, "--password-stdin"], input=PASSWORD.encode(), env=environ, check=True, capture_output=True
    )


def _vdirsyncer(folder: Path, url: str) -> None:
    (folder / "here" / "big").mkdir(parents=True)
    (folder / "config").write_text(VDIRSYNCER.format(folder=folder, url=url))
    command = [str(Path(sys.executable).with_name("vdirsyncer")), "-c", str(folder / "config")]
    subprocess.run([*command, "discover"], input=b"y\n" * 5, check=True, capture_output=True)
    _timed("vdirsyncer", [*command, "sync"], dict(os.environ))


def _timed(name: str, command: list[str], environ: dict[str, str]) -> None:
    """A first pull and an idle run by a command, from its start to its end."""
    for what in ("first pull", "idle run"):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environ, check=True, capture_output=True)
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        _tell(f"{name}, command", what, seconds, cpu)


def _tell(name: str, what: str, seconds: float, cpu: float, more: str = "") -> None:
    print(f"{name:19}  {what:10}  {seconds:5.2f} s ({cpu:.2f} s of CPU)  {more}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
