"""What a request says, parsed once; and what it is answered.

Headers are read here and nowhere else, so that every method understands Depth, Prefer, Destination and
the rest alike. A Request also carries the transaction, the user and the resolved node.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from davserver import davxml
from davserver.auth.headers import variable
from davserver.config import Settings
from davserver.davxml import Element
from davserver.errors import HttpError
from davserver.model import CollectionKind, Identity, Principal, Right
from davserver.protocol import access, tree
from davserver.protocol.tree import Node

Environ = dict[str, Any]
Headers = list[tuple[str, str]]

XML_TYPE = ("Content-Type", "application/xml; charset=utf-8")

ALLOWED_DEPTHS = {"0": 0, "1": 1, "infinity": 2}
INFINITY = 2


@dataclass(slots=True)
class Response:
    """An answer: status, headers, and a body in one piece or as an iterator of pieces."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | Iterator[bytes] = b""


@dataclass
class Request:
    """One DAV request.

    ``prefix`` is the path in front of the tree as the client used it (``/dav``, ``/sub/dav.php``). ``tx``,
    ``identity`` and ``node`` are set by the pipeline before a method sees the request.
    """

    environ: Environ
    settings: Settings
    prefix: str
    segments: tuple[str, ...]
    body: bytes = b""
    _bases: dict[tuple[str, ...], str] = field(default_factory=dict)
    tx: Connection = field(init=False)
    identity: Identity = field(init=False)
    node: Node = field(init=False)

    @property
    def user(self) -> Principal:
        """Who asks."""
        return self.identity.principal

    @property
    def method(self) -> str:
        """The HTTP method."""
        method: str = self.environ["REQUEST_METHOD"]
        return method

    def header(self, name: str) -> str | None:
        """A request header by its name, None where it was not sent."""
        value: str | None = self.environ.get(variable(name))
        return value

    @property
    def content_type(self) -> str:
        """The media type of the body, lower case, without parameters."""
        value: str = self.environ.get("CONTENT_TYPE") or ""
        return value.partition(";")[0].strip().lower()

    @cached_property
    def xml(self) -> Element | None:
        """The root element of the body, None for an empty one."""
        if len(self.body) > self.settings.limits.xml_size:
            raise HttpError(413, f"The XML is larger than {self.settings.limits.xml_size} bytes.")
        return davxml.parse(self.body, self.settings.limits.xml_depth)

    def depth(self, default: int) -> int:
        """Depth as 0, 1 or INFINITY (RFC 4918 10.2)."""
        value = self.header("Depth")
        if value is None:
            return default
        depth = ALLOWED_DEPTHS.get(value.strip().lower())
        if depth is None:
            raise HttpError(400, "Depth must be 0, 1 or infinity.")
        return depth

    @cached_property
    def overwrite(self) -> bool:
        """Whether the destination may be replaced (RFC 4918 10.6)."""
        value = (self.header("Overwrite") or "T").strip().upper()
        if value not in ("T", "F"):
            raise HttpError(400, "Overwrite must be T or F.")
        return value == "T"

    @cached_property
    def preferences(self) -> dict[str, str]:
        """Preferences of Prefer (RFC 7240, RFC 8144) by name; ``Brief: t`` is return=minimal."""
        prefer, brief = self.header("Prefer"), self.header("Brief")
        found: dict[str, str] = {}
        for part in prefer.split(",") if prefer else ():
            name, _, value = part.partition(";")[0].partition("=")
            if name.strip():
                found.setdefault(name.strip().lower(), value.strip().strip('"').lower())
        if brief and brief.strip().lower() == "t":
            found.setdefault("return", "minimal")
        return found

    @property
    def minimal(self) -> bool:
        """Whether the client wants answers without what it can do without."""
        return self.preferences.get("return") == "minimal"

    def href(self, node: Node) -> str:
        """The href of a node under the prefix that the client came by."""
        above = node.segments[:-1]
        if above not in self._bases:
            self._bases[above] = self.href_of(above)
        tail = "/" if node.is_collection and node.segments else ""
        return f"{self._bases[above]}{tree.encode(node.name)}{tail}"

    def href_of(self, segments: tuple[str, ...]) -> str:
        """The href of a collection-like path."""
        return self.prefix + tree.href_path(segments, slash=True)

    def segments_of_href(self, href: str) -> tuple[str, ...] | None:
        """The path in our tree that an href (absolute or a path) names; None for one elsewhere.

        Any prefix of ours is taken, since clients keep hrefs that they got by another one.
        """
        try:
            parts = urlsplit(href.strip())
        except ValueError:
            raise HttpError(400, "The address is malformed.") from None
        if parts.netloc and parts.netloc.lower() != self.host:
            return None
        path = parts.path if parts.path.startswith("/") else "/" + parts.path
        for prefix in self._prefixes:
            if path == prefix or path.startswith(prefix + "/"):
                return tree.decode_href(path[len(prefix) :])
        return None

    @cached_property
    def _prefixes(self) -> tuple[str, ...]:
        mount: str = self.environ.get("davserver.mount", "")
        return (self.prefix, *(mount + name for name in PREFIX_NAMES))

    @property
    def host(self) -> str:
        """Host (and port) that the client used, lower case."""
        host: str = self.environ.get("HTTP_HOST") or self.environ.get("SERVER_NAME", "")
        return host.lower()

    def require(self, node: Node, privilege: str) -> None:
        """Raise 403 with DAV:need-privileges unless the node grants the user the privilege."""
        if not access.may(node, privilege):
            raise access.NeedPrivileges(self.href(node), privilege)

    def grant(self, node: Node) -> Node:
        """Fill in what the user may do with a node that was resolved or found on the way."""
        directory, free_busy = self.settings.accounts.directory, self.settings.sharing.free_busy
        granted = access.privileges(self.tx, self.user, node, directory=directory, free_busy=free_busy)
        return self.limit(node, granted)

    def limit(self, node: Node, granted: frozenset[str]) -> Node:
        """The node with what is granted, as far as what the user signed in by opens it."""
        scope = self.identity.scope
        node.privileges = access.within(scope, node, access.possible(node, granted))
        if node.privileges and (node.is_own_view or self._is_own_and_read_only(node)):
            node.view_privileges = access.within(scope, node, access.OF_VIEW)
        return node

    def _is_own_and_read_only(self, node: Node) -> bool:
        held, owner = node.collection, node.owner
        is_collection = held is not None and held.read_only and node.kind in tree.COLLECTIONS
        return is_collection and owner is not None and owner.id == self.user.id

    def serves(self, kind: CollectionKind) -> bool:
        """Whether there are calendars, or address books, for this user with what he signed in by."""
        settings = self.settings.caldav if kind is CollectionKind.CALENDAR else self.settings.carddav
        return settings.enabled and self.identity.scope.right(kind) is not Right.NONE

    def resolve(self, segments: tuple[str, ...]) -> Node | None:
        """The node at a path with the user's privileges, None outside the tree."""
        node = tree.resolve(self.tx, segments, self.user)
        if node is None or not self._enabled(node):
            return None
        return self.grant(node)

    def _enabled(self, node: Node) -> bool:
        top = node.segments[0] if node.segments else ""
        if top in ("calendars", "notifications"):
            return self.settings.caldav.enabled
        return top != "addressbooks" or self.settings.carddav.enabled


PREFIX_NAMES = ("/dav", "/dav.php", "/cal.php", "/card.php")
"""The names under which the tree hangs; the last three are Baïkal's."""
