"""OAuth 2.0 towards others: a person grants access on their pages, and the token is kept fresh.

    started = begin(PROVIDERS["google"], app, redirect_uri)        send the browser to started.url
    tokens = finish(office, started.pending, code, state)           when it comes back
    access_token(office, account)                                   before requests; refreshes where needed

Belongs here: authorization code with PKCE, refreshing, what is kept of it. Must not be here: pages, sessions.

The account's ``secret`` is the JSON of Tokens, encrypted (vault); ``oauth_meta`` is JSON without secrets.
A refresh whose answer has no new refresh token keeps the old one; ``invalid_grant`` is final: reconnect.

RFC 6749 4.1, 5, 6; RFC 7636 (S256); RFC 6819 for the state.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode

from davserver.errors import HttpError, OutgoingError
from davserver.jobs.office import Office
from davserver.model import RemoteAccount
from davserver.sentences import Sentence
from davserver.storage import remote
from davserver.storage.engine import now
from davserver.sync.http import Client, Limits
from davserver.sync.problems import Problem, RemoteError
from davserver.vault import Vault, VaultLocked

SPARE_SECONDS = 120
"""A token that ends within so long is refreshed before it is used."""

LOGIN_SECONDS = 1800
"""How long a person may take on the provider's pages."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Where one is sent, and what is asked for."""

    name: str
    authorize: str
    token: str
    scopes: tuple[str, ...]
    extra: tuple[tuple[str, str], ...] = ()


PROVIDERS = {
    "google": Provider(
        "google",
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        ("https://www.googleapis.com/auth/calendar", "https://www.googleapis.com/auth/carddav"),
        (("access_type", "offline"), ("prompt", "consent")),
    ),
}


@dataclass(frozen=True, slots=True)
class App:
    """Our registration with the provider, made by whoever runs this server or by the person himself."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pending:
    """A login under way; to be kept where only the person's browser brings it back, encrypted."""

    provider: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    until: int


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send the browser, and what to remember meanwhile."""

    url: str
    pending: Pending


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gave us."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    client_secret: str = field(repr=False)
    expires: int

    def dump(self) -> str:
        """As the JSON that is kept (encrypted) in the account's secret."""
        return json.dumps(asdict(self))


def begin(provider: Provider, app: App, redirect_uri: str, *, hint: str = "") -> Started:
    """Start a login. ``hint``: the account that the provider shall suggest."""
    if not app.client_id.strip() or not app.client_secret.strip():
        raise HttpError(400, "Enter the client id and the client secret.")
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": app.client_id.strip(),
        "redirect_uri": redirect_uri,
        "scope": " ".join(provider.scopes),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        **dict(provider.extra),
        **({"login_hint": hint} if hint else {}),
    }
    app_secret = app.client_secret.strip()
    until = now() + LOGIN_SECONDS
    pending = Pending(provider.name, app.client_id.strip(), app_secret, redirect_uri, state, verifier, until)
    return Started(f"{provider.authorize}?{urlencode(query)}", pending)


def finish(office: Office, pending: Pending, code: str, state: str) -> Tokens:
    """Exchange the code that the browser brought back.

    :raises HttpError: 400 where the answer does not belong to this login, or the provider refuses.
    """
    if pending.until < now() or not hmac.compare_digest(pending.state.encode(), state.encode()):
        raise HttpError(400, "This sign-in has expired or was begun elsewhere; begin again.")
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": pending.redirect_uri,
        "client_id": pending.client_id,
        "client_secret": pending.client_secret,
        "code_verifier": pending.verifier,
    }
    try:
        answer = _ask(office, PROVIDERS[pending.provider], form)
    except RemoteError as error:
        raise HttpError(400, str(error)) from None
    if not answer.get("refresh_token"):
        raise HttpError(400, "The provider gave no lasting permission; remove it there and begin again.")
    return _tokens(answer, pending.client_secret, "")


def meta_of(pending: Pending) -> str:
    """What is kept of a login beside the tokens: no secrets."""
    return json.dumps({"provider": pending.provider, "client_id": pending.client_id})


def bearer_of(secret: str) -> str:
    """The access token in an account's decrypted secret."""
    return str(_parsed(secret)["access"])


def access_token(office: Office, account: RemoteAccount) -> str:
    """A token that may be used now. Called by who holds the account's lease.

    :raises RemoteError: ``reconnect`` where the permission was withdrawn, ``key`` without the vault's key.
    """
    vault, context = Vault(office.settings.storage), f"account:{account.id}"
    try:
        kept = Tokens(**_parsed(vault.decrypt(account.secret, context=context)))
    except VaultLocked as error:
        raise RemoteError(Problem.KEY, str(error)) from None
    if kept.expires - SPARE_SECONDS > now():
        return kept.access
    meta = json.loads(account.oauth_meta or "{}")
    provider = PROVIDERS.get(meta.get("provider", ""))
    if provider is None or not kept.refresh:
        raise RemoteError(Problem.RECONNECT)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": kept.refresh,
        "client_id": meta["client_id"],
        "client_secret": kept.client_secret,
    }
    fresh = _tokens(_ask(office, provider, form), kept.client_secret, kept.refresh)
    with office.store.write() as tx:
        remote.change_account(tx, account.id, secret=vault.encrypt(fresh.dump(), context=context))
    return fresh.access


def _parsed(secret: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(secret)
        return {name: found[name] for name in ("access", "refresh", "client_secret", "expires")}
    except (ValueError, KeyError, TypeError):
        raise RemoteError(Problem.RECONNECT) from None


def _tokens(answer: dict[str, Any], client_secret: str, old_refresh: str) -> Tokens:
    try:
        lasts = int(answer.get("expires_in") or 3600)
    except (TypeError, ValueError):
        lasts = 3600
    refresh = str(answer.get("refresh_token") or old_refresh)
    return Tokens(str(answer["access_token"]), refresh, client_secret, now() + lasts)


def _ask(office: Office, provider: Provider, form: dict[str, str]) -> dict[str, Any]:
    """The answer of the token endpoint; RemoteError where there is none with a token in it."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    limits = Limits(size=256 * 1024, seconds=30, redirects=0)
    try:
        with Client(office.settings.outgoing, limits=limits) as web:
            answer = web.request("POST", provider.token, headers=headers, body=urlencode(form).encode())
    except OutgoingError as error:
        raise RemoteError(Problem.UNREACHABLE, str(error)) from None
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    found = found if isinstance(found, dict) else {}
    if answer.status == 200 and isinstance(found.get("access_token"), str):
        return found
    raise _refusal(answer.status, str(found.get("error", "")))


def _refusal(status: int, error: str) -> RemoteError:
    """RFC 6749 5.2: invalid_grant is final, the rest is ours or the provider's to mend."""
    if error == "invalid_grant":
        return RemoteError(Problem.RECONNECT, status=status)
    if error in ("invalid_client", "unauthorized_client"):
        text = Sentence("The provider does not know this client id and secret.")
        return RemoteError(Problem.RECONNECT, text, status=status)
    if status in (429, 500, 502, 503, 504):
        return RemoteError(Problem.SERVER, status=status)
    return RemoteError(
        Problem.GARBLED,
        Sentence("The provider refuses the sign-in (%(error)s).", error=error[:60] or status),
        status=status,
    )
