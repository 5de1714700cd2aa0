"""Public links: made, changed, paused, given a new address, removed; by their owner only.

Belongs here: what the pages, the API and the command line do alike with links. Must not be here: answering a
link's readers (davserver.links).

A token has 160 random bits. The database holds its SHA-256, by which it is found, and the token encrypted
with the key of the vault, which lies outside the database: so the owner can copy the link again, and who has
a copy of the database has no link. Without that key links go on working; they only cannot be shown again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection

from davserver.auth.passwords import MAX_LENGTH, hash_password
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.jobs.places import WORDS
from davserver.model import Collection, CollectionKind, Detail, Link, Principal, Private, View
from davserver.sentences import Sentence
from davserver.storage import collections, links
from davserver.vault import Vault

TOKEN_BYTES = 20
LEFT_OUT = frozenset({"alarms", "attendees", "attachments"})
COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY")
MOST_COLLECTIONS = 50
MOST_DAYS = 36_500
SUFFIXES = {CollectionKind.CALENDAR: "ics", CollectionKind.ADDRESSBOOK: "vcf"}

Expectation = Callable[[Link], None]
"""Raises where the link is not in the state that the caller means to change (If-Match)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How a link is to be. ``password``: None leaves it as it is, "" takes it away."""

    label: str = ""
    title: str = ""
    view: View = field(default_factory=View)
    active: bool = True
    expires: int | None = None
    password: str | None = field(default=None, repr=False)
    cors: bool = False
    page: bool = False
    embed: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Which collections a link shows: names in the owner's home, the first one first."""

    kind: CollectionKind
    names: tuple[str, ...]


def wish_of(link: Link) -> Wish:
    """How a link is now."""
    shared = ("label", "title", "view", "active", "expires", "cors", "page", "embed")
    return Wish(**{name: getattr(link, name) for name in shared})


# -- the owner's links -------------------------------------------------------------------------------


def create(office: Office, owner: Principal, source: Source, wish: Wish) -> Link:
    """A new link; 404 where the owner has no such collection, 409 where he has too many links."""
    values, token = _values(wish, source.kind), _new_token()
    with office.write("link.add", f"{owner.name}: {', '.join(source.names)}") as tx:
        return _add(tx, office, owner, source, {**values, **_token_values(office, token)})


def get_or_create(office: Office, owner: Principal, source: Source, wish: Wish) -> tuple[Link, bool]:
    """The link of that label over exactly these collections, and whether it was made now.

    Of one that exists the title is changed where the wish has one; all else stays.
    """
    values, token = _values(wish, source.kind), _new_token()
    with office.write("link.get-or-add", f"{owner.name}: {', '.join(source.names)}") as tx:
        shown = [collections.lock(tx, one.id) for one in _find(tx, owner, source)]
        same = _same(tx, owner, [one.id for one in shown if one], values["label"])
        if same is None:
            return _add(tx, office, owner, source, {**values, **_token_values(office, token)}), True
        if wish.title and wish.title != same.title:
            links.change(tx, same.id, {"title": values["title"]})
        return _existing(tx, owner, same.id), False


def of_collection(tx: Connection, owner: Principal, source: Source) -> list[Link]:
    """The links over exactly these collections, oldest first; 404 where the owner has no such collection."""
    ids = [one.id for one in _find(tx, owner, source)]
    found = links.of_collection(tx, owner.id, ids[0])
    return [link for link in found if [one.id for one in link.collections] == ids]


def of_owner(tx: Connection, owner: Principal, *, after: int = 0, limit: int = 1000) -> list[Link]:
    """The owner's links, oldest first, those after an id."""
    return links.of_owner(tx, owner.id, after=after, limit=limit)


def get(tx: Connection, owner: Principal, link_id: int) -> Link:
    """One link of the owner; 404 for anybody else's."""
    return _existing(tx, owner, link_id)


