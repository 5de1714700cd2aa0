"""The command line: one file per command. This one only finds it, reads the settings and says errors.

Rules: a command module has ``add_arguments(parser)`` and ``run(args) -> int``; only the chosen one is
imported, so ``davserver --version`` does not load a database driver. Exit status: 0 done, 1 it failed,
2 the command or the configuration is wrong. No SQL and no use-cases here: those are jobs'.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from davserver import __version__
from davserver.errors import ConfigError, DavServerError

COMMANDS: Mapping[str, str] = {
    "serve": "answer requests",
    "user": "add, list, change and remove accounts",
    "group": "groups; rooms and equipment with their calendars",
    "calendar": "add, list, describe, order and delete calendars",
    "addressbook": "add, list, describe and delete address books",
    "item": "list, show, store and delete events, tasks and contacts",
    "share": "share calendars and address books, see who has what",
    "trash": "list, restore and remove what was deleted",
    "history": "earlier versions of items, and everything as it was",
    "app-password": "make, list and revoke passwords for devices",
    "import": "bring .ics, .vcf or an archive into an account",
    "export": "write a calendar, an address book or everything of an account to a file",
    "subscription": "subscribe accounts to calendars elsewhere",
    "remote": "keep calendars and address books in step with those on other servers",
    "sync": "do what is due: subscribed calendars, remote accounts, tidying",
    "secrets": "renew the key of the stored passwords",
    "link": "make, list and revoke public links",
    "db": "upgrade, check, back up and re-index the database",
    "doctor": "look whether a server works as clients need it",
    "config": "show every setting, check the configuration",
}
"""Command → what it does; each is the module of that name in this package."""

MODULES = {"import": "import_"}
"""Modules that cannot have the name of their command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = _root_parser().parse_args(argv)
    if arguments.command is None:
        _root_parser().print_help(sys.stderr)
        return 2
    name = MODULES.get(arguments.command, arguments.command.replace("-", "_"))
    module = _load(f"davserver.cli.{name}")
    parser = argparse.ArgumentParser(
        prog=f"davserver {arguments.command}", description=COMMANDS[arguments.command]
    )
    parser.add_argument("--config", metavar="FILE", type=Path, default=arguments.config, help=CONFIG_HELP)
    module.add_arguments(parser)
    return _run(module, parser.parse_args(arguments.rest))


def _load(name: str) -> ModuleType:
    """A command's module. What loading makes stays, so the collector need never look at it: 0.1 s of CPU."""
    gc.disable()
    module = importlib.import_module(name)
    gc.freeze()
    gc.enable()
    return module


CONFIG_HELP = (
    "configuration file (default: DAVSERVER_CONFIG, config.toml in DAVSERVER_DATA_DIR, ./config.toml)"
)


def _root_parser() -> argparse.ArgumentParser:
    commands = "\n".join(f"  {name:12} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="davserver",
        description="A self-hosted CalDAV and CardDAV server.",
        epilog=f"commands:\n{commands}\n\n`davserver COMMAND --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"davserver {__version__}")
    parser.add_argument("--config", metavar="FILE", type=Path, help=CONFIG_HELP)
    parser.add_argument("command", metavar="COMMAND", nargs="?", choices=list(COMMANDS), help="see below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _run(module: object, args: argparse.Namespace) -> int:
    try:
        return int(module.run(args))  # type: ignore[attr-defined]
    except ConfigError as exc:
        return fail(str(exc), 2)
    except (DavServerError, OSError) as exc:
        return fail(str(exc), 1)
    except KeyboardInterrupt:
        return 130


def fail(message: str, status: int = 1) -> int:
    """Say what went wrong; returns the exit status."""
    print(f"davserver: {message}", file=sys.stderr)
    return status
