"""Properties of calendars: RFC 4791, RFC 6638 (addresses only), RFC 7809, and what Apple added."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from davserver import davxml
from davserver.content import ical, zones
from davserver.davxml import APPLE_ICAL, CALDAV, CALENDARSERVER, Element, escape, href
from davserver.errors import HttpError
from davserver.jobs.collections import COMPONENTS
from davserver.model import Collection, CollectionKind, PrincipalKind
from davserver.protocol import tree
from davserver.protocol.properties import prop
from davserver.protocol.properties.webdav import text_value, token_of
from davserver.protocol.request import Request
from davserver.protocol.tree import COLLECTIONS, HOMES, Kind, Node, home_segments
from davserver.storage import collections, shares

CALENDAR = frozenset({Kind.CALENDAR})
PRINCIPAL = frozenset({Kind.PRINCIPAL})
CALENDAR_HOME = frozenset({Kind.CALENDAR_HOME})

COLLATIONS = ("i;ascii-casemap", "i;octet", "i;unicode-casemap")


@prop(CALDAV + "calendar-home-set", on=PRINCIPAL, rfc="RFC 4791 6.2.1", needs="principal")
def calendar_home_set(request: Request, node: Node) -> str | None:
    """One home only: Apple's clients and others use no second one. A group has none."""
    is_group = node.owner is not None and node.owner.kind is PrincipalKind.GROUP
    if node.owner is None or is_group or not request.serves(CollectionKind.CALENDAR):
        return None
    return href(request.href_of(home_segments(Kind.CALENDAR_HOME, node.owner.name)))


@prop(CALDAV + "calendar-user-address-set", on=PRINCIPAL, rfc="RFC 6638 2.4.1", needs="principal")
def calendar_user_address_set(request: Request, node: Node) -> str | None:
    """The mail address first (iOS shows no invitees without), then the principal's address."""
    if node.owner is None:
        return None
    mail = href("mailto:" + node.owner.email) if node.owner.email else ""
    return mail + href(request.href(node))


@prop(CALDAV + "calendar-user-type", on=PRINCIPAL, rfc="RFC 6638 2.4.2", needs="principal")
def calendar_user_type(request: Request, node: Node) -> str | None:
    """INDIVIDUAL, GROUP, RESOURCE or ROOM."""
    if node.owner is None:
        return None
    return "INDIVIDUAL" if node.owner.kind.value == "user" else node.owner.kind.value.upper()


@prop(CALDAV + "calendar-description", on=CALENDAR, rfc="RFC 4791 5.2.1", needs="collection")
def calendar_description(request: Request, node: Node) -> str | None:
    """A text for people."""
    return _text(_calendar(node).description)


@calendar_description.setter
def set_calendar_description(request: Request, element: Element | None) -> dict[str, Any]:
    """Any text."""
    return {"description": text_value(element)}


@prop(CALDAV + "calendar-timezone", on=CALENDAR, rfc="RFC 4791 5.2.2", needs="collection")
def calendar_timezone(request: Request, node: Node) -> str | None:
    """A VCALENDAR with one VTIMEZONE: as the client sent it, or made for the zone it named."""
    calendar = _calendar(node)
    if calendar.timezone is not None:
        return escape(calendar.timezone)
    return escape(_vtimezone(calendar.timezone_id)) if calendar.timezone_id else None


@lru_cache(maxsize=64)
def _vtimezone(zone: str) -> str:
    product = "VERSION:2.0\r\nPRODID:-//davserver//EN"
    return f"BEGIN:VCALENDAR\r\n{product}\r\n{zones.vtimezone(zone).strip()}\r\nEND:VCALENDAR\r\n"


@calendar_timezone.setter
def set_calendar_timezone(request: Request, element: Element | None) -> dict[str, Any]:
    """A valid VTIMEZONE in a VCALENDAR; CALDAV:valid-calendar-data otherwise."""
    value = text_value(element)
    if value is None:
        return {"timezone": None, "timezone_id": None}
    zone = ical.check_vtimezone(value)
    return {"timezone": value, "timezone_id": zone if zones.known_zone(zone) else None}


