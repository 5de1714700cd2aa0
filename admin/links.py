"""Public links to calendars and address books: made, looked at, changed, paused, renewed, removed.

The address of a link is a secret: whoever has it can read what the link shows. It is decrypted to be shown
here, to its owner, and written nowhere.
"""

from __future__ import annotations

from calendar import timegm
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response
from wtforms import (
    BooleanField,
    DateField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import DataRequired, Length, NumberRange, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from davserver.jobs import links as jobs
from davserver.jobs.links import LEFT_OUT, MOST_DAYS, Source, Wish
from davserver.model import CollectionKind, Detail, Link, Private, View
from davserver.storage import collections
from davserver.storage.engine import now
from davserver.vault import VaultLocked
from davserver.wire import base_url

from .context import office, owner, reading, settings
from .forms import Form, choices
from .qr import qr
from .words import COMPONENTS

pages = Blueprint("links", __name__)

DETAILS = {
    CollectionKind.CALENDAR: {
        Detail.FULL: _l("Everything"),
        Detail.TITLES: _l("Titles and times"),
        Detail.BUSY: _l("Only when I am busy"),
    },
    CollectionKind.ADDRESSBOOK: {Detail.FULL: _l("Everything"), Detail.TITLES: _l("Names only")},
}
PRIVATES = {
    Private.HIDDEN: _l("are not shown"),
    Private.BUSY: _l("are shown as “Busy”"),
}
PARTS = {
    "alarms": _l("Alarms"),
    "attendees": _l("Guests and organisers with their mail addresses"),
    "attachments": _l("Attachments and photos"),
}
ENTRIES = ("VEVENT", "VTODO", "VJOURNAL")
DAY = 86_400


def boxes(label: Any, **options: Any) -> SelectMultipleField:
    """A field of several choices, each with a box to tick."""
    widgets = {"widget": ListWidget(prefix_label=False), "option_widget": CheckboxInput()}
    return SelectMultipleField(label, **widgets, **options)


class LinkForm(Form):
    """A link to an address book: who gets it, what it shows, and for how long."""

    label = StringField(
        _l("Who is it for?"),
        [Length(max=255)],
        description=_l("Only you see this: it tells your links apart."),
    )
    sources = boxes(_l("What it shows"), validators=[DataRequired(_l("Choose at least one."))])
    detail = RadioField(_l("How much of it"), default=Detail.FULL.value)
    left_out = boxes(_l("Leave out"), choices=choices([("attachments", _l("Photos"))]))
    title = StringField(_l("Name for the readers"), [Length(max=255)], description=_l("Empty: its own name."))
    expires = DateField(_l("The link ends on"), [Optional()], description=_l("Empty: it has no end."))
    new_password = PasswordField(
        _l("Password"),
        [Length(max=200)],
        description=_l("Asked of readers with any user name. Google and Outlook.com cannot use such a link."),
    )
    no_password = BooleanField(_l("Take the password away"))
    cors = BooleanField(_l("Scripts of other web sites may read it (CORS)"))


class CalendarLinkForm(LinkForm):
    """A link to calendars: also of what kind and of which days, and a page for people."""

    private = RadioField(
        _l("Entries marked as private"),
        choices=choices(PRIVATES.items()),
        default=Private.HIDDEN.value,
        description=_l("Those marked as confidential are always shown as “Busy”."),
    )
    left_out = boxes(_l("Leave out"), choices=choices(PARTS.items()))
    components = boxes(
        _l("Only"),
        choices=choices((name, COMPONENTS[name]) for name in ENTRIES),
        description=_l("None ticked: all kinds of entries."),
    )
    days_back = IntegerField(
        _l("Days before today"),
        [Optional(), NumberRange(0, MOST_DAYS)],
        description=_l("Empty: all of them."),
    )
    days_ahead = IntegerField(
        _l("Days after today"), [Optional(), NumberRange(0, MOST_DAYS)], description=_l("Empty: all of them.")
    )
    start = DateField(_l("Not before"), [Optional()])
    end = DateField(_l("Not after"), [Optional()])
    has_page = BooleanField(_l("Also a page for people, in a browser"))
    embed = BooleanField(_l("Other web sites may show the page inside theirs"))


class ConfirmForm(Form):
    """The question before something that cannot be undone."""


PRIVACY = ("private", "left_out", "components")
SPAN = ("days_back", "days_ahead", "start", "end")
ACCESS = ("title", "expires", "new_password", "no_password", "has_page", "embed", "cors")


@pages.get("/links")
def index() -> str:
    """All links, with who fetches them."""
    with reading() as tx:
        held = jobs.of_owner(tx, owner())
    return render_template("links/index.html", held=held, state=state_of, details=DETAILS)


@pages.route("/links/new", methods=["GET", "POST"])
def add() -> Any:
    """A new link; ``?show=calendar/NAME`` ticks that calendar, ``?show=addressbook/`` shows address books."""
    shown = request.args.get("show", "")
    books = shown.startswith(f"{CollectionKind.ADDRESSBOOK}/")
    kind = CollectionKind.ADDRESSBOOK if books else CollectionKind.CALENDAR
    form = _form(kind)
    names = [one.value for one in form.sources.choices]
    wanted = shown.partition("/")[2]
    if request.method == "GET":
        form.sources.data = [wanted] if wanted in names else names[:1]
    del form.no_password
    if form.validate_on_submit():
        with form.complaints():
            link = jobs.create(office(), owner(), _source(kind, form), _wish(form, Wish()))
            flash(_("The link works now. Copy its address and give it to whoever is to read it."), "success")
            return redirect(url_for(".show", link_id=link.id), 303)
    return form.page("links/edit.html", link=None, kind=kind, groups=_groups(kind))


@pages.get("/links/<int:link_id>")
def show(link_id: int) -> str:
    """One link: its address to copy and to scan, who fetches it, what can be done."""
    link = _found(link_id)
    try:
        token = jobs.token_of(office(), link)
    except VaultLocked:
        token = ""
    return render_template(
        "links/show.html", link=link, state=state_of(link), details=DETAILS, **_addresses(link, token)
    )


@pages.route("/links/<int:link_id>/edit", methods=["GET", "POST"])
def edit(link_id: int) -> Any:
    """Change what a link shows; its address stays."""
    link = _found(link_id)
    form = _form(link.kind, _values(link))
    if not link.password:
        del form.no_password
    if form.validate_on_submit():
        with form.complaints():
            source = _source(link.kind, form)
            jobs.edit(office(), owner(), link_id, lambda wish: _wish(form, wish))
            if source.names != _names(link):
                jobs.show_collections(office(), owner(), link_id, source.names)
            flash(_("Saved."), "success")
            return redirect(url_for(".show", link_id=link_id), 303)
    return form.page("links/edit.html", link=link, kind=link.kind, groups=_groups(link.kind))


@pages.post("/links/<int:link_id>/pause")
def pause(link_id: int) -> Response:
    """The link is not found until it is resumed."""
    jobs.set_active(office(), owner(), link_id, active=False)
    flash(_("The link is paused: nobody finds it."), "success")
    return redirect(url_for(".show", link_id=link_id), 303)


@pages.post("/links/<int:link_id>/resume")
def resume(link_id: int) -> Response:
    """The link answers again, at its old address."""
    jobs.set_active(office(), owner(), link_id, active=True)
    flash(_("The link works again."), "success")
    return redirect(url_for(".show", link_id=link_id), 303)


@pages.route("/links/<int:link_id>/renew", methods=["GET", "POST"])
def renew(link_id: int) -> Any:
    """A new address; whoever has the old one finds nothing."""
    link, form = _found(link_id), ConfirmForm()
    if form.validate_on_submit():
        jobs.regenerate(office(), owner(), link_id)
        flash(_("The link has a new address. The old one is not found any more."), "success")
        return redirect(url_for(".show", link_id=link_id), 303)
    return form.page("links/renew.html", link=link)


@pages.route("/links/<int:link_id>/remove", methods=["GET", "POST"])
def remove(link_id: int) -> Any:
    """The link is gone for good."""
    link, form = _found(link_id), ConfirmForm()
    if form.validate_on_submit():
        jobs.remove(office(), owner(), link_id)
        flash(_("The link is gone."), "success")
        return redirect(url_for(".index"), 303)
    return form.page("links/remove.html", link=link)


# -- what pages show of a link


def state_of(link: Link) -> tuple[str, str]:
    """In words, and the colour of the badge."""
    if not link.collections:
        return _("What it showed is gone"), "danger"
    if not link.active:
        return _("Paused"), "secondary"
    if link.expires is not None and link.expires <= now():
        return _("Ended"), "secondary"
    return _("Works"), "success"


def _addresses(link: Link, token: str) -> dict[str, Any]:
    """Everything that leads to the link; nothing where the key to its token is lost."""
    if not token or not link.collections:
        return {"address": ""}
    base = base_url(request.environ, settings())
    address = jobs.address(base, token, link)
    page = jobs.address(base, token, link, "html") if link.page else ""
    book = link.kind is CollectionKind.ADDRESSBOOK and link.view.detail is Detail.FULL
    birthdays = jobs.address(base, token, link, "ics") if book else ""
    return {
        "address": address,
        "named": jobs.named_address(base, token, link),
        "webcal": f"webcal:{address.partition(':')[2]}",
        "birthdays": birthdays,
        "json": jobs.address(base, token, link, "json"),
        "page": page,
        "frame": f'<iframe src="{page}?embed=1" width="100%" height="700"></iframe>' if link.embed else "",
        "code": qr(address, _("QR code of the address")),
    }


def _found(link_id: int) -> Link:
    with reading() as tx:
        return jobs.get(tx, owner(), link_id)


def _form(kind: CollectionKind, values: dict[str, Any] | None = None) -> LinkForm:
    """The form of a link to calendars or to address books."""
    with reading() as tx:
        owned = collections.of_owner(tx, owner().id, kind)
    form = (CalendarLinkForm if kind is CollectionKind.CALENDAR else LinkForm)(data=values)
    form.sources.choices = choices((one.name, one.display_name or one.name) for one in owned)
    form.detail.choices = choices(DETAILS[kind].items())
    return form


def _names(link: Link) -> tuple[str, ...]:
    return tuple(one.name for one in link.collections)


def _groups(kind: CollectionKind) -> list[tuple[str, tuple[str, ...]]]:
    """What is folded together on the form: heading, names of fields."""
    if kind is CollectionKind.ADDRESSBOOK:
        return [
            (_("What is left out"), ("left_out",)),
            (_("Name, end, password"), ("title", "expires", "new_password", "no_password", "cors")),
        ]
    return [
        (_("Private entries and what is left out"), PRIVACY),
        (_("Only some days"), SPAN),
        (_("Name, end, password, page"), ACCESS),
    ]


# -- what a form says


def _source(kind: CollectionKind, form: LinkForm) -> Source:
    return Source(kind, tuple(form.sources.data))


def _wish(form: LinkForm, wish: Wish) -> Wish:
    taken_away = "no_password" in form and form.no_password.data
    wanted = replace(
        wish,
        label=form.label.data or "",
        title=form.title.data or "",
        view=View(Detail(form.detail.data), left_out=frozenset(form.left_out.data) & LEFT_OUT),
        expires=_midnight(form.expires.data, later=1),
        password="" if taken_away else form.new_password.data or None,
        cors=form.cors.data,
    )
    return _calendar_wish(form, wanted) if isinstance(form, CalendarLinkForm) else wanted


def _calendar_wish(form: CalendarLinkForm, wish: Wish) -> Wish:
    """The same with what only calendars have."""
    view = replace(
        wish.view,
        private=Private(form.private.data),
        components=tuple(name for name in ENTRIES if name in form.components.data),
        start=_midnight(form.start.data),
        end=_midnight(form.end.data, later=1),
        days_back=form.days_back.data,
        days_ahead=form.days_ahead.data,
    )
    return replace(wish, view=view, page=form.has_page.data or form.embed.data, embed=form.embed.data)


def _values(link: Link) -> dict[str, Any]:
    """A link as the form shows it."""
    view = link.view
    return {
        "label": link.label,
        "title": link.title,
        "sources": list(_names(link)),
        "detail": view.detail.value,
        "private": view.private.value,
        "left_out": sorted(view.left_out),
        "components": list(view.components),
        "start": _date(view.start),
        "end": _date(view.end, later=1),
        "days_back": view.days_back,
        "days_ahead": view.days_ahead,
        "expires": _date(link.expires, later=1),
        "cors": link.cors,
        "has_page": link.page,
        "embed": link.embed,
    }


def _midnight(day: date | None, *, later: int = 0) -> int | None:
    """The beginning of a day in UTC, or of the day after."""
    return None if day is None else timegm(day.timetuple()) + later * DAY


def _date(moment: int | None, *, later: int = 0) -> date | None:
    """Inverse of :func:`_midnight`."""
    return None if moment is None else datetime.fromtimestamp(moment - later * DAY, UTC).date()


def hits(count: int) -> str:
    """How often, in words."""
    return str(ngettext("fetched %(num)s time", "fetched %(num)s times", count))


pages.add_app_template_filter(hits)
