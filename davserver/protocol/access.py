"""Who may do what: privileges of RFC 3744, decided in this one place.

    owner of a tree         everything in it
    any signed-in user      reads the root, the containers, and (accounts.directory) who the others are
                            and (sharing.free_busy) when they are busy
    anybody else            what the access list of a collection grants him, and what is shared with him,
                            himself or by a group

What is shared stands in the sharee's home, too. There it is his to call and colour as he likes, or to leave:
neither changes anything for the owner.

    an app password         takes away what its scope does not open (``within``)

Somebody without any privilege gets one and the same answer whether a resource exists or not, so that
nobody can find out who has an account or what calendars he keeps.
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Connection

from davserver.davxml import CALDAV, DAV, element, href
from davserver.errors import HttpError
from davserver.model import EVERYTHING, Access, Principal, Right, Scope
from davserver.protocol.tree import COLLECTIONS, CONTAINS, HOLDS, HOMES, ITEMS, Kind, Node
from davserver.storage import collections

READ = DAV + "read"
WRITE = DAV + "write"
WRITE_PROPERTIES = DAV + "write-properties"
WRITE_CONTENT = DAV + "write-content"
BIND = DAV + "bind"
UNBIND = DAV + "unbind"
UNLOCK = DAV + "unlock"
READ_ACL = DAV + "read-acl"
READ_PRIVILEGES = DAV + "read-current-user-privilege-set"
WRITE_ACL = DAV + "write-acl"
SHARE = DAV + "share"
READ_FREE_BUSY = CALDAV + "read-free-busy"

TREE: dict[str, dict[str, object]] = {
    READ: {READ_PRIVILEGES: {}, READ_FREE_BUSY: {}},
    WRITE: {WRITE_PROPERTIES: {}, WRITE_CONTENT: {}, BIND: {}, UNBIND: {}},
    UNLOCK: {},
    READ_ACL: {},
    WRITE_ACL: {},
    SHARE: {},
}
"""The aggregation tree below DAV:all (RFC 3744 5.3): privilege → those it contains."""

DESCRIPTIONS = {
    DAV + "all": "Everything",
    READ: "Read, with its properties",
    WRITE: "Change",
    WRITE_PROPERTIES: "Change the properties",
    WRITE_CONTENT: "Change the content",
    BIND: "Add a member",
    UNBIND: "Remove a member",
    UNLOCK: "Remove a lock of somebody else",
    READ_ACL: "Read who has access",
    READ_PRIVILEGES: "Read one's own privileges",
    WRITE_ACL: "Change who has access",
    SHARE: "Share with others",
    READ_FREE_BUSY: "See when there is something, not what",
}

ALL = frozenset({DAV + "all", *TREE, *(part for parts in TREE.values() for part in parts)})
MESSAGES = frozenset({Kind.NOTIFICATIONS, Kind.NOTIFICATION})
_OF_MESSAGES = frozenset({READ, READ_PRIVILEGES, UNBIND})
"""A user reads and removes the messages to him; they are written by the server."""

_BUSY = frozenset({READ_FREE_BUSY})
_BUSY_KINDS = frozenset({Kind.CALENDAR, Kind.CALENDAR_HOME})
_READER = frozenset({READ, READ_PRIVILEGES, READ_FREE_BUSY})
_READING = _READER | {READ_ACL}
"""What a password that only reads leaves."""

_INSIDE = _READING | {WRITE, UNLOCK, *TREE[WRITE]}
"""What a password for single collections leaves of them: their content, not who else has access."""

_WRITING = frozenset({DAV + "all", WRITE, WRITE_PROPERTIES, WRITE_CONTENT, BIND, UNBIND})
"""What nobody may do with a collection that is filled from elsewhere."""

_NOBODY: frozenset[str] = frozenset()
SHARED = {
    Access.READ: frozenset({READ}),
    Access.READ_WRITE: frozenset({READ, WRITE_CONTENT, BIND, UNBIND}),
}
"""What a share grants at the owner's address: the items, not the owner's name and colour."""

OF_VIEW = frozenset({WRITE_PROPERTIES, UNBIND})
"""What a sharee may always do with his view of a collection (not with its items): colour it, leave it."""


@lru_cache(maxsize=256)
def expand(granted: frozenset[str]) -> frozenset[str]:
    """A set of privileges, and words of model.Access, as privileges with all that they contain."""
    if DAV + "all" in granted:
        return ALL
    for word in Access:
        if word.value in granted:
            granted = granted - {word.value} | SHARED[word]
    contained = {part for privilege in granted for part in TREE.get(privilege, {})}
    return granted | contained


def privileges(
    tx: Connection, user: Principal, node: Node, *, directory: bool, free_busy: bool
) -> frozenset[str]:
    """What the user may do with the node.

    :param directory: whether users see who the others are.
    :param free_busy: whether they see when the others are busy.
    """
    if node.owner is not None and node.owner.id == user.id:
        return _OF_MESSAGES if node.kind in MESSAGES else ALL
    if len(node.segments) < 2:
        return _READER
    active = node.owner is not None and not node.owner.disabled
    if node.kind is Kind.PRINCIPAL:
        return _READER if directory and active else _NOBODY
    common = _BUSY if free_busy and active and node.kind in _BUSY_KINDS else _NOBODY
    if node.kind in HOMES or node.collection is None:
        return common
    return _granted(node, collections.granted(tx, node.collection.id, user.id)) | common


def of_shared(tx: Connection, user: Principal, nodes: list[Node]) -> list[frozenset[str]]:
    """What the user may do with each of what others share in his home, in one statement."""
    ids = [node.collection.id for node in nodes if node.collection is not None]
    granted = collections.granted_in(tx, ids, user.id) if ids else {}
    return [
        _granted(node, granted.get(node.collection.id, _NOBODY) if node.collection else _NOBODY)
        for node in nodes
    ]


def _granted(node: Node, granted: frozenset[str]) -> frozenset[str]:
    """In his own home a sharee who may write may change the properties: they are his own there."""
    if node.shared is not None and node.shared.access is Access.READ_WRITE:
        granted = granted | {WRITE}
    return expand(granted)


def may(node: Node, privilege: str) -> bool:
    """Whether the node grants the user the privilege.

    What everybody may do with his own view is not among the privileges that clients are told of: Thunderbird
    takes a calendar with write-properties for a writable one.
    """
    return privilege in node.privileges or privilege in node.view_privileges


def possible(node: Node, granted: frozenset[str]) -> frozenset[str]:
    """What is left of the granted privileges: nobody writes to a collection that is filled from elsewhere.

    Its owner may name and remove it all the same; of that clients are not told, see may().
    """
    is_filled = node.collection is not None and node.collection.read_only
    return granted - _WRITING if is_filled else granted


def within(scope: Scope, node: Node, granted: frozenset[str]) -> frozenset[str]:
    """What is left of the granted privileges where somebody signed in by an app password of that scope.

    A password for single collections opens what is in these and nothing beside them, except the way there: it
    reads homes and principals, and neither adds, removes nor shares a collection.
    """
    if scope is EVERYTHING or scope == EVERYTHING:
        return granted
    kind = HOLDS.get(node.kind) or CONTAINS.get(node.kind)
    right = scope.right(kind) if kind else max(scope.calendars, scope.contacts, key=list(Right).index)
    if right is Right.NONE:
        return _NOBODY
    if scope.collections is not None:
        granted = _single(scope, node, granted)
    return granted if right is Right.WRITE else granted & _READING


def _single(scope: Scope, node: Node, granted: frozenset[str]) -> frozenset[str]:
    if node.kind not in COLLECTIONS and node.kind not in ITEMS:
        return _NOBODY if node.kind in MESSAGES else granted & _READING
    opens = node.collection is not None and scope.opens(node.collection.id)
    return granted & _INSIDE if opens else _NOBODY


class NeedPrivileges(HttpError):
    """403 with DAV:need-privileges (RFC 3744 7.1.1): the user lacks one at this path.

    Knows its own body, since that nests deeper than others.
    """

    def __init__(self, path: str, privilege: str) -> None:
        super().__init__(403, "You have no permission for this.", DAV + "need-privileges")
        inner = href(path) + element(DAV + "privilege", element(privilege))
        self.inner = element(DAV + "resource", inner)
