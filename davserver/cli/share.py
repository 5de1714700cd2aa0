"""Share calendars and address books, see who has what, answer for somebody."""

from __future__ import annotations

import argparse

from davserver.cli.common import Actions, add_action, office
from davserver.jobs import places, sharing
from davserver.jobs.office import Office
from davserver.jobs.places import Place
from davserver.model import Access, CollectionKind, PrincipalKind, ShareState
from davserver.storage import principals

ANSWERS = {"accept": ShareState.ACCEPTED, "hide": ShareState.HIDDEN, "decline": ShareState.DECLINED}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = add_action(actions, "list", "who sees what")
    listing.add_argument("user", metavar="OWNER", nargs="?", help="only what this one shares")
    add = _action(actions, "add", "give it to a user or group, or change what he may do")
    add.add_argument("who", metavar="WHO", help="user, group or mail address")
    add.add_argument("--write", action="store_true", help="he may change what is in it, too")
    remove = _action(actions, "remove", "take it back")
    remove.add_argument("who", metavar="WHO", help="user, group or mail address")
    for name in ANSWERS:
        answer = _action(actions, name, f"{name} it on behalf of somebody with whom it is shared")
        answer.add_argument("who", metavar="WHO", help="on behalf of this user")


def _action(actions: Actions, name: str, text: str) -> argparse.ArgumentParser:
    made = add_action(actions, name, text)
    made.add_argument("user", metavar="OWNER", help="who owns it")
    made.add_argument("kind", metavar="KIND", choices=list(CollectionKind), help="calendar or addressbook")
    made.add_argument("name", metavar="NAME", help="the last part of its address")
    return made


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        if args.action == "list":
            return _list(here, args.user)
        place = Place(args.user, CollectionKind(args.kind), args.name)
        if args.action == "add":
            access = Access.READ_WRITE if args.write else Access.READ
            sharing.share(here, place, args.who, access)
            print(f"{args.who} has {place}: {access.value}.")
        elif args.action == "remove":
            sharing.revoke(here, place, args.who)
            print(f"{args.who} has {place} no longer.")
        else:
            with here.store.read() as tx:
                _, target = places.find(tx, place)
            state = ANSWERS[args.action]
            sharing.respond(here, args.who, target.id, state)
            print(f"{place} is {state.value} by {args.who}.")
    return 0


def _list(here: Office, owner: str | None) -> int:
    with here.store.read() as tx:
        if owner is not None:
            owners = [places.find_owner(tx, owner)]
        else:
            owners = [one for one in principals.list_all(tx) if one.kind is not PrincipalKind.GROUP]
        rows = sharing.matrix(tx, owners)
    for row in rows:
        for one in row.sharees:
            place = places.place_of(row.owner, row.collection)
            state = "" if one.state is ShareState.ACCEPTED else f"  ({one.state.value})"
            print(f"{place} → {one.principal.name}: {one.share.access.value}{state}")
    return 0
