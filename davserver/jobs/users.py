"""Accounts: made, changed, removed; and the checks of what identifies one.

Belongs here: what the command line, the web admin and the API do alike with people. Errors are HttpErrors,
so that every mouth has its answer.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from davserver.auth.passwords import MAX_LENGTH, hash_password
from davserver.auth.strength import strength
from davserver.config import AccountSettings, Settings, time_zone
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.jobs.setup import SETUP_CODE, setup_file
from davserver.model import CollectionKind, NewCollection, NewPrincipal, Principal, PrincipalKind
from davserver.sentences import Sentence
from davserver.storage import collections, one_time_links, principals, web_sessions
from davserver.storage import settings as settings_table

MAX_USER_NAME = 100
DEFAULT_COLLECTION = "default"
PASSWORD_LINK = "password"  # noqa: S105 - a word, not a secret
"""Purpose of the one-time links that jobs.password_links makes."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """What is needed to make an account; ``display_name`` "" means the user name.

    ``password`` None: nobody can sign in until a link to a new password was used.
    """

    name: str
    password: str | None = field(repr=False)
    email: str = ""
    display_name: str = ""
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person is called, and how he reads: ``language`` "" is the browser's."""

    display_name: str
    email: str
    language: str
    timezone: str


# -- users -------------------------------------------------------------------------------------------


def create_user(office: Office, user: NewUser) -> Principal:
    """Add an account with its password, a calendar and an address book; 409 where the name is taken."""
    name = check_user_name(user.name)
    email = check_email(user.email)
    password = user.password
    secret = None if password is None else hash_password(check_password(password, office.settings))
    accounts = office.settings.accounts
    new = NewPrincipal(
        name=name,
        display_name=user.display_name.strip() or name,
        email=email,
        admin=user.admin,
        timezone=accounts.timezone,
        quota=accounts.quota or None,
    )
    try:
        with office.write("user.add", name) as tx:
            principal = principals.add(tx, new)
            if secret is not None:
                principals.set_credential(tx, principal.id, "password", secret)
            _create_default_collections(tx, principal, accounts)
            settings_table.remove(tx, SETUP_CODE)
    except IntegrityError:
        raise HttpError(409, Sentence("There is already an account %(name)s.", name=name)) from None
    setup_file(office.settings).unlink(missing_ok=True)
    return principal


def create_first(office: Office, user: NewUser) -> Principal:
    """The first account; 409 where somebody was quicker."""
    with office.store.read() as tx:
        if principals.count(tx):
            raise HttpError(409, "There is an account already.")
    return create_user(office, user)


def _create_default_collections(tx: Connection, principal: Principal, accounts: AccountSettings) -> None:
    """``default`` and ``default``, as in Baïkal: clients and scripts know these addresses."""
    wanted = (
        (CollectionKind.CALENDAR, accounts.calendar_name, ",".join(accounts.calendar_components)),
        (CollectionKind.ADDRESSBOOK, accounts.addressbook_name, ""),
    )
    for kind, display_name, components in wanted:
        if display_name:
            new = NewCollection(
                principal.id, kind, DEFAULT_COLLECTION, display_name=display_name, components=components
            )
            collections.create(tx, new)


@dataclass(frozen=True, slots=True)
class Account:
    """What an administrator decides about a user, room or piece of equipment; ``quota`` bytes or None."""

    profile: Profile
    admin: bool
    disabled: bool
    quota: int | None


def change_account(office: Office, name: str, account: Account) -> None:
    """Change what an administrator decides; nobody takes away his own rights.

    :raises HttpError: 400 for what is no mail address or time zone; 409 for one's own rights.
    """
    values = _profile_values(name, account.profile)
    if name == office.actor and (account.disabled or not account.admin):
        raise HttpError(409, "You cannot take your own rights away. Another administrator can.")
    with office.write("user.change", name) as tx:
        person = find_owner(tx, name)
        may_sign_in = person.kind is PrincipalKind.USER
        values |= {
            "admin": account.admin and may_sign_in,
            "disabled": account.disabled,
            **_staying(disabled=account.disabled),
            "quota": account.quota,
        }
        principals.change(tx, person.id, **values)
        if account.disabled:
            web_sessions.end_all(tx, person.id)


def change_profile(office: Office, name: str, profile: Profile) -> None:
    """Change what a person is called; 400 for what is no mail address or time zone."""
    values = _profile_values(name, profile)
    with office.write("user.profile", name) as tx:
        principals.change(tx, find_owner(tx, name).id, **values)


