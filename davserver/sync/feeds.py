"""Subscribed calendars: fetch, compare, store. One run of one subscription.

Belongs here: what an answer means for a subscription, when it is asked again. Must not be here: the network
(http), what a calendar says (content/feed), making and ending subscriptions (jobs/subscriptions).

Whatever goes wrong, what is there stays: an error is a state with a sentence for people, and the next try
comes later each time. A calendar that is suddenly empty is not believed until somebody accepts it.
The items are written in short transactions, each with what is remembered of it, so that a run may end
anywhere and the next one does the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from davserver.content import feed
from davserver.content.feed import Difference, Feed, FeedObject
from davserver.errors import HttpError, OutgoingError
from davserver.jobs import items as jobs_items
from davserver.jobs import subscriptions as jobs
from davserver.jobs.subscriptions import SHORTEST_MINUTES, Source
from davserver.model import Collection, CollectionKind, FeedState, ItemIndex, NewItem, Subscription
from davserver.sentences import Sentence, dump
from davserver.storage import collections, items, leases, principals, subscriptions
from davserver.storage.engine import now
from davserver.sync.http import Access, Answer, Client, Limits, TooLarge, origin
from davserver.sync.owners import LEASE_SECONDS, leased
from davserver.sync.work import Place, backed_off, spread
from davserver.vault import Vault, VaultLocked

BATCH = 200
LONGEST_HINT = 1440
"""Minutes: a feed that wants to be fetched less often than daily would be old when somebody looks."""

MOST_SKIPPED = 50
ACTOR = "subscription"
ACCEPT = "text/calendar, application/calendar+xml;q=0.1, */*;q=0.5"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36"
"""Microsoft's calendars answer 500 to programs that do not say that they are a browser."""

PICKY_HOSTS = ("office365.com", "outlook.com", "live.com", "office.com", "outlook.office.com")

STATUS_TEXTS: Mapping[int, tuple[FeedState, str]] = {
    401: (
        FeedState.REFUSED,
        Sentence("The server wants a name and password, or does not accept those given."),
    ),
    403: (FeedState.REFUSED, Sentence("The server does not allow this calendar to be fetched.")),
    404: (FeedState.NOT_FOUND, Sentence("There is no calendar at this address (any more).")),
    410: (FeedState.GONE, Sentence("The calendar was withdrawn for good.")),
    429: (FeedState.SERVER, Sentence("The server asks to come back later.")),
}
NOT_BY_ITSELF = frozenset({FeedState.GONE, FeedState.LOCKED})
"""States in which it makes no sense to try again before somebody has done something."""

STATES_OF_ERRORS = {
    "certificate": FeedState.CERTIFICATE,
    "redirect": FeedState.REDIRECT,
    "too-large": FeedState.TOO_LARGE,
    "garbled": FeedState.SERVER,
}

log = logging.getLogger("davserver.sync.feeds")


class Trouble(Exception):
    """A run that leaves everything as it was. ``wait``: seconds that the other side asks for."""

    def __init__(self, state: FeedState, text: str, wait: int = 0) -> None:
        super().__init__(text)
        self.state = state
        self.text = text
        self.wait = wait


class Stopped(Exception):
    """The process ends, or another has taken over: what is written is whole, the rest is for the next run."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer with a calendar in it; ``feed`` None: nothing has changed."""

    answer: Answer
    digest: str
    feed: Feed | None


def run(place: Place, subscription_id: int) -> None:
    """Refresh one subscription, unless somebody else is at it."""
    with leased(place.store, leases.FEEDS, subscription_id, place.owner) as is_ours:
        if is_ours:
            _run(place, subscription_id)


def _run(place: Place, subscription_id: int) -> None:
    with place.store.read() as tx:
        subscription = subscriptions.get(tx, subscription_id)
    if subscription is None:
        return
    try:
        outcome = _refresh(place, subscription)
    except Trouble as trouble:
        outcome = _after_trouble(place, subscription, trouble)
    except Stopped:
        outcome = {}
    with place.store.write() as tx:
        if _is_ours(tx, place, subscription_id):
            subscriptions.change(tx, subscription_id, **{**outcome, "last_run": now()})


def _is_ours(tx: Connection, place: Place, subscription_id: int) -> bool:
    return leases.take(tx, leases.FEEDS, subscription_id, place.owner, now() + LEASE_SECONDS)


def _after_trouble(place: Place, subscription: Subscription, trouble: Trouble) -> dict[str, Any]:
    log.info("%s: %s: %s", subscription.host, trouble.state, trouble.text)
    wait = max(backed_off(interval(place, subscription), subscription.failures), trouble.wait)
    stays = trouble.state in NOT_BY_ITSELF or _is_login_refused(trouble)
    return {
        "state": trouble.state.value,
        "error_text": trouble.text,
        "failures": subscription.failures + 1,
        "next_run": None if stays else now() + wait,
    }


