"""URL ↔ resource: the shape of the DAV tree, and nothing of what its resources can do.

    /                                   ROOT
    /principals/                        PRINCIPALS
    /principals/USER/                   PRINCIPAL
    /calendars/  /addressbooks/         CALENDARS, ADDRESSBOOKS: the containers of the homes
    /calendars/USER/                    CALENDAR_HOME           /addressbooks/USER/   ADDRESSBOOK_HOME
    /calendars/USER/URI/                CALENDAR                …/URI/                ADDRESSBOOK
    /calendars/USER/URI/NAME.ics        EVENT                   …/NAME.vcf            CARD
    /notifications/USER/NAME.xml        NOTIFICATION, in NOTIFICATIONS, in NOTIFICATION_HOMES

What somebody shares with a user lies in this user's home, too (``Node.shared``), under a name of his own. Its
owner is who shares it, and its ``path``, which names locks, is the one in the owner's home.

The same tree hangs under several prefixes (``/dav``, and Baïkal's ``/dav.php``, ``/cal.php``,
``/card.php``); a path here begins after the prefix. A node may name a resource that does not exist (yet).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from sqlalchemy import Connection

from davserver.errors import HttpError
from davserver.model import Collection, CollectionKind, Item, Notification, Principal, Shared
from davserver.storage import collections, items, notifications, principals, shares

SAFE = "!$&'()*+,;=:@~"
"""Characters that stay as they are in a segment of an href (RFC 3986 pchar)."""

LONGEST_NAME = 255
"""Characters in the name of a collection or an item."""


class Kind(enum.Enum):
    """What a URL names. Hashed by identity: it is looked up several times for each row of an answer."""

    __hash__ = object.__hash__

    ROOT = "root"
    PRINCIPALS = "principals"
    PRINCIPAL = "principal"
    CALENDARS = "calendars"
    ADDRESSBOOKS = "addressbooks"
    CALENDAR_HOME = "calendar-home"
    ADDRESSBOOK_HOME = "addressbook-home"
    CALENDAR = "calendar"
    ADDRESSBOOK = "addressbook"
    EVENT = "calendar-object"
    CARD = "card"
    NOTIFICATION_HOMES = "notification-homes"
    NOTIFICATIONS = "notifications"
    NOTIFICATION = "notification"


HOMES = frozenset({Kind.CALENDAR_HOME, Kind.ADDRESSBOOK_HOME})
COLLECTIONS = frozenset({Kind.CALENDAR, Kind.ADDRESSBOOK})
ITEMS = frozenset({Kind.EVENT, Kind.CARD})
ALL = frozenset(Kind)

_TOP = {
    "principals": (Kind.PRINCIPALS, Kind.PRINCIPAL),
    "calendars": (Kind.CALENDARS, Kind.CALENDAR_HOME, Kind.CALENDAR, Kind.EVENT),
    "addressbooks": (Kind.ADDRESSBOOKS, Kind.ADDRESSBOOK_HOME, Kind.ADDRESSBOOK, Kind.CARD),
    "notifications": (Kind.NOTIFICATION_HOMES, Kind.NOTIFICATIONS, Kind.NOTIFICATION),
}
_TOP_NAME = {kind: name for name, kinds in _TOP.items() for kind in kinds}
HOLDS = {
    Kind.CALENDAR: CollectionKind.CALENDAR,
    Kind.CALENDAR_HOME: CollectionKind.CALENDAR,
    Kind.EVENT: CollectionKind.CALENDAR,
    Kind.ADDRESSBOOK: CollectionKind.ADDRESSBOOK,
    Kind.ADDRESSBOOK_HOME: CollectionKind.ADDRESSBOOK,
    Kind.CARD: CollectionKind.ADDRESSBOOK,
}
CONTAINS = {
    Kind.CALENDARS: CollectionKind.CALENDAR,
    Kind.ADDRESSBOOKS: CollectionKind.ADDRESSBOOK,
    Kind.NOTIFICATIONS: CollectionKind.CALENDAR,
    Kind.NOTIFICATION: CollectionKind.CALENDAR,
}
"""What the homes below a container hold, and what messages are about."""
CHILD = {
    Kind.PRINCIPALS: Kind.PRINCIPAL,
    Kind.CALENDAR_HOME: Kind.CALENDAR,
    Kind.ADDRESSBOOK_HOME: Kind.ADDRESSBOOK,
    Kind.CALENDAR: Kind.EVENT,
    Kind.ADDRESSBOOK: Kind.CARD,
    Kind.NOTIFICATIONS: Kind.NOTIFICATION,
}
SCOPE = {
    Kind.PRINCIPAL: "principal",
    Kind.CALENDAR_HOME: "calendar-home",
    Kind.ADDRESSBOOK_HOME: "addressbook-home",
    Kind.CALENDAR: "collection",
    Kind.ADDRESSBOOK: "collection",
    Kind.EVENT: "item",
    Kind.CARD: "item",
}
"""Where the dead properties of a node are kept (storage.dead_properties); see Node.scope."""


@dataclass(slots=True)
class Node:
    """One resource, or the place where one would be.

    ``owner`` is the principal whose it is, None where no such principal exists: the one whose tree it is in,
    but for what lies there because somebody else shares it (``shared``). ``extra`` holds what properties
    asked to be read beforehand (dead properties, locks, access lists), by need. ``view_privileges`` are what
    the user may do with his view beyond ``privileges``, of which clients are told.
    """

    kind: Kind
    segments: tuple[str, ...]
    owner: Principal | None = None
    collection: Collection | None = None
    item: Item | None = None
    body: bytes | None = None
    privileges: frozenset[str] = frozenset()
    extra: dict[str, Any] = field(default_factory=dict)
    view_privileges: frozenset[str] = frozenset()
    shared: Shared | None = None
    notification: Notification | None = None

    @property
    def exists(self) -> bool:
        """Whether the resource is there."""
        if self.kind in ITEMS:
            return self.item is not None
        if self.kind in COLLECTIONS:
            return self.collection is not None
        if self.kind is Kind.NOTIFICATION:
            return self.notification is not None
        return len(self.segments) < 2 or self.owner is not None

    @property
    def name(self) -> str:
        """The last segment."""
        return self.segments[-1] if self.segments else ""

    @property
    def is_collection(self) -> bool:
        """Whether its href ends with a slash."""
        return self.kind not in ITEMS and self.kind is not Kind.NOTIFICATION

    @property
    def path(self) -> str:
        """The decoded path below the prefix in the owner's tree, without a final slash; names locks."""
        if self.shared is None:
            return "/" + "/".join(self.segments)
        home = (self.segments[0], self.shared.owner.name, self.shared.collection.name)
        return "/" + "/".join((*home, *self.segments[3:]))

    @property
    def is_own_view(self) -> bool:
        """Whether this is a shared collection as it stands in the home of who has it from somebody else."""
        return self.shared is not None and self.kind in COLLECTIONS

    @property
    def scope(self) -> str:
        """Where the dead properties are kept: each person has his own at what is shared with him."""
        return "view" if self.is_own_view else SCOPE[self.kind]

    @property
    def scope_id(self) -> int | None:
        """The id that goes with it: of the item, the view, the collection or the owner."""
        if self.shared is not None and self.kind in COLLECTIONS:
            return self.shared.view.id
        held = self.item or self.collection if self.kind in ITEMS else self.collection or self.owner
        return held.id if held else None

    @property
    def dead(self) -> Mapping[str, str]:
        """Dead properties, as far as they were read."""
        found: Mapping[str, str] = self.extra.get("dead", {})
        return found


