"""The entries of the menus. A page that is a place to go has a row here; others are reached from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, g, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from . import context, theme


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a menu. ``page`` is MODULE.ACTION; ``icon`` one of Bootstrap's names."""

    title: Any
    page: str
    icon: str
    side: str = ""
    """"own": in one's own portal only; "admin": for administrators who look at somebody; else both."""

    @property
    def module(self) -> str:
        """The module whose pages belong to this entry."""
        return self.page.partition(".")[0]

    @property
    def is_here(self) -> bool:
        """Whether the page shown belongs to this entry."""
        return f".{self.module}." in f".{request.endpoint or ''}"


PERSON = (
    Entry(_l("Overview"), "overview.show", "house"),
    Entry(_l("Calendars"), "calendars.index", "calendar3"),
    Entry(_l("Address books"), "addressbooks.index", "person-vcard"),
    Entry(_l("Sharing"), "sharing.index", "people"),
    Entry(_l("Subscriptions"), "subscriptions.index", "rss"),
    Entry(_l("Trash"), "trash.index", "trash"),
    Entry(_l("Other servers"), "remote.index", "arrow-left-right"),
    Entry(_l("Import and export"), "transfer.index", "arrow-down-up"),
    Entry(_l("Profile"), "profile.edit", "person"),
    Entry(_l("Connect a device"), "connect.index", "phone", "own"),
    Entry(_l("App passwords"), "app_passwords.index", "key"),
    Entry(_l("Password"), "password.change", "lock", "own"),
    Entry(_l("Sessions and devices"), "sessions.index", "laptop"),
)
"""Pages about a person's things."""

ADMIN = (Entry(_l("Dashboard"), "dashboard.show", "speedometer2"),)
"""Pages for administrators."""


def install(app: Flask) -> None:
    """Give the menus to all templates."""
    app.context_processor(_menus)


def _menus() -> dict[str, Any]:
    person, own = g.get("user"), context.is_own()
    shown = []
    if person is not None and person.admin and not own:
        shown.append((_("Administration"), [(entry, url_for(entry.page)) for entry in ADMIN]))
    is_personal = own or (request.endpoint or "").startswith("user.")
    if person is not None and (is_personal or not person.admin):
        whose = g.get("owner") or person
        title = _("My account") if whose.id == person.id else whose.name
        entries = [entry for entry in PERSON if entry.side != ("admin" if own else "own")]
        shown.append((title, [(entry, context.person_url(entry.page)) for entry in entries]))
    return {"user": person, "owner": g.get("owner"), "is_own": own, "theme": theme.chosen(), "menus": shown}