def _is_login_refused(trouble: Trouble) -> bool:
    """401: asking again and again with a wrong password locks accounts."""
    return trouble.text == STATUS_TEXTS[401][1]


def interval(place: Place, subscription: Subscription, hint: int | None = None) -> int:
    """Seconds between two fetches: as the user wants, else as the feed says, else as the settings say."""
    said = min(hint or subscription.feed_minutes or 0, LONGEST_HINT)
    minutes = subscription.interval_minutes or said or place.settings.outgoing.feed_minutes
    return max(minutes, SHORTEST_MINUTES) * 60


# -- one run -----------------------------------------------------------------------------------------


def _refresh(place: Place, subscription: Subscription) -> dict[str, Any]:
    """What the subscription's row becomes; raises Trouble."""
    vault = Vault(place.settings.storage)
    try:
        source = jobs.source_of(vault, subscription)
    except VaultLocked as error:
        raise Trouble(FeedState.LOCKED, str(error)) from None
    fetched = _fetch(place, subscription, source)
    values: dict[str, Any] = {
        "state": FeedState.OK.value,
        "error_text": "",
        "failures": 0,
        "last_ok": now(),
        "etag": fetched.answer.header("etag") or subscription.etag,
        "last_modified": fetched.answer.header("last-modified") or subscription.last_modified,
        "next_run": now() + spread(interval(place, subscription)),
    }
    if fetched.answer.moved:
        moved = Source(fetched.answer.url, source.password)
        values["secret"] = jobs.seal(vault, moved, subscription.collection_id)
        values["host"] = origin(moved.url)[1]
    if fetched.feed is not None:
        values |= _store(place, subscription, fetched.feed)
        values["digest"] = fetched.digest
    return values


def _fetch(place: Place, subscription: Subscription, source: Source) -> Fetched:
    headers = {"Accept": ACCEPT}
    if subscription.etag:
        headers["If-None-Match"] = subscription.etag
    if subscription.last_modified:
        headers["If-Modified-Since"] = subscription.last_modified
    if origin(source.url)[1].endswith(PICKY_HOSTS):
        headers["User-Agent"] = BROWSER
    outgoing = place.settings.outgoing
    limits = Limits(size=outgoing.feed_size, seconds=outgoing.seconds, redirects=3)
    try:
        with Client(outgoing, Access(source.password, goes_without=True), limits) as web:
            answer = web.request("GET", source.url, headers=headers)
    except TooLarge:
        most = outgoing.feed_size // 1024
        raise Trouble(
            FeedState.TOO_LARGE, Sentence("The calendar has more than %(most)s KiB.", most=most)
        ) from None
    except OutgoingError as error:
        log.info("%s: %s", subscription.host, error.detail)
        raise Trouble(STATES_OF_ERRORS.get(error.code, FeedState.UNREACHABLE), str(error)) from None
    return _understood(place, subscription, answer)


def _understood(place: Place, subscription: Subscription, answer: Answer) -> Fetched:
    if answer.status == 304 and subscription.digest:
        return Fetched(answer, subscription.digest, None)
    if answer.status != 200:
        sentence = Sentence("The server answers with an error (%(status)s).", status=answer.status)
        state, text = STATUS_TEXTS.get(answer.status, (FeedState.SERVER, sentence))
        raise Trouble(state, text, answer.retry_after() or 0)
    digest = blake2b(answer.body, digest_size=16).hexdigest()
    if digest == subscription.digest:
        return Fetched(answer, digest, None)
    outgoing = place.settings.outgoing
    largest = jobs_items.largest(CollectionKind.CALENDAR, place.settings)
    wish = feed.Wish(
        subscription.keep_alarms,
        subscription.keep_attachments,
        subscription.keep_tasks,
        outgoing.feed_items,
        largest,
    )
    try:
        return Fetched(answer, digest, feed.read(answer.body, wish))
    except feed.TooMany as error:
        raise Trouble(FeedState.TOO_LARGE, error.message) from None
    except feed.CutShort as error:
        raise Trouble(FeedState.CUT, error.message) from None
    except feed.NoCalendar:
        page = b"<html" in answer.body[:4096].lower()
        what = Sentence("a web page") if page else Sentence("something else")
        text = Sentence("The address answers with %(what)s, not with a calendar.", what=what)
        raise Trouble(FeedState.NO_CALENDAR, text) from None


# -- storing -----------------------------------------------------------------------------------------


