"""The second factor of a sign-in: an authenticator app (RFC 6238), and recovery codes for when it is lost.

A code counts once: the step of the last one is remembered, and taking a step is one conditional update, so
that of two sign-ins with the same code only one gets in.
"""

from __future__ import annotations

import hashlib
import secrets
import time

from davserver.auth import totp
from davserver.errors import HttpError
from davserver.jobs.office import Office
from davserver.jobs.users import find_user
from davserver.model import Principal
from davserver.storage import second_factors
from davserver.vault import Vault

RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def begin(office: Office, name: str) -> str:
    """A new secret (base32) that waits for its first code; 409 while a second factor is on."""
    secret = totp.new_secret()
    with office.store.write() as tx:
        person = find_user(tx, name)
        if second_factors.is_on(tx, person.id):
            raise HttpError(409, "The second factor is on already.")
        sealed = Vault(office.settings.storage).encrypt(secret, context=_context(person))
        second_factors.begin(tx, person.id, sealed)
    return secret


def waiting_secret(office: Office, person: Principal) -> str | None:
    """The secret that waits for its first code, None where there is none."""
    with office.store.read() as tx:
        found = second_factors.get(tx, person.id)
    if found is None or found.confirmed is not None:
        return None
    return _open(office, person, found)


def confirm(office: Office, name: str, code: str) -> list[str]:
    """Turn the second factor on by a first code; returns the recovery codes, which nobody can read again.

    :raises HttpError: 400 where the code is wrong, 409 where nothing waits.
    """
    codes = _new_codes()
    with office.write("user.second-factor-on", name) as tx:
        person = find_user(tx, name)
        found = second_factors.get(tx, person.id)
        if found is None or found.confirmed is not None:
            raise HttpError(409, "Begin anew: nothing waits for a code.")
        step = totp.matching_step(_open(office, person, found), code, time.time())
        if step is None:
            raise HttpError(400, "The code is wrong. Is the clock of your phone right?")
        second_factors.confirm(tx, person.id, step, map(_digest, codes))
    return codes


def is_right(office: Office, person: Principal, given: str) -> bool:
    """Whether a code of the app, or a recovery code, opens the door; it is used up then."""
    with office.store.read() as tx:
        found = second_factors.get(tx, person.id)
    if found is None or found.confirmed is None:
        return False
    plain = "".join(given.split()).replace("-", "").lower()
    if plain.isdigit() and len(plain) == totp.DIGITS:
        step = totp.matching_step(_open(office, person, found), plain, time.time(), found.last_step)
        if step is None:
            return False
        with office.store.write() as tx:
            return second_factors.take_step(tx, person.id, step)
    with office.store.write() as tx:
        return second_factors.take_code(tx, person.id, _digest(plain))


def new_codes(office: Office, name: str) -> list[str]:
    """Fresh recovery codes in the place of the old ones; 409 where the second factor is off."""
    codes = _new_codes()
    with office.write("user.recovery-codes", name) as tx:
        person = find_user(tx, name)
        if not second_factors.is_on(tx, person.id):
            raise HttpError(409, "The second factor is off.")
        second_factors.replace_codes(tx, person.id, map(_digest, codes))
    return codes


def remove(office: Office, name: str) -> None:
    """Turn the second factor off."""
    with office.write("user.second-factor-off", name) as tx:
        second_factors.remove(tx, find_user(tx, name).id)


def _open(office: Office, person: Principal, found: second_factors.SecondFactor) -> str:
    return Vault(office.settings.storage).decrypt(found.secret, context=_context(person))


def _context(person: Principal) -> str:
    return f"totp:{person.id}"


def _new_codes() -> list[str]:
    """50 random bits each, in two groups of letters that do not look alike."""
    return [f"{_five()}-{_five()}" for _ in range(RECOVERY_CODES)]


def _five() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(5))


def _digest(code: str) -> str:
    return hashlib.sha256(code.replace("-", "").encode()).hexdigest()
