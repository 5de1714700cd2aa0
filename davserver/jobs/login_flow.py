"""Nextcloud's Login Flow v2: a client gets an app password through the browser of its user.

    start     the client asks; it gets a token to poll with, and a page to open
    decide    on the page, signed in, the user grants or refuses
    poll      the client asks until it is granted; then, once, the app password, which is made at that moment

Source: Nextcloud's developer manual, client APIs, Login Flow; DAVx5 opens the page in a browser and polls
when the user comes back. A client that was refused is told so (403) instead of waiting for the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from davserver.errors import HttpError
from davserver.jobs import app_passwords
from davserver.jobs.app_passwords import DEVICE, Made, Wanted, new_token, token_hash
from davserver.jobs.office import Office
from davserver.model import Principal, Scope
from davserver.storage import app_grants, principals
from davserver.storage.app_grants import GRANTED, REFUSED, WAITING, Grant, NewGrant
from davserver.storage.engine import now

LIFETIME = 20 * 60
"""Seconds from the start to the end of a flow, as in Nextcloud."""
MOST_WAITING = 1000
"""Flows that wait at the same time; strangers can start them, and each is a row."""


@dataclass(frozen=True, slots=True)
class Started:
    """``token`` is for polling; ``page`` is the last part of the page's address."""

    token: str = field(repr=False)
    page: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the client gets."""

    login_name: str
    made: Made


def start(office: Office, agent: str) -> Started:
    """Begin a flow; ``agent`` is what the client calls itself."""
    name = " ".join("".join(one if one.isprintable() else " " for one in agent).split())
    started = Started(new_token(), new_token())
    new = NewGrant(
        token=token_hash(started.token),
        page=token_hash(started.page),
        state=WAITING,
        principal_id=None,
        label=name[: app_passwords.LONGEST_LABEL] or "?",
        scope=DEVICE,
        agent=name[:255],
        address=office.address[:100],
        expires=now() + LIFETIME,
    )
    with office.store.write() as tx:
        if app_grants.waiting(tx) >= MOST_WAITING:
            raise HttpError(503, "Too many sign-ins are waiting.", headers=[("Retry-After", "60")])
        app_grants.add(tx, new)
    return started


def find(tx: Connection, page: str) -> Grant:
    """The flow that a page is about; 404 where it is over, 409 where it was decided."""
    found = app_grants.by_page(tx, token_hash(page))
    if found is None:
        raise HttpError(404, "This sign-in has expired. Begin again in the app.")
    if found.state != WAITING:
        raise HttpError(409, "This sign-in was already decided. Go back to the app.")
    return found


def grant(office: Office, page: str, owner: Principal, label: str, scope: Scope) -> None:
    """Let the client have an app password of the owner's."""
    wanted = app_passwords.check(Wanted(label, scope))
    with office.write("login-flow.grant", f"{owner.name}: {wanted.label}") as tx:
        _decide(tx, page, GRANTED, owner, wanted)


def refuse(office: Office, page: str, owner: Principal) -> None:
    """Let the client have nothing."""
    with office.write("login-flow.refuse", owner.name) as tx:
        _decide(tx, page, REFUSED, owner, Wanted("refused"))


def _decide(tx: Connection, page: str, state: str, owner: Principal, wanted: Wanted) -> None:
    decided = replace(
        find(tx, page), state=state, principal_id=owner.id, label=wanted.label, scope=wanted.scope
    )
    if not app_grants.decide(tx, decided):
        raise HttpError(409, "This sign-in was already decided. Go back to the app.")


def poll(office: Office, token: str) -> Taken:
    """The app password, once; 404 while nobody has decided and when all is over, 403 where it was refused."""
    with office.store.read() as tx:
        found = app_grants.by_token(tx, token_hash(token))
    if found is None or found.state == WAITING:
        raise HttpError(404, "Not granted yet, or over.")
    if found.state == REFUSED:
        raise HttpError(403, "The user has refused.")
    with office.write("app-password.add", found.label) as tx:
        return take(tx, token, "login-flow")


def take(tx: Connection, token: str, origin: str) -> Taken:
    """Make the app password that a token stands for, and forget the token; 404 for all who come later."""
    held = app_grants.by_token(tx, token_hash(token), lock=True)
    owner = principals.by_id(tx, held.principal_id) if held and held.principal_id else None
    if held is None or held.state != GRANTED or owner is None or owner.disabled:
        raise HttpError(404, "Not granted, or over.")
    if not app_grants.take(tx, held.id):
        raise HttpError(404, "Not granted, or over.")
    return Taken(owner.name, app_passwords.make(tx, owner, Wanted(held.label, held.scope, None, origin)))
