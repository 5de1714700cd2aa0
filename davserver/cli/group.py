"""Groups with their members; rooms and equipment with who manages their calendars."""

from __future__ import annotations

import argparse

from davserver.cli.common import Actions, add_action, office
from davserver.jobs import groups
from davserver.jobs.groups import Described
from davserver.jobs.office import Office
from davserver.model import PrincipalKind
from davserver.storage import principals

KINDS = [one.value for one in groups.WORDS]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add_action(actions, "list", "list all of them")
    add = _action(actions, "add", "add a group, or a room or resource with its calendar")
    add.add_argument("--kind", choices=KINDS, default=KINDS[0], help="default: %(default)s")
    _describe(add)
    add.add_argument("--member", action="append", default=[], metavar="USER", help="(repeat it)")
    add.add_argument(
        "--manager", action="append", default=[], metavar="WHO", help="who keeps its calendar (repeat it)"
    )
    _describe(_action(actions, "edit", "describe it anew"))
    members = _action(actions, "members", "replace a group's members")
    members.add_argument("people", metavar="USER", nargs="*", help="all who shall be in it")
    managers = _action(actions, "managers", "replace who keeps a room's or resource's calendar")
    managers.add_argument("people", metavar="WHO", nargs="*", help="users and groups")
    _action(actions, "remove", "remove it; a room or resource with its calendar")


def _action(actions: Actions, name: str, text: str) -> argparse.ArgumentParser:
    made = add_action(actions, name, text)
    made.add_argument("name", metavar="NAME", help="its name, as in its address")
    return made


def _describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--display-name", default="", help="the name that people see")
    parser.add_argument("--email", default="", help="mail address")


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        if args.action == "list":
            return _list(here)
        if args.action == "add":
            _add(here, args)
        elif args.action == "edit":
            groups.edit(here, Described(args.name, args.display_name, args.email))
        elif args.action == "members":
            groups.set_members(here, args.name, args.people)
        elif args.action == "managers":
            groups.set_managers(here, args.name, args.people)
        else:
            groups.remove(here, args.name)
    print("Done.")
    return 0


def _add(here: Office, args: argparse.Namespace) -> None:
    new, kind = Described(args.name, args.display_name, args.email), PrincipalKind(args.kind)
    if kind is PrincipalKind.GROUP:
        groups.create_group(here, new, args.member)
    else:
        groups.create_resource(here, kind, new, args.manager)


def _list(here: Office) -> int:
    with here.store.read() as tx:
        found = [one for one in principals.list_all(tx) if one.kind in groups.WORDS]
        members = {one.id: principals.members_of(tx, one.id) for one in found}
    for one in found:
        names = ", ".join(member.name for member in members[one.id])
        print(f"{one.name}  {one.kind.value}  {one.display_name}{f'  ({names})' if names else ''}")
    return 0
