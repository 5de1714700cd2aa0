"""Check my set-up: what breaks clients, looked at from inside and, by a click, by the public address."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from davserver.jobs import health
from davserver.jobs.health import Finding, State
from davserver.sync import doctor

from .context import office, settings
from .language import said

pages = Blueprint("check", __name__, url_prefix="/admin")

SIGNS = {
    State.GOOD: ("check-circle-fill", "success"),
    State.WARNING: ("exclamation-triangle-fill", "warning"),
    State.BAD: ("x-circle-fill", "danger"),
}
"""State → icon, colour."""


@pages.get("/check")
def show() -> str:
    """The look from inside, and how this very request arrived."""
    return _page(None)


@pages.post("/check")
def outside() -> str:
    """Ask the own public address, as a client would; only where this server may reach it."""
    outgoing = settings().outgoing
    if places := _own_places(request.host):
        outgoing = replace(outgoing, allow=(*outgoing.allow, *places), ports=("*",))
    return _page(doctor.outside(_address(), outgoing))


def _own_places(host: str) -> tuple[str, ...]:
    """The addresses of the host, where all of them are this very machine's: those may be asked, too."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        found = {str(one[4][0]) for one in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return ()
    return tuple(found) if found and all(map(_is_here, found)) else ()


def _is_here(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _page(outside: list[Finding] | None) -> str:
    found = [*health.inside(office()), *_request()]
    values: dict[str, Any] = {"inside": found, "outside": outside, "signs": SIGNS, "address": _address()}
    return render_template("check/show.html", words=_words, **values)


def _address() -> str:
    return request.host_url.rstrip("/") + request.script_root


def _request() -> list[Finding]:
    """What the request of this page shows about the proxy."""
    title, environ = _("Proxy"), request.environ
    forwarded = any(name.startswith("HTTP_X_FORWARDED") for name in environ)
    if forwarded and environ.get("davserver.peer") == environ.get("REMOTE_ADDR"):
        found = health.N_("A proxy at %(peer)s sends X-Forwarded-For, and is not believed.")
        remedy = health.N_("If it is yours, add its address to server.trusted_proxies in the settings.")
        peer = environ.get("davserver.peer") or "unix"
        return [Finding(State.WARNING, title, found, remedy, {"peer": peer})]
    if request.scheme == "http" and request.host.partition(":")[0] not in ("localhost", "127.0.0.1"):
        found = health.N_("You came by http: passwords cross the network in the clear.")
        remedy = health.N_("Get a certificate; behind a proxy that has one, see the settings of proxies.")
        return [Finding(State.WARNING, "https", found, remedy)]
    found = health.N_("This page came as it should: %(address)s")
    return [Finding(State.GOOD, title, found, "", {"address": _address()})]


def _words(text: str, values: Any) -> str:
    held = {name: said(one) if isinstance(one, str) else one for name, one in values.items()}
    return str(_(text)) % held if text else ""
