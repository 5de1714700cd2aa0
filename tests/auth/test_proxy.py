"""X-Forwarded-* and prefixes: believed from trusted proxies, and from nobody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from davserver.auth import proxy_fix
from davserver.auth.proxy import PEER
from davserver.config import ServerSettings

TRUSTING = replace(ServerSettings(), trusted_proxies=("10.0.0.0/8", "::1", "unix"))


def fixed(address: str = "10.0.0.1", settings: ServerSettings = TRUSTING, **variables: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REMOTE_ADDR": address,
        "SCRIPT_NAME": "",
        "PATH_INFO": "/dav/",
        "HTTP_HOST": "inner:8080",
        "wsgi.url_scheme": "http",
        **variables,
    }
    proxy_fix(environ, settings)
    return environ


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("203.0.113.9, ,", "203.0.113.9"),
        ("203.0.113.9, unknown", "10.0.0.1"),
        ("unknown, 10.2.2.2", "10.2.2.2"),
        ("", "10.0.0.1"),
        ("x\ny", "10.0.0.1"),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_no_proxy(header: str, client: str) -> None:
    assert fixed(HTTP_X_FORWARDED_FOR=header)["REMOTE_ADDR"] == client


@pytest.mark.parametrize("address", ["10.0.0.1", "::1", "", "::ffff:10.0.0.1", "localhost"])
def test_a_trusted_peer_may_come_by_ipv4_ipv6_or_a_unix_socket(address: str) -> None:
    assert fixed(address, HTTP_X_FORWARDED_FOR="203.0.113.9")["REMOTE_ADDR"] == "203.0.113.9"


def test_a_stranger_is_not_believed_a_word() -> None:
    environ = fixed(
        "203.0.113.66",
        HTTP_X_FORWARDED_FOR="1.2.3.4",
        HTTP_X_FORWARDED_PROTO="https",
        HTTP_X_FORWARDED_HOST="evil.example",
        HTTP_X_FORWARDED_PREFIX="/evil",
    )
    assert environ["REMOTE_ADDR"] == "203.0.113.66"
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "inner:8080"
    assert environ["SCRIPT_NAME"] == ""


def test_scheme_host_and_prefix_come_from_the_nearest_proxy() -> None:
    environ = fixed(
        HTTP_X_FORWARDED_PROTO="http, https",
        HTTP_X_FORWARDED_HOST="evil.example, dav.example.org:8443",
        HTTP_X_FORWARDED_PREFIX="/sub/",
    )
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_HOST"] == "dav.example.org:8443"
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/sub", "/dav/")


@pytest.mark.parametrize("name", ["PROTO", "HOST", "PREFIX"])
@pytest.mark.parametrize(
    "value", ["", ",", "a b", "x\r\nSet-Cookie: a", "//evil", "javascript", "/a?b", "<x>", "/a/../b/"]
)
def test_nonsense_in_a_header_changes_nothing_harmful(name: str, value: str) -> None:
    header: dict[str, Any] = {f"HTTP_X_FORWARDED_{name}": value}
    environ = fixed(**header)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] in ("inner:8080", "javascript")
    assert environ["SCRIPT_NAME"] == ""


def test_the_peer_is_kept_beside_the_client() -> None:
    assert fixed(HTTP_X_FORWARDED_FOR="203.0.113.9")[PEER] == "10.0.0.1"


@pytest.mark.parametrize(
    ("script", "path", "expected"),
    [
        ("", "/sub/dav/", ("/sub", "/dav/")),
        ("", "/sub", ("/sub", "")),
        ("", "/dav/", ("/sub", "/dav/")),
        ("/sub", "/dav/", ("/sub", "/dav/")),
        ("/sub/dav.cgi", "/dav/", ("/sub/dav.cgi", "/dav/")),
        ("", "/subway/", ("/sub", "/subway/")),
    ],
)
def test_url_prefix_is_moved_to_script_name_once(script: str, path: str, expected: tuple[str, str]) -> None:
    settings = replace(TRUSTING, url_prefix="/sub")
    environ = fixed(settings=settings, SCRIPT_NAME=script, PATH_INFO=path, HTTP_X_FORWARDED_PREFIX="/sub")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == expected


def test_base_url_is_the_last_word_on_scheme_and_host() -> None:
    environ = fixed("203.0.113.66", replace(TRUSTING, base_url="https://dav.example.org"))
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_HOST"] == "dav.example.org"


@given(*[st.text(alphabet=st.characters(max_codepoint=255))] * 4)
def test_no_header_makes_it_raise(address: str, hops: str, host: str, prefix: str) -> None:
    headers: dict[str, Any] = {"HTTP_X_FORWARDED_HOST": host, "HTTP_X_FORWARDED_PREFIX": prefix}
    fixed(address, HTTP_X_FORWARDED_FOR=hops)
    fixed(HTTP_X_FORWARDED_FOR=hops, **headers)
