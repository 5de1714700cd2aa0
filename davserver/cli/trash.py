"""List, restore and remove for good what lies in somebody's trash."""

from __future__ import annotations

import argparse
import time

from davserver.cli.common import add_action, office
from davserver.errors import DavServerError
from davserver.jobs import trash


class NotConfirmed(DavServerError):
    """Nothing is removed for good without --yes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("list", "list what lies there"),
        ("restore", "put it back, with all that was in it"),
        ("remove", "remove it for good"),
    ):
        made = add_action(actions, name, text)
        made.add_argument("user", metavar="USER", help="whose trash")
        if name != "list":
            made.add_argument("number", metavar="NUMBER", type=int, help="as list shows it")
        if name == "remove":
            made.add_argument("--yes", action="store_true", help="really")


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        if args.action == "list":
            with here.store.read() as tx:
                gone = trash.listing(tx, args.user)
            for one in gone:
                when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.at))
                kept = one.collection
                title = kept.display_name or one.name
                print(f"{kept.id:6}  {kept.kind.value:11}  {kept.item_count:6} entries  {when}Z  {title}")
        elif args.action == "restore":
            back = trash.restore(here, args.user, args.number)
            print(f"{back.kind.value}s/{args.user}/{back.name} is back.")
        else:
            if not args.yes:
                raise NotConfirmed("It would be gone for good: add --yes.")
            gone_for_good = trash.remove(here, args.user, args.number)
            print(f"Removed {gone_for_good.name} with {gone_for_good.collection.item_count} entries.")
    return 0
