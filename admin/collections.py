"""Calendars and address books: lists, descriptions, order, deletion with a way back; what others share.

The pages exist once for both kinds; admin/calendars.py and admin/addressbooks.py give them their addresses.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup
from wtforms import BooleanField, IntegerField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields import ColorField
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from davserver.jobs import collections as jobs
from davserver.jobs import sharing, trash
from davserver.jobs.collections import Details
from davserver.jobs.places import Place
from davserver.model import Collection, CollectionKind, Shared, ShareState, Trashed

from .context import office, owner, person_url, reading, settings
from .forms import Form, TimeZoneField, choices
from .looking import color_of
from .words import COMPONENTS

PALETTE = ("#1f77b4", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22")
"""Colours for new calendars, one after the other."""

_BUSY = _l("Nothing in it counts when others look for free time.")


class BookForm(Form):
    """What describes an address book."""

    display_name = StringField(_l("Name"), [InputRequired(), Length(max=1000)])
    description = TextAreaField(_l("Description"), [Optional(), Length(max=10_000)])


class CalendarForm(BookForm):
    """What describes a calendar."""

    color = ColorField(_l("Colour"))
    components = SelectMultipleField(
        _l("It holds"),
        choices=choices(COMPONENTS.items()),
        option_widget=CheckboxInput(),
        widget=ListWidget(),
        description=_l("iPhones show a calendar for tasks alone in Reminders only."),
    )
    timezone_id = TimeZoneField(
        _l("Time zone"), description=_l("It places whole-day events, and times without a zone.")
    )
    position = IntegerField(_l("Place in the list"), [Optional(), NumberRange(-999_999_999, 999_999_999)])
    transparent = BooleanField(
        _l("Does not make me busy: nothing in it counts when others look for free time")
    )


class ViewForm(Form):
    """How one sees what somebody else shares."""

    display_name = StringField(
        _l("Name"), [Optional(), Length(max=1000)], description=_l("Empty: as the owner calls it.")
    )
    color = ColorField(_l("Colour"))
    position = IntegerField(_l("Place in the list"), [Optional(), NumberRange(-999_999_999, 999_999_999)])
    transparent = BooleanField(
        _l("Does not make me busy: nothing in it counts when others look for free time")
    )


class NameForm(Form):
    """The question before something is lost: the name must be typed."""

    typed = StringField(_l("Type the name to go on"))


class ConfirmForm(Form):
    """The question before something that can be undone."""


def blueprint(name: str) -> Blueprint:
    """The pages of one kind; ``name`` is calendars or addressbooks, and the first part of the addresses."""
    made = Blueprint(name, __name__)
    for path, view, methods in (
        ("/", index, ["GET"]),
        ("/new", add, ["GET", "POST"]),
        ("/order", order, ["POST"]),
        ("/respond", respond, ["POST"]),
        ("/shared/<int:collection_id>", see, ["GET", "POST"]),
        ("/<name>/edit", edit, ["GET", "POST"]),
        ("/<name>/delete", delete, ["GET", "POST"]),
    ):
        made.add_url_rule(f"/{name}{path}", view_func=view, methods=methods)
    made.context_processor(_shared_by_templates)
    return made


def _shared_by_templates() -> dict[str, Any]:
    return {"calendars": _kind() is CollectionKind.CALENDAR, "color_of": color_of, "ShareState": ShareState}


def _kind() -> CollectionKind:
    is_calendar = (request.endpoint or "").rpartition(".")[0].endswith("calendars")
    return CollectionKind.CALENDAR if is_calendar else CollectionKind.ADDRESSBOOK


def _place(name: str) -> Place:
    return Place(owner().name, _kind(), name)


def title_of(one: Collection) -> str:
    """What people call it."""
    return one.display_name or one.name


def index() -> str:
    """The list, with what others share below it and what they offer above."""
    with reading() as tx:
        here = jobs.home(tx, owner().name, _kind())
        offered = [one for one in sharing.invitations(tx, owner().id) if one.collection.kind is _kind()]
        gone = [one for one in trash.listing(tx, owner().name) if one.collection.kind is _kind()]
    asked = [one for one in offered if one.view.state is ShareState.INVITED]
    put_away = [one for one in offered if one.view.state in (ShareState.HIDDEN, ShareState.DECLINED)]
    return render_template(
        "collections/index.html", here=here, asked=asked, put_away=put_away, gone=gone, title_of=title_of
    )


def add() -> Any:
    """A new one."""
    form = _form(None)
    if form.validate_on_submit():
        with form.complaints():
            made = jobs.create(office(), owner().name, _kind(), _details(form, None))
            flash(_("“%(name)s” is there.", name=title_of(made)), "success")
            return redirect(url_for(".index"), 303)
    return form.page("collections/edit.html", one=None)


def edit(name: str) -> Any:
    """Describe one anew."""
    with reading() as tx:
        one = jobs.get(tx, _place(name))
    form = _form(one)
    if form.validate_on_submit():
        with form.complaints():
            jobs.edit(office(), _place(name), _details(form, one))
            flash(_("Saved."), "success")
            return redirect(url_for(".index"), 303)
    return form.page("collections/edit.html", one=one, title_of=title_of)


def _form(one: Collection | None) -> Any:
    """The form with what is now there, or with what a new one begins with."""
    if _kind() is CollectionKind.ADDRESSBOOK:
        return BookForm(obj=one)
    with reading() as tx:
        count = len(jobs.home(tx, owner().name, _kind()).own)
    start = {
        "color": color_of(one) if one else PALETTE[count % len(PALETTE)],
        "components": one.components.split(",") if one else list(jobs.DEFAULT_COMPONENTS),
        "timezone_id": (one.timezone_id or "") if one else owner().timezone,
    }
    form = (
        CalendarForm(obj=one, data=start) if one is None else CalendarForm(data={**_described(one), **start})
    )
    nothing = choices([("", _("As in the profile"))])
    form.timezone_id.choices = [*nothing, *form.timezone_id.choices]
    return form


def _described(one: Collection) -> dict[str, Any]:
    names = ("display_name", "description", "position", "transparent")
    return {name: getattr(one, name) for name in names}


def _details(form: Any, one: Collection | None) -> Details:
    if _kind() is CollectionKind.ADDRESSBOOK:
        return Details(form.display_name.data or "", form.description.data or "")
    return Details(
        form.display_name.data or "",
        form.description.data or "",
        _color(form.color.data or "", one),
        form.position.data,
        tuple(form.components.data or ()),
        form.timezone_id.data or "",
        form.transparent.data,
    )


def _color(chosen: str, one: Collection | None) -> str:
    """What is kept of a choice: the browser's field knows neither transparency nor no colour; both stay."""
    if one is None or chosen.lower() != color_of(one).lower():
        return chosen
    stored = one.color or ""
    return stored if stored.lower().startswith(chosen.lower()) else ""