def edit(
    office: Office,
    owner: Principal,
    link_id: int,
    revise: Callable[[Wish], Wish],
    expect: Expectation | None = None,
) -> Link:
    """Change a link; its address stays."""
    with office.write("link.edit", f"{owner.name}: {link_id}") as tx:
        link = _existing(tx, owner, link_id)
        if expect:
            expect(link)
        links.change(tx, link_id, _values(revise(wish_of(link)), link.kind))
        return _existing(tx, owner, link_id)


def show_collections(office: Office, owner: Principal, link_id: int, names: Sequence[str]) -> Link:
    """Change which collections a link shows."""
    with office.write("link.edit", f"{owner.name}: {link_id}") as tx:
        link = _existing(tx, owner, link_id)
        shown = _find(tx, owner, Source(link.kind, tuple(names)))
        links.change(tx, link_id, {}, [one.id for one in shown])
        return _existing(tx, owner, link_id)


def set_active(office: Office, owner: Principal, link_id: int, *, active: bool) -> Link:
    """Pause a link (it is not found), or let it answer again."""
    return edit(office, owner, link_id, lambda wish: replace(wish, active=active))


def regenerate(office: Office, owner: Principal, link_id: int, expect: Expectation | None = None) -> Link:
    """Give a link a new address; the old one is not found from now on."""
    values = _token_values(office, _new_token())
    with office.write("link.regenerate", f"{owner.name}: {link_id}") as tx:
        link = _existing(tx, owner, link_id)
        if expect:
            expect(link)
        links.change(tx, link_id, values)
        return _existing(tx, owner, link_id)


def remove(office: Office, owner: Principal, link_id: int, expect: Expectation | None = None) -> None:
    """Remove a link; its address is not found from now on."""
    with office.write("link.remove", f"{owner.name}: {link_id}") as tx:
        link = _existing(tx, owner, link_id)
        if expect:
            expect(link)
        links.remove(tx, link_id)


def _existing(tx: Connection, owner: Principal, link_id: int) -> Link:
    found = links.get(tx, owner.id, link_id) if 0 < link_id < 2**53 else None
    if found is None:
        raise HttpError(404, "There is no such link.")
    return found


def _same(tx: Connection, owner: Principal, ids: list[int], label: str) -> Link | None:
    candidates = links.of_collection(tx, owner.id, ids[0])
    shown = (link for link in candidates if [one.id for one in link.collections] == ids)
    return next((link for link in shown if link.label == label), None)


def _add(tx: Connection, office: Office, owner: Principal, source: Source, values: dict[str, Any]) -> Link:
    if not office.settings.links.enabled:
        raise HttpError(403, "Public links are switched off on this server (links.enabled).")
    if len(links.of_owner(tx, owner.id)) >= office.settings.links.max_per_user:
        raise HttpError(
            409,
            Sentence(
                "You have %(most)s links; remove one first.",
                most=office.settings.links.max_per_user,
            ),
        )
    shown = _find(tx, owner, source)
    row = {**values, "kind": source.kind.value, "salt": secrets.token_hex(16)}
    return _existing(tx, owner, links.add(tx, owner.id, row, [one.id for one in shown]))


def _find(tx: Connection, owner: Principal, source: Source) -> list[Collection]:
    """The collections, in the order of the names; 404 for one that the owner has not."""
    names = tuple(dict.fromkeys(source.names))
    if not names:
        raise HttpError(400, "A link shows at least one calendar or address book.")
    if len(names) > MOST_COLLECTIONS:
        raise HttpError(
            400,
            Sentence("A link shows at most %(most)s calendars.", most=MOST_COLLECTIONS),
        )
    found = {one.name: one for one in collections.of_owner(tx, owner.id, source.kind)}
    if missing := [name for name in names if name not in found]:
        raise HttpError(
            404, Sentence("There is no %(kind)s %(name)s.", kind=WORDS[source.kind], name=missing[0])
        )
    return [found[name] for name in names]


# -- addresses ---------------------------------------------------------------------------------------


