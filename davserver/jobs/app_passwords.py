"""App passwords: made, listed, renamed, revoked; and those that are fetched later (login flow, profile link).

Who makes one must be allowed to act for its owner: that is decided by whoever calls. Here it is checked that
the password itself is the owner's, and that it opens no collection that he cannot see.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass, field

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from davserver.auth import app_passwords as words
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.jobs.users import find_user
from davserver.model import AppPassword, Principal, Right, Scope
from davserver.sentences import Sentence
from davserver.storage import app_passwords, collections
from davserver.storage.app_passwords import NewAppPassword
from davserver.storage.engine import now

MOST = 200
"""App passwords of one account."""
LONGEST_LABEL = 100
DEVICE = Scope(api=Right.NONE)
"""What a phone or a computer needs: all calendars and address books, not the API."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An app password to be made. ``expires``: UTC seconds, None for never; ``origin``: see AppPassword."""

    label: str
    scope: Scope = DEVICE
    expires: int | None = None
    origin: str = "page"


@dataclass(frozen=True, slots=True)
class Made:
    """What was made. ``password`` is shown now and never again."""

    app_password: AppPassword
    password: str = field(repr=False)


def create(office: Office, owner: str, wanted: Wanted) -> Made:
    """Make one for a user; 400 for what makes no sense, 404 for a collection that he cannot see."""
    wanted = check(wanted)
    try:
        with office.write("app-password.add", f"{owner}: {wanted.label}") as tx:
            return make(tx, find_user(tx, owner), wanted)
    except IntegrityError:  # its public part was in use, once in a billion: the next one is not
        with office.write("app-password.add", f"{owner}: {wanted.label}") as tx:
            return make(tx, find_user(tx, owner), wanted)


def check(wanted: Wanted) -> Wanted:
    """The same with a clean label; 400 for one that opens nothing or has expired already."""
    label = check_label(wanted.label)
    scope = wanted.scope
    if {scope.calendars, scope.contacts, scope.api} == {Right.NONE}:
        raise HttpError(400, "An app password opens calendars, contacts or the API, or several of them.")
    if scope.collections is not None and scope.api is not Right.NONE:
        raise HttpError(400, "An app password for single calendars or address books does not open the API.")
    if wanted.expires is not None and wanted.expires <= now():
        raise HttpError(400, "The expiry lies in the past.")
    return Wanted(label, scope, wanted.expires, wanted.origin)


def check_label(label: str) -> str:
    """One line that names the device."""
    label = " ".join(unicodedata.normalize("NFC", label).split())
    if not 1 <= len(label) <= LONGEST_LABEL or not label.isprintable():
        raise HttpError(
            400,
            Sentence("Name the device, in at most %(most)s characters.", most=LONGEST_LABEL),
        )
    return label


def make(tx: Connection, owner: Principal, wanted: Wanted) -> Made:
    """Make one in a transaction of the caller's; ``wanted`` was checked."""
    if len(app_passwords.of_principal(tx, owner.id)) >= MOST:
        raise HttpError(
            409,
            Sentence(
                "An account has at most %(most)s app passwords. Revoke some that are not used.", most=MOST
            ),
        )
    for key in wanted.scope.collections or ():
        _check_visible(tx, owner, key)
    password = words.generate()
    parts = words.parse(password)
    assert parts is not None
    new = NewAppPassword(
        principal_id=owner.id,
        lookup=parts.lookup,
        secret=parts.secret,
        label=wanted.label,
        scope=wanted.scope,
        origin=wanted.origin,
        expires=wanted.expires,
    )
    made = app_passwords.get(tx, app_passwords.add(tx, new))
    assert made is not None
    return Made(made, password)


def _check_visible(tx: Connection, owner: Principal, collection_id: int) -> None:
    found = collections.by_id(tx, collection_id)
    if found is None or (found.owner_id != owner.id and not collections.granted(tx, found.id, owner.id)):
        raise HttpError(404, "There is no such calendar or address book.")


def listing(tx: Connection, owner: Principal) -> list[AppPassword]:
    """A person's app passwords, oldest first; revoked ones are gone, expired ones are still named."""
    return app_passwords.of_principal(tx, owner.id)


def rename(office: Office, owner: str, app_password_id: int, label: str) -> None:
    """Give one another name; 404 for one that is not the owner's."""
    label = check_label(label)
    with office.write("app-password.rename", f"{owner}: {label}") as tx:
        app_passwords.rename(tx, find(tx, find_user(tx, owner), app_password_id).id, label)


def revoke(office: Office, owner: str, app_password_id: int) -> AppPassword:
    """Refuse it from the next request on, also on open connections; a long answer ends within seconds."""
    with office.store.read() as tx:
        held = find(tx, find_user(tx, owner), app_password_id)
    with office.write("app-password.revoke", f"{owner}: {held.label}") as tx:
        app_passwords.revoke(tx, held.id)
    return held


def revoke_all(office: Office, owner: str) -> int:
    """Cut off all devices of a person; returns how many passwords that were."""
    with office.write("app-password.revoke-all", owner) as tx:
        held = app_passwords.of_principal(tx, find_user(tx, owner).id)
        for one in held:
            app_passwords.revoke(tx, one.id)
    return len(held)


def find(tx: Connection, owner: Principal, app_password_id: int) -> AppPassword:
    """One of the owner's own; 404 for anybody else's, and for a revoked one."""
    held = app_passwords.get(tx, app_password_id)
    if held is None or held.principal_id != owner.id or held.revoked is not None:
        raise HttpError(404, "There is no such app password.")
    return held


def new_token() -> str:
    """A secret for a URL or a poll: 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What is stored of a token: 64 hex digits."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
