"""Accounts on other servers: their state, connecting them, choosing what is kept in step, questions, the end.

Signing in on a provider's own pages (Google, Nextcloud) is remote_login.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import Length

from davserver.content.difference import differences
from davserver.errors import HttpError, InvalidContent
from davserver.model import CollectionKind, Direction, Policy, RemoteItem
from davserver.storage import collections, items
from davserver.storage.engine import now
from davserver.storage.remote import linked_to
from davserver.sync import accounts
from davserver.sync.accounts import AccountView, Change, Choice, CollectionView, NewAccount
from davserver.sync.adding import begin, cancel, state
from davserver.sync.discover import Discovered
from davserver.sync.quirks import PRESETS, Preset, SignIn
from davserver.sync.run import Options

from . import words
from .context import is_own, office, owner, reading
from .forms import Form, choices
from .language import said
from .looking import entry_url
from .paging import PER_PAGE, offset, page_of
from .running import beside, by_itself, fetches, tell

pages = Blueprint("remote", __name__)

INTERVALS = (
    ("300", _l("Every 5 minutes")),
    ("900", _l("Every 15 minutes")),
    ("1800", _l("Every 30 minutes")),
    ("3600", _l("Every hour")),
    ("21600", _l("Every 6 hours")),
    ("86400", _l("Every day")),
)
DIRECTIONS = (
    (Direction.TWO_WAY.value, _l("Both ways")),
    (Direction.PULL.value, _l("From there to here only")),
    (Direction.PUSH.value, _l("From here to there only")),
)
POLICIES = (
    (Policy.REMOTE.value, _l("The other server wins")),
    (Policy.LOCAL.value, _l("This server wins")),
    (Policy.NEWEST.value, _l("The newer one wins")),
    (Policy.KEEP_BOTH.value, _l("Keep both")),
)
PHASES: Mapping[str, Any] = {
    "list": _l("looking for changes"),
    "pull": _l("fetching"),
    "push": _l("sending"),
}
WORDS: Mapping[str, Any] = {
    "parked": _l("twice there"),
    "unreadable": _l("cannot be stored here"),
    "refused": _l("not taken there"),
}


# -- forms -------------------------------------------------------------------------------------------


class _Account(Form):
    """What a new and a known account have in common."""

    interval = SelectField(_l("Synchronise"), choices=choices(INTERVALS), default="900")
    follow_new = BooleanField(_l("Take calendars and address books that appear later, too"))
    fingerprint = StringField(
        _l("Fingerprint of the server's certificate"),
        [Length(max=200)],
        description=_l("SHA-256. Only for a certificate that no authority has signed; it is believed alone."),
    )
    ca_pem = TextAreaField(
        _l("Own certificate authority"),
        [Length(max=100_000)],
        description=_l("In PEM, instead of the usual ones."),
    )


class AddForm(_Account):
    """A new account with name and password."""

    address = StringField(
        _l("Address"),
        [Length(max=2000)],
        description=_l("Of the server, such as https://cloud.example.org; or a mail address."),
        render_kw={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"},
    )
    username = StringField(_l("User name"), [Length(max=255)], render_kw={"autocomplete": "off"})
    password = PasswordField(_l("Password"), [Length(max=2000)], render_kw={"autocomplete": "new-password"})
    token = BooleanField(_l("It is a bearer token, not a password"))
    label = StringField(_l("Name here"), [Length(max=255)], description=_l("Empty: the user name."))
    host = HiddenField()
    agreed = BooleanField()


class EditForm(_Account):
    """What can be changed of an account."""

    label = StringField(_l("Name here"), [Length(max=255)])
    username = StringField(_l("User name"), [Length(max=255)], render_kw={"autocomplete": "off"})
    password = PasswordField(
        _l("New password"),
        [Length(max=2000)],
        description=_l("Empty: it stays as it is."),
        render_kw={"autocomplete": "new-password"},
    )
    active = BooleanField(_l("Synchronise this account"))


class ChoiceForm(Form):
    """How one calendar or address book is kept in step."""

    direction = RadioField(_l("Which way"), choices=choices(DIRECTIONS))
    policy = RadioField(
        _l("Where both sides changed the same entry"),
        choices=choices(POLICIES),
        description=_l("What loses is kept among the lost versions and can be restored."),
    )
    local = SelectField(_l("Here it is"))


class RemoveForm(Form):
    """What becomes of the data."""

    keep = RadioField(
        _l("What becomes of its calendars and address books here?"),
        choices=choices(
            [
                ("keep", _l("Keep them: they become usual ones of this server")),
                ("delete", _l("Delete them here")),
            ]
        ),
        default="keep",
    )


# -- looking -----------------------------------------------------------------------------------------


@pages.context_processor
def _words() -> dict[str, Any]:
    return {
        "presets": PRESETS,
        "directions": dict(DIRECTIONS),
        "policies": dict(POLICIES),
        "phases": PHASES,
        "trouble_words": WORDS,
        "needs_reconnect": _needs_reconnect,
        "title_of": accounts.title_of,
        "now": now,
        "by_itself": by_itself,
        "fetches": fetches,
    }


@pages.get("/remote/")
def index() -> str:
    """All accounts with their state."""
    return render_template("remote/index.html", found=accounts.listing(office(), owner()))


@pages.get("/remote/<int:key>")
def show(key: int) -> str:
    """One account: state, what is kept in step, what waits for an answer."""
    return render_template("remote/show.html", view=accounts.view(office(), owner(), key), own=_unlinked())


@pages.get("/remote/<int:key>/status.json")
def status(key: int) -> Response:
    """How far a run is, for the script of the page."""
    view = accounts.view(office(), owner(), key)
    told = view.progress
    done, total = told.get("done", 0), told.get("total", 0)
    message = _("Synchronising …")
    if told:
        message = f"{told['collection']}: {PHASES.get(told['phase'], told['phase'])}"
        message += f" ({done}/{total})" if total else ""
    percent = 100 * done // total if total else None
    state = "running" if view.running else "done"
    return jsonify(state=state, done=done, total=total, percent=percent, message=message)


@pages.get("/remote/<int:key>/log")
def runs(key: int) -> str:
    """The last runs, and how the places were found."""
    view = accounts.view(office(), owner(), key)
    return render_template("remote/runs.html", view=view, runs=accounts.runs(office(), owner(), key))


@pages.get("/remote/<int:key>/collections/<int:remote_id>/troubles")
def troubles(key: int, remote_id: int) -> str:
    """Entries that are not kept in step, each with its reason."""
    view, one = _collection(key, remote_id)
    found = accounts.troubles(office(), owner(), remote_id)
    return render_template(
        "remote/troubles.html", view=view, one=one, found=found, known=_known(one, found), entry_url=entry_url
    )


def _known(one: CollectionView, found: list[RemoteItem]) -> dict[str, str]:
    """The titles of those that are here, by name."""
    if one.local is None:
        return {}
    with reading() as tx:
        here = list(items.by_names(tx, one.local.id, [item.name for item in found if item.name]))
        bodies = items.read_bodies(tx, [item.id for item in here])
    return {item.name: accounts.title_of(bodies[item.id]) for item in here}


# -- connecting --------------------------------------------------------------------------------------


@pages.get("/remote/add")
def choose_provider() -> str:
    """The providers that are known."""
    return render_template("remote/providers.html")


@pages.route("/remote/add/<preset>", methods=["GET", "POST"])
def add(preset: str) -> Any:
    """Connect an account by name and password; what was tried is shown where nothing is found."""
    chosen = _preset(preset)
    if chosen.sign_in is SignIn.OAUTH2:
        return redirect(url_for("account.remote_login.google" if is_own() else ".choose_provider"), 303)
    form = AddForm()
    if form.validate_on_submit():
        with form.complaints():
            return redirect(url_for(".adding", task_id=begin(office(), owner(), _new(form, chosen))), 303)
    return form.page("remote/add.html", preset=chosen, found=None, advice=None)


@pages.get("/remote/adding/<int:task_id>")
def adding(task_id: int) -> Any:
    """How far the search for an account is; then the account, or the form again with what was tried."""
    told = state(office(), owner(), task_id)
    if told.running:
        return render_template("remote/adding.html", told=told, task_id=task_id)
    if told.account_id is not None:
        flash(_("Connected. Choose what is to be kept in step."), "success")
        return redirect(url_for(".show", key=told.account_id), 303)
    found = told.found
    form = AddForm(None, data=_typed(told.entered, found))
    form.refused = 422
    if told.error:
        form.form_errors.append(said(told.error))
    chosen = _preset(told.entered.get("preset", "generic"))
    return form.page("remote/add.html", preset=chosen, found=found, advice=_advice(found))


def _typed(entered: Mapping[str, Any], found: Discovered) -> dict[str, Any]:
    """What was entered before, without the password."""
    token = entered.get("auth_kind") == "bearer"
    return {**entered, "interval": str(entered.get("interval", 900)), "token": token, "host": found.asks}


@pages.get("/remote/adding/<int:task_id>.json")
def adding_status(task_id: int) -> Response:
    """The same for the script of the page; ``lines`` is the trace so far."""
    told = state(office(), owner(), task_id)
    word = "running" if told.running else "done"
    lines = render_template("remote/_tried.html", steps=told.found.trace)
    return jsonify(state=word, done=0, total=0, percent=None, message=told.asking, lines=lines)


@pages.post("/remote/adding/<int:task_id>/cancel")
def cancel_adding(task_id: int) -> Response:
    """Leave the search; no account is added."""
    cancel(office(), owner(), task_id)
    return redirect(url_for(".adding", task_id=task_id), 303)


def _preset(name: str) -> Preset:
    if name not in PRESETS:
        abort(404)
    return PRESETS[name]


def _advice(found: Discovered | None) -> Any:
    shown = found is not None and found.trace and not found.asks
    return accounts.advice_of(found.problem or "not-dav") if found is not None and shown else None


def _new(form: AddForm, chosen: Preset) -> NewAccount:
    username = (form.username.data or "").strip()
    return NewAccount(
        (form.address.data or "").strip() or ("" if chosen.calendars and not chosen.server else username),
        username,
        form.password.data or "",
        form.label.data or "",
        chosen.name,
        "bearer" if form.token.data else "basic",
        ca_pem=(form.ca_pem.data or "").strip(),
        fingerprint=(form.fingerprint.data or "").strip(),
        hosts=(form.host.data,) if form.agreed.data and form.host.data else (),
        interval=int(form.interval.data),
        follow_new=form.follow_new.data,
    )


# -- changing ----------------------------------------------------------------------------------------


@pages.route("/remote/<int:key>/edit", methods=["GET", "POST"])
def edit(key: int) -> Any:
    """Change an account; a new password ends a stop."""
    view = accounts.view(office(), owner(), key)
    account = view.account
    form = EditForm(data={**_values(account), "interval": str(account.interval_seconds)})
    _offer_interval(form, account.interval_seconds)
    if form.validate_on_submit():
        with form.complaints():
            accounts.edit(office(), owner(), key, _change(form))
            tell(_("Saved. The account is tried anew."))
            return _done(key)
    return form.page("remote/edit.html", view=view)


def _values(account: Any) -> dict[str, Any]:
    names = ("label", "username", "fingerprint", "ca_pem", "follow_new", "active")
    return {name: getattr(account, name) for name in names}


def _offer_interval(form: Any, seconds: int) -> None:
    if str(seconds) not in dict(INTERVALS):
        form.interval.choices = choices([*INTERVALS, (str(seconds), _("Every %(num)s seconds", num=seconds))])


def _change(form: EditForm) -> Change:
    return Change(
        label=form.label.data or None,
        username=form.username.data or None,
        secret=form.password.data or None,
        ca_pem=(form.ca_pem.data or "").strip(),
        fingerprint=(form.fingerprint.data or "").strip(),
        interval=int(form.interval.data),
        follow_new=form.follow_new.data,
        active=form.active.data,
    )


def _needs_reconnect(view: AccountView) -> bool:
    return view.account.auth_kind == "oauth2" and view.account.error_code in (
        "reconnect",
        "credentials",
        "key",
    )


@pages.post("/remote/<int:key>/sync")
def sync(key: int) -> Response:
    """Synchronise now: the whole account, or the one collection that is named."""
    only = request.form.get("only", type=int)
    was_due = accounts.get(office(), owner(), key).next_run
    if only is None and tell(_("It is synchronised at once.")):
        accounts.sync_soon(office(), owner(), key)
        return _done(key, was_due)
    if only is not None:
        _collection(key, only)
        if tell(_("This one is being synchronised.")):
            whose = owner()
            beside(office(), lambda here: accounts.sync_now(here, whose, key, Options(only=only)))
    return redirect(url_for(".show", key=key), 303)


def _done(key: int, was_due: int | None = None) -> Response:
    """To the account; what was made due is done here where nothing does it by itself."""
    if fetches() and not by_itself(was_due):
        whose = owner()
        beside(office(), lambda here: accounts.sync_now(here, whose, key))
    return redirect(url_for(".show", key=key), 303)


@pages.post("/remote/<int:key>/refresh")
def refresh(key: int) -> Response:
    """Look which calendars and address books there are by now."""
    try:
        accounts.refresh(office(), owner(), key)
    except HttpError as error:
        _say(error)
    else:
        flash(_("The list is up to date."), "success")
    return redirect(url_for(".show", key=key), 303)


@pages.post("/remote/<int:key>/subscribe")
def subscribe(key: int) -> Response:
    """Keep the chosen calendars and address books in step."""
    view = accounts.view(office(), owner(), key)
    known = {one.remote.id for one in view.collections if not one.remote.subscribed}
    chosen = [one for one in request.form.getlist("chosen", type=int) if one in known]
    for remote_id in chosen:
        accounts.choose(office(), owner(), remote_id, Choice())
    if not chosen:
        flash(_("Nothing was chosen."), "warning")
        return redirect(url_for(".show", key=key), 303)
    tell(_("They are being synchronised for the first time."))
    return _done(key)


@pages.route("/remote/<int:key>/collections/<int:remote_id>", methods=["GET", "POST"])
def choose(key: int, remote_id: int) -> Any:
    """Direction, who wins, and which calendar it is here."""
    view, one = _collection(key, remote_id)
    row = one.remote
    form = ChoiceForm(data={"direction": row.direction.value, "policy": row.policy.value})
    mine = [(str(held.id), held.display_name or held.name) for held in _unlinked(row.kind)]
    here = [("", one.local.display_name or one.local.name if one.local else _("A new one"))]
    form.local.choices = choices([*here, *mine])
    if form.validate_on_submit():
        with form.complaints():
            local = int(form.local.data) if form.local.data else None
            chosen = Choice(Direction(form.direction.data), Policy(form.policy.data), local)
            accounts.choose(office(), owner(), remote_id, chosen)
            flash(_("Saved."), "success")
            return _done(key)
    return form.page("remote/choose.html", view=view, one=one)


@pages.post("/remote/<int:key>/collections/<int:remote_id>/unsubscribe")
def unsubscribe(key: int, remote_id: int) -> Response:
    """Keep it in step no longer; it stays on both sides."""
    _collection(key, remote_id)
    accounts.unsubscribe(office(), owner(), remote_id)
    flash(_("It is no longer kept in step. It stays here and there as it is."), "success")
    return redirect(url_for(".show", key=key), 303)


@pages.post("/remote/<int:key>/collections/<int:remote_id>/answer")
def answer(key: int, remote_id: int) -> Response:
    """Let deletions happen that looked like an accident, or restore from the other side."""
    _collection(key, remote_id)
    accept = request.form.get("answer") == "accept"
    accounts.answer(office(), owner(), remote_id, request.form.get("token", ""), accept=accept)
    flash(_("The deletions are carried out.") if accept else _("Everything is restored."), "success")
    return _done(key)


@pages.post("/remote/<int:key>/publish")
def publish(key: int) -> Response:
    """Create a calendar or address book of this server over there, and keep the two in step."""
    chosen = request.form.get("collection", type=int)
    if chosen is None:
        abort(400)
    try:
        accounts.publish(office(), owner(), key, chosen)
    except HttpError as error:
        _say(error)
        return redirect(url_for(".show", key=key), 303)
    flash(_("It was created there and is being sent."), "success")
    return _done(key)


def _say(error: HttpError) -> None:
    """What the other server, or what is there already, stands in the way of; 404 stays 404."""
    if error.status == 404:
        raise error
    flash(said(error.message), "danger")


def _collection(key: int, remote_id: int) -> tuple[AccountView, CollectionView]:
    """A collection of this account; 404 for one of another."""
    view = accounts.view(office(), owner(), key)
    found = next((one for one in view.collections if one.remote.id == remote_id), None)
    if found is None:
        abort(404)
    return view, found


def _unlinked(kind: CollectionKind | None = None) -> list[Any]:
    """The owner's calendars and address books that could be kept in step with something."""
    with reading() as tx:
        held = [one for each in CollectionKind for one in collections.of_owner(tx, owner().id, each)]
        taken = linked_to(tx, [one.id for one in held])
    return [one for one in held if not one.read_only and one.id not in taken and kind in (None, one.kind)]


