"""Earlier versions of events, tasks and contacts: list and restore them, or everything as it was."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from davserver.cli.common import collection_action, named_collection, office
from davserver.errors import DavServerError
from davserver.jobs import history
from davserver.jobs.office import Office
from davserver.jobs.places import Place


class NoTime(DavServerError):
    """What was typed is no time."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    collection_action(actions, "deleted", "list deleted items, newest first")
    one = collection_action(actions, "item", "list the earlier versions of one item")
    one.add_argument("item", metavar="NAME")
    restore = collection_action(actions, "restore", "put one version back")
    restore.add_argument("version", metavar="NUMBER", type=int, help="as the lists show it")
    as_of = collection_action(actions, "as-of", "make the whole collection as it was")
    as_of.add_argument("time", metavar="TIME", help="such as 2026-05-04T10:00 (UTC, or with an offset)")
    as_of.add_argument("--dry-run", action="store_true", help="only say what would change")


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        target = named_collection(here, args)
        place = Place(args.user, target.kind, target.name)
        if args.action in ("deleted", "item"):
            return _list(here, place, args)
        if args.action == "restore":
            item = history.restore_item(here, place, args.version)
            print(f"{item.name} is as it was.")
            return 0
        moment = _moment(args.time)
        if args.dry_run:
            with here.store.read() as tx:
                changes, would = history.would_change(tx, place, moment), "would be "
        else:
            changes, would = history.restore_as_of(here, place, moment), ""
    print(f"{changes.restored} items {would}restored, {changes.removed} {would}removed.")
    return 0


def _list(here: Office, place: Place, args: argparse.Namespace) -> int:
    with here.store.read() as tx:
        if args.action == "item":
            found = list(history.versions(tx, place, args.item).versions)
        else:
            found = history.deleted(tx, place)
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.at))
        print(f"{one.id:6}  until {when}Z  {one.reason} by {one.actor or '?'}  {one.size} bytes  {one.name}")
    return 0


def _moment(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise NoTime(f"{text} is no time such as 2026-05-04T10:00.") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
