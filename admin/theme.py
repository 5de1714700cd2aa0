"""Light or dark: the browser's own wish unless the person chose."""

from __future__ import annotations

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from . import gate

THEMES = ("auto", "light", "dark")
COOKIE = "davserver-theme"
YEAR = 365 * 86_400

pages = Blueprint("theme", __name__, url_prefix="/account")


def chosen() -> str:
    """What this browser chose."""
    value = request.cookies.get(COOKIE, "")
    return value if value in THEMES else THEMES[0]


@pages.post("/theme")
def choose() -> Response:
    """Remember the choice in this browser and go back."""
    wanted = request.form.get("theme", "")
    answer = redirect(gate.safe_target(request.form.get("next")), 303)
    if wanted in THEMES:
        path = request.script_root or "/"
        answer.set_cookie(COOKIE, wanted, YEAR, path=path, secure=request.is_secure, samesite="Lax")
    return answer
