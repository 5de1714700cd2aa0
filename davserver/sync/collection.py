"""One run of one collection. It may be killed anywhere; run again, it comes to the same end.

    recover     what was sent and not answered
    list        sync-collection, or all entity tags; what a full listing lacks is asked for before it is
                believed gone
    verify      what we sent and no listing has mentioned yet: made by us, deleted by another before we
                looked, some servers never tell (Xandikos)
    guard       nothing is deleted by the hundred without a question
    pull, drop  from there to here
    token       stored after the data, never before
    push        from here to there

Belongs here: the order, and what is listed. Must not be here: one item's fate (pull, push, plan), accounts.
RFC 6578, RFC 4791 7.9, RFC 6352 8.7.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from davserver.model import Direction, ItemState, Policy, RemoteItem
from davserver.sentences import Sentence
from davserver.storage import collections, items, remote
from davserver.storage.engine import now
from davserver.sync import pull, push
from davserver.sync.client import DavClient, Facts, Fetched, Listing, TokenRefused
from davserver.sync.desk import Desk, Work
from davserver.sync.plan import GUARD_FROM, Action, Side, Step, Theirs, decide, needs_consent, plan
from davserver.sync.problems import Problem, RemoteError

AUDIT_SECONDS = 86_400
"""How often everything is compared, whatever the tokens say: restored backups, lost deletions."""

MOST_PAGES = 10_000


@dataclass
class Found:
    """What a listing brought together."""

    changed: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    complete: bool = False
    token: str = ""

    def add(self, page: Listing) -> None:
        """Take in a page; what it says last holds."""
        self.changed.update(page.changed)
        self.gone -= set(page.changed)
        self.gone |= page.gone
        for href in page.gone:
            self.changed.pop(href, None)
        self.token = page.token


def run_collection(work: Work, facts: Facts | None = None) -> None:
    """Bring one collection in step; the counts of ``work`` say what was done.

    :param facts: what the listing of its home said, if it was listed just now.
    :raises RemoteError: the run ended; what was done is done, and the next one goes on.
    """
    for row in _open_items(work):
        if row.inflight_hash:
            push.recover(work, row)
    facts = facts or work.client.facts(work.remote.href)
    describe(work, facts)
    if is_idle(work, facts):
        return
    work.tell("list")
    found = list_there(work, facts)
    gone = believed(work, found)
    _guard(work, found, gone)
    _bring_in(work, found, gone)
    work.write(lambda desk: _note_listing(desk, found, facts))
    push.push(work)
    settled = push.is_settled(work)
    if settled and work.remote.guard:
        work.write(lambda desk: desk.update(guard=""))


def _open_items(work: Work) -> list[RemoteItem]:
    with work.office.store.read() as tx:
        return remote.open_items(tx, work.remote.id)


def is_idle(work: Work, facts: Facts) -> bool:
    """Whether neither side has changed, nothing is open and no audit is due: nothing is to be done."""
    row = work.remote
    same = facts.ctag == row.ctag
    if facts.sync_token and row.sync_token:  # the ctag may be older than the listing
        same = facts.sync_token == row.sync_token
    if not (facts.ctag or facts.sync_token) or not same or row.initial or row.guard:
        return False
    if row.full_scan_at + AUDIT_SECONDS <= now() or _open_items(work):
        return False
    removed, changed = push.pending(work)
    return not removed and not changed


# -- listing -----------------------------------------------------------------------------------------


def list_there(work: Work, facts: Facts) -> Found:
    """What changed there since the last run, by the cheapest way that the server knows."""
    can_sync = may_sync(work.client, facts)
    is_audit = not work.remote.initial and work.remote.full_scan_at + AUDIT_SECONDS <= now()
    if can_sync and not is_audit:
        for token in dict.fromkeys((work.remote.sync_token, "")):
            try:
                found = _by_token(work, token)
            except TokenRefused:
                continue
            if found.changed or found.gone or not token or not _moved(work, facts):
                return found
            break  # something happened that the server's list of changes does not tell
    page = work.client.etags(work.remote.href)
    found = Found(complete=True)
    found.add(replace(page, token=facts.sync_token if can_sync else ""))
    return found


def may_sync(client: DavClient, facts: Facts) -> bool:
    """Whether sync-collection is tried."""
    return client.quirks.sync and facts.can_sync


def _moved(work: Work, facts: Facts) -> bool:
    """Whether ctag or token say that something happened. Bedework tells of no deletion; a token of before a
    backup was restored hides what the backup brought back (sabre).
    """
    row = work.remote
    return (bool(row.ctag) and facts.ctag != row.ctag) or facts.sync_token != row.sync_token


def _by_token(work: Work, token: str) -> Found:
    """sync-collection, all pages. A first synchronisation stores each, and goes on there after a cut."""
    found = Found(complete=not token)
    for _ in range(MOST_PAGES):
        page = work.client.sync(work.remote.href, token)
        found.add(page)
        if not page.more or not page.token or page.token == token:
            return found
        token = page.token
        if work.remote.initial:
            _bring_in(work, found, frozenset())
            work.write(partial(_note_token, token=token))
    raise RemoteError(Problem.GARBLED, "The server's list of changes does not end.")


def believed(work: Work, found: Found) -> frozenset[str]:
    """The linked hrefs that are gone there. What a listing merely lacks is asked for first."""
    with work.office.store.read() as tx:
        if found.complete:
            rows = remote.all_items(tx, work.remote.id)
            absent = {href for href in rows if href not in found.changed and href not in found.gone}
        else:
            rows = remote.items_by_href(tx, work.remote.id, found.gone)
            absent = {
                row.href
                for row in remote.open_items(tx, work.remote.id)
                if row.href not in found.changed and row.href not in found.gone
            }
    gone = {href for href in found.gone if href in rows}
    for batch in pull.fetch(work, sorted(absent)):
        gone |= _confirm(found, batch)
        if len(gone) > GUARD_FROM and needs_consent(len(rows), len(gone)) and found.complete:
            return frozenset(gone)  # enough for the question; nothing is deleted before it is answered
    return frozenset(gone)


def _confirm(found: Found, batch: list[Fetched]) -> set[str]:
    """What of a batch is not there; the rest is as good as listed."""
    found.changed.update({one.href: one.etag for one in batch if one.body is not None})
    return {one.href for one in batch if one.body is None}


# -- guards ------------------------------------------------------------------------------------------


def _guard(work: Work, found: Found, gone: frozenset[str]) -> None:
    """Stop before anything is applied where a side seems to have lost much by accident."""
    known, here, there = _deletions(work, found, gone)
    asked = guard_of(work.remote.guard)
    for side, count in (("here", here), ("there", there)):
        if not needs_consent(known, count):
            continue
        answered = asked.get("side") == side and asked.get("answer") and count <= int(asked["count"])
        if answered:
            continue
        guard = {"side": side, "count": count, "known": known, "token": secrets.token_urlsafe(16)}
        if asked.get("side") == side and asked.get("count") == count and not asked.get("answer"):
            guard = asked
        work.write(partial(Desk.update, guard=json.dumps(guard)))
        raise RemoteError(Problem.GUARD, _would_delete(side, count, known))


def _would_delete(side: str, count: int, known: int) -> str:
    if side == "here":
        return Sentence("%(count)s of %(known)s items would be deleted here.", count=count, known=known)
    return Sentence("%(count)s of %(known)s items would be deleted on the server.", count=count, known=known)


def _deletions(work: Work, found: Found, gone: frozenset[str]) -> tuple[int, int, int]:
    """How many items are linked, would be deleted here, and would be deleted there."""
    way = work.rules.way
    with work.office.store.read() as tx:
        known = remote.count_items(tx, work.remote.id)
        removed = {row.href: row.etag for row in remote.gone_here(tx, work.remote)}
        rows = remote.items_by_href(tx, work.remote.id, gone)
    linked = [href for href, row in rows.items() if row.name is not None and href not in removed]
    here = len(linked) if decide(Side.UNCHANGED, Side.DELETED, way) is Action.DROP else 0
    sent = {href for href, etag in removed.items() if found.changed.get(href, etag) == etag} - gone
    there = len(sent) if way is not Direction.PULL else 0
    return known, here, there


def guard_of(text: str) -> dict[str, Any]:
    """An open question as stored: side, count, known, token, answer; empty where there is none."""
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _restores(work: Work, side: str) -> bool:
    asked = guard_of(work.remote.guard)
    return asked.get("side") == side and asked.get("answer") == "restore"


# -- bringing in -------------------------------------------------------------------------------------


def _bring_in(work: Work, found: Found, gone: frozenset[str]) -> None:
    """Pull what differs from what is remembered, then delete what is gone."""
    if _restores(work, "there"):
        _restore_here(work, found)
    with work.office.store.read() as tx:
        if found.complete:
            rows = remote.all_items(tx, work.remote.id)
        else:
            rows = remote.items_by_href(tx, work.remote.id, found.changed)
    wanted = [href for href, etag in found.changed.items() if _is_news(rows.get(href), etag)]
    relinked = pull.pull(work, wanted, gone)
    pull.drop_all(work, gone - relinked, restore=_restores(work, "here"))


def _is_news(row: RemoteItem | None, etag: str) -> bool:
    """Whether a listed item has to be fetched. Without entity tags everything is, each time."""
    if row is None or not etag or row.etag != etag:
        return True
    return row.state is ItemState.PARKED  # the other item with its UID may be gone by now


def _restore_here(work: Work, found: Found) -> None:
    """The guard's answer: what was deleted here is taken again from there."""

    def forget(desk: Desk) -> list[str]:
        rows = remote.gone_here(desk.tx, desk.remote)
        for row in rows:
            desk.forget(row)
        return [row.href for row in rows if row.href not in found.gone]

    for href in work.write(forget):
        found.changed.setdefault(href, "")


