"""Connecting an account by signing in on the provider's own pages: Google (OAuth 2.0) and Nextcloud.

What has to be remembered between here and there lies in the session's cookie, encrypted by the vault: only
the browser that began can finish, and no secret is readable in it. The browser goes to the provider by a
link, since our policy lets no form lead elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from davserver.errors import HttpError
from davserver.sync import accounts, nextcloud, oauth
from davserver.sync.accounts import Change, NewAccount
from davserver.sync.discover import Discovered
from davserver.sync.oauth import App, Pending
from davserver.sync.quirks import PRESETS
from davserver.urls import origin
from davserver.vault import Vault

from .context import is_own, office, owner, settings, user
from .forms import Form, choices
from .remote import INTERVALS

pages = Blueprint("remote_login", __name__)

KEPT = "remote-login"
GOOGLE = "google"


class GoogleForm(Form):
    """One's own registration with Google."""

    username = StringField(
        _l("Mail address at Google"), [InputRequired(_l("Enter the mail address.")), Length(max=255)]
    )
    client_id = StringField(_l("Client id"), [Length(max=255)], render_kw={"autocomplete": "off"})
    client_secret = PasswordField(
        _l("Client secret"), [Length(max=255)], render_kw={"autocomplete": "new-password"}
    )
    interval = SelectField(_l("Synchronise"), choices=choices(INTERVALS), default="900")
    follow_new = BooleanField(_l("Take calendars and address books that appear later, too"))


