"""The commands, as scripts rely on them: names, output, exit status."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from davserver import __version__, config
from davserver.cli import COMMANDS, main
from davserver.config import Settings
from davserver.jobs import settings as settings_job
from davserver.jobs.office import Office
from davserver.model import CollectionKind, NewItem
from davserver.storage import collections, items, open_store
from tests.hosting.places import EVENT

ROOT = Path(__file__).parents[1]
Run = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAVSERVER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DAVSERVER_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(line: str, stdin: str = "") -> int:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        try:
            return main(line.split())
        except SystemExit as exc:  # argparse
            return int(exc.code or 0)

    return call


def rows(data: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(data / "davserver.db")) as file:
        return file.execute(statement).fetchall()


# -- app-password


def test_app_passwords_are_made_listed_and_revoked(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("user add ann --password-stdin", "correct horse\n") == 0
    capsys.readouterr()
    assert run("app-password add ann Phone --contacts none --only calendar/default --days 30") == 0
    password = capsys.readouterr().out.strip()
    assert len(password.split("-")) == 6
    assert run("app-password list ann") == 0
    line = capsys.readouterr().out
    assert "Phone  used never, calendars write (1 single collections), expires 20" in line
    assert password not in line
    assert run(f"app-password revoke ann {line.split()[0]}") == 0
    assert capsys.readouterr().out == "Revoked Phone.\n"
    assert run("app-password revoke ann --all") == 0
    assert capsys.readouterr().out == "Revoked 0.\n"


def test_app_passwords_of_nobody_and_for_nothing_are_refused(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("user add ann --password-stdin", "correct horse\n")
    assert run("app-password add nobody Phone") == 1
    assert run("app-password add ann Phone --only calendar/none") == 1
    assert run("app-password add ann Phone --calendars none --contacts none") == 1
    assert run("app-password revoke ann 7") == 1
    assert run("app-password revoke ann") == 2
    capsys.readouterr()


# -- user


def test_user_add_makes_the_account_with_calendar_and_address_book(run: Run, data: Path) -> None:
    line = "user add ann --email ann@example.org --display-name Ann --admin --password-stdin"
    assert run(line, "correct horse\n") == 0
    assert rows(data, "SELECT name, email, display_name, admin FROM principal") == [
        ("ann", "ann@example.org", "Ann", 1)
    ]
    assert rows(data, "SELECT kind, name, display_name, components FROM collection ORDER BY kind") == [
        ("addressbook", "default", "Contacts", ""),
        ("calendar", "default", "Calendar", "VEVENT,VTODO,VJOURNAL,VFREEBUSY"),
    ]


def test_the_password_is_the_whole_line_without_its_end_and_is_stored_as_argon2(run: Run, data: Path) -> None:
    from davserver.auth import passwords

    run("user add ann --password-stdin", "  with spaces é \r\nsecond line\n")
    ((secret,),) = rows(data, "SELECT secret FROM credential")
    assert str(secret).startswith("$argon2id$")
    assert passwords.verify("  with spaces é ", str(secret))


@pytest.mark.parametrize("name", ["ann", "ann@example.org", "a.b-c_d+e", "zoë", "王", "हिन्दी", "x" * 100])
def test_good_user_names(run: Run, name: str) -> None:
    assert run(f"user add {name} --password-stdin", "correct horse") == 0


@pytest.mark.parametrize("name", ["a/b", "a:b", "..", ".", "a\x07b", "x" * 101, "a%b", "<b>", "a\\b", "a'b"])
def test_bad_user_names_are_refused_readably(run: Run, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"user add {name} --password-stdin", "correct horse") == 1
    assert "A user name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "stdin", "expected"),
    [
        ("user add ann --password-stdin", "short", "at least 8 characters"),
        ("user add ann --password-stdin", "", "at least 8 characters"),
        ("user add ann --password-stdin", "x" * 2000, "at most 1024"),
        ("user add ann", "correct horse", "add --password-stdin"),
        ("user add ann --email nonsense --password-stdin", "correct horse", "is not a mail address"),
        ("user passwd bob --password-stdin", "correct horse", "There is no account bob."),
        ("user disable bob", "", "There is no account bob."),
        ("user remove bob", "", "There is no account bob."),
    ],
)
def test_what_cannot_be_done_is_said_with_status_1(
    run: Run, line: str, stdin: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(line, stdin) == 1
    assert expected in capsys.readouterr().err


def test_a_name_is_given_once(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("user add ann --password-stdin", "correct horse") == 0
    assert run("user add ann --password-stdin", "correct horse") == 1
    assert "There is already an account ann." in capsys.readouterr().err
    assert rows(data, "SELECT count(*) FROM collection") == [(2,)]


def test_user_list_shows_who_there_is(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("user add bob --email bob@example.org --display-name Bob --password-stdin", "correct horse")
    run("user add ann --admin --password-stdin", "correct horse")
    run("user disable bob")
    capsys.readouterr()
    assert run("user list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "ann  -  ann  admin",
        "bob  bob@example.org  Bob  disabled",
    ]


def test_user_list_without_accounts_says_where_it_looked(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("user list") == 0
    assert str(data) in capsys.readouterr().err


def test_passwd_replaces_the_password(run: Run, data: Path) -> None:
    from davserver.auth import passwords

    run("user add ann --password-stdin", "correct horse")
    assert run("user passwd ann --password-stdin", "battery staple") == 0
    ((secret,),) = rows(data, "SELECT secret FROM credential")
    assert passwords.verify("battery staple", str(secret))


def test_who_lost_phone_and_recovery_codes_gets_in_again(run: Run, data: Path) -> None:
    run("user add ann --password-stdin", "long enough\n")
    with closing(sqlite3.connect(data / "davserver.db")) as file, file:
        file.execute(
            "INSERT INTO second_factor (principal_id, secret, confirmed, last_step) "
            "SELECT id, 'sealed', 1, 0 FROM principal"
        )
    assert run("user second-factor-off ann") == 0
    assert rows(data, "SELECT * FROM second_factor") == []
    assert run("user second-factor-off nobody") == 1


def test_disable_and_enable(run: Run, data: Path) -> None:
    run("user add ann --password-stdin", "correct horse")
    assert run("user disable ann") == 0
    assert rows(data, "SELECT disabled FROM principal") == [(1,)]
    assert run("user enable ann") == 0
    assert rows(data, "SELECT disabled FROM principal") == [(0,)]


def test_remove_leaves_nothing_of_the_account(run: Run, data: Path) -> None:
    run("user add ann --password-stdin", "correct horse")
    assert run("user remove ann") == 0
    for table in ("principal", "credential", "collection"):
        assert rows(data, f"SELECT count(*) FROM {table}") == [(0,)]


def test_every_change_is_in_the_audit_log_without_secrets(run: Run, data: Path) -> None:
    run("user add ann --password-stdin", "correct horse")
    run("user passwd ann --password-stdin", "battery staple")
    run("user disable ann")
    run("user remove ann")
    found = rows(data, "SELECT action, target FROM audit ORDER BY id")
    assert found == [(f"user.{action}", "ann") for action in ("add", "password", "disable", "remove")]
    assert "battery" not in json.dumps(rows(data, "SELECT * FROM audit"))


# -- config, db, and the rest


def test_version(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out == f"davserver {__version__}\n"


@pytest.mark.parametrize(
    "line", ["", "frobnicate", "user", "user add", "user frobnicate", "db", "serve --threads x"]
)
def test_wrong_usage_is_status_2(run: Run, line: str) -> None:
    assert run(line) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{command} --help") == 0
    assert COMMANDS[command] in capsys.readouterr().out


@pytest.mark.parametrize("line", ["user list", "db check", "serve", "config check"])
def test_a_wrong_configuration_is_status_2_with_file_and_key(
    run: Run, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text("[server]\nthread = 1\n")
    assert run(f"--config {tmp_path}/bad.toml {line}") == 2
    assert f"{tmp_path}/bad.toml: unknown key server.thread; did you mean threads?" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--listen 8080", "--threads 0", "--url-prefix x"])
def test_a_wrong_option_of_serve_is_status_2(
    run: Run, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(f"serve {option}") == 2
    assert f"{option.split()[0]} must be" in capsys.readouterr().err


def test_config_may_stand_before_and_after_the_command(run: Run, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[auth]\nmin_password_length = 3\n")
    assert run(f"--config {tmp_path}/my.toml user add ann --password-stdin", "abc") == 0
    assert run(f"user --config {tmp_path}/my.toml add bob --password-stdin", "abc") == 0
    assert run("user add eve --password-stdin", "abc") == 1


def test_config_example_is_the_example_file(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config example") == 0
    assert capsys.readouterr().out == config.example()


def test_config_check_says_what_is_in_force(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAVSERVER_SERVER_THREADS", "3")
    assert run("config check") == 0
    out = capsys.readouterr().out
    assert str(data) in out
    assert "server.threads = 3" in out


def test_a_database_that_cannot_be_reached_is_one_line_without_its_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://ann:geheim@127.0.0.1:1/none?connect_timeout=2"
    monkeypatch.setenv("DAVSERVER_STORAGE_DATABASE_URL", url)
    assert run("user list") == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "127.0.0.1:1" in error
    assert "geheim" not in error


def test_db_upgrade_check_and_backup(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("db check") == 1
    assert "`davserver db upgrade`" in capsys.readouterr().err
    assert run("db upgrade") == 0
    assert run("db check") == 0
    run("user add ann --password-stdin", "correct horse")
    copy = data / "copy.db"
    assert run(f"db backup {copy}") == 0
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("SELECT name FROM principal").fetchall() == [("ann",)]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert run(f"db backup {copy}") == 1


def test_db_check_finds_damage(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("user add ann --password-stdin", "correct horse")
    with closing(sqlite3.connect(data / "davserver.db")) as file, file:
        file.execute("UPDATE collection SET owner_id = 999 WHERE kind = 'calendar'")
        file.execute("DROP TABLE audit")
    assert run("db check") == 1
    out = capsys.readouterr().out
    assert "table collection, row" in out
    assert "table audit is missing" in out


def store_event(data: Path, uid: str, body: bytes) -> None:
    """Put an event into ann's calendar with an index row that knows nothing of it."""
    with closing(open_store(replace(Settings().storage, data_dir=data))) as store, store.write() as tx:
        found = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
        assert found
        calendar = collections.lock(tx, found.id)
        assert calendar
        items.put(tx, calendar, NewItem(f"{uid}.ics", body), None, "ann")


