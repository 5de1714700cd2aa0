"""What pages call the parts of an event, a task or a contact: properties, values, times and rules in words.

Belongs here: words for people. What is shown and in what order, content.details and content.difference say.
What has no word is shown as it is stored; what somebody typed stays as it is, even an English word.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

from babel.dates import format_skeleton
from flask_babel import format_date, format_timedelta, get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from davserver.content.details import Field, fields
from davserver.content.difference import Change
from davserver.content.lines import Component
from davserver.content.recur import parse_rule
from davserver.content.stamps import DAY, parse_duration, parse_stamp
from davserver.errors import InvalidContent
from davserver.sentences import Sentence

from . import looking
from .language import said

LABELS = {
    "SUMMARY": _l("Title"),
    "FN": _l("Name"),
    "N": _l("Name in parts"),
    "LOCATION": _l("Place"),
    "DESCRIPTION": _l("Description"),
    "STATUS": _l("Status"),
    "PRIORITY": _l("Priority"),
    "PERCENT-COMPLETE": _l("Percent done"),
    "CATEGORIES": _l("Categories"),
    "RESOURCES": _l("Resources"),
    "CLASS": _l("Privacy"),
    "TRANSP": _l("Shown as"),
    "ORGANIZER": _l("Organiser"),
    "ATTENDEE": _l("Attendee"),
    "CONTACT": _l("Contact"),
    "COMMENT": _l("Comment"),
    "ATTACH": _l("Attachment"),
    "RELATED-TO": _l("Related to"),
    "CONFERENCE": _l("Conference"),
    "GEO": _l("Position"),
    "URL": _l("Address on the web"),
    "DTSTART": _l("Start"),
    "DTEND": _l("End"),
    "DUE": _l("Due"),
    "DURATION": _l("Length"),
    "COMPLETED": _l("Done at"),
    "RRULE": _l("Repeats"),
    "RDATE": _l("Also at"),
    "EXDATE": _l("Not at"),
    "TRIGGER": _l("When it rings"),
    "ACTION": _l("How it tells"),
    "NICKNAME": _l("Nickname"),
    "ORG": _l("Company"),
    "TITLE": _l("Position in the company"),
    "ROLE": _l("Role"),
    "TEL": _l("Phone"),
    "EMAIL": _l("Mail"),
    "IMPP": _l("Messenger"),
    "ADR": _l("Address"),
    "BDAY": _l("Birthday"),
    "ANNIVERSARY": _l("Anniversary"),
    "GENDER": _l("Gender"),
    "LANG": _l("Language"),
    "RELATED": _l("Related"),
    "NOTE": _l("Note"),
    "TZ": _l("Time zone"),
    "MEMBER": _l("Member"),
    "PHOTO": _l("Photo"),
    "LOGO": _l("Logo"),
    "UID": _l("UID"),
}
"""What people call the properties; others are shown by their own names."""

KINDS = {
    "VEVENT": _l("Event"),
    "VTODO": _l("Task"),
    "VJOURNAL": _l("Journal entry"),
    "VFREEBUSY": _l("Busy times"),
    "VAVAILABILITY": _l("Availability"),
    "VCARD": _l("Contact"),
    "VALARM": _l("Alarm"),
    "VTIMEZONE": _l("Time zone"),
    "VCALENDAR": _l("Calendar object"),
}
COMPONENTS = {
    "VEVENT": _l("Events"),
    "VTODO": _l("Tasks"),
    "VJOURNAL": _l("Journal entries"),
    "VFREEBUSY": _l("Published busy times"),
    "VAVAILABILITY": _l("Availability"),
}
"""What a calendar holds of many."""

VALUES = {
    ("STATUS", "TENTATIVE"): _l("tentative"),
    ("STATUS", "CONFIRMED"): _l("confirmed"),
    ("STATUS", "CANCELLED"): _l("cancelled"),
    ("STATUS", "NEEDS-ACTION"): _l("to be done"),
    ("STATUS", "IN-PROCESS"): _l("begun"),
    ("STATUS", "COMPLETED"): _l("done"),
    ("STATUS", "DRAFT"): _l("draft"),
    ("STATUS", "FINAL"): _l("final"),
    ("CLASS", "PUBLIC"): _l("public"),
    ("CLASS", "PRIVATE"): _l("private"),
    ("CLASS", "CONFIDENTIAL"): _l("confidential"),
    ("TRANSP", "OPAQUE"): _l("busy"),
    ("TRANSP", "TRANSPARENT"): _l("free"),
    ("ACTION", "DISPLAY"): _l("a message"),
    ("ACTION", "AUDIO"): _l("a sound"),
    ("ACTION", "EMAIL"): _l("a mail"),
}
"""(property, value) → words (RFC 5545 3.8.1.3, 3.8.1.11, 3.8.2.7, 3.8.6.1)."""

TYPES = {
    "home": _l("home"),
    "work": _l("work"),
    "cell": _l("mobile"),
    "mobile": _l("mobile"),
    "main": _l("main"),
    "other": _l("other"),
    "fax": _l("fax"),
    "pager": _l("pager"),
    "homepage": _l("home page"),
    "anniversary": _l("anniversary"),
    "mother": _l("mother"),
    "father": _l("father"),
    "parent": _l("parent"),
    "child": _l("child"),
    "brother": _l("brother"),
    "sister": _l("sister"),
    "spouse": _l("spouse"),
    "partner": _l("partner"),
    "friend": _l("friend"),
    "assistant": _l("assistant"),
    "manager": _l("manager"),
}
"""What a number or an address is for: the words of vCard, and those that Apple's programs write."""


