"""The trash: deleted calendars and address books, restored as they were or removed for good."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _

from davserver.jobs import trash
from davserver.model import CollectionKind, Trashed
from davserver.storage.engine import now

from .collections import NameForm, title_of
from .context import office, owner, person_url, reading, settings
from .looking import color_of

pages = Blueprint("trash", __name__)

DAY = 86_400


@pages.get("/trash/")
def index() -> str:
    """What lies there, and how long it will."""
    with reading() as tx:
        gone = trash.listing(tx, owner().name)
    days = settings().storage.trash_days
    left = {one.collection.id: max(0, days - (now() - one.at) // DAY) for one in gone}
    return render_template(
        "trash/index.html", gone=gone, left=left, days=days, title_of=title_of, color_of=color_of
    )


@pages.post("/trash/<int:collection_id>/restore")
def restore(collection_id: int) -> Any:
    """Put it back."""
    back = trash.restore(office(), owner().name, collection_id)
    flash(_("“%(name)s” is back, with all that was in it.", name=title_of(back)), "success")
    module = "calendars" if back.kind is CollectionKind.CALENDAR else "addressbooks"
    return redirect(person_url(f"{module}.index"), 303)


@pages.route("/trash/<int:collection_id>/remove", methods=["GET", "POST"])
def remove(collection_id: int) -> Any:
    """Remove it for good, once its name was typed."""
    gone = _find(collection_id)
    form, title = NameForm(), title_of(gone.collection)
    if form.validate_on_submit():
        if form.typed.data.strip() == title:
            trash.remove(office(), owner().name, collection_id)
            flash(_("“%(name)s” is removed for good.", name=title), "success")
            return redirect(url_for(".index"), 303)
        form.typed.errors = [_("That is not its name.")]
    return form.page("trash/remove.html", gone=gone, title=title)


def _find(collection_id: int) -> Trashed:
    with reading() as tx:
        found = [one for one in trash.listing(tx, owner().name) if one.collection.id == collection_id]
    if not found:
        abort(404)
    return found[0]
