"""Calendars elsewhere that a person has subscribed to: their state, adding, changing, ending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response
from wtforms import BooleanField, ColorField, PasswordField, RadioField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Regexp

from davserver import sentences
from davserver.jobs import subscriptions as jobs
from davserver.jobs.subscriptions import Shown, Wanted
from davserver.model import FeedState
from davserver.storage.engine import now
from davserver.sync import feeds
from davserver.sync.work import Place

from .context import office, owner, reading, settings
from .forms import Form, choices
from .running import beside, by_itself, fetches, tell

pages = Blueprint("subscriptions", __name__)

NEVER_COLOURED = "#3366cc"

STATES: Mapping[FeedState, tuple[Any, str, Any]] = {
    FeedState.NEW: (_l("Not fetched yet"), "secondary", ""),
    FeedState.OK: (_l("Up to date"), "success", ""),
    FeedState.UNREACHABLE: (
        _l("Cannot be reached"),
        "warning",
        _l("It is tried again by itself. Check the address if that does not help."),
    ),
    FeedState.REFUSED: (
        _l("Access refused"),
        "danger",
        _l("Enter the name and password that the address needs, or a new private address."),
    ),
    FeedState.NOT_FOUND: (
        _l("Not found"),
        "danger",
        _l("Ask whoever publishes the calendar for its new address."),
    ),
    FeedState.GONE: (
        _l("Withdrawn"),
        "danger",
        _l("It is not fetched any more. Remove it, or enter its new address."),
    ),
    FeedState.SERVER: (
        _l("Their server has trouble"),
        "warning",
        _l("It is tried again by itself, less often each time."),
    ),
    FeedState.NO_CALENDAR: (
        _l("No calendar at the address"),
        "danger",
        _l("Look for the address that ends with .ics, or is called “iCal” or “subscribe”."),
    ),
    FeedState.CUT: (_l("Incomplete"), "warning", _l("It is tried again by itself.")),
    FeedState.EMPTY: (
        _l("Suddenly empty"),
        "warning",
        _l("What was there is kept. If it is true that there is nothing any more, accept it."),
    ),
    FeedState.TOO_LARGE: (
        _l("Too large"),
        "danger",
        _l("Subscribe to a part of it, or ask the administrator for a larger limit."),
    ),
    FeedState.CERTIFICATE: (
        _l("Certificate not trusted"),
        "danger",
        _l("Whoever runs that server has to renew its certificate."),
    ),
    FeedState.REDIRECT: (
        _l("Leads somewhere else"),
        "danger",
        _l("Enter the address that it leads to, if you trust it."),
    ),
    FeedState.QUOTA: (_l("No room"), "danger", _l("Make room, or ask the administrator for more.")),
    FeedState.LOCKED: (
        _l("Key missing"),
        "danger",
        _l("The administrator has to put the server's secret key back; or enter the address again."),
    ),
}
"""State → what it is called, its colour, what to do."""

INTERVALS = (
    ("", _l("As the calendar says")),
    ("15", _l("Every 15 minutes")),
    ("30", _l("Every 30 minutes")),
    ("60", _l("Every hour")),
    ("180", _l("Every 3 hours")),
    ("360", _l("Every 6 hours")),
    ("720", _l("Every 12 hours")),
    ("1440", _l("Every day")),
    ("10080", _l("Every week")),
)


class _Kept(Form):
    """What is fetched how often."""

    minutes = SelectField(_l("Look for changes"), choices=choices(INTERVALS))
    keep_alarms = BooleanField(_l("Keep the reminders of others: my devices ring"))
    keep_attachments = BooleanField(_l("Keep attachments"))
    keep_tasks = BooleanField(_l("Keep tasks"))
    username = StringField(
        _l("User name"), [Length(max=255)], description=_l("Only where the address asks for one.")
    )
    password = PasswordField(_l("Password"), [Length(max=1000)], render_kw={"autocomplete": "new-password"})


class AddForm(_Kept):
    """A calendar elsewhere."""

    url = StringField(
        _l("Address of the calendar"),
        [InputRequired(_l("Enter the address.")), Length(max=4000)],
        description=_l("Such as https://example.org/holidays.ics, also webcal://…"),
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"},
    )
    name = StringField(_l("Name"), [Length(max=200)], description=_l("Empty: as the calendar calls itself."))


class EditForm(_Kept):
    """What can be changed of it. The address may be a secret and is not shown again."""

    name = StringField(_l("Name"), [InputRequired(_l("Enter a name.")), Length(max=200)])
    color = ColorField(_l("Colour"), [Regexp(r"#[0-9A-Fa-f]{6}")])
    url = StringField(
        _l("New address"),
        [Length(max=4000)],
        description=_l("Empty: the address stays as it is."),
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"},
    )


class RemoveForm(Form):
    """What becomes of the events."""

    keep = RadioField(
        _l("What becomes of its events?"),
        choices=choices(
            [
                ("delete", _l("Delete them")),
                ("keep", _l("Keep them: it becomes a calendar of mine that I can change")),
            ]
        ),
        default="delete",
    )


@pages.context_processor
def _words() -> dict[str, Any]:
    return {
        "states": STATES,
        "any_waiting": lambda found: any(map(is_waiting, found)),
        "by_itself": by_itself,
        "fetches": fetches,
    }


def is_waiting(shown: Shown) -> bool:
    """Whether it is being fetched, or will be at once."""
    one = shown.subscription
    due = one.next_run is not None and one.next_run <= now()
    return (due and by_itself(one.next_run)) or one.lease_until > now()


@pages.get("/subscriptions/")
def index() -> str:
    """The list with the state of each."""
    with reading() as tx:
        found = jobs.of_owner(tx, owner())
    most = settings().outgoing.feeds_per_user
    return render_template("subscriptions/index.html", found=found, is_full=len(found) >= most)


@pages.get("/subscriptions/status.json")
def status() -> Response:
    """For the script of the list: ``running`` while something is being fetched."""
    with reading() as tx:
        waiting = [one for one in jobs.of_owner(tx, owner()) if is_waiting(one)]
    count = len(waiting)
    message = ngettext("Fetching %(num)s calendar …", "Fetching %(num)s calendars …", count)
    state = "running" if waiting else "done"
    return jsonify(state=state, done=0, total=0, percent=None, message=message)


@pages.route("/subscriptions/add", methods=["GET", "POST"])
def add() -> Any:
    """Subscribe to a calendar."""
    form = AddForm()
    if form.validate_on_submit():
        with form.complaints():
            key = jobs.add(office(), owner(), _wanted(form))
            tell(_("Subscribed. The calendar is being fetched."))
            _fetch(key)
            return redirect(url_for(".index"), 303)
    return form.page("subscriptions/add.html")


@pages.get("/subscriptions/<int:key>")
def show(key: int) -> str:
    """One of them, with what could not be taken from it."""
    shown = _find(key)
    skipped = sentences.load(shown.subscription.skipped or "[]")
    return render_template("subscriptions/show.html", shown=shown, skipped=skipped)


@pages.route("/subscriptions/<int:key>/edit", methods=["GET", "POST"])
def edit(key: int) -> Any:
    """Change name, colour, interval, what is kept, address and password."""
    shown = _find(key)
    form = EditForm(data=_entered(shown))
    if form.validate_on_submit():
        with form.complaints():
            jobs.change(office(), owner(), key, _wanted(form))
            tell(_("Saved. The calendar is being fetched anew."))
            _fetch(key)
            return redirect(url_for(".show", key=key), 303)
    return form.page("subscriptions/edit.html", shown=shown)


@pages.post("/subscriptions/<int:key>/refresh")
def refresh(key: int) -> Response:
    """Fetch now."""
    was_due = _find(key).subscription.next_run
    if tell(_("The calendar is being fetched.")):
        jobs.refresh(office(), owner(), key)
        _fetch(key, was_due)
    return redirect(url_for(".show", key=key), 303)


def _fetch(key: int, was_due: int | None = None) -> None:
    """Fetch it here where nothing does it by itself."""
    if fetches() and not by_itself(was_due):
        beside(office(), lambda here: feeds.run(Place(here.store, here.settings), key))


@pages.post("/subscriptions/<int:key>/accept")
def accept(key: int) -> Response:
    """Believe that it is empty now."""
    jobs.accept(office(), owner(), key)
    _fetch(key)
    return redirect(url_for(".show", key=key), 303)


@pages.route("/subscriptions/<int:key>/remove", methods=["GET", "POST"])
def remove(key: int) -> Any:
    """End it, with its events or without."""
    shown, form = _find(key), RemoveForm()
    if form.validate_on_submit():
        with form.complaints():
            jobs.remove(office(), owner(), key, keep=form.keep.data == "keep")
            flash(_("The subscription has ended."), "success")
            return redirect(url_for(".index"), 303)
    return form.page("subscriptions/remove.html", shown=shown)


def _find(key: int) -> Shown:
    with reading() as tx:
        return jobs.get(tx, owner(), key)


def _wanted(form: Any) -> Wanted:
    return Wanted(
        form.url.data or "",
        form.name.data or "",
        form.color.data if "color" in form else "",
        int(form.minutes.data) if form.minutes.data else None,
        form.keep_alarms.data,
        form.keep_attachments.data,
        form.keep_tasks.data,
        (form.username.data or "").strip(),
        form.password.data or None,
    )


def _entered(shown: Shown) -> dict[str, Any]:
    """What the form holds at first; never the address, never the password."""
    one = shown.subscription
    names = ("keep_alarms", "keep_attachments", "keep_tasks")
    return {
        "name": shown.title,
        "color": (shown.collection.color or NEVER_COLOURED)[:7].lower(),
        "minutes": str(one.interval_minutes or ""),
        **{name: getattr(one, name) for name in names},
    }
