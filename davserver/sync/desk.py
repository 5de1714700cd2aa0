"""The local side of one collection's run: what is stored here and remembered of it, in one transaction.

    work.write(lambda desk: desk.store(row, name, got))

Belongs here: each change of items, of the memory of them and of the trash of lost versions. Must not be
here: requests, decisions (plan). Every transaction renews the lease, so that two runners can never both
write; one that lost it stops.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from davserver.content import normal
from davserver.errors import HttpError
from davserver.jobs.items import UidConflict, check_body, check_component, check_quota, read_body, store_item
from davserver.jobs.office import Office
from davserver.model import (
    Collection,
    CollectionKind,
    Item,
    ItemIndex,
    ItemState,
    NewItem,
    Principal,
    RemoteAccount,
    RemoteCollection,
    RemoteItem,
)
from davserver.storage import collections, items, leases, remote
from davserver.storage.engine import is_transient, now
from davserver.sync.client import KINDS, DavClient, Fetched
from davserver.sync.owners import LEASE_SECONDS
from davserver.sync.plan import Rules, Version
from davserver.sync.problems import Problem, RemoteError

T = TypeVar("T")
TRIES = 5
"""How often a transaction is run again after a deadlock."""

_SAFE_NAME = re.compile(r"[A-Za-z0-9_@~+=-][A-Za-z0-9._@~+=-]{0,180}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, for people who wait. ``total`` 0: not known."""

    collection: str
    phase: str
    done: int = 0
    total: int = 0


Report = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Got:
    """An item as the other server has it, checked; ``index`` None: it cannot be stored, see ``error``.

    :param fingerprint: what it says (content.normal).
    """

    href: str
    etag: str
    body: bytes
    fingerprint: str
    index: ItemIndex | None = None
    error: str = ""


@dataclass
class Work:
    """One collection's run. ``remote`` is replaced as its row changes."""

    office: Office
    account: RemoteAccount
    owner: Principal
    client: DavClient
    lease: str
    remote: RemoteCollection
    report: Report = lambda _: None
    counts: Counter[str] = field(default_factory=Counter)
    halted: Callable[[], bool] = lambda: False

    @property
    def kind(self) -> CollectionKind:
        """Calendar or address book."""
        return self.remote.kind

    @property
    def rules(self) -> Rules:
        """How it is synchronised."""
        return Rules(self.remote.direction, self.remote.read_only)

    @property
    def title(self) -> str:
        """What people call the collection."""
        return self.remote.display_name or self.remote.href

    def tell(self, phase: str, done: int = 0, total: int = 0) -> None:
        """Report progress."""
        self.report(Progress(self.title, phase, done, total))

    def write(self, step: Callable[[Desk], T]) -> T:
        """Run a step in a transaction, again after a deadlock; counts count when it is committed.

        :raises RemoteError: ``lease`` where another runner has the account by now, ``gone`` where the local
            collection was deleted.
        """
        if self.halted():
            raise RemoteError(Problem.HALTED)
        for attempt in range(TRIES):
            try:
                with self.office.store.write() as tx:
                    desk = Desk(self, tx)
                    result = step(desk)
            except DBAPIError as error:
                if attempt == TRIES - 1 or not is_transient(error):
                    raise
            else:
                self.counts.update(desk.counts)
                self.remote = desk.remote
                return result
        raise AssertionError("not reached")

    def check(self, fetched: Fetched) -> Got:
        """Check a body as a PUT would be."""
        body = mended(self.kind, fetched.body or b"")
        try:
            index, root = read_body(self.kind, body, self.office.settings)
        except HttpError as error:
            body = fetched.body or b""
            return Got(fetched.href, fetched.etag, body, normal.fingerprint(body), error=error.message)
        return Got(fetched.href, fetched.etag, body, normal.fingerprint_of([root]), index)


