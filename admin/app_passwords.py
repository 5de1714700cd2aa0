"""App passwords: one for each device, shown once, revoked at once; by an administrator for others, too."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length
from wtforms.widgets import CheckboxInput, ListWidget

from davserver.jobs import account, app_passwords
from davserver.jobs.app_passwords import LONGEST_LABEL, Wanted
from davserver.model import AppPassword, Collection, CollectionKind, PrincipalKind, Right, Scope
from davserver.storage import collections, shares
from davserver.storage.engine import now

from .context import is_own, office, owner, reading, settings
from .forms import Form, choices

pages = Blueprint("app_passwords", __name__)

DAY = 86_400
RIGHTS = (
    (Right.WRITE.value, _l("Read and change")),
    (Right.READ.value, _l("Read only")),
    (Right.NONE.value, _l("Nothing")),
)
EXPIRIES = (
    ("0", _l("Never")),
    ("1", _l("After a day")),
    ("30", _l("After 30 days")),
    ("365", _l("After a year")),
)


class AddForm(Form):
    """What the new one is for, and what it opens."""

    label = StringField(
        _l("Device"),
        [InputRequired(), Length(max=LONGEST_LABEL)],
        description=_l("Such as “Ann's phone”: you will know it by this name when you want to revoke it."),
    )
    calendars = SelectField(_l("Calendars and tasks"), choices=choices(RIGHTS), default=Right.WRITE.value)
    contacts = SelectField(_l("Contacts"), choices=choices(RIGHTS), default=Right.WRITE.value)
    api = SelectField(_l("JSON API, for scripts"), choices=choices(RIGHTS), default=Right.NONE.value)
    collections = SelectMultipleField(
        _l("Only these"),
        coerce=int,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
        description=_l("Tick single ones to close all others to this device. None ticked: all are open."),
    )
    days = SelectField(_l("Expires"), choices=choices(EXPIRIES), default="0")


def _names() -> dict[int, str]:
    """The calendars and address books that the person has, by id; what others share with him comes last."""
    with reading() as tx:
        held = [one for kind in CollectionKind for one in collections.of_owner(tx, owner().id, kind)]
        shared = [one for kind in CollectionKind for one in shares.of_user(tx, owner().id, kind)]
    own = {one.id: _name(one) for one in held}
    return own | {one.collection.id: f"{_name(one.collection)} ({one.owner.name})" for one in shared}


def _name(held: Collection) -> str:
    return held.display_name or held.name


@pages.get("/app-passwords")
def index() -> str:
    """Those that are in force, and whether clients must use one."""
    with reading() as tx:
        held = app_passwords.listing(tx, owner())
    everywhere = settings().auth.app_passwords_only
    return render_template(
        "app_passwords/index.html",
        held=held,
        names=_names(),
        everywhere=everywhere,
        right=Right,
        moment=now(),
    )


@pages.route("/app-passwords/add", methods=["GET", "POST"])
def add() -> Any:
    """Make one; it is shown now and never again."""
    if owner().kind is not PrincipalKind.USER:
        abort(404)  # rooms and equipment sign in nowhere
    form = AddForm(label=request.args.get("label", ""))
    form.collections.choices = choices((str(key), name) for key, name in _names().items())
    if form.validate_on_submit():
        with form.complaints():
            made = app_passwords.create(office(), owner().name, _wanted(form))
            return render_template("app_passwords/made.html", made=made)
    return form.page("app_passwords/add.html")


def _wanted(form: AddForm) -> Wanted:
    single = frozenset(form.collections.data or ()) or None
    scope = Scope(Right(form.calendars.data), Right(form.contacts.data), Right(form.api.data), single)
    days = int(form.days.data)
    return Wanted(form.label.data, scope, now() + days * DAY if days else None)


class NameForm(Form):
    """Another name."""

    label = StringField(_l("Device"), [InputRequired(), Length(max=LONGEST_LABEL)])


@pages.route("/app-passwords/<int:key>", methods=["GET", "POST"])
def edit(key: int) -> Any:
    """Give one another name."""
    held = _held(key)
    form = NameForm(obj=held)
    if form.validate_on_submit():
        with form.complaints():
            app_passwords.rename(office(), owner().name, key, form.label.data)
            flash(_("Saved."), "success")
            return redirect(url_for(".index"), 303)
    return form.page("app_passwords/edit.html", held=held)


@pages.route("/app-passwords/<int:key>/revoke", methods=["GET", "POST"])
def revoke(key: int) -> Any:
    """Cut one device off, after a question: it cannot be undone."""
    held = _held(key)
    form = Form()
    if form.validate_on_submit():
        app_passwords.revoke(office(), owner().name, key)
        flash(_("%(device)s is cut off.", device=held.label), "success")
        return redirect(url_for(".index"), 303)
    return form.page("app_passwords/revoke.html", held=held)


@pages.route("/app-passwords/revoke-all", methods=["GET", "POST"])
def revoke_all() -> Any:
    """Cut all devices off, after a question."""
    with reading() as tx:
        held = app_passwords.listing(tx, owner())
    form = Form()
    if form.validate_on_submit():
        app_passwords.revoke_all(office(), owner().name)
        flash(_("All devices are cut off."), "success")
        return redirect(url_for(".index"), 303)
    return form.page("app_passwords/revoke_all.html", held=held)


@pages.post("/app-passwords/only")
def only() -> Response:
    """Keep clients off the account's own password, or let them use it again."""
    if not is_own():
        abort(404)
    wanted = request.form.get("only") == "yes"
    account.set_app_passwords_only(office(), owner().name, only=wanted)
    said = _("Devices need an app password now.") if wanted else _("Devices may use your own password again.")
    flash(said, "success")
    return redirect(url_for(".index"), 303)


def _held(key: int) -> AppPassword:
    with reading() as tx:
        return app_passwords.find(tx, owner(), key)
