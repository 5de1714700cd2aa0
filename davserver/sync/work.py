"""What the background runner does: kinds of work, each with the question what is due and the deed.

Belongs here: the shape of a kind of work and of the place it is done in. The kinds themselves are in feeds,
run (accounts) and runner (tidying).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Connection

from davserver.config import Settings
from davserver.storage import Store
from davserver.sync.owners import new_owner


@dataclass(frozen=True, slots=True)
class Place:
    """Where work is done. ``owner`` names the holder of leases; ``stopping`` is set when the process ends.

    Long work looks at ``stopping`` between its transactions, and leaves; it goes on at the next start.
    """

    store: Store
    settings: Settings
    owner: str = field(default_factory=new_owner)
    stopping: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of work.

    :param next_due: when the earliest piece is due that nobody is at; None where none ever is. A cheap query.
    :param due: the keys of the pieces that are due at a moment and that nobody is at.
    :param run: does one piece. Takes its lease (or leaves, where another has it), does the work, sets when
        it is due next, also after a failure of the other side.
    :param goes_out: asks other servers, so that it waits while the operator wants nothing fetched.
    """

    name: str
    next_due: Callable[[Connection], int | None]
    due: Callable[[Connection, int], list[int]]
    run: Callable[[Place, int], None]
    goes_out: bool = False


def spread(seconds: int) -> int:
    """An interval with a tenth of chance, so that not all servers ask at the full hour."""
    return max(1, round(seconds * random.uniform(0.9, 1.1)))  # noqa: S311 - no secret


def backed_off(seconds: int, failures: int, *, longest: int = 86_400) -> int:
    """The interval after so many failures in a row: doubled each time, a day at most."""
    return spread(min(seconds * 2 ** min(failures, 20), max(longest, seconds)))
