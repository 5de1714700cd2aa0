"""What holds for every request to the API: who asks, what is refused and how, conditions, the document."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from openapi_spec_validator import validate

from davserver.api import resources
from davserver.api.routes import ROUTES
from tests.api.conftest import Caller, MakeCaller
from tests.davclient import MakeClient, MakeServer

TOKENS = "/subscription-tokens/"
CALENDAR = "/calendars/ann/default/"

resources.load()

pytestmark = pytest.mark.one_database


def test_the_document_is_valid_openapi_and_names_every_route(ann: Caller) -> None:
    status, document = ann.get("/openapi.json")
    assert status == 200
    validate(document)
    named = {(method.upper(), path) for path, row in document["paths"].items() for method in row}
    assert named == {(row.method, row.path) for row in ROUTES}
    names = [row["operationId"] for paths in document["paths"].values() for row in paths.values()]
    assert len(set(names)) == len(names)


def test_the_document_needs_no_login_and_names_the_address_it_was_asked_at(client: MakeClient) -> None:
    answer = client(None, mount="/sub").request("GET", "/sub/api/v1.0/openapi.json")
    assert answer.status == 200
    assert json.loads(answer.body)["servers"] == [{"url": "http://dav.example.org/sub/api/v1.0"}]


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")
def test_nobody_gets_anything_without_a_login(caller: MakeCaller, row: Any) -> None:
    nobody = caller(None)
    status, problem = nobody.send(row.method, row.path.replace("{id}", "1"), {} if row.body else None)
    assert status == 401
    assert (nobody.last.header("WWW-Authenticate") or "").startswith("Basic ")
    assert problem["status"] == 401


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.method} {row.path}")
def test_every_route_tells_what_it_does(row: Any) -> None:
    assert row.summary.endswith(".")
    assert set(row.answers) & {200, 201, 202, 204}


def test_what_does_not_exist_is_a_problem(ann: Caller) -> None:
    for path in ("/nothing/", "/", f"{TOKENS}x/", f"{TOKENS}{2**70}/", "/../"):
        status, problem = ann.get(path)
        assert (status, problem["status"], problem["type"]) == (404, 404, "about:blank")
        assert ann.last.content_type == "application/problem+json"


def test_a_wrong_method_is_405_with_allow(ann: Caller) -> None:
    status, problem = ann.send("PUT", TOKENS, {})
    assert (status, problem["title"]) == (405, "Method Not Allowed")
    allowed = {one.strip() for one in (ann.last.header("Allow") or "").split(",")}
    assert allowed == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize(
    ("raw", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"NaN", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"caldav_path": "/calendars/ann/\\u0000/"}', "application/json", 400),
        (b'{"caldav_path": "/calendars/ann/\\ud800/"}', "application/json", 400),
        (b'{"caldav_path": "/calendars/ann/default/", "unknown": 1}', "application/json", 400),
        (b"{}" + b" " * 13_000_000, "application/json", 413),
    ],
)
def test_a_body_that_is_none_is_refused(ann: Caller, raw: bytes, content_type: str, status: int) -> None:
    answer = ann.client.request("POST", "/api/v1.0" + TOKENS, raw, content_type=content_type)
    assert answer.status == status
    assert json.loads(answer.body)["status"] == status


def test_a_problem_points_to_the_place(ann: Caller) -> None:
    status, problem = ann.post(TOKENS, caldav_path=CALENDAR, left_out=["alarms", "all"])
    assert status == 400
    assert problem["errors"][0]["pointer"] == "#/left_out/1"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=201", "after=-1", "limit=1e3", "colour=red"])
def test_a_query_that_makes_no_sense_is_refused(ann: Caller, query: str) -> None:
    assert ann.get(f"{TOKENS}?{query}")[0] == 400


@pytest.mark.every_database
def test_a_list_comes_in_pages(ann: Caller) -> None:
    for number in range(5):
        assert ann.post(TOKENS, caldav_path=CALENDAR, label=f"friend {number}")[0] == 201
    found, path = [], f"{TOKENS}?limit=2"
    for _ in range(3):
        page = ann.get(path)[1]
        found += [one["label"] for one in page["results"]]
        path = (page["next"] or "").removeprefix("http://dav.example.org/api/v1.0")
    assert (found, path) == ([f"friend {number}" for number in range(5)], "")


def test_what_is_known_is_not_sent_again(ann: Caller) -> None:
    ann.post(TOKENS, caldav_path=CALENDAR)
    ann.get(TOKENS)
    tag = ann.last.header("ETag")
    assert ann.get(TOKENS, if_none_match=tag) == (304, None)
    ann.post(TOKENS, caldav_path=CALENDAR, label="another")
    assert ann.get(TOKENS, if_none_match=tag)[0] == 200


@pytest.mark.every_database
def test_nobody_changes_what_somebody_else_has_changed_meanwhile(ann: Caller) -> None:
    place = f"{TOKENS}{ann.post(TOKENS, caldav_path=CALENDAR)[1]['id']}/"
    ann.get(place)
    tag = ann.last.header("ETag")
    assert ann.send("PATCH", place, {"label": "one"}, if_match=tag)[0] == 200
    assert ann.send("PATCH", place, {"label": "two"}, if_match=tag)[0] == 412
    assert ann.delete(place, if_match=tag)[0] == 412
    assert ann.get(place)[1]["label"] == "one"
    assert ann.delete(place, if_match="*")[0] == 204


def test_a_page_of_another_site_changes_nothing(ann: Caller) -> None:
    body = {"caldav_path": CALENDAR}
    assert ann.send("POST", TOKENS, body, origin="https://evil.example")[0] == 403
    assert ann.send("POST", TOKENS, body, origin="null")[0] == 403
    assert ann.send("POST", TOKENS, body, origin="http://dav.example.org")[0] == 201


def test_who_asks_too_often_has_to_wait(make_server: MakeServer) -> None:
    from tests.davclient import Client

    server = make_server(api={"requests_per_minute": 5})
    ann, eve = Caller(Client(server, "ann")), Caller(Client(server, "eve"))
    assert [ann.get(TOKENS)[0] for _ in range(6)] == [200] * 5 + [429]
    assert 1 <= int(ann.last.header("Retry-After") or "") <= 12
    assert eve.get(TOKENS)[0] == 200


def test_the_api_can_be_switched_off(make_server: MakeServer) -> None:
    from tests.davclient import Client

    answer = Client(make_server(api={"enabled": False}), "ann").request("GET", "/api/v1.0/openapi.json")
    assert answer.status == 404


def test_answers_are_for_the_caller_alone(ann: Caller) -> None:
    ann.get(TOKENS)
    assert ann.last.header("Cache-Control") == "private, no-cache"
    assert ann.last.header("Vary") == "Authorization"
    assert ann.last.header("X-Content-Type-Options") == "nosniff"
    assert ann.last.header("Set-Cookie") is None


def test_a_server_without_calls_to_the_api_does_not_load_flask() -> None:
    code = "import sys, davserver.app; sys.exit('flask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
