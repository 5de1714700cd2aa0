"""The page of a login flow: an app asks for access, its user grants or refuses. See jobs/login_flow.

Whoever starts a flow knows its page: a stranger can send it to anybody. So the page says who asked, whence
and when, and that only what one began oneself should be granted.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, StringField
from wtforms.validators import InputRequired, Length

from davserver.jobs import login_flow
from davserver.jobs.app_passwords import LONGEST_LABEL
from davserver.model import Right, Scope

from .context import office, reading, user
from .forms import Form

pages = Blueprint("grant", __name__, url_prefix="/account")


class GrantForm(Form):
    """What the app may do, and how its password is called."""

    label = StringField(_l("Name of the device"), [InputRequired(), Length(max=LONGEST_LABEL)])
    calendars = BooleanField(_l("Calendars and tasks"), default=True)
    contacts = BooleanField(_l("Contacts"), default=True)
    read_only = BooleanField(_l("Read only"))


@pages.route("/grant/<token>", methods=["GET", "POST"])
def form(token: str) -> Any:
    """Ask; then tell the user to go back to the app."""
    with reading() as tx:
        asked = login_flow.find(tx, token)
    form = GrantForm(obj=asked)
    if form.validate_on_submit():
        with form.complaints():
            if request.form.get("decision") != "grant":
                login_flow.refuse(office(), token, user())
                return render_template("grant/done.html", granted=False)
            login_flow.grant(office(), token, user(), form.label.data, _scope(form))
            return render_template("grant/done.html", granted=True)
    return form.page("grant/form.html", asked=asked)


def _scope(form: GrantForm) -> Scope:
    right = Right.READ if form.read_only.data else Right.WRITE
    calendars = right if form.calendars.data else Right.NONE
    contacts = right if form.contacts.data else Right.NONE
    return Scope(calendars, contacts, Right.NONE)
