"""Is a davserver reachable as clients need it: asked by HTTP, from here or from another machine.

What breaks clients, in the order in which they would meet it: the name and its certificate, the redirects of
RFC 6764, the methods that proxies and firewalls refuse (PROPFIND and REPORT need no login to be seen here:
``/healthz/request`` says what arrived), the Authorization header, scheme and host as the server sees them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from davserver.config import OutgoingSettings
from davserver.errors import OutgoingError
from davserver.jobs.health import N_, Finding, State
from davserver.sync.http import Access, Client, Limits, RedirectRefused
from davserver.urls import check_url

SECONDS = 10
DRIFT = 60
"""Seconds by which two clocks may differ before it is worth a word."""

PROPFIND = b'<propfind xmlns="DAV:"><prop><current-user-principal/></prop></propfind>'
PROBE = "Basic ZGF2c2VydmVyLWRvY3Rvcjpub3QgYSBwYXNzd29yZA=="
"""Sent to see whether the header arrives, at an address that checks no password."""


@dataclass(frozen=True, slots=True)
class _Patient:
    """Who is looked at: the address without a slash at its end."""

    base: str
    settings: OutgoingSettings

    def ask(self, method: str, path: str, **headers: str) -> Any:
        """An answer; OutgoingError where there is none."""
        limits = Limits(size=1_000_000, seconds=SECONDS, redirects=0)
        with Client(self.settings, Access(), limits) as web:
            body = b""
            if method in ("PROPFIND", "REPORT"):
                body, headers = PROPFIND, {"Depth": "0", "Content-Type": "application/xml", **headers}
            return web.request(method, check_url(self.base + path), headers=headers, body=body)


def outside(address: str, settings: OutgoingSettings) -> list[Finding]:
    """All checks of the server at that address (``https://dav.example.org`` or with a sub-path)."""
    patient = _Patient(address.rstrip("/"), settings)
    reach = _reach(patient)
    if reach.state is State.BAD:
        return [reach]
    mirrored = _mirror(patient, "GET")
    if mirrored is None:
        other = N_("Something answers at %(address)s, but it is not davserver.")
        remedy = N_("Check the address, and to which port the proxy passes requests on.")
        return [reach, Finding(State.BAD, N_("davserver"), other, remedy, {"address": address})]
    found = [reach, *_methods(patient), _authorization(patient), *_well_known(patient), _tree(patient)]
    return [*found, *_names(patient, mirrored), _clocks(mirrored)]


def _reach(patient: _Patient) -> Finding:
    title, values = N_("Reachable"), {"address": patient.base}
    try:
        answer = patient.ask("GET", "/healthz")
    except RedirectRefused as error:
        found = N_("%(address)s redirects to %(target)s.")
        remedy = N_("Give clients the address that it leads to.")
        return Finding(State.BAD, title, found, remedy, {**values, "target": error.target})
    except OutgoingError as error:
        remedy = N_("Does the name lead to this server, is the port open, is the certificate good?")
        return Finding(State.BAD, title, "%(reason)s", remedy, {"reason": str(error)})
    if answer.status >= 500:
        found = N_("The proxy answers %(status)s: the server behind it does not.")
        return Finding(State.BAD, title, found, N_("Is davserver running?"), {"status": answer.status})
    return Finding(State.GOOD, title, N_("%(address)s answers."), "", values)


def _mirror(patient: _Patient, method: str, **headers: str) -> dict[str, Any] | None:
    """What arrived; None where the answer is not our own."""
    try:
        answer = patient.ask(method, "/healthz/request", **headers)
        seen = json.loads(answer.body)
    except (OutgoingError, ValueError):
        return None
    return seen if isinstance(seen, dict) and seen.get("server") == "davserver" else None


def _methods(patient: _Patient) -> Iterator[Finding]:
    for method in ("PROPFIND", "REPORT", "PUT", "DELETE", "OPTIONS"):
        seen = _mirror(patient, method)
        if seen is None or seen["method"] != method:
            found = N_("%(method)s does not get through: a proxy or firewall refuses it.")
            remedy = N_(
                "Allow all methods for this host. In Apache look for <Limit> and ModSecurity, in nginx for "
                "limit_except and dav_methods; in front, for a web application firewall."
            )
            yield Finding(State.BAD, method, found, remedy, {"method": method})
        else:
            yield Finding(State.GOOD, method, N_("It gets through."))


def _authorization(patient: _Patient) -> Finding:
    title = N_("Authorization")
    seen = _mirror(patient, "GET", Authorization=PROBE)
    if seen and seen["authorization"]:
        return Finding(State.GOOD, title, N_("The header with the password arrives."))
    remedy = N_(
        "Apache: add “WSGIPassAuthorization On”, or for CGI “CGIPassAuth On”. On other hosts rewrite it to a "
        "header of your own and set auth.authorization_header."
    )
    return Finding(State.BAD, title, N_("The header with the password is lost on the way."), remedy)


def _well_known(patient: _Patient) -> Iterator[Finding]:
    for kind in ("caldav", "carddav"):
        title = f"/.well-known/{kind}"
        parts = urlsplit(patient.base)
        root = _Patient(f"{parts.scheme}://{parts.netloc}", patient.settings)
        try:
            status, target = root.ask("PROPFIND", title).status, ""
        except RedirectRefused as error:
            status, target = 301, error.target
        except OutgoingError:
            status, target = 0, ""
        wanted = f"{parts.path}/dav/"
        if status == 301 and urlsplit(target).path == wanted and _same_place(target, patient.base):
            yield Finding(State.GOOD, title, N_("It leads to %(target)s."), "", {"target": target})
            continue
        remedy = N_(
            "Let the web server pass /.well-known/caldav and /.well-known/carddav on, or redirect them to "
            "%(wanted)s. Without it people must type the whole address."
        )
        found = N_("It leads to %(target)s.") if target else N_("It does not lead here (status %(status)s).")
        yield Finding(
            State.WARNING, title, found, remedy, {"target": target, "status": status, "wanted": wanted}
        )


def _same_place(target: str, base: str) -> bool:
    one, other = urlsplit(target), urlsplit(base)
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def _tree(patient: _Patient) -> Finding:
    title = N_("Calendars and contacts")
    try:
        answer = patient.ask("PROPFIND", "/dav/")
    except OutgoingError as error:
        return Finding(State.BAD, title, "%(reason)s", N_("See above."), {"reason": str(error)})
    if answer.status == 401 and answer.header("www-authenticate"):
        return Finding(State.GOOD, title, N_("They ask for a password, as they should."))
    found = N_("The answer is %(status)s instead of the question for a password.")
    remedy = N_("Let the proxy pass everything below /dav/ on unchanged, without a login of its own.")
    return Finding(State.BAD, title, found, remedy, {"status": answer.status})


def _names(patient: _Patient, seen: dict[str, Any]) -> Iterator[Finding]:
    """Scheme, host and sub-path as the server sees them: links in pages and mail are made of them."""
    parts = urlsplit(patient.base)
    remedy = N_(
        "Let the proxy send X-Forwarded-Proto, X-Forwarded-Host and X-Forwarded-For, name it in "
        "server.trusted_proxies, or set server.base_url to %(address)s."
    )
    address = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        found = N_("Passwords cross the network in the clear.")
        yield Finding(State.WARNING, "https", found, N_("Get a certificate; see docs/hosting-proxy.md."))
    for title, mine, theirs in (
        (N_("Scheme"), parts.scheme, seen["scheme"]),
        (N_("Host name"), parts.netloc, seen["host"]),
    ):
        if mine.lower() == str(theirs).lower():
            yield Finding(
                State.GOOD, title, N_("The server sees it as clients do: %(mine)s."), "", {"mine": mine}
            )
        else:
            values = {"mine": mine, "theirs": theirs, "address": address}
            found = N_("Clients see %(mine)s, the server sees %(theirs)s.")
            yield Finding(State.BAD, title, found, remedy, values)
    if seen["mount"] != parts.path:
        remedy = N_("Set server.url_prefix to %(mine)s, or let the proxy send X-Forwarded-Prefix.")
        values = {"mine": parts.path or "/", "theirs": seen["mount"] or "/"}
        found = N_("Clients see %(mine)s, the server sees %(theirs)s.")
        yield Finding(State.BAD, N_("Sub-path"), found, remedy, values)


def _clocks(seen: dict[str, Any]) -> Finding:
    title, apart = N_("Clocks"), abs(int(time.time()) - int(seen["time"]))
    if apart <= DRIFT:
        return Finding(State.GOOD, title, N_("The server's clock agrees with the one here."))
    remedy = N_("Turn on time synchronisation on both: timedatectl set-ntp true")
    found = N_("The server's clock is %(apart)s seconds off.")
    return Finding(State.WARNING, title, found, remedy, {"apart": apart})
