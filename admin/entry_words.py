"""The standards' own words inside of entries, as people say them: states, privacy, what a number is for.

What somebody typed stays as it is, also where it is an English word.
"""

from __future__ import annotations

from dataclasses import replace

from flask_babel import lazy_gettext as _l

from davserver.content.details import Field, fields
from davserver.content.lines import Component
from davserver.sentences import Sentence

from .language import said

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