def test_db_reindex_writes_the_index_anew_and_names_what_it_cannot_read(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("user add ann --password-stdin", "correct horse")
    store_event(data, "one", EVENT.format(uid="one").encode())
    store_event(data, "bad", b"nonsense")
    capsys.readouterr()
    assert run("db reindex") == 0
    out = capsys.readouterr().out
    assert out.startswith("default/bad.ics: ")
    assert out.endswith("Indexed 1 of 2 items.\n")
    found = rows(data, "SELECT uid, component, first > 0 FROM item ORDER BY uid")
    assert found == [("", "", 0), ("one", "VEVENT", 1)]


def test_db_tidy_forgets_history_beyond_its_days(
    run: Run, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("user add ann --password-stdin", "correct horse")
    with closing(sqlite3.connect(data / "davserver.db")) as file, file:
        columns = "owner_id, collection_id, collection_name, name, uid, component, etag, reason, actor, at"
        for age in (10, 200):
            row = (1, 1, "default", f"{age}.ics", "", "", "", "deleted", "", time.time() - age * 86400, b"")
            file.execute(f"INSERT INTO history ({columns}, data) VALUES ({','.join('?' * 11)})", row)
    assert run("db tidy") == 0
    assert "Forgot 1 old versions.\n" in capsys.readouterr().out
    assert rows(data, "SELECT name FROM history") == [("10.ics",)]
    monkeypatch.setenv("DAVSERVER_STORAGE_HISTORY_DAYS", "5")
    assert run("db tidy") == 0
    assert rows(data, "SELECT name FROM history") == []


# -- serve


@contextmanager
def serving(*options: str, **environ: str) -> Iterator[tuple[str, list[str]]]:
    """A real server process; yields its address and what it printed before it."""
    with running(*options, **environ) as (address, lines, _):
        yield address, lines


@contextmanager
def running(*options: str, **environ: str) -> Iterator[tuple[str, list[str], int]]:
    """The same, and the process's id."""
    command = [sys.executable, "-m", "davserver", "serve", "--listen", "127.0.0.1:0", *options]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
        cwd=ROOT,
    )
    assert process.stderr
    try:
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line.rstrip("\n"))
            if "answers at" in line:
                break
        assert lines, "the server said nothing"
        yield lines[-1].rpartition(" ")[2], lines, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_serve_prints_its_address_and_answers_there(data: Path) -> None:
    with serving() as (address, _):
        assert status_of(address + "dav/") == 401


