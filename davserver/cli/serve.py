"""Answer requests, by waitress."""

from __future__ import annotations

import argparse

from davserver import jobs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name, metavar, kind in (
        ("listen", "HOST:PORT", str),
        ("threads", "N", int),
        ("url_prefix", "/PATH", str),
    ):
        place = f"--config {settings.source}" if settings.source else ""
    return (
        "There is no account yet. Make the first one:",
        f"    davserver user add NAME --email NAME@example.org --display-name 'Full Name' --admin {place}",
        f"Set-up code: {code} (also in {jobs.setup_file(settings)})",
        "",
    )


def _leave(*_: object) -> None:
    raise SystemExit(0)
