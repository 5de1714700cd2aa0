"""Show every setting, check the configuration."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from davserver import config
from davserver.cli.common import opened, settings_of
from davserver.config import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("example", help="print config.example.toml")
    actions.add_parser("check", help="say whether the configuration can be used, and what it means")


def run(args: argparse.Namespace) -> int:
    return {"example": _example, "check": _check}[args.action](args)


def _example(args: argparse.Namespace) -> int:
    print(config.example(), end="")
    return 0


def _check(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    with opened(settings) as store, store.read():
        pass
    print(f"configuration file: {settings.source or 'none, defaults and environment only'}")
    print(f"data directory:     {settings.storage.data_dir}")
    print(f"database:           {store.url!s}")
    changed = [f"  {line}" for line in _changed(settings)]
    print("\n".join(["not the default:", *changed] if changed else ["All else is as by default."]))
    return 0


def _changed(settings: Settings) -> Iterator[str]:
    """The keys that are not as by default; secrets are left out."""
    for section in config.SECTIONS:
        for key, item in config.keys(section).items():
            value = getattr(getattr(settings, section), key)
            if value != item.default and key != "data_dir" and not item.metadata["secret"]:
                yield f"{section}.{key} = {config.to_toml(value)}"
