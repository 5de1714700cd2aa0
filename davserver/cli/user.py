"""Add, list, change and remove accounts."""

from __future__ import annotations

import argparse
import getpass
import sys
import unicodedata
from dataclasses import replace

from davserver.cli.common import Actions, add_action, office
from davserver.errors import DavServerError
from davserver.jobs import password_links, second_factor, users
from davserver.storage import principals

PROFILE = ("display_name", "email", "language", "timezone")
EDITED = {
    "display-name": "the name that others see",
    "email": "mail address",
    "timezone": "IANA time zone",
}


class Refused(DavServerError):
    """What was typed cannot be used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = _action(actions, "add", "add an account with its calendar and address book")
    add.add_argument("--email", default="", help="mail address (invitations need it)")
    add.add_argument("--display-name", default="", help="the name that others see")
    add.add_argument("--admin", action="store_true", help="may administer the server")
    _password_arguments(add)
    _password_arguments(_action(actions, "passwd", "set a new password"))
    edit = _action(actions, "edit", "change what is known of the account, and its rights")
    for option, text in EDITED.items():
        edit.add_argument(f"--{option}", metavar="TEXT", help=text)
    edit.add_argument("--language", choices=["en", "fr", "de"], help="of the pages")
    edit.add_argument("--quota", metavar="BYTES", type=int, help="0 for none")
    edit.add_argument("--admin", action=argparse.BooleanOptionalAction, help="may administer the server")
    _action(actions, "password-link", "print a link by which the user gives himself a new password, once")
    _action(actions, "disable", "refuse the account's logins; its data stays")
    _action(actions, "enable", "undo disable")
    _action(actions, "second-factor-off", "let the account sign in to the pages without its second factor")
    remove = _action(actions, "remove", "remove the account and everything it owns")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    add_action(actions, "list", "list all accounts")


def _action(actions: Actions, name: str, text: str) -> argparse.ArgumentParser:
    parser = add_action(actions, name, text)
    parser.add_argument("name", metavar="NAME", help="user name")
    return parser


def _password_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input (one line)"
    )


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action](args)


def _add(args: argparse.Namespace) -> int:
    users.check_user_name(args.name)
    user = users.NewUser(args.name, _password(args), args.email, args.display_name, args.admin)
    with office(args) as here:
        principal = users.create_user(here, user)
    print(f"Added {principal.name}.")
    return 0


def _passwd(args: argparse.Namespace) -> int:
    with office(args) as here:
        with here.store.read() as tx:
            name = users.find_user(tx, args.name).name
        users.set_password(here, name, _password(args))
    print(f"{name} has a new password.")
    return 0


def _edit(args: argparse.Namespace) -> int:
    given = {name: value for name in PROFILE if (value := getattr(args, name)) is not None}
    with office(args) as here:
        with here.store.read() as tx:
            user = users.find_user(tx, args.name)
        profile = replace(users.Profile(user.display_name, user.email, user.language, user.timezone), **given)
        admin = user.admin if args.admin is None else args.admin
        quota = user.quota if args.quota is None else args.quota or None
        users.change_account(here, user.name, users.Account(profile, admin, user.disabled, quota))
    print(f"Changed {user.name}.")
    return 0


def _password_link(args: argparse.Namespace) -> int:
    with office(args) as here:
        token = password_links.make(here, args.name)
        server = here.settings.server
    base = (server.base_url or "http://YOUR-SERVER") + server.url_prefix
    print(f"{base}/account/new-password/{token}")
    print(f"It works once, within {password_links.HOURS} hours.", file=sys.stderr)
    return 0


def _disable(args: argparse.Namespace) -> int:
    disabled = args.action == "disable"
    with office(args) as here:
        users.set_disabled(here, args.name, disabled=disabled)
    print(f"{args.name} is {'disabled' if disabled else 'enabled'}.")
    return 0


def _second_factor_off(args: argparse.Namespace) -> int:
    with office(args) as here:
        second_factor.remove(here, args.name)
    print(f"{args.name} signs in without a second factor.")
    return 0


def _remove(args: argparse.Namespace) -> int:
    with office(args) as here:
        with here.store.read() as tx:
            name = users.find_user(tx, args.name).name
        if not args.yes and sys.stdin.isatty():
            print(f"This removes {name} with all calendars, contacts and their history.")
            if unicodedata.normalize("NFC", input("Type the user name to go on: ")) != name:
                raise Refused("Nothing was removed.")
        users.remove_user(here, name)
    print(f"Removed {name}.")
    return 0


def _list(args: argparse.Namespace) -> int:
    with office(args) as here, here.store.read() as tx:
        users = [item for item in principals.list_all(tx) if item.kind == "user"]
    if not users:
        print(f"There is no account yet in {here.settings.storage.data_dir}.", file=sys.stderr)
    width = max((len(user.name) for user in users), default=0)
    for user in users:
        marks = [word for word, is_set in (("admin", user.admin), ("disabled", user.disabled)) if is_set]
        line = f"{user.name:{width}}  {user.email or '-'}  {user.display_name}  {', '.join(marks)}"
        print(line.rstrip())
    return 0


ACTIONS = {
    "add": _add,
    "list": _list,
    "passwd": _passwd,
    "edit": _edit,
    "password-link": _password_link,
    "disable": _disable,
    "enable": _disable,
    "second-factor-off": _second_factor_off,
    "remove": _remove,
}


def _password(args: argparse.Namespace) -> str:
    """The password from standard input, or typed twice where a person sits."""
    if args.password_stdin:
        return sys.stdin.buffer.readline().decode("utf-8", "replace").rstrip("\r\n")
    if not sys.stdin.isatty():
        raise Refused("No password: add --password-stdin and give it on standard input.")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise Refused("The two passwords differ.")
    return password
