"""From a request to a Principal: trusted proxy, Basic, Digest; the memory of verified passwords.

The hot path is one SQL statement and one keyed digest. The statement reads account and credentials as
they are now; the digest is over the stored hash and the given password, so what is remembered is worth
nothing once either has changed, and a disabled account is refused on its next request.

Every refusal costs one slow hash and reads the same, whether the account is unknown, disabled or the
password wrong.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from davserver.auth import passwords
from davserver.auth.digest import Digest, DigestAnswer, parse_digest
from davserver.auth.headers import (
    BasicCredentials,
    authorization,
    is_plausible,
    parse_basic,
    split_scheme,
    variable,
)
from davserver.auth.proxy import client_address, is_within, peer_address
from davserver.auth.throttle import Throttle
from davserver.config import Settings
from davserver.errors import HttpError
from davserver.model import Credential, Login, Principal
from davserver.storage import Store, principals
from davserver.storage import settings as settings_table
from davserver.storage.attempts import Attempts

MAX_REMEMBERED = 10_000
NONCE_KEY = "digest-nonce-key"

log = logging.getLogger("davserver.auth")


class Authenticator:
    """Safe to share between threads. One per process."""

    def __init__(self, settings: Settings, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings.auth
        self._store = store
        self._clock = clock
        self._attempts = Attempts(settings.storage.data_dir)
        self._throttle = Throttle(settings.auth, self._attempts, clock)
        self._remembered = _Memory(settings.auth.cache_seconds, clock)
        self._remote_variables = _remote_variables(settings.auth.remote_user)

    def authenticate(self, environ: dict[str, Any], tx: Connection) -> Principal:
        """Who asks; HttpError 401 with WWW-Authenticate, 429, or 403 where a proxy names a stranger.

        :param environ: after proxy_fix().
        :param tx: a *read* transaction: verifying a password takes long, and an outdated hash is
            replaced in a write transaction of its own, which must not wait for the caller's.
        """
        if name := self._remote_name(environ):
            return self._remote_user(tx, name)
        header = authorization(environ, self._settings.authorization_header)
        scheme, rest = split_scheme(header)
        if scheme == "basic" and self._settings.basic and (given := parse_basic(rest)):
            return self._basic(tx, given, client_address(environ))
        if scheme == "digest" and self._settings.digest and (answer := parse_digest(rest)):
            return self._digest_answer(tx, answer, environ)
        raise self._challenge()

    # -- Basic

    def _basic(self, tx: Connection, given: BasicCredentials, address: str) -> Principal:
        login = _find(tx, given.name)
        usable = self._usable(login)
        if login and any(self._remembered.knows(credential, given) for credential in usable):
            return login.principal
        self._throttle.check(given.name, address)
        matching = _first_match(usable, given)
        if login is None or matching is None:
            self._throttle.failed(given.name, address)
            raise self._challenge()
        self._throttle.succeeded(given.name, address)
        self._remembered.add(self._renewed(login, matching, given), given)
        return login.principal

    def _usable(self, login: Login | None) -> tuple[Credential, ...]:
        if login is None or login.principal.disabled:
            return ()
        now = self._clock()
        return tuple(item for item in login.credentials if item.expires is None or item.expires > now)

    def _renewed(self, login: Login, used: Credential, given: BasicCredentials) -> Credential:
        """The credential in force after this login: Baïkal's hash and weak ones are replaced now."""
        if used.kind == "md5-a1":
            is_due = not self._settings.digest  # Digest needs the old hash
        else:
            is_due = used.kind == "password" and passwords.is_outdated(used.secret)
        if not is_due:
            return used
        secret = passwords.hash_password(given.password)
        with self._store.write() as tx:
            current = principals.login(tx, login.principal.name)
            if current is None or used not in current.credentials:
                return used  # changed meanwhile: the new password stays
            principals.set_credential(tx, login.principal.id, "password", secret)
            principals.remove_credentials(tx, login.principal.id, "md5-a1")
        return Credential(used.id, "password", secret, "", None)

    # -- Digest

    def _digest_answer(self, tx: Connection, answer: DigestAnswer, environ: dict[str, Any]) -> Principal:
        address, name = client_address(environ), unicodedata.normalize("NFC", answer.username)
        if not self._digest.is_fresh(answer.nonce):
            raise self._challenge(stale=True)
        self._throttle.check(name, address)
        login = _find(tx, name)
        hashes = [item.secret for item in self._usable(login) if item.kind == "md5-a1"]
        fits = [self._digest.verify(answer, environ, a1) for a1 in hashes or ["0" * 32]]
        if login is None or not hashes or not any(fits):
            self._throttle.failed(name, address)
            # Accounts without such a hash can only sign in by Basic, so that is what is offered next.
            raise self._challenge(digest=not self._settings.basic)
        if not self._digest.is_first_use(answer):
            raise self._challenge(stale=True)
        return login.principal

    @functools.cached_property
    def _digest(self) -> Digest:
        return Digest(self._settings.realm, self._nonce_key(), self._attempts, self._clock)

    def _nonce_key(self) -> bytes:
        """The key that all processes sign nonces with; made by whoever needs it first."""
        with self._store.read() as tx:
            key = settings_table.get(tx, NONCE_KEY)
        if key is None:
            with self._store.write() as tx:
                key = settings_table.get(tx, NONCE_KEY) or secrets.token_hex(32)
                settings_table.put(tx, NONCE_KEY, key)
        return bytes.fromhex(key)

    def _challenge(self, *, stale: bool = False, digest: bool = True) -> HttpError:
        headers = []
        if self._settings.digest and digest:
            headers.append(("WWW-Authenticate", self._digest.challenge(stale=stale)))
        if self._settings.basic:
            headers.append(("WWW-Authenticate", f'Basic realm="{self._settings.realm}", charset="UTF-8"'))
        return HttpError(401, "Please sign in.", headers=headers)

    # -- a web server or proxy that has signed the user in

    def _remote_name(self, environ: dict[str, Any]) -> str:
        values = (environ.get(name, "") for name in self._remote_variables)
        value = next((value for value in values if value), "")
        if not value or not is_within(peer_address(environ), self._settings.remote_user_from):
            return ""
        try:
            text = str(value).encode("latin-1").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            text = str(value)
        return unicodedata.normalize("NFC", text)

    def _remote_user(self, tx: Connection, name: str) -> Principal:
        login = _find(tx, name)
        if login is None or login.principal.disabled:
            raise HttpError(403, "You are signed in, but there is no account of that name here.")
        return login.principal


