"""Settings that were changed on the pages: stored in the database, under what file and environment say.

    environment  >  configuration file  >  the pages  >  default

Whoever installs the server has the last word: a key that the file or the environment sets is shown on the
pages and cannot be changed there, and a server that a wrong choice locked out is opened by a line in the
file. Every process looks every other second (``app.Server``) whether something was changed.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from davserver import config
from davserver.config import Settings
from davserver.errors import ConfigError, HttpError
from davserver.jobs.office import Office
from davserver.sentences import Sentence
from davserver.storage import Store
from davserver.storage import settings as settings_table
from davserver.vault import Vault, VaultLocked

PREFIX = "config."
VERSION = "config-version"

log = logging.getLogger("davserver.settings")


def version(tx: Connection) -> str | None:
    """Changes whenever a setting is changed on the pages; None while none ever was."""
    return settings_table.get(tx, VERSION)


def in_force(store: Store, base: Settings) -> Settings:
    """The settings as they hold now: ``base`` (file and environment) over what was stored on the pages.

    What is stored and does not fit any more (after an upgrade, or beside a new line in the file) is left
    out and logged: it must not keep the server from starting.
    """
    with store.read() as tx:
        stored = settings_table.all_below(tx, PREFIX)
    values = {}
    for name, text in stored.items():
        try:
            values[name] = config.checked(name, _unpacked(base, name, text))
        except (ConfigError, VaultLocked, ValueError) as error:
            log.warning("the stored setting %s is left out: %s", name, error)
    try:
        return config.with_values(base, values)
    except ConfigError as error:
        log.warning("the settings stored on the pages are left out: %s", error)
        return base


def change(office: Office, values: Mapping[str, Any]) -> None:
    """Store other values (``section.key`` → value of the setting's type); a default is not stored.

    :raises HttpError: 400 naming every wrong key and its remedy; 409 where the file or environment fixes one.
    """
    for name in values:
        if name in office.settings.fixed or _field(name).metadata["where"] == config.FILE:
            raise HttpError(
                409, Sentence("%(name)s is set in the configuration file or the environment.", name=name)
            )
    try:
        config.with_values(office.settings, values)
    except ConfigError as error:
        raise HttpError(400, str(error)) from None
    with office.write("settings.change", ", ".join(sorted(values))) as tx:
        settings_table.put(tx, VERSION, secrets.token_hex(8))
        for name, value in values.items():
            if value == _field(name).default:
                settings_table.remove(tx, PREFIX + name)
            else:
                settings_table.put(tx, PREFIX + name, _packed(office.settings, name, value))


def _field(name: str) -> Any:
    section, _, key = name.partition(".")
    if section not in config.SECTIONS or key not in config.keys(section):
        raise HttpError(400, Sentence("There is no setting %(name)s.", name=name))
    return config.keys(section)[key]


def _packed(settings: Settings, name: str, value: Any) -> str:
    if _field(name).metadata["secret"]:
        return Vault(settings.storage).encrypt(json.dumps(value), context=PREFIX + name)
    return json.dumps(value)


def _unpacked(base: Settings, name: str, text: str) -> Any:
    section, _, key = name.partition(".")
    known = config.keys(section).get(key) if section in config.SECTIONS else None
    if known is not None and known.metadata["secret"]:
        text = Vault(base.storage).decrypt(text, context=PREFIX + name)
    return json.loads(text)