def _note_listing(desk: Desk, found: Found, facts: Facts) -> None:
    """The token, after the data. A full listing is also the daily audit."""
    values: dict[str, Any] = {"initial": False, "gone_count": 0}
    if found.complete:
        values["full_scan_at"] = now()
    _note_token(desk, found.token, ctag=facts.ctag, **values)


def _note_token(desk: Desk, token: str, **values: Any) -> None:
    """Remember a token. With it, and not before, what was listed or asked for is known to be part of it.

    A run that was cut before has stored items that the old token knows nothing of; had another client
    deleted them meanwhile, no list of changes since that token would mention them.
    """
    remote.confirm_items(desk.tx, desk.remote.id)
    desk.update(sync_token=token, **values)


# -- name and colour ---------------------------------------------------------------------------------


def describe(work: Work, facts: Facts) -> None:
    """Bring name, colour and rights in step; where both sides changed, the policy's side wins."""
    if facts.writable is not None and facts.writable is work.remote.read_only:
        work.write(lambda desk: desk.update(read_only=not facts.writable))
    with work.office.store.read() as tx:
        here = collections.by_id(tx, work.remote.collection_id or 0)
    if here is None:
        raise RemoteError(Problem.GONE, "The collection was deleted here; it is no longer synchronised.")
    named = _chosen(work, "display_name", here.display_name or "", facts.display_name)
    colored = _chosen(work, "color", color_of(here.color or ""), color_of(facts.color))
    changed_there = {**named[0], **colored[0]}
    if changed_there:
        work.write(lambda desk: _described(desk, changed_there))
    send = {**named[1], **colored[1]}
    if send and work.rules.way is not Direction.PULL:
        work.client.describe(
            work.remote.href,
            work.kind,
            display_name=send.get("display_name", ""),
            color=send.get("color", ""),
        )  # a refusal is not repeated: the names then simply differ
        work.write(lambda desk: desk.update(**send))