def order() -> Any:
    """Move one up or down among all that is listed (``name`` and ``step`` -1 or 1)."""
    with reading() as tx:
        here = jobs.home(tx, owner().name, _kind())
    names = [one.name for one in here.own]
    name, step = request.form.get("name", ""), request.form.get("step", 0, type=int)
    if name in names and step in (-1, 1):
        place = names.index(name)
        other = max(0, min(len(names) - 1, place + step))
        names.insert(other, names.pop(place))
        jobs.reorder(office(), owner().name, _kind(), names)
    return redirect(url_for(".index"), 303)


def delete(name: str) -> Any:
    """Ask, then put it into the trash; where there is none, the name must be typed."""
    with reading() as tx:
        one = jobs.get(tx, _place(name))
    days = settings().storage.trash_days
    form: Any = ConfirmForm() if days else NameForm()
    if form.validate_on_submit():
        if not days and form.typed.data.strip() != title_of(one):
            form.typed.errors = [_("That is not its name.")]
        else:
            gone = trash.delete(office(), _place(name))
            flash(deleted(title_of(one), gone), "success")
            return redirect(url_for(".index"), 303)
    return form.page("collections/delete.html", one=one, days=days, title=title_of(one))


def deleted(title: str, gone: Trashed | None) -> str | Markup:
    """What is said after a deletion, with the way back where there is one."""
    if gone is None:
        return str(_("“%(name)s” is deleted.", name=title))
    undo = person_url("trash.restore", collection_id=gone.collection.id)
    return Markup(render_template("trash/undo.html", title=title, undo=undo))  # noqa: S704 - a template


def see(collection_id: int) -> Any:
    """How one sees what somebody else shares: name, colour, place."""
    shared = _offered(collection_id)
    view, one = shared.view, shared.collection
    form = ViewForm(
        data={
            "display_name": view.display_name or "",
            "color": color_of(one),
            "position": view.position,
            "transparent": view.transparent,
        }
    )
    if _kind() is CollectionKind.ADDRESSBOOK:
        del form.color, form.transparent
    if form.validate_on_submit():
        with form.complaints():
            jobs.see_as(office(), owner().name, collection_id, _seen(form, shared))
            flash(_("Saved."), "success")
            return redirect(url_for(".index"), 303)
    return form.page("collections/see.html", shared=shared, title=title_of(one))


def _seen(form: Any, shared: Shared) -> Details:
    view = shared.view
    color, transparent = view.color or "", view.transparent
    if "color" in form:
        same = color_of(shared.collection).lower() == (form.color.data or "").lower()
        color = color if same else form.color.data
        transparent = form.transparent.data
    return Details(
        form.display_name.data or "",
        view.description or "",
        color,
        form.position.data,
        timezone_id=view.timezone_id or "",
        transparent=transparent,
    )


def _offered(collection_id: int) -> Shared:
    with reading() as tx:
        return sharing.offer(tx, owner(), collection_id)


def respond() -> Any:
    """Accept, hide or decline what somebody shares (``collection_id``, ``state``)."""
    collection_id = request.form.get("collection_id", 0, type=int)
    state = ShareState(request.form.get("state", ShareState.DECLINED.value))
    shared = sharing.respond(office(), owner().name, collection_id, state)
    name = title_of(shared.collection)
    said = {
        ShareState.ACCEPTED: _("“%(name)s” is now in your list and in your clients.", name=name),
        ShareState.HIDDEN: _("“%(name)s” is hidden from your clients.", name=name),
        ShareState.DECLINED: _("“%(name)s” is declined. You can take it back below.", name=name),
        ShareState.INVITED: _("“%(name)s” waits for your answer.", name=name),
    }
    flash(said[state], "success")
    return redirect(url_for(".index"), 303)


def entries(one: Collection) -> str:
    """How much is in it."""
    return str(ngettext("%(num)s entry", "%(num)s entries", one.item_count))
