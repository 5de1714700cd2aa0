"""Look whether a server works as clients need it: this one from inside, or any by its address."""

from __future__ import annotations

import argparse

from davserver.cli.common import office
from davserver.config import OutgoingSettings
from davserver.jobs import health
from davserver.jobs.health import Finding, State
from davserver.sync import doctor

MARKS = {State.GOOD: "ok  ", State.WARNING: "hm  ", State.BAD: "BAD "}

EVERYWHERE = OutgoingSettings(allow=("0.0.0.0/0", "::/0"), ports=("*",))
"""Whoever types an address at the command line may go there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        help="look at the server at this address from outside, from any machine; without it: from inside",
    )


def run(args: argparse.Namespace) -> int:
    if args.url:
        findings = doctor.outside(args.url, EVERYWHERE)
    else:
        with office(args) as here:
            findings = health.inside(here)
    for finding in findings:
        print(f"{MARKS[finding.state]} {_line(finding)}")
    return 1 if any(one.state is State.BAD for one in findings) else 0


def _line(finding: Finding) -> str:
    text = f"{finding.title}: {finding.found % finding.values}"
    return f"{text}\n       -> {finding.remedy % finding.values}" if finding.remedy else text
