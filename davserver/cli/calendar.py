"""Add, list, describe, order and delete calendars."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from davserver.cli import collection_actions
from davserver.jobs.collections import COMPONENTS, DEFAULT_COMPONENTS, Details
from davserver.model import Collection, CollectionKind

KIND = CollectionKind.CALENDAR


def add_arguments(parser: argparse.ArgumentParser) -> None:
    collection_actions.add_arguments(parser, describe)


def run(args: argparse.Namespace) -> int:
    return collection_actions.run(args, KIND, details)


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments that describe a calendar."""
    collection_actions.describe(parser)
    parser.add_argument("--color", metavar="#RRGGBB", help="colour in the clients")
    parser.add_argument("--position", metavar="NUMBER", type=int, help="place in the clients' lists")
    parser.add_argument(
        "--component",
        action="append",
        choices=COMPONENTS,
        metavar="NAME",
        help=f"what it holds (repeat it): {', '.join(COMPONENTS)}",
    )
    parser.add_argument("--timezone", metavar="ZONE", help="IANA time zone, such as Europe/Berlin")
    parser.add_argument(
        "--transparent",
        action=argparse.BooleanOptionalAction,
        help="whether nothing in it counts as busy",
    )


def details(args: argparse.Namespace, now: Collection | None) -> Details:
    """What is given, and for the rest what it is now."""
    given: Callable[..., str] = collection_actions.given
    components = tuple(now.components.split(",")) if now else DEFAULT_COMPONENTS
    position = now.position if now else None
    transparent = now.transparent if now else False
    return Details(
        given(args.display_name, now and now.display_name),
        given(args.description, now and now.description),
        given(args.color, now and now.color),
        position if args.position is None else args.position,
        tuple(args.component) if args.component else components,
        given(args.timezone, now and now.timezone_id),
        transparent if args.transparent is None else args.transparent,
    )