def _store(place: Place, subscription: Subscription, found: Feed) -> dict[str, Any]:
    """Write what has changed; returns what the row becomes beyond the ordinary."""
    with place.store.read() as tx:
        known = subscriptions.digests(tx, subscription.id)
        target = collections.by_id(tx, subscription.collection_id)
        there = {held.name: held.size for held in items.listing(tx, subscription.collection_id)}
    if target is None:
        raise Trouble(FeedState.GONE, "The calendar was deleted here.")
    known = {name: digest for name, digest in known.items() if name in there}
    if not found.objects and known and not subscription.accept_empty:
        raise Trouble(
            FeedState.EMPTY,
            Sentence(
                "The calendar is suddenly empty. Its %(known)s entries are kept until you accept that.",
                known=len(known),
            ),
        )
    by_content = subscription.by_content
    what = feed.difference(found.objects, known, by_content=by_content)
    checked, skipped = _checked(place, what.written)
    _check_quota(place, target, checked.values(), there)
    _write(place, subscription, checked, what)
    with place.store.write() as tx:
        _describe(tx, target, subscription, found)
    problems = [*found.damaged, *skipped]
    values: dict[str, Any] = {
        "by_content": what.by_content,
        "feed_minutes": found.minutes,
        "accept_empty": False,
        "skipped": dump(problems[:MOST_SKIPPED]) if problems else "",
        "next_run": now() + spread(interval(place, subscription, found.minutes)),
    }
    if checked or what.gone:
        values["last_change"] = now()
    return values


def _checked(
    place: Place, written: Mapping[str, FeedObject]
) -> tuple[dict[str, tuple[FeedObject, ItemIndex]], list[tuple[str, str]]]:
    """What may be stored, by name, and title and reason of what may not."""
    good: dict[str, tuple[FeedObject, ItemIndex]] = {}
    skipped: list[tuple[str, str]] = []
    for name, one in written.items():
        try:
            good[name] = one, jobs_items.check_body(CollectionKind.CALENDAR, one.body, place.settings)
        except HttpError as error:
            skipped.append((one.title or one.uid, error.message))
    return good, skipped


def _check_quota(
    place: Place,
    target: Collection,
    checked: Iterable[tuple[FeedObject, ItemIndex]],
    there: Mapping[str, int],
) -> None:
    growth = sum(len(one.body) - there.get(one.name, 0) for one, _ in checked)
    with place.store.read() as tx:
        owner = principals.by_id(tx, target.owner_id)
        try:
            if owner is not None:
                jobs_items.check_quota(tx, owner, growth)
        except HttpError:
            text = Sentence("There is no room for this calendar in your quota.")
            raise Trouble(FeedState.QUOTA, text) from None


def _write(
    place: Place,
    subscription: Subscription,
    checked: Mapping[str, tuple[FeedObject, ItemIndex]],
    what: Difference,
) -> None:
    new = iter(checked.items())
    while batch := list(islice(new, BATCH)):
        with _locked(place, subscription) as (tx, target):
            _write_batch(tx, target, subscription, batch)
    gone = iter(what.gone)
    while names := list(islice(gone, BATCH)):
        with _locked(place, subscription) as (tx, target):
            for held in list(items.by_names(tx, target.id, names)):
                items.remove(tx, target, held, ACTOR)
                target = target._replace(revision=target.revision + 1)
            subscriptions.forget(tx, subscription.id, names)


@contextmanager
def _locked(place: Place, subscription: Subscription) -> Iterator[tuple[Connection, Collection]]:
    """A short transaction on the locked calendar, while the subscription is ours and nobody says stop."""
    if place.stopping.is_set():
        raise Stopped
    with place.store.write() as tx:
        if not _is_ours(tx, place, subscription.id):
            raise Stopped
        yield tx, jobs_items.lock_collection(tx, subscription.collection_id)


def _write_batch(
    tx: Connection,
    target: Collection,
    subscription: Subscription,
    batch: Sequence[tuple[str, tuple[FeedObject, ItemIndex]]],
) -> None:
    held = {one.name: one for one in items.by_names(tx, target.id, (name for name, _ in batch))}
    fresh = [NewItem(name, one.body, index) for name, (one, index) in batch if name not in held]
    if fresh:
        target = items.put_new(tx, target, fresh)
    for name, (one, index) in batch:
        if name in held:
            stored = items.put(tx, target, NewItem(name, one.body, index), held[name], ACTOR)
            target = target._replace(revision=stored.revision)
    subscriptions.remember(tx, subscription.id, {name: one.digest for name, (one, _) in batch})


def _describe(tx: Connection, target: Collection, subscription: Subscription, found: Feed) -> None:
    """Name, colour and zone as the feed says, where nobody has said otherwise."""
    values: dict[str, str] = {}
    if found.title and target.display_name == subscription.host:
        values["display_name"] = found.title
    if found.color and not target.color:
        values["color"] = found.color
    if found.timezone_id and not (target.timezone_id or target.timezone):
        values["timezone_id"] = found.timezone_id
    if values:
        collections.change(tx, target.id, **values)