# -- lost versions -----------------------------------------------------------------------------------


@pages.get("/remote/conflicts/")
def conflicts() -> str:
    """Versions that lost, newest first."""
    found = accounts.conflicts(office(), owner(), limit=PER_PAGE + 1, offset=offset())
    return render_template("remote/conflicts.html", page=page_of(found, None))


@pages.get("/remote/conflicts/<int:key>")
def conflict(key: int) -> str:
    """What lost and what won, side by side."""
    lost = accounts.conflict(office(), owner(), key)
    try:
        changes = [one for one in differences(lost.data, lost.kept or None) if not one.technical]
    except InvalidContent:
        changes = []
    return render_template("remote/conflict.html", lost=lost, changes=changes, words=words)


@pages.post("/remote/conflicts/<int:key>/restore")
def restore(key: int) -> Response:
    """Bring a lost version back."""
    accounts.restore_conflict(office(), owner(), key)
    flash(_("Restored. The version that was here is in the history."), "success")
    return redirect(url_for(".conflicts"), 303)


# -- the end -----------------------------------------------------------------------------------------


@pages.route("/remote/<int:key>/remove", methods=["GET", "POST"])
def remove(key: int) -> Any:
    """Disconnect an account; the other server is left as it is."""
    view, form = accounts.view(office(), owner(), key), RemoveForm()
    if form.validate_on_submit():
        with form.complaints():
            accounts.remove(office(), owner(), key, keep=form.keep.data == "keep")
            flash(_("The account is disconnected."), "success")
            return redirect(url_for(".index"), 303)
    return form.page("remote/remove.html", view=view)
