"""Configuration profiles for Apple's devices: their content, their signature, and that a link works once."""

from __future__ import annotations

import plistlib
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import update

from davserver.errors import ConfigError, HttpError
from davserver.jobs import app_passwords, apple_profile, login_flow, users
from davserver.jobs.app_passwords import DEVICE, Wanted
from davserver.jobs.office import Office
from davserver.model import Right, Scope
from davserver.storage import Store
from davserver.storage.engine import now
from davserver.storage.schema import app_grant
from tests.davclient import D, MakeClient, MakeServer

BASE = "https://dav.example.org:8443/sub"


@pytest.fixture
def office(make_server: MakeServer, store: Store) -> Office:
    return Office(store, make_server().settings, "ann", "192.0.2.1")


def payloads(profile: bytes) -> dict[str, dict[str, Any]]:
    return {one["PayloadType"]: one for one in plistlib.loads(profile)["PayloadContent"]}


def test_a_profile_holds_both_accounts_with_one_app_password_made_for_it(
    office: Office, client: MakeClient
) -> None:
    profile = apple_profile.make(office, "ann", BASE)
    whole = plistlib.loads(profile)
    assert (whole["PayloadType"], whole["PayloadVersion"]) == ("Configuration", 1)
    assert whole["PayloadOrganization"] == "dav.example.org"
    found = payloads(profile)
    assert set(found) == {"com.apple.caldav.account", "com.apple.carddav.account"}
    for kind, prefix in (("caldav", "CalDAV"), ("carddav", "CardDAV")):
        one = found[f"com.apple.{kind}.account"]
        assert one[prefix + "HostName"] == "dav.example.org"
        assert (one[prefix + "Port"], one[prefix + "UseSSL"]) == (8443, True)
        assert one[prefix + "Username"] == "ann"
        assert one[prefix + "PrincipalURL"] == "/sub/dav/principals/ann/"
    password = found["com.apple.caldav.account"]["CalDAVPassword"]
    assert password == found["com.apple.carddav.account"]["CardDAVPassword"]
    phone = client("ann", password=password)
    assert phone.propfind(phone.principal, D + "displayname").status == 207
    with office.store.read() as tx:
        (held,) = app_passwords.listing(tx, users.find_user(tx, "ann"))
    assert (held.origin, held.scope) == ("profile", DEVICE)


def test_two_profiles_stay_two_on_a_device(office: Office) -> None:
    first, second = (plistlib.loads(apple_profile.make(office, "ann", BASE)) for _ in range(2))
    numbers = [one["PayloadUUID"] for whole in (first, second) for one in (whole, *whole["PayloadContent"])]
    assert len(set(numbers)) == 6
    assert first["PayloadIdentifier"] != second["PayloadIdentifier"]


def test_what_the_scope_does_not_open_has_no_payload(office: Office) -> None:
    scope = Scope(Right.READ, Right.NONE, Right.NONE)
    profile = apple_profile.make(office, "ann", BASE, Wanted("Mac", scope, None, "profile"))
    assert set(payloads(profile)) == {"com.apple.caldav.account"}


def test_names_with_any_signs_are_spelled_right_in_the_address(office: Office) -> None:
    account = apple_profile.Account("https://h", "öz <&>", "x", "pw")
    one = payloads(apple_profile.build(account))["com.apple.caldav.account"]
    assert one["CalDAVPrincipalURL"] == "/dav/principals/%C3%B6z%20%3C%26%3E/"
    assert one["CalDAVUsername"] == "öz <&>"
    assert one["CalDAVPort"] == 443


# -- links


def test_a_link_gives_the_profile_once(office: Office) -> None:
    token = apple_profile.link(office, "ann", "Ann's phone")
    with office.store.read() as tx:
        assert apple_profile.find(tx, token).label == "Ann's phone"
        assert token not in str(tx.execute(app_grant.select()).all())
    profile = apple_profile.fetch(office, token, BASE)
    assert payloads(profile)["com.apple.caldav.account"]["CalDAVUsername"] == "ann"
    with pytest.raises(HttpError, match="used already"):
        apple_profile.fetch(office, token, BASE)
    with office.store.read() as tx:
        assert [one.label for one in app_passwords.listing(tx, users.find_user(tx, "ann"))] == ["Ann's phone"]


def test_an_old_link_and_one_of_another_kind_give_nothing(office: Office) -> None:
    token = apple_profile.link(office, "ann")
    with office.store.write() as tx:
        tx.execute(update(app_grant).values(expires=now()))
    flow = login_flow.start(office, "x")
    with office.store.read() as tx:
        ann = users.find_user(tx, "ann")
    login_flow.grant(office, flow.page, ann, "Phone", DEVICE)
    for wrong in (token, flow.token, flow.page, "", "x"):
        with pytest.raises(HttpError) as caught:
            apple_profile.fetch(office, wrong, BASE)
        assert caught.value.status == 404
    with office.store.read() as tx:
        assert app_passwords.listing(tx, ann) == []


# -- signing


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, str]:
    """A self-signed certificate and its key as files of the data directory."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dav.example.org")])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    encoded = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "key.pem").write_bytes(encoded)
    return {"certificate": "cert.pem", "key": "key.pem"}


def signing(office: Office, **apple: str) -> Office:
    return replace(office, settings=replace(office.settings, apple=replace(office.settings.apple, **apple)))


def test_a_profile_is_signed_where_the_operator_has_a_certificate(
    office: Office, certificate: dict[str, str], tmp_path: Path
) -> None:
    signed = apple_profile.make(signing(office, organization="Chess club", **certificate), "ann", BASE)
    (tmp_path / "profile").write_bytes(signed)
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", "profile", "-CAfile", "cert.pem"]
    command += ["-purpose", "any", "-binary"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert plistlib.loads(done.stdout)["PayloadOrganization"] == "Chess club"


@pytest.mark.parametrize(
    "broken", [{"certificate": "none.pem"}, {"key": "cert.pem"}, {"certificate": "key.pem"}]
)
def test_a_certificate_that_does_not_work_is_told_to_the_operator(
    office: Office, certificate: dict[str, str], broken: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read|cannot sign"):
        apple_profile.make(signing(office, **{**certificate, **broken}), "ann", BASE)
    with office.store.read() as tx:
        assert app_passwords.listing(tx, users.find_user(tx, "ann")) == []
