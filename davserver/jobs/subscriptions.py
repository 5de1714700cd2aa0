"""Subscriptions to calendars elsewhere: made, changed, refreshed, ended. Fetching is sync/feeds.

A subscription fills a calendar of its own, which is read-only for everybody. Its address may be a secret
(Google's and Outlook's private addresses are), so it is kept encrypted together with a name and password, and
people are shown the host alone.

All functions that take an ``owner`` answer 404 for what is not his.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from davserver.errors import HttpError
from davserver.jobs import background
from davserver.jobs.office import Office
from davserver.model import Collection, CollectionKind, NewCollection, Principal, Subscription
from davserver.sentences import Sentence
from davserver.storage import collections, subscriptions
from davserver.storage.engine import now
from davserver.urls import Password, check_url, origin, split_credentials
from davserver.vault import Vault

SHORTEST_MINUTES, LONGEST_MINUTES = 15, 7 * 1440
ALL_COMPONENTS = "VEVENT,VTODO,VJOURNAL,VFREEBUSY"
"""What a calendar takes that tasks are kept in; others take no VTODO, so that phones show no empty list."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person enters. ``minutes`` None: as the feed says; ``password`` None: as it was."""

    url: str = field(repr=False)
    name: str = ""
    color: str = ""
    minutes: int | None = None
    keep_alarms: bool = False
    keep_attachments: bool = False
    keep_tasks: bool = False
    username: str = ""
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a subscription is fetched from."""

    url: str = field(repr=False)
    password: Password | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A subscription with the calendar that it fills, for lists."""

    subscription: Subscription
    collection: Collection

    @property
    def title(self) -> str:
        """What the calendar is called."""
        return self.collection.display_name or self.subscription.host


def context(collection_id: int) -> str:
    """What the vault is told about a subscription's secret."""
    return f"subscription:{collection_id}"


def source_of(vault: Vault, subscription: Subscription) -> Source:
    """Address and credentials of a subscription; raises VaultLocked."""
    found = json.loads(vault.decrypt(subscription.secret, context=context(subscription.collection_id)))
    password = Password(found["username"], found["password"]) if found["username"] else None
    return Source(found["url"], password)


def seal(vault: Vault, source: Source, collection_id: int) -> str:
    """Inverse of :func:`source_of`."""
    password = source.password or Password("", "")
    kept = {"url": source.url, "username": password.username, "password": password.password}
    return vault.encrypt(json.dumps(kept), context=context(collection_id))


# -- reading -----------------------------------------------------------------------------------------


def of_owner(tx: Connection, owner: Principal) -> list[Shown]:
    """A user's subscriptions in two statements, oldest first."""
    held = {one.id: one for one in collections.of_owner(tx, owner.id, CollectionKind.CALENDAR)}
    found = subscriptions.of_owner(tx, owner.id)
    return [Shown(one, held[one.collection_id]) for one in found if one.collection_id in held]


def get(tx: Connection, owner: Principal, subscription_id: int) -> Shown:
    """One of them; 404 where it is not the owner's."""
    found = subscriptions.get(tx, subscription_id)
    held = collections.by_id(tx, found.collection_id) if found and found.owner_id == owner.id else None
    if found is None or held is None:
        raise HttpError(404, "There is no such subscription.")
    return Shown(found, held)


# -- writing -----------------------------------------------------------------------------------------


def add(office: Office, owner: Principal, wanted: Wanted) -> int:
    """Subscribe to a calendar; it is fetched at once in the background. Returns the subscription's id.

    :raises HttpError: 400 for an address that is none, 403 over the limit, 409 for one that is there already.
    """
    source = _source(wanted)
    _check_minutes(wanted.minutes)
    vault = Vault(office.settings.storage)
    host = origin(source.url)[1]
    with office.write("subscription.add", f"{owner.name} {host}") as tx:
        if subscriptions.count_of(tx, owner.id) >= office.settings.outgoing.feeds_per_user:
            most = office.settings.outgoing.feeds_per_user
            raise HttpError(
                403, Sentence("You can subscribe to %(most)s calendars; remove one first.", most=most)
            )
        _check_new(tx, vault, owner, source)
        new = NewCollection(
            owner.id,
            CollectionKind.CALENDAR,
            f"subscription-{secrets.token_hex(6)}",
            display_name=wanted.name.strip() or host,
            color=wanted.color or None,
            components=_components(wanted),
            read_only=True,
        )
        held = collections.create(tx, new)
        key = subscriptions.add(
            tx,
            owner_id=owner.id,
            collection_id=held.id,
            secret=seal(vault, source, held.id),
            host=host,
            interval_minutes=wanted.minutes,
            **_kept(wanted),
        )
    background.wake()
    return key


