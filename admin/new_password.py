"""Where a one-time link leads: choose a password. For everybody who has the link."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask_babel import gettext as _

from davserver.jobs import password_links

from .context import office, reading, settings
from .users import PasswordForm

pages = Blueprint("new_password", __name__, url_prefix="/account")


@pages.route("/new-password/<token>", methods=["GET", "POST"])
def form(token: str) -> Any:
    """Choose a password, once."""
    with reading() as tx:
        person = password_links.find(tx, token)
    asked = PasswordForm()
    asked.password.about = (person.name, person.display_name)
    if asked.validate_on_submit():
        with asked.complaints():
            password_links.use(office(), token, asked.password.data)
            flash(_("Your password is set. Sign in with it."), "success")
            return redirect(url_for("sign_in.form"), 303)
    return asked.page("new_password/form.html", person=person, shortest=settings().auth.min_password_length)
