"""From an account's row to a client that may reach its server: the secret opened, trust and hosts set.

Belongs here: how one signs in. Must not be here: where a secret is entered (accounts), requests (client).
A secret that cannot be read is a state of the account, never an empty password.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from davserver.jobs.office import Office
from davserver.model import RemoteAccount
from davserver.sync import oauth
from davserver.sync.client import DavClient
from davserver.sync.http import Access, Auth, Bearer, Client, Password, Trust, origin
from davserver.sync.problems import Problem, RemoteError
from davserver.sync.quirks import PRESETS, quirks_of
from davserver.vault import Vault, VaultLocked


def context_of(account_id: int) -> str:
    """What binds an account's secret to its row (vault)."""
    return f"account:{account_id}"


@contextlib.contextmanager
def connected(office: Office, account: RemoteAccount) -> Iterator[DavClient]:
    """A client for the account; RemoteError where its secret cannot be read."""
    access = Access(auth_of(office, account), trust_of(account), hosts_of(account))
    with Client(office.settings.outgoing, access) as web:
        yield DavClient(web, account.base_url, quirks_of(account.base_url))


def auth_of(office: Office, account: RemoteAccount) -> Auth | None:
    """The credentials of an account."""
    if not account.secret:
        raise RemoteError(Problem.CREDENTIALS, "No password is stored for this account.")
    if account.auth_kind == "oauth2":
        return Bearer(oauth.access_token(office, account))
    try:
        secret = Vault(office.settings.storage).decrypt(account.secret, context=context_of(account.id))
    except VaultLocked as error:
        raise RemoteError(Problem.KEY, str(error)) from None
    if account.auth_kind == "bearer":
        return Bearer(secret)
    return Password(account.username, secret)


def trust_of(account: RemoteAccount) -> Trust:
    """What is believed instead of the usual authorities."""
    return Trust(account.ca_pem, account.fingerprint)


def hosts_of(account: RemoteAccount) -> tuple[str, ...]:
    """Where the credentials may go: the preset's hosts, and those of the homes that were agreed to."""
    preset = PRESETS.get(account.preset)
    homes = (account.base_url, account.home_cal, account.home_card)
    return (*(preset.hosts if preset else ()), *dict.fromkeys(origin(url)[1] for url in homes if url))
