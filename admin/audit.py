"""Who changed what, when and from where; and which devices connect, of everybody."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from davserver.storage import audit, devices

from .context import reading
from .paging import PER_PAGE, offset, page_of

pages = Blueprint("audit", __name__, url_prefix="/admin")


@pages.get("/audit")
def index() -> str:
    """The log, newest first, with search."""
    text = request.args.get("q", "").strip()
    with reading() as tx:
        rows = audit.listing(tx, text, PER_PAGE + 1, offset())
    return render_template("audit/index.html", page=page_of(rows), q=text)


@pages.get("/devices")
def clients() -> str:
    """The devices of everybody, the one seen last first."""
    with reading() as tx:
        rows = devices.listing(tx, None, PER_PAGE + 1, offset())
    return render_template("audit/clients.html", page=page_of(rows))
