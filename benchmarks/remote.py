"""The first pull of a calendar from another server, and a run with nothing to do: ours and vdirsyncer's.

    python -m benchmarks.remote [--events 2000] [--turns 2]

One remote server for both, in a process of its own; each client in a fresh process. Printed: seconds,
requests to the remote (ours), and the peak of resident memory above that of an idle process of ours.
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
import json, resource, sys, time
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
    folder.mkdir()
    environ = {**os.environ, "DAVSERVER_DATA_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    add = [sys.executable, "-m", "davserver", "user", "add", "ann", "--password-stdin"]
    subprocess.run(add, input=PASSWORD.encode(), env=environ, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-c", OURS, str(folder), url]
    done = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout.splitlines()[-1])
    for what, run in zip(("first pull", "idle run"), told["runs"], strict=True):
        seconds = f"{run['seconds']:6.2f} s ({run['cpu']:.2f} s of CPU)"
        print(f"davserver   {what:10}  {seconds}  {run['requests']} requests")
    print(f"davserver   memory      {told['peak MiB'] - told['idle MiB']} MiB above {told['idle MiB']} MiB")


def _vdirsyncer(folder: Path, url: str) -> None:
    (folder / "here" / "big").mkdir(parents=True)
    (folder / "config").write_text(VDIRSYNCER.format(folder=folder, url=url))
    command = [str(Path(sys.executable).with_name("vdirsyncer")), "-c", str(folder / "config")]
    subprocess.run([*command, "discover"], input=b"y\n" * 5, check=True, capture_output=True)
    for what in ("first pull", "idle run"):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "sync"], check=True, capture_output=True)
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"vdirsyncer  {what:10}  {seconds:6.2f} s ({cpu:.2f} s of CPU)")
    print(
        f"vdirsyncer  memory      {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MiB in all"
    )


if __name__ == "__main__":
    sys.exit(main())
