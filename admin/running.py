"""What runs by itself on this server, and what a page begins beside its request where nothing does.

A server may leave fetching and synchronising to cron (outgoing.background), or nobody may do it at all: what
is overdue says so. Then a button that says "now" does it here, in a thread of this process; the lease keeps
it apart from whoever else is at it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

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


def beside(here: Office, work: Callable[[Office], object]) -> None:
    """Do something in a thread of its own; what goes wrong is told by the row that it is about."""

    def run() -> None:
        try:
            work(here)
        except (DavServerError, SQLAlchemyError) as error:
            log.warning("%s", getattr(error, "orig", None) or error)

    threading.Thread(target=run, name="now", daemon=True).start()
