"""deploy/davserver.cgi, called as a web server calls a CGI program (RFC 3875)."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosting.places import DEPLOY, EVENT, PASSWORD, install_lib, make_data, open_folder

LOGIN = "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    with open_folder() as folder:
        install_lib(folder)
        make_data(folder, "ann")
        shutil.copy(DEPLOY / "davserver.cgi", folder)
        yield folder


def call(site: Path, method: str, path: str, body: bytes = b"", **variables: str) -> tuple[str, bytes]:
    """Status line and headers, and the body, of one run of the program."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(site),
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_NAME": "dav.example.org",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "/davserver.cgi",
        "PATH_INFO": path,
        "REMOTE_ADDR": "192.0.2.7",
        "CONTENT_LENGTH": str(len(body)),
        **variables,
    }
    done = subprocess.run(
        [sys.executable, site / "davserver.cgi"], env=environ, input=body, capture_output=True, check=False
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    head, _, rest = done.stdout.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest


def test_one_program_run_answers_one_request(site: Path) -> None:
    head, body = call(site, "PROPFIND", "/dav/", HTTP_DEPTH="0", HTTP_AUTHORIZATION=LOGIN)
    assert head.startswith("Status: 207 ")
    assert b"/davserver.cgi/dav/" in body


def test_without_a_password_it_asks_for_one(site: Path) -> None:
    head, _ = call(site, "PROPFIND", "/dav/")
    assert head.startswith("Status: 401 ")
    assert 'WWW-Authenticate: Basic realm="davserver"' in head


@pytest.mark.parametrize("variable", ["REDIRECT_HTTP_AUTHORIZATION", "REDIRECT_REDIRECT_HTTP_AUTHORIZATION"])
def test_the_password_is_found_where_rewriting_hides_it(site: Path, variable: str) -> None:
    head, _ = call(site, "PROPFIND", "/dav/", b"", HTTP_DEPTH="0", **{variable: LOGIN})
    assert head.startswith("Status: 207 ")


def test_reached_by_rewriting_its_own_name_is_not_in_the_addresses(site: Path) -> None:
    head, body = call(
        site,
        "PROPFIND",
        "/dav/calendars/ann/",
        HTTP_DEPTH="0",
        HTTP_AUTHORIZATION=LOGIN,
        SCRIPT_NAME="/sub/davserver.cgi",
        REQUEST_URI="/sub/dav/calendars/ann/?x",
    )
    assert head.startswith("Status: 207 ")
    assert b">/sub/dav/calendars/ann/<" in body


def test_bodies_arrive_and_return_byte_for_byte(site: Path) -> None:
    event = EVENT.format(uid="cgi").encode()
    path = "/dav/calendars/ann/default/cgi.ics"
    head, _ = call(site, "PUT", path, event, CONTENT_TYPE="text/calendar", HTTP_AUTHORIZATION=LOGIN)
    assert head.startswith("Status: 201 ")
    head, body = call(site, "GET", path, HTTP_AUTHORIZATION=LOGIN)
    assert head.startswith("Status: 200 ")
    assert body == event
