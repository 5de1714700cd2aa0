"""Links made as the use-cases make them, and readers who have nothing but an address."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from davserver.app import Server
from davserver.content.lines import unfold
from davserver.jobs import links as jobs
from davserver.jobs.links import Source, Wish
from davserver.jobs.office import Office
from davserver.model import CollectionKind, Link, Principal, View
from davserver.storage import Store, principals
from tests.davclient import Answer, Client

CALENDAR = Source(CollectionKind.CALENDAR, ("default",))
BOOK = Source(CollectionKind.ADDRESSBOOK, ("default",))


class Desk:
    """Where ann keeps her links."""

    def __init__(self, server: Server, owner: str = "ann") -> None:
        self.office = Office(server.store, server.settings, owner)
        self.server = server
        with server.store.read() as tx:
            found = principals.get(tx, owner)
        assert found is not None
        self.owner: Principal = found

    def link(self, source: Source = CALENDAR, /, view: View | None = None, **wish: Any) -> Reader:
        """A new link and somebody who has its address."""
        made = jobs.create(self.office, self.owner, source, Wish(view=view or View(), **wish))
        return Reader(self, made, jobs.token_of(self.office, made))

    def edit(self, link_id: int, **changes: Any) -> Link:
        """Change a link as its owner does."""
        return jobs.edit(self.office, self.owner, link_id, lambda wish: replace(wish, **changes))


class Reader:
    """Who has the address of a link and nothing else."""

    def __init__(self, desk: Desk, link: Link, token: str) -> None:
        self.desk, self.made, self.token = desk, link, token
        self.client = Client(desk.server, None)
        self.path = jobs.address("", token, link)

    def ask(self, method: str = "GET", path: str = "", /, **headers: str | None) -> Answer:
        """Any request to the link, or to another path."""
        return self.client.request(method, path or self.path, **headers)

    def text(self, query: str = "", **headers: str | None) -> str:
        """What the link shows now."""
        answer = self.ask("GET", self.path + query, **headers)
        assert answer.status == 200, (answer.status, answer.body)
        packed = answer.header("Content-Encoding") == "gzip"
        return (gzip.decompress(answer.body) if packed else answer.body).decode()

    def lines(self, query: str = "") -> list[str]:
        """Its unfolded lines."""
        return unfold(self.text(query))

    def uids(self, query: str = "") -> set[str]:
        """The UIDs in it."""
        return {line[4:] for line in self.lines(query) if line.startswith("UID:")}

    def names(self, query: str = "") -> list[str]:
        """The values of all SUMMARYs in it."""
        return sorted(line[8:] for line in self.lines(query) if line.startswith("SUMMARY:"))


MakeLink = Callable[..., Reader]


@pytest.fixture
def desk(server: Server) -> Desk:
    """Ann's."""
    return Desk(server)


@pytest.fixture
def link(desk: Desk) -> MakeLink:
    """link(view=View(detail=Detail.BUSY), label="Mum") → a reader of a new link to ann's calendar."""
    return desk.link


@pytest.fixture
def moments(store: Store) -> Callable[[int], None]:
    """moments(3600): the calendars and links of the database were changed an hour ago."""
    from davserver.storage import schema

    def set_back(seconds: int) -> None:
        with store.write() as tx:
            for table in (schema.collection, schema.link):
                tx.execute(table.update().values(modified=table.c.modified - seconds))

    return set_back
