"""What somebody does with his own account: the password, what it may be used for, and leaving.

Whoever wants the password changed or the account gone must know it, though he is signed in: a browser that
was left open is not enough. That check is the authenticator's, and counts for its throttle.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from davserver.auth import Authenticator
from davserver.auth.passwords import hash_password
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.jobs.users import check_own_password, find_user, replace_password
from davserver.model import Principal
from davserver.storage import Store, audit, principals, web_sessions
from davserver.storage.engine import now

DAY = 86_400


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The old password, the new one, and the session that goes on (0: none); all others end."""

    old: str = field(repr=False)
    new: str = field(repr=False)
    session_id: int = 0


def change_password(
    office: Office, authenticator: Authenticator, owner: Principal, given: NewPassword
) -> None:
    """Replace one's own password; app passwords stay.

    :raises HttpError: 403 for a wrong old one, 400 for a new one that cannot be set, 429.
    """
    check_own_password(given.new, office.settings, owner)
    if given.new == given.old:
        raise HttpError(400, "That is the password you have.")
    prove(office, authenticator, owner, given.old)
    secret = hash_password(given.new)
    with office.write("user.password", owner.name) as tx:
        replace_password(tx, owner, secret, session_id=given.session_id)


def prove(office: Office, authenticator: Authenticator, owner: Principal, password: str) -> None:
    """Raise 403 unless this is the account's own password."""
    try:
        with office.store.read() as tx:
            authenticator.sign_in(tx, owner.name, password, office.address)
    except HttpError as error:
        if error.status != 401:
            raise
        raise HttpError(403, "This is not your password.") from None


def set_app_passwords_only(office: Office, owner: str, *, only: bool) -> None:
    """Keep clients off the account's own password, or let them use it again."""
    with office.write("user.app-passwords-only" if only else "user.own-password-too", owner) as tx:
        principals.change(tx, find_user(tx, owner).id, app_passwords_only=only)


# -- leaving


def leave(office: Office, authenticator: Authenticator, owner: Principal, password: str) -> None:
    """Lock one's own account now and let it be removed after ``accounts.removal_days``.

    :raises HttpError: 403 where the operator does not allow it or the password is wrong, 409 for the last
        administrator.
    """
    if not office.settings.accounts.self_removal:
        raise HttpError(403, "Accounts are removed by the administrator here.")
    prove(office, authenticator, owner, password)
    with office.write("user.leave", owner.name) as tx:
        others = [
            one for one in principals.list_all(tx) if one.admin and not one.disabled and one.id != owner.id
        ]
        if owner.admin and not others:
            raise HttpError(409, "You are the only administrator. Make somebody else one first.")
        when = now() + office.settings.accounts.removal_days * DAY
        principals.change(tx, owner.id, disabled=True, remove_at=when)
        web_sessions.end_all(tx, owner.id)


def remove_due(store: Store) -> list[str]:
    """Remove the accounts whose owners have left long enough ago; returns their names."""
    with store.read() as tx:
        due = [one for one in principals.list_all(tx) if _is_due(one)]
    for one in due:
        with store.write() as tx:
            current = principals.by_id(tx, one.id)
            if current is not None and _is_due(current):
                principals.remove(tx, one.id)
                audit.record(tx, one.name, "user.remove", one.name)
    return [one.name for one in due]


def _is_due(one: Principal) -> bool:
    return one.disabled and one.remove_at is not None and one.remove_at <= now()
