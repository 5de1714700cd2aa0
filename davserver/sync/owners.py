"""Who holds a lease: the name of a process, whether it still lives, and the renewal while work goes on.

Belongs here: what processes are. Must not be here: the rows (storage/leases), the work.

A killed process leaves its leases behind. Those of this machine are known as such, and ended before anybody
looks for work; those of another machine are over after LEASE_SECONDS, since whoever works renews them. A
machine is its name and its process namespace: two containers may share the one and not the other.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Table
from sqlalchemy.exc import SQLAlchemyError

from davserver.storage import Store, leases
from davserver.storage.engine import now

LEASE_SECONDS = 120
RENEW_SECONDS = 30.0

log = logging.getLogger("davserver.sync")


def new_owner() -> str:
    """A name for who holds a lease, that no other process or thread has."""
    return f"{_machine()}:{os.getpid()}:{_began(os.getpid())}:{secrets.token_hex(6)}"


def is_dead(owner: str) -> bool:
    """Whether an owner is a process of this machine that is no more."""
    machine, _, rest = owner.partition(":")
    pid, _, rest = rest.partition(":")
    if machine != _machine() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return _began(int(pid)) != rest.partition(":")[0]


def end_dead_leases(store: Store) -> None:
    """End the leases of dead processes of this machine: their work is due again at once."""
    with store.read() as tx:
        dead = [owner for owner in leases.owners(tx) if is_dead(owner)]
    if not dead:
        return
    log.info("taking up what a dead process left")
    with store.write() as tx:
        for owner in dead:
            for table in leases.TABLES:
                leases.end(tx, table, owner)


@contextlib.contextmanager
def leased(store: Store, table: Table, key: int, owner: str) -> Iterator[bool]:
    """Hold the lease of a row, renewed meanwhile; False where another has it."""
    end_dead_leases(store)
    with store.write() as tx:
        is_ours = leases.take(tx, table, key, owner, now() + LEASE_SECONDS)
    if not is_ours:
        yield False
        return
    over = threading.Event()
    keeper = threading.Thread(target=_renew, args=(store, table, key, owner, over), name="lease", daemon=True)
    keeper.start()
    try:
        yield True
    finally:
        over.set()
        keeper.join()
        with store.write() as tx:
            leases.end(tx, table, owner)


def _renew(store: Store, table: Table, key: int, owner: str, over: threading.Event) -> None:
    """Renew a lease until it is over; who lost it learns that at his next write."""
    while not over.wait(RENEW_SECONDS):
        try:
            with store.write() as tx:
                if not leases.take(tx, table, key, owner, now() + LEASE_SECONDS):
                    return
        except SQLAlchemyError as error:  # busy: there is time for another try
            log.info("a lease was not renewed: %s", getattr(error, "orig", None) or error)


def _machine() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return f"{socket.gethostname()[:100]}/{namespace.strip('pid:[]')}"


def _began(pid: int) -> str:
    """When a process began, as the kernel counts: numbers are used again. "" for a zombie, or unknown."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if state == "Z" else rest[18]
