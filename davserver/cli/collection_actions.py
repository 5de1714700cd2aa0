"""What `davserver calendar` and `davserver addressbook` do alike. No command of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from davserver.cli.common import add_action, office
from davserver.jobs import collections, trash
from davserver.jobs.collections import Details
from davserver.jobs.places import Place
from davserver.model import Collection, CollectionKind

Describe = Callable[[argparse.ArgumentParser], None]
Read = Callable[[argparse.Namespace, Collection | None], Details]


def add_arguments(parser: argparse.ArgumentParser, describe: Describe) -> None:
    """The actions; ``describe`` adds the arguments of add and edit."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    def action(name: str, text: str, *, named: bool) -> argparse.ArgumentParser:
        made = add_action(actions, name, text)
        made.add_argument("user", metavar="USER", help="whose")
        if named:
            made.add_argument("name", metavar="NAME", help="the last part of its address; see list")
        return made

    action("list", "list what somebody has, and what others share with him", named=False)
    add = action("add", "make one", named=False)
    add.add_argument("--name", default="", help="the last part of its address (default: made up)")
    describe(add)
    describe(action("edit", "change what is given, leave the rest", named=True))
    action("delete", "put it into the trash", named=True)
    order = action("order", "number them in this order", named=False)
    order.add_argument("names", metavar="NAME", nargs="+", help="the last parts of their addresses")


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments that describe either kind."""
    parser.add_argument("--display-name", metavar="TEXT", help="the name that people see")
    parser.add_argument("--description", metavar="TEXT", help="a text for people")


def given(argument: str | None, now: str | None) -> str:
    """What was given, else what it is now."""
    return (now or "") if argument is None else argument


def run(args: argparse.Namespace, kind: CollectionKind, read: Read) -> int:
    """Do one of them."""
    with office(args) as here:
        if args.action == "list":
            with here.store.read() as tx:
                return _list(collections.home(tx, args.user, kind))
        if args.action == "add":
            made = collections.create(here, args.user, kind, read(args, None), name=args.name)
            print(f"Added {Place(args.user, kind, made.name)}.")
            return 0
        if args.action == "order":
            collections.reorder(here, args.user, kind, args.names)
            print("Done.")
            return 0
        place = Place(args.user, kind, args.name)
        if args.action == "edit":
            with here.store.read() as tx:
                now = collections.get(tx, place)
            collections.edit(here, place, read(args, now))
            print(f"Changed {place}.")
            return 0
        gone = trash.delete(here, place)
    if gone is None:
        print(f"Deleted {place}; what was in it is in the history.")
    else:
        print(f"Deleted {place}. `davserver trash restore {args.user} {gone.collection.id}` brings it back.")
    return 0


def _list(here: collections.Home) -> int:
    rows = [(one.name, one.display_name or "", one.item_count, _shared(one)) for one in here.own]
    rows += [
        (
            one.view.name,
            one.collection.display_name or "",
            one.collection.item_count,
            f"of {one.owner.name}, {one.access.value}",
        )
        for one in here.shared
    ]
    width = max((len(row[0]) for row in rows), default=0)
    for name, title, count, note in rows:
        print(f"{name:{width}}  {count:6} entries  {title}{f'  ({note})' if note else ''}".rstrip())
    return 0


def _shared(one: Collection) -> str:
    return f"shared with {one.shares}" if one.shares else ""
