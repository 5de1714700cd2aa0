"""How hard a password is to guess, told while it is typed. For everybody: it knows of nobody but who asks."""

from __future__ import annotations

from flask import Blueprint, g, jsonify, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from davserver.auth.strength import strength
from davserver.jobs.users import known_of

pages = Blueprint("strength", __name__, url_prefix="/account")

MARKS = (_l("Very weak"), _l("Weak"), _l("Fair"), _l("Good"), _l("Strong"))
LONGEST_ABOUT = 1000
"""Characters of what is said about the person that are looked at."""


@pages.post("/password-strength")
def tell() -> Response:
    """Its mark, 0 to 4, and that mark's word, as JSON. Nothing is kept."""
    about = request.form.get("about", "")[:LONGEST_ABOUT]
    own = known_of(g.user) if g.user else ()
    found = strength(request.form.get("new", ""), [about, request.host, *own])
    text = str(MARKS[found.mark])
    if found.known:
        text += ". " + _("Known words: %(words)s", words=", ".join(found.known))
    return jsonify(mark=found.mark, text=text)
