"""Users, rooms and equipment: the list, and what an administrator does with one of them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection
from werkzeug.wrappers import Response
from wtforms import BooleanField, EmailField, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from davserver import mail
from davserver.errors import HttpError
from davserver.jobs import groups, password_links, second_factor, users
from davserver.jobs.groups import Described
from davserver.model import CollectionKind, Principal, PrincipalKind
from davserver.storage import collections, principals, second_factors, shares, web_sessions
from davserver.storage.principals import Order, Wanted

from .context import office, owner, person_url, reading, settings, user
from .forms import Form, NewPasswordField, PasswordAgainField, TimeZoneField, choices
from .language import OFFERED, said
from .paging import PER_PAGE, offset, page_of

MB = 1_000_000
KINDS = {
    "user": (_l("Users"), (PrincipalKind.USER,)),
    "resource": (_l("Rooms and equipment"), (PrincipalKind.ROOM, PrincipalKind.RESOURCE)),
}
"""What the list shows: the word in the address → heading, kinds."""

ORDERS = {
    Order.NAME: _l("User name"),
    Order.DISPLAY_NAME: _l("Name"),
    Order.CREATED: _l("Newest first"),
    Order.SIZE: _l("Largest first"),
    Order.LAST_SEEN: _l("Last seen"),
}

pages = Blueprint("users", __name__, url_prefix="/admin")


@pages.get("/users/")
def index() -> str:
    """The list, with search, order and pages; two statements whatever its length."""
    kind = request.args.get("kind", "user")
    title, kinds = KINDS.get(kind) or abort(404)
    order = request.args.get("order", Order.NAME.value)
    text = request.args.get("q", "").strip()
    chosen = Order(order) if order in set(Order) else Order.NAME
    wanted = Wanted(kinds, text, chosen, PER_PAGE + 1, offset())
    with reading() as tx:
        rows = principals.listing(tx, wanted)
        total = principals.count_listed(tx, wanted)
    values = {"kind": kind, "title": title, "q": text, "order": chosen, "orders": ORDERS}
    return render_template("users/index.html", page=page_of(rows, total), **values)


# -- adding


class AddForm(Form):
    """A new user."""

    name = StringField(
        _l("User name"),
        [InputRequired()],
        description=_l("Part of addresses; it cannot be changed later."),
        render_kw={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"},
    )
    display_name = StringField(_l("Name"), [Optional(), Length(max=255)])
    email = EmailField(_l("Mail address"), [Optional()])
    password = NewPasswordField(
        _l("Password"),
        [Optional()],
        description=_l("Left empty: you get a link by which the person chooses a password."),
    )
    again = PasswordAgainField(_l("Password again"), optional=True)
    admin = BooleanField(_l("Administrator"))


def managers_field() -> Any:
    """Who may book a room or a piece of equipment."""
    return StringField(
        _l("Managers"),
        [Optional()],
        description=_l("Users and groups who may write into its calendar, separated by commas."),
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )


def words(text: str | None) -> list[str]:
    """The names in a text with commas."""
    return [word.strip() for word in (text or "").split(",") if word.strip()]


class AddResourceForm(Form):
    """A new room or piece of equipment."""

    kind = SelectField(
        _l("Kind"), choices=choices([("room", _l("Room")), ("resource", _l("Piece of equipment"))])
    )
    name = StringField(
        _l("Short name"),
        [InputRequired()],
        description=_l("Part of addresses; it cannot be changed later."),
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    display_name = StringField(_l("Name"), [Optional(), Length(max=255)])
    email = EmailField(
        _l("Mail address"), [Optional()], description=_l("Invitations to meetings are matched by it.")
    )
    managers = managers_field()


@pages.route("/add-user", methods=["GET", "POST"])
def add() -> Any:
    """Add a user with what new users get."""
    form = AddForm()
    if form.validate_on_submit():
        with form.complaints():
            new = users.NewUser(
                form.name.data,
                form.password.data or None,
                form.email.data,
                form.display_name.data,
                form.admin.data,
            )
            made = users.create_user(office(), new)
            flash(_("%(name)s was added.", name=made.name), "success")
            if new.password is None:
                return _show_link(made)
            return redirect(person_url("overview.show", owner=made.name), 303)
    return form.page("users/add.html", accounts=settings().accounts)


@pages.route("/add-resource", methods=["GET", "POST"])
def add_resource() -> Any:
    """Add a room or a piece of equipment with its calendar."""
    form = AddResourceForm()
    if form.validate_on_submit():
        with form.complaints():
            new = Described(form.name.data, form.display_name.data or "", form.email.data or "")
            kind = PrincipalKind(form.kind.data)
            made = groups.create_resource(office(), kind, new, words(form.managers.data))
            flash(_("%(name)s was added.", name=made.name), "success")
            return redirect(person_url("overview.show", owner=made.name), 303)
    return form.page("users/add_resource.html")


# -- one user


class AccountForm(Form):
    """What an administrator decides about somebody."""

    display_name = StringField(_l("Name"), [Length(max=255)])
    email = EmailField(_l("Mail address"), [Length(max=254)])
    language = SelectField(_l("Language"), choices=choices(OFFERED))
    timezone = TimeZoneField(_l("Time zone"))
    quota = IntegerField(
        _l("Storage in MB"),
        [Optional(), NumberRange(1, 10**9)],
        description=_l("The most that may be stored; empty for no limit."),
    )
    admin = BooleanField(_l("Administrator"), description=_l("May change everything here."))
    disabled = BooleanField(
        _l("Locked out"), description=_l("No sign-in and no synchronisation; everything stays.")
    )


class ManagersForm(Form):
    """Who manages a room or a piece of equipment."""

    managers = managers_field()


@pages.post("/users/<owner>/managers")
def managers() -> Response:
    """Say who manages a room or a piece of equipment."""
    form = ManagersForm()
    if form.validate_on_submit():
        with form.complaints():
            groups.set_managers(office(), owner().name, words(form.managers.data))
            flash(_("Saved."), "success")
    for error in form.form_errors:
        flash(error, "danger")
    return redirect(url_for(".edit", owner=owner().name), 303)


def _managers(tx: Connection, person: Principal) -> ManagersForm | None:
    if person.kind is PrincipalKind.USER:
        return None
    _found, calendar = groups.calendar_of(tx, person.name)
    given = shares.sharees(tx, [calendar.id]).get(calendar.id, [])
    return ManagersForm(data={"managers": ", ".join(one.principal.name for one in given)})


@pages.route("/users/<owner>/account", methods=["GET", "POST"])
def edit() -> Any:
    """Change what an administrator decides; the buttons for everything else."""
    person = owner()
    form = AccountForm(obj=person)
    if not form.is_submitted():
        form.quota.data = None if person.quota is None else max(1, person.quota // MB)
    if person.kind is not PrincipalKind.USER:
        del form.admin, form.language
    if form.validate_on_submit():
        with form.complaints():
            users.change_account(office(), person.name, _account(form, person))
            flash(_("Saved."), "success")
            return redirect(url_for(".edit", owner=person.name), 303)
    with reading() as tx:
        has_second = second_factors.is_on(tx, person.id)
        sessions = len(web_sessions.of_principal(tx, person.id))
        managing = _managers(tx, person)
    return form.page("users/edit.html", has_second=has_second, sessions=sessions, managing=managing)


def _account(form: AccountForm, person: Principal) -> users.Account:
    language = form.language.data if form.language else ""
    profile = users.Profile(
        form.display_name.data or "", form.email.data or "", language, form.timezone.data or ""
    )
    quota = None if form.quota.data is None else form.quota.data * MB
    if person.quota is not None and form.quota.data == max(1, person.quota // MB):
        quota = person.quota  # a limit that is no whole number of MB stays as it is
    return users.Account(profile, bool(form.admin and form.admin.data), form.disabled.data, quota)


class PasswordForm(Form):
    """A new password, typed twice."""

    password = NewPasswordField(_l("New password"), [InputRequired()])
    again = PasswordAgainField(_l("New password again"))


@pages.route("/users/<owner>/password", methods=["GET", "POST"])
def password() -> Any:
    """Set a password for somebody."""
    form = PasswordForm()
    form.password.about = users.known_of(owner())
    if form.validate_on_submit():
        with form.complaints():
            users.set_password(office(), owner().name, form.password.data)
            flash(_("%(name)s has a new password.", name=owner().name), "success")
            return redirect(url_for(".edit", owner=owner().name), 303)
    return form.page("users/password.html")


@pages.post("/users/<owner>/password-link")
def password_link() -> Any:
    """Make a one-time link to a new password; by mail where that works, else to be handed over."""
    return _show_link(owner())


def _show_link(person: Principal) -> Any:
    token = password_links.make(office(), person.name)
    link = url_for("new_password.form", token=token, _external=True)
    sent, problem = False, ""
    if mail.is_set_up(settings().mail) and person.email:
        try:
            subject = _("Your password at %(server)s", server=settings().web.title)
            values = {"person": person, "link": link, "hours": password_links.HOURS}
            text = render_template("users/password_link.txt", server=settings().web.title, **values)
            mail.send(settings().mail, person.email, subject, text)
            sent = True
        except HttpError as error:
            problem = said(error.message)
    return render_template("users/link.html", person=person, link=link, sent=sent, problem=problem)


@pages.post("/users/<owner>/second-factor-off")
def second_factor_off() -> Response:
    """Turn somebody's second factor off, for who lost the phone and the recovery codes."""
    second_factor.remove(office(), owner().name)
    flash(_("%(name)s signs in without a second factor now.", name=owner().name), "success")
    return redirect(url_for(".edit", owner=owner().name), 303)


