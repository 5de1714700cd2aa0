"""From here to there: deletions, then changes, then new items; each safe to be cut off anywhere.

Belongs here: writes on the other server and what each answer means. Must not be here: listing, storing
(desk, pull).

What is sent is noted before (``inflight_hash``); after a cut nobody sends it again before having looked.
If-Match carries the entity tag of the version the change was made from; a new item has a name that follows
from its UID, so that one repeated after a lost answer meets itself.
"""

from __future__ import annotations

from functools import partial

from davserver.content import normal
from davserver.davxml import DAV
from davserver.model import Direction, Item, ItemState, RemoteItem
from davserver.sentences import Sentence
from davserver.storage import items, remote
from davserver.sync.client import Fetched, Reply
from davserver.sync.desk import Desk, Got, Work
from davserver.sync.multistatus import is_strong
from davserver.sync.problems import Problem, RemoteError
from davserver.sync.pull import drop_one, fetch_one, take_all, take_known

ROUNDS = 3
"""Conflicts that ours wins become pushes; more rounds than this wait for the next run."""

REFUSALS = (400, 403, 405, 413, 415, 422)


def push(work: Work) -> None:
    """Send what was changed here, or undo it where nothing may be sent."""
    for _ in range(ROUNDS):
        removed, changed = pending(work)
        if not removed and not changed:
            return
        if work.rules.way is Direction.PULL:
            _revert(work, removed, changed)
            return
        for row in removed:
            remove(work, row)
        known = [item for item in changed if _row_of(work, item)]
        new = [item for item in changed if not _row_of(work, item)]
        for done, item in enumerate([*known, *new], 1):
            send(work, item)
            work.tell("push", done, len(changed))


def pending(work: Work) -> tuple[list[RemoteItem], list[Item]]:
    """What was deleted here, and what is new or changed and may be sent."""
    with work.office.store.read() as tx:
        removed = remote.gone_here(tx, work.remote)
        changed = remote.changed_here(tx, work.remote)
        rows = (remote.item_by_name(tx, work.remote.id, item.name) for item in changed)
        stuck = (row is not None and row.state is ItemState.UNREADABLE for row in rows)
        return removed, [item for item, is_stuck in zip(changed, stuck, strict=True) if not is_stuck]


def is_settled(work: Work) -> bool:
    """Whether nothing waits to be sent; the local revision up to which that holds is remembered."""

    def settle(desk: Desk) -> bool:
        waits = remote.gone_here(desk.tx, desk.remote) or remote.changed_here(desk.tx, desk.remote)
        if waits and desk.work.rules.way is not Direction.PULL:
            return False
        if desk.remote.seen_revision != desk.target.revision:
            desk.update(seen_revision=desk.target.revision)
        return True

    return work.write(settle)


def _row_of(work: Work, item: Item) -> RemoteItem | None:
    with work.office.store.read() as tx:
        return remote.item_by_name(tx, work.remote.id, item.name)


# -- deletions ---------------------------------------------------------------------------------------


def remove(work: Work, row: RemoteItem) -> None:
    """Delete there what was deleted here, if it is still the version that we knew."""
    if row.inflight_hash:
        return  # recover() comes first, in the next run
    etag = row.etag
    if not is_strong(etag):
        found = fetch_one(work, row.href)
        if found.body is None:
            work.write(lambda desk: drop_one(desk, row.href))
            return
        if normal.fingerprint(found.body) != row.base_hash:
            _look(work, row, found)
            return
        etag = found.etag if is_strong(found.etag) else ""
    reply = work.client.delete(row.href, if_match=etag)
    if reply.ok or reply.status in (404, 410):
        work.write(lambda desk: _removed(desk, row))
    elif reply.status == 403:
        _refused_rights(work, row, reply)
    else:
        _look(work, row, fetch_one(work, row.href))


def _removed(desk: Desk, row: RemoteItem) -> None:
    if current := desk.again(row):
        desk.forget(current)
        desk.counts["removed_there"] += 1


# -- changes and new items ---------------------------------------------------------------------------


def send(work: Work, item: Item) -> None:
    """Send one local item as it is now."""
    with work.office.store.read() as tx:
        found = items.get_with_body(tx, item.collection_id, item.name)
        row = remote.item_by_name(tx, work.remote.id, item.name)
    if found is None or (row is not None and row.inflight_hash):
        return
    item, body = found
    if row is not None and row.uid and row.uid != item.uid:
        remove(work, row)  # another object took the name: there it gets a place of its own
        return
    if row is None or not (row.etag or row.base_hash):
        _create(work, item, body)
    else:
        _update(work, row, item, body)


