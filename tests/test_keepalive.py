"""The real ``davserver serve`` keeps HTTP/1.1 connections open wherever the protocol can (RFC 9112 9.3).

A client that edits twenty events pays for one connection, not for twenty: answers without a body and chunked
ones end by themselves.
"""

from __future__ import annotations

import gzip
import http.client
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from lxml import etree

from tests.robustness.processes import CALENDAR, Server, Waitress, event, make_place, served
from tests.robustness.world import basic

D = "{DAV:}"
LISTING = b'<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>'
DATA = (
    b'<c:calendar-query xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns="DAV:"><prop><c:calendar-data/></prop>'
    b'<c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>'
)
END = b"\r\n\r\n"
LARGE = 30
"""Events of 70 kB: all of them are more than one piece."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with a calendar of 2 MB."""
    place = make_place(tmp_path_factory.mktemp("keepalive"))
    with served(Waitress(place)) as running:
        with running.client() as ann:
            for number in range(LARGE):
                assert ann.put(f"{number}.ics", event(f"e{number}", filler=70_000)).status == 201
        yield running


class Connection:
    """One connection of ann's that is never opened a second time."""

    def __init__(self, server: Server) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        self._http.connect()
        self._socket = self._http.sock
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._http.auto_open = 0

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> http.client.HTTPResponse:
        """One request; its answer is still to be read."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._http.request(method, path, body, {"Authorization": basic("ann"), **sent})
        return self._http.getresponse()

    def done(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """One request, its status and body; the connection is the same one afterwards."""
        answer = self.ask(method, path, body, **headers)
        read = answer.status, answer.read()
        assert self._http.sock is self._socket, "the server said that it closes the connection"
        return read

    def etag(self, path: str) -> str:
        """The entity tag, by HEAD."""
        answer = self.ask("HEAD", path)
        assert answer.read() == b""
        return answer.headers["ETag"]

    def close(self) -> None:
        """At the end of a test."""
        self._http.close()


@pytest.fixture
def ann(server: Server) -> Iterator[Connection]:
    """Her connection."""
    connection = Connection(server)
    yield connection
    connection.close()


def test_a_day_of_editing_needs_one_connection(ann: Connection) -> None:
    for number in range(5):
        path, body = f"{CALENDAR}day{number}.ics", event(f"day{number}")
        assert ann.done("PUT", path, body, Content_Type="text/calendar")[0] == 201
        assert ann.done("PUT", path, body.replace(b":x", b":y"), Content_Type="text/calendar")[0] == 204
        etag = ann.etag(path)
        assert ann.done("GET", path, If_None_Match=etag) == (304, b"")
        assert ann.done("PROPFIND", CALENDAR, LISTING, Depth="1")[0] == 207
        assert ann.done("DELETE", path) == (204, b"")
        assert ann.done("GET", path)[0] == 404


def test_connections_that_write_at_once_all_stay_open(server: Server) -> None:
    def edit(number: int) -> None:
        connection = Connection(server)
        for step in range(8):
            path, body = f"{CALENDAR}many{number}-{step}.ics", event(f"many{number}-{step}")
            assert connection.done("PUT", path, body, Content_Type="text/calendar")[0] == 201
            etag = connection.etag(path)
            assert connection.done("GET", path, If_None_Match=etag) == (304, b"")
            assert connection.done("DELETE", path) == (204, b"")
            assert connection.done("DELETE", path)[0] == 404
        connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(edit, range(6)))


def test_after_answers_without_a_body_the_next_one_is_whole(ann: Connection) -> None:
    path = CALENDAR + "0.ics"
    etag = ann.etag(path)
    for _ in range(10):
        assert ann.done("GET", path, If_None_Match=etag) == (304, b"")
        assert ann.done("GET", path) == (200, event("e0", filler=70_000))


def test_chunked_answers_are_framed_and_leave_the_connection_open(ann: Connection) -> None:
    for _ in range(3):
        answer = ann.ask("REPORT", CALENDAR, DATA, Depth="1")
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert "Content-Length" not in answer.headers
        assert answer.headers.get("Connection", "").lower() != "close"
        root = etree.fromstring(answer.read())
        assert len(root.findall(D + "response")) == LARGE
        assert ann.done("OPTIONS", CALENDAR)[0] in (200, 204)


def test_chunked_and_compressed_answers_too(ann: Connection) -> None:
    answer = ann.ask("REPORT", CALENDAR, DATA, Depth="1", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    root = etree.fromstring(gzip.decompress(answer.read()))
    assert len(root.findall(D + "response")) == LARGE
    assert ann.done("OPTIONS", CALENDAR)[0] in (200, 204)


def test_refusals_leave_the_connection_open(ann: Connection) -> None:
    assert ann.done("PUT", CALENDAR + "bad.ics", b"nonsense", Content_Type="text/calendar")[0] == 403
    assert ann.done("PROPFIND", CALENDAR, b"<broken", Depth="1")[0] == 400
    assert ann.done("BREW", CALENDAR)[0] in (405, 501)
    assert ann.done("PROPFIND", CALENDAR, LISTING, Depth="1", Authorization="Basic !!")[0] == 401
    assert ann.done("OPTIONS", CALENDAR)[0] in (200, 204)


def raw(server: Server, *requests: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"".join(requests))
        found = b""
        while piece := connection.recv(65_536):
            found += piece
        return found


def request(line: str, body: bytes = b"", *headers: str) -> bytes:
    """A request as bytes, without a Host unless it is among the headers."""
    known = [f"Authorization: {basic('ann')}", f"Content-Length: {len(body)}"]
    return "\r\n".join([line, *known, *headers, "", ""]).encode() + body


ASKED = [
    ("GET", CALENDAR + "0.ics", b"", "200 OK"),
    ("OPTIONS", CALENDAR, b"", "200 OK"),
    ("REPORT", CALENDAR, DATA, "207 Multi-Status"),
    ("GET", CALENDAR + "missing.ics", b"", "404 Not Found"),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), ASKED)
@pytest.mark.parametrize("word", ["close", "Close"])
def test_who_asks_for_the_end_gets_it(
    server: Server, word: str, method: str, path: str, body: bytes, status: str
) -> None:
    asked = ("Host: localhost", f"Connection: {word}", "Depth: 1")
    head, _, content = raw(server, request(f"{method} {path} HTTP/1.1", body, *asked)).partition(END)
    assert head.startswith(f"HTTP/1.1 {status}".encode())
    assert b"\r\nconnection: close" in head.lower()
    if method == "REPORT":
        assert content.endswith(b"\r\n0" + END)


def test_an_answer_without_a_body_ends_the_connection_when_asked(server: Server, ann: Connection) -> None:
    asked = ("Host: localhost", "Connection: close", f"If-None-Match: {ann.etag(CALENDAR + '0.ics')}")
    head, _, content = raw(server, request(f"GET {CALENDAR}0.ics HTTP/1.1", b"", *asked)).partition(END)
    assert head.startswith(b"HTTP/1.1 304")
    assert b"\r\nconnection: close" in head.lower()
    assert content == b""


def test_http_1_0_gets_no_chunks_and_the_end(server: Server) -> None:
    for line, body in (
        (f"GET {CALENDAR}0.ics HTTP/1.0", b""),
        (f"OPTIONS {CALENDAR} HTTP/1.0", b""),
        (f"REPORT {CALENDAR} HTTP/1.0", DATA),
    ):
        head, _, content = raw(server, request(line, body, "Depth: 1")).partition(END)
        assert b"transfer-encoding" not in head.lower()
        if body:
            assert len(etree.fromstring(content).findall(D + "response")) == LARGE


def test_http_1_0_may_ask_for_more_where_the_length_is_known(server: Server) -> None:
    first = request(f"GET {CALENDAR}0.ics HTTP/1.0", b"", "Connection: Keep-Alive")
    answers = raw(server, first, request(f"GET {CALENDAR}1.ics HTTP/1.0"))
    assert answers.count(b"HTTP/1.0 200") == 2
    assert b"UID:e1\r\n" in answers


def test_requests_sent_ahead_are_answered_in_order(server: Server) -> None:
    sent = [request(f"GET {CALENDAR}{n}.ics HTTP/1.1", b"", "Host: localhost") for n in range(3)]
    sent.insert(1, request(f"REPORT {CALENDAR} HTTP/1.1", DATA, "Host: localhost", "Depth: 1"))
    sent.append(request(f"OPTIONS {CALENDAR} HTTP/1.1", b"", "Host: localhost", "Connection: close"))
    answers = raw(server, *sent)
    assert re.findall(rb"HTTP/1.1 (\d+) [A-Za-z -]+\r\n", answers) == [b"200", b"207", b"200", b"200", b"200"]
    second = answers.index(b"\r\n0" + END + b"HTTP/1.1 200")
    assert answers.index(b"UID:e0\r\n") < second < answers.rindex(b"UID:e2\r\n")