class Desk:
    """One transaction: the local collection locked, the lease renewed."""

    def __init__(self, work: Work, tx: Connection) -> None:
        self.work = work
        self.tx = tx
        self.counts: Counter[str] = Counter()
        if not leases.take(tx, leases.ACCOUNTS, work.account.id, work.lease, now() + LEASE_SECONDS):
            raise RemoteError(Problem.LEASE)
        fresh = remote.collection(tx, work.remote.id)
        target = fresh and fresh.collection_id and collections.lock(tx, fresh.collection_id)
        if fresh is None or not target:
            raise RemoteError(Problem.GONE, "The collection was deleted here; it is no longer synchronised.")
        self.remote: RemoteCollection = fresh
        self.target: Collection = target

    # -- the memory

    def row(self, href: str) -> RemoteItem | None:
        """What is remembered of an href."""
        return remote.item_by_href(self.tx, self.remote.id, href)

    def again(self, row: RemoteItem) -> RemoteItem | None:
        """A remembered item as it is now; None where it was forgotten or given another href."""
        found = self.row(row.href)
        return found if found is not None and found.id == row.id else None

    def item(self, row: RemoteItem) -> Item | None:
        """The local item of a row."""
        return items.get(self.tx, self.target.id, row.name) if row.name is not None else None

    def remember(self, row: RemoteItem | None, href: str, **values: Any) -> RemoteItem:
        """Write a row, new or known. An agreed version is no longer in flight and in no trouble.

        A new one is unconfirmed: the stored token may be older than the item (collection._note_token).
        """
        settled = {
            "inflight_hash": "",
            "inflight_revision": 0,
            "state": ItemState.OK.value,
            "error_text": "",
            **values,
        }
        if row is None:
            return remote.add_item(self.tx, self.remote.id, href, **{"unconfirmed": True, **settled})
        return self.note(row, **settled)

    def note(self, row: RemoteItem, **values: Any) -> RemoteItem:
        """Change columns of a row."""
        remote.change_item(self.tx, row.id, **values)
        changed = {**values, "state": ItemState(values["state"])} if "state" in values else values
        return row._replace(**changed)

    def forget(self, row: RemoteItem) -> None:
        """Forget a row."""
        remote.forget_item(self.tx, row.id)

    def update(self, **values: Any) -> None:
        """Change columns of the remote collection's row."""
        remote.change_collection(self.tx, self.remote.id, **values)
        self.remote = replace(self.remote, **values)

    def look_again(self) -> None:
        """Compare all local items at the next look, not only those after ``seen_revision``."""
        if self.remote.seen_revision:
            self.update(seen_revision=0)

    # -- the items

    def body(self, item: Item) -> bytes:
        """The stored bytes."""
        return items.read_body(self.tx, item.id)

    def store(self, got: Got, current: Item | None, name: str) -> Item:
        """Store another server's version under a name; one whose UID differs takes the item's place.

        :raises HttpError: where this collection does not take it.
        """
        assert got.index is not None
        new = NewItem(name, got.body, got.index)
        if current is None or current.uid == got.index.uid:
            return self._put(new, current)
        with self.tx.begin_nested():
            self.drop(current)
            return self._put(new, None)

    def _put(self, new: NewItem, current: Item | None) -> Item:
        try:
            stored = store_item(self.tx, self.target, new, current, owner=self.work.owner, actor=self.actor)
        except HttpError as error:
            if error.status == 507:
                raise RemoteError(Problem.QUOTA_HERE, error.message) from None
            raise
        self.target = self.target._replace(revision=stored.revision)
        return stored

    def store_new(self, named: dict[str, Got]) -> None:
        """Store other server's items that are new here, under free names, and remember them: all at once.

        :raises HttpError: where this collection does not take one of them; then nothing was written.
        """
        new = [NewItem(name, got.body, got.index) for name, got in named.items() if got.index is not None]
        for one in new:
            check_component(self.target, one.index)
        check_quota(self.tx, self.work.owner, sum(len(one.body) for one in new))
        revisions = count(self.target.revision + 1)
        self.target = items.put_new(self.tx, self.target, new)
        rows = (
            {"name": one.name, "uid": one.index.uid, "local_revision": next(revisions), "unconfirmed": True}
            for one in new
        )
        agreed = (
            {"href": got.href, "etag": got.etag, "base_hash": got.fingerprint} for got in named.values()
        )
        remote.add_items(self.tx, self.remote.id, [{**a, **b} for a, b in zip(rows, agreed, strict=True)])
        self.counts["pulled"] += len(new)

    def drop(self, item: Item) -> None:
        """Delete a local item; its body goes to the history."""
        items.remove(self.tx, self.target, item, self.actor)
        self.target = self.target._replace(revision=self.target.revision + 1)

    @property
    def actor(self) -> str:
        """Who is named in the history."""
        return f"{self.work.owner.name} (from {self.work.account.label})"[:255]

    def keep_copy(self, body: bytes) -> None:
        """Store a version that lost as an item of its own, with a UID of its own."""
        uid = f"{secrets.token_hex(16)}"
        copy = normal.copy_as(body, uid, "(conflict)")
        index = check_body(self.work.kind, copy, self.work.office.settings)
        self._put(NewItem(uid + KINDS[self.work.kind].extension, copy, index), None)

    def free_name(self, href: str, uid: str) -> str:
        """The name for an item from elsewhere: that of its href where that is simple and free."""
        extension = KINDS[self.work.kind].extension
        for name in names_for(self.work.kind, href, uid):
            taken = items.get(self.tx, self.target.id, name) or remote.item_by_name(
                self.tx, self.remote.id, name
            )
            if not taken:
                return name
        return secrets.token_hex(16) + extension

    def free_href(self, item: Item) -> str:
        """The href for an item of ours: its name where that is simple, else made from its UID.

        The same each time, so that a PUT repeated after a lost answer meets the first one.
        """
        extension = KINDS[self.work.kind].extension
        hashed = sha256(item.uid.encode()).hexdigest()[:32] + extension
        simple = item.name if _SAFE_NAME.fullmatch(item.name) and item.name.endswith(extension) else hashed
        by_uid = item.uid + extension
        if self.work.client.quirks.basename_is_uid and _SAFE_NAME.fullmatch(by_uid):
            simple = by_uid
        for name in (simple, hashed):
            href = self.remote.href.rstrip("/") + "/" + quote(name, safe="!$&'()*+,;=:@-._~")
            if self.row(href) is None:
                return href
        return self.remote.href.rstrip("/") + "/" + secrets.token_hex(16) + extension

    def lose(self, row: RemoteItem, *, side: str, data: bytes, kept: bytes, reason: str = "conflict") -> None:
        """Put a version that lost into the trash of conflicts."""
        remote.add_conflict(
            self.tx,
            owner_id=self.work.owner.id,
            account_id=self.work.account.id,
            account_label=self.work.account.label,
            collection_id=self.target.id,
            collection_name=self.target.display_name or self.target.name,
            kind=self.work.kind.value,
            name=row.name or "",
            uid=row.uid,
            href=row.href,
            side=side,
            reason=reason,
            restored=None,
            data=data,
            kept=kept,
        )
        self.counts["conflicts"] += 1