def segments_of(path: str) -> tuple[str, ...]:
    """Split a decoded path. Final slashes mean nothing; empty, ``.`` and ``..`` segments are no names."""
    stripped = path.removeprefix("/").rstrip("/")
    if not stripped:
        return ()
    segments = tuple(stripped.split("/"))
    for segment in segments:
        if segment in ("", ".", "..") or "\0" in segment:
            raise HttpError(400, "The address has an empty, relative or unprintable segment.")
    return segments


def href_path(segments: tuple[str, ...], *, slash: bool) -> str:
    """The percent-encoded path of segments, with a leading slash and, if wanted, a final one."""
    names = segments if _is_plain("".join(segments)) else map(encode, segments)
    return f"/{'/'.join(names)}{'/' if slash and segments else ''}"


def encode(segment: str) -> str:
    """One segment, percent-encoded; the same everywhere, so that hrefs can be compared."""
    return segment if _is_plain(segment) else quote(segment, safe=SAFE)


_is_plain = re.compile(f"[A-Za-z0-9._{re.escape(SAFE)}-]*").fullmatch


def decode_href(path: str) -> tuple[str, ...]:
    """Segments of a percent-encoded path, decoded one by one, so ``%2F`` never makes a new segment."""
    try:
        decoded = [unquote(segment, errors="strict") for segment in path.split("/")]
    except UnicodeDecodeError:
        raise HttpError(400, "The address is not UTF-8.") from None
    if any("/" in segment for segment in decoded):
        raise HttpError(400, "A name must not contain a slash.")
    return segments_of("/".join(decoded))


