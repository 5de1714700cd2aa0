"""Secrets at rest: where the key lies, what happens without it, and that nothing shows a secret."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from davserver import config
from davserver.config import Settings, StorageSettings
from davserver.errors import ConfigError, DavServerError
from davserver.vault import Vault, VaultLocked

KEY, OTHER = "k" * 40, "o" * 40


def vault_at(folder: Path, *keys: str) -> Vault:
    return Vault(StorageSettings(data_dir=folder, secret_key=keys))


def test_a_secret_comes_back_and_its_stored_form_does_not_show_it(tmp_path: Path) -> None:
    vault = vault_at(tmp_path)
    kept = vault.encrypt("hunter2 ü", context="account:1")
    assert "hunter2" not in kept
    assert vault_at(tmp_path).decrypt(kept, context="account:1") == "hunter2 ü"
    assert vault.encrypt("hunter2 ü", context="account:1") != kept


def test_the_key_file_is_made_when_first_needed_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    vault = vault_at(tmp_path / "data")
    assert not (tmp_path / "data").exists()
    vault.encrypt("x", context="")
    file = tmp_path / "data" / "secret.key"
    assert vault.file == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["secret.key"]


def test_two_that_need_the_key_at_once_make_one(tmp_path: Path) -> None:
    kept: list[str] = []
    threads = [
        threading.Thread(target=lambda: kept.append(vault_at(tmp_path).encrypt("x", context="")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [vault_at(tmp_path).decrypt(one, context="") for one in kept] == ["x"] * 8


def test_a_missing_another_and_a_damaged_key_are_states_with_a_remedy(tmp_path: Path) -> None:
    vault = vault_at(tmp_path)
    kept = vault.encrypt("x", context="")
    file = tmp_path / "secret.key"
    for text, expected in (
        (None, "is missing"),
        (OTHER + "\n", "another key"),
        ("short\n", "is damaged"),
        ("", "is missing"),
    ):
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        with pytest.raises(VaultLocked, match=expected) as caught:
            vault.decrypt(kept, context="")
        assert str(file) in str(caught.value)


def test_a_value_in_another_place_or_tampered_with_is_refused(tmp_path: Path) -> None:
    vault = vault_at(tmp_path)
    kept = vault.encrypt("x", context="account:1")
    with pytest.raises(VaultLocked, match="another entry"):
        vault.decrypt(kept, context="account:2")
    with pytest.raises(VaultLocked):
        vault.decrypt(kept[:-8] + "AAAAAAA=", context="account:1")
    for nonsense in ("", "f1:", "x", "ü"):
        with pytest.raises(VaultLocked):
            vault.decrypt(nonsense, context="account:1")


def test_a_key_of_the_settings_needs_no_file(tmp_path: Path) -> None:
    vault = vault_at(tmp_path, KEY)
    kept = vault.encrypt("x", context="")
    assert vault.file is None
    assert list(tmp_path.iterdir()) == []
    assert vault_at(tmp_path, OTHER, KEY).decrypt(kept, context="") == "x"
    with pytest.raises(VaultLocked, match=r"storage\.secret_key"):
        vault_at(tmp_path, OTHER).decrypt(kept, context="")
    with pytest.raises(DavServerError):
        vault.add_key()


def test_a_new_key_encrypts_while_the_old_one_still_decrypts(tmp_path: Path) -> None:
    vault, other = vault_at(tmp_path), vault_at(tmp_path)
    old = vault.encrypt("x", context="c")
    vault.add_key()
    assert other.decrypt(old, context="c") == "x"
    renewed = other.renew(old)
    vault.add_key()
    vault.forget_old_keys()  # of the three: the last two stay
    assert other.decrypt(renewed, context="c") == "x"
    with pytest.raises(VaultLocked):
        other.decrypt(old, context="c")
    with pytest.raises(VaultLocked):
        other.renew(old)


def test_no_text_of_ours_shows_a_key(tmp_path: Path) -> None:
    settings = config.load(environ={"DAVSERVER_SECRET_KEY": KEY, "DAVSERVER_DATA_DIR": str(tmp_path)})
    assert settings.storage.secret_key == (KEY,)
    assert KEY not in repr(settings) + repr(Vault(settings.storage))
    file = tmp_path / "config.toml"
    file.write_text('[storage]\nsecret_key = "s3cret"\n')
    with pytest.raises(ConfigError) as caught:
        config.load(file, {})
    assert "s3cret" not in str(caught.value)
    file.write_text('[storage]\nsecret_key = ["s3cret"]\n')
    with pytest.raises(ConfigError, match="32 random characters") as caught:
        config.load(file, {})
    assert "s3cret" not in str(caught.value)
    assert Settings().storage.secret_key == ()
