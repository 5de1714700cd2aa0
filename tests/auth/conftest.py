"""A database with Ann and Bob, and the gate before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from davserver.config import Settings
from davserver.jobs.users import NewUser, create_user
from davserver.storage import open_store
from tests.auth.gate import PASSWORD, Gate
from tests.databases import make_file


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    settings = Settings(storage=replace(Settings().storage, data_dir=tmp_path))
    make_file(tmp_path / "davserver.db")
    store = open_store(settings.storage)
    gate = Gate(store, settings)
    for name in ("ann", "bob"):
        create_user(gate.office, NewUser(name, PASSWORD, f"{name}@example.org"))
    yield gate
    store.close()
