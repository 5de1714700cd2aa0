"""A new key for all stored secrets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from davserver.config import Settings
from davserver.jobs import secrets
from davserver.jobs.office import Office
from davserver.model import CollectionKind, NewCollection
from davserver.storage import Store, collections, subscriptions
from davserver.storage import secrets as stored
from davserver.storage.schema import metadata
from davserver.vault import Vault, VaultLocked


@pytest.fixture
def office(store: Store, tmp_path: Path) -> Office:
    """An office with a key file of its own."""
    base = Settings()
    return Office(store, replace(base, storage=replace(base.storage, data_dir=tmp_path)), "ann")


def test_what_was_encrypted_just_before_and_stored_just_after_is_not_lost(
    office: Office, people: dict[str, int]
) -> None:
    keep(office, people["ann"], "one")
    late = Vault(office.settings.storage).encrypt("two", context="c")
    assert secrets.rotate(office) == 1
    keep(office, people["bob"], "two", late)
    assert secrets.check(office) == (2, 0)
    assert secrets.rotate(office) == 2
    assert secrets.rotate(office) == 2
    assert secrets.check(office) == (2, 0)


def keep(office: Office, owner_id: int, text: str, value: str = "") -> None:
    """A subscription whose secret is that text, encrypted now or before."""
    value = value or Vault(office.settings.storage).encrypt(text, context="c")
    with office.store.write() as tx:
        new = NewCollection(owner_id, CollectionKind.CALENDAR, text, components="VEVENT", read_only=True)
        held = collections.create(tx, new)
        assert held.read_only
        subscriptions.add(
            tx,
            owner_id=owner_id,
            collection_id=held.id,
            secret=value,
            host="x",
            keep_alarms=False,
            keep_attachments=False,
            keep_tasks=False,
        )


def test_everything_is_encrypted_anew_and_the_old_keys_forgotten(
    office: Office, people: dict[str, int], tmp_path: Path
) -> None:
    keep(office, people["ann"], "one")
    keep(office, people["bob"], "two")
    first = (tmp_path / "secret.key").read_text().split()
    assert secrets.rotate(office) == 2
    second = (tmp_path / "secret.key").read_text().split()
    assert second[1:] == first
    assert secrets.rotate(office) == 2
    third = (tmp_path / "secret.key").read_text().split()
    assert third[1:] == second[:1]
    (tmp_path / "secret.key").write_text(third[0] + "\n")
    assert secrets.check(office) == (2, 0), "the newest key alone reads everything"
    with office.store.read() as tx:
        vault = Vault(office.settings.storage)
        assert sorted(vault.decrypt(value, context="c") for value in stored.values(tx)) == ["one", "two"]


def test_while_one_cannot_be_decrypted_nothing_is_changed(
    office: Office, people: dict[str, int], tmp_path: Path
) -> None:
    keep(office, people["ann"], "one")
    (tmp_path / "secret.key").write_text("x" * 40 + "\n")
    keep(office, people["bob"], "two")
    assert secrets.check(office) == (1, 1)
    with pytest.raises(VaultLocked):
        secrets.rotate(office)
    assert (tmp_path / "secret.key").read_text() == "x" * 40 + "\n"


def test_every_column_that_may_hold_a_secret_is_renewed_or_known_to_hold_none() -> None:
    """A hash is none; what the vault fills must be in SEALED."""
    hashes = {"app_password.secret", "credential.secret", "recovery_code.secret"}
    named = {f"{table.name}.secret" for table in metadata.tables.values() if "secret" in table.c}
    assert {str(column) for column in stored.SEALED} >= named - hashes