def _update(work: Work, row: RemoteItem, item: Item, body: bytes) -> None:
    fingerprint = normal.fingerprint(body)
    if fingerprint == row.base_hash and row.state is ItemState.OK and row.etag:
        work.write(lambda desk: _agreed(desk, row, item))  # nothing that matters was changed
        return
    etag, anyway = row.etag, False
    if not is_strong(etag):
        found = fetch_one(work, row.href)
        if found.body is None or normal.fingerprint(found.body) != row.base_hash:
            _look(work, row, found)
            return
        etag, anyway = found.etag, not is_strong(found.etag)
    if not work.write(lambda desk: _journal(desk, row, fingerprint, item.revision)):
        return
    if anyway:
        reply = work.client.put_anyway(row.href, work.kind, body)
    else:
        reply = work.client.put(row.href, work.kind, body, if_match=etag)
    _answered(work, row, item, body, reply)


def _create(work: Work, item: Item, body: bytes) -> None:
    row = work.write(lambda desk: _announce(desk, item, normal.fingerprint(body)))
    if row is None:
        return
    if not work.client.quirks.if_none_match:
        found = fetch_one(work, row.href)
        if found.body is not None:
            _look(work, row, found)
            return
    _answered(work, row, item, body, work.client.put(row.href, work.kind, body))


def _announce(desk: Desk, item: Item, fingerprint: str) -> RemoteItem | None:
    """The journal's entry of a new item; its row may be there from an attempt before."""
    row = remote.item_by_name(desk.tx, desk.remote.id, item.name)
    values = {"inflight_hash": fingerprint, "inflight_revision": item.revision}
    if row is not None:
        return None if row.inflight_hash else desk.note(row, **values)
    href = desk.free_href(item)
    return remote.add_item(desk.tx, desk.remote.id, href, name=item.name, uid=item.uid, **values)


def _journal(desk: Desk, row: RemoteItem, fingerprint: str, revision: int) -> bool:
    current = desk.again(row)
    if current is None or current.inflight_hash:
        return False
    desk.note(current, inflight_hash=fingerprint, inflight_revision=revision)
    return True


def _agreed(desk: Desk, row: RemoteItem, item: Item) -> None:
    if current := desk.again(row):
        desk.note(current, local_revision=item.revision)


def _answered(work: Work, row: RemoteItem, item: Item, body: bytes, reply: Reply) -> None:
    """What the answer to a PUT means."""
    if reply.ok:
        _stored(work, row, item, body, reply)
    elif reply.status in (409, 412) and reply.precondition.endswith("no-uid-conflict"):
        _uid_is_there(work, row, item, reply)
    elif reply.status == 403 and _lacks_rights(reply):
        _refused_rights(work, row, reply)
    elif reply.status == 507:
        work.write(lambda desk: _withdraw(desk, row))
        raise RemoteError(Problem.QUOTA_THERE, status=507)
    elif reply.status in REFUSALS:
        work.write(
            lambda desk: _refuse(
                desk, row, item, Sentence("The server answered %(answer)s.", answer=reply.message)
            )
        )
    else:
        _collided(work, row, item, reply)


def _stored(work: Work, row: RemoteItem, item: Item, body: bytes, reply: Reply) -> None:
    href = reply.href or row.href
    found = None
    if not is_strong(reply.etag) or work.client.quirks.rewrites:
        found = fetch_one(work, href)
    if found is None or found.body is None:
        etag = reply.etag if found is None else ""
        work.write(lambda desk: _settle(desk, row, item, (href, etag, normal.fingerprint(body))))
    else:
        got = work.check(found)
        work.write(lambda desk: _settle_rewritten(desk, row, item, got))


def _settle(desk: Desk, row: RemoteItem, item: Item, agreed: tuple[str, str, str]) -> RemoteItem | None:
    """``agreed``: href, entity tag and fingerprint of what the server has now."""
    current = desk.again(row)
    if current is None:
        return None
    href, etag, fingerprint = agreed
    if href != row.href and desk.row(href) is None:
        current = desk.note(current, href=href)
    desk.counts["pushed"] += 1
    values = {"uid": item.uid, "etag": etag, "base_hash": fingerprint}
    return desk.remember(current, href, **values, local_revision=item.revision, unconfirmed=True)


def _settle_rewritten(desk: Desk, row: RemoteItem, item: Item, got: Got) -> None:
    """The server's text replaces ours where it says something else and ours is still what was sent."""
    sent = row.inflight_hash or ""
    settled = _settle(desk, row, item, (got.href, got.etag, got.fingerprint))
    if settled is None or got.index is None or got.fingerprint == sent:
        return
    current = desk.item(settled)
    if current is not None and current.revision == item.revision:
        stored = desk.store(got, current, current.name)
        desk.note(settled, local_revision=stored.revision, uid=got.index.uid)


def _lacks_rights(reply: Reply) -> bool:
    return reply.precondition == f"{DAV}need-privileges"


def _refused_rights(work: Work, row: RemoteItem, reply: Reply) -> None:
    """It may not be written, perhaps the whole collection: undo the change (it is kept in the trash)."""
    if _lacks_rights(reply) or work.client.facts(work.remote.href).writable is False:
        work.write(lambda desk: desk.update(read_only=True))
    found = fetch_one(work, row.href)
    if found.body is None:
        work.write(lambda desk: _stays_here(desk, row))
    else:
        got = work.check(found)
        work.write(lambda desk: _undo(desk, row, got))


