"""What an app password opens over DAV, what it does not even show, and how soon it is shut."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from davserver import wire
from davserver.app import Server
from davserver.errors import HttpError
from davserver.jobs import app_passwords, login_flow, users
from davserver.jobs import sharing as jobs_sharing
from davserver.jobs.app_passwords import DEVICE, Made, Wanted
from davserver.jobs.office import Office
from davserver.model import CollectionKind, Right, Scope, ShareState
from davserver.protocol import server as pipeline
from davserver.storage import Store, collections, shares
from tests.content.objects import card, event
from tests.davclient import CR, Answer, C, Client, D, MakeClient, MakeServer, props, xml

Device = Callable[..., Client]
PRIVILEGES = D + "current-user-privilege-set"


@pytest.fixture
def office(server: Server, store: Store) -> Office:
    return Office(store, server.settings, "ann", "192.0.2.1")


def made(office: Office, name: str = "ann", **scope: object) -> Made:
    return app_passwords.create(office, name, Wanted("Phone", Scope(**scope)))  # type: ignore[arg-type]


@pytest.fixture
def device(office: Office, client: MakeClient, ann: Client) -> Device:
    """device(contacts=Right.NONE) → ann with such an app password; she has an event and a card."""
    ann.put(ann.calendar + "one.ics", event())
    ann.put(ann.book + "one.vcf", card())
    return lambda name="ann", **scope: client(name, password=made(office, name, **scope).password)


def privileges(who: Client, path: str) -> set[str]:
    return {one.rpartition("}")[2] for one in _names(who.prop(path, PRIVILEGES).element)}


def _names(element: object) -> list[str]:
    return [str(one.tag) for privilege in element for one in privilege]  # type: ignore[attr-defined]


def share_with(owner: Client, name: str, word: str) -> bytes:
    """CalendarServer's request to share with somebody."""
    who = f"<d:href>{owner.root}principals/{name}/</d:href>"
    return xml(f"<cs:share><cs:set>{who}<cs:{word}/></cs:set></cs:share>")


# -- everything, and only reading


def test_one_with_the_whole_scope_does_what_the_own_password_does(device: Device, ann: Client) -> None:
    phone = device()
    assert privileges(phone, ann.calendar) == privileges(ann, ann.calendar)
    assert phone.put(ann.calendar + "two.ics", event(uid="two")).status == 201
    assert phone.mkcalendar(ann.calendar_home + "new/").status == 201
    assert phone.delete(ann.calendar_home + "new/").status == 204


def test_one_that_reads_sees_all_and_changes_nothing(device: Device, ann: Client) -> None:
    phone = device(calendars=Right.READ, contacts=Right.READ)
    for path in (ann.calendar, ann.calendar_home, ann.calendar + "one.ics", ann.book, ann.principal):
        assert privileges(phone, path) <= {
            "read",
            "read-current-user-privilege-set",
            "read-free-busy",
            "read-acl",
        }
        assert "read" in privileges(phone, path)
    assert phone.get(ann.calendar + "one.ics").body == event()
    assert phone.sync(ann.calendar).names == {"one.ics"}
    token = ann.token(ann.calendar)
    refused = [
        phone.put(ann.calendar + "two.ics", event(uid="two")),
        phone.put(ann.calendar + "one.ics", event("SUMMARY:new")),
        phone.delete(ann.calendar + "one.ics"),
        phone.delete(ann.calendar),
        phone.mkcalendar(ann.calendar_home + "new/"),
        phone.proppatch(ann.calendar, "<d:displayname>x</d:displayname>"),
        phone.proppatch(ann.principal, "<x:a>1</x:a>"),
        phone.proppatch(ann.calendar_home, "<x:a>1</x:a>"),
        phone.transfer("COPY", ann.calendar + "one.ics", ann.calendar + "copy.ics"),
        phone.transfer("MOVE", ann.calendar + "one.ics", ann.calendar + "moved.ics"),
        phone.lock(ann.calendar)[0],
        phone.grant(ann.calendar, "bob", D + "read"),
        phone.request("POST", ann.calendar, event(uid="three"), content_type="text/calendar"),
    ]
    assert {(answer.status, answer.error) for answer in refused} == {(403, D + "need-privileges")}
    assert ann.token(ann.calendar) == token


