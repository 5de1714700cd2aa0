"""What each client has to be told: exact values, as the tests and the client checks use them. Pure functions.

Every client takes the server's own address and finds the rest by itself (RFC 6764, RFC 5397). Where a client
wants something else, it says so here, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from flask_babel import lazy_gettext as _l

PLACEHOLDER = "APP-PASSWORD"
"""Stands for the password while none is made."""


@dataclass(frozen=True, slots=True)
class Access:
    """What is the same for all: ``base`` is scheme, host and mount point without a slash at the end."""

    base: str
    name: str
    password: str = field(default=PLACEHOLDER, repr=False)

    @property
    def address(self) -> str:
        """What to type where a client asks for the server."""
        return self.base + "/"

    @property
    def is_secure(self) -> bool:
        """Whether it is https, which iPhones and Macs insist on."""
        return self.base.startswith("https:")


@dataclass(frozen=True, slots=True)
class Client:
    """One client: its steps, and texts to be copied into files (title, text)."""

    key: str
    title: str
    icon: str
    steps: tuple[Any, ...] = ()

    def files(self, access: Access) -> list[tuple[str, str]]:
        """Configuration files, by the path where they belong."""
        return [(path, make(access)) for path, make in FILES.get(self.key, ())]


def davx5_address(access: Access) -> str | None:
    """The address that opens DAVx5's sign-in with everything filled in; None where DAVx5 cannot take it.

    DAVx5 (LoginActivity) makes https of davx5:// and takes host, path and user info, but not the port.
    """
    parts = urlsplit(access.base)
    if parts.port is not None or parts.scheme != "https":
        return None
    user = f"{quote(access.name, safe='')}:{quote(access.password, safe='')}"
    return f"davx5://{user}@{parts.hostname}{parts.path}/"


def vdirsyncer(access: Access) -> str:
    """``~/.config/vdirsyncer/config``: all calendars and address books, both ways."""
    parts = [
        "[general]",
        'status_path = "~/.local/share/vdirsyncer/status/"',
    ]
    for pair, kind, extension in (("calendars", "caldav", ".ics"), ("contacts", "carddav", ".vcf")):
        colour = ', "color"' if kind == "caldav" else ""
        parts += [
            "",
            f"[pair {pair}]",
            f'a = "{pair}_here"',
            f'b = "{pair}_there"',
            'collections = ["from a", "from b"]',
            f'metadata = ["displayname"{colour}]',
            "",
            f"[storage {pair}_here]",
            'type = "filesystem"',
            f'path = "~/.local/share/vdirsyncer/{pair}/"',
            f'fileext = "{extension}"',
            "",
            f"[storage {pair}_there]",
            f'type = "{kind}"',
            f'url = "{access.address}"',
            f'username = "{access.name}"',
            f'password = "{access.password}"',
        ]
    return "\n".join([*parts, ""])


def khal(access: Access) -> str:
    """``~/.config/khal/config``: reads what vdirsyncer keeps."""
    return "[calendars]\n\n[[davserver]]\npath = ~/.local/share/vdirsyncer/calendars/*\ntype = discover\n"


FILES: dict[str, tuple[tuple[str, Any], ...]] = {
    "vdirsyncer": (("~/.config/vdirsyncer/config", vdirsyncer),),
    "khal": (("~/.config/khal/config", khal),),
}

CLIENTS = (
    Client("apple", "iPhone, iPad, Mac", "apple"),
    Client(
        "android",
        "Android (DAVx⁵)",
        "android2",
        (
            _l("Install DAVx⁵ (from F-Droid or Google Play)."),
            _l("Add an account: “Login with URL and user name”, and the values below."),
            _l("Tick the calendars and address books that you want on the phone."),
        ),
    ),
    Client(
        "thunderbird",
        "Thunderbird",
        "envelope",
        (
            _l("Calendar: File → New → Calendar → On the network; the values below; tick what it finds."),
            _l("Contacts: address book → New address book → Add CardDAV address book, with the same values."),
            _l("When it asks for the password, give it the app password."),
        ),
    ),
    Client(
        "gnome",
        "GNOME",
        "ubuntu",
        (
            _l("Settings → Online accounts → Calendar, Contacts and Files. Evolution: New → Collection."),
            _l("Server, user name and password as below."),
        ),
    ),
    Client(
        "outlook",
        "Outlook (CalDav Synchronizer)",
        "windows",
        (
            _l("Install CalDav Synchronizer, then: Synchronization profiles → Add → Generic CalDAV/CardDAV."),
            _l("DAV URL, user name and password as below."),
            _l("“Test or discover settings” lists what you have: choose one for each profile."),
        ),
    ),
    Client(
        "vdirsyncer",
        "vdirsyncer",
        "terminal",
        (
            _l("Save this as its configuration, readable by you only."),
            _l("Run “vdirsyncer discover” once, then “vdirsyncer sync” as often as you like."),
        ),
    ),
    Client(
        "khal",
        "khal, todoman, khard",
        "terminal",
        (_l("Set up vdirsyncer first: these programs read the folder that it keeps."),),
    ),
    Client(
        "other",
        _l("Anything else"),
        "question-circle",
        (_l("Most programs need the server's address only. Some ask for that of your principal or home."),),
    ),
)
BY_KEY = {one.key: one for one in CLIENTS}
