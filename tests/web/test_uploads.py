"""Large files reach the disk only from browsers that are signed in; all others are refused at the header."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from davserver.app import Server
from davserver.cli.uploads import Uploads, parser_for

NORMAL, LARGEST = 10_000, 1_000_000


@pytest.fixture
def uploads(server: Server) -> Uploads:
    """Rules with small numbers."""
    settings = server.settings
    small = replace(
        settings,
        server=replace(settings.server, max_request_size=NORMAL),
        limits=replace(settings.limits, import_size=LARGEST),
    )
    made = Uploads(small)
    made.__dict__["_store"] = server.store  # the database of the test
    return made


def refused(uploads: Uploads, length: int, cookie: str, method: str = "POST") -> bool:
    """Whether waitress refuses a body as soon as it is announced."""
    parser = parser_for(uploads)(Adjustments(max_request_body_size=NORMAL))
    lines = (f"{method} /account/import HTTP/1.1", f"Content-Length: {length}", f"Cookie: {cookie}", "", "")
    parser.received("\r\n".join(lines).encode("latin-1"))
    return parser.error is not None


def test_who_is_signed_in_may_send_a_large_file(visit: Any, uploads: Uploads) -> None:
    ann = visit("ann")
    assert not refused(uploads, LARGEST - 1, ann.cookie)
    assert refused(uploads, LARGEST, ann.cookie)
    assert refused(uploads, LARGEST - 1, ann.cookie, "PUT")


@pytest.mark.parametrize(
    "cookie", ["", "davserver=x", "davserver=eyJ0b2tlbiI6IngifQ.x.y", "davserver=.x", "=;"]
)
def test_strangers_may_send_what_everybody_may(people: object, uploads: Uploads, cookie: str) -> None:
    assert not refused(uploads, NORMAL - 1, cookie)
    assert refused(uploads, NORMAL, cookie)


def test_who_has_signed_out_is_a_stranger(visit: Any, uploads: Uploads) -> None:
    ann = visit("ann")
    cookie = ann.cookie
    ann.get("/account/").submit("Sign out")
    assert refused(uploads, NORMAL, cookie)
