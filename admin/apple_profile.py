"""Where a phone lands that scanned the code: a page that says what comes, and the profile, once.

Open to whoever has the link: it is the secret. Looking at the page does not use it up, since cameras and
messengers look at links by themselves.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from davserver.jobs import apple_profile
from davserver.wire import base_url

from .connect import profile_file
from .context import office, reading, settings
from .forms import Form
from .language import said

pages = Blueprint("apple_profile", __name__, url_prefix="/account")


@pages.route("/apple-profile/<token>", methods=["GET", "POST"])
def show(token: str) -> Any:
    """Say what the profile does; sent as a form, give it."""
    with reading() as tx:
        apple_profile.find(tx, token)
    form = Form()
    if form.validate_on_submit():
        base = base_url(request.environ, settings())
        return profile_file(apple_profile.fetch(office(), token, base, say=said))
    return form.page("connect/profile.html")
