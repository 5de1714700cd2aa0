"""What a page works with: where things are kept, who looks, whose things are shown.

office()     the first argument of every use-case: store, settings, actor, address
reading()    ``with reading() as tx``: one consistent look at the database
user()       who is signed in
owner()      whose things the page is about: the user himself below /account, else the one in the address
person_url() the address of a page about the owner's things, for him or for an administrator
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from flask import Flask, current_app, g, request, url_for
from sqlalchemy import Connection

from davserver.auth import Authenticator, client_address
from davserver.config import Settings
from davserver.jobs.office import Office
from davserver.model import Principal

_KEY = "davserver"


def place(app: Flask, office: Office, authenticator: Authenticator) -> None:
    """Keep what all pages need at the application."""
    app.extensions[_KEY] = (office, authenticator)
    app.jinja_env.globals.update(person_url=person_url)


def office() -> Office:
    """Where a job is done, on behalf of who is signed in."""
    base: Office = current_app.extensions[_KEY][0]
    actor = g.user.name if g.get("user") else ""
    return replace(base, actor=actor, address=client_address(request.environ))


def authenticator() -> Authenticator:
    """Checks passwords, with the throttle that DAV uses."""
    found: Authenticator = current_app.extensions[_KEY][1]
    return found


def settings() -> Settings:
    """The settings in force."""
    return office().settings


def reading() -> AbstractContextManager[Connection]:
    """A read transaction."""
    return office().store.read()


def user() -> Principal:
    """Who is signed in."""
    found: Principal = g.user
    return found


def owner() -> Principal:
    """Whose things the page is about."""
    found: Principal = g.owner
    return found


def is_own() -> bool:
    """Whether the page shows the user's own things in his portal."""
    return request.path.startswith("/account/")


def person_url(page: str, **values: Any) -> str:
    """``person_url("calendars.index")``: the page ``index`` of the module ``calendars``, for the owner shown.

    Outside of pages about a person: the user's own. With ``owner="ann"``: that person's, in the admin.
    """
    foreign = "owner" in values or ((request.endpoint or "").startswith("user.") and g.owner is not None)
    return url_for(("user." if foreign else "account.") + page, **values)
