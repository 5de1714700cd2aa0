"""The index row of a body: what queries ask of it, told once at PUT and by ``db reindex``.

Also the one check of a body on its way in, since both need it parsed.
"""

from __future__ import annotations

from davserver.config import CalDavSettings, CardDavSettings
from davserver.content import ical, instances, listing, summary, vcard
from davserver.model import ItemIndex, Timing


def of_calendar_object(body: bytes, settings: CalDavSettings) -> ItemIndex:
    """Check a calendar object and index it.

    :raises InvalidContent: with the precondition of RFC 4791 5.3.2.1 that it breaks.
    """
    limits = ical.CalendarLimits(
        settings.max_instances,
        settings.max_attendees_per_instance,
        settings.min_date_time,
        settings.max_date_time,
    )
    checked = ical.check_calendar_object(body, limits)
    bounds = instances.bounds(checked.root, checked.component)
    instances.alarm_bounds(checked.root, checked.component)  # refuses alarms that no query could read
    timing = Timing.SERIES
    if bounds.exact:
        timing = Timing.FLOATING if bounds.floating else Timing.EXACT
    is_series = timing is Timing.SERIES
    return ItemIndex(
        checked.component,
        checked.uid,
        bounds.first,
        bounds.last,
        timing,
        checked.search,
        summary.months(checked.root) if is_series else summary.ALL_MONTHS,
        summary.summary(checked.root) if is_series else "",
        listing.sort_key(checked.root),
        listing.words(checked.root),
    )


def of_card(body: bytes, settings: CardDavSettings) -> ItemIndex:
    """Check a card and index it.

    :raises InvalidContent: with the precondition of RFC 6352 6.3.2.1 that it breaks.
    """
    checked = vcard.check_card(body, vcard.CardLimits(settings.max_image_size))
    root = checked.root
    return ItemIndex(
        "VCARD",
        checked.uid,
        search=checked.search,
        sort_key=listing.sort_key(root),
        words=listing.words(root),
    )
