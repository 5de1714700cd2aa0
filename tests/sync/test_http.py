"""The way out: what is refused, what credentials see, what an answer may cost, whom we believe."""

from __future__ import annotations

import gzip
import hashlib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from davserver.config import OutgoingSettings
from davserver.sync import http
from davserver.sync.http import Access, Answer, Bearer, Client, Limits, Password, Trust
from tests.sync.remote import OPEN, Remote, Reply, Seen, certificate_pem, running

SIZE = Limits(size=1000, seconds=5)


def get(url: str, access: Access | None = None, settings: OutgoingSettings = OPEN) -> Answer:
    with Client(settings, access, SIZE) as web:
        return web.request("GET", url, headers={"If-None-Match": '"1"'})


# -- where it goes


BAD_HOSTS = [
    "localhost",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0x7f000001",
    "017700000001",
    "0.0.0.0",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "100.64.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fd00:ec2::254]",
    "[fe80::1]",
]


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
@pytest.mark.parametrize("host", BAD_HOSTS)
def test_private_places_are_refused_in_every_notation(host: str, proxy: str) -> None:
    began = time.monotonic()
    with pytest.raises(http.Unreachable) as caught:
        get(f"http://{host}/", settings=OutgoingSettings(proxy=proxy))
    assert str(caught.value) == f"{host.strip('[]')} cannot be reached from this server."
    assert "not public" in caught.value.detail or "localhost" in caught.value.detail
    assert time.monotonic() - began < 2


def test_users_cannot_tell_a_refused_place_from_a_dead_one(remote: Remote) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    said = set()
    for settings, url in (
        (OPEN, f"http://127.0.0.1:{port}/"),  # dead
        (OutgoingSettings(ports=("*",)), remote.url()),  # not allowed
        (replace(OPEN, ports=("443",)), remote.url()),  # port not allowed
        (replace(OPEN, allow=("10.0.0.0/8",)), remote.url()),
    ):
        with pytest.raises(http.Unreachable) as caught:
            get(url, settings=settings)
        said.add(str(caught.value))
    assert said == {"127.0.0.1 cannot be reached from this server."}
    assert remote.seen == []


class Resolver:
    """Answers of a name server, one after the other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.asked: list[str] = []
        self.answers = list(answers)
        self.real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.answer)

    def answer(self, host: str, port: Any, *args: Any, **options: Any) -> list[Any]:
        if not host.endswith(".example"):
            return self.real(host, port, *args, **options)
        self.asked.append(host)
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]


def test_the_connection_goes_to_the_address_that_was_checked(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that answers otherwise the second time (DNS rebinding) is asked once only."""
    resolver = Resolver(monkeypatch, ["127.0.0.1"], ["203.0.113.9"])
    remote.replies["/"] = Reply(body=b"here")
    assert get(remote.url(host="feed.example")).body == b"here"
    assert resolver.asked == ["feed.example"]
    assert remote.seen[0].headers["host"] == f"feed.example:{remote.port}"


def test_a_name_with_one_private_address_among_public_ones_is_refused(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, ["8.8.8.8", "127.0.0.1"])
    with pytest.raises(http.Unreachable) as caught:
        get(remote.url(host="two.example"), settings=OutgoingSettings(ports=("*",)))
    assert "127.0.0.1 is not public" in caught.value.detail
    assert remote.seen == []


def test_a_host_that_the_operator_names_is_reached_wherever_it_is(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, ["127.0.0.1"])
    remote.replies["/"] = Reply(body=b"here")
    settings = OutgoingSettings(allow=("nas.example",), ports=("*",))
    assert get(remote.url(host="nas.example"), settings=settings).body == b"here"
    with pytest.raises(http.Unreachable):
        get(remote.url(host="other.example"), settings=settings)


def test_the_next_address_is_tried_where_the_first_is_dead(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, ["127.0.0.2", "127.0.0.1"])
    remote.replies["/"] = Reply(body=b"here")
    assert get(remote.url(host="feed.example")).body == b"here"


def test_a_name_that_does_not_exist_and_one_that_is_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("nowhere.invalid", "a" * 64 + ".org", "xn--a.org", "a..b"):
        with pytest.raises(http.OutgoingError):
            get(f"http://{host}/")


def test_nothing_leaves_where_the_operator_says_so(remote: Remote) -> None:
    with pytest.raises(http.OutgoingError, match=r"outgoing\.enabled"):
        get(remote.url(), settings=replace(OPEN, enabled=False))
    assert remote.seen == []


