"""Who is slow, or sends too much, is in nobody's way."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.robustness.processes import (
    CALENDAR,
    Gunicorn,
    Server,
    Waitress,
    event,
    make_place,
    served,
)
from tests.robustness.world import basic

LARGEST = 200_000
"""Bytes of a body that these servers take at most."""


@pytest.fixture(scope="module", params=[Waitress, Gunicorn])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param is Gunicorn:
        pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    place = make_place(
        tmp_path_factory.mktemp("slow"),
        DAVSERVER_SERVER_MAX_REQUEST_SIZE=str(LARGEST),
        DAVSERVER_CALDAV_MAX_RESOURCE_SIZE=str(LARGEST),
        DAVSERVER_CARDDAV_MAX_RESOURCE_SIZE=str(LARGEST),
        DAVSERVER_CARDDAV_MAX_IMAGE_SIZE=str(LARGEST // 2),
        DAVSERVER_SERVER_THREADS="2",
    )
    with served(request.param(place)) as running:
        yield running


def head(method: str, path: str, *lines: str) -> bytes:
    """The beginning of a request."""
    first = (f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {basic('ann')}")
    return "\r\n".join((*first, *lines, "", "")).encode()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), 30)


def status(connection: socket.socket) -> int:
    """The status of the answer, 0 where the connection was closed without one."""
    received = b""
    while b"\r\n" not in received:
        try:
            piece = connection.recv(1024)
        except ConnectionResetError:
            return 0
        if not piece:
            return 0
        received += piece
    return int(received.split()[1])


def test_bodies_that_come_byte_by_byte_do_not_keep_others_waiting(server: Server) -> None:
    if isinstance(server, Gunicorn):
        pytest.skip("gunicorn keeps a thread for each body; its documentation wants a proxy before it")
    bodies = [event(f"slow-{number}") for number in range(6)]
    slow = [connect(server) for _ in bodies]
    for number, (connection, body) in enumerate(zip(slow, bodies, strict=True)):
        connection.sendall(head("PUT", f"{CALENDAR}slow-{number}.ics", f"Content-Length: {len(body)}"))
    with server.client() as quick:
        for place in range(len(bodies[0])):
            for connection, body in zip(slow, bodies, strict=True):
                connection.sendall(body[place : place + 1])
            if place % 20 == 0:
                assert quick.put(f"quick-{place}.ics", event(f"quick-{place}")).status == 201
    assert [status(connection) for connection in slow] == [201] * len(slow)
    for connection in slow:
        connection.close()


def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(server: Server) -> None:
    for method in ("PUT", "PROPFIND", "REPORT"):
        with connect(server) as connection:
            connection.sendall(head(method, CALENDAR + "large.ics", "Content-Length: 10000000000"))
            assert status(connection) == 413, method


def test_a_body_without_a_length_is_refused_when_it_has_become_too_large(server: Server) -> None:
    """Endless chunks: the server answers or hangs up long before the client gives up."""
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    sent = 0
    with connect(server) as connection:
        connection.sendall(head("PUT", CALENDAR + "endless.ics", "Transfer-Encoding: chunked"))
        connection.settimeout(0.01)
        try:
            while sent < 100 * LARGEST:
                connection.sendall(chunk)
                sent += len(chunk)
                if _answers(connection):
                    break
        except (ConnectionError, TimeoutError):
            pass
        connection.settimeout(30)
        assert status(connection) in (413, 0)
    assert sent < 100 * LARGEST
    with server.client() as client:
        assert client.ask("GET", CALENDAR + "endless.ics").status == 404


def _answers(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) is not None
    except TimeoutError:
        return False


def test_a_body_that_ends_early_stores_nothing(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(head("PUT", CALENDAR + "half.ics", "Content-Length: 5000") + event("half"))
        connection.shutdown(socket.SHUT_WR)
        assert status(connection) in (0, 400)
    with server.client() as client:
        assert client.ask("GET", CALENDAR + "half.ics").status == 404
        assert client.put("after.ics", event("after")).status in (201, 204)


def test_who_reads_a_large_answer_slowly_holds_no_lock_and_gets_one_state(server: Server) -> None:
    """16 MiB, more than any buffer between the two; meanwhile others write, and delete what is being read."""
    large = "/dav/calendars/ann/large/"
    with server.client() as client:
        assert client.ask("MKCALENDAR", large).status == 201
        for number in range(100):
            body = event(f"large-{number}", filler=170_000)
            assert client.put(f"{large}{number}.ics", body).status == 201
        expected = 100 * body.count(b"y")
        with connect(server) as reader:
            reader.sendall(head("GET", large + "?export", "Connection: close"))
            received = reader.recv(200)
            assert received.startswith(b"HTTP/1.1 200")
            for number in range(20):
                assert client.put(f"beside-{number}.ics", event(f"beside-{number}")).status == 201
            assert client.ask("DELETE", large).status == 204
            while piece := reader.recv(1 << 20):
                received += piece
    assert received.rstrip(b"0\r\n").endswith(b"END:VCALENDAR")
    assert received.count(b"y") >= expected


def test_clients_that_hang_up_in_the_middle_of_an_answer_leave_nothing_open(server: Server) -> None:
    with server.client() as client:
        for number in range(20):
            client.put(f"hang-{number}.ics", event(f"hang-{number}", filler=150_000))
        for _ in range(30):
            with connect(server) as reader:
                reader.sendall(head("GET", CALENDAR + "?export"))
                reader.recv(100)
        time.sleep(0.1)
        assert client.put("hang-0.ics", event("hang-0", "still alive")).status == 204
