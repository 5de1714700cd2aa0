"""What the commands share: settings from the arguments, and an opened, current database."""

from __future__ import annotations

import argparse
import getpass
import logging
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from davserver import config
from davserver.config import Settings
from davserver.errors import DavServerError, HttpError
from davserver.jobs import setup, users
from davserver.jobs.office import Office
from davserver.jobs.settings import in_force
from davserver.model import Collection, CollectionKind
from davserver.storage import Store, collections, migrations, open_store, transfers

log = logging.getLogger("davserver.cli")

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


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
        yield Office(store, in_force(store, settings), actor=f"{_person()} at the command line")


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry for this user id (containers)
        return f"user id {os.getuid()}"


def recover(settings: Settings) -> None:
    """Roll back imports that died with their process. The server works without it."""
    try:
        with opened(settings) as store:
            with store.read() as tx:
                if not transfers.stale(tx):
                    return
            from davserver.jobs import transfer  # loaded where an import died, which is seldom

            transfer.recover(Office(store, settings, actor="the server"))
    except DatabaseUnavailable as exc:
        log.warning("imports that died were not looked for: %s", exc)


def tidy_daily(settings: Settings) -> None:
    """Forget what is old enough, once a day. The server works without it."""
    from davserver.jobs import tidy  # loads what imports and the trash need; most commands do without

    try:
        with opened(settings) as store:
            if tidy.claim(store):
                tidy.tidy(store, in_force(store, settings))
    except DatabaseUnavailable as exc:
        log.warning("nothing was tidied: %s", exc)


def first_steps(settings: Settings) -> tuple[str, ...]:
    """What to do while there is no account yet, with the set-up code; nothing later on."""
    with opened(settings) as store:
        migrations.ensure(store)
        code = setup.setup_code(store, settings)
    if code is None:
        return ()
    return (
        "There is no account yet. Open /admin/setup in a browser with the set-up code, or type:",
        f"    {_this_command(settings)} user add NAME --email NAME@HOST --display-name 'Your Name' --admin",
        f"Set-up code: {code} (also in {setup.setup_file(settings)})",
        "",
    )


def _this_command(settings: Settings) -> str:
    """How to call this program again for the same data, to be pasted into a shell."""
    typed = Path(sys.argv[0])
    command = shlex.quote(str(typed)) if typed.name == "davserver" else f"{sys.executable} -m davserver"
    if settings.source:
        return f"{command} --config {shlex.quote(str(settings.source))}"
    return f"DAVSERVER_DATA_DIR={shlex.quote(str(settings.storage.data_dir))} {command}"


def add_action(actions: Actions, name: str, text: str) -> argparse.ArgumentParser:
    """An action of a command; the same words stand in the list and above its own help."""
    return actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")


def collection_action(actions: Actions, name: str, text: str) -> argparse.ArgumentParser:
    """An action on one collection."""
    made = add_action(actions, name, text)
    collection_arguments(made, required=True)
    return made


def collection_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Whose, and which calendar or address book."""
    parser.add_argument("--user", metavar="NAME", required=required, help="the account")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--calendar", metavar="NAME", help="a calendar, by the last part of its address")
    which.add_argument("--addressbook", metavar="NAME", help="an address book, likewise")


def named_collection(here: Office, args: argparse.Namespace) -> Collection:
    """The collection that the arguments name."""
    kind = CollectionKind.ADDRESSBOOK if args.addressbook else CollectionKind.CALENDAR
    name = args.addressbook or args.calendar
    with here.store.read() as tx:
        owner = users.find_user(tx, args.user)
        owned = collections.of_owner(tx, owner.id, kind)
    found = next((one for one in owned if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in owned) or "none"
        what = "--addressbook" if args.addressbook else "--calendar"
        raise HttpError(404, f"Which one ({what} NAME)? {args.user} has: {known}.")
    return found