FREQUENCIES = {
    "SECONDLY": lambda n: ngettext("every second", "every %(num)s seconds", n),
    "MINUTELY": lambda n: ngettext("every minute", "every %(num)s minutes", n),
    "HOURLY": lambda n: ngettext("every hour", "every %(num)s hours", n),
    "DAILY": lambda n: ngettext("every day", "every %(num)s days", n),
    "WEEKLY": lambda n: ngettext("every week", "every %(num)s weeks", n),
    "MONTHLY": lambda n: ngettext("every month", "every %(num)s months", n),
    "YEARLY": lambda n: ngettext("every year", "every %(num)s years", n),
}


def label_of(name: str) -> Any:
    """What people call a property."""
    return LABELS.get(name, name)


def part_of(change: Change) -> str:
    """Where in the object a change is, "" in its main part."""
    name = str(KINDS.get(change.part, change.part))
    if change.instance and change.part != "VTIMEZONE":
        return str(_("%(part)s (exception %(instance)s)", part=name, instance=change.instance))
    return name if change.part in ("VALARM", "VTIMEZONE", "VCALENDAR") else ""


def read_value(name: str, text: str) -> str:
    """The value of a property in the person's words, where the standard has a word for it."""
    if isinstance(text, Sentence):
        return said(text)
    return str(VALUES.get((name, text.upper()), text))


def read_fields(component: Component) -> list[Field]:
    """What an event, a task or a card says."""
    return [
        replace(
            one,
            text=read_value(one.name, one.text),
            labels=tuple(str(TYPES.get(word, word)) for word in one.labels),
        )
        for one in fields(component)
    ]


_TIMES = frozenset(
    {"DTSTART", "DTEND", "DUE", "RECURRENCE-ID", "COMPLETED", "EXDATE", "RDATE", "CREATED", "DTSTAMP"}
    | {"LAST-MODIFIED"}
)
_STAMP = re.compile(r"(\d{8}(?:T\d{6}Z?)?)(?: \((.+)\))?", re.ASCII)


def readable(name: str, text: str) -> str:
    """A value in words, where it is a time, a rule or one of a few fixed words."""
    try:
        return _TOLD.get(name, _stamp_text)(name, read_value(name, text))
    except InvalidContent:
        return text


def _stamp_text(name: str, text: str) -> str:
    match = _STAMP.fullmatch(text)
    if match is None or name not in _TIMES:
        return text
    stamp = parse_stamp(match[1])
    if stamp.is_utc:
        return looking.day_and_clock(stamp.seconds, is_date=False)
    told = looking.wall_clock(stamp.seconds, is_date=stamp.is_date)
    return f"{told} ({match[2]})" if match[2] else told


_DAY = re.compile(r"(\d{4}|--)-?(\d\d)-?(\d\d)(?:[T ].*)?", re.ASCII)
_NO_YEAR = ("--", "1604")
"""How a card says that a birthday has no year (RFC 6350 4.3.1); Apple writes the year 1604."""


def _day(_name: str, text: str) -> str:
    match = _DAY.fullmatch(text)
    if match is None:
        return text
    year, month, day = match.groups()
    try:
        told = date(2000 if year in _NO_YEAR else int(year), int(month), int(day))
    except ValueError:
        return text
    if year in _NO_YEAR:
        return str(format_skeleton("MMMMd", told, locale=get_locale()))
    return str(format_date(told, "long"))


def _percent(_name: str, text: str) -> str:
    return f"{text} %"


def _alarm(_name: str, text: str) -> str:
    """When an alarm rings, where it says so beside its event."""
    if text.lstrip("+-")[:1] != "P":
        return _stamp_text("DTSTART", text)
    days, seconds = parse_duration(text)
    total = days * DAY + seconds
    length = format_timedelta(abs(total), threshold=2)
    if total == 0:
        return str(_("at that moment"))
    return str(_("%(length)s before", length=length) if total < 0 else _("%(length)s after", length=length))


def rule_text(text: str) -> str:
    """A recurrence rule in words; what is rare stays in the source."""
    rule = parse_rule(text)
    parts = [FREQUENCIES[rule.freq](rule.interval)]
    if rule.by_day:
        names = [format_date(looking.day_of(4 + day), "EEEE") for _ordinal, day in rule.by_day]
        parts.append(_("on %(days)s", days=", ".join(dict.fromkeys(names))))
    if rule.count:
        parts.append(ngettext("%(num)s time", "%(num)s times", rule.count))
    if rule.until:
        day = format_date(looking.day_of(rule.until.seconds // 86_400), "long")
        parts.append(_("until %(day)s", day=day))
    return ", ".join(str(part) for part in parts)


_TOLD = {
    "BDAY": _day,
    "ANNIVERSARY": _day,
    "RRULE": lambda _name, text: rule_text(text),
    "TRIGGER": _alarm,
    "PERCENT-COMPLETE": _percent,
}
