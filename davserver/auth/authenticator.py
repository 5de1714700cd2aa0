"""From a request to an Identity: proxy, app passwords, Basic, Digest; the memory of verified passwords.

The hot path is one SQL statement and one keyed digest. The statement reads account and credentials as
they are now; the digest is over the stored hash and the given password, so what is remembered is worth
nothing once either has changed, and a disabled account is refused on its next request. An app password
(auth/app_passwords) needs no memory: it is one indexed row and one SHA-256.

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
from sqlalchemy.exc import DBAPIError

from davserver.auth import app_passwords, passwords
from davserver.auth.devices import Devices
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
from davserver.model import AppPassword, Credential, Identity, Login, Principal
from davserver.storage import Store, figures, principals
from davserver.storage import app_passwords as stored_app_passwords
from davserver.storage import settings as settings_table
from davserver.storage.attempts import Attempts

MAX_REMEMBERED = 10_000
OWN_PASSWORDS = ("password", "md5-a1")
"""Kinds of credentials that a person chose; the others belong to devices."""
NOTE_USE_SECONDS = 900
"""How old the note of an app password's last use may be before it is written again."""
ONLY_APP_PASSWORDS = (
    "This account's own password opens the web pages only. Make an app password for this device there."
)
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
        self._devices = Devices(store)
        self._remembered = _Memory(settings.auth.cache_seconds, clock)
        self._remote_variables = _remote_variables(settings.auth.remote_user)

    def authenticate(self, environ: dict[str, Any], tx: Connection) -> Identity:
        """Who asks, and a note of the device; raises as identify() does."""
        identity = self.identify(environ, tx)
        self._devices.note(identity, environ)
        return identity

    def identify(self, environ: dict[str, Any], tx: Connection) -> Identity:
        """Who asks; HttpError 401 with WWW-Authenticate, 429, or 403 where a proxy names a stranger.

        :param environ: after proxy_fix().
        :param tx: a *read* transaction: verifying a password takes long, and an outdated hash is
            replaced in a write transaction of its own, which must not wait for the caller's.
        """
        if name := self._remote_name(environ):
            return Identity(self._remote_user(tx, name))
        header = authorization(environ, self._settings.authorization_header)
        scheme, rest = split_scheme(header)
        if scheme == "basic" and self._settings.basic and (given := parse_basic(rest)):
            return self._app_password(tx, given, environ) or self._basic(tx, given, client_address(environ))
        if scheme == "bearer" and app_passwords.parse(rest):
            return self._bearer(tx, rest, environ)
        if scheme == "digest" and self._settings.digest and (answer := parse_digest(rest)):
            return self._digest_answer(tx, answer, environ)
        raise self._challenge()

    def is_current(self, tx: Connection, identity: Identity) -> bool:
        """Whether what was shown some time ago would still be let in: asked again during long answers.

        :param tx: a transaction that began just now.
        """
        account = principals.by_id(tx, identity.principal.id)
        if account is None or account.disabled:
            return False
        shown = identity.credential
        if isinstance(shown, AppPassword):
            held = stored_app_passwords.get(tx, shown.id)
            return held is not None and self._refusal_of(held) is None
        return shown is None or principals.has_credential(tx, shown.id)

    # -- app passwords

    def _app_password(
        self, tx: Connection, given: BasicCredentials, environ: dict[str, Any]
    ) -> Identity | None:
        """Whose app password it is; None for what is none of this account (it may be another password)."""
        parts = app_passwords.parse(given.password)
        found = stored_app_passwords.find(tx, parts.lookup) if parts else None
        if parts is None or found is None or not app_passwords.fits(parts, found.secret):
            return None
        if (given.name and found.principal.name != given.name) or found.principal.disabled:
            return None
        if refusal := self._refusal_of(found.app_password):
            # Whoever shows the right secret does not guess: this is not counted as a failed login.
            raise self._challenge(message=refusal)
        self._note_use(found.app_password, environ)
        return Identity(found.principal, found.app_password.scope, found.app_password)

    def _bearer(self, tx: Connection, token: str, environ: dict[str, Any]) -> Identity:
        """``Authorization: Bearer`` (RFC 6750 2.1): an app password alone, which finds its account."""
        identity = self._app_password(tx, BasicCredentials("", token), environ)
        if identity is None:
            address = client_address(environ)
            self._throttle.check("", address)
            self._failed("", address)
            raise self._challenge()
        return identity

    def _refusal_of(self, held: AppPassword) -> str | None:
        if held.revoked is not None:
            return "This app password was revoked. Make a new one for this device."
        if held.expires is not None and held.expires <= self._clock():
            return "This app password has expired. Make a new one for this device."
        return None

    def _note_use(self, used: AppPassword, environ: dict[str, Any]) -> None:
        """When, by what and from where; a request never fails or waits long for it."""
        moment = int(self._clock())
        if used.last_used is not None and used.last_used > moment - NOTE_USE_SECONDS:
            return
        agent = "".join(one for one in environ.get("HTTP_USER_AGENT", "") if one.isprintable())[:255]
        seen = {"agent": agent, "address": client_address(environ)[:100]}
        try:
            with self._store.write() as tx:
                stored_app_passwords.note_use(tx, used.id, moment, NOTE_USE_SECONDS, **seen)
        except DBAPIError as error:
            log.warning("the use of an app password was not noted: %s", str(error.orig).partition("\n")[0])

    def check_secret(self, environ: dict[str, Any], name: str, secret: str) -> None:
        """The password of what is no account, such as a public link, by Basic; any user name will do.

        :param name: under which failures are counted; no account can have it, so it holds a slash.
        :param secret: the hash of the password.
        :raises HttpError: 401 with WWW-Authenticate, 429.
        """
        address = client_address(environ)
        scheme, rest = split_scheme(authorization(environ, self._settings.authorization_header))
        given = parse_basic(rest) if scheme == "basic" else None
        challenge = ("WWW-Authenticate", f'Basic realm="{self._settings.realm}", charset="UTF-8"')
        if given is None:
            raise HttpError(401, "This link needs a password.", headers=[challenge])
        credential = Credential(0, "link", secret, "", None)
        if self._remembered.knows(credential, given):
            return
        self._throttle.check(name, address)
        if not passwords.verify(given.password, secret):
            self._throttle.failed(name, address)
            raise HttpError(401, "This link needs a password.", headers=[challenge])
        self._throttle.succeeded(name, address)
        self._remembered.add(credential, given)

    # -- Basic

    def _basic(self, tx: Connection, given: BasicCredentials, address: str) -> Identity:
        login = _find(tx, given.name)
        usable = self._usable(login)
        known = next((one for one in usable if self._remembered.knows(one, given)), None)
        if login and known:
            return self._opened(login, known)
        return self._opened(*self._prove(login, usable, given, address))

    def sign_in(self, tx: Connection, name: str, password: str, address: str) -> Principal:
        """Who signs in at a page: by the account's own password, never by an app password.

        :param tx: a *read* transaction, as for authenticate().
        :raises HttpError: 401 for whatever does not fit, 429 after too many failures.
        """
        given = BasicCredentials(unicodedata.normalize("NFC", name), password)
        login = _find(tx, given.name)
        usable = tuple(item for item in self._usable(login) if item.kind in OWN_PASSWORDS)
        return self._prove(login, usable, given, address)[0].principal

    def _failed(self, name: str, address: str) -> None:
        self._throttle.failed(name, address)
        figures.count(self._store, figures.FAILED_LOGINS)

    def passes_second(self, name: str, address: str, is_right: Callable[[], bool]) -> bool:
        """Whether the second factor is right; wrong ones are throttled by counters of their own.

        :raises HttpError: 429 after too many failures.
        """
        counted = f"{name} (second factor)"
        self._throttle.check(counted, address)
        if not is_right():
            self._failed(counted, address)
            return False
        self._throttle.succeeded(counted, address)
        return True

    def _prove(
        self, login: Login | None, usable: tuple[Credential, ...], given: BasicCredentials, address: str
    ) -> tuple[Login, Credential]:
        """The credential that the password fits, renewed; every other outcome is counted and refused."""
        self._throttle.check(given.name, address)
        matching = _first_match(usable, given)
        if login is None or matching is None:
            self._failed(given.name, address)
            raise self._challenge()
        self._throttle.succeeded(given.name, address)
        renewed = self._renewed(login, matching, given)
        self._remembered.add(renewed, given)
        return login, renewed

    def _opened(self, login: Login, used: Credential) -> Identity:
        """The identity behind a right password, unless clients are kept off it."""
        only = self._settings.app_passwords_only or login.principal.app_passwords_only
        if only and used.kind in OWN_PASSWORDS:
            raise self._challenge(message=ONLY_APP_PASSWORDS)
        return Identity(login.principal, credential=used)

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
            key = principals.set_credential(tx, login.principal.id, "password", secret)
            principals.remove_credentials(tx, login.principal.id, "md5-a1")
        return Credential(key, "password", secret, "", None)

    # -- Digest

    def _digest_answer(self, tx: Connection, answer: DigestAnswer, environ: dict[str, Any]) -> Identity:
        address, name = client_address(environ), unicodedata.normalize("NFC", answer.username)
        if not self._digest.is_fresh(answer.nonce):
            raise self._challenge(stale=True)
        self._throttle.check(name, address)
        login = _find(tx, name)
        held = [item for item in self._usable(login) if item.kind == "md5-a1"]
        hashes = [item.secret for item in held] or ["0" * 32]
        fits = [self._digest.verify(answer, environ, a1) for a1 in hashes]
        if login is None or not held or not any(fits):
            self._failed(name, address)
            # Accounts without such a hash can only sign in by Basic, so that is what is offered next.
            raise self._challenge(digest=not self._settings.basic)
        if not self._digest.is_first_use(answer):
            raise self._challenge(stale=True)
        return self._opened(login, held[fits.index(True)])

    @functools.cached_property
    def _digest(self) -> Digest:
        key = settings_table.shared_key(self._store, NONCE_KEY)
        return Digest(self._settings.realm, key, self._attempts, self._clock)

    def _challenge(
        self, *, stale: bool = False, digest: bool = True, message: str = "Please sign in."
    ) -> HttpError:
        headers = []
        if self._settings.digest and digest:
            headers.append(("WWW-Authenticate", self._digest.challenge(stale=stale)))
        if self._settings.basic:
            headers.append(("WWW-Authenticate", f'Basic realm="{self._settings.realm}", charset="UTF-8"'))
        return HttpError(401, message, headers=headers)

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
