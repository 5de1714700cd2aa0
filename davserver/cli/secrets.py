"""Renew the key of the stored passwords and addresses."""

from __future__ import annotations

import argparse

from davserver.cli import fail
from davserver.cli.common import office
from davserver.jobs import secrets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("rotate", help="encrypt everything anew: by a new key, or the first of the settings")
    actions.add_parser("check", help="say whether everything can be decrypted")


def run(args: argparse.Namespace) -> int:
    return {"rotate": _rotate, "check": _check}[args.action](args)


def _rotate(args: argparse.Namespace) -> int:
    with office(args) as here:
        count = secrets.rotate(here)
    print(f"{count} secrets have a new key.")
    return 0


def _check(args: argparse.Namespace) -> int:
    with office(args) as here:
        good, bad = secrets.check(here)
    if bad:
        return fail(f"{bad} of {good + bad} secrets cannot be decrypted: the key is missing or another one")
    print(f"All {good} secrets can be decrypted.")
    return 0
