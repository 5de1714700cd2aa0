"""One sound request of each kind, and the objects that the small world begins with.

The mutations start from here: the closer a broken request is to a sound one, the deeper it gets into the
server. Paths are those of Ann's default collections; hrefs inside bodies too.
"""

from __future__ import annotations

from tests.robustness.world import Wanted

CALENDAR = "/dav/calendars/ann/default/"
BOOK = "/dav/addressbooks/ann/default/"
_NS = (
    'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:A="urn:ietf:params:xml:ns:carddav"'
    ' xmlns:I="http://apple.com/ns/ical/" xmlns:S="http://calendarserver.org/ns/"'
)
_XML = ("Content-Type", "application/xml; charset=utf-8")

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:weekly
DTSTAMP:20260101T000000Z
DTSTART;TZID=Europe/Berlin:20260105T093000
DTEND;TZID=Europe/Berlin:20260105T103000
RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=40
EXDATE;TZID=Europe/Berlin:20260107T093000
RDATE;TZID=Europe/Berlin:20260109T093000
SUMMARY;LANGUAGE=de:Käsekuchen\\, mit Sahne
ATTENDEE;CN="Bob B.";PARTSTAT=NEEDS-ACTION:mailto:bob@example.org
CATEGORIES:ONE,TWO
BEGIN:VALARM
ACTION:DISPLAY
TRIGGER:-PT15M
REPEAT:2
DURATION:PT5M
END:VALARM
END:VEVENT
BEGIN:VEVENT
UID:weekly
DTSTAMP:20260101T000000Z
RECURRENCE-ID;TZID=Europe/Berlin:20260112T093000
DTSTART;TZID=Europe/Berlin:20260112T140000
DURATION:PT30M
SUMMARY:moved
END:VEVENT
END:VCALENDAR
"""
TODO = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VTODO
UID:todo
DTSTAMP:20260101T000000Z
DTSTART;VALUE=DATE:20260102
DUE;VALUE=DATE:20260110
RRULE:FREQ=MONTHLY;BYDAY=1FR;UNTIL=20270101
PRIORITY:5
STATUS:NEEDS-ACTION
SUMMARY:Steuer
END:VTODO
END:VCALENDAR
"""
FLOATING = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:floating
DTSTAMP:20260101T000000Z
DTSTART:20260301T080000
RRULE:FREQ=DAILY
SUMMARY:endless
END:VEVENT
END:VCALENDAR
"""
CARD = """BEGIN:VCARD
VERSION:3.0
UID:card-3
FN:Zoë Grün
N:Grün;Zoë;;;
EMAIL;TYPE=INTERNET,HOME:zoe@example.org
item1.TEL;TYPE=CELL:+49 30 1234
item1.X-ABLABEL:privat
NOTE:eins\\nzwei\\, drei
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD
END:VCARD
"""
CARD_4 = """BEGIN:VCARD
VERSION:4.0
UID:urn:uuid:card-4
FN:Club
KIND:group
MEMBER:urn:uuid:card-3
PHOTO:data:image/jpeg;base64,/9j/4AAQ
TEL;VALUE=uri;PREF=1:tel:+49-30-1234
BDAY:--0203
END:VCARD
"""
JCAL = (
    '["vcalendar",[["version",{},"text","2.0"],["prodid",{},"text","-//t//EN"]],[["vevent",[["uid",{},"text","jcal"]'
    ","
    '["dtstamp",{},"date-time","2026-01-01T00:00:00Z"],["dtstart",{"tzid":"Europe/Berlin"},"date-time",'
    '"2026-01-01T09:00:00"],["rrule",{},"recur",{"freq":"DAILY","count":3}],["duration",{},"duration","PT1H"]],[]]]'
    "]"
)
JCARD = (
    '["vcard",[["version",{},"text","4.0"],["uid",{},"text","jcard"],["fn",{},"text","J. Card"],'
    '["n",{},"text",["Card","J.","","",""]],["tel",{"type":["home","cell"]},"uri","tel:+1"]]]'
)


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


OBJECTS = {
    CALENDAR + "weekly.ics": _crlf(EVENT),
    CALENDAR + "todo.ics": _crlf(TODO),
    CALENDAR + "floating.ics": _crlf(FLOATING),
    BOOK + "card-3.vcf": _crlf(CARD),
    BOOK + "card-4.vcf": _crlf(CARD_4),
}
"""What Ann has: address and body."""


def _xml(method: str, target: str, body: str, *headers: tuple[str, str]) -> Wanted:
    root, rest = body.split(" ", 1) if " " in body.split(">")[0] else (body.split(">")[0].rstrip("/"), None)
    declared = body.replace(root, f"{root} {_NS}", 1) if rest is None else f"{root} {_NS} {rest}"
    return Wanted(method, target, (_XML, *headers), declared.encode())


_ALL_TIME = '<C:time-range start="20260101T000000Z" end="20260301T000000Z"/>'
_SPAN = 'start="20260101T000000Z" end="20260201T000000Z"'


def _query(filters: str, data: str = "<C:calendar-data/>") -> Wanted:
    body = (
        f"<C:calendar-query><prop><getetag/>{data}</prop><C:filter>"
        f'<C:comp-filter name="VCALENDAR">{filters}</C:comp-filter></C:filter></C:calendar-query>'
    )
    return _xml("REPORT", CALENDAR, body, ("Depth", "1"))


def _cards(filters: str, rest: str = "") -> Wanted:
    body = (
        '<A:addressbook-query><prop><getetag/><A:address-data version="4.0"><A:prop name="FN"/>'
        '<A:prop name="TEL"/>'
        f'</A:address-data></prop><A:filter test="anyof">{filters}</A:filter>{rest}</A:addressbook-query>'
    )
    return _xml("REPORT", BOOK, body, ("Depth", "1"))


READS = (
    Wanted("OPTIONS", CALENDAR),
    Wanted("GET", CALENDAR + "weekly.ics", (("Accept", "application/calendar+json"),)),
    Wanted(
        "GET", BOOK + "card-3.vcf", (("Accept", "text/vcard; version=4.0, application/vcard+json;q=0.5"),)
    ),
    Wanted("GET", CALENDAR + "weekly.ics", (("Range", "bytes=10-20"), ("If-Range", '"x"'))),
    Wanted("GET", CALENDAR + "todo.ics", (("If-None-Match", '"a", W/"b"'), ("If-Modified-Since", "now"))),
    Wanted("HEAD", BOOK + "card-4.vcf"),
    Wanted("GET", CALENDAR, (("Accept", "text/html"),)),
    Wanted("GET", CALENDAR + "?export&start=1767225600&end=1772323200&expand=1"),
    Wanted("GET", CALENDAR + "?export&componentType=VTODO&accept=jcal"),
    Wanted("GET", BOOK + "?export"),
    Wanted("GET", "/"),
    Wanted("PROPFIND", CALENDAR, (("Depth", "1"), ("Prefer", "return=minimal, depth-noroot"))),
    Wanted("PROPFIND", "/.well-known/caldav"),
    _xml(
        "PROPFIND",
        "/dav/",
        "<propfind><prop><current-user-principal/><x:y xmlns:x='urn:x'/></prop></propfind>",
    ),
    _xml("PROPFIND", "/dav/principals/ann/", "<propfind><propname/></propfind>", ("Depth", "0")),
    _xml(
        "PROPFIND",
        "/dav.php/calendars/ann/",
        "<propfind><allprop/><include><acl/><S:getctag/><C:calendar-timezone/><quota-used-bytes/>"
        "</include></propfind>",
        ("Depth", "1"),
    ),
    _query(f'<C:comp-filter name="VEVENT">{_ALL_TIME}</C:comp-filter>'),
    _query(
        f'<C:comp-filter name="VTODO">{_ALL_TIME}</C:comp-filter>',
        f"<C:calendar-data><C:expand {_SPAN}/></C:calendar-data>",
    ),
    _query(
        f'<C:comp-filter name="VEVENT"><C:comp-filter name="VALARM">{_ALL_TIME}</C:comp-filter>'
        "</C:comp-filter>",
        f'<C:calendar-data content-type="application/calendar+json"><C:limit-recurrence-set {_SPAN}/>'
        "</C:calendar-data>",
    ),
    _query(
        '<C:comp-filter name="VEVENT"><C:prop-filter name="SUMMARY">'
        '<C:text-match collation="i;unicode-casemap" negate-condition="no">KÄSE</C:text-match>'
        "</C:prop-filter>"
        '<C:prop-filter name="ATTENDEE"><C:param-filter name="PARTSTAT"><C:text-match>ACTION</C:text-match>'
        '</C:param-filter></C:prop-filter><C:prop-filter name="X-Y"><C:is-not-defined/>'
        "</C:prop-filter></C:comp-filter>",
        '<C:calendar-data><C:comp name="VCALENDAR"><C:prop name="VERSION"/><C:comp name="VEVENT">'
        '<C:prop name="UID"/>'
        f"</C:comp></C:comp><C:limit-freebusy-set {_SPAN}/></C:calendar-data>",
    ),
    _xml(
        "REPORT", CALENDAR, f"<C:free-busy-query><C:time-range {_SPAN}/></C:free-busy-query>", ("Depth", "1")
    ),
    _xml(
        "REPORT",
        CALENDAR,
        f"<C:calendar-multiget><prop><C:calendar-data/></prop><href>{CALENDAR}weekly.ics</href>"
        f"<href>http://dav.example.org{CALENDAR}todo.ics</href><href>/dav/nowhere</href>"
        "</C:calendar-multiget>",
    ),
    _cards(
        '<A:prop-filter name="FN" test="allof">'
        '<A:text-match collation="i;unicode-casemap" match-type="starts-with">zo'
        '</A:text-match><A:param-filter name="TYPE"><A:is-not-defined/></A:param-filter></A:prop-filter>'
        '<A:prop-filter name="EMAIL"><A:text-match match-type="ends-with">.org</A:text-match>'
        "</A:prop-filter>",
        "<A:limit><A:nresults>1</A:nresults></A:limit>",
    ),
    _xml(
        "REPORT",
        BOOK,
        f'<A:addressbook-multiget><prop><A:address-data content-type="text/vcard" version="3.0"/></prop>'
        f"<href>{BOOK}card-3.vcf</href><href>{BOOK}card-4.vcf</href></A:addressbook-multiget>",
    ),
    _xml(
        "REPORT",
        CALENDAR,
        "<sync-collection><sync-token/><sync-level>1</sync-level><limit><nresults>2</nresults></limit>"
        "<prop><getetag/></prop></sync-collection>",
    ),
    _xml(
        "REPORT", BOOK, "<sync-collection><sync-token>data:,2-1-abcdef</sync-token><prop/></sync-collection>"
    ),
    _xml(
        "REPORT",
        "/dav/principals/ann/",
        '<expand-property><property name="calendar-home-set" namespace="urn:ietf:params:xml:ns:caldav">'
        '<property name="displayname"/></property><property name="group-membership"/></expand-property>',
    ),
    _xml(
        "REPORT",
        "/dav/principals/",
        '<principal-property-search test="anyof"><property-search><prop><displayname/>'
        "<C:calendar-user-address-set/>"
        "</prop><match>ann</match></property-search><prop><displayname/></prop></principal-property-search>",
        ("Depth", "0"),
    ),
    _xml(
        "REPORT", "/dav/principals/", "<principal-match><self/><prop><displayname/></prop></principal-match>"
    ),
    _xml("REPORT", CALENDAR, "<acl-principal-prop-set><prop><displayname/></prop></acl-principal-prop-set>"),
    _xml("REPORT", "/dav/principals/", "<principal-search-property-set/>", ("Depth", "0")),
)
"""Requests that change nothing."""

_ICS = ("Content-Type", "text/calendar; charset=utf-8")
_VCF = ("Content-Type", "text/vcard; charset=utf-8")

WRITES = (
    Wanted(
        "PUT", CALENDAR + "new.ics", (_ICS, ("If-None-Match", "*")), _crlf(EVENT.replace("weekly", "new"))
    ),
    Wanted("PUT", CALENDAR + "weekly.ics", (_ICS,), _crlf(EVENT)),
    Wanted("PUT", CALENDAR + "todo.ics", (_ICS, ("If-Match", '"x", *')), _crlf(TODO)),
    Wanted(
        "PUT",
        BOOK + "new.vcf",
        (_VCF, ("Prefer", "return=representation")),
        _crlf(CARD.replace("card-3", "n")),
    ),
    Wanted("PUT", BOOK + "card-4.vcf", (_VCF,), _crlf(CARD_4)),
    Wanted("PUT", CALENDAR + "j.ics", (("Content-Type", "application/calendar+json"),), JCAL.encode()),
    Wanted("PUT", BOOK + "j.vcf", (("Content-Type", "application/vcard+json"),), JCARD.encode()),
    Wanted("POST", CALENDAR, (_ICS,), _crlf(FLOATING.replace("UID:floating", "UID:posted"))),
    Wanted("DELETE", CALENDAR + "todo.ics"),
    Wanted("DELETE", BOOK),
    Wanted(
        "COPY",
        CALENDAR + "todo.ics",
        (("Destination", "/dav/calendars/ann/second/copy.ics"), ("Overwrite", "F")),
    ),
    Wanted(
        "MOVE", CALENDAR + "todo.ics", (("Destination", "http://dav.example.org" + CALENDAR + "moved.ics"),)
    ),
    Wanted("MOVE", BOOK + "card-3.vcf", (("Destination", BOOK + "card-4.vcf"), ("Overwrite", "T"))),
    Wanted("COPY", CALENDAR, (("Destination", "/dav/calendars/ann/copied/"), ("Depth", "infinity"))),
    Wanted("MOVE", BOOK, (("Destination", "/dav/addressbooks/ann/renamed/"),)),
    _xml(
        "PROPPATCH",
        CALENDAR,
        "<propertyupdate><set><prop><displayname>Wörk</displayname><I:calendar-color>#ff0000ff"
        "</I:calendar-color>"
        "<C:schedule-calendar-transp><C:transparent/></C:schedule-calendar-transp>"
        "<x:dead xmlns:x='urn:x' a='b'>t"
        "<x:c/></x:dead></prop></set><remove><prop><I:calendar-order/></prop></remove></propertyupdate>",
    ),
    _xml(
        "PROPPATCH",
        CALENDAR,
        "<propertyupdate><set><prop>"
        "<C:calendar-timezone>BEGIN:VCALENDAR&#13;\nVERSION:2.0&#13;\nPRODID:x&#13;\n"
        "BEGIN:VTIMEZONE&#13;\nTZID:X&#13;\nBEGIN:STANDARD&#13;\nDTSTART:19700101T000000&#13;\n"
        "TZOFFSETFROM:+0100&#13;\nTZOFFSETTO:+0100&#13;\nEND:STANDARD&#13;\nEND:VTIMEZONE&#13;\nEND:VCALENDAR&#13;\n"
        "</C:calendar-timezone>"
        "<I:calendar-order>3</I:calendar-order><C:calendar-description>d</C:calendar-description>"
        "</prop></set></propertyupdate>",
    ),
    _xml(
        "PROPPATCH",
        CALENDAR + "todo.ics",
        "<propertyupdate><set><prop><S:z>1</S:z></prop></set></propertyupdate>",
    ),
    _xml(
        "PROPPATCH",
        "/dav/principals/ann/",
        "<propertyupdate><remove><prop><S:z/></prop></remove></propertyupdate>",
    ),
    _xml(
        "MKCALENDAR",
        "/dav/calendars/ann/made/",
        "<C:mkcalendar><set><prop><displayname>n</displayname><C:supported-calendar-component-set>"
        '<C:comp name="VTODO"/></C:supported-calendar-component-set><C:calendar-timezone-id>Europe/Berlin'
        "</C:calendar-timezone-id></prop></set></C:mkcalendar>",
    ),
    _xml(
        "MKCOL",
        "/dav/addressbooks/ann/made/",
        "<mkcol><set><prop><resourcetype><collection/><A:addressbook/></resourcetype><displayname>n"
        "</displayname>"
        "<A:addressbook-description>d</A:addressbook-description></prop></set></mkcol>",
    ),
    _xml(
        "LOCK",
        CALENDAR + "weekly.ics",
        "<lockinfo><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner><href>ann"
        "</href></owner></lockinfo>",
        ("Timeout", "Second-600, Infinite"),
        ("Depth", "0"),
    ),
    _xml("LOCK", BOOK, "<lockinfo><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>"),
    Wanted("LOCK", CALENDAR, (("If", '(<opaquelocktoken:0> ["x"])'), ("Timeout", "Infinite"))),
    Wanted("UNLOCK", CALENDAR, (("Lock-Token", "<opaquelocktoken:0>"),)),
    _xml(
        "ACL",
        CALENDAR,
        "<acl><ace><principal><href>/dav/principals/bob/</href></principal><grant><privilege><read/>"
        "</privilege></grant>"
        "</ace><ace><principal><authenticated/></principal><grant><privilege><C:read-free-busy/>"
        "</privilege></grant></ace></acl>",
    ),
)
"""Requests that change something."""

SOUND = READS + WRITES
