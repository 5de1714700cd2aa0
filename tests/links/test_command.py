"""`davserver link`: what scripts and operators do with links."""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from davserver.app import create_app
from davserver.cli import main
from davserver.config import load
from tests.davclient import Client

Run = Callable[[str], tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """run("link list ann") → exit status and what was printed."""
    monkeypatch.setenv("DAVSERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DAVSERVER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"correct horse\n")))
    assert main(["user", "add", "ann", "--password-stdin"]) == 0
    capsys.readouterr()

    def call(line: str) -> tuple[int, str]:
        status = main(line.split())
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return call


def test_a_link_is_made_listed_and_revoked(run: Run) -> None:
    status, address = run("link add ann --label Mum --detail busy --page")
    assert status == 0
    reader = Client(create_app(load()), None)
    assert reader.request("GET", address.strip()).status == 200
    assert reader.request("GET", address.strip().removesuffix("ics") + "html").status == 200
    status, listed = run("link list ann")
    assert "1  Mum  default  busy  0 hits" in listed
    assert address.strip() in listed
    assert run("link revoke ann 1") == (0, "Link 1 is gone.\n")
    assert reader.request("GET", address.strip()).status == 404
    assert run("link list ann") == (0, "")


def test_the_address_is_whole_where_the_server_knows_its_own(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAVSERVER_SERVER_BASE_URL", "https://dav.example.org")
    monkeypatch.setenv("DAVSERVER_SERVER_URL_PREFIX", "/sub")
    assert run("link add ann")[1].startswith("https://dav.example.org/sub/ical/")
    assert run("link add ann --addressbook --days 3")[1].endswith(".vcf\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("link add nobody", "no account nobody"),
        ("link add ann work", "no calendar work"),
        ("link add ann --addressbook --detail busy", "no busy times"),
        ("link add ann --addressbook --page", "Only a link to calendars can have a page"),
        ("link revoke ann 99", "no such link"),
    ],
)
def test_what_cannot_be_done_is_said(run: Run, line: str, words: str) -> None:
    status, text = run(line)
    assert status == 1
    assert words in text


def test_the_audit_log_knows_of_it_and_holds_no_token(run: Run, tmp_path: Path) -> None:
    token = run("link add ann")[1].strip()[6:-4]
    run("link revoke ann 1")
    with closing(sqlite3.connect(tmp_path / "data/davserver.db")) as file:
        rows = file.execute("SELECT action, target FROM audit WHERE action LIKE 'link%'").fetchall()
    assert [action for action, _ in rows] == ["link.add", "link.remove"]
    assert token not in repr(rows)
