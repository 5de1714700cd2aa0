"""The URL map: which address is answered by whom, and what clients find before they sign in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from davserver.app import Server, create_app
from davserver.config import Settings, StorageSettings
from davserver.protocol.methods import METHODS
from davserver.storage import Store
from tests.davclient import C, Client, D, MakeClient, MakeServer

WELL_KNOWN = ["/.well-known/caldav", "/.well-known/carddav"]


@pytest.mark.parametrize("path", WELL_KNOWN)
@pytest.mark.parametrize("method", list(METHODS))
def test_well_known_addresses_redirect_every_method_without_a_login(
    client: MakeClient, method: str, path: str
) -> None:
    """With a path: no client is sent to another scheme, host or port."""
    for end in ("", "/"):
        answer = client(None).request(method, path + end)
        assert answer.status == 301
        assert answer.header("Location") == "/dav/"


def test_well_known_addresses_keep_the_mount_point(client: MakeClient) -> None:
    answer = client(None, mount="/sub").request("PROPFIND", "/sub/.well-known/caldav")
    assert answer.header("Location") == "/sub/dav/"


def test_other_well_known_addresses_are_404(client: MakeClient) -> None:
    """Evolution asks for Notes."""
    for path in ("/.well-known/webdav/Notes/", "/.well-known/other", "/.well-known/"):
        assert client("ann").request("PROPFIND", path).status == 404


@pytest.mark.parametrize("depth", ["0", "1"])
def test_propfind_on_the_root_is_answered_as_the_dav_root(ann: Client, depth: str) -> None:
    """iOS, DAVx5, Evolution and Thunderbird ask there."""
    answer = ann.propfind("/", D + "current-user-principal", D + "resourcetype", depth=depth)
    assert answer.members["/dav/"][D + "current-user-principal"].hrefs == ["/dav/principals/ann/"]


def test_principals_are_found_without_the_prefix_where_ios_looks_last(ann: Client, eve: Client) -> None:
    found = ann.propfind("/principals/", D + "current-user-principal").one
    assert found[D + "current-user-principal"].hrefs == [ann.principal]
    assert eve.propfind("/principals/ann/", D + "displayname").status == eve.propfind(ann.principal).status


def test_options_on_the_root_says_what_the_server_can(ann: Client) -> None:
    answer = ann.request("OPTIONS", "/")
    assert answer.status == 200
    assert (answer.header("DAV") or "").startswith("1, ")


def test_the_root_asks_for_a_login(client: MakeClient) -> None:
    assert client(None).propfind("/", D + "current-user-principal").status == 401


@pytest.mark.parametrize("method", ["PUT", "DELETE", "MKCOL", "PROPPATCH", "MOVE", "LOCK"])
def test_nothing_is_written_at_the_root(ann: Client, method: str) -> None:
    assert ann.request(method, "/", destination="/dav/x").status in (400, 403, 405)


def test_get_on_the_root_leads_people_to_the_pages(client: MakeClient, make_server: MakeServer) -> None:
    for method in ("GET", "HEAD"):
        answer = client(None, mount="/sub").request(method, "/sub/", accept="text/html")
        assert (answer.status, answer.header("Location")) == (302, "/sub/account/")
    without = Client(make_server(web={"enabled": False}), None)
    assert without.get("/").status == 200
    assert without.get("/account/").status == 404


def test_a_fresh_server_leads_people_to_the_set_up(tmp_path: Path) -> None:
    app = create_app(Settings(storage=StorageSettings(data_dir=tmp_path)))
    assert Client(app, None).get("/").header("Location") == "/admin/setup"
    app.application.store.close()  # type: ignore[attr-defined]


LAZY = """
import sys
from pathlib import Path
from davserver.app import create_app
from davserver.config import Settings, StorageSettings
from tests.davclient import Client
app = create_app(Settings(storage=StorageSettings(data_dir=Path(sys.argv[1]))))
assert Client(app, None).propfind("/dav/").status == 401
assert Client(app, None).get("/healthz").status == 200
assert not {"flask", "wtforms", "babel"} & set(sys.modules)
assert Client(app, None).get("/account/").status == 303
assert "flask" in sys.modules
"""


def test_nothing_of_flask_is_loaded_before_the_first_page(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", LAZY, str(tmp_path)], cwd=root, check=True)


def test_the_context_path_works_with_and_without_its_slash(ann: Client) -> None:
    for path in ("/dav", "/dav/", "/dav.php", "/cal.php", "/card.php"):
        assert ann.propfind(path, D + "current-user-principal").one[D + "current-user-principal"].hrefs


def test_other_addresses_are_404(client: MakeClient) -> None:
    for path in ("/nowhere", "/davx/", "/dav.php5/", "/calendars/ann/", "/robots.txt", "/%00", "/%FF"):
        assert client("ann").get(path).status == 404


def test_healthz_answers_without_a_login(client: MakeClient) -> None:
    answer = client(None).get("/healthz")
    assert (answer.status, answer.text) == (200, "ok\n")


def test_healthz_says_when_the_database_is_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> object:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(server.store, "read", away)
    assert Client(server, None).get("/healthz").status == 503


def test_a_database_that_is_away_is_no_reason_to_fail_elsewhere(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> object:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(server.store, "read", away)
    server._look_at = 0.0
    assert Client(server, None).get("/healthz").status == 503
    assert Client(server, None).request("PROPFIND", "/.well-known/caldav").status == 301


def test_thunderbird_s_way_to_a_calendar(ann: Client) -> None:
    assert ann.request("PROPFIND", "/.well-known/caldav", depth="0").header("Location") == "/dav/"
    found = ann.propfind("/dav/", D + "current-user-principal", C + "calendar-home-set").one
    (principal,) = found[D + "current-user-principal"].hrefs
    (home,) = ann.prop(principal, C + "calendar-home-set").hrefs
    listed = ann.propfind(home, D + "resourcetype", depth="1").members
    assert [href for href, one in listed.items() if C + "calendar" in one[D + "resourcetype"].names] == [
        ann.calendar
    ]


def test_ios_s_way_to_a_calendar(ann: Client) -> None:
    ios = {"brief": "t", "prefer": "return=minimal", "content_type": "text/xml", "accept": "*/*"}
    for path in ("/", "/dav/principals/"):
        member = ann.propfind(path, D + "current-user-principal", D + "principal-URL", **ios).one
        (principal,) = member[D + "current-user-principal"].hrefs
        assert D + "principal-URL" not in member.props
    assert "calendar-access" in (ann.request("OPTIONS", principal).header("DAV") or "")


def test_create_app_makes_the_database_and_serves_it(tmp_path: Path) -> None:
    app = create_app(Settings(storage=StorageSettings(data_dir=tmp_path / "new")))
    assert Client(app, None).get("/healthz").status == 200
    assert Client(app, None).propfind("/dav/", D + "displayname").status == 401
    assert (tmp_path / "new" / "davserver.db").exists()
    store = app.application.store  # type: ignore[attr-defined]
    assert isinstance(store, Store)
    store.close()


def test_what_nobody_foresaw_is_logged_and_tells_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(environ: object, start_response: object) -> list[bytes]:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(server, "dav", broken)
    said: list[str] = []
    environ = Client(server, "ann")._environ("GET", "/dav/", b"")
    body = b"".join(server(environ, lambda status, headers: said.append(status)))
    assert said == ["500 Internal Server Error"]
    assert b"secret" not in body
    assert "secret detail" in caplog.text