def test_reading_calendars_and_writing_contacts_go_together(device: Device, ann: Client) -> None:
    phone = device(calendars=Right.READ)
    assert phone.put(ann.calendar + "two.ics", event(uid="two")).status == 403
    assert phone.put(ann.book + "two.vcf", card(uid="two")).status == 201


# -- calendars only, contacts only, neither


@pytest.mark.parametrize(
    ("closed", "home_set", "word", "top"),
    [
        ("contacts", CR + "addressbook-home-set", "addressbook", "addressbooks"),
        ("calendars", C + "calendar-home-set", "calendar-access", "calendars"),
    ],
)
def test_what_is_closed_is_not_even_announced(
    device: Device, ann: Client, closed: str, home_set: str, word: str, top: str
) -> None:
    phone = device(**{closed: Right.NONE})
    assert phone.propfind(ann.principal, home_set).one.missing == {home_set}
    assert word not in (phone.request("OPTIONS", ann.principal).header("DAV") or "").split(", ")
    assert word in (ann.request("OPTIONS", ann.principal).header("DAV") or "").split(", ")
    assert f"{ann.root}{top}/" not in phone.propfind(ann.root, D + "displayname", depth="1").members
    for path in (f"{top}/", f"{top}/ann/", f"{top}/ann/default/", f"{top}/ann/none/"):
        for answer in (
            phone.propfind(ann.root + path, D + "displayname", depth="1"),
            phone.get(ann.root + path),
        ):
            assert answer.status == 403, path


def test_what_is_closed_is_not_reached_from_what_is_open(device: Device, ann: Client) -> None:
    phone = device(contacts=Right.NONE)
    inner = f"{props(D + 'getetag')}<d:href>{ann.book}one.vcf</d:href>"
    asked = f"<cr:addressbook-multiget>{inner}</cr:addressbook-multiget>"
    assert phone.report(ann.book, asked).status == 403
    multiget = f"<c:calendar-multiget>{inner}</c:calendar-multiget>"
    assert phone.report(ann.calendar, multiget).one.status in (403, 404)


def test_one_for_the_api_alone_opens_nothing_here(device: Device, ann: Client) -> None:
    script = device(calendars=Right.NONE, contacts=Right.NONE)
    for path in ("", "principals/", "principals/ann/", "calendars/ann/default/", "addressbooks/ann/"):
        assert script.propfind(ann.root + path, D + "displayname").status == 403, path


# -- single collections


@pytest.fixture
def single(device: Device, ann: Client, store: Store) -> Client:
    """ann with a password for her calendar ``default`` only; she also has ``secret``."""
    assert ann.mkcalendar(ann.calendar_home + "secret/").status == 201
    ann.put(ann.calendar_home + "secret/hidden.ics", event(uid="hidden"))
    with store.read() as tx:
        held = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
    assert held is not None
    return device(api=Right.NONE, collections=frozenset({held.id}))


def test_a_single_collection_is_the_only_one_that_is_listed_and_reached(single: Client, ann: Client) -> None:
    assert single.propfind(ann.calendar_home, D + "displayname", depth="1").names == {"ann", "default"}
    assert single.propfind(ann.book_home, D + "displayname", depth="1").names == {"ann"}
    assert single.get(ann.calendar + "one.ics").status == 200
    assert single.put(ann.calendar + "two.ics", event(uid="two")).status == 201
    for path in ("secret/", "secret/hidden.ics", "none/", "none/x.ics"):
        assert single.propfind(ann.calendar_home + path, D + "getetag").status == 403, path
        assert single.put(ann.calendar_home + path.rstrip("/"), event(uid="x")).status in (403, 405)
    assert single.get(ann.book + "one.vcf").status == 403


def test_queries_over_the_home_leave_the_others_out(single: Client, ann: Client) -> None:
    query = (
        f"<c:calendar-query>{props(D + 'getetag')}"
        '<c:filter><c:comp-filter name="VCALENDAR"/></c:filter></c:calendar-query>'
    )
    assert ann.report(ann.calendar_home, query, "infinity").names == {"one.ics", "hidden.ics"}
    assert single.report(ann.calendar_home, query, "infinity").names == {"one.ics"}


