"""Keep calendars and address books in step with those on other servers."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

from davserver import sentences
from davserver.cli import fail
from davserver.cli.common import office
from davserver.errors import DavServerError, HttpError
from davserver.jobs.office import Office
from davserver.jobs.users import find_user
from davserver.model import Direction, Policy, Principal
from davserver.storage import principals, remote
from davserver.sync import accounts, quirks
from davserver.sync.desk import Progress
from davserver.sync.discover import Discovered
from davserver.sync.run import Options, RunResult

Actions: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


class Refused(DavServerError):
    """What was typed cannot be used."""


# -- arguments ---------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_arguments(actions)
    shown = actions.add_parser("list", help="list the accounts, or one with its collections")
    shown.add_argument("account", metavar="ID", nargs="?", type=int)
    chosen = actions.add_parser("choose", help="synchronise a collection, or change how")
    chosen.add_argument("collection", metavar="COLLECTION", type=int, help="number in `remote list ID`")
    chosen.add_argument("--direction", choices=[one.value for one in Direction], default="two-way")
    chosen.add_argument("--conflicts", choices=[one.value for one in Policy], default="remote")
    chosen.add_argument("--stop", action="store_true", help="synchronise it no longer; both sides keep it")
    sync = actions.add_parser("sync", help="synchronise now, all accounts or one")
    sync.add_argument("account", metavar="ID", nargs="?", type=int)
    sync.add_argument("--dry-run", action="store_true", help="only print what would be done")
    answered = actions.add_parser("answer", help="answer the question about many deletions")
    answered.add_argument("collection", metavar="COLLECTION", type=int)
    answered.add_argument("answer", choices=["accept", "restore"])
    logged = actions.add_parser("log", help="what the last runs did")
    logged.add_argument("account", metavar="ID", type=int)
    removed = actions.add_parser("remove", help="disconnect an account; the other server keeps everything")
    removed.add_argument("account", metavar="ID", type=int)
    data = removed.add_mutually_exclusive_group(required=True)
    data.add_argument("--keep", action="store_true", help="what was synchronised stays here as usual")
    data.add_argument("--drop", action="store_true", help="what was synchronised is deleted here")


def _add_arguments(actions: Actions) -> None:
    add = actions.add_parser("add", help="connect an account on another server")
    add.add_argument("user", metavar="USER", help="whose account here")
    add.add_argument("address", metavar="ADDRESS", help="mail address, host or URL")
    add.add_argument("--username", default="", help="name there (default: the address)")
    add.add_argument("--label", default="", help="what to call it")
    add.add_argument("--preset", choices=[*quirks.PRESETS], help="default: by the address")
    add.add_argument("--token", action="store_true", help="the secret is a bearer token")
    add.add_argument("--agree", metavar="HOST", action="append", default=[], help="may get the password, too")
    add.add_argument("--fingerprint", default="", help="SHA-256 of the server's certificate, instead of a CA")
    add.add_argument("--every", metavar="MINUTES", type=int, default=15, help="5 to 1440 (default: 15)")
    add.add_argument("--all", action="store_true", help="synchronise everything that is there")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        return ACTIONS[args.action](here, args)


# -- actions -----------------------------------------------------------------------------------------


def _add(here: Office, args: argparse.Namespace) -> int:
    with here.store.read() as tx:
        owner = find_user(tx, args.user)
    preset = args.preset or quirks.preset_for(args.address).name
    for step in quirks.PRESETS[preset].steps:
        print(f"  {step}", file=sys.stderr)
    new = accounts.NewAccount(
        args.address,
        args.username,
        _password(args),
        label=args.label,
        preset=preset,
        auth_kind="bearer" if args.token else "basic",
        fingerprint=args.fingerprint,
        hosts=tuple(args.agree),
        interval=args.every * 60,
    )
    added = accounts.add_account(here, owner, new)
    _print_trace(added.found)
    if added.account_id is None:
        return fail(added.found.remedy)
    view = accounts.view(here, owner, added.account_id)
    if args.all:
        for one in view.collections:
            accounts.choose(here, owner, one.remote.id, accounts.Choice())
    print(f"Connected: account {added.account_id}, “{view.account.label}”.")
    _print_collections(accounts.view(here, owner, added.account_id))
    return 0


def _print_trace(found: Discovered) -> None:
    for one in found.trace:
        print(f"  {'+' if one.ok else '-'} {one.what}: {one.outcome}", file=sys.stderr)


def _list(here: Office, args: argparse.Namespace) -> int:
    if args.account is not None:
        owner = _owner(here, args.account)
        view = accounts.view(here, owner, args.account)
        _print_account(owner, view)
        _print_collections(view)
        return 0
    with here.store.read() as tx:
        people = [one for one in principals.list_all(tx) if one.kind == "user"]
    for owner in people:
        for view in accounts.listing(here, owner):
            _print_account(owner, view)
    return 0


def _print_account(owner: Principal, view: accounts.AccountView) -> None:
    account = view.account
    print(f"{account.id}  {owner.name}  {account.label}  last success {_moment(account.last_ok)}")
    if account.error_code:
        print(f"    {account.error_text}")
    if advice := view.advice:
        print(f"    {advice.meaning} {advice.remedy}")


def _print_collections(view: accounts.AccountView) -> None:
    for one in view.collections:
        row = one.remote
        state = (
            f"{row.direction}, {row.policy} wins, {one.linked} items"
            if row.subscribed
            else "not synchronised"
        )
        print(f"    {row.id}  {row.kind.value}  {row.display_name or row.href}  {state}")
        if one.troubled:
            print(f"        {one.troubled} items are not in step")
        if one.question:
            place = "here" if one.question.side == "here" else "on the server"
            print(f"        {one.question.count} of {one.question.known} items would be deleted {place}:")
            print(f"        `davserver remote answer {row.id} accept` or `… restore`")
        elif row.error_text:
            print(f"        {row.error_text}")


def _choose(here: Office, args: argparse.Namespace) -> int:
    owner, _ = _owner_of_collection(here, args.collection)
    if args.stop:
        accounts.unsubscribe(here, owner, args.collection)
        print("It is synchronised no longer.")
        return 0
    choice = accounts.Choice(Direction(args.direction), Policy(args.conflicts))
    accounts.choose(here, owner, args.collection, choice)
    print("It is synchronised from the next run on.")
    return 0


def _sync(here: Office, args: argparse.Namespace) -> int:
    with here.store.read() as tx:
        known = [one.id for one in remote.accounts_of(tx) if one.active]
    wanted = known if args.account is None else [args.account]
    failed = 0
    for account_id in wanted:
        owner = _owner(here, account_id)
        if args.dry_run:
            _print_plan(here, owner, account_id)
        else:
            result = accounts.sync_now(here, owner, account_id, Options(reason="command", report=_show))
            failed += _print_result(account_id, result)
    return 1 if failed else 0


def _print_plan(here: Office, owner: Principal, account_id: int) -> None:
    for title, steps in accounts.dry_run(here, owner, account_id).items():
        print(f"{account_id}  {title}: {len(steps)} steps")
        for step in steps:
            print(f"    {step.action.value:12} {step.name or '-'}  {step.href or '-'}")


def _print_result(account_id: int, result: RunResult) -> bool:
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(result.counts.items()))
    print(f"{account_id}  {counts or 'nothing to do'} ({result.requests} requests)")
    if not result.ok:
        print(f"    {result.text}", file=sys.stderr)
    return not result.ok


def _show(progress: Progress) -> None:
    """Progress on a terminal, over and over on one line."""
    if progress.total and sys.stderr.isatty():
        end = "\n" if progress.done >= progress.total else ""
        text = f"\r{progress.collection}: {progress.phase} {progress.done} of {progress.total}"
        print(text, end=end, file=sys.stderr, flush=True)


def _answer(here: Office, args: argparse.Namespace) -> int:
    owner, _ = _owner_of_collection(here, args.collection)
    with here.store.read() as tx:
        row = remote.collection(tx, args.collection)
    question = accounts.question_of(row) if row else None
    if question is None:
        raise Refused("There is no open question.")
    accounts.answer(here, owner, args.collection, question.token, accept=args.answer == "accept")
    print("The next run does so.")
    return 0


def _log(here: Office, args: argparse.Namespace) -> int:
    for one in accounts.runs(here, _owner(here, args.account), args.account):
        seconds = one.ended - one.started
        counts = f"pulled {one.pulled}, pushed {one.pushed}, deleted {one.removed_here}/{one.removed_there}"
        more = f", {one.conflicts} conflicts" if one.conflicts else ""
        print(f"{_moment(one.started)}  {seconds} s  {one.reason}  {counts}{more}, {one.requests} requests")
        if one.error_text:
            print(f"    {one.error_text}")
        for title, told in sentences.load(one.detail or "{}").items():
            if text := told.get("text"):
                print(f"    {title}: {text}")
    return 0


def _remove(here: Office, args: argparse.Namespace) -> int:
    accounts.remove(here, _owner(here, args.account), args.account, keep=args.keep)
    print("Disconnected.")
    return 0


ACTIONS: dict[str, Callable[[Office, argparse.Namespace], int]] = {
    "add": _add,
    "list": _list,
    "choose": _choose,
    "sync": _sync,
    "answer": _answer,
    "log": _log,
    "remove": _remove,
}


# -- helpers -----------------------------------------------------------------------------------------


def _owner(here: Office, account_id: int) -> Principal:
    """Whose account it is: the command line acts for everybody."""
    with here.store.read() as tx:
        account = remote.account(tx, account_id)
        owner = principals.by_id(tx, account.owner_id) if account else None
    if owner is None:
        raise HttpError(404, f"There is no account {account_id}.")
    return owner


def _owner_of_collection(here: Office, remote_id: int) -> tuple[Principal, int]:
    with here.store.read() as tx:
        row = remote.collection(tx, remote_id)
    if row is None:
        raise HttpError(404, f"There is no collection {remote_id}.")
    return _owner(here, row.account_id), row.account_id


def _password(args: argparse.Namespace) -> str:
    if args.password_stdin:
        return sys.stdin.buffer.readline().decode("utf-8", "replace").rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Refused("No password: add --password-stdin and give it on standard input.")
    return getpass.getpass("Password there: ")


def _moment(seconds: int | None) -> str:
    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