class _Memory:
    """Verified passwords as keyed digests; the key dies with the process, nothing is ever stored."""

    def __init__(self, seconds: int, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._until: dict[bytes, float] = {}
        self._lock = threading.Lock()

    def knows(self, credential: Credential, given: BasicCredentials) -> bool:
        """Whether this password was verified against this very hash, not too long ago."""
        return self._until.get(self._digest(credential, given), 0.0) > self._clock()

    def add(self, credential: Credential, given: BasicCredentials) -> None:
        """Remember a verified password; the oldest one makes room."""
        if not self._seconds:
            return
        digest = self._digest(credential, given)
        with self._lock:
            self._until.pop(digest, None)
            while len(self._until) >= MAX_REMEMBERED:
                self._until.pop(next(iter(self._until)))
            self._until[digest] = self._clock() + self._seconds

    def _digest(self, credential: Credential, given: BasicCredentials) -> bytes:
        text = f"{credential.secret}\n{given.password}"
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=20).digest()


def _find(tx: Connection, name: str) -> Login | None:
    return principals.login(tx, name) if is_plausible(name) else None


def _first_match(usable: tuple[Credential, ...], given: BasicCredentials) -> Credential | None:
    """The credential that the password fits; at least one slow hash is computed before None."""
    for credential in usable:
        if credential.kind == "md5-a1":
            if passwords.verify_a1(given.name, credential.realm, given.password, credential.secret):
                return credential
        elif passwords.verify(given.password, credential.secret):
            return credential
    if all(credential.kind == "md5-a1" for credential in usable):
        passwords.verify_nothing(given.password)
    return None


def _remote_variables(name: str) -> tuple[str, ...]:
    """Where a configured remote user is found: REMOTE_USER is no header, all else is."""
    if not name:
        return ()
    return ("REMOTE_USER", "REDIRECT_REMOTE_USER") if name.upper() == "REMOTE_USER" else (variable(name),)
