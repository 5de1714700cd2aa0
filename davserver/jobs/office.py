"""Where a job is done, and on whose behalf: the first argument of every use-case."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from davserver.config import Settings
from davserver.storage import Store, audit


@dataclass(frozen=True, slots=True)
class Office:
    """Where a job is done, and on whose behalf (for the audit log)."""

    store: Store
    settings: Settings
    actor: str = ""
    address: str = ""

    @contextlib.contextmanager
    def write(self, action: str, target: str) -> Iterator[Connection]:
        """A write transaction that leaves a line in the audit log."""
        with self.store.write() as tx:
            yield tx
            audit.record(tx, self.actor, action, target, address=self.address)
