"""Removing one's own account, where the operator allows it; an administrator can bring it back for a time."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, session, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import PasswordField
from wtforms.validators import InputRequired

from davserver.jobs import account
from davserver.model import CollectionKind
from davserver.storage import collections

from .context import authenticator, is_own, office, owner, reading, settings
from .forms import Form

pages = Blueprint("leave", __name__)


class LeaveForm(Form):
    """The password, so that nobody does it in an open browser."""

    password = PasswordField(
        _l("Your password"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )


@pages.route("/leave", methods=["GET", "POST"])
def form() -> Any:
    """Say what will be lost, and do it."""
    if not (is_own() and settings().accounts.self_removal):
        abort(404)
    asked = LeaveForm()
    if asked.validate_on_submit():
        with asked.complaints():
            account.leave(office(), authenticator(), owner(), asked.password.data)
            session.clear()
            flash(_("Your account is locked and will be removed."), "success")
            return redirect(url_for("sign_in.form"), 303)
    with reading() as tx:
        held = [one for kind in CollectionKind for one in collections.of_owner(tx, owner().id, kind)]
    return asked.page("leave/form.html", held=held, days=settings().accounts.removal_days)
