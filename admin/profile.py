"""What a person is called, and how he reads. The pattern of all modules about a person's things."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import refresh
from wtforms import EmailField, SelectField, StringField
from wtforms.validators import Length

from davserver.jobs import users

from .context import office, owner, user
from .forms import Form, TimeZoneField, choices
from .language import OFFERED

pages = Blueprint("profile", __name__)


class ProfileForm(Form):
    """What a person is called, and how he reads."""

    display_name = StringField(
        _l("Name"), [Length(max=255)], description=_l("What others see when you share or invite.")
    )
    email = EmailField(
        _l("Mail address"), [Length(max=254)], description=_l("Invitations to meetings are matched by it.")
    )
    language = SelectField(_l("Language"), choices=choices(OFFERED))
    timezone = TimeZoneField(
        _l("Time zone"), description=_l("Times are shown in it; whole-day events are placed by it.")
    )


@pages.route("/profile", methods=["GET", "POST"])
def edit() -> Any:
    """Change name, mail address, language and time zone."""
    form = ProfileForm(obj=owner())
    if form.validate_on_submit():
        with form.complaints():
            values = (form.display_name, form.email, form.language, form.timezone)
            users.change_profile(office(), owner().name, users.Profile(*(one.data or "" for one in values)))
            _speak_the_new_language()
            flash(_("Saved."), "success")
            return redirect(url_for(".edit"), 303)
    return form.page("profile/edit.html")


def _speak_the_new_language() -> None:
    """The message is read on the next page, which is in the language just chosen."""
    if owner().id == user().id:
        refresh()