def test_it_neither_adds_nor_removes_nor_leaves_by_copy(single: Client, ann: Client) -> None:
    assert single.mkcalendar(ann.calendar_home + "new/").status == 403
    assert single.delete(ann.calendar).status == 403
    assert single.transfer("COPY", ann.calendar, ann.calendar_home + "copy/").status == 403
    assert single.transfer("MOVE", ann.calendar, ann.calendar_home + "moved/").status == 403
    target = ann.calendar_home + "secret/one.ics"
    assert single.transfer("COPY", ann.calendar + "one.ics", target).status == 403
    assert single.transfer("COPY", target.replace("one", "hidden"), ann.calendar + "stolen.ics").status == 403
    assert single.grant(ann.calendar, "bob", D + "read").status == 403
    shared = xml(
        f"<cs:share><cs:set><d:href>{ann.root}principals/bob/</d:href><cs:read/></cs:set></cs:share>"
    )
    for who, status in ((single, 403), (ann, 200)):
        answer = who.request("POST", ann.calendar, shared, content_type="application/xml")
        assert answer.status == status
    assert single.propfind(f"{ann.root}notifications/ann/", D + "displayname").status == 403
    assert "write" in privileges(single, ann.calendar)
    assert "write" not in privileges(single, ann.calendar_home)
    assert ann.propfind(ann.calendar_home, D + "displayname", depth="1").names == {"ann", "default", "secret"}


def test_a_single_collection_may_be_one_that_somebody_shares(
    office: Office, client: MakeClient, ann: Client, bob: Client, store: Store
) -> None:
    ann.put(ann.calendar + "one.ics", event())
    ann.mkcalendar(ann.calendar_home + "other/")
    with store.read() as tx:
        held = collections.get(tx, "ann", CollectionKind.CALENDAR, "default")
    assert held is not None
    for path in (ann.calendar, ann.calendar_home + "other/"):
        body = share_with(ann, "bob", "read-write")
        assert ann.request("POST", path, body, content_type="application/xml").status == 200
    with store.write() as tx:
        bobs = users.find_user(tx, "bob")
        for one in shares.offered(tx, bobs.id):
            jobs_sharing.answer(tx, bobs, one.collection.id, ShareState.ACCEPTED)
    scope = {"api": Right.NONE, "collections": frozenset({held.id})}
    tablet = client("bob", password=made(office, "bob", **scope).password)
    listed = tablet.propfind(bob.calendar_home, D + "displayname", depth="1").hrefs
    (path,) = [href for href in listed if href != bob.calendar_home]
    assert tablet.get(path + "one.ics").body == event()
    assert tablet.put(path + "two.ics", event(uid="two")).status == 201
    assert tablet.delete(path).status == 403, "leaving it is a change of the home"
    assert tablet.propfind(ann.calendar_home + "other/", D + "displayname").status == 403


def test_an_app_password_gives_nothing_that_its_owner_has_not(
    device: Device, ann: Client, eve: Client
) -> None:
    phone = device("eve")
    for path in (ann.calendar, ann.calendar + "one.ics", ann.book):
        assert phone.propfind(path, D + "displayname").status == 403
    ann.grant(ann.calendar, "bob", D + "read")
    bobs = device("bob")
    assert bobs.get(ann.calendar + "one.ics").status == 200
    assert bobs.put(ann.calendar + "two.ics", event(uid="two")).status == 403


# -- revoked


def test_a_401_says_what_is_wrong(device: Device, office: Office, ann: Client, client: MakeClient) -> None:
    one = made(office)
    phone = client("ann", password=one.password)
    assert phone.get(ann.calendar + "one.ics").status == 200
    app_passwords.revoke(office, "ann", one.app_password.id)
    answer = phone.get(ann.calendar + "one.ics")
    assert (answer.status, "revoked" in answer.text) == (401, True)
    assert "Basic" in (answer.header("WWW-Authenticate") or "")


