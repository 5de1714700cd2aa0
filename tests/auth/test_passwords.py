"""Hashes: argon2id at the configured cost, Baïkal's A1, and nothing that raises."""

from __future__ import annotations

import pytest

from davserver.auth import passwords

pytestmark = pytest.mark.usefixtures("real_hashes")


def test_a_new_hash_is_argon2id_with_a_salt_of_its_own() -> None:
    first, second = passwords.hash_password("correct horse"), passwords.hash_password("correct horse")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert passwords.verify("correct horse", first)
    assert not passwords.verify("Correct horse", first)
    assert not passwords.is_outdated(first)


def test_a1_is_what_baikal_stores() -> None:
    # echo -n ann:BaikalDAV:geheim | md5sum
    assert passwords.a1_hash("ann", "BaikalDAV", "geheim") == "0bf835b6be974986921b580d00fa6297"
    assert passwords.verify_a1("ann", "BaikalDAV", "geheim", "0BF835B6BE974986921B580D00FA6297")
    assert not passwords.verify_a1("ann", "other", "geheim", "0bf835b6be974986921b580d00fa6297")


@pytest.mark.parametrize("password", ["", "\0", "ä" * 1024, "x" * 10**6, "\U0001f600"])
@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "é" * 32, "$2y$10$abc"])
def test_nothing_makes_it_raise(password: str, stored: str) -> None:
    assert not passwords.verify(password, stored)
    assert not passwords.verify_a1("ann", "r", password, stored)
    passwords.verify_nothing(password)
