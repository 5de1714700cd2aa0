"""Upgrade, check, back up and re-index the database."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from davserver.cli import fail
from davserver.cli.common import opened, settings_of
from davserver.config import Settings
from davserver.content import index
from davserver.errors import DavServerError
from davserver.jobs import tidy
from davserver.model import CollectionKind, ItemIndex
from davserver.storage import Store, maintenance, migrations


class NoBackup(DavServerError):
    """This database is backed up by its own tools."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("upgrade", help="bring the tables to this version (SQLite: after a copy)")
    actions.add_parser("check", help="look for damage")
    actions.add_parser("reindex", help="write anew what queries are answered from")
    actions.add_parser("tidy", help="forget history beyond storage.history_days (`serve` does it daily)")
    backup = actions.add_parser("backup", help="copy an SQLite database while the server runs")
    backup.add_argument("file", metavar="FILE", nargs="?", type=Path, help="default: in the data directory")


def run(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    with opened(settings) as store:
        if args.action != "upgrade" and (found := migrations.current(store)) != migrations.HEAD:
            needed = f"{migrations.HEAD} is needed: `davserver db upgrade`"
            return fail(f"the tables are at version {found}, {needed}")
        if args.action == "backup":
            return _backup(store, args.file)
        return ACTIONS[args.action](store, settings)


def _upgrade(store: Store, settings: Settings) -> int:
    found = migrations.current(store)
    copied = None if found == migrations.HEAD else migrations.upgrade(store)
    if copied:
        print(f"The database as it was: {copied}")
    print(f"The tables are at version {migrations.HEAD}.")
    return 0


def _check(store: Store, settings: Settings) -> int:
    problems = maintenance.problems(store)
    for problem in problems:
        print(problem)
    if problems:
        return fail(f"{len(problems)} problems found")
    print("No damage found.")
    return 0


def _reindex(store: Store, settings: Settings) -> int:
    def index_of(kind: CollectionKind, body: bytes) -> ItemIndex:
        if kind is CollectionKind.CALENDAR:
            return index.of_calendar_object(body, settings.caldav)
        return index.of_card(body, settings.carddav)

    count = refused = 0
    for step in maintenance.reindex(store, index_of):
        if isinstance(step, int):
            count = step
        else:
            refused += 1
            print(f"{step.collection}/{step.name}: {step.reason}")
    print(f"Indexed {count - refused} of {count} items.")
    return 0


def _tidy(store: Store, settings: Settings) -> int:
    for name, count in tidy.tidy(store, settings).items():
        print(f"Forgot {count} {name}.")
    return 0


def _backup(store: Store, file: Path | None) -> int:
    if store.file is None:
        raise NoBackup("Only SQLite is copied by this command; use pg_dump or mariadb-dump here.")
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = file or store.file.with_name(f"davserver-{moment}.backup.db")
    if target.exists():
        raise NoBackup(f"{target} exists already.")
    maintenance.copy_to(store, target)
    print(target)
    return 0


ACTIONS = {"upgrade": _upgrade, "check": _check, "reindex": _reindex, "tidy": _tidy}
