"""How hard passwords are to guess: what everybody tries is weak, what is long is strong."""

from __future__ import annotations

from itertools import pairwise

import pytest

from davserver.auth.strength import strength

ABOUT = ("ann", "ann@example.org", "Ann Smith")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "password",
        "Password1",
        "P@ssw0rd2019",
        "qwertzuiop",
        "aaaaaaaaaaaaaaaa",
        "abcdefgh12345678",
        "annannann",
        "Ann.Smith1985",
        "example.org!",
        "Sommer2024!",
        "12345678901234567890",
    ],
)
def test_what_everybody_tries_first_is_weak(password: str) -> None:
    assert strength(password, ABOUT).mark <= 1


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "k3x9q2-7mvw40",
        "Meine Oma fährt im Hühnerstall",
        "ich7 gehe4 gern9 baden",
    ],
)
def test_what_is_long_or_random_is_strong(password: str) -> None:
    assert strength(password, ABOUT).mark == 4


def test_more_never_makes_weaker() -> None:
    text = "Blaue Wale singen im Dezember 7 Lieder!"
    bits = [strength(text[:size]).bits for size in range(0, len(text), 3)]
    assert all(later >= earlier - 12 for earlier, later in pairwise(bits))
    assert bits[-1] > 60


def test_what_the_account_says_of_itself_is_named() -> None:
    assert "smith" in strength("Smith-2020-xy", ABOUT).known
    assert strength("Smith-2020-xy", ABOUT).bits < strength("Smith-2020-xy").bits


def test_very_long_ones_take_no_time() -> None:
    assert strength("a b c " * 10_000).mark >= 0
