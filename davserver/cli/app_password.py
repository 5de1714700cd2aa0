"""Make, list and revoke passwords for devices."""

from __future__ import annotations

import argparse
import time

from sqlalchemy import Connection

from davserver.cli.common import office
from davserver.errors import HttpError
from davserver.jobs import app_passwords, users
from davserver.jobs.app_passwords import Wanted
from davserver.model import CollectionKind, Principal, Right, Scope
from davserver.storage import collections
from davserver.storage.engine import now

DAY = 86_400
RIGHTS = [right.value for right in Right]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="make one and print it, once", description="Make an app password.")
    add.add_argument("name", metavar="NAME", help="user name")
    add.add_argument("label", metavar="DEVICE", help="what it is for, such as 'Phone'")
    add.add_argument("--calendars", choices=RIGHTS, default="write", help="default: write")
    add.add_argument("--contacts", choices=RIGHTS, default="write", help="default: write")
    add.add_argument("--api", choices=RIGHTS, default="none", help="default: none")
    add.add_argument(
        "--only",
        action="append",
        metavar="KIND/NAME",
        help="a single collection, such as calendar/default or addressbook/work; may be given several times",
    )
    add.add_argument("--days", type=int, help="days until it expires; never without it")
    listing = actions.add_parser("list", help="list a user's", description="List a user's app passwords.")
    listing.add_argument("name", metavar="NAME", help="user name")
    revoke = actions.add_parser("revoke", help="refuse one at once", description="Revoke app passwords.")
    revoke.add_argument("name", metavar="NAME", help="user name")
    which = revoke.add_mutually_exclusive_group(required=True)
    which.add_argument("number", metavar="NUMBER", nargs="?", type=int, help="its number in the list")
    which.add_argument("--all", action="store_true", help="cut off all devices")


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action](args)


def _add(args: argparse.Namespace) -> int:
    with office(args) as here:
        with here.store.read() as tx:
            owner = users.find_user(tx, args.name)
            only = frozenset(_collection(tx, owner, one) for one in args.only) if args.only else None
        scope = Scope(Right(args.calendars), Right(args.contacts), Right(args.api), only)
        expires = None if args.days is None else now() + args.days * DAY
        made = app_passwords.create(here, owner.name, Wanted(args.label, scope, expires, "cli"))
    print(made.password)
    return 0


def _collection(tx: Connection, owner: Principal, text: str) -> int:
    """The id behind ``calendar/default``."""
    kind, _, name = text.partition("/")
    known = {one.value: one for one in CollectionKind}
    found = collections.get(tx, owner.name, known[kind], name) if kind in known else None
    if found is None:
        raise HttpError(404, f"{owner.name} has no {text}. Write calendar/NAME or addressbook/NAME.")
    return found.id


def _list(args: argparse.Namespace) -> int:
    with office(args) as here, here.store.read() as tx:
        held = app_passwords.listing(tx, users.find_user(tx, args.name))
    for one in held:
        used = _day(one.last_used) if one.last_used else "never"
        expires = f"expires {_day(one.expires)}" if one.expires else ""
        facts = (f"used {used}", one.last_agent, one.last_address, _opens(one.scope), expires)
        print(f"{one.id:>6}  {one.label}  " + ", ".join(fact for fact in facts if fact))
    return 0


def _opens(scope: Scope) -> str:
    rights = {"calendars": scope.calendars, "contacts": scope.contacts, "API": scope.api}
    words = [f"{name} {right}" for name, right in rights.items() if right is not Right.NONE]
    single = "" if scope.collections is None else f" ({len(scope.collections)} single collections)"
    return " ".join(words) + single


def _day(moment: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment))


def _revoke(args: argparse.Namespace) -> int:
    with office(args) as here:
        if args.all:
            print(f"Revoked {app_passwords.revoke_all(here, args.name)}.")
        else:
            print(f"Revoked {app_passwords.revoke(here, args.name, args.number).label}.")
    return 0


ACTIONS = {"add": _add, "list": _list, "revoke": _revoke}
