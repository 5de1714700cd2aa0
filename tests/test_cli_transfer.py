"""davserver import and export: files in and out at the command line, with a report and a way back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from davserver import cli

EVENTS = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{}END:VCALENDAR\n"
EVENT = "BEGIN:VEVENT\nUID:{}\nDTSTART:20260105T100000Z\nSUMMARY:{}\nEND:VEVENT\n"


@pytest.fixture(autouse=True)
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data directory with ann's account."""
    monkeypatch.setenv("DAVSERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(
        "sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"correct horse\n"), isatty=lambda: False)
    )
    assert cli.main(["user", "add", "ann", "--password-stdin"]) == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two events and one that cannot be stored."""
    path = tmp_path / "file.ics"
    bad = EVENT.format("c", "=Bad").replace("DTSTART", "X")
    path.write_text(EVENTS.format(EVENT.format("a", "A") + EVENT.format("b", "B") + bad))
    return path


def run(*arguments: object) -> int:
    """One command."""
    return cli.main([str(one) for one in arguments])


def exported(tmp_path: Path) -> str:
    """Ann's calendar."""
    assert run("export", "--user", "ann", "--calendar", "default", "-o", tmp_path / "out.ics") == 0
    return (tmp_path / "out.ics").read_text()


def test_import_tells_what_it_did_and_how_to_take_it_back(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.csv"
    assert run("import", file, "--user", "ann", "--calendar", "default", "--report", report) == 1
    told = capsys.readouterr()
    assert "2 created, 1 refused" in told.out
    assert "line 14: =Bad: A VEVENT needs a DTSTART." in told.out
    assert "davserver import --undo 1" in told.err
    reason = "'=Bad,A VEVENT needs a DTSTART."
    assert report.read_text().splitlines() == ["file,line,uid,title,reason", f",14,c,{reason}"]
    assert "SUMMARY:A" in exported(tmp_path)
    assert run("import", "--undo", 1) == 0
    assert "Removed 2" in capsys.readouterr().out
    assert "SUMMARY:A" not in exported(tmp_path)
    assert run("import", "--undo", 1) == 1


def test_a_dry_run_and_the_policies(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = ("--user", "ann", "--calendar", "default")
    file.write_text(EVENTS.format(EVENT.format("a", "Old")))
    assert run("import", file, *target, "--dry-run") == 0
    assert "SUMMARY" not in exported(tmp_path)
    assert run("import", file, *target) == 0
    file.write_text(EVENTS.format(EVENT.format("a", "New")))
    capsys.readouterr()
    for policy, told in (("skip", "1 skipped"), ("copy", "1 copied"), ("replace", "1 replaced")):
        assert run("import", file, *target, "--policy", policy) == 0
        assert told in capsys.readouterr().out
    assert exported(tmp_path).count("SUMMARY:New") == 2


def test_a_file_that_is_no_calendar_is_an_error_and_what_changed_nothing_is_not_to_be_taken_back(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ("--user", "ann", "--calendar", "default")
    for options in ((), ("--dry-run",)):
        file.write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)))
        assert run("import", file, *target, *options) == 1
        told = capsys.readouterr()
        assert "There is no calendar and no contact in this file." in told.err
        assert "--undo" not in told.err
    file.write_text(EVENTS.format(EVENT.format("a", "A")))
    assert run("import", file, *target) == 0
    assert "--undo" in capsys.readouterr().err
    assert run("import", file, *target) == 0
    assert "--undo" not in capsys.readouterr().err


def test_standard_input_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = EVENTS.format(EVENT.format("a", "From a pipe")).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False))
    assert run("import", "-", "--user", "ann", "--calendar", "default") == 0
    assert "From a pipe" in exported(tmp_path)


def test_everything_goes_out_and_comes_back(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("import", file, "--user", "ann", "--calendar", "default")
    assert run("export", "--user", "ann", "-o", tmp_path / "all.zip") == 0
    assert (tmp_path / "all.zip").stat().st_mode & 0o077 == 0
    assert "davserver.json" in zipfile.ZipFile(tmp_path / "all.zip").namelist()
    run("import", "--undo", 1)
    capsys.readouterr()
    assert run("import", tmp_path / "all.zip", "--user", "ann") == 0
    assert "calendar/default: 2 created" in capsys.readouterr().out
    assert "SUMMARY:A" in exported(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("import", "FILE"), "whose"),
        (("import", "FILE", "--user", "bob", "--calendar", "x"), "There is no account bob"),
        (("import", "FILE", "--user", "ann", "--calendar", "x"), "ann has: default"),
        (("import", "FILE", "--user", "ann"), "ann has: default"),
        (("import", "nowhere.ics", "--user", "ann", "--calendar", "default"), "nowhere.ics"),
        (("export", "--user", "ann", "--addressbook", "x"), "ann has: default"),
    ],
)
def test_mistakes_are_told_with_the_way_out(
    file: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*(file if one == "FILE" else one for one in arguments)) == 1
    assert told in capsys.readouterr().err
