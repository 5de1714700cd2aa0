"""The first visit: set-up code, first administrator, name and time zone of the server; then the addresses.

Open to everybody while there is no account, and to nobody afterwards. The code lies in the log and in a file
that only the server's own user can read, so whoever gives it has installed the server.
"""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import EmailField, StringField
from wtforms.validators import InputRequired, Length, Optional

from davserver.auth import client_address
from davserver.errors import HttpError
from davserver.jobs import settings as live_settings
from davserver.jobs import setup, users
from davserver.storage import principals, web_sessions

from . import gate
from .context import authenticator, office, settings
from .forms import Form, NewPasswordField, PasswordAgainField, TimeZoneField

pages = Blueprint("setup", __name__, url_prefix="/admin")


class SetupForm(Form):
    """All that is asked."""

    code = StringField(
        _l("Set-up code"),
        [InputRequired()],
        description=_l(
            "It stands in the terminal or log of the server, and in a file in its data directory."
        ),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    name = StringField(
        _l("Your user name"),
        [InputRequired()],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    display_name = StringField(_l("Your name"), [Optional(), Length(max=255)])
    email = EmailField(_l("Your mail address"), [Optional()])
    password = NewPasswordField(_l("Password"), [InputRequired()])
    again = PasswordAgainField(_l("Password again"))
    title = StringField(
        _l("Name of this server"),
        [InputRequired(), Length(max=60)],
        description=_l("At the head of the pages and in mail."),
    )
    timezone = TimeZoneField(
        _l("Time zone"), description=_l("For you and for new users; each can change it.")
    )


@pages.route("/setup", methods=["GET", "POST"])
def form() -> Any:
    """Ask for everything at once; then sign the administrator in."""
    code = setup.setup_code(office().store, settings())
    if code is None:
        abort(404)
    asked = SetupForm(data={"title": settings().web.title, "timezone": settings().accounts.timezone})
    if asked.validate_on_submit():
        with asked.complaints():
            _check(code, asked.code.data)
            _set_up(asked)
            return redirect(url_for(".done"), 303)
    return asked.page("setup/form.html", file=setup.setup_file(settings()))


def _check(code: str, given: str) -> None:
    address = client_address(request.environ)

    def is_right() -> bool:
        return hmac.compare_digest(code.encode(), given.strip().lower().encode())

    if not authenticator().passes_second("set-up", address, is_right):
        raise HttpError(403, _("This is not the set-up code."))


def _set_up(asked: SetupForm) -> None:
    new = users.NewUser(
        asked.name.data, asked.password.data, asked.email.data, asked.display_name.data, admin=True
    )
    person = users.create_first(office(), new)
    wanted = {"web.title": asked.title.data.strip(), "accounts.timezone": asked.timezone.data}
    fixed = settings().fixed
    live_settings.change(office(), {name: value for name, value in wanted.items() if name not in fixed})
    with office().store.write() as tx:
        principals.change(tx, person.id, timezone=asked.timezone.data)
    gate.begin(person, web_sessions.FULL, settings().web.session_hours * 3600)


@pages.get("/setup/done")
def done() -> str:
    """The addresses for each client, and where to go on."""
    return render_template(
        "setup/done.html", address=request.host_url.rstrip("/") + request.script_root + "/"
    )
