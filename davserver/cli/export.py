"""Write a calendar, an address book or everything of an account to a file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from davserver.cli.common import collection_arguments, named_collection, office
from davserver.jobs import archive, export, users
from davserver.jobs.office import Office


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Without --calendar and --addressbook: everything, as one zip that `import` reads."
    collection_arguments(parser, required=True)
    parser.add_argument("--output", "-o", metavar="FILE", type=Path, help="default: standard output")


def run(args: argparse.Namespace) -> int:
    with office(args) as here:
        pieces = _pieces(here, args)
        if args.output is None:
            for piece in pieces:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
        else:
            _write(args.output, pieces)
    return 0


def _pieces(here: Office, args: argparse.Namespace) -> Iterator[bytes]:
    if not (args.calendar or args.addressbook):
        with here.store.read() as tx:
            owner = users.find_user(tx, args.user)
        yield from archive.export_all(here, owner)
        return
    target = named_collection(here, args)
    with here.store.read() as tx:
        yield from export.export_collection(tx, target)


def _write(target: Path, pieces: Iterator[bytes]) -> None:
    """The file is there whole or not at all, and only its owner can read it."""
    partial = target.with_name(target.name + ".part")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