def _stays_here(desk: Desk, row: RemoteItem) -> None:
    if current := desk.again(row):
        desk.forget(current)


def _undo(desk: Desk, row: RemoteItem, got: Got) -> None:
    if current := desk.again(row):
        take_known(desk, current, got, revert=True)


def _withdraw(desk: Desk, row: RemoteItem) -> None:
    """Nothing was stored there: the journal's entry goes, and with it the row of a new item."""
    current = desk.again(row)
    if current is None:
        return
    if current.etag or current.base_hash:
        desk.note(current, inflight_hash="", inflight_revision=0)
    else:
        desk.forget(current)


def _refuse(desk: Desk, row: RemoteItem, item: Item, text: str) -> None:
    """Remember that this version is not taken, so that it is not sent again until it changes."""
    current = desk.again(row)
    if current is None:
        return
    values = {"inflight_hash": "", "inflight_revision": 0, "local_revision": item.revision}
    desk.note(current, **values, state=ItemState.REFUSED.value, error_text=text)
    desk.counts["problems"] += 1


# -- somebody was there before -----------------------------------------------------------------------


def _collided(work: Work, row: RemoteItem, item: Item, reply: Reply) -> None:
    """412, 409, 404, 410: look what is there, and decide anew."""
    found = fetch_one(work, row.href)
    if found.body is None and not row.etag:
        work.client.facts(work.remote.href)  # raises where the collection itself is gone
        text = Sentence("The server answered %(answer)s.", answer=reply.message)
        work.write(lambda desk: _refuse(desk, row, item, text))
        return
    _look(work, row, found)


def _look(work: Work, row: RemoteItem, found: Fetched) -> None:
    """What is at the href goes to the table."""
    if found.body is None:
        work.write(lambda desk: drop_one(desk, row.href))
        return
    got = work.check(found)

    def settle(desk: Desk) -> None:
        current = desk.again(row)
        if current is None:
            take_all(desk, [got])
        elif current.uid and got.index is not None and got.index.uid != current.uid and not current.etag:
            desk.forget(current)  # the name is another object's there
            take_all(desk, [got])
        else:
            cleared = desk.note(current, inflight_hash="", inflight_revision=0)
            take_known(desk, cleared, got)

    work.write(settle)


def _uid_is_there(work: Work, row: RemoteItem, item: Item, reply: Reply) -> None:
    """The server has the UID under another href: that one is ours, too."""
    found = [fetch_one(work, href) for href in reply.hrefs if href != row.href]
    found = [one for one in found if one.body is not None] or [
        fetch_one(work, one.href)
        for one in work.client.find_uid(work.remote.href, work.kind, item.uid, item.component)
        if one.href != row.href
    ]
    if not found or row.etag:
        text = "The server has this UID already, in a place that is not synchronised here."
        work.write(lambda desk: _refuse(desk, row, item, text))
        return
    got = work.check(found[0])

    def pair(desk: Desk) -> None:
        _withdraw(desk, row)
        take_all(desk, [got])

    work.write(pair)


# -- a collection that may only be read --------------------------------------------------------------


def _revert(work: Work, removed: list[RemoteItem], changed: list[Item]) -> None:
    """Undo changes that cannot be sent; new items stay here only. What was changed is kept in the trash."""
    rows = [*removed, *(row for item in changed if (row := _row_of(work, item)))]
    for row in rows:
        found = fetch_one(work, row.href)
        if found.body is None:
            work.write(partial(_stays_here, row=row))
        else:
            work.write(partial(_undo, row=row, got=work.check(found)))


# -- after a cut -------------------------------------------------------------------------------------


def recover(work: Work, row: RemoteItem) -> None:
    """A version was sent and no answer remembered: look what became of it."""
    found = fetch_one(work, row.href)
    if found.body is None:
        work.write(lambda desk: _unwritten(desk, row))
        return
    got = work.check(found)

    def settle(desk: Desk) -> None:
        current = desk.again(row)
        if current is None:
            return
        if got.fingerprint == current.inflight_hash:
            agreed = {"etag": got.etag, "base_hash": got.fingerprint}
            revision = current.inflight_revision
            desk.remember(current, row.href, **agreed, local_revision=revision, unconfirmed=True)
        else:
            desk.note(current, inflight_hash="", inflight_revision=0)
            if got.etag != current.etag:
                take_all(desk, [got])

    work.write(settle)


def _unwritten(desk: Desk, row: RemoteItem) -> None:
    current = desk.again(row)
    if current is None:
        return
    if current.etag or current.base_hash:
        desk.note(current, inflight_hash="", inflight_revision=0)
        drop_one(desk, row.href)
    else:
        desk.forget(current)
