"""List, show, store and delete events, tasks and contacts, as files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sqlalchemy import Connection

from davserver.cli.common import collection_action, named_collection, office
from davserver.errors import DavServerError
from davserver.jobs import items as jobs_items
from davserver.jobs import users
from davserver.jobs.office import Office
from davserver.model import Collection, Item, NewItem
from davserver.storage import items


class NoSuchItem(DavServerError):
    """The collection has nothing under that name."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    collection_action(actions, "list", "list the items: name, size, component, UID")
    for name, text in (
        ("show", "write an item to standard output, byte for byte"),
        ("put", "store a file under a name, new or in the place of another"),
        ("delete", "delete an item; it stays in the history for a time"),
    ):
        collection_action(actions, name, text).add_argument("item", metavar="NAME", help="such as lunch.ics")
    actions.choices["put"].add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="without one, standard input is read"
    )


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        target = named_collection(here, args)
        {"list": _list, "show": _show, "put": _put, "delete": _delete}[args.action](here, target, args)
    return 0


def _list(here: Office, target: Collection, args: argparse.Namespace) -> None:
    with here.store.read() as tx:
        for one in items.listing(tx, target.id):
            print(f"{one.name}  {one.size}  {one.component}  {one.uid}")


def _show(here: Office, target: Collection, args: argparse.Namespace) -> None:
    with here.store.read() as tx:
        found = items.get_with_body(tx, target.id, args.item)
    if found is None:
        raise NoSuchItem(f"There is no {args.item} in it; “davserver item list” shows what there is.")
    sys.stdout.buffer.write(found[1])


def _put(here: Office, target: Collection, args: argparse.Namespace) -> None:
    body = args.file.read_bytes() if args.file else sys.stdin.buffer.read()
    name = jobs_items.check_name(args.item)
    new = NewItem(name, body, jobs_items.check_body(target.kind, body, here.settings))
    with here.store.read() as tx:
        owner = users.find_user(tx, args.user)
    stored, is_new = jobs_items.write(here, (owner, target), new, _anything)
    print(f"{'Added' if is_new else 'Replaced'} {stored.name} ({stored.uid}).")


def _delete(here: Office, target: Collection, args: argparse.Namespace) -> None:
    jobs_items.remove(here, target, args.item, _anything)
    print(f"Deleted {args.item}.")


def _anything(tx: Connection, there: Item | None) -> None:
    """Who sits at the command line may."""
