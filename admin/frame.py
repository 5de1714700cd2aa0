"""What all answers have: headers that keep a page to itself, error pages in the same clothes, icons."""

from __future__ import annotations

import functools
import logging
import re
from pathlib import Path
from typing import Any

import flask_bootstrap
from flask import Flask, Response, g, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf.csrf import CSRFError
from lxml import etree
from markupsafe import Markup, escape
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException, InternalServerError

from davserver import __version__
from davserver.errors import HttpError
from davserver.log import mask
from davserver.storage.engine import is_transient, is_unavailable

from .language import said, size

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

TITLES = {
    400: lazy_gettext("That cannot be done"),
    403: lazy_gettext("This is not for you"),
    404: lazy_gettext("There is nothing here"),
    405: lazy_gettext("That cannot be done here"),
    413: lazy_gettext("That is too large"),
    429: lazy_gettext("Too many tries"),
    500: lazy_gettext("The server made a mistake"),
    503: lazy_gettext("Not just now"),
    507: lazy_gettext("No room left"),
}
HINTS = {
    403: lazy_gettext("Your account may not see this page. An administrator can."),
    404: lazy_gettext("The address may be mistyped, or what was here is gone."),
    405: lazy_gettext("Go back and use the buttons of the page."),
}
_SPRITE = Path(flask_bootstrap.__file__).parent / "static/bootstrap5/icons/bootstrap-icons.svg"
_SVG = "{http://www.w3.org/2000/svg}"

log = logging.getLogger("davserver.admin")


def install(app: Flask) -> None:
    """Headers, error pages and what every template may use."""
    app.after_request(_add_headers)
    app.register_error_handler(HttpError, _http_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(DBAPIError, _database_error)
    app.register_error_handler(HTTPException, _http_exception)
    app.jinja_env.globals.update(icon=icon, version=__version__)
    app.jinja_env.filters.update(ticks=ticks, breakable=breakable)


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if not (request.endpoint or "").endswith("static"):
        response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def _http_error(error: HttpError) -> Any:
    return error_page(error.status, said(error.message)), error.status, list(error.headers)


def _csrf_error(error: CSRFError) -> Any:
    message = _(
        "The form was too old, or cookies are off in your browser. Go back, load the page anew, try again."
    )
    return error_page(400, message), 400


def _database_error(error: DBAPIError) -> Any:
    log.warning("database: %s", str(error.orig).partition("\n")[0])
    if is_transient(error) or is_unavailable(error):
        return error_page(503, _("The database is busy. Try again in a moment.")), 503
    return error_page(400, _("The form holds a value that cannot be stored.")), 400


def _http_exception(error: HTTPException) -> Any:
    """Flask's own. What nobody foresaw is Server's to log and to answer, so that goes on."""
    if isinstance(error, InternalServerError) and error.original_exception:
        log.error("%s %s failed", request.method, mask(request.path), exc_info=error.original_exception)
    status = error.code or 500
    if status < 400:  # redirects that routing makes
        return error
    headers = [(name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After")]
    return error_page(status, _hint(status)), status, headers


def _hint(status: int) -> str:
    """What to do about it, in words."""
    if status == 413 and (most := request.max_content_length):
        return str(
            _("The server takes at most %(size)s. An administrator can change the limit.", size=size(most))
        )
    return str(HINTS.get(status, ""))


def error_page(status: int, message: str) -> str:
    """The page of an error: what happened, and the way on."""
    for name in ("user", "session", "owner"):  # an error may come before the gate
        g.setdefault(name, None)
    title = TITLES.get(status) or TITLES[400 if status < 500 else 500]
    hint = message or _("The log of the server says more.")
    return render_template("errors/page.html", status=status, title=title, message=hint)


def ticks(text: Any) -> Markup:
    """A text in which `commands` stand between ticks, as config.py writes them."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


def breakable(text: str) -> Markup:
    """A mail address that breaks where it has parts, in a column that is too narrow for it."""
    return Markup("<wbr>").join(re.split(r"(?<=\.)|(?=@)", text))


@functools.cache
def icon(name: str) -> Markup:
    """An icon of Bootstrap inside the page: no request, no font; hidden from screen readers.

    :raises KeyError: where there is no icon of that name.
    """
    symbol = _symbols()[name]
    inner = "".join(etree.tostring(one, encoding="unicode", with_tail=False) for one in symbol)
    box = symbol.get("viewBox", "0 0 16 16")
    return Markup(  # noqa: S704 - from a file of a package, not from anybody's input
        f'<svg class="bi" viewBox="{box}" width="1em" height="1em" fill="currentColor" aria-hidden="true">'
        f"{inner}</svg>"
    )


@functools.cache
def _symbols() -> dict[str, Any]:
    root = etree.parse(str(_SPRITE)).getroot()
    return {str(one.get("id")): one for one in root.iter(f"{_SVG}symbol")}
