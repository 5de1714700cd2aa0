"""cadaver, a plain WebDAV client, on a calendar: list, put, get, properties, move, copy, delete."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.content.objects import event
from tests.robustness.processes import CALENDAR, Server
from tests.robustness.world import PASSWORD

CADAVER = shutil.which("cadaver")
if CADAVER is None:
    pytest.skip("cadaver is not installed (Debian: apt install cadaver)", allow_module_level=True)

QUICK = True


@pytest.fixture
def cadaver(server: Server, tmp_path: Path) -> Callable[..., str]:
    """cadaver("ls", "put x.ics") → what it printed."""
    netrc = tmp_path / ".netrc"
    netrc.write_text(f'machine 127.0.0.1\nlogin ann\npassword "{PASSWORD}"\n')
    netrc.chmod(0o600)

    def run(*lines: str, path: str = CALENDAR) -> str:
        done = subprocess.run(
            [CADAVER or "", server.url + path],
            input="\n".join([*lines, "quit", ""]),
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr

    return run


def test_files_of_a_calendar_are_handled_as_on_any_webdav_server(
    cadaver: Callable[..., str], server: Server, tmp_path: Path
) -> None:
    body = event("SUMMARY:From cadaver", uid="cadaver")
    (tmp_path / "new.ics").write_bytes(body)
    assert "succeeded" in cadaver("put new.ics")
    assert "new.ics" in cadaver("ls")
    assert "succeeded" in cadaver("get new.ics back.ics")
    assert (tmp_path / "back.ics").read_bytes() == body
    assert "getetag" in cadaver("propget new.ics")
    assert "succeeded" in cadaver("move new.ics moved.ics")
    with server.client() as client:
        assert client.ask("MKCALENDAR", "/dav/calendars/ann/cadaver/").status == 201
        assert "succeeded" in cadaver("copy moved.ics ../cadaver/copied.ics")
        assert set(client.listing("/dav/calendars/ann/cadaver/")) == {"copied.ics"}
        assert "succeeded" in cadaver("delete moved.ics")
        assert "moved.ics" not in client.listing()
        assert "succeeded" in cadaver("rmcol cadaver", path="/dav/calendars/ann/")
        assert client.ask("PROPFIND", "/dav/calendars/ann/cadaver/", Depth="0").status == 404


def test_what_does_not_belong_into_a_calendar_is_refused(
    cadaver: Callable[..., str], server: Server, tmp_path: Path
) -> None:
    (tmp_path / "junk.txt").write_text("not a calendar\n")
    assert "failed" in cadaver("put junk.txt")
    assert "failed" in cadaver("mkcol sub")
    with server.client() as client:
        assert not {"junk.txt", "sub"} & set(client.listing())
