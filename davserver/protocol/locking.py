"""Locks (RFC 4918 6, 7): WsgiDAV's LockManager over our lock table, inside the request's transaction.

A LockManager is made for each request that needs one, around the transaction's LockStorage, so that a check
and the write it allows are one step on every database and for any number of processes. A write first asks
one cheap question: is there any lock on, above or below the resource? Nearly always there is none.
"""

from __future__ import annotations

from typing import Any

from lxml import etree
from wsgidav.dav_error import DAVError
from wsgidav.lock_man.lock_manager import LockManager

from davserver import davxml
from davserver.davxml import DAV, Element, element, href
from davserver.errors import HttpError
from davserver.protocol import tree
from davserver.protocol.conditions import IfHeader, IfState, parse_if
from davserver.protocol.request import Request
from davserver.protocol.tree import Node
from davserver.storage import locks

TOKEN_SUBMITTED = DAV + "lock-token-submitted"

LockDict = dict[str, Any]
"""A lock in WsgiDAV's form; see storage.locks."""


def manager(request: Request) -> LockManager:
    """WsgiDAV's manager over the lock table, in this request's transaction."""
    return LockManager(locks.LockStorage(request.tx, request.user.id))


def if_header(request: Request) -> IfHeader | None:
    """The parsed If header."""
    value = request.header("If")
    return None if value is None else parse_if(value)


def check_if(request: Request, node: Node) -> None:
    """Raise 412 where the If header's conditions do not hold (RFC 4918 10.4)."""
    parsed = if_header(request)
    if parsed is None:
        return
    known = manager(request)

    def state_of(resource: str) -> IfState:
        target = _named(request, node, resource)
        if target is None:
            return IfState(None, ())
        tokens = {lock["token"] for lock in known.get_indirect_url_lock_list(target.path)}
        return IfState(target.item.etag if target.item else None, tokens)

    if not parsed.holds(state_of):
        raise HttpError(412, "The conditions of the If header do not hold.")


def _named(request: Request, node: Node, resource: str) -> Node | None:
    if not resource:
        return node
    segments = request.segments_of_href(resource)
    named = None if segments is None else request.resolve(segments)
    return named if named is not None and named.privileges else None  # others' states are not told


def check_write(request: Request, node: Node, *, deep: bool = False, membership: bool = False) -> None:
    """Raise 423 where a lock forbids the user to change the node.

    :param deep: everything below it changes, too (DELETE, MOVE).
    :param membership: its parent gains or loses a member, which a depth-0 lock of the parent forbids.
    """
    path = node.path
    if not locks.any_around(request.tx, path):
        return
    parsed = if_header(request)
    tokens = parsed.tokens if parsed else []
    checks = [(path, "infinity" if deep else "0")]
    if membership and len(node.segments) > 1:
        checks.append((path.rpartition("/")[0], "0"))
    for path, depth in checks:
        _check(request, path, depth, tokens)


def _check(request: Request, path: str, depth: str, tokens: list[str]) -> None:
    """423 unless the user holds and submits a token for each lock root that covers the path.

    WsgiDAV's own check asks for the tokens of all sharers, and refuses a deep change whatever is submitted
    for the locks below.
    """
    known = manager(request)
    found: list[LockDict] = known.get_indirect_url_lock_list(path)
    if depth == "infinity":
        found += known.storage.get_lock_list(
            path, include_root=False, include_children=True, token_only=False
        )
    mine = {one["root"] for one in found if one["principal"] == request.user.name and one["token"] in tokens}
    others = [one["root"] for one in found if one["root"] not in mine]
    if others:
        raise HttpError(423, "The resource is locked.", TOKEN_SUBMITTED, _roots(request, others))


def _roots(request: Request, roots: list[str]) -> list[str]:
    """The hrefs of lock roots, each once."""
    return [
        request.prefix + tree.href_path(tree.segments_of(root), slash=False) for root in dict.fromkeys(roots)
    ]


def locked(request: Request, error: DAVError) -> HttpError:
    """WsgiDAV's 423 as our error, its lock roots as hrefs."""
    condition = error.err_condition
    name = condition.condition_code if condition else TOKEN_SUBMITTED
    hrefs = _roots(request, condition.hrefs if condition else [])
    return HttpError(error.value, "The resource is locked.", name, hrefs)


def lock_info(root: Element | None) -> tuple[str, bytes]:
    """Scope and owner element of a lockinfo body (RFC 4918 14.11)."""
    if root is None or root.tag != DAV + "lockinfo":
        raise HttpError(400, "LOCK takes a lockinfo element.")
    scope = davxml.child(root, DAV + "lockscope")
    kind = davxml.child(root, DAV + "locktype")
    if scope is None or kind is None or davxml.child(kind, DAV + "write") is None:
        raise HttpError(400, "Only write locks exist.")
    names = [str(one.tag) for one in scope]
    if names not in ([DAV + "exclusive"], [DAV + "shared"]):
        raise HttpError(400, "A lock is exclusive or shared.")
    owner = davxml.child(root, DAV + "owner")
    text = b"" if owner is None else etree.tostring(owner, with_tail=False)
    return names[0].removeprefix(DAV), text


def timeout_of(request: Request) -> float:
    """Seconds of the Timeout header's first usable value, -1 for Infinite or none (RFC 4918 10.7)."""
    for value in (request.header("Timeout") or "").split(","):
        kind, _, seconds = value.strip().lower().partition("-")
        if kind == "second" and seconds.isascii() and seconds.isdigit():
            return float(min(int(seconds[:12]), locks.LONGEST)) or 1.0
        if kind == "infinite":
            return -1
    return -1


def activelock(request: Request, lock: LockDict) -> str:
    """One lock as XML. The token is shown only to its holder; others cannot use it, and need not know it."""
    root = request.prefix + tree.href_path(tree.segments_of(lock["root"]), slash=False)
    mine = lock["principal"] == request.user.name
    token = element(DAV + "locktoken", href(lock["token"])) if mine else ""
    return element(
        DAV + "activelock",
        element(DAV + "locktype", "<d:write/>")
        + element(DAV + "lockscope", f"<d:{lock['scope']}/>")
        + element(DAV + "depth", lock["depth"])
        + lock["owner"].decode()
        + element(DAV + "timeout", f"Second-{max(0, int(lock['timeout']))}")
        + token
        + element(DAV + "lockroot", href(root)),
    )


def of_nodes(request: Request, nodes: list[Node]) -> None:
    """Give each node the locks that cover it. One statement, unless there are locks at all."""
    paths = {node.path.rpartition("/")[0] for node in nodes} if len(nodes) > 1 else {nodes[0].path}
    if not locks.any_around(request.tx, *paths):
        return
    known = manager(request)
    for node in nodes:
        node.extra["locks"] = known.get_indirect_url_lock_list(node.path)
