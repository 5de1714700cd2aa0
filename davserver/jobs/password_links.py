"""One-time links to a new password: for new accounts and forgotten passwords.

The administrator makes one and hands it over, or it goes by mail where mail is set up. The link knows the
person; the database knows the SHA-256 of its token.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import Connection

from davserver.auth.passwords import hash_password
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.jobs.users import PASSWORD_LINK, check_own_password, find_user, replace_password
from davserver.model import Principal
from davserver.storage import one_time_links, principals

HOURS = 48
"""How long a link is good."""


def make(office: Office, name: str) -> str:
    """A fresh token for the person; the link made before is worth nothing from now on."""
    token = secrets.token_urlsafe(24)
    with office.write("user.password-link", name) as tx:
        one_time_links.add(tx, find_user(tx, name).id, PASSWORD_LINK, _digest(token), HOURS * 3600)
    return token


def find(tx: Connection, token: str) -> Principal:
    """Whose link it is; 404 for one that is unknown, used or too old."""
    principal_id = one_time_links.principal_of(tx, PASSWORD_LINK, _digest(token))
    found = principals.by_id(tx, principal_id) if principal_id is not None else None
    if found is None or found.disabled:
        raise HttpError(404, "This link was used already, or is too old. Ask for another one.")
    return found


def use(office: Office, token: str, password: str) -> Principal:
    """Set the password; the link is worth nothing afterwards."""
    with office.store.read() as tx:
        person = find(tx, token)
    secret = hash_password(check_own_password(password, office.settings, person))
    with office.write("user.password", person.name) as tx:
        person = find(tx, token)
        replace_password(tx, person, secret)
    return person


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
