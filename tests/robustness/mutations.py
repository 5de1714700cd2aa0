"""Broken requests, as hypothesis strategies: a sound request with some things about it gone wrong.

Each table holds what breaks servers in practice; see tests/robustness/corpus.py for what is broken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from hypothesis import strategies as st

from tests.robustness.corpus import BOOK, CALENDAR, OBJECTS, READS, SOUND, WRITES
from tests.robustness.world import Wanted, basic

T = TypeVar("T")

METHODS = (
    "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PROPFIND", "PROPPATCH", "MKCOL", "MKCALENDAR",
    "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "ACL", "PATCH", "TRACE", "CONNECT", "SEARCH", "BIND",
    "VERSION-CONTROL", "get", "Propfind", "X", "custom_request_handler", "M" * 300, "__class__",
)  # fmt: skip

HOSTILE_SEGMENTS = (
    "..", ".", "", "%2F", "%2e%2e", "..%2f..%2fbob", "%00", "a%00b", "%0d%0aX: y", "%ff%fe", "%C0%AF",
    "%ED%A0%80", "%F0%9F%92%A9", "%E2%80%AE", "a%CC%88", "%C3%A4", "%25", "%2525", "%3F", "%23", "a;b=c",
    "~", "*", "'", "%22", "%20", "+", "x" * 255, "x" * 256, "%C3%A4" * 255, "%F0%9F%92%A9" * 255,
    "%F0%9F%92%A9" * 256, "x" * 5000, "%7Bx%7D", "%3Cx%3E", "%26amp;", "%01", "%7F", "%C2%85", "%EF%BF%BE",
    "default", "bob", "ann", "weekly.ics",
)  # fmt: skip

HOSTILE_TARGETS = (
    "/", "//", "///dav//", "/dav", "/dav/", "/dav//", "/dav/..", "/dav/%2e%2e/", "/dav/calendars",
    "/dav.php/", "/x", "/dav/calendars/bob/default/", "/dav/calendars/bob/default/secret.ics",
    "/dav/addressbooks/bob/default/", "/dav/calendars/ann/../bob/default/secret.ics",
    "/dav/calendars/ann/%2e%2e%2fbob/default/secret.ics", "/dav/calendars/ann/default//weekly.ics",
    "/dav/calendars/ann/default/weekly.ics/", "/dav/principals/bob/",
    "/dav/calendars/ann/default/weekly.ics/deeper/still", "/cal.php/calendars/ann/default/",
    "/card.php/addressbooks/", "/dav/calendars/ann/none/x.ics", "/dav/calendars/nobody/none/x.ics",
    "/.well-known/carddav/", "/healthz", "/dav/x/y", "/dav/addressbooks/ann/default/?export",
    "/dav/calendars/ann/default/?export&start=-1", "/dav/calendars/ann/second/",
    "/dav/calendars/ann/default/?export&start=999999999999&end=1",
    "/dav/calendars/ann/default/?export&expand=1",
    "/dav/calendars/ann/default/?export&start=0&end=999999999999&expand=1",
    "/dav/calendars/ann/default/?export&=&&&", "/dav/calendars/ann/default/?export&componentType=VALARM",
    "/dav/calendars/ann/default/?%ff=%00&export&accept=%ff", "*", "dav/", "http://dav.example.org/dav/",
)  # fmt: skip

NUMBERS = (
    "-1", "0", "1", "2", "01", "1e9", "NaN", "٣", "²", "9" * 30, "", " ", "0x10", "1.5", "infinity",
    "Infinity", "-",
)  # fmt: skip

HREFS = (
    "http://[", "http://[::1", "http://dav.example.org:x/dav/",
    "http://evil.example/dav/calendars/ann/default/x.ics",
    "//dav.example.org/dav/calendars/ann/default/y.ics", "mailto:ann@example.org", "", "/", "..", "%", "%zz",
    "%ff", "\t", "/dav/", "/dav/calendars/ann/", "/dav/calendars/ann/new", "/dav/calendars/ann/default",
    "/dav/calendars/ann/new/x", "/dav/calendars/bob/default/stolen.ics",
    "/dav/addressbooks/ann/default/x.vcf", "/dav/principals/ann/", "x" * 9000,
    "/dav/calendars/ann/second/%00.ics", "/dav/calendars/ann/second/a%2Fb.ics",
    "/dav/calendars/ann/second/" + "y" * 256, "/dav/calendars/ann/second/%F0%9F%92%A9.ics",
    "/dav/calendars/ann/second/\xe4.ics", "/dav/principals/bob/", "urn:x",
    "/dav/calendars/ann/default/weekly.ics", "/dav/calendars/ann/second/a.ics?x#y",
    "/dav.php/calendars/ann/second/z.ics", "/dav/calendars/ann/default/" + "%F0%9F%92%A9" * 250,
)  # fmt: skip

HEADERS: dict[str, tuple[str, ...]] = {
    "Depth": (*NUMBERS, "0, 1", "1,noroot", "\xe4",),
    "If": (
        "()", "(", ")", "(<>)", "(<opaquelocktoken:0>)", '(["x"])', "(Not <DAV:no-lock>)", "(Not Not <x>)",
        "<>", "[", "]", "<http://[> (<x>)", '</dav/calendars/bob/default/> (["x"])', "<%ff> (<x>)",
        "(<x>) (Not <y>)", "\xff", "", "<" + "/" * 5000 + "> (<x>)", "(" * 5000, "(<x>)" * 2000,
        "(Not" * 2000, "(<x> <y>)", "<a> <b> (<x>)", '([W/"x"])',
        '</dav/calendars/ann/default/weekly.ics> (Not ["x"])', '(Not<DAV:no-lock>["x])', "(<" + "a" * 8000,
        '(["' * 1000,
    ),
    "If-Match": (
        "*", '"', '"x', "x", 'W/"x"', '"a","b",*', ",", "", "\xff", '"' * 5001, ",".join(['"x"'] * 2000),
        '"a" "b"',
    ),
    "If-None-Match": ("*", '"*"', '"', "x", 'W/"x"', '"a","b"', ",,,", "", "\xff", " " * 5000, '"x"' * 2000,),
    "If-Modified-Since": (
        "", "x", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 99999 99:99:99 GMT", "0", "9" * 400,
    ),
    "If-Unmodified-Since": (
        "", "x", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 0000 00:00:00 -9999", "\xff",
    ),
    "If-Range": ("", "x", '"x"', "*",),
    "Destination": HREFS,
    "Overwrite": ("T", "F", "t", "f", "", "X", "TF", "\xff",),
    "Timeout": (
        "Infinite", "Second-0", "Second--1", "Second-" + "9" * 40, "Second-²", "Second-", "", ",,,", "x",
        "Second-5,x",
    ),
    "Lock-Token": (
        "", "<>", "x", "<opaquelocktoken:0>", "<" + "x" * 5000 + ">", "<\xff>", "opaquelocktoken:0", "<<>>",
    ),
    "Range": (
        "bytes=0-0", "bytes=-0", "bytes=-5", "bytes=5-1", "bytes=999999-", "bytes=" + "9" * 40 + "-",
        "bytes=²-", "x=1-2", "bytes=0-1,3-4", "bytes", "bytes=-", "bytes=--1", "bytes=0-" + "9" * 29,
        "bytes=٣-٤", "",
    ),
    "Prefer": (
        "return=minimal", "return=representation", "return", "=", ";;;", 'return="', ",".join(["x"] * 2000),
        "\xff", "depth-noroot, return=minimal", "handling=strict; a=b",
    ),
    "Brief": ("t", "f", "T", "", "\xff",),
    "Content-Type": (
        "", "text/plain", "text/calendar", "text/vcard", "text/calendar; charset=latin-1",
        "text/calendar; charset=nope", "application/calendar+json", "application/vcard+json",
        "application/json", "text/xml", "image/png", ";", "/", "\xff", "text/xml; charset=utf-16",
        "multipart/form-data", "application/octet-stream", "TEXT/CALENDAR;method=REQUEST",
    ),
    "Content-Length": (
        "", "0", "1", "-1", "+5", "5 ", "0x5", "1e3", "²", "9" * 30, "999999", "x", "00000000005", "1,1",
    ),
    "Content-Encoding": ("gzip", "identity", "br", "deflate, gzip", "", "\xff",),
    "Content-Range": ("bytes 0-1/2", "",),
    "Transfer-Encoding": ("chunked",),
    "Accept": (
        "*/*", "", ";q=1", "text/calendar;q=nan", "text/calendar;q=inf", "application/calendar+json;q=1e999",
        "\xff", "text/vcard;version=5.0", "text/html", ",".join(["a/b"] * 3000),
        "application/vcard+json;version", "text/*;q=-1",
    ),
    "Accept-Encoding": ("gzip", "gzip;q=0", "*", "identity;q=0", "\xff",),
    "Authorization": (
        "", "Basic", "Basic ", "Basic x", "Basic !!!!", "Basic YW5u", "Basic \xff\xfe",
        "Basic " + "A" * 9000, "Bearer x", "x", 'Digest username="ann"', 'Digest username="',
        "Digest " + "," * 3000, "Negotiate", "Basic =", "Basic Og==", "Basic AAAA", basic("bob"),
        basic("a" * 5000), basic("ann\0"),
    ),
    "Host": ("", "x", "[", "[::1", "a:b", "dav.example.org:0", "\xff", "a,b", "x" * 3000,),
    "User-Agent": ("Mozilla/5.0 Thunderbird/115", "\xff", "",),
    "X-Forwarded-Prefix": ("/x", "x", "//", "\xff", "/../",),
    "X-Forwarded-Host": ("evil.example", "[", "\xff",),
    "X-Forwarded-For": ("x", "::", "\xff", "1.2.3.4, 5.6.7.8",),
}  # fmt: skip
"""What each header is given."""

DOCTYPES = (
    '<!DOCTYPE x [<!ENTITY e "x">]>',
    '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;"><!ENTITY e "&c;&c;&c;">]>',
    '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/"> %p;]>',
    "<!DOCTYPE propfind>",
)

XML_PIECES = (
    "<x/>", "<x>", "</x>", "&e;", "&#0;", "&#xFFFF;", "&#x1F4A9;", "&amp;", "<![CDATA[x]]>", "<!-- -- -->",
    "<?pi?>", "]]>", "<prop/>", "<href/>", "<href>http://[</href>", "<allprop/>", "<propname/>", "<set/>",
    "<remove/>", "<C:filter/>", "<x:y/>", "<C:time-range/>", '<C:time-range start="00000101T000000Z"/>',
    '<C:time-range start="20260231T000000Z"/>', "\0", "\x0b", '<C:time-range start="99991231T235959Z"/>',
    '<C:time-range start="20260101T000000Z" end="20250101T000000Z"/>', "\xff",
    '<C:time-range start="20260101"/>', '<C:time-range end="²0260101T000000Z"/>', '<C:comp-filter name=""/>',
    "\U0001f4a9", '<C:comp-filter name="VEVENT"><C:is-not-defined/></C:comp-filter>', "<C:is-not-defined/>",
    '<C:prop-filter name="\xe4"/>', '<C:text-match collation="nope">x</C:text-match>', "<C:text-match/>",
    '<C:param-filter name="X"/>', "<A:prop-filter/>", "<sync-token>data:,1-1-a</sync-token>",
    "<sync-token>x</sync-token>", "<sync-level>9</sync-level>", "<limit/>",
    "<limit><nresults>0</nresults></limit>", "<limit><nresults>" + "9" * 40 + "</nresults></limit>",
    "<acl/>", "<owner/>", '<C:expand start="00010101T000000Z" end="99991231T235959Z"/>', "<C:expand/>",
    "<C:comp/>", '<C:comp name="x"/>', "<C:timezone>x</C:timezone>",
    "<C:timezone-id>../../etc/passwd</C:timezone-id>", "<C:timezone-id/>", "<ace/>", "<deny/>",
    "<C:calendar-data version='9'/>", "<A:address-data version='2.1'/>",
    "<C:calendar-timezone>x</C:calendar-timezone>", "<displayname/>", "<displayname><x/></displayname>",
    "<I:calendar-order>x</I:calendar-order>", "<resourcetype/>",
    "<I:calendar-order>" + "9" * 40 + "</I:calendar-order>", "<getetag>x</getetag>",
    "<quota-used-bytes>x</quota-used-bytes>", "<I:calendar-color>" + "#" * 5000 + "</I:calendar-color>",
    "<x" + " a='b'" * 2 + "/>", "<" + "y" * 500 + "/>", "<match/>", "<x>" * 40 + "</x>" * 40,
    "<x>" * 300 + "</x>" * 300, "<x/>" * 3000, "y" * 70_000, "<x xmlns=''/>", "<:/>", "<x:y:z/>",
    '<property name=""/>', '<property name="a b"/>',
    '<property name="x" namespace=""><property name="y"/></property>',
    '<property name="&lt;" namespace="&quot;&gt;"/>', "<href>" + "x" * 3000 + "</href>",
    "<href>" + BOOK + "%ff</href>", "<principal><all/></principal>",
    "<principal><href>/dav/principals/nobody/</href></principal>", "<grant/>", "<invert/>",
    "<principal><property><owner/></property></principal>",
)  # fmt: skip

TEXT_PIECES = (
    "\r\n", "\n", "\r", " ", "\t", ":", ";", ",", '"', "\\", "\\n", "=", "\0", "\x07", "\x0b", "\x85",
    "\u2028", "\ufeff", "\xff", "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT",
    "BEGIN:VALARM", "END:VALARM", "BEGIN:X", "BEGIN:", "BEGIN:VCARD", "END:VCARD", "END:", "UID:other",
    "UID:", "UID:" + "u" * 700, "UID:weekly", "UID:\U0001f4a9", "VERSION:1.0", "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=DAILY;COUNT=99999999999", "RRULE:", "RRULE:FREQ=", "RRULE:FREQ=NEVER", "RRULE:X",
    "RRULE:FREQ=YEARLY;BYMONTH=13", "RRULE:FREQ=DAILY;UNTIL=x", "RRULE:FREQ=DAILY;INTERVAL=0",
    "RRULE:FREQ=DAILY;INTERVAL=-1", "RRULE:FREQ=MONTHLY;BYDAY=99MO", "RRULE:FREQ=MONTHLY;BYSETPOS=0",
    "RRULE:FREQ=WEEKLY;BYDAY=", "RRULE:FREQ=DAILY;FREQ=DAILY", "RRULE:FREQ=DAILY;BYHOUR=²",
    "RRULE:FREQ=DAILY;UNTIL=00000101T000000Z", "RRULE:FREQ=DAILY;UNTIL=99991231", "EXRULE:FREQ=X",
    "RRULE:RSCALE=HEBREW;FREQ=YEARLY", "RRULE:FREQ=YEARLY;BYWEEKNO=54", "RRULE:FREQ=YEARLY;BYEASTER=0",
    "RDATE:x", "EXDATE:", "DTSTART:", "DTSTART:x", "DTSTART:00000000T000000Z", "DTSTART:99991231T235960Z",
    "DTSTART;VALUE=DATE:20260230", "DTSTART:²", "DTSTART;TZID=Nowhere/Land:20260101T000000",
    "DTSTART;TZID=:20260101T000000", "DTSTART;VALUE=PERIOD:20260101T000000Z/PT1H", "DTEND:19000101T000000Z",
    "DTEND;VALUE=DATE:20260101", "DURATION:P", "DURATION:PT" + "9" * 30 + "S", "DURATION:-P1W", "DUE:",
    "DURATION:P99999999999W", "RECURRENCE-ID:x", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260105T083000Z",
    "RECURRENCE-ID:20260101", "RDATE;VALUE=PERIOD:20260101T000000Z/x", "RDATE;VALUE=PERIOD:x/y",
    "EXDATE;VALUE=DATE:20260105", "TRIGGER:x", "TRIGGER:-P999W", "TRIGGER;RELATED=NONE:PT1H",
    "TRIGGER;VALUE=DATE-TIME:x", "REPEAT:999999999", "REPEAT:-1", "SEQUENCE:x", "PRIORITY:" + "9" * 30,
    "TZOFFSETTO:x", "TZOFFSETTO:+9999", "TZOFFSETFROM:-2400", "TZID:", "TZID:Europe/Berlin",
    "BEGIN:VTIMEZONE", "END:VTIMEZONE", "METHOD:REQUEST", "CALSCALE:KLINGON", "X-Y;A=B;A=C;A:z",
    'X-Y;A="unterminated:z', "X;Y:z", ";:", "X-\xe4:z", "a.b.c:d", "a.:b", "ATTENDEE:mailto:x\r\n" * 1200,
    "X-BIG:" + "x" * 70_000, "X-FOLD:" + "\r\n x" * 5000, "ATTACH;ENCODING=BASE64;VALUE=BINARY:!!!",
    "PHOTO;ENCODING=b:" + "A" * 40_000, "PHOTO:data:image/png;base64,!!!", "PHOTO;ENCODING=b:!", "FN:",
    "N:;;;;;;;;;", "KIND:x", "item1.", "item1.FN:x", 'TEL;TYPE="a,b":1', "BDAY:x", "REV:x",
    "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:x", "FN:a\r\nFN:b", "BEGIN:VEVENT\r\n" * 50,
    "BEGIN:VCALENDAR\r\n" * 3000, "FREEBUSY:x", "FREEBUSY:20260101T000000Z/PT1H", "[", "]", "null", "{}",
    "1e999", '["vevent",[],[]]', '["x"]', '"recur"', '[["a",{},"b","c"]]', "\\ud800", "[" * 2000, "-" * 50,
    "0" * 5000, "Infinity",
)  # fmt: skip


def _any_of(table: Sequence[T]) -> st.SearchStrategy[T]:
    """Like sampled_from, but without its repr, which would hold the whole table."""
    return st.integers(0, len(table) - 1).map(lambda index: table[index])


def _dates() -> st.SearchStrategy[str]:
    """Dates and times as calendars write them, far ones too; one in ten does not exist."""
    year = _any_of((2026, 2026, 2026, 2025, 2027, 2000, 1999, 1970, 1900, 2100, 1601, 9999, 1))
    parts = st.tuples(year, st.integers(1, 12), st.integers(1, 31), st.integers(0, 24), st.integers(0, 60))
    return parts.map(lambda part: "{:04}{:02}{:02}T{:02}{:02}00".format(*part))


def _recurrence() -> st.SearchStrategy[str]:
    """A rule of RFC 5545 with parts that fit, and parts that do not."""
    numbers = st.lists(st.integers(-60, 60), min_size=1, max_size=4).map(
        lambda found: ",".join(map(str, found))
    )
    days = st.lists(
        st.tuples(_any_of(("", "", "1", "-1", "2", "5", "-53")), _any_of(("MO", "TU", "WE", "FR", "SU"))),
        max_size=3,
    ).map(lambda found: ",".join(number + day for number, day in found))
    part = st.one_of(
        st.tuples(
            _any_of(("COUNT", "INTERVAL")), _any_of(("1", "2", "3", "7", "100", "1000", "86400", "99999999"))
        ),
        st.tuples(
            st.just("UNTIL"), _dates().map(lambda date: date + "Z") | _dates().map(lambda date: date[:8])
        ),
        st.tuples(_any_of(("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS")), numbers),
        st.tuples(_any_of(("BYHOUR", "BYMINUTE", "BYSECOND")), numbers),
        st.tuples(st.just("BYDAY"), days),
        st.tuples(st.just("WKST"), _any_of(("MO", "SU", "XX"))),
    )
    often = _any_of(("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"))
    parts = st.lists(part, max_size=5, unique_by=lambda found: found[0])
    return st.tuples(often, parts).map(
        lambda found: ";".join([f"FREQ={found[0]}", *(f"{name}={value}" for name, value in found[1])])
    )


_SPELLINGS = (
    "{}:{}",
    "{}:{}Z",
    "{};TZID=Europe/Berlin:{}",
    "{};TZID=America/New_York:{}",
    "{};VALUE=DATE:{:.8}",
)


def _series() -> st.SearchStrategy[bytes]:
    """An object with a drawn start, rules, dates more and less, and moved instances."""
    when = st.tuples(_any_of(_SPELLINGS), _dates())
    names = _any_of(("EXDATE", "RDATE", "DTEND", "RECURRENCE-ID", "DUE"))
    extra = st.tuples(names, when).map(lambda found: found[1][0].format(found[0], found[1][1]))
    rule = st.tuples(_any_of(("RRULE", "RRULE", "RRULE", "EXRULE")), _recurrence()).map(":".join)
    length = _any_of(("DURATION:PT1H", "DURATION:P1D", "DURATION:P1W", "DURATION:PT0S", "DURATION:-P1D"))
    lines = st.lists(st.one_of(extra, rule, rule, length), max_size=5)
    kind = _any_of(("VEVENT", "VEVENT", "VTODO", "VJOURNAL"))
    return st.tuples(kind, when, lines, st.lists(st.tuples(when, when), max_size=2)).map(_object)


def _object(
    drawn: tuple[str, tuple[str, str], list[str], list[tuple[tuple[str, str], tuple[str, str]]]],
) -> bytes:
    kind, (spelling, date), lines, moved = drawn
    text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
    text += [
        f"BEGIN:{kind}",
        "UID:series",
        "DTSTAMP:20260101T000000Z",
        spelling.format("DTSTART", date),
        *lines,
    ]
    text += [f"END:{kind}"]
    for (of, at), (to, then) in moved:
        text += [f"BEGIN:{kind}", "UID:series", "DTSTAMP:20260101T000000Z", of.format("RECURRENCE-ID", at)]
        text += [to.format("DTSTART", then), f"END:{kind}"]
    return "\r\n".join([*text, "END:VCALENDAR", ""]).encode()


_START_AND_END = re.compile(rb'start="[^"]*" end="[^"]*"')


def _windowed(drawn: tuple[Wanted, str, str]) -> Wanted:
    """A query of another time."""
    wanted, *dates = drawn
    start, end = sorted(dates)
    window = f'start="{start}Z" end="{end}Z"'.encode()
    return replace(wanted, body=_START_AND_END.sub(window, wanted.body))


QUERIES = tuple(wanted for wanted in READS if b"start=" in wanted.body or "export" in wanted.target)


def queried_series() -> st.SearchStrategy[list[Wanted]]:
    """A drawn object is stored, if it can be, and then asked for in drawn windows."""
    stored = _series().map(lambda body: Wanted("PUT", CALENDAR + "series.ics", _ICALENDAR, body))
    asked = st.tuples(_any_of(QUERIES), _dates(), _dates()).map(_windowed)
    return st.tuples(stored, st.lists(asked, min_size=1, max_size=3)).map(lambda drawn: [drawn[0], *drawn[1]])


_ICALENDAR = (("Content-Type", "text/calendar"),)


def broken() -> st.SearchStrategy[Wanted]:
    """A sound request with up to five things wrong, or none."""
    return st.tuples(_any_of(SOUND) | _any_of(WRITES), st.lists(_CHANGES, max_size=5)).map(_changed)


def conversations() -> st.SearchStrategy[list[Wanted]]:
    """A few requests one after another; what an earlier one left behind meets the later ones."""
    some = st.lists(broken(), min_size=1, max_size=4)
    return st.one_of(some, some, queried_series())


Change = Callable[[Wanted], Wanted]


def _changed(drawn: tuple[Wanted, list[Change]]) -> Wanted:
    wanted, changes = drawn
    for change in changes:
        wanted = change(wanted)
    return wanted


def _method(name: str) -> Change:
    return lambda wanted: replace(wanted, method=name)


def _target(target: str) -> Change:
    return lambda wanted: replace(wanted, target=target)


def _segment(drawn: tuple[int, str]) -> Change:
    place, segment = drawn

    def change(wanted: Wanted) -> Wanted:
        parts = wanted.target.split("/")
        parts[place % len(parts)] = segment
        return replace(wanted, target="/" + "/".join(parts).lstrip("/"))

    return change


def _header(drawn: tuple[str, str]) -> Change:
    return lambda wanted: replace(wanted, headers=(*wanted.headers, drawn))


def _without_headers(wanted: Wanted) -> Wanted:
    return replace(wanted, headers=())


def _body(change: Callable[[bytes], bytes]) -> Change:
    return lambda wanted: replace(wanted, body=change(wanted.body))


def _spot(body: bytes, place: float) -> int:
    return int(place * len(body))


def _cut(drawn: tuple[float, float]) -> Change:
    return _body(lambda body: body[: _spot(body, min(drawn))] + body[_spot(body, max(drawn)) :])


def _doubled(drawn: tuple[float, float]) -> Change:
    def change(body: bytes) -> bytes:
        low, high = _spot(body, min(drawn)), _spot(body, max(drawn))
        return body[:high] + body[low:high] + body[high:]

    return _body(change)


def _inserted(drawn: tuple[float, bytes]) -> Change:
    return _body(lambda body: body[: _spot(body, drawn[0])] + drawn[1] + body[_spot(body, drawn[0]) :])


_BETWEEN_TAGS = re.compile(rb"(?<=>)(?=<)")
_LINE_END = re.compile(rb"\r\n|\n|\r")


def _piece(drawn: tuple[int, str]) -> Change:
    """An element between two tags, a line between two lines."""

    def change(body: bytes) -> bytes:
        gaps = [match.end() for match in (_BETWEEN_TAGS if body[:1] == b"<" else _LINE_END).finditer(body)]
        gaps = gaps or [0]
        at = gaps[drawn[0] % len(gaps)]
        return body[:at] + drawn[1].encode("utf-8", "surrogatepass") + body[at:]

    return _body(change)


def _line(drawn: tuple[int, str]) -> Change:
    """A line more, whole."""
    return _piece((drawn[0], drawn[1] + "\r\n"))


def _lines(drawn: tuple[int, int, str]) -> Change:
    """A line away, doubled, moved, or with something in it."""
    first, second, action = drawn

    def change(body: bytes) -> bytes:
        lines = body.splitlines(keepends=True)
        if not lines:
            return body
        line = lines.pop(first % len(lines))
        if action == "double":
            lines.insert(first % (len(lines) + 1), line)
        if action != "drop":
            lines.insert(second % (len(lines) + 1), line)
        return b"".join(lines)

    return _body(change)


_ELEMENT = re.compile(rb"<([A-Z]:)?([a-z-]+)([^<>]*?)(/?)>")


def _renamed(drawn: tuple[int, str]) -> Change:
    """One tag with another name, another namespace or other attributes; the end tag may or may not fit."""

    def change(body: bytes) -> bytes:
        found = list(_ELEMENT.finditer(body))
        if not found:
            return body
        match, new = found[drawn[0] % len(found)], drawn[1].encode()
        whole = re.sub(
            rb"(</?)" + re.escape(match[1] or b"") + match[2] + rb"(?=[\s/>])", lambda tag: tag[1] + new, body
        )
        return (
            whole
            if drawn[0] % 2
            else body[: match.start()] + b"<" + new + match[3] + match[4] + b">" + body[match.end() :]
        )

    return _body(change)


_VALUE = re.compile(rb'"([^"]*)"|(?<=[:=])([^\r\n<>:;=]+)|(?<=>)([^<>]+)(?=<)')


def _revalued(drawn: tuple[int, str]) -> Change:
    """One value (of an attribute, an element, a property, a part of a rule) with another."""

    def change(body: bytes) -> bytes:
        found = list(_VALUE.finditer(body))
        if not found:
            return body
        match = found[drawn[0] % len(found)]
        index = match.lastindex or 0
        return (
            body[: match.start(index)] + drawn[1].encode("utf-8", "surrogatepass") + body[match.end(index) :]
        )

    return _body(change)


def _recoded(encoding: str) -> Change:
    def change(body: bytes) -> bytes:
        text = body.decode("utf-8", "replace")
        return text.encode(encoding, "replace")

    return _body(change)


def _prefixed(text: str) -> Change:
    return _body(lambda body: text.encode() + body)


def _swapped(other: bytes) -> Change:
    return _body(lambda body: other)


NAMES = (
    "x", "prop", "propfind", "C:calendar-query", "A:addressbook-query", "sync-collection", "C:mkcalendar",
    "href", "C:comp", "X:undeclared", "C:time-range", "A:prop-filter", "C:calendar-data", "A:address-data",
    "set", "lockinfo", "acl", "C:filter", "propertyupdate", "C:free-busy-query", "C:calendar-multiget",
    "expand-property", "C:expand", "C:comp-filter", "owner", "a b", "principal-property-search",
    "principal-match", "mkcol", "C:calendar-timezone", "resourcetype", "C:text-match", "1x", "xml:x",
)  # fmt: skip
VALUES = (
    *NUMBERS, *HREFS[:12], "VEVENT", "VTODO", "VALARM", "VCALENDAR", "X", "\xe4", "\U0001f4a9", "\ud800",
    "\0", "i;octet", "yes", "00000101T000000Z", "00010101T000000Z", "99991231T235959Z", "20260101T000000Z",
    "20260230T000000Z", "20260101T246060Z", "20260101", "20260101T000000", "FREQ=SECONDLY", "SECONDLY",
    "YEARLY", "-PT1S", "P1D", "PT" + "9" * 25 + "H", "mailto:x", "equals", "anyof", "../../etc/passwd",
    "Europe/Berlin", "x" * 3000, "text/calendar", "application/calendar+json", "4.0", "1,2,3", ",", "MO",
    "-1SU", "+0100", "+240000", "-9999", "BINARY", "PERIOD", "DATE", "DATE-TIME", "UTC-OFFSET", "BASE64",
)  # fmt: skip

_place = st.floats(0, 1, exclude_max=True)
_number = st.integers(0, 10_000)
_a_header = _any_of([(name, value) for name, values in HEADERS.items() for value in values])
_odd_text = st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n"), max_size=20)
_BODIES = (
    *OBJECTS.values(),
    *(wanted.body for wanted in SOUND),
    b"",
    b"\0" * 100,
    b"<",
    b"x" * 66_000,
    b" \r\n",
)

_OF_BODY = st.one_of(
    st.tuples(_number, _any_of(XML_PIECES + TEXT_PIECES)).map(_piece),
    st.tuples(_number, _any_of(TEXT_PIECES)).map(_line),
    st.tuples(_number, _any_of(NAMES)).map(_renamed),
    st.tuples(_number, _any_of(VALUES)).map(_revalued),
    st.tuples(_number, st.text(max_size=10)).map(_revalued),
    st.tuples(_number, _number, _any_of(("drop", "double", "move"))).map(_lines),
    st.tuples(_place, _place).map(_cut),
    st.tuples(_place, _place).map(_doubled),
    st.tuples(_place, st.binary(max_size=6)).map(_inserted),
    st.tuples(_place, _any_of(TEXT_PIECES).map(lambda text: text.encode("utf-8", "replace"))).map(_inserted),
    _any_of(("utf-16", "utf-16-be", "latin-1", "utf-32", "utf-7", "utf-8-sig", "cp500")).map(_recoded),
    _any_of((*DOCTYPES, "\ufeff", " ", "\n\n", '<?xml version="1.0" encoding="nope"?>',
                     '<?xml version="1.0" encoding="utf-16"?>', '<?xml version="1.1"?>', "x")).map(_prefixed),
    _any_of(_BODIES).map(_swapped),
)  # fmt: skip
_CHANGES: st.SearchStrategy[Change] = st.one_of(
    *[_OF_BODY] * 6,
    _a_header.map(_header),
    _a_header.map(_header),
    st.tuples(_any_of(sorted(HEADERS)), _odd_text).map(_header),
    st.just(_without_headers),
    _any_of(METHODS).map(_method),
    _any_of(HOSTILE_TARGETS).map(_target),
    st.tuples(_number, _any_of(HOSTILE_SEGMENTS)).map(_segment),
)
