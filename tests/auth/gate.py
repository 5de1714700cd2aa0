"""A database with Ann and Bob, a clock that the test moves, and requests as a server hands them over."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import Any

from davserver.auth import Authenticator
from davserver.config import Settings
from davserver.jobs.office import Office
from davserver.model import Principal
from davserver.storage import Store

PASSWORD = "correct horse"
Environ = dict[str, Any]


def basic(name: str, password: str, encoding: str = "utf-8") -> str:
    """The Authorization header of RFC 7617."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode(encoding)).decode("ascii")


def request(authorization: str | None = None, address: str = "192.0.2.7", **variables: str) -> Environ:
    """A WSGI environ with what authentication looks at."""
    environ = {"REQUEST_METHOD": "PROPFIND", "SCRIPT_NAME": "", "PATH_INFO": "/dav/", "REMOTE_ADDR": address}
    if authorization is not None:
        environ["HTTP_AUTHORIZATION"] = authorization
    return {**environ, **variables}


@dataclass
class Gate:
    """An authenticator over a store, with its clock."""

    store: Store
    settings: Settings
    now: float = 1_800_000_000.0
    authenticator: Authenticator = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, **auth: Any) -> Gate:
        """Another process over the same data, with other settings of [auth] if given."""
        self.settings = replace(self.settings, auth=replace(self.settings.auth, **auth))
        self.authenticator = Authenticator(self.settings, self.store, lambda: self.now)
        return self

    def __call__(self, environ: Environ) -> Principal:
        with self.store.read() as tx:
            return self.authenticator.authenticate(environ, tx).principal

    @property
    def office(self) -> Office:
        return Office(self.store, self.settings)