def test_an_answer_under_way_ends_soon_after_its_password_is_revoked(
    office: Office,
    server: Server,
    ann: Client,
    client: MakeClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "RECHECK_SECONDS", 0)
    monkeypatch.setattr(wire, "ONE_PIECE", 20_000)
    filler = "DESCRIPTION:" + "y" * 9_000
    for number in range(12):
        assert ann.put(f"{ann.calendar}{number}.ics", event(filler, uid=str(number))).status == 201
    one = made(office)
    phone = client("ann", password=one.password)
    environ = phone._environ("GET", ann.calendar + "?export", b"")
    environ["PATH_INFO"], environ["QUERY_STRING"] = ann.calendar, "export"
    started: list[str] = []
    pieces = server(environ, lambda status, headers, exc_info=None: started.append(status))
    running = iter(pieces)
    assert next(running)
    app_passwords.revoke(office, "ann", one.app_password.id)
    with pytest.raises(HttpError, match="revoked"):
        list(running)
    pieces.close()  # type: ignore[attr-defined]
    assert started == ["200 OK"]


# -- Login Flow v2 over HTTP


def post(who: Client, path: str, body: bytes = b"", **headers: str) -> Answer:
    return who.request("POST", path, body, content_type="application/x-www-form-urlencoded", **headers)


@pytest.fixture
def app(client: MakeClient) -> Client:
    """An app that nobody has signed in to yet."""
    return client(None)


@pytest.mark.parametrize("entry", ["/index.php/login/v2", "/login/v2"])
def test_a_client_gets_its_password_by_login_flow_v2(
    app: Client, office: Office, client: MakeClient, ann: Client, entry: str
) -> None:
    begun = json.loads(post(app, entry, user_agent="DAVx5/4.5", host="dav.example.org").body)
    endpoint, token = urlsplit(begun["poll"]["endpoint"]), f"token={begun['poll']['token']}".encode()
    assert (endpoint.scheme, endpoint.netloc) == ("http", "dav.example.org")
    assert begun["login"].startswith("http://dav.example.org/account/")
    assert post(app, endpoint.path, token).status == 404
    page = begun["login"].rpartition("/")[2]
    with office.store.read() as tx:
        owner = users.find_user(tx, "ann")
    login_flow.grant(office, page, owner, "Phone", DEVICE)
    answer = post(app, endpoint.path, token, host="dav.example.org")
    assert answer.content_type == "application/json"
    assert answer.header("Cache-Control") == "no-store"
    got = json.loads(answer.body)
    assert (got["server"], got["loginName"]) == ("http://dav.example.org", "ann")
    phone = client("ann", password=got["appPassword"])
    assert phone.propfind(ann.calendar, D + "displayname").status == 207
    assert post(app, endpoint.path, token).status == 404, "once"


def test_dav_is_found_where_such_clients_look(app: Client) -> None:
    """DAVx5 puts remote.php/dav behind the server's address."""
    for method in ("PROPFIND", "OPTIONS", "GET"):
        answer = app.request(method, "/remote.php/dav")
        assert (answer.status, answer.header("Location")) == (301, "/dav/")


def test_without_pages_there_are_no_flows(make_server: MakeServer) -> None:
    app = Client(make_server(web={"enabled": False}), None)
    assert post(app, "/login/v2").status == 404


def test_other_methods_and_wrong_bodies_are_refused(app: Client) -> None:
    assert app.get("/login/v2").status == 405
    assert app.get("/login/v2/poll").header("Allow") == "POST"
    for body in (b"", b"token=", b"token=%ff%00", b"\xff\xfe", b"token=a&token=b"):
        assert post(app, "/login/v2/poll", body).status == 404
    assert post(app, "/login/v2/poll", b"token=" + b"a" * 5000).status == 413


def test_who_starts_or_polls_too_often_has_to_wait(app: Client) -> None:
    answers = [post(app, "/login/v2") for _ in range(21)]
    assert [one.status for one in answers] == [200] * 20 + [429]
    assert int(answers[-1].header("Retry-After") or 0) > 500
    token = json.loads(answers[0].body)["poll"]["token"]
    polls = [post(app, "/login/v2/poll", f"token={token}".encode()).status for _ in range(61)]
    assert polls == [404] * 60 + [429]


def test_behind_a_proxy_and_below_a_path_the_addresses_are_the_public_ones(make_server: MakeServer) -> None:
    server = make_server(server={"base_url": "https://dav.example.org"})
    from davserver.app import _ProxyFix

    app = Client(_ProxyFix(server), None, mount="/sub")
    begun = json.loads(post(app, "/sub/login/v2").body)
    assert begun["login"].startswith("https://dav.example.org/sub/account/")
    assert begun["poll"]["endpoint"] == "https://dav.example.org/sub/login/v2/poll"
