"""RFC 6238, Appendix B; RFC 4226, Appendix D."""

from __future__ import annotations

import base64

import pytest

from davserver.auth import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()

RFC_6238 = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
RFC_4226 = [
    "755224",
    "287082",
    "359152",
    "969429",
    "338314",
    "254676",
    "287922",
    "162583",
    "399871",
    "520489",
]


@pytest.mark.parametrize(("moment", "expected"), RFC_6238)
def test_the_codes_of_rfc_6238(moment: int, expected: str) -> None:
    assert totp.code(SECRET, moment // totp.STEP, digits=8) == expected


@pytest.mark.parametrize(("counter", "expected"), list(enumerate(RFC_4226)))
def test_the_codes_of_rfc_4226(counter: int, expected: int) -> None:
    assert totp.code(SECRET, counter) == str(expected)


def test_a_code_is_good_for_its_step_and_one_on_each_side() -> None:
    step = 1_000_000
    given = totp.code(SECRET, step)
    for apart, expected in ((-2, None), (-1, step), (0, step), (1, step), (2, None)):
        assert totp.matching_step(SECRET, given, (step - apart) * totp.STEP) == expected


def test_a_used_step_and_all_before_it_are_worth_nothing() -> None:
    step = 1_000_000
    moment = float(step * totp.STEP)
    assert totp.matching_step(SECRET, totp.code(SECRET, step), moment, after=step) is None
    assert totp.matching_step(SECRET, totp.code(SECRET, step - 1), moment, after=step) is None
    assert totp.matching_step(SECRET, totp.code(SECRET, step + 1), moment, after=step) == step + 1


def test_spaces_do_not_matter_and_nonsense_is_wrong() -> None:
    code = totp.code(SECRET, 1)
    assert totp.matching_step(SECRET, f"{code[:3]} {code[3:]}", 30.0) == 1
    for nonsense in ("", "x", "١٢٣٤٥٦", code + "0"):
        assert totp.matching_step(SECRET, nonsense, 30.0) is None


def test_the_address_for_the_app() -> None:
    assert totp.address("ABC", "ann@x", "Our house") == (
        "otpauth://totp/Our%20house%3Aann%40x?secret=ABC&issuer=Our%20house"
    )
