"""What tests of sharing have in common: to share as a client does, to make groups, to count statements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event as sqlalchemy_event

from davserver.model import NewPrincipal, PrincipalKind
from davserver.storage import Store, principals
from davserver.storage.prepared import Prepared
from tests.davclient import Answer, Client, D, xml

XML = "application/xml"
WORDS = {"read": "read", "read-write": "read-write"}


def share(owner: Client, path: str, who: str, access: str = "read-write", summary: str = "") -> Answer:
    """CS:share as macOS sends it; ``who`` is a user's or a group's name, or any address."""
    address = who if ":" in who or "/" in who else f"{owner.root}principals/{who}/"
    text = f"<cs:summary>{summary}</cs:summary>" if summary else ""
    body = f"<cs:share><cs:set><d:href>{address}</d:href>{text}<cs:{access}/></cs:set></cs:share>"
    return owner.request("POST", path, xml(body), content_type=XML)


def revoke(owner: Client, path: str, who: str) -> Answer:
    """CS:share with a removal."""
    address = who if ":" in who or "/" in who else f"{owner.root}principals/{who}/"
    body = f"<cs:share><cs:remove><d:href>{address}</d:href></cs:remove></cs:share>"
    return owner.request("POST", path, xml(body), content_type=XML)


def share_resource(owner: Client, path: str, who: str, access: str) -> Answer:
    """DAV:share-resource as draft-pot has it."""
    body = (
        f"<d:share-resource><d:sharee><d:href>{who}</d:href><d:share-access><d:{access}/></d:share-access>"
        "</d:sharee></d:share-resource>"
    )
    return owner.request("POST", path, xml(body), content_type="application/davsharing+xml; charset=utf-8")


def reply(sharee: Client, home: str, host: str, answer: str) -> Answer:
    """CS:invite-reply; ``answer`` is accepted or declined."""
    body = (
        f"<cs:invite-reply><d:href>mailto:{sharee.user}@example.org</d:href><cs:invite-{answer}/>"
        f"<cs:hosturl><d:href>{host}</d:href></cs:hosturl><cs:in-reply-to>x</cs:in-reply-to></cs:invite-reply>"
    )
    return sharee.request("POST", home, xml(body), content_type=XML)


def listed(client: Client, home: str) -> list[str]:
    """The hrefs of the collections in a home."""
    return [href for href in client.propfind(home, D + "displayname", depth="1").hrefs if href != home]


def group(store: Store, name: str, *members: int) -> int:
    """A group with members; its id."""
    with store.write() as tx:
        made = principals.get(tx, name) or principals.add(tx, NewPrincipal(name, PrincipalKind.GROUP))
        principals.set_members(tx, made.id, members)
        return made.id


@contextmanager
def counted(store: Store, monkeypatch: Any) -> Iterator[list[int]]:
    """counted(...) as seen: seen[0] is the number of SQL statements run inside."""
    seen = [0]
    run = Prepared._run

    def counting(self: Prepared, tx: Any, values: Any) -> Any:
        seen[0] += 1
        return run(self, tx, values)

    def count(*_: Any) -> None:
        seen[0] += 1

    with monkeypatch.context() as patched:
        patched.setattr(Prepared, "_run", counting)
        sqlalchemy_event.listen(store.engine, "before_cursor_execute", count)
        try:
            yield seen
        finally:
            sqlalchemy_event.remove(store.engine, "before_cursor_execute", count)
