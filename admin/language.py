"""Language and time zone of the person who looks. Before signing in: what the browser asks for.

All words of the pages go through gettext; the catalogs are in translations/ (``make translations``). What the
rooms below say (davserver.sentences) goes through ``said``, in templates the filter of that name.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytz
from flask import Flask, g, request
from flask_babel import Babel, format_date, format_datetime, format_number, get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from davserver import sentences

from . import context

LANGUAGES = {"en": "English", "fr": "Français", "de": "Deutsch"}
"""What the pages are translated to: code → its own name."""

OFFERED = (("", _l("As the browser asks")), *LANGUAGES.items())
"""The choices of a person: code → words."""


def install(app: Flask) -> None:
    """Flask-Babel with our choice of language and zone, and the filters of the templates."""
    Babel(app, locale_selector=_locale, timezone_selector=_zone)
    app.jinja_env.filters.update(moment=moment, day=day, bytes=size, number=format_number, said=said)
    app.jinja_env.globals.update(LANGUAGES=LANGUAGES, get_locale=get_locale)


def _language() -> str:
    person = g.get("user")
    if person is not None and person.language in LANGUAGES:
        return str(person.language)
    return request.accept_languages.best_match(list(LANGUAGES)) or "en"


def _locale() -> str:
    """The language with the way to write dates; English ones are American only for who asks for that."""
    language = _language()
    if language != "en":
        return language
    american = any(value.lower() == "en-us" for value in request.accept_languages.values())
    return "en_US" if american else "en_GB"


def _zone() -> str:
    person = g.get("user")
    zone = (person.timezone if person is not None else "") or context.settings().accounts.timezone
    return zone if zone in pytz.all_timezones_set else "UTC"


def said(text: Any) -> str:
    """What a room below says, in the person's language."""
    return sentences.said(text, lambda msgid: str(_(msgid)))


def moment(seconds: int | None, style: str = "medium") -> str:
    """A time of the database (UTC seconds) as the person reads it, in his zone; "" for None."""
    if seconds is None:
        return ""
    return str(format_datetime(datetime.fromtimestamp(seconds, UTC), style))


def day(seconds: int) -> str:
    """A UTC day, given by its midnight."""
    return str(format_date(datetime.fromtimestamp(seconds, UTC).date(), "medium"))


def size(count: int) -> str:
    """Bytes for people: ``1.5 MB``."""
    amount = float(count)
    for unit in (_("kB"), _("MB"), _("GB"), _("TB")):
        if amount < 1000:
            break
        amount /= 1000
        name = unit
    if count < 1000:
        return str(ngettext("%(num)s byte", "%(num)s bytes", count))
    return str(_("%(amount)s %(unit)s", amount=format_number(round(amount, 1)), unit=name))
