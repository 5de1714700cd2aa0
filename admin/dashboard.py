"""The administrator's first page: how much there is, what happened lately, and whether all is well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template
from flask_babel import lazy_gettext as _l

from davserver.jobs import health
from davserver.storage import figures

from .context import office, reading

DAYS = 30

CHARTS = {
    figures.REQUESTS: _l("Requests of devices"),
    figures.CHANGES: _l("Changes by devices"),
    figures.FAILED_LOGINS: _l("Failed logins"),
}

pages = Blueprint("dashboard", __name__, url_prefix="/admin")


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: (day as UTC seconds, number) from left to right."""

    title: Any
    bars: list[tuple[int, int]]

    @property
    def highest(self) -> int:
        """The number that reaches the top."""
        return max(1, *(number for _day, number in self.bars))

    @property
    def total(self) -> int:
        """All days together."""
        return sum(number for _day, number in self.bars)


@pages.get("/")
def show() -> str:
    """Numbers of everything, three charts, and what is not well."""
    figures.flush(office().store)
    with reading() as tx:
        totals = figures.totals(tx)
        daily = figures.daily(tx, DAYS)
    charts = [Chart(title, daily[name]) for name, title in CHARTS.items()]
    ills = [one for one in health.inside(office(), thorough=False) if one.state is not health.State.GOOD]
    return render_template("dashboard/show.html", totals=totals, charts=charts, ills=ills, days=DAYS)
