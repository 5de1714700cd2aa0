"""Groups of users: made, named, filled, removed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired, Length, Optional

from davserver.jobs import groups
from davserver.jobs.groups import Described
from davserver.jobs.users import find_user
from davserver.model import PrincipalKind
from davserver.storage import principals
from davserver.storage.principals import Wanted

from .context import office, reading
from .forms import Form
from .paging import PER_PAGE, offset, page_of

pages = Blueprint("groups", __name__, url_prefix="/admin/groups")


class AddForm(Form):
    """A new group."""

    name = StringField(
        _l("Short name"),
        [InputRequired()],
        description=_l("Part of addresses; it cannot be changed later."),
        render_kw={"autocapitalize": "none", "spellcheck": "false"},
    )
    display_name = StringField(_l("Name"), [Optional(), Length(max=255)])


class RenameForm(Form):
    """What a group is called."""

    display_name = StringField(_l("Name"), [Length(max=255)])


class MemberForm(Form):
    """Who joins."""

    who = StringField(
        _l("User name or mail address"),
        [InputRequired()],
        render_kw={"autocapitalize": "none", "spellcheck": "false", "list": "people"},
    )


@pages.get("/")
def index() -> str:
    """All groups."""
    text = request.args.get("q", "").strip()
    wanted = Wanted((PrincipalKind.GROUP,), text, limit=PER_PAGE + 1, offset=offset())
    with reading() as tx:
        rows = principals.listing(tx, wanted)
        total = principals.count_listed(tx, wanted)
    return render_template("groups/index.html", page=page_of(rows, total), q=text)


@pages.route("/add", methods=["GET", "POST"])
def add() -> Any:
    """Add a group."""
    form = AddForm()
    if form.validate_on_submit():
        with form.complaints():
            made = groups.create_group(office(), Described(form.name.data, form.display_name.data or ""))
            flash(_("%(name)s was added.", name=made.name), "success")
            return redirect(url_for(".edit", name=made.name), 303)
    return form.page("groups/add.html")


@pages.route("/of/<name>/", methods=["GET", "POST"])
def edit(name: str) -> Any:
    """The name and the members."""
    with reading() as tx:
        group = groups.find(tx, name, PrincipalKind.GROUP)
        members = principals.members_of(tx, group.id)
        people = principals.of_kind(tx, PrincipalKind.USER.value, 200)
    form = RenameForm(obj=group)
    if form.validate_on_submit():
        groups.edit(office(), Described(group.name, form.display_name.data or "", group.email))
        flash(_("Saved."), "success")
        return redirect(url_for(".edit", name=group.name), 303)
    inside = {one.id for one in members}
    known = [one for one in people if one.id not in inside]
    return form.page("groups/edit.html", group=group, members=members, known=known, joining=MemberForm())


@pages.post("/of/<name>/join")
def join(name: str) -> Any:
    """Add a member."""
    form = MemberForm()
    if form.validate_on_submit():
        with form.complaints():
            who = form.who.data.strip()
            with reading() as tx:
                member = (principals.by_email(tx, who) if "@" in who else None) or find_user(tx, who)
            groups.set_members(office(), name, [*_members(name), member.name])
            flash(_("%(name)s is in the group now.", name=member.name), "success")
            return redirect(url_for(".edit", name=name), 303)
    for error in (*form.form_errors, *form.who.errors):
        flash(error, "danger")
    return redirect(url_for(".edit", name=name), 303)


@pages.post("/of/<name>/leave")
def leave(name: str) -> Response:
    """Take a member out."""
    who = request.form.get("who", "")
    groups.set_members(office(), name, [one for one in _members(name) if one != who])
    flash(_("%(name)s is no longer in the group.", name=who), "success")
    return redirect(url_for(".edit", name=name), 303)


def _members(name: str) -> list[str]:
    with reading() as tx:
        group = groups.find(tx, name, PrincipalKind.GROUP)
        return [one.name for one in principals.members_of(tx, group.id)]


class RemoveForm(Form):
    """Nothing to fill in: the question is enough, since members and their things stay."""


@pages.route("/of/<name>/remove", methods=["GET", "POST"])
def remove(name: str) -> Any:
    """Ask, then remove the group."""
    with reading() as tx:
        group = groups.find(tx, name, PrincipalKind.GROUP)
        members = principals.members_of(tx, group.id)
    form = RemoveForm()
    if form.validate_on_submit():
        groups.remove(office(), group.name)
        flash(_("The group %(name)s was removed.", name=group.name), "success")
        return redirect(url_for(".index"), 303)
    return form.page("groups/remove.html", group=group, members=members)