def kind_of(segments: tuple[str, ...]) -> Kind | None:
    """What a path would name, None for a path outside the tree."""
    if not segments:
        return Kind.ROOT
    kinds = _TOP.get(segments[0], ())
    return kinds[len(segments) - 1] if len(segments) <= len(kinds) else None


def resolve(tx: Connection, segments: tuple[str, ...], user: Principal) -> Node | None:
    """The node at a path: one statement for a collection, two for an item. None outside the tree.

    The asking user's own principal is known already and not read again. What is shared with him, in his home,
    takes one statement more.
    """
    kind = kind_of(segments)
    if kind is None:
        return None
    node = Node(kind, segments)
    if len(segments) < 2:
        return node
    node.owner = user if segments[1] == user.name else principals.get(tx, segments[1])
    if segments[0] == "notifications":
        if len(segments) > 2 and node.owner is not None:
            node.notification = notifications.get(tx, node.owner.id, segments[2])
        return node
    if len(segments) > 2 and node.owner is not None:
        node.collection = collections.get(tx, segments[1], HOLDS[kind], segments[2])
        if node.collection is None and node.owner is user:
            _find_shared(tx, node, user)
    if len(segments) > 3 and node.collection is not None:
        node.item = items.get(tx, node.collection.id, segments[3])
    return node


def _find_shared(tx: Connection, node: Node, user: Principal) -> None:
    node.shared = shares.get(tx, user.id, HOLDS[node.kind], node.segments[2])
    if node.shared is not None:
        node.owner, node.collection = node.shared.owner, node.shared.collection


def held_in(tx: Connection, home: Node) -> tuple[list[Collection], list[Shared]]:
    """What lies in a home: the owner's collections, and what others share with him. Read once."""
    if "held" not in home.extra and home.owner is not None:
        owner, kind = home.owner.id, HOLDS[home.kind]
        home.extra["held"] = collections.of_owner(tx, owner, kind), shares.of_user(tx, owner, kind)
    held: tuple[list[Collection], list[Shared]] = home.extra["held"]
    return held


def child(parent: Node, name: str) -> Node:
    """The (empty) node of a member of a collection or home."""
    segments = (*parent.segments, name)
    return Node(CHILD[parent.kind], segments, parent.owner, parent.collection, shared=parent.shared)


def collection_node(home: Node, held: Collection) -> Node:
    """The node of a collection in its owner's home. Only he sees the home."""
    segments = (*home.segments, held.name)
    return Node(CHILD[home.kind], segments, home.owner, held, None, None, home.privileges)


def shared_node(home: Node, held: Shared) -> Node:
    """The node, in a user's home, of a collection that somebody else shares with him."""
    segments = (*home.segments, held.view.name)
    return Node(CHILD[home.kind], segments, held.owner, held.collection, shared=held)


def notification_node(parent: Node, held: Notification) -> Node:
    """The node of a message to the user."""
    segments = (*parent.segments, held.name)
    return Node(Kind.NOTIFICATION, segments, parent.owner, privileges=parent.privileges, notification=held)


def item_node(parent: Node, held: Item, body: bytes | None = None) -> Node:
    """The node of an item in a collection."""
    return Node(
        CHILD[parent.kind],
        (*parent.segments, held.name),
        parent.owner,
        parent.collection,
        held,
        body,
        parent.privileges,
        shared=parent.shared,
    )


def principal_segments(name: str) -> tuple[str, ...]:
    """Where a principal lies."""
    return ("principals", name)


def home_segments(kind: Kind, name: str) -> tuple[str, ...]:
    """Where a home of that kind lies."""
    return (_TOP_NAME[kind], name)


def parent_segments(segments: tuple[str, ...]) -> tuple[str, ...]:
    """The path one level up."""
    return segments[:-1]
