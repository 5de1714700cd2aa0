"""Small calendar objects and cards for the tests of content/: lines in, bytes out."""

from __future__ import annotations

BERLIN = """\
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""


def text(*lines: str) -> str:
    """Lines, some of several lines, as a text with CRLF line ends."""
    return "\r\n".join("\n".join(lines).strip("\n").split("\n")) + "\r\n"


def calendar(*lines: str) -> bytes:
    """A VCALENDAR around the lines."""
    head = ("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN")
    return text(*head, *lines, "END:VCALENDAR").encode()


def component(name: str, *lines: str, uid: str = "one@example.com") -> str:
    """A component with a UID and a DTSTAMP."""
    return "\n".join((f"BEGIN:{name}", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *lines, f"END:{name}"))


def event(*lines: str, uid: str = "one@example.com") -> bytes:
    """A calendar object of one event, on 2026-05-04 at 10:00 UTC unless the lines have a DTSTART."""
    start = () if any(line.startswith("DTSTART") for line in lines) else ("DTSTART:20260504T100000Z",)
    return calendar(component("VEVENT", *start, *lines, uid=uid))


def todo(*lines: str) -> bytes:
    """A calendar object of one task."""
    return calendar(component("VTODO", *lines))


def card(*lines: str, version: str = "3.0", uid: str = "ann-1") -> bytes:
    """A card of ann with the lines; its FN and N may be replaced by them."""
    names = [
        line
        for line in ("FN:Ann Lee", "N:Lee;Ann;;;")
        if not any(given.split(":")[0].split(";")[0] == line.split(":")[0] for given in lines)
    ]
    return text("BEGIN:VCARD", f"VERSION:{version}", f"UID:{uid}", *names, *lines, "END:VCARD").encode()
