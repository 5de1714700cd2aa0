"""Nextcloud's Login Flow v2 as a client: a person signs in there, and an app password comes back by itself.

    login = begin(office, "https://cloud.example.org")        show login.url; the person signs in there
    poll(office, login)                                        None until then, afterwards the app password

The endpoints must be on the host that the person entered. https://docs.nextcloud.com, “Login flow v2”.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from davserver.errors import HttpError, OutgoingError
from davserver.jobs.office import Office
from davserver.sentences import Sentence
from davserver.storage.engine import now
from davserver.sync.http import Client, Limits, origin
from davserver.urls import check_url, split_credentials

LOGIN_SECONDS = 1200
"""Nextcloud forgets a login after 20 minutes."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login under way. ``url`` is where the person signs in; ``token`` fetches what he grants."""

    server: str
    url: str
    endpoint: str
    token: str = field(repr=False)
    until: int


@dataclass(frozen=True, slots=True)
class Granted:
    """What the person granted."""

    server: str
    username: str
    password: str = field(repr=False)


def begin(office: Office, server: str) -> Login:
    """Start a login at a Nextcloud.

    :raises HttpError: 400 for an address that is none or has no Nextcloud, 502 where it cannot be reached.
    """
    base = split_credentials(check_url(server))[0]
    for path in ("/remote.php/dav", "/remote.php", "/index.php", "/apps"):
        base = base.partition(path)[0]
    base = base.rstrip("/")
    found = _ask(office, f"{base}/index.php/login/v2", b"")
    if found is None:
        raise HttpError(400, Sentence("There is no Nextcloud at %(host)s.", host=origin(base)[1]))
    try:
        login = Login(
            base,
            str(found["login"]),
            str(found["poll"]["endpoint"]),
            str(found["poll"]["token"]),
            now() + LOGIN_SECONDS,
        )
    except (KeyError, TypeError):
        raise HttpError(400, Sentence("There is no Nextcloud at %(host)s.", host=origin(base)[1])) from None
    for url in (login.url, login.endpoint):
        if not _is_same_place(base, url):
            raise HttpError(
                400,
                Sentence(
                    "%(host)s sends us to another host; enter its address instead.", host=origin(base)[1]
                ),
            )
    return login


def poll(office: Office, login: Login) -> Granted | None:
    """The app password, once the person has signed in; None while he has not.

    :raises HttpError: 400 where the login has expired.
    """
    if login.until < now():
        raise HttpError(400, "The sign-in has expired; begin again.")
    found = _ask(office, login.endpoint, urlencode({"token": login.token}).encode())
    if found is None:
        return None
    try:
        granted = Granted(str(found["server"]), str(found["loginName"]), str(found["appPassword"]))
    except (KeyError, TypeError):
        raise HttpError(502, "The answer of the Nextcloud cannot be understood.") from None
    # the server names itself; what the person entered is what he trusts
    return (
        granted
        if _is_same_place(login.server, granted.server)
        else Granted(login.server, granted.username, granted.password)
    )


def _is_same_place(base: str, url: str) -> bool:
    """The same host, and not from https to http."""
    try:
        parts = urlsplit(url)
        ours, theirs = origin(base), origin(url)
    except ValueError:
        return False
    return parts.scheme in ("https", ours[0]) and ours[1] == theirs[1]


def _ask(office: Office, url: str, body: bytes) -> dict[str, Any] | None:
    """The JSON of a 200; None for any other answer."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    # the agent is the name under which the password is listed there
    headers["User-Agent"] = "davserver"
    limits = Limits(size=256 * 1024, seconds=20, redirects=3)
    try:
        with Client(office.settings.outgoing, limits=limits) as web:
            answer = web.request("POST", url, headers=headers, body=body)
    except OutgoingError as error:
        raise HttpError(502, str(error)) from None
    if answer.status != 200:
        return None
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
