"""Failed logins: counted, slowed down, logged in lines that nobody can forge."""

from __future__ import annotations

import logging

import pytest

from davserver.auth.throttle import network, quoted
from davserver.errors import HttpError
from davserver.jobs import users
from tests.auth.gate import PASSWORD, Gate, basic, request


def status(gate: Gate, name: str, password: str, address: str = "192.0.2.7") -> int:
    try:
        gate(request(basic(name, password), address))
    except HttpError as error:
        return error.status
    return 200


@pytest.fixture
def strict(gate: Gate) -> Gate:
    return gate.restart(throttle_account=3, throttle_address=6)


def test_too_many_failures_are_answered_by_429_with_retry_after(strict: Gate) -> None:
    assert [status(strict, "ann", "wrong") for _ in range(4)] == [401, 401, 401, 429]
    with pytest.raises(HttpError) as caught:
        strict(request(basic("ann", "wrong")))
    assert caught.value.headers == (("Retry-After", "300"),)
    strict.now += 100
    with pytest.raises(HttpError) as caught:
        strict(request(basic("ann", "wrong")))
    assert caught.value.headers == (("Retry-After", "200"),)


def test_then_the_right_password_has_to_wait_too_and_opens_afterwards(strict: Gate) -> None:
    for _ in range(3):
        status(strict, "ann", "wrong")
    assert status(strict, "ann", PASSWORD) == 429
    strict.now += 301
    assert status(strict, "ann", PASSWORD) == 200


def test_others_are_not_held_up(strict: Gate) -> None:
    for _ in range(4):
        status(strict, "ann", "wrong")
    assert status(strict, "bob", PASSWORD) == 200
    assert status(strict, "ann", PASSWORD, "198.51.100.1") == 200


def test_a_device_that_is_signed_in_goes_on_working(strict: Gate) -> None:
    assert status(strict, "ann", PASSWORD) == 200
    for _ in range(4):
        status(strict, "ann", "wrong")
    assert status(strict, "ann", PASSWORD) == 200


def test_one_address_cannot_try_many_accounts(strict: Gate) -> None:
    answers = [status(strict, f"user{number}", "wrong") for number in range(8)]
    assert answers == [401] * 6 + [429] * 2


def test_one_account_cannot_be_tried_from_everywhere_for_ever(strict: Gate) -> None:
    answers = [status(strict, "ann", "wrong", f"198.51.100.{number}") for number in range(40)]
    assert answers == [401] * 30 + [429] * 10


def test_an_unknown_name_is_throttled_alike(strict: Gate) -> None:
    assert [status(strict, "nobody", "wrong") for _ in range(4)] == [401, 401, 401, 429]


def test_requests_without_credentials_never_count(strict: Gate) -> None:
    for header in (None, "Basic ???", "Bearer x"):
        for _ in range(20):
            with pytest.raises(HttpError) as caught:
                strict(request(header))
            assert caught.value.status == 401
    assert status(strict, "ann", PASSWORD) == 200


def test_a_success_gives_the_tries_back(strict: Gate) -> None:
    for _ in range(3):
        assert status(strict, "ann", "wrong") == 401
        assert status(strict, "ann", "wrong") == 401
        strict.restart()
        assert status(strict, "ann", PASSWORD) == 200
        users.set_password(strict.office, "ann", PASSWORD)
        strict.now += 301  # the address' own count


def test_all_processes_count_together(strict: Gate) -> None:
    for _ in range(3):
        assert status(strict.restart(), "ann", "wrong") == 401
    assert status(strict.restart(), "ann", "wrong") == 429


def test_zero_turns_it_off(gate: Gate) -> None:
    gate.restart(throttle_account=0, throttle_address=0)
    assert {status(gate, "ann", "wrong") for _ in range(60)} == {401}


def test_a_broken_or_unwritable_note_file_locks_nobody_out(strict: Gate) -> None:
    path = strict.settings.storage.data_dir / "attempts.db"
    path.write_bytes(b"no database at all" * 100)
    assert status(strict, "ann", "wrong") == 401
    assert status(strict, "ann", PASSWORD) == 200
    assert path.stat().st_mode & 0o077 == 0
    path.unlink()
    path.mkdir()
    assert status(strict, "ann", "wrong") == 401
    assert status(strict.restart(), "ann", PASSWORD) == 200


def test_an_ipv6_network_counts_as_one_address() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff") == "2001:db8::/64"
    assert network("2001:db8:0:1::1") != network("2001:db8::1")
    assert network("192.0.2.1") == "192.0.2.1"
    assert network("") == ""


def test_a_failure_is_one_line_with_the_address(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "davserver.auth"):
        status(gate, "ann", "wrong", "2001:db8::1")
    assert [record.getMessage() for record in caplog.records] == ['failed login from 2001:db8::1 for "ann"']


def test_anonymous_and_good_requests_leave_no_line(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "davserver.auth"):
        status(gate, "ann", PASSWORD)
        with pytest.raises(HttpError):
            gate(request())
    assert caplog.records == []


@pytest.mark.parametrize(
    "name", ['x"\nfailed login from 10.0.0.1 for "ann"', "a\u2028b", "\x1b[2J", "é" * 300, '"']
)
def test_no_name_can_forge_a_line(name: str) -> None:
    text = quoted(name)
    assert text.isascii()
    assert text.isprintable()
    assert text.count('"') == 2
    assert len(text) < 1000
