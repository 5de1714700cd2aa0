"""A collection here and one there, kept in step: what the tests of synchronisation act on.

with paired(store, there, CollectionKind.CALENDAR) as pair:
    pair.put_here("one.ics", body)
    pair.sync()
    assert pair.here() == pair.there()
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from davserver.config import Settings, StorageSettings
from davserver.jobs.items import check_body, store_item
from davserver.jobs.office import Office
from davserver.model import CollectionKind, NewItem, Policy, RemoteAccount, RemoteCollection
from davserver.storage import Store, collections, items, principals, remote
from davserver.sync.client import DavClient
from davserver.sync.run import Options, RunResult, link, run_account
from tests.content.objects import card, event
from tests.sync.peers import ORIGIN, Peer

EXTENSIONS = {CollectionKind.CALENDAR: ".ics", CollectionKind.ADDRESSBOOK: ".vcf"}


def body_of(kind: CollectionKind, uid: str, text: str) -> bytes:
    """An event or a card that says the text."""
    if kind is CollectionKind.CALENDAR:
        return event(f"SUMMARY:{text}", uid=uid)
    return card(f"FN:{text}", f"NOTE:{text}", uid=uid)


def uid_of(body: bytes) -> str:
    """The UID of a body of ours."""
    return body.partition(b"\nUID:")[2].split()[0].decode()


def text_of(body: bytes) -> str:
    """What a body of ours says."""
    mark = b"\nSUMMARY:" if b"BEGIN:VEVENT" in body else b"\nNOTE:"
    unfolded = body.replace(b"\r\n ", b"")
    return unfolded.partition(mark)[2].partition(b"\n")[0].strip().decode()


@dataclass
class Pair:
    """One linked collection. ``connect`` and ``runner`` may be replaced to put faults between."""

    office: Office
    peer: Peer
    kind: CollectionKind
    account_id: int
    remote_id: int
    collection_id: int
    href: str
    connect: Callable[[Office, RemoteAccount], Any] = field(init=False)
    runner: Office = field(init=False)

    def __post_init__(self) -> None:
        self.runner = self.office
        self.connect = lambda office, account: contextlib.nullcontext(self.peer.client())

    # -- synchronising

    def sync(self, **options: Any) -> RunResult:
        """One run."""
        return run_account(self.runner, self.account_id, Options(connect=self.connect, **options))

    def settle(self) -> RunResult:
        """Runs until nothing is done any more; the last one's result."""
        for _ in range(8):
            result = self.sync()
            assert result.ok, (result.problem, result.text)
            if not any(result.counts[name] for name in ("pulled", "pushed", "removed_here", "removed_there")):
                return result
        raise AssertionError("the two sides do not come to rest")

    @property
    def row(self) -> RemoteCollection:
        """The remote collection's row as it is now."""
        with self.office.store.read() as tx:
            found = remote.collection(tx, self.remote_id)
        assert found is not None
        return found

    def change(self, **values: Any) -> None:
        """Change columns of the remote collection's row."""
        with self.office.store.write() as tx:
            remote.change_collection(tx, self.remote_id, **values)

    def age(self) -> None:
        """Let a day go by: an audit is due."""
        self.change(full_scan_at=0)

    def conflicts(self) -> list[bytes]:
        """The versions that lost, newest first."""
        with self.office.store.read() as tx:
            account = remote.account(tx, self.account_id)
            assert account is not None
            return [one.data for one in remote.conflicts_of(tx, account.owner_id, limit=1000)]

    # -- here

    def put_here(self, name: str, body: bytes) -> None:
        """Store as a PUT here would."""
        office = self.office
        index = check_body(self.kind, body, office.settings)
        with office.store.write() as tx:
            target = collections.lock(tx, self.collection_id)
            assert target is not None
            owner = principals.by_id(tx, target.owner_id)
            assert owner is not None
            current = items.get(tx, target.id, name)
            store_item(tx, target, NewItem(name, body, index), current, owner=owner, actor="ann")

    def delete_here(self, name: str) -> None:
        """Delete as a DELETE here would."""
        with self.office.store.write() as tx:
            target = collections.lock(tx, self.collection_id)
            assert target is not None
            gone = items.get(tx, target.id, name)
            assert gone is not None
            items.remove(tx, target, gone, "ann")

    def bodies_here(self) -> dict[str, bytes]:
        """Name → body."""
        with self.office.store.read() as tx:
            return {item.name: body for item, body in items.listing_with_bodies(tx, self.collection_id)}

    def here(self) -> dict[str, str]:
        """UID → what it says."""
        return {uid_of(body): text_of(body) for body in self.bodies_here().values()}

    def name_here(self, uid: str) -> str:
        """The name of the item with that UID."""
        return next(name for name, body in self.bodies_here().items() if uid_of(body) == uid)

    # -- there

    @property
    def client(self) -> DavClient:
        """A client of another program's, without faults."""
        return self.peer.client()

    def put_there(self, name: str, body: bytes) -> None:
        """Store by another client there."""
        client = self.client
        known = client.get(self.href + name)
        reply = client.put(self.href + name, self.kind, body, if_match=known.etag)
        assert reply.ok, reply

    def delete_there(self, name: str) -> None:
        """Delete by another client there."""
        assert self.client.delete(self.href + name).ok

    def bodies_there(self) -> dict[str, bytes]:
        """Name → body."""
        client = self.client
        hrefs = list(client.etags(self.href).changed)
        found = client.multiget(self.href, self.kind, hrefs) if hrefs else []
        return {one.href.rpartition("/")[2]: one.body for one in found if one.body is not None}

    def there(self) -> dict[str, str]:
        """UID → what it says."""
        return {uid_of(body): text_of(body) for body in self.bodies_there().values()}

    def name_there(self, uid: str) -> str:
        """The name of the item with that UID."""
        return next(name for name, body in self.bodies_there().items() if uid_of(body) == uid)


def new_pair(office: Office, there: Peer, kind: CollectionKind, *, name: str = "linked") -> Pair:
    """ann's default collection here, linked with a new one there."""
    href = there.make(kind, name)
    with office.store.write() as tx:
        ann = principals.get(tx, "ann")
        assert ann is not None
        mine = collections.get(tx, "ann", kind, "default")
        assert mine is not None
        account_id = remote.add_account(
            tx,
            owner_id=ann.id,
            label="there",
            base_url=ORIGIN + "/",
            username="ann",
            home_cal=ORIGIN + there.home,
            home_card=ORIGIN + there.home_card,
            interval_seconds=900,
            next_run=0,
        )
        facts = {"display_name": mine.display_name or "", "components": mine.components}
        remote_id = remote.add_collection(tx, account_id, kind, href, **facts, policy=Policy.REMOTE.value)
        row = remote.collection(tx, remote_id)
        assert row is not None
        link(tx, row, mine.id)
    return Pair(office, there, kind, account_id, remote_id, mine.id, href)


def office_in(folder: Path, store: Store) -> Office:
    """Where ann's things are."""
    return Office(store, Settings(storage=StorageSettings(data_dir=folder)), actor="ann")


@contextlib.contextmanager
def linked(folder: Path, store: Store, there: Peer, kind: CollectionKind) -> Iterator[Pair]:
    """new_pair in one step."""
    yield new_pair(office_in(folder, store), there, kind)
