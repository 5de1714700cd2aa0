"""One's own second factor: turned on with an authenticator app, fresh recovery codes, turned off."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired

from davserver.auth import totp
from davserver.jobs import account, second_factor
from davserver.storage import second_factors

from .context import authenticator, is_own, office, owner, reading, settings
from .forms import Form
from .qr import qr

pages = Blueprint("second_factor", __name__)


class CodeForm(Form):
    """The first code."""

    code = StringField(
        _l("Code"),
        [InputRequired()],
        description=_l("The six digits that the app shows now."),
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code"},
    )


class ProveForm(Form):
    """The password, before something that protects the account is weakened."""

    password = PasswordField(
        _l("Your password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )


@pages.before_request
def _only_one_s_own() -> None:
    """Nobody turns it on for somebody else; an administrator turns it off in the account's settings."""
    if not is_own():
        abort(404)


@pages.get("/second-factor")
def show() -> str:
    """Whether it is on, and what can be done."""
    with reading() as tx:
        found = second_factors.get(tx, owner().id)
        left = second_factors.codes_left(tx, owner().id)
    is_on = found is not None and found.confirmed is not None
    return render_template("second_factor/show.html", is_on=is_on, found=found, left=left)


@pages.post("/second-factor/begin")
def begin() -> Any:
    """Make a secret that waits for its first code."""
    second_factor.begin(office(), owner().name)
    return redirect(url_for(".confirm"), 303)


@pages.route("/second-factor/confirm", methods=["GET", "POST"])
def confirm() -> Any:
    """Show the secret as a QR code and take the first code; then the recovery codes, once."""
    secret = second_factor.waiting_secret(office(), owner())
    if secret is None:
        return redirect(url_for(".show"), 303)
    form = CodeForm()
    if form.validate_on_submit():
        with form.complaints():
            codes = second_factor.confirm(office(), owner().name, form.code.data)
            return render_template("second_factor/codes.html", codes=codes)
    address = totp.address(secret, owner().name, settings().web.title)
    code = qr(address, _("QR code for the authenticator app; the key below says the same"))
    return form.page("second_factor/confirm.html", secret=secret, address=address, qr=code)


@pages.route("/second-factor/codes", methods=["GET", "POST"])
def codes() -> Any:
    """Fresh recovery codes, for who gives the password."""
    form = ProveForm()
    if form.validate_on_submit():
        with form.complaints():
            account.prove(office(), authenticator(), owner(), form.password.data)
            fresh = second_factor.new_codes(office(), owner().name)
            return render_template("second_factor/codes.html", codes=fresh)
    return form.page("second_factor/prove.html", title=_("New recovery codes"), button=_("Show new codes"))


@pages.route("/second-factor/off", methods=["GET", "POST"])
def off() -> Any:
    """Turn it off, for who gives the password."""
    form = ProveForm()
    if form.validate_on_submit():
        with form.complaints():
            account.prove(office(), authenticator(), owner(), form.password.data)
            second_factor.remove(office(), owner().name)
            flash(_("You sign in without a second factor now."), "success")
            return redirect(url_for(".show"), 303)
    return form.page("second_factor/prove.html", title=_("Turn the second factor off"), button=_("Turn off"))
