"""The databases that the tests with real processes run on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from sqlalchemy import URL, make_url

from tests.conftest import URL_VARIABLES
from tests.databases import own_database


@pytest.fixture(scope="session", params=["sqlite", *URL_VARIABLES])
def separate_database(request: pytest.FixtureRequest) -> Iterator[URL | None]:
    """The URL of an empty database, None for SQLite, where each place has its own file."""
    if request.param == "sqlite":
        yield None
        return
    variable = URL_VARIABLES[request.param]
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set: nothing is tested on {request.param}")
    with own_database(make_url(os.environ[variable])) as url:
        yield url
