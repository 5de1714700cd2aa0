"""Public links at the command line: add, list, show again, revoke."""

from __future__ import annotations

import argparse
import time

from davserver.cli.common import Actions, add_action, office
from davserver.jobs import links
from davserver.jobs.links import Source, Wish
from davserver.jobs.office import Office
from davserver.jobs.users import find_user
from davserver.model import CollectionKind, Detail, Link, Principal, View
from davserver.vault import VaultLocked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = _action(actions, "add", "make a link to calendars (or to an address book)")
    add.add_argument("names", metavar="CALENDAR", nargs="*", default=["default"], help="default: default")
    add.add_argument("--addressbook", action="store_true", help="the names are address books")
    add.add_argument("--label", default="", help="who gets it, for your own list")
    add.add_argument("--detail", choices=list(Detail), default=Detail.FULL, help="how much is shown")
    add.add_argument("--days", type=int, metavar="N", help="the link ends after so many days")
    add.add_argument("--page", action="store_true", help="also show a page at .html")
    _action(actions, "list", "list a user's links with their addresses")
    revoke = _action(actions, "revoke", "remove a link: its address is not found from now on")
    revoke.add_argument("id", metavar="ID", type=int, help="as `davserver link list` shows it")


def _action(actions: Actions, name: str, text: str) -> argparse.ArgumentParser:
    parser = add_action(actions, name, text)
    parser.add_argument("user", metavar="USER", help="whose calendars")
    return parser


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        with here.store.read() as tx:
            owner = find_user(tx, args.user)
        return ACTIONS[args.action](args, here, owner)


def _add(args: argparse.Namespace, here: Office, owner: Principal) -> int:
    kind = CollectionKind.ADDRESSBOOK if args.addressbook else CollectionKind.CALENDAR
    expires = None if args.days is None else int(time.time()) + args.days * 86_400
    wish = Wish(label=args.label, view=View(Detail(args.detail)), expires=expires, page=args.page)
    link = links.create(here, owner, Source(kind, tuple(args.names)), wish)
    print(_address(here, link))
    return 0


def _list(args: argparse.Namespace, here: Office, owner: Principal) -> int:
    with here.store.read() as tx:
        found = links.of_owner(tx, owner)
    for link in found:
        names = ", ".join(held.name for held in link.collections) or "-"
        state = "" if link.active else "  paused"
        print(f"{link.id:5}  {link.label or '-'}  {names}  {link.view.detail}  {link.hits} hits{state}")
        print(f"       {_address(here, link)}")
    return 0


def _revoke(args: argparse.Namespace, here: Office, owner: Principal) -> int:
    links.remove(here, owner, args.id)
    print(f"Link {args.id} is gone.")
    return 0


def _address(here: Office, link: Link) -> str:
    """The whole address where server.base_url is set, else the path."""
    server = here.settings.server
    try:
        return links.address(server.base_url + server.url_prefix, links.token_of(here, link), link)
    except VaultLocked as locked:
        return f"(cannot be shown: {locked})"


ACTIONS = {"add": _add, "list": _list, "revoke": _revoke}
