"""Subscribe an account to calendars elsewhere: add, list, refresh, remove."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping

from davserver import sentences
from davserver.cli import fail
from davserver.cli.common import office
from davserver.jobs import subscriptions as jobs
from davserver.jobs.office import Office
from davserver.jobs.users import find_user
from davserver.model import FeedState, Principal
from davserver.sync import feeds
from davserver.sync.work import Place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="subscribe to a calendar and fetch it")
    add.add_argument("user", metavar="USER")
    add.add_argument("url", metavar="URL", help="https://… or webcal://…; - reads it from standard input")
    add.add_argument("--name", default="", help="what the calendar is called; default: as it says itself")
    add.add_argument("--minutes", type=int, metavar="N", help="minutes between two fetches")
    for what in ("alarms", "attachments", "tasks"):
        add.add_argument(f"--{what}", action="store_true", help=f"keep {what}; else they are left out")
    listing = actions.add_parser("list", help="list subscriptions with their state")
    listing.add_argument("user", metavar="USER")
    for name, text in (
        ("refresh", "fetch now"),
        ("accept", "believe that the calendar is empty now, and fetch"),
        ("remove", "end a subscription"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("user", metavar="USER")
        action.add_argument("id", metavar="ID", type=int, help="as `list` shows it")
    action.add_argument("--keep", action="store_true", help="keep the events in a normal calendar")


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        with here.store.read() as tx:
            owner = find_user(tx, args.user)
        return ACTIONS[args.action](here, owner, args)


def _add(here: Office, owner: Principal, args: argparse.Namespace) -> int:
    url = sys.stdin.readline().strip() if args.url == "-" else args.url
    kept = {f"keep_{name}": getattr(args, name) for name in ("alarms", "attachments", "tasks")}
    key = jobs.add(here, owner, jobs.Wanted(url, args.name, minutes=args.minutes, **kept))
    return _fetch(here, owner, key)


def _refresh(here: Office, owner: Principal, args: argparse.Namespace) -> int:
    jobs.refresh(here, owner, args.id)
    return _fetch(here, owner, args.id)


def _accept(here: Office, owner: Principal, args: argparse.Namespace) -> int:
    jobs.accept(here, owner, args.id)
    return _fetch(here, owner, args.id)


def _fetch(here: Office, owner: Principal, key: int) -> int:
    feeds.run(Place(here.store, here.settings), key)
    with here.store.read() as tx:
        shown = jobs.get(tx, owner, key)
    print(_line(shown))
    skipped = sentences.load(shown.subscription.skipped or "[]")
    for title, reason in skipped:
        print(f"  left out: {title}: {reason}")
    if shown.subscription.state not in (FeedState.OK, FeedState.NEW):
        return fail(shown.subscription.error_text)
    return 0


def _list(here: Office, owner: Principal, args: argparse.Namespace) -> int:
    with here.store.read() as tx:
        found = jobs.of_owner(tx, owner)
    for shown in found:
        print(_line(shown))
        if shown.subscription.error_text:
            print(f"      {shown.subscription.error_text}")
    if not found:
        print(f"{owner.name} has no subscriptions.", file=sys.stderr)
    return 0


def _line(shown: jobs.Shown) -> str:
    one = shown.subscription
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.last_ok)) if one.last_ok else "never"
    return (
        f"{one.id:4}  {shown.title}  {one.host}  {one.state}  {shown.collection.item_count} entries, "
        f"fetched {when}"
    )


def _remove(here: Office, owner: Principal, args: argparse.Namespace) -> int:
    jobs.remove(here, owner, args.id, keep=args.keep)
    print("The calendar is a normal one now." if args.keep else "Removed.")
    return 0


ACTIONS: Mapping[str, Callable[[Office, Principal, argparse.Namespace], int]] = {
    "add": _add,
    "list": _list,
    "refresh": _refresh,
    "accept": _accept,
    "remove": _remove,
}
