"""calendar-data (RFC 4791 9.6) and address-data (RFC 6352 10.4) of a report: body in, element out.

The common case, the whole object as it is stored, is a decode and an escape. Only what asks for another
form (a selection, expanded series, jCal, another vCard version) is parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo
from functools import partial as bind

from davserver import davxml
from davserver.content import expand, jcal, lines, partial
from davserver.content.lines import Component
from davserver.content.recur import Budget
from davserver.content.vcard_versions import to_version
from davserver.davxml import CALDAV, CARDDAV, DAV, Element, escape
from davserver.errors import HttpError
from davserver.model import CollectionKind
from davserver.protocol.members import ADDRESS_DATA, CALENDAR_DATA
from davserver.protocol.negotiation import (
    ICALENDAR,
    JCAL,
    VCARD,
    Form,
    as_version,
    form_of_address_data,
    form_of_calendar_data,
)
from davserver.protocol.reports.filter import time_range, zone_of
from davserver.protocol.request import Request
from davserver.protocol.tree import HOLDS

Change = Callable[[Component], Component]


@dataclass(frozen=True, slots=True)
class Data:
    """How to render one body."""

    opening: str
    closing: str
    form: Form
    changes: tuple[Change, ...] = ()

    def render(self, body: bytes) -> str:
        """The whole element."""
        return f"{self.opening}{escape(self.text(body))}{self.closing}"

    def text(self, body: bytes) -> str:
        """The data in the asked form."""
        if self.form.media_type == VCARD and not self.changes:
            return as_version(body, self.form.version).decode("utf-8-sig")
        if self.form.media_type == ICALENDAR and not self.changes:
            return body.decode("utf-8-sig")
        root = lines.parse_components(lines.decode(body))[0]
        if self.form.version:
            root = to_version(root, self.form.version)
        for change in self.changes:
            root = change(root)
        if self.form.media_type in (ICALENDAR, VCARD):
            return lines.dump(root)
        return jcal.to_jcal(root) if self.form.media_type == JCAL else jcal.to_jcard(root)


def data_in(request: Request, root: Element) -> Data | None:
    """How a report wants its data; None where it asks for none."""
    props = davxml.child(root, DAV + "prop")
    if props is None:
        return None
    if HOLDS.get(request.node.kind) is CollectionKind.CALENDAR:
        element = davxml.child(props, CALENDAR_DATA)
        return None if element is None else _calendar_data(request, element, zone_of(request, root))
    element = davxml.child(props, ADDRESS_DATA)
    return None if element is None else _address_data(element)


def _calendar_data(request: Request, element: Element, zone: tzinfo) -> Data:
    form = form_of_calendar_data(element)
    changes: list[Change] = []
    for name, change in _LIMITS.items():
        wanted = davxml.child(element, CALDAV + name)
        if wanted is not None:
            changes.append(change(request, wanted, zone))
    if davxml.child(element, CALDAV + "expand") is not None and (
        davxml.child(element, CALDAV + "limit-recurrence-set") is not None
    ):
        raise HttpError(400, "expand and limit-recurrence-set exclude each other.")
    comp = davxml.child(element, CALDAV + "comp")
    if comp is not None:
        changes.append(bind(partial.select_calendar, selection=_comp(comp)))
    return Data(*_tags(CALENDAR_DATA, form), form, tuple(changes))


def _tags(name: str, form: Form) -> tuple[str, str]:
    opening, closing, _ = davxml.tags(name)
    if form.media_type in (ICALENDAR, VCARD):
        return opening, closing
    return f'{opening[:-1]} content-type="{form.media_type}" version="{form.version or "2.0"}">', closing


def _window(element: Element) -> tuple[int, int]:
    span = time_range(element)
    if span.start is None or span.end is None:
        raise HttpError(400, "start and end are needed.")
    return span.start, span.end


def _expand(request: Request, element: Element, zone: tzinfo) -> Change:
    window, most = _window(element), request.settings.caldav.max_instances
    whole = Budget.of_request(request.settings.limits.query_instances)
    return lambda root: expand.expand(root, window, zone, Budget(most, whole=whole))


def _limit_recurrence_set(request: Request, element: Element, zone: tzinfo) -> Change:
    window = _window(element)
    return lambda root: expand.limit_recurrence_set(root, window, zone)


def _limit_freebusy_set(request: Request, element: Element, zone: tzinfo) -> Change:
    window = _window(element)
    return lambda root: expand.limit_freebusy_set(root, window, zone)


_LIMITS: dict[str, Callable[[Request, Element, tzinfo], Change]] = {
    "expand": _expand,
    "limit-recurrence-set": _limit_recurrence_set,
    "limit-freebusy-set": _limit_freebusy_set,
}


def _comp(element: Element) -> partial.CompSelection:
    """A comp element as a selection (RFC 4791 9.6.1)."""
    every_prop = davxml.child(element, CALDAV + "allprop") is not None
    every_comp = davxml.child(element, CALDAV + "allcomp") is not None
    return partial.CompSelection(
        (element.get("name") or "").upper(),
        None if every_prop else _props(element, CALDAV),
        None if every_comp else tuple(_comp(one) for one in davxml.children(element, CALDAV + "comp")),
    )


def _props(element: Element, space: str) -> dict[str, bool]:
    wanted = davxml.children(element, space + "prop")
    return {(one.get("name") or "").upper(): one.get("novalue") == "yes" for one in wanted}


def _address_data(element: Element) -> Data:
    form, props = form_of_address_data(element), _props(element, CARDDAV)
    whole = not props or davxml.child(element, CARDDAV + "allprop") is not None
    selection = partial.CardSelection(None if whole else props)
    changes: tuple[Change, ...] = () if whole else (bind(partial.select_card, selection=selection),)
    return Data(*_tags(ADDRESS_DATA, form), form, changes)
