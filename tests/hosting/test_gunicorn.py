"""gunicorn with four processes over one SQLite file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hosting.places import (
    DEPLOY,
    EVENT,
    ROOT,
    Client,
    converse,
    davserver,
    free_port,
    make_data,
    running,
)

pytest.importorskip("gunicorn", reason="gunicorn is not installed")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_data(tmp_path_factory.mktemp("gunicorn"), "ann", "bob")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[Client]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        str(DEPLOY / "gunicorn.conf.py"),
        "--chdir",
        str(ROOT),
    ]
    command += ["--bind", f"127.0.0.1:{port}", "davserver.wsgi:application"]
    with running(command, port, DAVSERVER_DATA_DIR=str(data)):
        yield Client(port)


def test_a_calendar_program_can_work(client: Client) -> None:
    converse(client)


def test_under_the_prefix_of_a_proxy(client: Client) -> None:
    converse(Client(client.port, "/sub", headers={"X-Forwarded-Prefix": "/sub"}))


def test_of_eight_that_create_the_same_name_exactly_one_wins(client: Client) -> None:
    def put(number: int) -> int:
        path = f"/dav/calendars/ann/default/race-{number % 20}.ics"
        event = EVENT.format(uid=f"race-{number % 20}").encode()
        return client.request("PUT", path, event, If_None_Match="*").status

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(put, range(160)))
    assert sorted(set(answers)) == [201, 412]
    assert answers.count(201) == 20


def test_an_account_disabled_at_the_command_line_is_out_in_all_processes_at_once(
    client: Client, data: Path
) -> None:
    bob = Client(client.port, user="bob")
    assert {bob.request("PROPFIND", "/dav/", Depth="0").status for _ in range(40)} == {207}
    davserver(data, "user", "disable", "bob")
    assert {bob.request("PROPFIND", "/dav/", Depth="0").status for _ in range(10)} == {401}
    davserver(data, "user", "enable", "bob")


def test_all_processes_count_failed_logins_together(client: Client) -> None:
    eve = Client(client.port, user="eve")
    answers = [eve.request("PROPFIND", "/dav/").status for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