def test_the_environment_names_no_proxy(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    remote.replies["/"] = Reply(body=b"straight")
    assert get(remote.url()).body == b"straight"


def test_the_operators_proxy_is_asked(remote: Remote) -> None:
    remote.replies["http://feed.example/a"] = Reply(body=b"by proxy")
    assert get("http://feed.example/a", settings=replace(OPEN, proxy=remote.url())).body == b"by proxy"


# -- redirects


def redirect(target: str, status: int = 302) -> Reply:
    return Reply(status, headers={"Location": target})


def test_each_hop_is_checked_like_a_first_request(remote: Remote) -> None:
    settings = replace(OPEN, allow=("127.0.0.1",))
    for target in ("http://127.0.0.2:1/", "http://[::1]/", "http://169.254.169.254/latest", "http://0/"):
        remote.replies["/"] = redirect(target)
        with pytest.raises(http.Unreachable):
            get(remote.url(), settings=settings)
    remote.replies["/"] = redirect("http://127.0.0.1:22/")
    with pytest.raises(http.Unreachable):
        get(remote.url(), settings=replace(settings, ports=(str(remote.port),)))


@pytest.mark.parametrize("target", ["file:///etc/passwd", "gopher://127.0.0.1/", "ftp://x/"])
def test_a_redirect_to_what_is_no_web_address_is_refused(remote: Remote, target: str) -> None:
    remote.replies["/"] = redirect(target)
    with pytest.raises(http.OutgoingError):
        get(remote.url())
    assert len(remote.seen) <= 2


def test_a_redirect_with_a_password_in_it_is_refused(remote: Remote) -> None:
    remote.replies["/"] = redirect(remote.url().replace("//", "//ann:pw@"))
    with pytest.raises(http.RedirectRefused):
        get(remote.url())


def test_five_redirects_are_followed_and_not_six(remote: Remote) -> None:
    for number in range(6):
        remote.replies[f"/{number}"] = redirect(f"{number + 1}")
    remote.replies["/6"] = Reply(body=b"there")
    assert get(remote.url("/1")).body == b"there"
    with pytest.raises(http.RedirectRefused, match="without end"):
        get(remote.url("/0"))


@pytest.mark.parametrize(
    ("first", "second", "moved"), [(301, 308, True), (301, 302, False), (302, 301, False), (307, 307, False)]
)
def test_only_permanent_hops_move_an_address(remote: Remote, first: int, second: int, moved: bool) -> None:
    remote.replies["/a"] = redirect("/b", first)
    remote.replies["/b"] = redirect("/c", second)
    remote.replies["/c"] = Reply(body=b"x")
    answer = get(remote.url("/a"))
    assert (answer.url, answer.moved) == (remote.url("/c"), moved)


def test_a_method_and_its_body_survive_a_redirect_but_303(remote: Remote) -> None:
    remote.replies["/a"] = redirect("/c", 301)
    remote.replies["/b"] = redirect("/c", 303)
    remote.replies["/c"] = Reply(207)
    with Client(OPEN) as web:
        web.request("PROPFIND", remote.url("/a"), headers={"Depth": "0"}, body=b"<x/>")
        web.request("PROPFIND", remote.url("/b"), body=b"<x/>")
    second, last = remote.seen[1], remote.seen[3]
    assert (second.method, second.body, second.headers["depth"]) == ("PROPFIND", b"<x/>", "0")
    assert (last.method, last.body) == ("GET", b"")


def test_credentials_stay_with_their_origin(remote: Remote) -> None:
    with running() as other:
        other.replies["/"] = Reply(body=b"elsewhere")
        remote.replies["/"] = redirect(other.url())
        token = Access(Bearer("t0ken"))
        with pytest.raises(http.RedirectRefused, match="without your consent"):
            get(remote.url(), token)
        assert other.seen == []
        assert get(remote.url(), replace(token, goes_without=True)).status == 200
        assert "authorization" in remote.seen[-1].headers
        assert not {"authorization", "if-none-match"} & set(other.seen[0].headers)
        with Client(OPEN, token) as web:
            web.request("GET", remote.url("/x"))
            with pytest.raises(http.RedirectRefused):
                web.request("GET", other.url())


# -- TLS


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Remote]:
    """A server with a certificate for localhost that nobody has signed."""
    file = tmp_path / "server.pem"
    file.write_text("".join(certificate_pem("localhost")))
    with running(file) as server:
        server.replies["/"] = Reply(body=b"safe")
        yield server


def local(server: Remote) -> str:
    return server.url(host="localhost")


NAMED = replace(OPEN, allow=("127.0.0.0/8", "::1"))


def fingerprint() -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate_pem("localhost")[0])).hexdigest()


def test_a_certificate_that_nobody_signed_is_refused_and_its_fingerprint_told(secure: Remote) -> None:
    with pytest.raises(http.CertificateRefused, match="self-signed certificate") as caught:
        get(local(secure))
    assert caught.value.fingerprint == fingerprint()
    assert secure.seen == []


