"""The birthdays of an address book as a calendar: a card → a whole-day event of each year.

Belongs here: BDAY and ANNIVERSARY in the forms that are in use (RFC 6350 6.2.5, 6.2.6): 1966-05-04, 19660504,
--0504 and Apple's year 1604 for one that is not known. Does not belong here: which cards (links.render).
"""

from __future__ import annotations

import re
from calendar import monthrange
from hashlib import sha256

from davserver.content.lines import (
    Component,
    Line,
    decode,
    dump,
    escape_text,
    parse_components,
    unescape_text,
)
from davserver.content.stamps import format_utc
from davserver.errors import InvalidContent

MARKS = {"BDAY": "🎂", "ANNIVERSARY": "♥", "X-ANNIVERSARY": "♥"}
"""Property → what stands before the name; it needs no translation."""

_DATE = re.compile(r"(\d{4}|--?)-?(\d\d)-?(\d\d)(?:T.*)?", re.ASCII)
_UNKNOWN_YEARS = frozenset({1604, 1900})
_FIRST_YEAR = 1900


def birthdays(body: bytes, changed: int) -> bytes:
    """The yearly events of a card as a calendar object; b"" where it has none.

    :param changed: when the card was changed last, UTC seconds.
    """
    try:
        card = parse_components(decode(body))[0]
    except InvalidContent:
        return b""
    name = unescape_text(card.value("FN") or "").strip()
    found = [_event(line, name, card, changed) for line in card.lines if line.name in MARKS]
    events = [event for event in found if event is not None]
    if not events or not name:
        return b""
    head = [Line("VERSION", "2.0"), Line("PRODID", "-//davserver//EN")]
    return dump(Component("VCALENDAR", head, events)).encode()


def _event(line: Line, name: str, card: Component, changed: int) -> Component | None:
    match = _DATE.fullmatch(line.value.strip())
    if match is None:
        return None
    year = int(match[1]) if match[1].isdigit() else 0
    month, day = int(match[2]), int(match[3])
    known = year >= 1000 and year not in _UNKNOWN_YEARS and line.param("X-APPLE-OMIT-YEAR") is None
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(2000, month)[1]:
        return None
    # February 29th is kept on the 28th where there is no 29th.
    rule = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1" if (month, day) == (2, 29) else "FREQ=YEARLY"
    begun = max(year, _FIRST_YEAR) if known else 2000
    if (month, day) == (2, 29) and monthrange(begun, 2)[1] == 28:
        day = 28
    title = f"{MARKS[line.name]} {name}" + (f" ({year})" if known else "")
    uid = sha256(f"{card.value('UID')} {line.name}".encode()).hexdigest()[:32]
    lines = [
        Line("UID", uid),
        Line("DTSTAMP", format_utc(changed)),
        Line("DTSTART", f"{begun:04}{month:02}{day:02}", {"VALUE": ["DATE"]}),
        Line("RRULE", rule),
        Line("SUMMARY", escape_text(title)),
        Line("TRANSP", "TRANSPARENT"),
    ]
    return Component("VEVENT", lines)
