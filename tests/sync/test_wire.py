"""Whole runs over real sockets against a server that breaks: what each kind of answer does to an account.

The server is one of ours behind a scripted HTTP server (remote.py), whose script may answer instead of it.
What single answers mean is in test_http.py and test_servers.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from davserver.model import CollectionKind
from davserver.storage import Store
from davserver.storage import remote as stored
from davserver.storage.engine import now
from davserver.sync.client import DavClient
from davserver.sync.http import Access, Client, Limits, Password
from davserver.sync.problems import Problem
from tests.davclient import PASSWORD
from tests.sync.pairs import Pair, body_of, new_pair, office_in
from tests.sync.peers import ORIGIN, WsgiWeb, peer
from tests.sync.remote import OPEN, Remote, Reply, Seen, running

CALENDAR = CollectionKind.CALENDAR
Fault = Callable[[Seen], Reply | None]
HOP_BY_HOP = {"host", "content-length", "connection", "accept-encoding", "authorization"}


class Wire:
    """The pair's server on the network. ``fault`` answers in its place where it returns a reply."""

    def __init__(self, pair: Pair, server: Remote) -> None:
        self.pair, self.server = pair, server
        self.fault: Fault = lambda seen: None
        self.seconds = 5.0
        server.answer = self.answer  # type: ignore[method-assign]
        pair.connect = self.connect

    def answer(self, seen: Seen) -> Reply:
        """What the script says, else the server."""
        self.server.seen.append(seen)
        if (scripted := self.fault(seen)) is not None:
            return scripted
        headers = {name: value for name, value in seen.headers.items() if name not in HOP_BY_HOP}
        web = WsgiWeb(self.pair.peer.app)
        real = web.request(seen.method, ORIGIN + seen.path, headers=headers, body=seen.body)
        kept = {
            name: value for name, value in real.headers.items() if name in ("etag", "content-type", "dav")
        }
        return Reply(real.status, real.body, kept)

    @contextmanager
    def connect(self, office: Any, account: Any) -> Iterator[DavClient]:
        access = Access(Password("ann", PASSWORD))
        limits = replace(Limits(), seconds=self.seconds)
        with Client(OPEN, access, limits) as web:
            yield DavClient(web, self.server.url(), sleep=lambda _: None)


@pytest.fixture
def wire(store: Store, people: dict[str, int], tmp_path: Path, remote: Remote) -> Iterator[Wire]:
    """A calendar with two events on both sides, and one more here that is still to be sent."""
    with peer("davserver", tmp_path / "peer") as there:
        pair = new_pair(office_in(tmp_path, store), there, CALENDAR)
        with store.write() as tx:
            homes = {"home_cal": remote.url(there.home), "home_card": ""}
            _change(tx, pair, base_url=remote.url(), **homes)
        made = Wire(pair, remote)
        for uid in ("a", "b"):
            pair.put_there(f"{uid}.ics", body_of(CALENDAR, uid, "x"))
        pair.settle()
        pair.put_here("new.ics", body_of(CALENDAR, "new", "x"))
        pair.put_there("a.ics", body_of(CALENDAR, "a", "changed"))
        remote.seen.clear()
        yield made


def _change(tx: Any, pair: Pair, **values: Any) -> None:
    stored.change_account(tx, pair.account_id, **values)


def only(part: bytes, reply: Reply) -> Fault:
    """The reply to requests whose body has a part; everything else goes through."""
    return lambda seen: reply if part in seen.body else None


