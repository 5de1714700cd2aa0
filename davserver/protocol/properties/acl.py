"""Properties of access control and principals: RFC 3744, RFC 5397."""

from __future__ import annotations

from functools import lru_cache

from davserver import davxml
from davserver.davxml import CALENDARSERVER, DAV, element, escape, href
from davserver.model import PrincipalKind
from davserver.protocol import access
from davserver.protocol.properties import prop
from davserver.protocol.request import Request
from davserver.protocol.tree import ALL, COLLECTIONS, HOMES, ITEMS, Kind, Node, principal_segments
from davserver.storage import principals

_OWNED = HOMES | COLLECTIONS | ITEMS


def principal_href(request: Request, name: str) -> str:
    """The href element of a principal."""
    return href(request.href_of(principal_segments(name)))


@prop(DAV + "current-user-principal", on=ALL, rfc="RFC 5397 3")
def current_user_principal(request: Request, node: Node) -> str | None:
    """Who is asking."""
    return principal_href(request, request.user.name)


@prop(DAV + "principal-collection-set", on=ALL, rfc="RFC 3744 5.8")
def principal_collection_set(request: Request, node: Node) -> str | None:
    """Where principals are searched."""
    return href(request.href_of(("principals",)))


@prop(DAV + "owner", on=_OWNED, rfc="RFC 3744 5.1")
def owner(request: Request, node: Node) -> str | None:
    """Whose tree the resource is in."""
    return principal_href(request, node.owner.name) if node.owner else None


@prop(DAV + "principal-URL", on={Kind.PRINCIPAL}, rfc="RFC 3744 4.2", needs="principal")
def principal_url(request: Request, node: Node) -> str | None:
    """The principal's own address."""
    return href(request.href(node))


@prop(DAV + "alternate-URI-set", on={Kind.PRINCIPAL}, rfc="RFC 3744 4.1", needs="principal")
def alternate_uri_set(request: Request, node: Node) -> str | None:
    """The mail address as a mailto: URI."""
    return href("mailto:" + node.owner.email) if node.owner and node.owner.email else ""


@prop(DAV + "group-member-set", on={Kind.PRINCIPAL}, rfc="RFC 3744 4.3", needs="principal")
def group_member_set(request: Request, node: Node) -> str | None:
    """The members of a group; empty for others."""
    if node.owner is None or node.owner.kind is not PrincipalKind.GROUP:
        return ""
    members = principals.members_of(request.tx, node.owner.id)
    return "".join(principal_href(request, member.name) for member in members)


@prop(DAV + "group-membership", on={Kind.PRINCIPAL}, rfc="RFC 3744 4.4", needs="principal")
def group_membership(request: Request, node: Node) -> str | None:
    """The groups of a principal."""
    if node.owner is None:
        return None
    groups = principals.groups_of(request.tx, node.owner.id)
    return "".join(principal_href(request, group.name) for group in groups)


@prop(CALENDARSERVER + "email-address-set", on={Kind.PRINCIPAL}, rfc="CalendarServer", needs="principal")
def email_address_set(request: Request, node: Node) -> str | None:
    """The mail addresses, asked for by iOS and macOS."""
    if node.owner is None or not node.owner.email:
        return None
    return davxml.text_element(CALENDARSERVER + "email-address", node.owner.email)


@prop(DAV + "current-user-privilege-set", on=ALL, rfc="RFC 3744 5.5", needs="principal")
def current_user_privilege_set(request: Request, node: Node) -> str | None:
    """What the asking user may do here."""
    return _privilege_set(node.privileges)


@lru_cache(maxsize=256)
def _privilege_set(privileges: frozenset[str]) -> str:
    return "".join(privilege(name) for name in sorted(privileges))


def privilege(name: str) -> str:
    """One privilege element."""
    return element(DAV + "privilege", element(name))


@prop(DAV + "supported-privilege-set", on=ALL, rfc="RFC 3744 5.3")
def supported_privilege_set(request: Request, node: Node) -> str | None:
    """The aggregation tree of access.TREE below DAV:all."""
    return _supported_all()


@lru_cache(maxsize=1)
def _supported_all() -> str:
    inner = "".join(
        _supported(name, "".join(_supported(part) for part in parts)) for name, parts in access.TREE.items()
    )
    return _supported(DAV + "all", inner)


def _supported(name: str, contained: str = "") -> str:
    description = f'<d:description xml:lang="en">{escape(access.DESCRIPTIONS[name])}</d:description>'
    return element(DAV + "supported-privilege", privilege(name) + description + contained)


@prop(DAV + "acl", on=_OWNED, rfc="RFC 3744 5.5.1", needs="acl")
def acl(request: Request, node: Node) -> str | None:
    """The owner's protected entry, then what the collection grants to others.

    What others have because it is shared with them is protected, too: shares are changed by sharing.
    """
    if access.READ_ACL not in node.privileges:
        return None
    protected = (
        "<d:ace><d:principal><d:property><d:owner/></d:property></d:principal>"
        f"<d:grant>{privilege(DAV + 'all')}</d:grant><d:protected/></d:ace>"
    )
    inherited = ""
    if node.kind in ITEMS:
        inherited = element(DAV + "inherited", href(request.href_of(node.segments[:-1])))
    listed = "".join(
        _ace(request, subject, privileges, inherited) for subject, privileges in node.extra.get("acl", ())
    )
    shared = "".join(
        _ace(request, one.principal.name, access.SHARED[one.share.access], "<d:protected/>" + inherited)
        for one in node.extra.get("sharees", ())
    )
    return protected + listed + shared


def _ace(request: Request, subject: str | None, privileges: frozenset[str], source: str) -> str:
    who = "<d:authenticated/>" if subject is None else principal_href(request, subject)
    granted = "".join(privilege(name) for name in sorted(privileges))
    return f"<d:ace><d:principal>{who}</d:principal><d:grant>{granted}</d:grant>{source}</d:ace>"


@prop(DAV + "acl-restrictions", on=_OWNED, rfc="RFC 3744 5.6")
def acl_restrictions(request: Request, node: Node) -> str | None:
    """Entries grant, never deny; nothing is inverted."""
    return "<d:grant-only/><d:no-invert/>"


@prop(DAV + "inherited-acl-set", on=_OWNED, rfc="RFC 3744 5.7")
def inherited_acl_set(request: Request, node: Node) -> str | None:
    """Items take the access list of their collection."""
    return href(request.href_of(node.segments[:-1])) if node.kind in ITEMS else ""