def change(office: Office, owner: Principal, subscription_id: int, wanted: Wanted) -> None:
    """Change what a person entered; what is kept of the events takes effect with the fetch that follows.

    An empty ``wanted.url`` leaves the address as it is, a password that is None the password.
    """
    _check_minutes(wanted.minutes)
    vault = Vault(office.settings.storage)
    with office.write("subscription.change", f"{owner.name} {subscription_id}") as tx:
        shown = get(tx, owner, subscription_id)
        held = shown.collection
        values: dict[str, Any] = {"interval_minutes": wanted.minutes, **_kept(wanted)}
        if wanted.url.strip() or wanted.password is not None or wanted.username:
            source = _changed_source(vault, shown.subscription, wanted)
            values |= {"secret": seal(vault, source, held.id), "host": origin(source.url)[1]}
        fresh = {"etag": "", "last_modified": "", "digest": "", "failures": 0, "next_run": now()}
        subscriptions.change(tx, subscription_id, **values, **fresh)
        described = {"color": wanted.color or None, "components": _components(wanted)}
        name = wanted.name.strip() or shown.title
        collections.change(tx, held.id, display_name=name, **described)
    background.wake()


def refresh(office: Office, owner: Principal, subscription_id: int) -> None:
    """Fetch now."""
    with office.write("subscription.refresh", f"{owner.name} {subscription_id}") as tx:
        get(tx, owner, subscription_id)
        subscriptions.change(tx, subscription_id, next_run=now())
    background.wake()


def accept(office: Office, owner: Principal, subscription_id: int) -> None:
    """Believe once that the calendar is empty now, and fetch."""
    with office.write("subscription.accept", f"{owner.name} {subscription_id}") as tx:
        get(tx, owner, subscription_id)
        fresh = {"etag": "", "last_modified": "", "digest": ""}
        subscriptions.change(tx, subscription_id, accept_empty=True, next_run=now(), **fresh)
    background.wake()


def remove(office: Office, owner: Principal, subscription_id: int, *, keep: bool) -> None:
    """End a subscription.

    :param keep: the calendar stays as it is and becomes a normal one, which can be written to; else it is
        removed with its events.
    """
    with office.write("subscription.remove", f"{owner.name} {subscription_id}") as tx:
        shown = get(tx, owner, subscription_id)
        subscriptions.remove(tx, subscription_id)
        if keep:
            collections.change(tx, shown.collection.id, read_only=False, components=ALL_COMPONENTS)
        else:
            collections.remove(tx, shown.collection)


# -- checks ------------------------------------------------------------------------------------------


def _source(wanted: Wanted) -> Source:
    """The address without credentials, and these: typed in fields of their own, or in the address."""
    url, inside = split_credentials(check_url(wanted.url))
    own = Password(wanted.username, wanted.password or "") if wanted.username else None
    return Source(url, own or inside)


def _changed_source(vault: Vault, subscription: Subscription, wanted: Wanted) -> Source:
    if wanted.url.strip() and wanted.password is not None:
        return _source(wanted)  # all is new: the old secret need not be readable
    before = source_of(vault, subscription)
    url, inside = split_credentials(check_url(wanted.url)) if wanted.url.strip() else (before.url, None)
    if inside is None and wanted.username:
        known = before.password.password if before.password else ""
        inside = Password(wanted.username, known if wanted.password is None else wanted.password)
    is_same_place = origin(url) == origin(before.url)
    return Source(url, inside or (before.password if is_same_place and wanted.password is None else None))


def _check_new(tx: Connection, vault: Vault, owner: Principal, source: Source) -> None:
    for one in subscriptions.of_owner(tx, owner.id):
        if one.host == origin(source.url)[1] and source_of(vault, one).url == source.url:
            raise HttpError(409, "You have subscribed to this calendar already.")


def _check_minutes(minutes: int | None) -> None:
    if minutes is not None and not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise HttpError(400, Sentence("Choose %(least)s minutes to a week.", least=SHORTEST_MINUTES))


def _kept(wanted: Wanted) -> dict[str, bool]:
    return {name: getattr(wanted, name) for name in ("keep_alarms", "keep_attachments", "keep_tasks")}


def _components(wanted: Wanted) -> str:
    return ALL_COMPONENTS if wanted.keep_tasks else ALL_COMPONENTS.replace("VTODO,", "")