def _chosen(work: Work, name: str, here: str, there: str) -> tuple[dict[str, str], dict[str, str]]:
    """What to set here, and what to set there."""
    agreed: str = getattr(work.remote, name)
    agreed = color_of(agreed) if name == "color" else agreed
    if not there or here == there:
        return ({}, {}) if not there or there == agreed else ({name: there}, {})
    changed_here, changed_there = here != agreed and bool(here), there != agreed
    ours_wins = work.remote.policy is Policy.LOCAL or work.rules.way is Direction.PUSH
    if changed_here and (not changed_there or ours_wins):
        return {}, {name: here}
    return ({name: there}, {}) if changed_there else ({}, {})


def _described(desk: Desk, values: dict[str, str]) -> None:
    collections.change(desk.tx, desk.target.id, **values)
    desk.update(**values)


def color_of(text: str) -> str:
    """A colour as #RRGGBB, "" for what is none. Apple adds an alpha channel that others drop."""
    text = text.strip().upper()
    digits = text[1:7]
    is_color = text[:1] == "#" and len(text) in (7, 9) and all(one in "0123456789ABCDEF" for one in digits)
    return f"#{digits}" if is_color else ""


# -- the dry run -------------------------------------------------------------------------------------


def plan_collection(work: Work, facts: Facts | None = None) -> tuple[Step, ...]:
    """What a run would do now; nothing is written on either side."""
    facts = facts or work.client.facts(work.remote.href)
    page = work.client.etags(work.remote.href)
    with work.office.store.read() as tx:
        rows = remote.all_items(tx, work.remote.id)
        ours = {item.name: item for item in items.listing(tx, work.remote.collection_id or 0)}
    return plan(ours, Theirs(page.changed, complete=True), list(rows.values()), work.rules)
