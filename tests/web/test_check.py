"""Check my set-up, and the doctor: each thing that breaks clients is found, with what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import waitress.server

from davserver.app import Server
from davserver.cli import main
from davserver.cli.doctor import EVERYWHERE
from davserver.jobs import health
from davserver.jobs.health import Finding, State
from davserver.jobs.office import Office
from davserver.storage import Store
from davserver.sync import doctor
from tests.web.conftest import run
from tests.web.visitor import Visitor

Between = Callable[[Any, Any, Any], Any]


@pytest.fixture
def proxied(server: Server) -> Iterator[Callable[[Between], str]]:
    """proxied(between) → the address of a web server that puts ``between`` before the application."""
    running = []

    def start(between: Between) -> str:
        web = waitress.server.create_server(
            lambda environ, start: between(server, environ, start), host="127.0.0.1", port=0, threads=2
        )
        threading.Thread(target=run, args=(web,), daemon=True).start()
        running.append(web)
        return f"http://127.0.0.1:{web.effective_port}"

    yield start
    for web in running:
        web.close()


def ills(findings: list[Finding]) -> dict[str, str]:
    """title → remedy, of what is not good."""
    return {one.title: one.remedy % one.values for one in findings if one.state is not State.GOOD}


def test_a_server_that_is_well(live: str) -> None:
    findings = doctor.outside(live, EVERYWHERE)
    assert ills(findings) == {}
    assert len(findings) > 10


def refuses_propfind(app: Any, environ: Any, start: Any) -> Any:
    if environ["REQUEST_METHOD"] in ("PROPFIND", "REPORT"):
        start("405 Method Not Allowed", [("Content-Length", "0")])
        return []
    return app(environ, start)


def loses_authorization(app: Any, environ: Any, start: Any) -> Any:
    environ.pop("HTTP_AUTHORIZATION", None)
    return app(environ, start)


def changes_host(app: Any, environ: Any, start: Any) -> Any:
    environ["HTTP_HOST"] = "backend:8080"
    return app(environ, start)


def keeps_well_known(app: Any, environ: Any, start: Any) -> Any:
    if environ["PATH_INFO"].startswith("/.well-known/"):
        start("404 Not Found", [("Content-Length", "0")])
        return []
    return app(environ, start)


def asks_for_a_login(app: Any, environ: Any, start: Any) -> Any:
    if environ["PATH_INFO"].startswith("/dav/"):
        start("302 Found", [("Location", "/portal"), ("Content-Length", "0")])
        return []
    return app(environ, start)


@pytest.mark.parametrize(
    ("between", "title", "word"),
    [
        (refuses_propfind, "PROPFIND", "limit_except"),
        (refuses_propfind, "REPORT", "ModSecurity"),
        (loses_authorization, "Authorization", "WSGIPassAuthorization"),
        (changes_host, "Host name", "X-Forwarded-Host"),
        (keeps_well_known, "/.well-known/caldav", "redirect them to"),
        (asks_for_a_login, "Calendars and contacts", "See above."),
    ],
)
def test_what_breaks_clients_is_found_with_what_to_do(
    proxied: Callable[[Between], str], between: Between, title: str, word: str
) -> None:
    assert word in ills(doctor.outside(proxied(between), EVERYWHERE))[title]


def test_somebody_else_s_server_and_none_at_all(proxied: Callable[[Between], str]) -> None:
    def other(app: Any, environ: Any, start: Any) -> Any:
        start("200 OK", [("Content-Length", "2")])
        return [b"hi"]

    assert "davserver" in ills(doctor.outside(proxied(other), EVERYWHERE))
    assert "Reachable" in ills(doctor.outside("http://127.0.0.1:9", EVERYWHERE))


def test_what_arrives_is_shown_to_who_sent_it_and_no_more(client: Any) -> None:
    seen = client("ann").get("/healthz/request").text
    assert '"authorization": true' in seen
    assert "correct horse" not in seen
    assert "ann" not in seen


def test_the_command_prints_what_it_found(live: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", live]) == 0
    assert "ok   PROPFIND: It gets through." in capsys.readouterr().out
    assert main(["doctor", "http://127.0.0.1:9"]) == 1
    assert "->" in capsys.readouterr().out


def test_the_command_looks_from_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAVSERVER_DATA_DIR", str(tmp_path))
    assert main(["doctor"]) == 0
    assert "Database: sqlite" in capsys.readouterr().out


def test_a_data_directory_that_cannot_be_written_to_is_found(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_options: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("davserver.jobs.health.tempfile.NamedTemporaryFile", refuse)
    assert "chown" in ills(health.inside(Office(store, server.settings)))["Data directory"]


def test_an_older_schema_and_a_wrong_clock_are_found(
    server: Server, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("davserver.jobs.health.migrations.HEAD", "9999")
    monkeypatch.setattr("davserver.jobs.health.time.time", lambda: 0.0)
    found = ills(health.inside(Office(store, server.settings)))
    assert found["Database"] == "Run: davserver db upgrade"
    assert "timedatectl" in found["Clock of the server"]


def test_the_page_says_when_a_proxy_is_not_believed(visit: Any, server: Server) -> None:
    ada = Visitor(
        server, HTTP_X_FORWARDED_FOR="203.0.113.9", REMOTE_ADDR="192.0.2.7", **{"davserver.peer": "192.0.2.7"}
    )
    ada.sign_in("ada")
    assert "server.trusted_proxies" in ada.get("/admin/check").text("main")


def test_the_page_does_not_ask_strangers_hosts(visit: Any, server: Server) -> None:
    """The address comes from the request; what is private and not this machine's is not asked."""
    ada = Visitor(server, HTTP_HOST="10.255.255.1")
    page = ada.sign_in("ada")
    page = ada.get("/admin/check").submit("Check now")
    assert page.status == 200
    assert "answers." not in page.texts("main ul")[0]


def test_the_dashboard_shows_what_is_not_well(visit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = visit("ada")
    assert "are well" in ada.get("/admin/").text("main")
    monkeypatch.setattr("davserver.jobs.health._free", lambda folder: 1000)
    assert "Only 0 MB are free" in ada.get("/admin/").text(".alert")
