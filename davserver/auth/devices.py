"""Which client asks: its name for people, and a note of it that costs the polls nothing.

The memory says when a device was written last; only then, every quarter of an hour, is there a statement.
"""

from __future__ import annotations

import logging
import re
import time
from functools import lru_cache
from typing import Any

from sqlalchemy.exc import DBAPIError

from davserver.auth.proxy import client_address
from davserver.model import AppPassword, Identity
from davserver.storage import Store, devices
from davserver.storage.devices import Seen

SECONDS = 900
MOST = 10_000

CLIENTS = (
    (r"DAVx5/([\d.]+)", "DAVx⁵ {}"),
    (r"^(?:iOS|iPhone|iPad)[^/]*/([\d.]+)", "iPhone, iPad (iOS {})"),
    (r"CFNetwork.*iPhone|iPhone.*CFNetwork", "iPhone, iPad"),
    (r"^(?:macOS|Mac OS X|Mac_OS_X|Mac\+OS\+X)/([\d.]+)", "Mac (macOS {})"),
    (r"Thunderbird/([\d]+)", "Thunderbird {}"),
    (r"^Evolution/([\d.]+)", "Evolution, GNOME {}"),
    (r"gnome-online-accounts|evolution-data-server", "GNOME"),
    (r"CalDavSynchronizer(?:/([\d.]+))?", "Outlook CalDav Synchronizer {}"),
    (r"^vdirsyncer/([\d.]+)", "vdirsyncer {}"),
    (r"KOrganizer|Akonadi|DAV Groupware", "KDE"),
    (r"python-caldav/([\d.]+)|^caldav/([\d.]+)", "python-caldav {}"),
    (r"^curl/([\d.]+)", "curl {}"),
    (r"Firefox/(\d+)", "Firefox {}"),
    (r"Edg/(\d+)", "Edge {}"),
    (r"Chrome/(\d+)", "Chrome, Chromium {}"),
    (r"Version/(\d+).*Safari", "Safari {}"),
)
"""User-Agent → what people call it; the first that fits. ``{}`` is its version."""

log = logging.getLogger("davserver.auth")


@lru_cache(maxsize=512)
def client_name(agent: str) -> str:
    """What people call the client of a User-Agent; its first word where it is unknown."""
    for pattern, name in CLIENTS:
        if found := re.search(pattern, agent):
            version = next((part for part in found.groups() if part), "")
            return name.format(version).strip()
    return "".join(one for one in agent if one.isprintable()).partition(" ")[0][:100]


class Devices:
    """Notes who connects. Safe to share between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: dict[Seen, float] = {}

    def note(self, identity: Identity, environ: dict[str, Any]) -> None:
        """The person was here with this client; a request never fails for it."""
        shown = identity.credential
        credential_id = shown.id if isinstance(shown, AppPassword) else 0
        agent = client_name(environ.get("HTTP_USER_AGENT", "")[:500])
        seen = Seen(identity.principal.id, credential_id, agent, client_address(environ)[:100])
        moment = time.monotonic()
        if self._written.get(seen, -SECONDS) > moment - SECONDS:
            return
        if len(self._written) >= MOST:
            self._written.clear()
        self._written[seen] = moment
        try:
            with self._store.write() as tx:
                devices.note(tx, seen)
        except DBAPIError as error:
            log.warning("a device was not noted: %s", str(error.orig).partition("\n")[0])
