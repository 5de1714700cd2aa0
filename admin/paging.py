"""Lists that come in pages: ``?page=2``; the next page is known by one row more than is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from flask_babel import gettext as _
from werkzeug.routing import RequestRedirect

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``rows`` are what is shown; ``total`` None where nobody counted."""

    rows: Sequence[Any]
    number: int
    has_next: bool
    total: int | None = None

    @property
    def text(self) -> str:
        """Where one is."""
        first = (self.number - 1) * PER_PAGE + 1
        last = first + len(self.rows) - 1
        if self.total is None:
            return str(_("%(first)s to %(last)s", first=first, last=last))
        return str(_("%(first)s to %(last)s of %(total)s", first=first, last=last, total=self.total))

    def url(self, number: int) -> str:
        """The address of another page of this list; search and order stay."""
        values = {**request.args.to_dict(), **(request.view_args or {}), "page": number}
        return url_for(str(request.endpoint), **values)


def page_number() -> int:
    """The page asked for, from 1."""
    return max(1, min(request.args.get("page", 1, type=int), 1_000_000))


def offset() -> int:
    """How many rows stand before the page asked for. Ask storage for ``PER_PAGE + 1`` rows from there."""
    return (page_number() - 1) * PER_PAGE


def page_of(rows: Sequence[Any], total: int | None = None) -> Page:
    """The page asked for, made of up to ``PER_PAGE + 1`` rows; beyond the end it leads to the last one."""
    page = Page(rows[:PER_PAGE], page_number(), len(rows) > PER_PAGE, total)
    if not rows and page.number > 1:
        raise _Beyond(page.url(max(1, -(-(total or 1) // PER_PAGE))))
    return page


class _Beyond(RequestRedirect):
    """What stood on the page asked for is gone."""

    code = 303