@prop(CALDAV + "calendar-timezone-id", on=CALENDAR, rfc="RFC 7809 5.2", needs="collection")
def calendar_timezone_id(request: Request, node: Node) -> str | None:
    """The IANA name of the calendar's zone."""
    return _text(_calendar(node).timezone_id)


@calendar_timezone_id.setter
def set_calendar_timezone_id(request: Request, element: Element | None) -> dict[str, Any]:
    """A zone the server knows; CALDAV:valid-timezone otherwise (RFC 7809 5.2)."""
    value = text_value(element)
    if value is None or not value.strip():
        return {"timezone": None, "timezone_id": None}
    if not zones.known_zone(value.strip()):
        raise HttpError(403, f"No time zone {value.strip()[:80]!r} is known.", CALDAV + "valid-timezone")
    return {"timezone": None, "timezone_id": value.strip()}


@prop(CALDAV + "supported-calendar-component-set", on=CALENDAR, rfc="RFC 4791 5.2.3", needs="collection")
def supported_calendarcomponent_set(request: Request, node: Node) -> str | None:
    """Which components the calendar takes."""
    return component_set(_calendar(node).components)


@lru_cache(maxsize=64)
def component_set(components: str) -> str:
    """The comp elements of a calendar's components (separated by commas)."""
    return "".join(f'<c:comp name="{name}"/>' for name in components.split(",") if name)


def components_in(element: Element) -> str:
    """The components that a new calendar asks for; CALDAV:supported-calendar-component for others."""
    wanted = [(comp.get("name") or "").upper() for comp in davxml.children(element, CALDAV + "comp")]
    unknown = [name for name in wanted if name not in COMPONENTS]
    if unknown or not wanted:
        message = f"Calendars hold {', '.join(COMPONENTS)}."
        raise HttpError(403, message, CALDAV + "supported-calendar-component")
    return ",".join(dict.fromkeys(wanted))


@prop(CALDAV + "supported-calendar-component-sets", on=CALENDAR_HOME, rfc="CalendarServer")
def supported_calendar_component_sets(request: Request, node: Node) -> str | None:
    """Any component alone or together with others: an empty element (caldav-ctag-03's draft)."""
    return "".join(
        f'<c:supported-calendar-component-set><c:comp name="{name}"/></c:supported-calendar-component-set>'
        for name in COMPONENTS
    )


@prop(CALDAV + "supported-calendar-data", on=CALENDAR, rfc="RFC 4791 5.2.4")
def supported_calendar_data(request: Request, node: Node) -> str | None:
    """iCalendar, and jCal (RFC 7265)."""
    kinds = ("text/calendar", "application/calendar+json")
    return "".join(f'<c:calendar-data content-type="{kind}" version="2.0"/>' for kind in kinds)


@prop(CALDAV + "max-resource-size", on=CALENDAR | CALENDAR_HOME, rfc="RFC 4791 5.2.5")
def max_resource_size(request: Request, node: Node) -> str | None:
    """Bytes of one object."""
    return str(request.settings.caldav.max_resource_size)


@prop(CALDAV + "min-date-time", on=CALENDAR, rfc="RFC 4791 5.2.6")
def min_date_time(request: Request, node: Node) -> str | None:
    """The earliest moment that is accepted."""
    return request.settings.caldav.min_date_time


@prop(CALDAV + "max-date-time", on=CALENDAR, rfc="RFC 4791 5.2.7")
def max_date_time(request: Request, node: Node) -> str | None:
    """The latest moment that is accepted."""
    return request.settings.caldav.max_date_time


@prop(CALDAV + "max-instances", on=CALENDAR, rfc="RFC 4791 5.2.8")
def max_instances(request: Request, node: Node) -> str | None:
    """Instances of one series that are ever looked at in one answer."""
    return str(request.settings.caldav.max_instances)


