"""Is this server well, seen from inside: the data directory, the database, the clock, what it was told.

A Finding knows its title, what was found and what to do, in English msgids: the command line prints them, the
pages translate them. The look from outside is ``sync.doctor``.
"""

from __future__ import annotations

import enum
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from davserver.config import Settings
from davserver.jobs.office import Office
from davserver.storage import maintenance, migrations
from davserver.vault import Vault, VaultLocked


class State(enum.StrEnum):
    """How it stands with something."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. ``found`` and ``remedy`` are msgids with %(…)s for ``values``."""

    state: State
    title: str
    found: str
    remedy: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools know
    """Marks a text for the catalogs; it is translated where it is shown."""
    return text


BUILT = 1_780_000_000
"""A moment before this version was made: an earlier clock is wrong."""


def inside(office: Office, *, thorough: bool = True) -> list[Finding]:
    """All checks of this process and its database; the thorough one reads the whole of it."""
    database = _database(office, thorough=thorough)
    found = [_data_dir(office.settings), database, _clock(), _secrets(office.settings)]
    return [*found, *_told(office.settings)]


def _data_dir(settings: Settings) -> Finding:
    title, folder = N_("Data directory"), settings.storage.data_dir
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        found = N_("%(folder)s cannot be written to: %(reason)s")
        remedy = N_("Give it to the user that runs the server: chown -R USER %(folder)s. Is the disk full?")
        return Finding(State.BAD, title, found, remedy, {"folder": folder, "reason": error.strerror})
    free = _free(str(folder))
    values = {"folder": folder, "free": free // 1_000_000}
    if free < 200_000_000:
        remedy = N_("Make room on the disk: a full disk stops every change.")
        return Finding(State.WARNING, title, N_("Only %(free)s MB are free in %(folder)s."), remedy, values)
    return Finding(State.GOOD, title, N_("%(folder)s can be written to; %(free)s MB are free."), "", values)


def _free(folder: str) -> int:
    if not hasattr(os, "statvfs"):  # Windows
        return 2**40
    held = os.statvfs(folder)
    return held.f_bavail * held.f_frsize


def _database(office: Office, *, thorough: bool) -> Finding:
    title = N_("Database")
    try:
        version = migrations.current(office.store)
        problems = maintenance.problems(office.store) if thorough else []
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        remedy = N_("Is the database server running, and is storage.database_url right?")
        return Finding(State.BAD, title, N_("It does not answer: %(reason)s"), remedy, {"reason": reason})
    values = {"kind": office.store.dialect, "version": version}
    if version != migrations.HEAD:
        found, remedy = N_("Its schema is %(version)s."), N_("Run: davserver db upgrade")
        return Finding(State.BAD, title, found, remedy, values)
    if problems:
        remedy = N_("Stop the server, keep a copy of the file, and go back to the last good backup.")
        return Finding(State.BAD, title, "%(problem)s", remedy, {"problem": "; ".join(problems[:5])})
    whole = N_("%(kind)s, schema %(version)s, whole.") if thorough else N_("%(kind)s, schema %(version)s.")
    return Finding(State.GOOD, title, whole, "", values)


def _clock() -> Finding:
    title = N_("Clock of the server")
    values = {"now": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())}
    if time.time() < BUILT:
        remedy = N_("Turn on time synchronisation: timedatectl set-ntp true")
        return Finding(State.BAD, title, N_("It says %(now)s, which is long gone."), remedy, values)
    return Finding(State.GOOD, title, N_("It says %(now)s."), "", values)


def _secrets(settings: Settings) -> Finding:
    title = N_("Key of the stored secrets")
    try:
        vault = Vault(settings.storage)
        vault.decrypt(vault.encrypt("davserver", context="check"), context="check")
    except (VaultLocked, OSError) as error:
        return Finding(State.BAD, title, "%(reason)s", N_("Put the file secret.key back."), {"reason": error})
    return Finding(State.GOOD, title, N_("It can be read and used."))


def _told(settings: Settings) -> Iterator[Finding]:
    """Settings that surprise clients."""
    for section, word in (("caldav", N_("Calendars")), ("carddav", N_("Address books"))):
        if not getattr(settings, section).enabled:
            yield Finding(
                State.WARNING, word, N_("They are turned off."), N_("Turn them on in the settings.")
            )
    if settings.auth.digest and not settings.auth.basic:
        remedy = N_("Turn Basic on: new accounts and app passwords cannot use Digest.")
        yield Finding(State.WARNING, N_("Signing in"), N_("Only Digest is on."), remedy)
