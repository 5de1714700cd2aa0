"""Who sees what on the whole server, for administrators: what is shared, and all who have it."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from davserver.jobs import sharing

from .collections import title_of
from .context import reading
from .looking import color_of
from .paging import PER_PAGE, offset, page_of
from .sharing import ACCESS, name_of

MOST_IN_A_ROW = 20
"""People and groups that are listed beside one collection; its own page has all."""

pages = Blueprint("shares", __name__, url_prefix="/admin")


@pages.get("/sharing/")
def index() -> str:
    """The list, by owner, with a search for owners and those who have something."""
    text = request.args.get("q", "").strip()
    with reading() as tx:
        rows = sharing.shared_rows(tx, text, PER_PAGE + 1, offset())
    return render_template(
        "shares/index.html",
        page=page_of(rows),
        q=text,
        access=ACCESS,
        most=MOST_IN_A_ROW,
        title_of=title_of,
        color_of=color_of,
        name_of=name_of,
    )