def large(connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 207 Multi-Status\r\nContent-Type: application/xml\r\n\r\n")
    for _ in range(66):
        connection.sendall(b" " * 1024 * 1024)


def drip(connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"<")
        time.sleep(0.02)


def cut(connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 1000\r\n\r\n<d:multistatus")


LAUGHS = (
    b'<!DOCTYPE m [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>&c;</d:href></d:response></d:multistatus>'
)


def refusing(seen: Seen) -> Reply | None:
    return Reply(401) if seen.method in ("GET", "PUT") else None


def busy(seen: Seen) -> Reply | None:
    return Reply(429, headers={"Retry-After": formatdate(now() + 900, usegmt=True)})


FAULTS: dict[str, tuple[Fault, Problem]] = {
    "64 MiB": (only(b"sync-collection", Reply(raw=large)), Problem.TOO_LARGE),
    "slow drip": (only(b"sync-collection", Reply(raw=drip)), Problem.UNREACHABLE),
    "cut in the middle": (only(b"sync-collection", Reply(raw=cut)), Problem.GARBLED),
    "half an XML": (only(b"sync-collection", Reply(207, b"<d:multistatus xmlns:d='DAV:'>")), Problem.GARBLED),
    "billion laughs": (only(b"sync-collection", Reply(207, LAUGHS)), Problem.GARBLED),
    "no XML at all": (only(b"sync-collection", Reply(200, b"<html>Hotel</html>")), Problem.NOT_DAV),
    "401 in the middle": (
        lambda seen: Reply(401) if seen.method in ("GET", "PUT") else None,
        Problem.CREDENTIALS,
    ),
    "500": (only(b"sync-collection", Reply(500)), Problem.SERVER),
    "maintenance": (lambda seen: Reply(503, headers={"Retry-After": "120"}), Problem.BUSY),
    "too often": (
        lambda seen: Reply(429, headers={"Retry-After": formatdate(now() + 900, usegmt=True)}),
        Problem.BUSY,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_answer_has_a_name_loses_nothing_and_passes(wire: Wire, name: str) -> None:
    fault, problem = FAULTS[name]
    pair = wire.pair
    wire.fault, wire.seconds = fault, 0.3 if name == "slow drip" else 5
    result = pair.sync()
    assert result.problem is problem
    assert result.text
    assert set(pair.here()) == {"a", "b", "new"}
    assert {"a", "b"} <= set(pair.there())
    wire.fault, wire.seconds = (lambda seen: None), 5
    pair.settle()
    assert pair.here() == pair.there() == {"a": "changed", "b": "x", "new": "x"}
    assert pair.conflicts() == []


def test_a_refused_password_in_the_middle_is_the_last_request_of_all(wire: Wire, store: Store) -> None:
    wire.fault = refusing
    wire.pair.sync()
    assert [seen.method for seen in wire.server.seen][-1] in ("GET", "PUT")
    assert sum(seen.method in ("GET", "PUT") for seen in wire.server.seen) == 1
    assert account(wire, store).next_run is None, "asking again would lock the account"


def test_retry_after_as_a_date_is_when_it_comes_again(wire: Wire, store: Store) -> None:
    wire.fault = busy
    wire.pair.sync()
    assert len(wire.server.seen) == 1
    assert 800 <= (account(wire, store).next_run or 0) - now() <= 901


def account(wire: Wire, store: Store) -> Any:
    with store.read() as tx:
        return stored.account(tx, wire.pair.account_id)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_another_host_gets_no_password_and_ends_the_run(wire: Wire, status: int) -> None:
    with running() as elsewhere:
        target = elsewhere.url("/x/", host="localhost")
        wire.fault = lambda seen: Reply(status, headers={"Location": target})
        assert wire.pair.sync().problem is Problem.REDIRECT
        assert elsewhere.seen == []
    assert set(wire.pair.here()) == {"a", "b", "new"}


def test_a_redirect_within_the_host_is_followed_with_the_password(wire: Wire) -> None:
    home = wire.pair.peer.home

    def moved(seen: Seen) -> Reply | None:
        if seen.path == home:
            return Reply(308, headers={"Location": wire.server.url(home.rstrip("/"))})
        if seen.path == home.rstrip("/"):
            seen.path = home
        return None

    wire.fault = moved
    wire.pair.settle()
    assert wire.pair.here() == wire.pair.there() == {"a": "changed", "b": "x", "new": "x"}