@prop(CALDAV + "max-attendees-per-instance", on=CALENDAR, rfc="RFC 4791 5.2.9")
def max_attendees_per_instance(request: Request, node: Node) -> str | None:
    """Attendees of one event."""
    return str(request.settings.caldav.max_attendees_per_instance)


@prop(CALDAV + "supported-collation-set", on=CALENDAR, rfc="RFC 4791 7.5.1")
def supported_collation_set(request: Request, node: Node) -> str | None:
    """The collations of text-match."""
    return "".join(davxml.text_element(CALDAV + "supported-collation", name) for name in COLLATIONS)


@prop(CALDAV + "schedule-calendar-transp", on=CALENDAR, rfc="RFC 6638 9.1", needs="collection")
def schedule_calendar_transp(request: Request, node: Node) -> str | None:
    """Whether the calendar counts for free-busy."""
    return "<c:transparent/>" if _calendar(node).transparent else "<c:opaque/>"


@schedule_calendar_transp.setter
def set_schedule_calendar_transp(request: Request, element: Element | None) -> dict[str, Any]:
    """opaque or transparent; removal means opaque."""
    if element is None:
        return {"transparent": False}
    chosen = [child.tag for child in element]
    if len(chosen) != 1 or chosen[0] not in (CALDAV + "opaque", CALDAV + "transparent"):
        raise HttpError(409, "schedule-calendar-transp is opaque or transparent.")
    return {"transparent": chosen[0] == CALDAV + "transparent"}


@prop(CALENDARSERVER + "getctag", on=COLLECTIONS, rfc="caldav-ctag-03", needs="collection")
def getctag(request: Request, node: Node) -> str | None:
    """The state of the collection; the same as the sync-token."""
    return token_of(_calendar(node))


@prop(CALENDARSERVER + "getctag", on=HOMES, rfc="caldav-ctag-03", needs="principal")
def home_getctag(request: Request, node: Node) -> str | None:
    """The state of all that lies in the home, with what others share (iOS looks at it)."""
    if node.owner is None:
        return None
    own, shared = tree.held_in(request.tx, node)
    return "-".join(filter(None, ("data:," + collections.home_state(own), shares.home_state(shared))))


@prop(CALENDARSERVER + "source", on=CALENDAR, rfc="CalendarServer")
def source(request: Request, node: Node) -> str | None:
    """Where a subscribed calendar comes from; these here are the users' own."""
    return None


@prop(APPLE_ICAL + "calendar-color", on=CALENDAR, rfc="Apple", needs="collection")
def calendar_color(request: Request, node: Node) -> str | None:
    """#RRGGBB or #RRGGBBAA as the client sent it."""
    return _text(_calendar(node).color)


@calendar_color.setter
def set_calendar_color(request: Request, element: Element | None) -> dict[str, Any]:
    """Any short text: clients send #RRGGBB, #RRGGBBAA and names."""
    value = text_value(element)
    if value is not None and len(value) > 100:
        raise HttpError(403, "That is no colour.")
    return {"color": value}


@prop(APPLE_ICAL + "calendar-order", on=CALENDAR, rfc="Apple", needs="collection")
def calendar_order(request: Request, node: Node) -> str | None:
    """The place in the list of calendars."""
    position = _calendar(node).position
    return None if position is None else str(position)


@calendar_order.setter
def set_calendar_order(request: Request, element: Element | None) -> dict[str, Any]:
    """A whole number."""
    value = text_value(element)
    if value is None or not value.strip():
        return {"position": None}
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", value):
        raise HttpError(403, "calendar-order is a whole number.")
    return {"position": int(value)}


def _text(value: str | None) -> str | None:
    return None if value is None else escape(value)


def _calendar(node: Node) -> Collection:
    assert node.collection is not None
    return node.collection
