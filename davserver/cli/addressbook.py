"""Add, list, describe and delete address books."""

from __future__ import annotations

import argparse

from davserver.cli import collection_actions
from davserver.jobs.collections import Details
from davserver.model import Collection, CollectionKind

KIND = CollectionKind.ADDRESSBOOK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    collection_actions.add_arguments(parser, collection_actions.describe)


def run(args: argparse.Namespace) -> int:
    return collection_actions.run(args, KIND, details)


def details(args: argparse.Namespace, now: Collection | None) -> Details:
    """What is given, and for the rest what it is now."""
    given = collection_actions.given
    return Details(
        given(args.display_name, now and now.display_name), given(args.description, now and now.description)
    )
