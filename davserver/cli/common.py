"""What the commands share: settings from the arguments, and an opened, current database."""

from __future__ import annotations

import argparse
import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from davserver import config
from davserver.config import Settings
from davserver.errors import DavServerError
from davserver.jobs import Office
from davserver.storage import Store, migrations, open_store


class DatabaseUnavailable(DavServerError):
    """The database cannot be reached or says no."""


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings, with ``--config`` where given."""
    return config.load(args.config)


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The database, closed afterwards; what the driver complains about becomes one readable line."""
    store = open_store(settings.storage)
    try:
        yield store
    except SQLAlchemyError as exc:
        reason = str(getattr(exc, "orig", None) or exc).strip().partition("\n")[0]
        raise DatabaseUnavailable(f"database {store.url!s}: {reason}") from exc
    finally:
        store.close()


@contextmanager
def office(args: argparse.Namespace) -> Iterator[Office]:
    """The opened database with a current schema, for a job done at the command line."""
    settings = settings_of(args)
    with opened(settings) as store:
        migrations.ensure(store)
        yield Office(store, settings, actor=f"{_person()} at the command line")


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry for this user id (containers)
        return f"user id {os.getuid()}"