def _profile_values(name: str, profile: Profile) -> dict[str, Any]:
    if wrong := profile.timezone and time_zone(profile.timezone):
        raise HttpError(400, Sentence("The time zone %(wrong)s.", wrong=wrong))
    return {
        "display_name": profile.display_name.strip() or name,
        "email": check_email(profile.email),
        "language": profile.language,
        "timezone": profile.timezone,
    }


def set_password(office: Office, name: str, password: str) -> None:
    """Replace the password; the old one, and Baïkal's hash of it, are refused from the next request on."""
    secret = hash_password(check_password(password, office.settings))
    with office.write("user.password", name) as tx:
        replace_password(tx, find_user(tx, name), secret)


def replace_password(tx: Connection, user: Principal, secret: str, *, session_id: int = 0) -> None:
    """Put a new hash in the place of all that opened the pages before.

    Browsers are signed out, except the session that goes on; links to a new password are worth nothing.
    """
    principals.set_credential(tx, user.id, "password", secret)
    principals.remove_credentials(tx, user.id, "md5-a1")
    web_sessions.end_all(tx, user.id, but=session_id)
    one_time_links.forget(tx, user.id, PASSWORD_LINK)


def set_disabled(office: Office, name: str, *, disabled: bool) -> None:
    """Lock an account out, or let it in again, also one whose owner has left; its data stays."""
    with office.write("user.disable" if disabled else "user.enable", name) as tx:
        principals.change(tx, find_user(tx, name).id, disabled=disabled, **_staying(disabled=disabled))


def _staying(*, disabled: bool) -> dict[str, None]:
    """Whoever is let in again stays, though he had left."""
    return {} if disabled else {"remove_at": None}


def remove_user(office: Office, name: str) -> None:
    """Remove a user, room or piece of equipment with everything it owns."""
    with office.write("user.remove", name) as tx:
        principals.remove(tx, find_owner(tx, name).id)


def find_owner(tx: Connection, name: str) -> Principal:
    """The user, room or piece of equipment of that name; 404 where there is none."""
    found = principals.get(tx, unicodedata.normalize("NFC", name))
    if found is None or found.kind is PrincipalKind.GROUP:
        raise HttpError(404, Sentence("There is no account %(name)s.", name=name))
    return found


def find_user(tx: Connection, name: str) -> Principal:
    """The user of that name; 404 where there is none."""
    found = principals.get(tx, unicodedata.normalize("NFC", name))
    if found is None or found.kind is not PrincipalKind.USER:
        raise HttpError(404, Sentence("There is no account %(name)s.", name=name))
    return found


# -- checks ------------------------------------------------------------------------------------------


def check_user_name(name: str) -> str:
    """The name as it is stored (NFC). It is a path segment and half of Basic: no slash, no colon."""
    name = unicodedata.normalize("NFC", name)
    if not 1 <= len(name) <= MAX_USER_NAME:
        raise HttpError(400, Sentence("A user name has 1 to %(most)s characters.", most=MAX_USER_NAME))
    if not all(_is_name_character(character) for character in name) or not name.strip("."):
        raise HttpError(400, "A user name consists of letters, digits and . _ - @ + only.")
    return name


def _is_name_character(character: str) -> bool:
    return character in "._-@+" or unicodedata.category(character)[0] in "LMN"


def check_email(email: str) -> str:
    """A mail address, or "" where there is none."""
    email = email.strip()
    if not email:
        return ""
    local, at, domain = email.rpartition("@")
    is_plain = email.isprintable() and not set(email) & set(' <>",;:\\')
    if not (local and at and domain and is_plain and "@" not in local and len(email) <= 254):
        raise HttpError(400, Sentence("%(email)s is not a mail address.", email=email))
    return email


def known_of(user: Principal) -> tuple[str, ...]:
    """What everybody may know of somebody, who would try it as his password."""
    return (user.name, user.email, user.display_name)


def check_password(password: str, settings: Settings) -> str:
    """A password that may be set. How good it is, an administrator decides himself."""
    shortest = settings.auth.min_password_length
    if len(password) < shortest:
        raise HttpError(400, Sentence("A password needs at least %(least)s characters.", least=shortest))
    if len(password) > MAX_LENGTH:
        raise HttpError(400, Sentence("A password has at most %(most)s characters.", most=MAX_LENGTH))
    return password


def check_own_password(password: str, settings: Settings, owner: Principal) -> str:
    """A password that somebody may choose for himself."""
    check_password(password, settings)
    if strength(password, known_of(owner)).mark == 0:
        raise HttpError(400, "This password is among the first that anybody would try. Take a longer one.")
    return password
