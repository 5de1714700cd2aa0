"""Sharing: who sees what of a person's calendars and address books, and the page where that is changed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired, Length

from davserver.jobs import sharing
from davserver.jobs.places import Place, find
from davserver.model import Access, Collection, CollectionKind, Principal, PrincipalKind
from davserver.storage import principals, shares

from .collections import title_of
from .context import office, owner, reading, settings, user
from .forms import Form, choices
from .looking import color_of
from .paging import PER_PAGE, offset, page_of

pages = Blueprint("sharing", __name__)

ACCESS = {Access.READ.value: _l("Can read"), Access.READ_WRITE.value: _l("Can read and write")}
MODULES = {CollectionKind.CALENDAR: "calendars", CollectionKind.ADDRESSBOOK: "addressbooks"}
MOST_SUGGESTED = 500
MOST_COLUMNS = 12
"""People and groups that the matrix has columns for: those who have most. The others are counted."""


class ShareForm(Form):
    """With whom, and what he may do."""

    who = StringField(
        _l("Person or group"),
        [InputRequired(_l("Say with whom.")), Length(max=255)],
        description=_l("User name, group or mail address."),
        render_kw={"list": "candidates", "autocomplete": "off"},
    )
    access = RadioField(_l("Access"), choices=choices(ACCESS.items()), default=Access.READ.value)


@pages.get("/sharing/")
def index() -> str:
    """The matrix: a row for each collection, a column for each who has any of them, while there is room."""
    with reading() as tx:
        page = page_of(sharing.matrix(tx, [owner()])[offset() : offset() + PER_PAGE + 1])
    sharees = [one for row in page.rows for one in row.sharees]
    people = {one.principal.id: one.principal for one in sharees}
    often = Counter(one.principal.id for one in sharees).most_common(MOST_COLUMNS)
    columns = sorted(
        (people[key] for key, _ in often), key=lambda one: (one.kind is not PrincipalKind.GROUP, one.name)
    )
    given = {(row.collection.id, one.principal.id): one for row in page.rows for one in row.sharees}
    shown = {one.id for one in columns}
    more = {row.collection.id: sum(one.principal.id not in shown for one in row.sharees) for row in page.rows}
    return render_template(
        "sharing/index.html",
        page=page,
        more=more if any(more.values()) else {},
        people=columns,
        titles=[name_of(one) for one in columns],
        given=given,
        access=ACCESS,
        title_of=title_of,
        color_of=color_of,
        name_of=name_of,
    )


@pages.route("/sharing/<any(calendar, addressbook):kind>/<name>", methods=["GET", "POST"])
def edit(kind: str, name: str) -> Any:
    """Who has one collection; give it to one more."""
    place = Place(owner().name, CollectionKind(kind), name)
    with reading() as tx:
        _person, one = find(tx, place)
        given = shares.sharees(tx, [one.id]).get(one.id, [])
        offered = _suggestions(sharing.candidates(tx, settings(), user()), one)
    form = ShareForm()
    if form.validate_on_submit():
        with form.complaints():
            _check_open()
            sharing.share(office(), place, form.who.data, Access(form.access.data))
            flash(_("Shared with %(who)s.", who=form.who.data), "success")
            return redirect(url_for(".edit", kind=kind, name=name), 303)
    return form.page(
        "sharing/edit.html",
        one=one,
        kind=kind,
        module=MODULES[one.kind],
        page=page_of(given[offset() : offset() + PER_PAGE + 1], len(given)),
        offered=offered,
        access=ACCESS,
        title=title_of(one),
        name_of=name_of,
    )


def _suggestions(people: list[Principal], one: Collection) -> list[Principal]:
    return [person for person in people if person.id != one.owner_id][:MOST_SUGGESTED]


@pages.post("/sharing/<any(calendar, addressbook):kind>/<name>/change")
def change(kind: str, name: str) -> Any:
    """Change what somebody may do (``who``, ``access``), or take it back (``access`` empty)."""
    place = Place(owner().name, CollectionKind(kind), name)
    with reading() as tx:
        sharee = principals.get(tx, request.form.get("who", ""))
        _person, one = find(tx, place)
        given = shares.sharees(tx, [one.id]).get(one.id, [])
    if sharee is None or all(sharee.id != known.principal.id for known in given):
        abort(404)
    chosen = request.form.get("access", "")
    if chosen:
        sharing.share(office(), place, sharee.name, Access(chosen))
        flash(_("Saved."), "success")
    else:
        sharing.revoke(office(), place, sharee.name)
        flash(_("No longer shared with %(who)s.", who=name_of(sharee)), "success")
    return redirect(url_for(".edit", kind=kind, name=name), 303)


def _check_open() -> None:
    sharing.check_open(settings(), user())


def name_of(one: Principal) -> str:
    """What a person or group is called."""
    return one.display_name or one.name
