"""Properties of sharing: CalendarServer's caldav-sharing and draft-pot-webdav-resource-sharing.

The owner sees to whom a collection is given; who has it from somebody else sees that one and himself, never
who else has it (caldav-sharing 5.2.2 allows that).
"""

from __future__ import annotations

from collections.abc import Iterable

from davserver import davxml
from davserver.davxml import CALENDARSERVER, DAV, element, href
from davserver.model import Principal, ShareState
from davserver.protocol.properties import prop
from davserver.protocol.properties.acl import principal_href
from davserver.protocol.request import Request
from davserver.protocol.tree import COLLECTIONS, Kind, Node, home_segments
from davserver.storage import notifications
from davserver.storage.shares import Sharee

CS_SHARING = "CalendarServer caldav-sharing"
DAV_SHARING = "draft-pot-webdav-resource-sharing"
CALENDAR = frozenset({Kind.CALENDAR})

ANSWERS = {
    ShareState.INVITED: "invite-noresponse",
    ShareState.ACCEPTED: "invite-accepted",
    ShareState.HIDDEN: "invite-accepted",
    ShareState.DECLINED: "invite-declined",
}
"""The element that says what somebody made of an invitation; that he hides it is his own affair."""


def address(request: Request, principal: Principal) -> str:
    """The address of a sharee, as clients write it: mailto: where there is one, else the principal."""
    if principal.email:
        return href("mailto:" + principal.email)
    return principal_href(request, principal.name)


def is_owner(request: Request, node: Node) -> bool:
    """Whether the user owns the collection."""
    return node.owner is not None and node.owner.id == request.user.id


@prop(DAV + "share-access", on=COLLECTIONS, rfc=DAV_SHARING, needs="collection")
def share_access(request: Request, node: Node) -> str | None:
    """not-shared, shared-owner, read or read-write."""
    if node.shared is not None:
        return element(DAV + node.shared.access.value)
    given = is_owner(request, node) and node.collection is not None and node.collection.shares
    return "<d:shared-owner/>" if given else "<d:not-shared/>"


@prop(DAV + "share-resource-uri", on=COLLECTIONS, rfc=DAV_SHARING, needs="collection")
def share_resource_uri(request: Request, node: Node) -> str | None:
    """A URI that is the same in every home where the collection lies."""
    return href(f"data:,collection-{node.collection.id}") if node.collection else None


@prop(DAV + "invite", on=COLLECTIONS, rfc=DAV_SHARING, needs="sharees")
def dav_invite(request: Request, node: Node) -> str | None:
    """The owner, and those to whom it is given."""
    given = _visible(request, node)
    if given is None or node.owner is None:
        return None
    owner = _sharee(request, node.owner, "shared-owner", ShareState.ACCEPTED)
    return owner + "".join(
        _sharee(request, one.principal, one.share.access.value, one.state) for one in given
    )


def _sharee(request: Request, who: Principal, access: str, state: ShareState) -> str:
    named = davxml.text_element(DAV + "displayname", who.display_name or who.name)
    return element(
        DAV + "sharee",
        address(request, who)
        + element(DAV + "prop", named)
        + element(DAV + "share-access", element(DAV + access))
        + element(DAV + ANSWERS[state]),
    )


@prop(CALENDARSERVER + "invite", on=CALENDAR, rfc=CS_SHARING, needs="sharees")
def cs_invite(request: Request, node: Node) -> str | None:
    """The organizer (who shares it), and those to whom it is given with what they made of it."""
    given = _visible(request, node)
    if given is None or node.owner is None:
        return None
    organizer = address(request, node.owner) + common_name(node.owner)
    return element(CALENDARSERVER + "organizer", organizer) + "".join(
        element(CALENDARSERVER + "user", _user(request, one)) for one in given
    )


def _user(request: Request, one: Sharee) -> str:
    summary = one.share.summary
    return (
        address(request, one.principal)
        + common_name(one.principal)
        + element(CALENDARSERVER + ANSWERS[one.state])
        + element(CALENDARSERVER + "access", element(CALENDARSERVER + one.share.access.value))
        + (davxml.text_element(CALENDARSERVER + "summary", summary) if summary else "")
    )


def common_name(who: Principal) -> str:
    """What somebody is called."""
    return davxml.text_element(CALENDARSERVER + "common-name", who.display_name or who.name)


def _visible(request: Request, node: Node) -> Iterable[Sharee] | None:
    """What the user may know of who has the collection; None where it is not shared."""
    given: list[Sharee] = node.extra.get("sharees", [])
    if is_owner(request, node):
        return given or None
    if node.shared is None:
        return None
    return [one for one in given if one.principal.id == request.user.id]


@prop(CALENDARSERVER + "allowed-sharing-modes", on=CALENDAR, rfc=CS_SHARING, needs="principal")
def allowed_sharing_modes(request: Request, node: Node) -> str | None:
    """Whoever owns a calendar can share it; publishing is not done by clients."""
    return "<cs:can-be-shared/>" if is_owner(request, node) else None


@prop(CALENDARSERVER + "shared-url", on=CALENDAR, rfc=CS_SHARING, needs="collection")
def shared_url(request: Request, node: Node) -> str | None:
    """The address of a shared calendar in its owner's home."""
    if node.shared is None:
        return None
    owner, name = node.shared.owner.name, node.shared.collection.name
    return href(request.href_of((*home_segments(Kind.CALENDAR_HOME, owner), name)))


@prop(CALENDARSERVER + "notification-URL", on={Kind.PRINCIPAL}, rfc=CS_SHARING, needs="principal")
def notification_url(request: Request, node: Node) -> str | None:
    """Where the messages to a user lie; told to him alone."""
    if node.owner is None or not is_owner(request, node) or not request.settings.caldav.enabled:
        return None
    return href(request.href_of(home_segments(Kind.NOTIFICATIONS, node.owner.name)))


@prop(CALENDARSERVER + "getctag", on={Kind.NOTIFICATIONS}, rfc="caldav-ctag-03", needs="principal")
def notifications_getctag(request: Request, node: Node) -> str | None:
    """The state of the messages."""
    return "data:," + notifications.state(request.tx, node.owner.id) if node.owner else None


@prop(CALENDARSERVER + "notificationtype", on={Kind.NOTIFICATION}, rfc=CS_SHARING, needs="item")
def notificationtype(request: Request, node: Node) -> str | None:
    """invite-notification or invite-reply."""
    return typed(node.notification.kind) if node.notification else None


def typed(kind: str) -> str:
    """The empty element of a kind of message, with what it is about as CalendarServer says it."""
    return f'<cs:{kind} shared-type="calendar"/>'


@prop(DAV + "getetag", on={Kind.NOTIFICATION}, rfc="RFC 4918 15.6", needs="item", allprop=True)
def notification_etag(request: Request, node: Node) -> str | None:
    """A message never changes: a newer one is another."""
    return f'"{node.notification.id}"' if node.notification else None


@prop(DAV + "getcontenttype", on={Kind.NOTIFICATION}, rfc="RFC 4918 15.5", allprop=True)
def notification_type(request: Request, node: Node) -> str | None:
    """XML."""
    return "application/xml; charset=utf-8"
