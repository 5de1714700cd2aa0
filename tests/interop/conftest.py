"""A real ``davserver serve`` for foreign programs, one for each module of tests.

``make interop`` runs everything here. A module that says ``QUICK = True`` is also part of ``make test``: its
tests get the marker interop only where interop is what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.robustness.processes import Server, Waitress, make_place, served

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before ``-m`` chooses."""
    for item in items:
        if item.path.parent == HERE:
            is_quick = getattr(getattr(item, "module", None), "QUICK", False)
            if not is_quick or config.option.markexpr == "interop":
                item.add_marker("interop")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with ann, bob and eve; more than their default collections is up to the tests."""
    place = make_place(tmp_path_factory.mktemp("interop"), "ann", "bob", "eve")
    with served(Waitress(place)) as running:
        yield running
