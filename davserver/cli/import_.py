"""Bring .ics, .vcf (also in gzip or zip) or an archive of everything into an account."""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from davserver.cli.common import collection_arguments, named_collection, office
from davserver.errors import DavServerError
from davserver.jobs import archive, transfer, users
from davserver.jobs.arrivals import Policy, Refusal
from davserver.jobs.office import Office
from davserver.jobs.transfer import Progress, Report, Watch, Wish

SHOWN = 20
"""Refusals that are printed; all of them go to --report."""


class Refused(DavServerError):
    """The arguments do not fit together."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="the file; - for standard input")
    collection_arguments(parser, required=False)
    parser.add_argument(
        "--policy",
        choices=[one.value for one in Policy],
        default=Policy.SKIP.value,
        help="what to do with an item whose UID is there already (default: skip)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would happen")
    parser.add_argument("--report", metavar="CSV", type=Path, help="write what was refused, and why")
    parser.add_argument("--undo", metavar="NUMBER", type=int, help="take an earlier import back")


def run(args: argparse.Namespace) -> int:
    if args.undo is not None:
        with office(args) as here:
            report = transfer.undo(here, args.undo)
        print(
            f"Removed {report.removed}, restored {report.restored}, "
            f"left {report.kept} that were changed since."
        )
        return 0
    if args.file is None or args.user is None:
        raise Refused("Which FILE, and whose (--user NAME)?")
    with office(args) as here, _opened(args.file) as file:
        wish = Wish(Policy(args.policy), Path(args.file).name, args.dry_run)
        refusals = _import(here, args, file, wish)
    if args.report:
        _write_report(args.report, refusals)
    return 1 if refusals else 0


def _import(here: Office, args: argparse.Namespace, file: BinaryIO, wish: Wish) -> list[Refusal]:
    """One collection or, from an archive, all; prints what came of it."""
    if archive.is_archive(file):
        if args.calendar or args.addressbook:
            raise Refused("This is an archive of a whole account: leave --calendar and --addressbook away.")
        with here.store.read() as tx:
            owner = users.find_user(tx, args.user)
        brought = archive.import_archive(here, owner, file, wish, _watch())
        for label, report in brought.reports.items():
            print(f"{label}: {_told(report)}")
        for name in brought.strangers:
            print(f"{name} has no account here and gets no access.")
        reports = list(brought.reports.values())
        undo = [number for number, one in zip(brought.transfers, reports, strict=False) if one.written]
    else:
        target = named_collection(here, args)
        reports = [transfer.import_file(here, target, file, wish, _watch())]
        print(_told(reports[0]))
        undo = [transfer.newest(here, target)] if reports[0].written and not wish.dry_run else []
    refusals = [one for report in reports for one in report.refusals]
    _print_refusals(refusals, sum(report.refused for report in reports))
    for number in undo:
        print(f"To take it back: davserver import --undo {number}", file=sys.stderr)
    return refusals


def _told(report: Report) -> str:
    counts = {name: getattr(report, name) for name in ("created", "replaced", "copied", "skipped", "refused")}
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "nothing to do"


def _print_refusals(refusals: list[Refusal], total: int) -> None:
    for one in refusals[:SHOWN]:
        place = f"{one.file}, line {one.line}" if one.file else f"line {one.line}"
        print(f"  {place}: {one.title or one.uid or '?'}: {one.reason}")
    if total > SHOWN:
        print(f"  … and {total - SHOWN} more: see --report")


def _write_report(target: Path, refusals: list[Refusal]) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(transfer.report_rows(refusals))


def _watch() -> Watch:
    """A line that tells the progress, where a person looks at it."""
    if not sys.stderr.isatty():
        return transfer.unwatched

    def show(progress: Progress) -> None:
        what = "Reading" if progress.reading else "Writing"
        percent = 100 * progress.done // progress.total if progress.total else 0
        end = "\n" if not progress.reading and progress.done == progress.total else ""
        print(f"\r{what} … {percent:3} %", end=end, file=sys.stderr, flush=True)

    return show


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    """The file, which can be sought in; standard input goes to a temporary one for that."""
    if name != "-":
        with open(name, "rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as spooled:
        shutil.copyfileobj(sys.stdin.buffer, spooled)
        spooled.seek(0)
        yield spooled
