"""From there to here: what the other server has is brought in, a batch at a time.

Belongs here: fetching bodies, and carrying out what plan decides on the state that is stored at that
moment, so that an edit made meanwhile is never overwritten unseen. Must not be here: what to list (run),
anything that changes the other server (push).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from davserver.content import normal
from davserver.errors import HttpError
from davserver.jobs.items import UidConflict
from davserver.model import CollectionKind, Direction, Item, ItemIndex, ItemState, Policy, RemoteItem
from davserver.sentences import Sentence
from davserver.storage import items, remote
from davserver.sync.client import Fetched, batches
from davserver.sync.desk import Desk, Got, Work, names_for, version_of
from davserver.sync.plan import Action, Outcome, Side, decide, here_side, reconcile
from davserver.sync.problems import RemoteError

BATCH, LARGEST_BATCH = 50, 200
"""Bodies asked for at once, at first and where that went well."""

BATCH_BYTES = 1024 * 1024

AHEAD = 2
"""Batches that are under way or wait: with one, the other server would wait for each to be looked at."""


def fetch(work: Work, hrefs: list[str]) -> Iterator[list[Fetched]]:
    """The bodies of items by multiget, in batches; what an answer leaves out is asked for alone.

    The next ones are under way while one is worked on: nobody else uses the client meanwhile.

    :returns: batches; ``body`` None for what is not there.
    """
    batches = _batches(work, hrefs)
    if len(hrefs) <= BATCH:
        yield from batches
        return
    ahead = ThreadPoolExecutor(1, thread_name_prefix="fetch")
    try:
        coming = deque(ahead.submit(next, batches, None) for _ in range(AHEAD))
        while batch := coming.popleft().result():
            coming.append(ahead.submit(next, batches, None))
            yield batch
    finally:
        ahead.shutdown(cancel_futures=True)


def _batches(work: Work, hrefs: list[str]) -> Iterator[list[Fetched]]:
    position, size = 0, BATCH
    while position < len(hrefs):
        batch = _fetch(work, hrefs[position : position + size])
        yield batch
        position += len(batch)
        average = sum(len(one.body or b"") for one in batch) // len(batch) or 1
        size = max(1, min(2 * len(batch), LARGEST_BATCH, BATCH_BYTES // average))


def fetch_one(work: Work, href: str) -> Fetched:
    """One item, in the form in which a batch has it; ``body`` None where it is not there."""
    return _fetch(work, [href])[0]


def _fetch(work: Work, wanted: list[str]) -> list[Fetched]:
    found: dict[str, Fetched] = {}
    if len(wanted) > 1 or work.kind is CollectionKind.ADDRESSBOOK:  # GET may give a card in another version
        try:
            found = {one.href: one for one in work.client.multiget(work.remote.href, work.kind, wanted)}
        except RemoteError as error:
            if error.status != 404:
                raise
            # sabre/dav before 2.0: one item that is gone makes a 404 of the whole answer
            work.client.facts(work.remote.href)  # raises where it is the collection that is gone
    return [found.get(href) or work.client.get(href) for href in wanted]


def pull(work: Work, hrefs: list[str], gone: frozenset[str]) -> frozenset[str]:
    """Bring in what changed there; returns those of ``gone`` that live on under another href.

    :param hrefs: new and changed items.
    :param gone: hrefs that are known to be gone.
    """
    relinked: set[str] = set()
    done = 0
    for batch in fetch(work, hrefs):
        checked = [work.check(one) for one in batch if one.body is not None]
        relinked |= work.write(partial(take_all, batch=checked, gone=gone))
        done += len(batch)
        work.tell("pull", done, len(hrefs))
    return frozenset(relinked)


def take_all(desk: Desk, batch: Iterable[Got], gone: frozenset[str] = frozenset()) -> set[str]:
    """Bring in checked items; returns the hrefs of ``gone`` whose item got another one."""
    relinked = set()
    for got in _take_unmet(desk, list(batch)):
        row = desk.row(got.href)
        if row is not None and row.name is None:  # it could not be taken before; perhaps it can now
            desk.forget(row)
            row = None
        if row is None and (moved := _moved(desk, got, gone)):
            relinked.add(moved.href)
            row = desk.note(moved, href=got.href, etag="")
        if row is None:
            take_new(desk, got)
        else:
            take_known(desk, row, got)
    return relinked


def _take_unmet(desk: Desk, batch: list[Got]) -> list[Got]:
    """Store those that meet nothing here, in a few statements for all of them; returns the others."""
    if desk.work.rules.way is Direction.PUSH or len(batch) == 1:
        return batch
    named = _unmet(desk, [(got, got.index) for got in batch if got.index is not None])
    if not named:
        return batch
    try:
        desk.store_new(named)
    except HttpError:  # because of one of them, or of the quota: taken one by one it is told which
        return batch
    stored = {got.href for got in named.values()}
    return [got for got in batch if got.href not in stored]


def _unmet(desk: Desk, batch: list[tuple[Got, ItemIndex]]) -> dict[str, Got]:
    """Items of which nothing is remembered and whose UID nobody has, by their names, which are free."""
    tx, remote_id, collection_id = desk.tx, desk.remote.id, desk.target.id
    uids = Counter(index.uid for _, index in batch)
    rows = remote.items_by_href(tx, remote_id, (got.href for got, _ in batch))
    held = items.by_uids(tx, collection_id, uids)
    named = [
        (names_for(desk.work.kind, got.href, index.uid)[0], got)
        for got, index in batch
        if got.href not in rows and index.uid not in held and uids[index.uid] == 1
    ]
    names = Counter(name for name, _ in named)
    taken = {one.name for one in items.by_names(tx, collection_id, names)}
    taken |= remote.names_known(tx, remote_id, list(names))
    return {name: got for name, got in named if name not in taken and names[name] == 1}


def _moved(desk: Desk, got: Got, gone: frozenset[str]) -> RemoteItem | None:
    """The row of an item that has another href now, such as one moved by a client there."""
    if got.index is None or not gone:
        return None
    for name in items.names_with_uid(desk.tx, desk.target.id, got.index.uid):
        row = remote.item_by_name(desk.tx, desk.remote.id, name)
        if row is not None and row.href in gone:
            return row
    return None


# -- an item that is not linked yet ------------------------------------------------------------------


def take_new(desk: Desk, got: Got) -> None:
    """An unknown href: pair it with one here of the same UID, park it, or store it."""
    if got.index is None:
        _mark(desk, None, got, ItemState.UNREADABLE, got.error)
        return
    names = items.names_with_uid(desk.tx, desk.target.id, got.index.uid)
    for name in names:
        if remote.item_by_name(desk.tx, desk.remote.id, name) is None:
            _pair(desk, got, items.get(desk.tx, desk.target.id, name))
            return
    if names:
        text = Sentence(
            "“%(title)s” has the UID of another item, %(name)s, and is not shown twice.",
            title=normal.title_of(got.body),
            name=names[0],
        )
        _mark(desk, None, got, ItemState.PARKED, text)
        return
    if desk.work.rules.way is Direction.PUSH:
        _mark(desk, None, got, ItemState.OK, "")  # known, and left alone
        return
    _store(desk, None, got, None)


def _pair(desk: Desk, got: Got, item: Item | None) -> None:
    """The first meeting of an item that both sides have."""
    assert item is not None
    row = desk.remember(None, got.href, name=item.name, uid=item.uid, etag=got.etag)
    _reconcile(desk, row, item, got)


# -- an item that is linked --------------------------------------------------------------------------


def take_known(desk: Desk, row: RemoteItem, got: Got, *, revert: bool = False) -> None:
    """A version of a linked item. ``revert``: what was changed here cannot be sent, and is undone."""
    item = desk.item(row)
    here = here_side(row, item)
    same = bool(row.base_hash) and got.fingerprint == row.base_hash
    if same and not revert:
        desk.note(row, etag=got.etag, inflight_hash="", inflight_revision=0)
        return
    way = desk.work.rules.way
    action = Action.TAKE if revert else decide(here, Side.CHANGED, way)
    if action is Action.TAKE:
        _take(desk, row, item, got)
    elif action is Action.RECONCILE:
        assert item is not None
        _reconcile(desk, row, item, got)
    else:  # only sent: theirs is overwritten or removed by the push that follows
        kept = desk.body(item) if item is not None else b""
        desk.lose(row, side="there", data=got.body, kept=kept, reason="one-way")
        _ours_stays(desk, row, got)


def _take(desk: Desk, row: RemoteItem, item: Item | None, got: Got) -> None:
    if item is not None and here_side(row, item) is Side.CHANGED and _differs(desk, item, got):
        desk.lose(row, side="here", data=desk.body(item), kept=got.body, reason="read-only")
    _store(desk, row, got, item)


def _differs(desk: Desk, item: Item, got: Got) -> bool:
    return normal.fingerprint(desk.body(item)) != got.fingerprint


def _reconcile(desk: Desk, row: RemoteItem, item: Item, got: Got) -> None:
    ours = desk.body(item)
    outcome = reconcile(version_of(ours), version_of(got.body, got.fingerprint), row.base_hash, _policy(desk))
    if outcome is Outcome.ADOPT:
        desk.remember(row, row.href, etag=got.etag, base_hash=got.fingerprint, local_revision=item.revision)
    elif outcome is Outcome.ONLY_ETAG:
        desk.note(row, etag=got.etag, inflight_hash="", inflight_revision=0)
    elif outcome is Outcome.OURS:
        desk.lose(row, side="there", data=got.body, kept=ours)
        _ours_stays(desk, row, got)
    elif got.index is None:
        _mark(desk, row, got, ItemState.UNREADABLE, got.error)
    else:
        desk.lose(row, side="here", data=ours, kept=got.body)
        _store(desk, row, got, item)
        if outcome is Outcome.BOTH:
            desk.keep_copy(ours)


def _policy(desk: Desk) -> Policy:
    """What is sent one way only is never overwritten on the side it comes from."""
    forced = {Direction.PULL: Policy.REMOTE, Direction.PUSH: Policy.LOCAL}
    return forced.get(desk.work.rules.way, desk.remote.policy)


def _ours_stays(desk: Desk, row: RemoteItem, got: Got) -> None:
    """Theirs was seen and lost: ours is pushed over exactly that version."""
    desk.remember(row, row.href, etag=got.etag, base_hash=got.fingerprint, local_revision=0)
    desk.look_again()


def _store(desk: Desk, row: RemoteItem | None, got: Got, item: Item | None) -> None:
    """Theirs becomes ours, or is noted as what cannot be stored here."""
    if got.index is None:
        _mark(desk, row, got, ItemState.UNREADABLE, got.error)
        return
    uid = got.index.uid
    name = row.name if row is not None and row.name is not None else desk.free_name(got.href, uid)
    try:
        stored = desk.store(got, item, name)
    except UidConflict as error:
        _mark(desk, row, got, ItemState.PARKED, error.message)
        return
    except HttpError as error:
        _mark(desk, row, got, ItemState.UNREADABLE, error.message)
        return
    agreed = {"name": name, "uid": uid, "etag": got.etag, "base_hash": got.fingerprint}
    desk.remember(row, got.href, **agreed, local_revision=stored.revision)
    desk.counts["pulled"] += 1


def _mark(desk: Desk, row: RemoteItem | None, got: Got, state: ItemState, text: str) -> None:
    """Remember why a version is not taken; it is looked at again when it changes there."""
    values = {"etag": got.etag, "state": state.value, "error_text": text, "base_hash": got.fingerprint}
    if row is None:
        values["uid"] = got.index.uid if got.index else ""
    desk.remember(row, got.href, **values)
    desk.counts["problems"] += 1 if state is not ItemState.OK else 0


# -- what is gone there ------------------------------------------------------------------------------


def drop_all(work: Work, hrefs: Iterable[str], *, restore: bool = False) -> None:
    """Delete here what was deleted there, or bring it back there (``restore``: the guard's answer)."""
    wanted = sorted(hrefs)
    for part in batches(wanted, BATCH):

        def drop(desk: Desk, part: Sequence[str] = part) -> None:
            for href in part:
                drop_one(desk, href, restore=restore)

        work.write(drop)


def drop_one(desk: Desk, href: str, *, restore: bool = False) -> None:
    """An href that is gone there."""
    row = desk.row(href)
    if row is None:
        return
    item = desk.item(row)
    action = Action.FORGET
    if row.name is not None:
        action = decide(here_side(row, item), Side.DELETED, desk.work.rules.way)
    desk.forget(row)
    if action is Action.DROP and item is not None and not restore:
        desk.drop(item)
        desk.counts["removed_here"] += 1
    elif action in (Action.DROP, Action.PUSH_ANEW):
        desk.look_again()  # it is unlinked now, and pushed as a new one
