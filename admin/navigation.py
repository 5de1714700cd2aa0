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
        module, dot, action = ".".join((request.endpoint or "").split(".")[-2:]).partition(".")
        tail = _PART_OF.get(module, module) + dot + action
        if tail in _PAGES:
            return tail == self.page
        siblings = [page for page in _PAGES if page.startswith(f"{self.module}.")]
        return tail.startswith(f"{self.module}.") and self.page == siblings[0]


PERSON = (
    Entry(_l("Overview"), "overview.show", "house"),
    Entry(_l("Month and agenda"), "calendar_view.month", "calendar-week"),
    Entry(_l("Contacts"), "contacts_view.index", "person-lines-fill"),
    Entry(_l("Search"), "entries.search", "search"),
    Entry(_l("Calendars"), "calendars.index", "calendar3"),
    Entry(_l("Address books"), "addressbooks.index", "person-vcard"),
    Entry(_l("Sharing"), "sharing.index", "people"),
    Entry(_l("Public links"), "links.index", "link-45deg"),
    Entry(_l("Subscriptions"), "subscriptions.index", "rss"),
    Entry(_l("Other servers"), "remote.index", "arrow-left-right"),
    Entry(_l("Trash"), "trash.index", "trash"),
    Entry(_l("Account"), "users.edit", "person-gear", "admin"),
    Entry(_l("Import and export"), "transfer.index", "arrow-down-up"),
    Entry(_l("Profile"), "profile.edit", "person", "own"),
    Entry(_l("Connect a device"), "connect.index", "phone", "own"),
    Entry(_l("App passwords"), "app_passwords.index", "key"),
    Entry(_l("Password"), "password.change", "lock", "own"),
    Entry(_l("Second factor"), "second_factor.show", "shield-lock", "own"),
    Entry(_l("Sessions and devices"), "sessions.index", "laptop"),
)
"""Pages about a person's things."""

ADMIN = (
    Entry(_l("Dashboard"), "dashboard.show", "speedometer2"),
    Entry(_l("Users and resources"), "users.index", "people"),
    Entry(_l("Groups"), "groups.index", "diagram-3"),
    Entry(_l("Who sees what"), "shares.index", "grid-3x3"),
    Entry(_l("Settings"), "settings.index", "gear"),
    Entry(_l("Check my set-up"), "check.show", "clipboard-check"),
    Entry(_l("Devices"), "audit.clients", "phone"),
    Entry(_l("Audit log"), "audit.index", "journal-text"),
)
"""Pages for administrators."""

_PART_OF = {"remote_login": "remote"}
"""Modules without an entry of their own, and the one that theirs is."""

_PAGES = tuple(entry.page for entry in (*ADMIN, *PERSON))


def install(app: Flask) -> None:
    """Give the menus to all templates."""
    app.context_processor(_menus)


def _menus() -> dict[str, Any]:
    person, own = g.get("user"), context.is_own()
    foreign = g.get("owner_name") is not None and g.get("owner") is not None
    shown = []
    if person is not None and person.admin and not own:
        shown.append((_("Administration"), [(entry, url_for(entry.page)) for entry in ADMIN]))
    if person is not None and (own or foreign or not person.admin):
        whose = g.owner if foreign else person
        shown.append((whose.name if foreign else _("My account"), _of_person(whose.name, foreign=foreign)))
    shared = {"theme": theme.chosen(), "server_title": context.settings().web.title}
    return {"user": person, "owner": g.get("owner"), "is_own": own, "menus": shown, **shared}


def _of_person(name: str, *, foreign: bool) -> list[tuple[Entry, str]]:
    hidden = "own" if foreign else "admin"
    rows = []
    for entry in PERSON:
        if entry.side == hidden:
            continue
        if entry.side == "admin":
            rows.append((entry, url_for(entry.page, owner=name)))
        elif foreign:
            rows.append((entry, url_for("user." + entry.page, owner=name)))
        else:
            rows.append((entry, url_for("account." + entry.page)))
    return rows
