"""Who is signed in, and who may enter: decided here for every page, before it runs.

The first part of the address says what is needed, so that a new page is closed by itself:

    /admin/…      an administrator; /admin/users/<owner>/… also resolves the owner
    /account/…    anybody who is signed in
    OPEN          the few pages that are for everybody

The cookie is signed and holds a random token; the database knows its SHA-256, so that a session can be
ended from elsewhere at once. The second factor is a level of the session: until it is given, only the
pages of signing in are open.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from typing import Any
from urllib.parse import quote

from flask import Flask, abort, flash, g, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_babel import gettext as _

from davserver.auth import client_address
from davserver.model import Principal, PrincipalKind
from davserver.storage import principals, web_sessions
from davserver.storage.engine import now

from . import context

OPEN = frozenset(
    {
        "static",
        "bootstrap.static",
        "apple_profile.show",
        "sign_in.form",
        "sign_in.second",
        "new_password.form",
        "setup.form",
        "strength.tell",
        "theme.choose",
    }
)
"""Endpoints that are for everybody. Each must itself be safe for strangers."""

TOUCH_SECONDS = 900
"""How old ``last_seen`` may be before it is written again: a click costs no write."""


class SessionCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, for the mount point only, Secure where the browser came by https."""

    def get_cookie_path(self, app: Flask) -> str:
        """The mount point: applications beside this one do not get it."""
        return quote(request.script_root) or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the browser may send it by https only."""
        return request.is_secure

    def should_set_cookie(self, app: Flask, session: Any) -> bool:
        """Files that never change carry no cookie."""
        return not (request.endpoint or "static").endswith("static") and super().should_set_cookie(
            app, session
        )


def install(app: Flask) -> None:
    """Set the gate before all pages."""
    app.url_value_preprocessor(_take_owner)
    app.url_defaults(_give_owner)
    app.before_request(_enter)


def _take_owner(endpoint: str | None, values: dict[str, Any] | None) -> None:
    g.owner_name = (values or {}).pop("owner", None)


def _give_owner(endpoint: str, values: dict[str, Any]) -> None:
    """Links between pages about one person stay with that person."""
    if endpoint.startswith("user.") and "owner" not in values and g.get("owner"):
        values["owner"] = g.owner.name


def _enter() -> Any:
    """Look who comes, and answer in the page's place where he may not."""
    g.user = g.session = g.owner = g.waiting = None
    if (request.endpoint or "").endswith("static"):
        return None
    _recognise()
    if request.endpoint is None or request.endpoint in OPEN:
        return None
    if g.user is None:
        return _to_sign_in()
    if _needs_admin() and not g.user.admin:
        abort(403)
    g.owner = g.user if g.owner_name is None else _find_owner(g.owner_name)
    return None


def _needs_admin() -> bool:
    return not str(request.url_rule).startswith("/account/")


def _recognise() -> None:
    token = session.get("token")
    if not isinstance(token, str):
        return
    with context.reading() as tx:
        found = web_sessions.find(tx, digest(token))
    if found is None or found[1].disabled:
        return
    if found[0].level != web_sessions.FULL:
        g.waiting = found
        return
    g.session, g.user = found
    if g.session.last_seen < now() - TOUCH_SECONDS:
        seconds = context.settings().web.session_hours * 3600
        with context.office().store.write() as tx:
            web_sessions.touch(tx, g.session.id, seconds, client_address(request.environ))


def _to_sign_in() -> Any:
    if request.method == "POST":
        flash(_("You were signed out meanwhile. Sign in and do it once more."), "warning")
        return redirect(url_for("sign_in.form"), 303)
    here = request.full_path.rstrip("?")
    return redirect(url_for("sign_in.form", next=None if here == "/account/" else here), 303)


def _find_owner(name: str) -> Principal:
    with context.reading() as tx:
        found = principals.get(tx, unicodedata.normalize("NFC", name))
    if found is None or found.kind is PrincipalKind.GROUP:
        abort(404)
    return found


def begin(person: Principal, level: str, seconds: int) -> None:
    """Sign a person in with this browser: a new token, nothing is left of the session before."""
    token = secrets.token_urlsafe(32)
    seen = {"address": client_address(request.environ), "agent": request.user_agent.string}
    with context.office().store.write() as tx:
        web_sessions.forget_expired(tx)
        web_sessions.add(tx, person.id, digest(token), level, seconds, **seen)
    session.clear()
    session.permanent = True
    session["token"] = token


def digest(token: str) -> str:
    """What the database knows of a random token: its SHA-256 in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def safe_target(target: str | None) -> str:
    """Where to go after signing in: a path of ours below the mount point, never another site."""
    if target and target.startswith(("/admin", "/account")) and "\\" not in target:
        return request.script_root + target
    return url_for("account.overview.show")