class NextcloudForm(Form):
    """The address of a Nextcloud."""

    server = StringField(
        _l("Address of the Nextcloud"),
        [InputRequired(_l("Enter the address.")), Length(max=2000)],
        description=_l("Such as https://cloud.example.org"),
        render_kw={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"},
    )
    interval = SelectField(_l("Synchronise"), choices=choices(INTERVALS), default="900")
    follow_new = BooleanField(_l("Take calendars and address books that appear later, too"))


# -- what is remembered meanwhile --------------------------------------------------------------------


def _context() -> str:
    return f"remote-login:{user().id}"


def _remember(what: dict[str, Any]) -> None:
    session[KEPT] = Vault(settings().storage).encrypt(json.dumps(what), context=_context())


def _remembered(kind: str) -> dict[str, Any]:
    """What was remembered of a login of that kind; 400 where there is none."""
    kept = session.get(KEPT)
    found = json.loads(Vault(settings().storage).decrypt(kept, context=_context())) if kept else {}
    if found.get("kind") != kind:
        raise HttpError(400, _("This sign-in was not begun in this browser; begin again."))
    return dict(found)


# -- Google ------------------------------------------------------------------------------------------


@pages.route("/remote/add/google/begin", methods=["GET", "POST"])
def google() -> Any:
    """Enter the client id, then go to Google. ``?account=`` connects a known account again."""
    if not is_own():
        abort(404)  # who grants access must be the person himself, in his own browser
    again = request.args.get("account", type=int)
    known = accounts.get(office(), owner(), again) if again is not None else None
    form = GoogleForm(data=_known(known)) if known is not None else GoogleForm()
    if form.validate_on_submit():
        with form.complaints():
            app = App(form.client_id.data or "", form.client_secret.data or "")
            hint = (form.username.data or "").strip()
            started = oauth.begin(oauth.PROVIDERS[GOOGLE], app, _redirect_uri(), hint=hint)
            _remember({"kind": GOOGLE, "pending": asdict(started.pending), "account": again, **_chosen(form)})
            host = origin(started.url)[1]
            return render_template("remote_login/leave.html", url=started.url, host=host)
    return form.page(
        "remote_login/google.html", redirect_uri=_redirect_uri(), preset=PRESETS[GOOGLE], known=known
    )


def _known(account: Any) -> dict[str, Any]:
    meta = json.loads(account.oauth_meta or "{}")
    return {"username": account.username, "client_id": meta.get("client_id", "")}


def _chosen(form: Any) -> dict[str, Any]:
    username = (form.username.data or "").strip() if "username" in form else ""
    return {"username": username, "interval": int(form.interval.data), "follow_new": form.follow_new.data}


def _redirect_uri() -> str:
    return url_for("account.remote_login.granted", _external=True)


@pages.get("/remote/granted")
def granted() -> Any:
    """Google sends the browser here, with a code or with the reason why not."""
    kept = _remembered(GOOGLE)
    session.pop(KEPT)
    if "code" not in request.args:
        flash(_("Google gave no permission (%(why)s).", why=request.args.get("error", "?")[:80]), "danger")
        return redirect(url_for("account.remote.index"), 303)
    pending = Pending(**kept["pending"])
    tokens = oauth.finish(office(), pending, request.args["code"], request.args.get("state", ""))
    if kept["account"] is not None:
        change = Change(secret=tokens.dump(), oauth_meta=oauth.meta_of(pending))
        accounts.edit(office(), owner(), kept["account"], change)
        flash(_("Connected again."), "success")
        return redirect(url_for("account.remote.show", key=kept["account"]), 303)
    new = NewAccount(
        kept["username"],
        kept["username"],
        tokens.dump(),
        preset=GOOGLE,
        auth_kind="oauth2",
        oauth_meta=oauth.meta_of(pending),
        interval=kept["interval"],
        follow_new=kept["follow_new"],
    )
    return _added(new)


# -- Nextcloud ---------------------------------------------------------------------------------------


@pages.route("/remote/add/nextcloud/begin", methods=["GET", "POST"])
def nextcloud_begin() -> Any:
    """Enter the address, then sign in there in another window."""
    form = NextcloudForm()
    if form.validate_on_submit():
        with form.complaints():
            try:
                login = nextcloud.begin(office(), form.server.data or "")
            except HttpError as error:
                raise HttpError(422, error.message) from None  # also where it cannot be reached
            _remember({"kind": "nextcloud", "login": asdict(login), **_chosen(form)})
            return redirect(url_for(".nextcloud_wait"), 303)
    return form.page("remote_login/nextcloud.html", preset=PRESETS["nextcloud"])


@pages.get("/remote/add/nextcloud/wait")
def nextcloud_wait() -> str:
    """The link to sign in there, and waiting for it."""
    kept = _remembered("nextcloud")
    login = nextcloud.Login(**kept["login"])
    host = origin(login.server)[1]
    return render_template("remote_login/wait.html", login=login, host=host, is_granted="granted" in kept)


@pages.get("/remote/add/nextcloud/status.json")
def nextcloud_status() -> Response:
    """For the script of the page: ``done`` as soon as there is an app password."""
    kept = _remembered("nextcloud")
    if "granted" not in kept:
        found = nextcloud.poll(office(), nextcloud.Login(**kept["login"]))
        if found is not None:
            _remember({**kept, "granted": asdict(found)})
            kept["granted"] = True
    state = "done" if "granted" in kept else "running"
    return jsonify(state=state, percent=None, message=_("Waiting until you have signed in there …"))


@pages.post("/remote/add/nextcloud/finish")
def nextcloud_finish() -> Any:
    """Connect the account, once the person has signed in there."""
    kept = _remembered("nextcloud")
    found = nextcloud.Granted(**kept["granted"]) if "granted" in kept else None
    found = found or nextcloud.poll(office(), nextcloud.Login(**kept["login"]))
    if found is None:
        flash(_("You have not signed in there yet."), "warning")
        return redirect(url_for(".nextcloud_wait"), 303)
    session.pop(KEPT)
    new = NewAccount(
        found.server,
        found.username,
        found.password,
        preset="nextcloud",
        interval=kept["interval"],
        follow_new=kept["follow_new"],
    )
    return _added(new)


def _added(new: NewAccount) -> Any:
    """Store the account, or show what was tried."""
    added = accounts.add_account(office(), owner(), new)
    if added.account_id is not None:
        flash(_("Connected. Choose what is to be kept in step."), "success")
        return redirect(
            url_for("account.remote.show" if is_own() else "user.remote.show", key=added.account_id), 303
        )
    return _failed(added.found)


def _failed(found: Discovered) -> Any:
    return render_template("remote_login/failed.html", found=found), 422