class RemoveForm(Form):
    """Type the name of what is removed for ever."""

    name = StringField(
        _l("User name"), render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
    )


@pages.route("/users/<owner>/remove", methods=["GET", "POST"])
def remove() -> Any:
    """Say what will be lost, ask for the name, remove."""
    person = owner()
    form = RemoveForm()
    if person.id == user().id:
        raise HttpError(409, _("You cannot remove your own account. Another administrator can."))
    if form.validate_on_submit():
        if form.name.data == person.name:
            users.remove_user(office(), person.name)
            flash(_("%(name)s and everything of it was removed.", name=person.name), "success")
            return redirect(url_for(".index", kind=_list_of(person)), 303)
        form.name.errors = [_("Type exactly: %(name)s", name=person.name)]
    return form.page("users/remove.html", export=_export_of(person), **_losses(person))


def _list_of(person: Principal) -> str:
    return "user" if person.kind is PrincipalKind.USER else "resource"


def _losses(person: Principal) -> dict[str, Any]:
    with reading() as tx:
        return {
            "calendars": collections.of_owner(tx, person.id, CollectionKind.CALENDAR),
            "books": collections.of_owner(tx, person.id, CollectionKind.ADDRESSBOOK),
        }


def _export_of(person: Principal) -> str | None:
    """Where everything of the person can be downloaded first."""
    page = "transfer.export_all"
    return person_url(page, owner=person.name) if f"user.{page}" in current_app.view_functions else None