def test_it_is_believed_by_its_own_authority_or_by_its_fingerprint(secure: Remote) -> None:
    marked = ":".join(fingerprint()[at : at + 2] for at in range(0, 64, 2)).upper()
    for trust in (Trust(ca_pem=certificate_pem("localhost")[0]), Trust(fingerprint=marked)):
        assert get(local(secure), Access(trust=trust)).body == b"safe"


def test_another_fingerprint_and_another_name_are_refused(secure: Remote) -> None:
    with pytest.raises(http.CertificateRefused, match="not the one") as caught:
        get(local(secure), Access(Bearer("t"), Trust(fingerprint="0" * 64)))
    assert caught.value.fingerprint == fingerprint()
    own = Access(Bearer("t"), Trust(ca_pem=certificate_pem("localhost")[0]))
    with pytest.raises(http.CertificateRefused, match=r"127\.0\.0\.1"):
        get(secure.url(), own)
    assert secure.seen == []


def test_an_authority_that_is_none_is_told() -> None:
    with pytest.raises(http.OutgoingError, match="no PEM"):
        get("https://127.0.0.1/", Access(trust=Trust(ca_pem="hello")))


def test_credentials_never_leave_https(secure: Remote, remote: Remote) -> None:
    secure.replies["/"] = redirect(remote.url(host="localhost"))
    trust = Trust(fingerprint=fingerprint())
    for access in (Access(trust=trust), Access(Bearer("t"), trust, ("*", "localhost"))):
        with pytest.raises(http.RedirectRefused, match="leaves https"):
            get(local(secure), access)
    assert remote.seen == []


def test_consented_hosts_get_credentials_by_https_only(secure: Remote, tmp_path: Path) -> None:
    trust = Trust(fingerprint=fingerprint())
    with running(tmp_path / "server.pem") as other:
        other.replies["/"] = Reply(body=b"other")
        secure.replies["/"] = redirect(local(other))
        assert get(local(secure), Access(Bearer("t"), trust, ("localhost",))).body == b"other"
        assert other.seen[0].headers["authorization"] == "Bearer t"


# -- credentials


def test_basic_goes_at_once_by_https(secure: Remote) -> None:
    """Yahoo answers 401 without saying what it wants."""
    get(local(secure), Access(Password("ann", "gehéim"), Trust(fingerprint=fingerprint())))
    assert [one.headers["authorization"] for one in secure.seen] == ["Basic YW5uOmdlaMOpaW0="]


def asks(challenge: str, right: str) -> Any:
    def reply(seen: Seen) -> Reply:
        if right in seen.headers.get("authorization", ""):
            return Reply(body=b"in")
        return Reply(401, headers={"WWW-Authenticate": challenge})

    return reply


def test_basic_by_http_waits_until_it_is_asked_for(remote: Remote) -> None:
    remote.replies["/"] = asks('Basic realm="x"', "Basic YW5uOnB3")
    assert get(remote.url(), Access(Password("ann", "pw"))).body == b"in"
    assert ["authorization" in one.headers for one in remote.seen] == [False, True]


def test_digest_is_spoken_where_it_is_asked_for(remote: Remote) -> None:
    remote.replies["/"] = asks('Digest realm="x", nonce="abc", qop="auth"', 'Digest username="ann"')
    with Client(OPEN, Access(Password("ann", "pw"))) as web:
        assert web.request("PROPFIND", remote.url(), body=b"<x/>").body == b"in"
        assert web.request("PROPFIND", remote.url(), body=b"<x/>").body == b"in"
    assert all(one.body == b"<x/>" for one in remote.seen)
    a1, a2 = (hashlib.md5(text).hexdigest() for text in (b"ann:x:pw", b"PROPFIND:/"))
    sent = remote.seen[-1].headers["authorization"]
    parts = dict(part.split("=", 1) for part in sent.removeprefix("Digest ").split(", "))
    plain = {name: value.strip('"') for name, value in parts.items()}
    joined = f"{a1}:abc:{plain['nc']}:{plain['cnonce']}:auth:{a2}"
    assert plain["response"] == hashlib.md5(joined.encode()).hexdigest()


def test_a_wrong_password_is_one_401(secure: Remote) -> None:
    secure.replies["/"] = Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
    assert get(local(secure), Access(Password("a", "b"), Trust(fingerprint=fingerprint()))).status == 401
    assert len(secure.seen) == 1


def test_secrets_are_not_in_any_repr() -> None:
    shown = repr(Access(Password("ann", "s3cret"))) + repr(Bearer("s3cret"))
    assert "s3cret" not in shown


# -- what an answer may cost


def test_a_large_answer_is_cut(remote: Remote) -> None:
    remote.replies["/"] = Reply(body=b"x" * 1001)
    remote.replies["/fits"] = Reply(body=b"x" * 1000)
    with pytest.raises(http.TooLarge):
        get(remote.url())
    assert len(get(remote.url("/fits")).body) == 1000


