"""One's own password: the old one is asked, the strength of the new one shown while it is typed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, g, redirect, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField
from wtforms.validators import InputRequired

from davserver.jobs import account
from davserver.jobs.account import NewPassword

from .context import authenticator, is_own, office, owner, settings
from .forms import Form, NewPasswordField, PasswordAgainField

pages = Blueprint("password", __name__)


class PasswordForm(Form):
    """The old password, and the new one twice."""

    old = PasswordField(
        _l("Your password now"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    new = NewPasswordField(_l("New password"), [InputRequired()])
    again = PasswordAgainField(_l("New password again"), "new")


@pages.before_request
def _only_one_s_own() -> None:
    """An administrator sets other people's passwords in their account's settings."""
    if not is_own():
        abort(404)


@pages.route("/password", methods=["GET", "POST"])
def change() -> Any:
    """Change it; all other browsers are signed out."""
    form = PasswordForm()
    if form.validate_on_submit():
        with form.complaints():
            given = NewPassword(form.old.data, form.new.data, g.session.id)
            account.change_password(office(), authenticator(), owner(), given)
            flash(
                _("Your password is changed. Other browsers were signed out; app passwords go on."), "success"
            )
            return redirect(url_for(".change"), 303)
    return form.page("password/change.html", shortest=settings().auth.min_password_length)
