"""Configuration profiles (.mobileconfig): both accounts of a user on an iPhone, iPad or Mac in two taps.

    build     the property list: a CalDAV and a CardDAV payload with an app password of their own
    signer    CMS around it (RFC 5652, DER, content included) where the operator has a certificate
    link      a short-lived address by which a phone can fetch a profile once, without signing in

The app password is made at the moment when the profile is. Keys: Apple's Device Management, CalDAV and
CardDAV payloads. Apple's devices speak to https only.
"""

from __future__ import annotations

import plistlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sqlalchemy import Connection

from davserver.config import Settings
from davserver.errors import ConfigError, HttpError
from davserver.jobs import app_passwords, login_flow
from davserver.jobs.app_passwords import DEVICE, Made, Wanted, new_token, token_hash
from davserver.jobs.office import Office
from davserver.jobs.users import find_user
from davserver.model import CollectionKind, Right, Scope
from davserver.sentences import Sentence
from davserver.storage import app_grants
from davserver.storage.app_grants import GRANTED, Grant, NewGrant
from davserver.storage.engine import now

MEDIA_TYPE = "application/x-apple-aspen-config"
LIFETIME = 15 * 60
"""Seconds for which a link is good."""
LABEL = "iPhone, iPad or Mac"

_TITLES = {CollectionKind.CALENDAR: Sentence("Calendars"), CollectionKind.ADDRESSBOOK: Sentence("Contacts")}
_PAYLOADS = {CollectionKind.CALENDAR: "CalDAV", CollectionKind.ADDRESSBOOK: "CardDAV"}


@dataclass(frozen=True, slots=True)
class Account:
    """What goes into a profile. ``base``: scheme, host and mount point, ``https://host/sub``."""

    base: str
    name: str
    label: str
    password: str = field(repr=False)
    scope: Scope = DEVICE
    organization: str = ""


Say = Callable[[str], str]
"""Says a sentence in somebody's language."""


def make(office: Office, owner: str, base: str, wanted: Wanted | None = None, *, say: Say = str) -> bytes:
    """A profile for a user who is signed in, with a new app password."""
    sign = signer(office.settings)
    wanted = wanted or Wanted(LABEL, DEVICE, None, "profile")
    made = app_passwords.create(office, owner, wanted)
    return sign(build(_account(office.settings, base, owner, made), say))


def link(office: Office, owner: str, label: str = LABEL, scope: Scope = DEVICE) -> str:
    """A token by which a profile can be fetched once, within LIFETIME."""
    wanted, token = app_passwords.check(Wanted(label, scope)), new_token()
    with office.write("profile.link", owner) as tx:
        new = NewGrant(
            token=token_hash(token),
            page=None,
            state=GRANTED,
            principal_id=find_user(tx, owner).id,
            label=wanted.label,
            scope=wanted.scope,
            agent="",
            address=office.address[:100],
            expires=now() + LIFETIME,
        )
        app_grants.add(tx, new)
    return token


def find(tx: Connection, token: str) -> Grant:
    """What a link stands for, without using it up; 404 where it is over."""
    found = app_grants.by_token(tx, token_hash(token))
    if found is None or found.state != GRANTED or found.page is not None:
        raise HttpError(404, "This link was used already, or is too old. Make a new one on your page.")
    return found


def fetch(office: Office, token: str, base: str, *, say: Say = str) -> bytes:
    """The profile behind a link, once; 404 for all who come later."""
    sign = signer(office.settings)
    with office.write("app-password.add", LABEL) as tx:
        find(tx, token)
        taken = login_flow.take(tx, token, "profile")
    return sign(build(_account(office.settings, base, taken.login_name, taken.made), say))


def _account(settings: Settings, base: str, name: str, made: Made) -> Account:
    held = made.app_password
    return Account(base, name, held.label, made.password, held.scope, settings.apple.organization)


def build(account: Account, say: Say = str) -> bytes:
    """The property list, as XML. What the scope does not open has no payload."""
    host = urlsplit(account.base).hostname or ""
    kinds = [kind for kind in _PAYLOADS if account.scope.right(kind) is not Right.NONE]
    about = Sentence("Calendars and contacts of %(name)s at %(host)s", name=account.name, host=host)
    profile = {
        "PayloadContent": [
            _payload(account, kind) | {"PayloadDisplayName": say(_TITLES[kind])} for kind in kinds
        ],
        "PayloadDescription": say(about),
        "PayloadDisplayName": f"{host} ({account.name})",
        "PayloadOrganization": account.organization or host,
        "PayloadType": "Configuration",
        **_identity(account, "profile"),
    }
    return plistlib.dumps(profile)


def _payload(account: Account, kind: CollectionKind) -> dict[str, Any]:
    prefix, parts = _PAYLOADS[kind], urlsplit(account.base)
    secure = parts.scheme == "https"
    return {
        f"{prefix}AccountDescription": f"{parts.hostname} ({account.name})",
        f"{prefix}HostName": parts.hostname,
        f"{prefix}Port": parts.port or (443 if secure else 80),
        f"{prefix}UseSSL": secure,
        f"{prefix}Username": account.name,
        f"{prefix}Password": account.password,
        f"{prefix}PrincipalURL": f"{parts.path}/dav/principals/{quote(account.name, safe='@')}/",
        "PayloadType": f"com.apple.{prefix.lower()}.account",
        **_identity(account, prefix.lower()),
    }


def _identity(account: Account, part: str) -> dict[str, Any]:
    """A name of its own for each profile: a second one must not replace the first device's."""
    host = urlsplit(account.base).hostname or ""
    backwards = ".".join(reversed(host.split(".")))
    number = uuid.uuid4()
    return {
        "PayloadIdentifier": f"{backwards}.davserver.{part}.{number}",
        "PayloadUUID": str(number).upper(),
        "PayloadVersion": 1,
    }


Sign = Callable[[bytes], bytes]


def signer(settings: Settings) -> Sign:
    """What puts a profile into a CMS envelope, or leaves it as it is where no certificate is configured.

    :raises ConfigError: the files cannot be read or do not belong together; before anything is made.
    """
    if not settings.apple.certificate:
        return lambda profile: profile
    # Loaded when a profile is signed: OpenSSL's bindings cost every other request nothing.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import pkcs7

    folder = settings.storage.data_dir
    try:
        own, *chain = x509.load_pem_x509_certificates(_read(folder / settings.apple.certificate))
        key: Any = serialization.load_pem_private_key(_read(folder / settings.apple.key), None)
        if key.public_key() != own.public_key():
            raise ValueError("the key is not the certificate's")
    except (ValueError, TypeError) as error:
        raise ConfigError(f"apple.certificate and apple.key cannot sign: {error}") from None

    def sign(profile: bytes) -> bytes:
        builder = pkcs7.PKCS7SignatureBuilder().set_data(profile).add_signer(own, key, hashes.SHA256())
        for one in chain:
            builder = builder.add_certificate(one)
        return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])

    return sign


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