def digest_of(token: str) -> str:
    """By what a token is found."""
    return sha256(token.encode()).hexdigest()


def token_of(office: Office, link: Link) -> str:
    """The token of a link, to show its address again; VaultLocked where the vault's key is not there."""
    return Vault(office.settings.storage).decrypt(link.secret, context=f"link:{link.digest}")


def address(base: str, token: str, link: Link, suffix: str = "") -> str:
    """The address of a link.

    :param base: scheme, host and mount point, without a slash at the end.
    :param suffix: ``ics``, ``vcf``, ``json`` or ``html``; "" for the usual one of the link's kind.
    """
    return f"{base}/ical/{token}.{suffix or SUFFIXES[link.kind]}"


def named_address(base: str, token: str, link: Link) -> str:
    """The address that ends with the calendar's name: Thunderbird calls the calendar after it."""
    name = link.shown_title.replace("/", "-").strip(". ") or link.kind.value
    return f"{base}/ical/{token}/{quote(name, safe='')}.{SUFFIXES[link.kind]}"


def _new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def _token_values(office: Office, token: str) -> dict[str, Any]:
    digest = digest_of(token)
    return {
        "digest": digest,
        "secret": Vault(office.settings.storage).encrypt(token, context=f"link:{digest}"),
    }


# -- checks ------------------------------------------------------------------------------------------


def _values(wish: Wish, kind: CollectionKind) -> dict[str, Any]:
    """The columns of a wish; 400 where it makes no sense."""
    for name, text in ((Sentence("label"), wish.label), (Sentence("title"), wish.title)):
        if len(text) > 255 or any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise HttpError(
                400, Sentence("The %(name)s has at most 255 characters, all printable.", name=name)
            )
    if wish.embed and not wish.page:
        raise HttpError(400, "Only a link with a page can be embedded.")
    if wish.expires is not None and not 0 < wish.expires < 2**40:
        raise HttpError(400, "The expiry date is out of range.")
    if kind is CollectionKind.ADDRESSBOOK:
        _check_book(wish)
    _check_view(wish.view)
    values: dict[str, Any] = {
        "label": wish.label.strip(),
        "title": wish.title.strip(),
        "active": wish.active,
        "expires": wish.expires,
        "cors": wish.cors,
        "page": wish.page,
        "embed": wish.embed,
        **links.view_values(wish.view),
    }
    if wish.password is not None:
        if len(wish.password) > MAX_LENGTH:
            raise HttpError(400, Sentence("A password has at most %(most)s characters.", most=MAX_LENGTH))
        values["password"] = hash_password(wish.password) if wish.password else ""
    return values


def _check_book(wish: Wish) -> None:
    """What is for calendars only would be a promise that nothing keeps."""
    if wish.view.detail is Detail.BUSY or wish.view.private is Private.BUSY:
        raise HttpError(400, "An address book has no busy times: choose everything or names only.")
    if wish.view != View(wish.view.detail, left_out=wish.view.left_out):
        raise HttpError(400, "An address book has no days and no kinds of entries to choose from.")
    if wish.page:
        raise HttpError(400, "Only a link to calendars can have a page.")


def _check_view(view: View) -> None:
    if unknown := view.left_out - LEFT_OUT:
        raise HttpError(400, Sentence("%(name)s cannot be left out.", name=min(unknown)))
    if unknown := frozenset(view.components) - frozenset(COMPONENTS):
        raise HttpError(400, Sentence("%(name)s is no kind of entry.", name=min(unknown)))
    if view.start is not None and view.end is not None and view.end <= view.start:
        raise HttpError(400, "The end must come after the start.")
    for moment in (view.start, view.end):
        if moment is not None and not -(2**40) < moment < 2**40:
            raise HttpError(400, "The dates are out of range.")
    for days in (view.days_back, view.days_ahead):
        if days is not None and not 0 <= days <= MOST_DAYS:
            raise HttpError(400, Sentence("A window has 0 to %(most)s days.", most=MOST_DAYS))
