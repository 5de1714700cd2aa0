"""The administrator's first page: how much there is, and whether all is well."""

from __future__ import annotations

from flask import Blueprint, render_template

from davserver.storage import figures

from .context import reading

pages = Blueprint("dashboard", __name__, url_prefix="/admin")


@pages.get("/")
def show() -> str:
    """Numbers of everything."""
    with reading() as tx:
        counted = figures.totals(tx)
    return render_template("dashboard/show.html", totals=counted)