def names_for(kind: CollectionKind, href: str, uid: str) -> tuple[str, str]:
    """Names for an item from elsewhere, best first: that of its href where it is simple; one by its UID."""
    extension = KINDS[kind].extension
    basename = unquote(href.rpartition("/")[2])
    hashed = sha256(uid.encode()).hexdigest()[:32] + extension
    return basename if _SAFE_NAME.fullmatch(basename) and basename.endswith(extension) else hashed, hashed


def version_of(body: bytes, fingerprint: str = "") -> Version:
    """A body for the decision about a conflict."""
    return Version(fingerprint or normal.fingerprint(body), normal.changed_at(body), normal.has_people(body))


def mended(kind: CollectionKind, body: bytes) -> bytes:
    """A body without the sins that other servers commit and a PUT here does not forgive.

    METHOD in stored objects (Exchange gateways, old Zimbra); a VERSION that is missing.
    """
    if kind is CollectionKind.CALENDAR:
        if b"METHOD:" in body:
            body = _METHOD.sub(b"", body, count=1)
        if not _VERSION.search(body):
            body = body.replace(b"BEGIN:VCALENDAR\r\n", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", 1)
    return body


_METHOD = re.compile(rb"^METHOD:[^\r\n]*\r?\n", re.MULTILINE)
_VERSION = re.compile(rb"^VERSION[:;]", re.MULTILINE)
__all__ = ["Desk", "Got", "Progress", "Report", "UidConflict", "Work", "mended", "version_of"]
