"""Connecting a device: exact values, an app password made for it, and for phones a code to scan.

An app password is made when a button asks for it, and shown on that page only. A profile for Apple's devices
is fetched at once, or by the phone itself through a link that works once.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_babel import gettext as _

from davserver.jobs import app_passwords, apple_profile
from davserver.jobs.app_passwords import DEVICE, Wanted
from davserver.wire import base_url

from .clients import BY_KEY, CLIENTS, Access, Client, davx5_address
from .context import is_own, office, owner, settings
from .forms import Form
from .language import said
from .qr import qr

pages = Blueprint("connect", __name__)


@pages.before_request
def _only_one_s_own() -> None:
    if not is_own():
        abort(404)


def base() -> str:
    """Scheme, host and mount point as the person's browser knows them."""
    return base_url(request.environ, settings())


@pages.get("/connect")
def index() -> str:
    """Which device?"""
    return render_template("connect/index.html", clients=CLIENTS)


@pages.route("/connect/<key>", methods=["GET", "POST"])
def show(key: str) -> Any:
    """The values for one client; sent as a form, with an app password that was made for it."""
    client = BY_KEY.get(key)
    if client is None:
        abort(404)
    access, form = Access(base(), owner().name), Form()
    if form.validate_on_submit():
        with form.complaints():
            made = app_passwords.create(office(), owner().name, Wanted(str(client.title), DEVICE))
            access = Access(base(), owner().name, made.password)
    return form.page("connect/show.html", client=client, access=access, **_extra(client, access))


def _extra(client: Client, access: Access) -> dict[str, Any]:
    """What only a phone needs."""
    address = davx5_address(access) if client.key == "android" else None
    code = qr(address, _("QR code for DAVx⁵")) if address else None
    old = [f"{access.base}{path}/" for path in ("/dav.php", "/cal.php", "/card.php")]
    return {"davx5": address, "code": code, "old": old, "signed": bool(settings().apple.certificate)}


@pages.post("/connect/apple/profile")
def profile() -> Response:
    """The configuration profile for this very device, with an app password of its own."""
    return profile_file(apple_profile.make(office(), owner().name, base(), say=said))


@pages.post("/connect/apple/link")
def link() -> str:
    """A code for the phone's camera: it leads to the profile, once and soon."""
    token = apple_profile.link(office(), owner().name)
    address = base() + url_for("apple_profile.show", token=token).removeprefix(request.script_root)
    minutes = apple_profile.LIFETIME // 60
    code = qr(address, _("QR code for the phone's camera"))
    return render_template("connect/link.html", address=address, code=code, minutes=minutes)


def profile_file(profile: bytes) -> Response:
    """A .mobileconfig as a file to be opened."""
    answer = Response(profile, mimetype=apple_profile.MEDIA_TYPE)
    answer.headers["Content-Disposition"] = 'attachment; filename="davserver.mobileconfig"'
    return answer