def test_the_first_start_tells_how_to_make_the_first_account(run: Run, data: Path) -> None:
    with serving() as (_, lines):
        text = "\n".join(lines)
        assert "user add NAME --email" in text
        code = (data / "setup-code.txt").read_text().strip()
        assert code in text
        assert stat.S_IMODE((data / "setup-code.txt").stat().st_mode) == 0o600
    with serving() as (_, lines):
        assert code in "\n".join(lines)
    run("user add ann --password-stdin", "correct horse")
    assert not (data / "setup-code.txt").exists()
    with serving() as (_, lines):
        assert len(lines) == 1


def test_serve_under_a_sub_path(data: Path) -> None:
    with serving("--url-prefix", "/sub") as (address, _):
        assert address.endswith("/sub/")
        assert status_of(address + "dav/") == 401
        assert status_of(address.removesuffix("sub/") + "sub/dav/") == 401


def test_a_port_in_use_is_said_in_one_line(data: Path) -> None:
    with serving() as (address, _):
        place = address.removeprefix("http://").rstrip("/")
        command = [sys.executable, "-m", "davserver", "serve", "--listen", place]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 2
        assert f"cannot listen at {place}" in done.stderr
        assert "Traceback" not in done.stderr


def test_the_command_line_starts_with_the_standard_library_alone() -> None:
    """And with little of it: what takes long to load is loaded by the command that needs it."""
    command = [sys.executable, "-S", "-X", "importtime", "-m", "davserver", "--version"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {name for name in loaded if name.startswith("davserver")} == {
        "davserver",
        "davserver.cli",
        "davserver.errors",
    }
    assert not {"asyncio", "dataclasses", "email", "http", "inspect", "logging", "sqlite3", "ssl"} & loaded


def answered(address: str, user: str, method: str, path: str, body: str) -> int:
    """The status of one request by a connection of its own."""
    with closing(http.client.HTTPConnection(address.split("/")[2], timeout=20)) as connection:
        signed = base64.b64encode(f"{user}:correct horse".encode()).decode()
        headers = {"Authorization": f"Basic {signed}", "Content-Type": "application/xml", "Depth": "1"}
        connection.request(method, f"/dav/calendars/{user}/{path}", body, headers)
        return connection.getresponse().status


def memory(pid: int) -> float:
    """MiB of a process that are in memory."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc, and what it is about is glibc's")
@pytest.mark.usefixtures("real_hashes")
def test_memory_that_logins_need_is_given_back(run: Run, data: Path) -> None:
    """Each takes 19 MiB for a moment, on whatever thread."""
    users = [f"user{number}" for number in range(6)]
    for name in users:
        run(f"user add {name} --password-stdin", "correct horse")
    with running() as (address, _, pid):
        assert answered(address, users[0], "PROPFIND", "", "") == 207
        before = memory(pid)
        with ThreadPoolExecutor(len(users)) as pool:
            assert set(pool.map(lambda name: answered(address, name, "PROPFIND", "", ""), users)) == {207}
        assert memory(pid) < before + 10


def test_a_subscription_to_what_is_no_address_is_refused_at_once(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("user add ann --password-stdin", "correct horse")
    for typed, told in (("nonsense", "must begin with https://"), ("https:///a.ics", "names no host")):
        assert run(f"subscription add ann {typed}") == 1
        assert told in capsys.readouterr().err
    assert run("subscription list ann") == 0
    assert "no subscriptions" in capsys.readouterr().err


def test_calendars_are_made_shared_deleted_and_restored(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(command: str) -> str:
        assert run(command) == 0, command
        return capsys.readouterr().out

    for name in ("ann", "bob"):
        run(f"user add {name} --password-stdin", "correct horse")
    capsys.readouterr()
    said("calendar add ann --name work --display-name Work --color #112233 --component VTODO")
    said("calendar edit ann work --description x")
    assert rows(
        data, "SELECT display_name, description, color, components FROM collection WHERE name = 'work'"
    ) == [("Work", "x", "#112233", "VTODO")]
    said("calendar order ann work default")
    said("addressbook add bob --name friends")
    said("group add family --member bob")
    said("group add attic --kind room --manager family")
    assert "family" in said("group list")
    said("share add ann calendar work family --write")
    assert said("share list ann") == "calendars/ann/work → family: read-write\n"
    assert "(of ann, read-write)" in said("calendar list bob")
    said("share hide ann calendar work bob")
    assert "of ann" not in said("calendar list bob")
    said("share accept ann calendar work bob")
    said("share remove ann calendar work family")
    assert said("share list ann") == ""
    number = said("calendar delete ann work").partition("restore ann ")[2].partition("`")[0]
    assert number in said("trash list ann")
    assert run(f"trash remove ann {number}") == 1
    said(f"trash restore ann {number}")
    assert "work" in said("calendar list ann")
    said("calendar delete ann work")
    said(f"trash remove ann {number} --yes")
    assert said("trash list ann") == ""
    for refused in (
        "calendar edit ann nothing",
        "share add ann calendar default nobody",
        "trash restore bob 1",
    ):
        assert run(refused) == 1, refused


def test_history_is_listed_and_restored(run: Run, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("user add ann --password-stdin", "correct horse")
    assert run("history as-of --user ann --calendar default 2026-01-01 --dry-run") == 0
    assert capsys.readouterr().out.endswith("0 items would be restored, 0 would be removed.\n")
    assert run("history deleted --user ann --addressbook default") == 0
    assert run("history item --user ann --calendar default none.ics") == 1
    assert run("history restore --user ann --calendar default 17") == 1
    assert run("history as-of --user ann --calendar default yesterday") == 1


# -- item, config set, user edit


def test_items_are_stored_shown_and_deleted(run: Run, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    event = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:one\nDTSTAMP:20260101T000000Z\n"
    event += "DTSTART:20260102T000000Z\nSUMMARY:Tea\nEND:VEVENT\nEND:VCALENDAR\n"
    where = "--user ann --calendar default"
    assert run("user add ann --password-stdin", "correct horse\n") == 0
    assert run(f"item put {where} tea.ics", event) == 0
    assert run(f"item put {where} tea.ics", event.replace("Tea", "Cake")) == 0
    assert run(f"item put {where} bad.ics", "nonsense") == 1
    capfdbinary.readouterr()
    assert run(f"item show {where} tea.ics") == 0
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == event.replace("Tea", "Cake").encode()
    assert run(f"item list {where}") == 0
    assert capfdbinary.readouterr().out.split()[0] == b"tea.ics"
    assert run(f"item delete {where} tea.ics") == 0
    assert run(f"item delete {where} tea.ics") == 1
    assert run(f"item show {where} tea.ics") == 1


def test_a_setting_is_changed_for_the_running_server(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("config set caldav.max_instances 500") == 0
    assert run("config set accounts.calendar_name Main") == 0
    capsys.readouterr()
    assert run("config list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "caldav.max_instances = 500" in lines
    assert 'accounts.calendar_name = "Main"' in lines
    assert any(line.startswith("storage.data_dir = ") and "# " in line for line in lines)
    assert "storage.database_url = (secret)" in lines
    for wrong in ("caldav.max_instances many", "no.such 1", "server.listen 127.0.0.1:1"):
        assert run(f"config set {wrong}") != 0


def test_an_account_is_edited_and_gets_a_link(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("user add ann --password-stdin", "correct horse\n") == 0
    assert run("user edit ann --email ann@example.org --quota 1000 --admin --timezone Europe/Berlin") == 0
    found = rows(data, "SELECT email, quota, admin, timezone, display_name FROM principal")
    assert found == [("ann@example.org", 1000, 1, "Europe/Berlin", "ann")]
    assert run("user edit ann --quota 0 --no-admin") == 0
    assert rows(data, "SELECT email, quota, admin FROM principal") == [("ann@example.org", None, 0)]
    assert run("user edit ann --timezone Mars/Crater") == 1
    capsys.readouterr()
    assert run("user password-link ann") == 0
    assert "/account/new-password/" in capsys.readouterr().out


# -- sync


def test_what_is_due_is_done_unless_the_pages_say_that_nothing_is_fetched(
    run: Run, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("sync") == 0
    settings = config.load()
    with closing(open_store(settings.storage)) as store:
        settings_job.change(Office(store, settings), {"outgoing.enabled": False})
    capsys.readouterr()
    assert run("sync") == 1
    assert "outgoing.enabled" in capsys.readouterr().err
