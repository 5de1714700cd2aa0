"""What runs by itself on this server, and what a page begins beside its request where nothing does.

A server may leave fetching and synchronising to cron (outgoing.background), or nobody may do it at all: what
is overdue says so. Then a button that says "now" does it here, in a thread of this process; the lease keeps
it apart from whoever else is at it. Where the operator wants nothing fetched (outgoing.enabled), nobody does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from flask import flash
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError

from davserver.errors import DavServerError
from davserver.jobs.office import Office
from davserver.storage.engine import now

from .context import settings

OVERDUE = 180
"""Seconds after which nobody seems to do what is due."""

log = logging.getLogger("davserver.admin")


def by_itself(next_run: int | None) -> bool:
    """Whether what is due at a moment is done without being told."""
    outgoing = settings().outgoing
    return outgoing.enabled and outgoing.background and (next_run is None or next_run > now() - OVERDUE)


def fetches() -> bool:
    """Whether this server fetches anything from others."""
    return settings().outgoing.enabled


def tell(words: str) -> bool:
    """Say what is being fetched; where nothing may be fetched that is said instead, and this is False."""
    if fetches():
        flash(words, "success")
    else:
        flash(_("This server fetches nothing from others (setting outgoing.enabled)."), "warning")
    return fetches()


def beside(here: Office, work: Callable[[Office], object]) -> None:
    """Do something in a thread of its own; what goes wrong is told by the row that it is about."""

    def run() -> None:
        try:
            work(here)
        except (DavServerError, SQLAlchemyError) as error:
            log.warning("%s", getattr(error, "orig", None) or error)

    threading.Thread(target=run, name="now", daemon=True).start()
