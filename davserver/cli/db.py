"""Upgrade, check, back up and re-index the database."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from davserver.cli import fail
from davserver.cli.common import opened, settings_of
from davserver.errors import DavServerError
from davserver.storage import Store, maintenance, migrations


class NoBackup(DavServerError):
    """This database is backed up by its own tools."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("upgrade", help="bring the tables to this version (SQLite: after a copy)")
    actions.add_parser("check", help="look for damage")
    backup = actions.add_parser("backup", help="copy an SQLite database while the server runs")
    backup.add_argument("file", metavar="FILE", nargs="?", type=Path, help="default: in the data directory")


def run(args: argparse.Namespace) -> int:
    with opened(settings_of(args)) as store:
        return ACTIONS[args.action](store, args)


def _upgrade(store: Store, args: argparse.Namespace) -> int:
    found = migrations.current(store)
    copied = None if found == migrations.HEAD else migrations.upgrade(store)
    if copied:
        print(f"The database as it was: {copied}")
    print(f"The tables are at version {migrations.HEAD}.")
    return 0


def _check(store: Store, args: argparse.Namespace) -> int:
    found = migrations.current(store)
    if found != migrations.HEAD:
        return fail(f"the tables are at version {found}, {migrations.HEAD} is needed: `davserver db upgrade`")
    problems = maintenance.problems(store)
    for problem in problems:
        print(problem)
    if problems:
        return fail(f"{len(problems)} problems found")
    print("No damage found.")
    return 0


def _backup(store: Store, args: argparse.Namespace) -> int:
    if store.file is None:
        raise NoBackup("Only SQLite is copied by this command; use pg_dump or mariadb-dump here.")
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = args.file or store.file.with_name(f"davserver-{moment}.backup.db")
    if target.exists():
        raise NoBackup(f"{target} exists already.")
    maintenance.copy_to(store, target)
    print(target)
    return 0


ACTIONS = {"upgrade": _upgrade, "check": _check, "backup": _backup}
