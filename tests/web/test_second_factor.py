"""The second factor: on, used, lost, off; a code counts once."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from davserver.auth import totp
from davserver.storage import Store, second_factors
from tests.davclient import PASSWORD, MakeClient
from tests.web.conftest import Browser
from tests.web.visitor import Page, Visitor


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the second factor; tests move it on."""
    clock = [time.time()]
    monkeypatch.setattr("davserver.jobs.second_factor.time.time", lambda: clock[0])
    return clock


def turn_on(ann: Visitor, moment: list[float]) -> tuple[str, list[str]]:
    """The secret and the recovery codes."""
    page = ann.get("/account/second-factor").submit("Turn on").follow()
    secret = page.find("div.copy input")[0].get("value")
    assert page.find("div.qr svg")
    done = page.submit(code=totp.code(secret, int(moment[0]) // totp.STEP))
    return secret, done.texts("ul.codes li")


def with_code(visitor: Visitor, code: str, password: str = PASSWORD) -> Page:
    """Sign in with password and code."""
    return visitor.sign_in("ann", password).follow().submit(code=code)


def test_the_password_alone_opens_nothing_any_more(visit: Any, moment: list[float]) -> None:
    secret, _codes = turn_on(visit("ann"), moment)
    visitor = visit()
    page = visitor.sign_in("ann")
    assert page.location == "/account/sign-in/code"
    assert visitor.get("/account/").status == 303
    moment[0] += totp.STEP
    assert page.follow().submit(code=totp.code(secret, int(moment[0]) // totp.STEP)).location == "/account/"
    assert visitor.get("/account/").status == 200


def test_a_code_counts_once(visit: Any, moment: list[float]) -> None:
    secret, _codes = turn_on(visit("ann"), moment)
    assert with_code(visit(), totp.code(secret, int(moment[0]) // totp.STEP)).status == 401
    moment[0] += totp.STEP
    code = totp.code(secret, int(moment[0]) // totp.STEP)
    assert with_code(visit(), code).location == "/account/"
    again = with_code(visit(), code)
    assert again.status == 401
    assert "was used already" in again.text("main")


def test_a_recovery_code_opens_once(visit: Any, moment: list[float]) -> None:
    _secret, codes = turn_on(visit("ann"), moment)
    assert len(set(codes)) == 10
    ann = visit()
    assert with_code(ann, codes[3].upper()).location == "/account/"
    assert "9 recovery codes are left." in ann.get("/account/second-factor").text("main")
    assert with_code(visit(), codes[3]).status == 401
    assert with_code(visit(), codes[4]).location == "/account/"


def test_fresh_recovery_codes_need_the_password_and_end_the_old_ones(visit: Any, moment: list[float]) -> None:
    ann = visit("ann")
    _secret, codes = turn_on(ann, moment)
    page = ann.get("/account/second-factor/codes")
    assert page.submit(password="wrong").status == 403
    fresh = page.submit(password=PASSWORD).texts("ul.codes li")
    assert not set(fresh) & set(codes)
    assert with_code(visit(), codes[0]).status == 401
    assert with_code(visit(), fresh[0]).location == "/account/"


def test_guessing_codes_is_throttled_and_the_right_password_does_not_help(
    visit: Any, moment: list[float]
) -> None:
    turn_on(visit("ann"), moment)
    answers = [with_code(visit(), f"{number:06}").status for number in range(11)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {401}


def test_a_wrong_first_code_turns_nothing_on(visit: Any, moment: list[float]) -> None:
    ann = visit("ann")
    page = ann.get("/account/second-factor").submit("Turn on").follow()
    assert page.submit(code="000000").status == 400
    assert visit().sign_in("ann").location == "/account/"


def test_it_is_turned_off_with_the_password_or_by_an_administrator(visit: Any, moment: list[float]) -> None:
    ann = visit("ann")
    turn_on(ann, moment)
    page = ann.get("/account/second-factor/off")
    assert page.submit(password="wrong").status == 403
    page.submit(password=PASSWORD)
    assert visit().sign_in("ann").location == "/account/"
    turn_on(ann, moment)
    visit("ada").get("/admin/users/ann/account").submit("Turn off")
    assert visit().sign_in("ann").location == "/account/"


def test_nobody_turns_it_on_for_somebody_else(visit: Any) -> None:
    assert visit("ada").get("/admin/users/ann/second-factor").status == 404


def test_the_database_holds_neither_secret_nor_codes(
    visit: Any, moment: list[float], store: Store, people: dict[str, int]
) -> None:
    secret, codes = turn_on(visit("ann"), moment)
    with store.read() as tx:
        found = second_factors.get(tx, people["ann"])
    assert found is not None
    assert secret not in found.secret
    assert store.file is not None
    with closing(sqlite3.connect(store.file)) as file:
        dump = "\n".join(file.iterdump())
    assert not [code for code in codes if code in dump or code.replace("-", "") in dump]


def test_devices_go_on_as_they_are(visit: Any, moment: list[float], client: MakeClient) -> None:
    turn_on(visit("ann"), moment)
    assert client("ann").propfind("/dav/").status == 207


def test_in_a_browser(browser: Browser) -> None:
    browser.sign_in("ann")
    browser.open("/account/second-factor")
    assert browser.problems() == []
    browser.shoot("second-factor")
    browser.follow(browser.page.get_by_role("button", name="Turn on"))
    secret = browser.page.get_by_label("Key", exact=True).input_value()
    assert browser.problems() == []
    browser.shoot("second-factor-confirm")
    step = int(time.time()) // totp.STEP
    browser.page.get_by_label("Code", exact=True).fill(totp.code(secret, step))
    browser.follow(browser.page.get_by_role("button", name="Turn on"))
    assert browser.problems() == []
    browser.shoot("second-factor-codes")
    browser.follow(browser.page.get_by_role("button", name="Sign out"))
    browser.sign_in("ann")
    assert browser.problems() == []
    browser.shoot("sign-in-code")
    browser.page.get_by_label("Code").fill(totp.code(secret, step + 1))
    browser.follow(browser.page.get_by_role("button", name="Sign in"))
    assert browser.page.get_by_role("heading", level=1).inner_text() == "Ann"
