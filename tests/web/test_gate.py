"""Who may enter: signing in and out, sessions, roles, forms that only the page itself can send."""

from __future__ import annotations

from typing import Any

import pytest

from davserver.storage import Store, audit, principals, web_sessions
from tests.davclient import MakeServer
from tests.web.visitor import Visitor


def test_a_stranger_is_led_to_the_sign_in_and_back(visit: Any) -> None:
    stranger = visit()
    page = stranger.get("/account/profile").follow()
    assert page.text("h1") == "Sign in"
    assert page.submit(name="ann", password="correct horse").location == "/account/profile"


def test_a_wrong_password_and_an_unknown_name_read_the_same(visit: Any) -> None:
    answers = [visit().sign_in(name, "wrong").text("main") for name in ("ann", "nobody")]
    assert answers[0] == answers[1]
    assert "The user name or the password is wrong." in answers[0]


def test_what_a_stranger_typed_is_shown_as_text(visit: Any) -> None:
    page = visit().sign_in("<script>alert(1)</script>", "wrong")
    assert b"<script>alert" not in page.body


def test_failed_logins_are_throttled_together_with_those_of_dav(visit: Any, make_server: MakeServer) -> None:
    from tests.davclient import Client

    server = make_server(auth={"throttle_account": 3})
    dav = Client(server, "ann", password="wrong")
    for _ in range(2):
        assert dav.propfind("/dav/").status == 401
    assert Visitor(server).sign_in("ann", "wrong").status == 401
    page = Visitor(server).sign_in("ann")
    assert page.status == 429
    assert "Too many failed logins" in page.text("main")


def test_an_app_password_does_not_open_the_pages(visit: Any, store: Store, people: dict[str, int]) -> None:
    with store.write() as tx:
        principals.remove_credentials(tx, people["ann"], "password")
    assert visit().sign_in("ann").status == 401


def test_nobody_is_led_to_another_site(visit: Any) -> None:
    for target in ("//evil.example", "https://evil.example/", "/\\evil.example", "/accounts/../x"):
        page = visit().get("/account/sign-in?next=" + target)
        assert page.submit(name="ann", password="correct horse").location in ("/account/", "/accounts/../x")


def test_signing_in_makes_a_new_session(visit: Any, store: Store, people: dict[str, int]) -> None:
    ann = visit("ann")
    before = ann.http.get_cookie("davserver", "dav.example.org").value
    ann.sign_in("ann")
    assert ann.http.get_cookie("davserver", "dav.example.org").value != before
    with store.read() as tx:
        assert len(web_sessions.of_principal(tx, people["ann"])) == 2


def test_the_cookie_is_closed_to_scripts_and_to_other_sites(visit: Any) -> None:
    plain = visit().sign_in("ann").answer.headers["Set-Cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=Lax" in plain
    assert "Secure" not in plain
    https = visit(**{"wsgi.url_scheme": "https"}).sign_in("ann").answer.headers["Set-Cookie"]
    assert "Secure" in https


def test_the_pages_work_below_a_mount_point(server: Any) -> None:
    ann = Visitor(server, mount="/sub/dir")
    signed = ann.sign_in("ann")
    assert signed.location == "/sub/dir/account/"
    assert "Path=/sub/dir" in signed.answer.headers["Set-Cookie"]
    page = signed.follow()
    assert page.status == 200
    links = [one.get("href") or one.get("src") for one in page.doc.xpath("//a|//link|//script")]
    assert all(link.startswith(("/sub/dir/", "#")) for link in links)


def test_the_database_does_not_know_the_token(visit: Any, store: Store, people: dict[str, int]) -> None:
    ann = visit("ann")
    with store.read() as tx:
        (session,) = web_sessions.of_principal(tx, people["ann"])
    assert session.token not in ann.http.get_cookie("davserver", "dav.example.org").value
    assert len(session.token) == 64


def test_signing_out_ends_the_session_also_for_who_kept_the_cookie(visit: Any) -> None:
    ann, thief = visit("ann"), visit()
    thief.http.set_cookie(
        "davserver", ann.http.get_cookie("davserver", "dav.example.org").value, domain="dav.example.org"
    )
    assert thief.get("/account/").status == 200
    ann.get("/account/").submit("Sign out")
    assert thief.get("/account/").status == 303


def test_signing_out_everywhere(visit: Any) -> None:
    here, there = visit("ann"), visit("ann")
    token = here.get("/account/profile").doc.forms[0].fields["csrf_token"]
    assert here.post("/account/sign-out-everywhere", csrf_token=token).status == 303
    assert there.get("/account/").status == 303


def test_a_disabled_account_is_out_at_once(visit: Any, store: Store, people: dict[str, int]) -> None:
    ann = visit("ann")
    with store.write() as tx:
        principals.change(tx, people["ann"], disabled=True)
    assert ann.get("/account/").status == 303


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/users/ann/", "/admin/users/nobody/", "/admin/users/ann/profile"]
)
def test_the_administration_is_closed_to_eve_whatever_exists(visit: Any, path: str) -> None:
    assert visit("eve").get(path).status == 403
    assert visit().get(path).status == 303


def test_an_administrator_sees_a_person_s_pages_in_the_administration(visit: Any) -> None:
    ada = visit("ada")
    page = ada.get("/admin/users/ann/profile")
    assert page.submit(display_name="Ann A.").follow().path == "/admin/users/ann/profile"
    assert ada.get("/admin/users/nobody/profile").status == 404


def test_a_form_of_another_site_changes_nothing(visit: Any, store: Store) -> None:
    page = visit("ann").post("/account/profile", display_name="Mallory")
    assert page.status == 400
    with store.read() as tx:
        found = principals.get(tx, "ann")
        assert found is not None
        assert found.display_name == "Ann"
        assert audit.newest(tx, 10) == []


def test_a_form_sent_after_the_session_ended_says_so(visit: Any) -> None:
    ann, other = visit("ann"), visit("ann")
    page = ann.get("/account/profile")
    token = other.get("/account/").doc.forms[0].fields["csrf_token"]
    other.post("/account/sign-out-everywhere", csrf_token=token)
    assert "signed out meanwhile" in page.submit(display_name="Anna").follow().text(".alert")


def test_errors_have_the_same_clothes(visit: Any) -> None:
    page = visit("ann").get("/account/nothing")
    assert (page.status, page.text("h1")) == (404, "There is nothing here")
    assert visit().get("/account/nothing").status == 404
    assert visit("ann").post("/account/").status in (400, 405)
