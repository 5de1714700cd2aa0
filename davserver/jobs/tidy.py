"""The daily tidying: what is old enough is forgotten. One row of TIDIED for each thing that piles up.

Everything here may run while others read and write, and may be interrupted. ``storage.settings`` keeps when
it was done last, so that of several processes one does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from davserver.config import Settings
from davserver.jobs import account, transfer, trash
from davserver.jobs.office import Office
from davserver.storage import Store, devices, figures, maintenance, remote, web_sessions
from davserver.storage import settings as settings_table
from davserver.storage.engine import now
from davserver.storage.maintenance import DAY

RUN_DAYS = 30
"""For how long the log of runs of accounts on other servers is kept."""

TIDIED: Mapping[str, Callable[[Store, Settings], int]] = {
    "old versions": lambda store, settings: maintenance.forget_history(store, settings.storage.history_days),
    "accounts whose owners have left": lambda store, settings: len(account.remove_due(store)),
    "collections in the trash": trash.purge,
    "messages about shares": trash.forget_messages,
    "devices not seen": lambda store, settings: _in_one(store, devices.forget_old),
    "old figures": lambda store, settings: _in_one(store, figures.forget_old),
    "old sessions": lambda store, settings: _in_one(store, web_sessions.forget_expired),
    "old runs and lost versions of other servers": lambda store, settings: _forget_remote(store, settings),
    "old imports": lambda store, settings: transfer.forget_old(Office(store, settings, "the server")),
}
"""What is forgotten → how; returns how many."""


def _in_one(store: Store, forget: Callable[[Connection], int]) -> int:
    with store.write() as tx:
        return forget(tx)


def _forget_remote(store: Store, settings: Settings) -> int:
    """Runs of a month, and lost versions for as long as the history is kept; in short transactions."""
    runs, conflicts = now() - RUN_DAYS * DAY, now() - settings.storage.history_days * DAY
    count = 0
    while True:
        with store.write() as tx:
            gone = remote.forget_old(tx, runs_before=runs, conflicts_before=conflicts)
        count += gone
        if not gone:
            return count


def tidy(store: Store, settings: Settings) -> dict[str, int]:
    """Forget what is old enough; returns how many of what."""
    return {name: forget(store, settings) for name, forget in TIDIED.items()}


def claim(store: Store) -> bool:
    """Whether the tidying is due and was given to the caller: nobody else gets it for a day."""
    with store.write() as tx:
        if maintenance.tidying_due_at(tx) > now():
            return False
        settings_table.put(tx, maintenance.TIDIED_AT, str(now()))
    return True
