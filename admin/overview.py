"""What a person has: the first page of the portal, and of each person in the administration."""

from __future__ import annotations

from flask import Blueprint, render_template

from davserver.model import CollectionKind
from davserver.storage import collections

from .context import is_own, owner, reading, settings

pages = Blueprint("overview", __name__)


@pages.get("/")
def show() -> str:
    """What the person has."""
    with reading() as tx:
        calendars = collections.of_owner(tx, owner().id, CollectionKind.CALENDAR)
        books = collections.of_owner(tx, owner().id, CollectionKind.ADDRESSBOOK)
        used = collections.used_bytes(tx, owner().id)
    shown = {"calendars": calendars, "books": books, "used": used}
    may_leave = is_own() and settings().accounts.self_removal
    return render_template("overview/show.html", **shown, may_leave=may_leave)
