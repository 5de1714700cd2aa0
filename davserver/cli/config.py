"""Show every setting, check the configuration, change what may change while the server runs."""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from davserver import config
from davserver.cli.common import office, opened, settings_of
from davserver.config import Settings
from davserver.jobs import settings as live_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("example", help="print config.example.toml")
    actions.add_parser("check", help="say whether the configuration can be used, and what it means")
    actions.add_parser("list", help="list all settings as they hold now")
    change = actions.add_parser("set", help="change a setting as the pages do; it holds at once")
    change.add_argument("name", metavar="SECTION.KEY")
    change.add_argument("value", metavar="VALUE", help="as in the file, quotes may be left out")


def run(args: argparse.Namespace) -> int:
    return {"example": _example, "check": _check, "list": _list, "set": _set}[args.action](args)


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


def _list(args: argparse.Namespace) -> int:
    with office(args) as here:
        settings = live_settings.in_force(here.store, here.settings)
    for section in config.SECTIONS:
        for key, item in config.keys(section).items():
            value = "(secret)" if item.metadata["secret"] else config.to_toml(_value(settings, section, key))
            place = settings.fixed.get(f"{section}.{key}", "")
            print(f"{section}.{key} = {value}" + (f"  # {place}" if place else ""))
    return 0


def _set(args: argparse.Namespace) -> int:
    with office(args) as here:
        live_settings.change(here, {args.name: config.checked(args.name, _typed(args.value))})
    print(f"{args.name} is set.")
    return 0


def _typed(text: str) -> Any:
    """What was typed as TOML has it; as a text where it is no TOML."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _value(settings: Settings, section: str, key: str) -> Any:
    value = getattr(getattr(settings, section), key)
    return str(value) if isinstance(value, Path) else value


def _changed(settings: Settings) -> Iterator[str]:
    """The keys that are not as by default; secrets are left out."""
    for section in config.SECTIONS:
        for key, item in config.keys(section).items():
            value = getattr(getattr(settings, section), key)
            if value != item.default and key != "data_dir" and not item.metadata["secret"]:
                yield f"{section}.{key} = {config.to_toml(value)}"
