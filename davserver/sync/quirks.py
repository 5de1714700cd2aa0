"""The providers people know, and what is peculiar about each server: one table.

Belongs here: where a provider's discovery starts, how one signs in there, what its server does otherwise
than the RFCs say. Must not be here: what is done about it (client, discover, push).

From the providers' help pages, DAVx5's and vdirsyncer's code and the compatibility notes of python-caldav;
no provider was asked by us. What the table does not know is found out by the answers.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from urllib.parse import urlsplit

from davserver.sentences import Sentence


class SignIn(enum.StrEnum):
    """How one signs in."""

    PASSWORD = "password"  # noqa: S105 - the way, not one
    APP_PASSWORD = "app-password"  # noqa: S105
    OAUTH2 = "oauth2"
    LOGIN_FLOW = "login-flow"


@dataclass(frozen=True, slots=True)
class Preset:
    """One provider.

    :param calendars: where discovery of calendars starts; ``{user}`` is the user name; "" asks DNS.
    :param contacts: the same of address books.
    :param hosts: where else the credentials may go.
    :param steps: how to get the password, for people, in order.
    :param server: the address is the user's own: he must enter it.
    """

    name: str
    title: str
    sign_in: SignIn = SignIn.PASSWORD
    calendars: str = ""
    contacts: str = ""
    hosts: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    server: bool = False


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a server does otherwise.

    :param sync: sync-collection is usable (RFC 6578).
    :param if_none_match: honours If-None-Match: * at PUT; else whether the name is free is asked first.
    :param rewrites: changes what was PUT although it returns an entity tag: it is read back.
    :param min_interval: seconds between two requests.
    :param make: collections can be created.
    :param basename_is_uid: a file's name becomes its UID.
    """

    sync: bool = True
    if_none_match: bool = True
    rewrites: bool = False
    min_interval: float = 0.0
    make: bool = True
    basename_is_uid: bool = False


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("generic", Sentence("Other (CalDAV/CardDAV)")),
        Preset(
            "icloud",
            "iCloud",
            SignIn.APP_PASSWORD,
            "https://caldav.icloud.com/",
            "https://contacts.icloud.com/",
            ("*.icloud.com",),
            (
                "Sign in at account.apple.com; two-factor authentication must be on.",
                "Open “Sign-In and Security”, then “App-Specific Passwords”.",
                "Press “+”, enter a name such as davserver, and press “Create”.",
                "Copy the password (xxxx-xxxx-xxxx-xxxx) in here; the user name is your Apple Account.",
            ),
        ),
        Preset(
            "google",
            "Google",
            SignIn.OAUTH2,
            "https://apidata.googleusercontent.com/caldav/v2/{user}/user",
            "https://www.googleapis.com/.well-known/carddav",
            ("*.googleapis.com", "*.googleusercontent.com", "*.google.com"),
            (
                "In the Google Cloud console create a project and enable the CalDAV API and the CardDAV API "
                "(Google People).",
                "Configure the consent screen and publish it: in “testing” the permission ends after 7 days.",
                "Create an OAuth client of the type “Web application” with the redirect address shown here.",
                "Enter its client id and secret here and press “Connect”. App passwords do not work here.",
            ),
        ),
        Preset(
            "nextcloud",
            "Nextcloud",
            SignIn.LOGIN_FLOW,
            "{server}/remote.php/dav/",
            "{server}/remote.php/dav/",
            steps=(
                "Enter your Nextcloud's address and press “Connect”; you sign in there, and it hands out an "
                "app password by itself.",
                "Or make one by hand: Settings, Security, “Create new app password”.",
            ),
            server=True,
        ),
        Preset(
            "fastmail",
            "Fastmail",
            SignIn.APP_PASSWORD,
            "https://caldav.fastmail.com/dav/principals/user/{user}/",
            "https://carddav.fastmail.com/dav/principals/user/{user}/",
            ("*.fastmail.com",),
            ("Settings, Privacy & Security, “Manage app passwords and access”: one for CalDAV and CardDAV.",),
        ),
        Preset(
            "mailbox.org",
            "mailbox.org",
            SignIn.APP_PASSWORD,
            "https://dav.mailbox.org/",
            "https://dav.mailbox.org/",
            ("*.mailbox.org",),
            ("With two factors: Settings, Security, application passwords; else the usual one.",),
        ),
        Preset(
            "posteo",
            "Posteo",
            SignIn.PASSWORD,
            "https://posteo.de:8443/",
            "https://posteo.de:8443/",
            ("posteo.de",),
            ("Use your mail address and your usual password.",),
        ),
        Preset(
            "gmx",
            "GMX, web.de",
            SignIn.APP_PASSWORD,
            "https://caldav.gmx.net/begenda/dav/{user}/",
            "https://carddav.gmx.net/",
            ("*.gmx.net", "*.web.de"),
            ("Allow synchronisation in the settings; with two factors make an application password.",),
        ),
        Preset(
            "yahoo",
            "Yahoo",
            SignIn.APP_PASSWORD,
            "https://caldav.calendar.yahoo.com/",
            "https://carddav.address.yahoo.com/",
            ("*.yahoo.com",),
            ("Account info, Security, “Generate app password”.",),
        ),
    )
}
"""The presets of the form, in its order."""

_QUIRKS: dict[str, Quirks] = {
    "icloud.com": Quirks(rewrites=True),
    "googleusercontent.com": Quirks(if_none_match=False, rewrites=True, make=False, basename_is_uid=True),
    "googleapis.com": Quirks(if_none_match=False, rewrites=True, make=False, basename_is_uid=True),
    "zoho.com": Quirks(rewrites=True, basename_is_uid=True),
    "zoho.eu": Quirks(rewrites=True, basename_is_uid=True),
    "posteo.de": Quirks(sync=False, make=False),
    "gmx.net": Quirks(sync=False, min_interval=2.0),
    "web.de": Quirks(sync=False, min_interval=2.0),
    "yahoo.com": Quirks(sync=False),
    "mailbox.org": Quirks(rewrites=True),
}
"""Domain → what its servers do otherwise."""


def quirks_of(url: str) -> Quirks:
    """The peculiarities of the server at a URL."""
    host = (urlsplit(url).hostname or "").lower()
    labels = host.split(".")
    names = (".".join(labels[index:]) for index in range(len(labels)))
    return next((_QUIRKS[name] for name in names if name in _QUIRKS), Quirks())


def preset_for(text: str) -> Preset:
    """The preset that an address or a mail address belongs to; ``generic`` where none does."""
    host = text.rpartition("@")[2] if "://" not in text else urlsplit(text).hostname or ""
    return PRESETS[_DOMAINS.get(host.strip().lower().removeprefix("www."), "generic")]


_DOMAINS = {
    "icloud.com": "icloud",
    "me.com": "icloud",
    "mac.com": "icloud",
    "caldav.icloud.com": "icloud",
    "contacts.icloud.com": "icloud",
    "gmail.com": "google",
    "googlemail.com": "google",
    "fastmail.com": "fastmail",
    "fastmail.fm": "fastmail",
    "caldav.fastmail.com": "fastmail",
    "carddav.fastmail.com": "fastmail",
    "mailbox.org": "mailbox.org",
    "dav.mailbox.org": "mailbox.org",
    "posteo.de": "posteo",
    "posteo.net": "posteo",
    "gmx.de": "gmx",
    "gmx.net": "gmx",
    "web.de": "gmx",
    "yahoo.com": "yahoo",
}
