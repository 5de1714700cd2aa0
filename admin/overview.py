"""What a person has: the first page of the portal, and of each person in the administration."""

from __future__ import annotations

from flask import Blueprint, render_template

from davserver.model import CollectionKind
from davserver.storage import collections

from .context import owner, reading

pages = Blueprint("overview", __name__)


@pages.get("/")
def show() -> str:
    """What the person has."""
    with reading() as tx:
        calendars = collections.of_owner(tx, owner().id, CollectionKind.CALENDAR)
        books = collections.of_owner(tx, owner().id, CollectionKind.ADDRESSBOOK)
        used = collections.used_bytes(tx, owner().id)
    return render_template("overview/show.html", calendars=calendars, books=books, used=used)
