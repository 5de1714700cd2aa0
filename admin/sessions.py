"""Where somebody is signed in: browsers and devices, each ended with one click."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from davserver.auth.devices import client_name
from davserver.jobs import app_passwords
from davserver.storage import devices as stored_devices
from davserver.storage import web_sessions

from .context import is_own, office, owner, reading

MOST = 200
"""Clients that are shown."""

pages = Blueprint("sessions", __name__)
pages.add_app_template_filter(client_name, "client")


@pages.get("/sessions")
def index() -> str:
    """Browsers that are signed in, and devices with an app password that was used."""
    with reading() as tx:
        browsers = web_sessions.of_principal(tx, owner().id)
        devices = [one for one in app_passwords.listing(tx, owner()) if one.last_used]
        clients = stored_devices.listing(tx, owner().id, MOST)
    values = {"browsers": browsers, "devices": devices, "clients": clients}
    return render_template("sessions/index.html", here=g.session.id if is_own() else None, **values)


@pages.post("/sessions/<int:key>/end")
def end(key: int) -> Response:
    """Sign one browser out."""
    with office().write("session.end", owner().name) as tx:
        web_sessions.end(tx, owner().id, key)
    flash(_("The browser is signed out."), "success")
    return redirect(url_for(".index"), 303)


@pages.post("/sessions/end-others")
def end_others() -> Response:
    """Sign all browsers out, except the one that asks where it is one of them."""
    with office().write("session.end-others", owner().name) as tx:
        web_sessions.end_all(tx, owner().id, but=g.session.id)
    flash(
        _("All other browsers are signed out.") if is_own() else _("All browsers are signed out."), "success"
    )
    return redirect(url_for(".index"), 303)
