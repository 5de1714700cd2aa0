"""The scripted remote server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sync.remote import Remote, running


@pytest.fixture
def remote() -> Iterator[Remote]:
    """A server without a script: everything is 404 until a test says otherwise."""
    with running() as server:
        yield server
