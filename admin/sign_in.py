"""Signing in and out. Passwords are checked where DAV checks them, with the same throttle."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, request, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired

from davserver.auth import client_address
from davserver.errors import HttpError
from davserver.jobs import second_factor
from davserver.model import Principal
from davserver.storage import principals, second_factors, web_sessions

from . import context, gate
from .forms import Form

SECOND_SECONDS = 600
"""How long the second factor may take after the password."""

pages = Blueprint("sign_in", __name__, url_prefix="/account")


class SignInForm(Form):
    """User name and password."""

    name = StringField(
        _l("User name"),
        [InputRequired()],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _l("Password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    next = HiddenField()


@pages.route("/sign-in", methods=["GET", "POST"])
def form() -> Any:
    """Ask for user name and password."""
    asked = SignInForm(data={"next": request.args.get("next", "")})
    if asked.validate_on_submit():
        with asked.complaints():
            return _begin(_checked(asked), asked.next.data or "")
    with context.reading() as tx:
        is_fresh = principals.count(tx) == 0
    return redirect(url_for("setup.form"), 303) if is_fresh else asked.page("sign_in/form.html")


def _checked(asked: SignInForm) -> Principal:
    address = client_address(request.environ)
    try:
        with context.reading() as tx:
            return context.authenticator().sign_in(tx, asked.name.data, asked.password.data, address)
    except HttpError as error:
        if error.status != 401:
            raise
        # the header that asks for Basic stays out: a browser would show its own window
        raise HttpError(401, _("The user name or the password is wrong.")) from None


def _begin(person: Principal, target: str) -> Response:
    """Let the person in, or ask for the second factor first."""
    with context.reading() as tx:
        needs_second = second_factors.is_on(tx, person.id)
    if needs_second:
        gate.begin(person, web_sessions.PENDING, SECOND_SECONDS)
        return redirect(url_for(".second", next=target or None), 303)
    gate.begin(person, web_sessions.FULL, context.settings().web.session_hours * 3600)
    return redirect(gate.safe_target(target), 303)


class SecondForm(Form):
    """The second factor."""

    code = StringField(
        _l("Code"),
        [InputRequired()],
        description=_l("Six digits of the app, or one of your recovery codes."),
        render_kw={"autocomplete": "one-time-code", "autofocus": True},
    )
    next = HiddenField()


@pages.route("/sign-in/code", methods=["GET", "POST"])
def second() -> Any:
    """Ask for the second factor after the password was right."""
    if g.waiting is None:
        return redirect(url_for(".form"), 303)
    asked = SecondForm(data={"next": request.args.get("next", "")})
    if asked.validate_on_submit():
        with asked.complaints():
            waiting, person = g.waiting
            _check_second(person, asked.code.data)
            with context.office().store.write() as tx:
                web_sessions.end(tx, person.id, waiting.id)
            gate.begin(person, web_sessions.FULL, context.settings().web.session_hours * 3600)
            return redirect(gate.safe_target(asked.next.data), 303)
    return asked.page("sign_in/second.html")


def _check_second(person: Principal, code: str) -> None:
    def is_right() -> bool:
        return second_factor.is_right(context.office(), person, code)

    if not context.authenticator().passes_second(person.name, client_address(request.environ), is_right):
        raise HttpError(401, _("The code is wrong, or was used already. The app shows a new one soon."))


@pages.post("/sign-out")
def leave() -> Response:
    """End this session."""
    _end(everywhere=False)
    flash(_("You are signed out."), "success")
    return redirect(url_for(".form"), 303)


@pages.post("/sign-out-everywhere")
def leave_everywhere() -> Response:
    """End all sessions of the user, in every browser."""
    _end(everywhere=True)
    flash(_("You are signed out in all browsers."), "success")
    return redirect(url_for(".form"), 303)


def _end(*, everywhere: bool) -> None:
    with context.office().store.write() as tx:
        if everywhere:
            web_sessions.end_all(tx, context.user().id)
        else:
            web_sessions.end(tx, context.user().id, g.session.id)
    session.clear()
