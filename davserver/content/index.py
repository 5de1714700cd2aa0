"""The index row of a body: what queries ask of it, told once at PUT and by ``db reindex``.

Also the one check of a body on its way in, since both need it parsed.
"""

from __future__ import annotations

from typing import NamedTuple

from davserver.config import CalDavSettings, CardDavSettings
from davserver.content import freebusy, ical, instances, listing, summary, vcard
from davserver.content.lines import Component
from davserver.model import Busy, ItemIndex, Timing


def of_calendar_object(body: bytes, settings: CalDavSettings) -> ItemIndex:
    """Check a calendar object and index it.

    :raises InvalidContent: with the precondition of RFC 4791 5.3.2.1 that it breaks.
    """
    return read_calendar_object(body, settings)[0]


def read_calendar_object(body: bytes, settings: CalDavSettings) -> tuple[ItemIndex, Component]:
    """The same, with the component for those who look at more of it."""
    limits = ical.CalendarLimits(
        settings.max_instances,
        settings.max_attendees_per_instance,
        settings.min_date_time,
        settings.max_date_time,
    )
    checked = ical.check_calendar_object(body, limits)
    times = times_of(checked.root, checked.component)
    row = ItemIndex(
        checked.component,
        checked.uid,
        times.first,
        times.last,
        times.timing,
        checked.search,
        times.months,
        times.summary,
        listing.sort_key(checked.root),
        listing.words(checked.root),
        times.busy,
    )
    return row, checked.root


class Times(NamedTuple):
    """The columns of an index row that tell when."""

    first: int | None
    last: int | None
    timing: Timing
    months: int
    summary: str
    busy: Busy


def times_of(root: Component, component: str) -> Times:
    """When a calendar object of that component is.

    :raises InvalidContent: where no query could read it.
    """
    bounds = instances.bounds(root, component)
    instances.alarm_bounds(root, component, bounds)  # refuses alarms that no query could read
    timing = Timing.SERIES
    if bounds.exact:
        timing = Timing.FLOATING if bounds.floating else Timing.EXACT
    is_series = timing is Timing.SERIES
    busy = freebusy.busy_of_row(root, component, bounds)
    asks = is_series or (component == "VEVENT" and busy is Busy.UNKNOWN)
    months = summary.months(root) if is_series else summary.ALL_MONTHS
    short = summary.summary(root) if asks else ""
    return Times(bounds.first, bounds.last, timing, months, short, busy)


def of_card(body: bytes, settings: CardDavSettings) -> ItemIndex:
    """Check a card and index it.

    :raises InvalidContent: with the precondition of RFC 6352 6.3.2.1 that it breaks.
    """
    return read_card(body, settings)[0]


def read_card(body: bytes, settings: CardDavSettings) -> tuple[ItemIndex, Component]:
    """The same, with the component for those who look at more of it."""
    checked = vcard.check_card(body, vcard.CardLimits(settings.max_image_size))
    root = checked.root
    row = ItemIndex(
        "VCARD",
        checked.uid,
        search=checked.search,
        sort_key=listing.sort_key(root),
        words=listing.words(root),
    )
    return row, root
