"""Two real servers of ours kept in step by the real command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hosting.places import ROOT
from tests.robustness.processes import Client, Place, Server, Waitress, event, make_place, served
from tests.robustness.world import PASSWORD

OPEN: dict[str, Any] = {"DAVSERVER_OUTGOING_ALLOW": "127.0.0.0/8", "DAVSERVER_OUTGOING_PORTS": "*"}


@dataclass(frozen=True)
class Two:
    """A server there, and a place here whose commands reach it."""

    place: Place
    there: Server
    here: Server

    def run(self, *words: str, status: int = 0, given: str = "") -> str:
        """What `davserver …` prints."""
        done = subprocess.run(
            self.command(*words), env=self.place.environ, cwd=ROOT, input=given, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "davserver", *words]

    def connect(self) -> str:
        """The id of the account, everything of it chosen; the calendar's path here comes from `list`."""
        said = self.run(
            "remote", "add", "ann", self.there.url + "/", "--username", "ann", "--password-stdin", "--all",
            given=PASSWORD + "\n",
        )  # fmt: skip
        found = re.search(r"account (\d+)", said)
        assert found, said
        return found[1]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    place = make_place(tmp_path / "here", "ann", DAVSERVER_OUTGOING_BACKGROUND="false", **OPEN)
    there = make_place(tmp_path / "there", "ann")
    with served(Waitress(there)) as server, served(Waitress(place)) as here:
        yield Two(place, server, here)


def linked(client: Client) -> str:
    """The path here of the calendar that was made for the one there."""
    ask = b'<propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>'
    answer = client.ask("PROPFIND", "/dav/calendars/ann/", ask, Depth="1")
    paths = re.findall(r"(/dav/calendars/ann/default[^/<]+/)", answer.body.decode())
    assert paths, answer.body
    return str(paths[0])


def bodies(client: Client, path: str) -> dict[str, bytes]:
    return {name: client.ask("GET", path + name).body for name in client.listing(path)}


def test_a_journey_at_the_command_line(two: Two) -> None:
    with two.there.client() as there, two.here.client() as here:
        assert there.put("one.ics", event("one", "theirs")).status == 201
        account = two.connect()
        assert "theirs" not in two.run("remote", "list")
        assert "take" in two.run("remote", "sync", account, "--dry-run")
        path = linked(here)
        assert here.listing(path) == {}
        assert "pulled 1" in two.run("remote", "sync", account)
        assert here.put(path + "two.ics", event("two", "ours")).status == 201
        assert "pushed 1" in two.run("remote", "sync", account)
        assert bodies(here, path).keys() == bodies(there, "/dav/calendars/ann/default/").keys()
        assert "nothing to do" in two.run("remote", "sync", account)
        assert "pushed 1" in two.run("remote", "log", account)
        assert PASSWORD not in two.run("remote", "list", account) + two.run("remote", "log", account)
        two.run("remote", "remove", account, "--keep")
        assert set(here.listing(path)) == {"one.ics", "two.ics"}
        assert two.run("remote", "list") == ""


def test_a_wrong_password_tells_what_was_tried_and_what_to_do(two: Two) -> None:
    url = two.there.url + "/"
    words = ("remote", "add", "ann", url, "--username", "ann", "--password-stdin")
    said = two.run(*words, status=1, given="wrong\n")
    assert "PROPFIND" in said
    assert "password" in said
    assert "wrong" not in said
    assert two.run("remote", "list") == ""


def test_two_runs_at_once_do_not_double_anything(two: Two) -> None:
    account = two.connect()
    with two.there.client() as there, two.here.client() as here:
        path = linked(here)
        for number in range(60):
            assert here.put(f"{path}u{number}.ics", event(f"u{number}")).status == 201
        both = [
            subprocess.Popen(two.command("remote", "sync", account), env=two.place.environ, cwd=ROOT)
            for _ in range(2)
        ]
        assert 0 in [one.wait(120) for one in both]
        two.run("remote", "sync", account)
        assert len(there.listing("/dav/calendars/ann/default/")) == 60