def test_an_endless_answer_is_cut(remote: Remote) -> None:
    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    remote.replies["/"] = Reply(raw=endless)
    with pytest.raises(http.TooLarge):
        get(remote.url())


def test_unpacked_bytes_count(remote: Remote) -> None:
    packed = {"Content-Encoding": "gzip"}
    remote.replies["/"] = Reply(body=gzip.compress(bytes(50_000_000), 9), headers=packed)
    remote.replies["/fits"] = Reply(
        body=gzip.compress(b"a" * 500) + gzip.compress(b"b" * 500), headers=packed
    )
    with pytest.raises(http.TooLarge):
        get(remote.url())
    assert get(remote.url("/fits")).body == b"a" * 500 + b"b" * 500


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=gzip.compress(b"a" * 500)[:-9], headers={"Content-Encoding": "gzip"}),
        Reply(body=b"plain", headers={"Content-Encoding": "gzip"}),
        Reply(body=b"x", headers={"Content-Encoding": "zstd"}),
        Reply(body=b"x", headers={"Content-Length": "10", "Connection": "close"}),
        Reply(raw=lambda connection: connection.sendall(b"SSH-2.0-OpenSSH\r\n")),
        Reply(raw=lambda connection: None),
        Reply(raw=lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000)),
    ],
    ids=["cut-gzip", "no-gzip", "zstd", "short", "no-http", "silent", "endless-header"],
)
def test_an_answer_that_is_none_is_told(remote: Remote, reply: Reply) -> None:
    def close_after(seen: Seen) -> Reply:
        return reply

    remote.replies["/"] = close_after
    with Client(OPEN, None, replace(SIZE, seconds=1)) as web, pytest.raises(http.OutgoingError):
        web.request("GET", remote.url())


def test_a_server_that_drips_is_left_when_the_time_is_up(remote: Remote) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(40):
            connection.sendall(b"x")
            time.sleep(0.05)

    remote.replies["/"] = Reply(raw=drip)
    began = time.monotonic()
    with Client(OPEN, None, replace(SIZE, seconds=0.4)) as web, pytest.raises(http.Unreachable) as caught:
        web.request("GET", remote.url())
    assert time.monotonic() - began < 1.5
    assert "too long" in caught.value.detail or "Timeout" in caught.value.detail


def test_a_connection_is_used_again(remote: Remote) -> None:
    remote.replies["/"] = Reply(body=b"x")
    with Client(OPEN) as web:
        ports = set()
        for _ in range(3):
            web.request("GET", remote.url())
            ports.add(len(remote.seen))
    assert ports == {1, 2, 3}


# -- words


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        ("webcal://example.org/a.ics", "https://example.org/a.ics"),
        ("WEBCALS://example.org/a.ics#x", "https://example.org/a.ics"),
        ("example.org/a b".replace(" ", "%20"), "https://example.org/a%20b"),
        (" https://example.org ", "https://example.org/"),
        ("https://example.org/ä?q=ü&x=%2F", "https://example.org/%C3%A4?q=%C3%BC&x=%2F"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://ann:p%40w@example.org:8443/x", "http://ann:p%40w@example.org:8443/x"),
    ],
)
def test_what_people_type_becomes_an_address(typed: str, used: str) -> None:
    assert http.check_url(typed) == used


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "nonsense",
        "nonsense/a.ics",
        "https://",
        "https:///a.ics",
        "webcal:nonsense",
        "ftp://a/",
        "file:///etc/passwd",
        "https://a b/",
        "https://a:99999/",
        "https://a:0/",
        "a\nb",
        "https://[::1/",
        "https://a\\b",
        "javascript:alert(1)",
        "https://" + "a" * 5000,
    ],
)
def test_what_is_no_address_is_told(typed: str) -> None:
    with pytest.raises(http.BadAddress):
        http.check_url(typed)


def test_credentials_are_taken_out_of_an_address() -> None:
    url, password = http.split_credentials("https://ann:p%40w@example.org:8443/x?y")
    assert (url, password) == ("https://example.org:8443/x?y", Password("ann", "p@w"))
    assert http.split_credentials("https://example.org/@") == ("https://example.org/@", None)


def test_a_masked_address_shows_the_host_only() -> None:
    assert http.masked("https://u:p@example.org/secret?token=1") == "https://example.org/…"
    assert http.masked("http://[::1]:81/x") == "http://[::1]:81/…"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999999999", 3600),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40),
        ("Thu, 01 Jan 1970 00:00:40 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: int | None) -> None:
    assert http.parse_retry_after(value, 60) == seconds


def test_the_heavy_packages_are_loaded_when_something_is_fetched() -> None:
    code = "import sys, davserver.sync.http, davserver.vault\n"
    code += "print([name for name in ('httpx', 'cryptography') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
