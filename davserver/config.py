"""Settings: TOML file + environment → frozen dataclasses. Every key carries its help text.

Belongs here: which keys exist, their defaults, help and checks; reading them; config.example.toml.
Must not be here: using a setting (whoever needs one gets its section as an argument), any I/O besides
reading the one file, any import of ours besides errors and sentences.

The idea: a field's default gives its type, ``setting()`` adds help and a check. The loader, the example
file, ``davserver config check`` and the settings pages are all derived from the fields: a key added to
a section below is at once documented, checked and overridable by DAVSERVER_<SECTION>_<KEY>.
"""

from __future__ import annotations

import ipaddress
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from davserver.errors import ConfigError
from davserver.sentences import Sentence, joined

T = TypeVar("T")
Check = Callable[[Any], str | None]
"""Takes a value of the right type; returns what is wrong with it ("must be …"), or None."""

ENV_PREFIX = "DAVSERVER_"
DATABASE_FILE = "davserver.db"
MIB = 1024 * 1024


FILE, PAGES = "file", "pages"
"""Where a setting may be changed: in the file and the environment only (those that are read before the
database is, and need a restart), or also on the pages, where it holds at once."""


def setting(
    default: T, help_text: str, check: Check | None = None, *, secret: bool = False, where: str = PAGES
) -> T:
    """A dataclass field with help text and an optional check of its value; a secret one is never shown."""
    metadata = {"help": help_text, "check": check, "secret": secret, "where": where}
    return field(default=default, metadata=metadata, repr=not secret)


# -- checks ------------------------------------------------------------------------------------------


def between(low: float, high: float) -> Check:
    return lambda value: (
        None if low <= value <= high else Sentence("must be between %(low)s and %(high)s", low=low, high=high)
    )


@dataclass(frozen=True)
class OneOf:
    """One of some words."""

    choices: tuple[str, ...]

    def __call__(self, value: str) -> str | None:
        return (
            None
            if value in self.choices
            else Sentence("must be one of %(choices)s", choices=", ".join(self.choices))
        )


@dataclass(frozen=True)
class SubsetOf:
    """At least one of some words."""

    choices: tuple[str, ...]

    def __call__(self, values: tuple[str, ...]) -> str | None:
        if values and set(values) <= set(self.choices):
            return None
        return Sentence("must be a list of at least one of %(choices)s", choices=", ".join(self.choices))


def one_of(*choices: str) -> Check:
    return OneOf(choices)


def subset_of(*choices: str) -> Check:
    return SubsetOf(choices)


def matching(pattern: str, remedy: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: None if compiled.fullmatch(value) else remedy


def networks(values: tuple[str, ...]) -> str | None:
    """IP addresses, networks, or ``unix`` for a peer without an address (a Unix socket)."""
    for value in values:
        if value != "unix":
            try:
                ipaddress.ip_network(value, strict=False)
            except ValueError:
                return Sentence(
                    'must be a list of addresses or networks such as "10.0.0.0/8", not "%(value)s"',
                    value=value,
                )
    return None


def listen_address(value: str) -> str | None:
    host, colon, port = value.rpartition(":")
    if host and colon and port.isascii() and port.isdigit() and int(port) <= 65535:
        return None
    if value.startswith("unix:/"):
        return None
    return Sentence('must be HOST:PORT such as "127.0.0.1:8080" or "[::1]:8080", or unix:/path/of/socket')


def time_zone(value: str) -> str | None:
    from zoneinfo import ZoneInfo  # needed only where a zone is configured; keeps the start quick

    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        return Sentence('must be an IANA time zone such as "Europe/Berlin", not "%(value)s"', value=value)
    return None


def long_keys(values: tuple[str, ...]) -> str | None:
    too_short = Sentence("must hold keys of 32 random characters or more")
    return None if all(len(key) >= 32 for key in values) else too_short


def reachable(values: tuple[str, ...]) -> str | None:
    """Addresses, networks and host names; a name with a star before it means all below it."""
    for value in values:
        if not _HOST.fullmatch(value) and networks((value,)) is not None:
            return Sentence(
                'must be a list of networks or host names such as "192.168.1.0/24", not "%(value)s"',
                value=value,
            )
    return None


def ports(values: tuple[str, ...]) -> str | None:
    for value in values:
        if value != "*" and not (value.isascii() and value.isdigit() and 0 < int(value) < 65536):
            return Sentence(
                'must be a list of port numbers in quotes, or ["*"] for all, not "%(value)s"', value=value
            )
    return None


_HOST = re.compile(r"(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?")
SIZE = between(1024, 4 * 1024 * MIB)
DATE_TIME = matching(r"\d{8}T\d{6}Z", 'must be a UTC date-time such as "19000101T000000Z"')


# -- sections ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server listens, and what it believes about the proxy before it."""

    SECTION: ClassVar[str] = "server"
    listen: str = setting(
        "127.0.0.1:8080",
        "HOST:PORT (or unix:/path) for `davserver serve`. Other WSGI servers have their own setting.",
        listen_address,
        where=FILE,
    )
    threads: int = setting(
        8, "Requests that `davserver serve` answers at the same time.", between(1, 256), where=FILE
    )
    connections: int = setting(
        500, "Open connections that `davserver serve` keeps at most.", between(10, 100_000), where=FILE
    )
    idle_seconds: int = setting(
        60,
        "`davserver serve` closes a connection on which nothing has moved for so long (slow clients too).",
        between(5, 3600),
        where=FILE,
    )
    url_prefix: str = setting(
        "",
        "The sub-path under which everything is reached, such as /dav-server; empty for none. Only for "
        "servers that do not set SCRIPT_NAME themselves (Apache's WSGIScriptAlias and CGI do).",
        matching(r"|(/[A-Za-z0-9._~-]+)+", 'must be empty or like "/dav-server", without a slash at the end'),
        where=FILE,
    )
    base_url: str = setting(
        "",
        "The public scheme and host, such as https://dav.example.org, where the server cannot learn them "
        "from its proxy. Empty: taken from each request.",
        matching(r"|https?://[^/\s]+", 'must be like "https://dav.example.org"; a path goes into url_prefix'),
    )
    trusted_proxies: tuple[str, ...] = setting(
        ("127.0.0.1", "::1"),
        "Addresses and networks of reverse proxies whose X-Forwarded-For, -Proto, -Host and -Prefix are "
        'believed; "unix" for a proxy that comes by a Unix socket.',
        networks,
    )
    max_request_size: int = setting(
        64 * MIB, "Bytes of the largest request body of any kind; larger ones are refused unread.", SIZE
    )


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where the data lies."""

    SECTION: ClassVar[str] = "storage"
    data_dir: Path = setting(
        Path("data"),
        "Directory for the database and everything else that is written; created if missing. Relative to "
        "this file. Shorter environment name: DAVSERVER_DATA_DIR.",
        where=FILE,
    )
    database_url: str = setting(
        "",
        "Empty: SQLite, file davserver.db in data_dir. Else an SQLAlchemy URL: "
        "postgresql+psycopg://USER:PASSWORD@HOST/NAME or mariadb+pymysql://USER:PASSWORD@HOST/NAME.",
        matching(
            r"|(sqlite|postgresql\+psycopg|mariadb\+pymysql|mysql\+pymysql)://.*",
            "must begin with postgresql+psycopg://, mariadb+pymysql:// or sqlite://, or be empty",
        ),
        secret=True,
        where=FILE,
    )
    secret_key: tuple[str, ...] = setting(
        (),
        "Keys that encrypt the stored passwords of remote accounts, at least 32 random characters each; the "
        "first encrypts, all decrypt. Empty: the file secret.key in data_dir, made when first needed; keep "
        "a copy of it apart from the database's. Shorter environment name: DAVSERVER_SECRET_KEY.",
        long_keys,
        secret=True,
        where=FILE,
    )
    trash_days: int = setting(
        30,
        "Days for which a deleted calendar or address book lies in the trash and can be restored as it was. "
        "Then it is removed, at the times that history_days names. 0: no trash; single items can still be "
        "had from the history.",
        between(0, 36_500),
    )
    history_days: int = setting(
        180,
        "Days for which overwritten and deleted events and contacts can be restored. Older ones are removed "
        "once a day by `davserver serve`, at each start elsewhere, and by `davserver db tidy`.",
        between(0, 36_500),
    )
    sqlite_synchronous: str = setting(
        "FULL",
        "FULL: an answered write survives a power cut. NORMAL: it survives a crash of the server, not "
        "always a power cut; quicker on slow disks.",
        one_of("FULL", "NORMAL"),
        where=FILE,
    )
    busy_seconds: int = setting(
        15,
        "How long a request waits for a database that another one is writing to.",
        between(1, 300),
        where=FILE,
    )


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """How people sign in."""

    SECTION: ClassVar[str] = "auth"
    realm: str = setting(
        "davserver",
        "The name that clients show when they ask for the password. Accounts from Baïkal that use Digest "
        'need Baïkal\'s own realm, normally "BaikalDAV".',
        matching(r'[^"\\\x00-\x1f\x7f]{1,100}', "must be 1 to 100 characters without quotes and backslashes"),
    )
    basic: bool = setting(True, "Accept name and password by HTTP Basic. All clients can; use https.")
    digest: bool = setting(
        False,
        "Also offer HTTP Digest, for accounts that still have a password hash from Baïkal. Old and weak; "
        "while it is on, these hashes are kept as they are instead of being replaced at login.",
    )
    remote_user: str = setting(
        "",
        "Believe a web server or proxy that has signed the user in: REMOTE_USER, or the name of a header "
        "such as X-Remote-User. Empty: never.",
        matching(r"[A-Za-z0-9_-]{0,64}", "must be a variable's or header's name, or empty"),
    )
    remote_user_from: tuple[str, ...] = setting(
        (),
        "Addresses and networks (or unix) of the proxies from which remote_user is taken. Everybody "
        "else's is ignored.",
        networks,
    )
    app_passwords_only: bool = setting(
        False,
        "Clients must sign in with an app password (made at /account/ or by `davserver app-password add`); "
        "the account's own password opens the web pages only. Each user can also choose this for himself.",
    )
    authorization_header: str = setting(
        "",
        "A further header that carries the credentials, such as X-HTTP-Authorization, on web hosts that "
        "hide Authorization and rewrite it to this one. REDIRECT_HTTP_AUTHORIZATION is always read.",
        matching(r"[A-Za-z0-9_-]{0,64}", "must be a header's name, or empty"),
    )
    cache_seconds: int = setting(
        300,
        "A verified password is remembered in memory (as a keyed digest) for so long, because good hashes "
        "are slow. A changed or disabled one is refused at once all the same. 0: never remembered.",
        between(0, 3600),
    )
    throttle_account: int = setting(
        10,
        "Failed logins to one account from one address, within throttle_seconds, before that address has "
        "to wait. 0: no throttle.",
        between(0, 1_000_000),
    )
    throttle_address: int = setting(
        50,
        "Failed logins from one address (or one IPv6 /64), to any accounts, before it has to wait. "
        "0: no throttle.",
        between(0, 1_000_000),
    )
    throttle_seconds: int = setting(
        300, "The span in which failed logins are counted, and the longest wait.", between(1, 86_400)
    )
    min_password_length: int = setting(8, "Characters that a new password needs.", between(1, 128))


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """What a new user gets, and what users see of each other."""

    SECTION: ClassVar[str] = "accounts"
    directory: bool = setting(
        True,
        "Signed-in users can find each other by name and mail address (for sharing and invitations). "
        "false: nobody sees who else has an account.",
    )
    calendar_name: str = setting(
        "Calendar", "Display name of the calendar that a new user gets; empty: none is made."
    )
    addressbook_name: str = setting(
        "Contacts", "Display name of the address book that a new user gets; empty: none is made."
    )
    calendar_components: tuple[str, ...] = setting(
        ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"),
        "What a new user's calendar holds: events (VEVENT), tasks (VTODO), journal entries (VJOURNAL), "
        "published busy times (VFREEBUSY).",
        subset_of("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"),
    )
    timezone: str = setting(
        "UTC",
        "IANA time zone of new users, such as Europe/Berlin: it places whole-day events and times without "
        "a zone in time-range queries.",
        time_zone,
    )
    quota: int = setting(0, "Bytes that a new user may store; 0 for no limit.", between(0, 2**53))
    self_removal: bool = setting(False, "Users may remove their own account on its page.")
    removal_days: int = setting(
        14,
        "An account that its user has removed is locked for so many days and then gone with all it owns. "
        "Enabling it before that brings it back.",
        between(0, 3650),
    )


@dataclass(frozen=True, slots=True)
class AppleSettings:
    """Configuration profiles that set up an iPhone, iPad or Mac in two taps."""

    SECTION: ClassVar[str] = "apple"
    organization: str = setting(
        "", "Who the profile is from, as the device shows it; empty: the server's host name."
    )
    certificate: str = setting(
        "",
        "PEM file (relative to data_dir) with the certificate that profiles are signed with, and its chain. "
        "Empty: they are not signed, and the device says so. The server's own TLS certificate will do.",
    )
    key: str = setting("", "PEM file with the key of that certificate, without a passphrase.")


@dataclass(frozen=True, slots=True)
class SharingSettings:
    """Calendars and address books that people give to each other."""

    SECTION: ClassVar[str] = "sharing"
    auto_accept: bool = setting(
        True,
        "What is shared with somebody appears in his clients at once, and he can hide or decline it. "
        "false: he is asked first, in his portal and by macOS.",
    )
    free_busy: bool = setting(
        False,
        "Signed-in users can see when the others are busy (never with what), as it is usual at work. "
        "false: only in calendars that are shared with them.",
    )


@dataclass(frozen=True, slots=True)
class CalDavSettings:
    """Calendars (RFC 4791). Each limit is announced to the clients."""

    SECTION: ClassVar[str] = "caldav"
    enabled: bool = setting(True, "Serve calendars.")
    max_resource_size: int = setting(10 * MIB, "Bytes of one event or task with all it contains.", SIZE)
    max_instances: int = setting(
        10_000,
        "Occurrences of one series within a year, or dates listed in it, that are accepted; also the most "
        "that one expansion yields.",
        between(10, 1_000_000),
    )
    max_attendees_per_instance: int = setting(1000, "Attendees of one event.", between(1, 100_000))
    min_date_time: str = setting("16000101T000000Z", "The earliest moment that is accepted.", DATE_TIME)
    max_date_time: str = setting("29991231T235959Z", "The latest moment that is accepted.", DATE_TIME)


@dataclass(frozen=True, slots=True)
class CardDavSettings:
    """Address books (RFC 6352). Each limit is announced to the clients."""

    SECTION: ClassVar[str] = "carddav"
    enabled: bool = setting(True, "Serve address books.")
    max_resource_size: int = setting(10 * MIB, "Bytes of one contact with its photo.", SIZE)
    max_image_size: int = setting(5 * MIB, "Bytes of one photo, decoded.", SIZE)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Public subscription links."""

    SECTION: ClassVar[str] = "links"
    enabled: bool = setting(
        True,
        "Users may hand out links by which anybody can subscribe to a calendar or address book of theirs. "
        "false: links that exist are not found.",
    )
    max_per_user: int = setting(200, "Links that one user may have.", between(1, 100_000))
    refresh_minutes: int = setting(
        60,
        "How often subscribers are asked to look for changes. Most have a mind of their own.",
        between(5, 10_080),
    )
    requests_per_minute: int = setting(
        60,
        "Requests to one link from one address (or IPv6 /64) that are answered in full; what has not changed "
        "counts a tenth. More are told to come back later.",
        between(5, 100_000),
    )
    cache_size: int = setting(
        32 * MIB, "Bytes of finished answers that each process keeps in memory.", between(0, 4 * 1024 * MIB)
    )


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """The JSON API."""

    SECTION: ClassVar[str] = "api"
    enabled: bool = setting(True, "Answer at /api/v1.0/.")
    requests_per_minute: int = setting(
        600, "Requests that one user may make; more are told to come back later.", between(5, 1_000_000)
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What one request may cost; beyond it there is a defined answer, never a hang."""

    SECTION: ClassVar[str] = "limits"
    xml_size: int = setting(8 * MIB, "Bytes of an XML request body.", SIZE)
    xml_depth: int = setting(64, "Elements within each other in an XML request body.", between(8, 250))
    multiget_hrefs: int = setting(20_000, "Items asked for in one multiget.", between(100, 10_000_000))
    import_size: int = setting(
        1024 * MIB, "Bytes of one file to be imported, unpacked where it is a zip or gzip.", SIZE
    )
    query_instances: int = setting(
        100_000, "Occurrences that one query or one export computes in all.", between(1000, 100_000_000)
    )
    query_seconds: int = setting(
        20, "Seconds for which one request may compute before it is answered by 507.", between(1, 600)
    )


@dataclass(frozen=True, slots=True)
class OutgoingSettings:
    """What this server may fetch from others: subscribed calendars, synchronised accounts."""

    SECTION: ClassVar[str] = "outgoing"
    enabled: bool = setting(True, "Fetch at all. false: nothing leaves this server.")
    background: bool = setting(
        True,
        "`davserver serve` does due work by itself. false: leave it to `davserver sync`, called by cron.",
        where=FILE,
    )
    allow: tuple[str, ...] = setting(
        (),
        'Private networks and hosts that may be reached all the same, such as "192.168.1.0/24", '
        '"nextcloud.lan" or "*.lan". Everything else that is not public is refused, so that no user '
        "can look into your network by way of this server.",
        reachable,
    )
    ports: tuple[str, ...] = setting(
        ("80", "443", "8443"), 'Ports that may be reached; ["*"] for all.', ports
    )
    proxy: str = setting(
        "",
        "HTTP proxy by which everything goes, such as http://proxy.example.org:3128; it resolves the names "
        "and has to keep private addresses out of reach. Empty: none; the environment is not asked.",
        matching(r"|http://[^/\s]+/?", 'must be like "http://proxy.example.org:3128"'),
    )
    seconds: int = setting(60, "The longest that one request to another server may take.", between(5, 600))
    feed_size: int = setting(10 * MIB, "Bytes of a subscribed calendar, unpacked.", SIZE)
    feed_items: int = setting(50_000, "Events and tasks of a subscribed calendar.", between(10, 10_000_000))
    feed_minutes: int = setting(
        60,
        "Minutes between two looks at a subscribed calendar where neither the user nor the calendar says.",
        between(15, 10_080),
    )
    feeds_per_user: int = setting(20, "Calendars that one user may subscribe to.", between(0, 100_000))


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The web pages: administration and each user's own."""

    SECTION: ClassVar[str] = "web"
    enabled: bool = setting(True, "Serve the pages /admin and /account.", where=FILE)
    title: str = setting(
        "davserver",
        "The name of this server, at the head of the pages and in its mail.",
        matching(r"[^\x00-\x1f\x7f]{1,60}", "must be 1 to 60 characters"),
    )
    session_hours: int = setting(
        336, "A browser stays signed in until it was not used for so many hours.", between(1, 8760)
    )


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail leaves: links to a new password, a test from the settings page."""

    SECTION: ClassVar[str] = "mail"
    host: str = setting(
        "",
        "The mail server (SMTP) that takes our mail. Empty: none is sent, and links are shown to be copied.",
        matching(r"[A-Za-z0-9._:\[\]-]{0,255}", "must be a host's name or address"),
    )
    port: int = setting(587, "Its port: 587 or 25 with STARTTLS, 465 with TLS.", between(1, 65_535))
    security: str = setting(
        "starttls",
        "starttls: encrypted from the second word on; tls: from the first; none: only on your own machine. "
        "The server's certificate must be valid; the environment's SSL_CERT_FILE names one of your own.",
        one_of("starttls", "tls", "none"),
    )
    user: str = setting("", "User name there; empty: none is given.")
    password: str = setting("", "The password there.", secret=True)
    sender: str = setting(
        "",
        'The address that mail comes from, such as "dav@example.org".',
        matching(r"|[^@\s<>]+@[^@\s<>]+", "must be a mail address, or empty"),
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is written to the log."""

    SECTION: ClassVar[str] = "log"
    level: str = setting(
        "INFO", "Failed logins are WARNING.", one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    )
    file: str = setting("", "Empty: standard error. Else a file, relative to data_dir.", where=FILE)
    access: bool = setting(False, "One line for each request.")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. ``Settings()`` has every default; ``source`` is the file that was read, if any."""

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    auth: AuthSettings = AuthSettings()
    accounts: AccountSettings = AccountSettings()
    apple: AppleSettings = AppleSettings()
    sharing: SharingSettings = SharingSettings()
    caldav: CalDavSettings = CalDavSettings()
    carddav: CardDavSettings = CardDavSettings()
    links: LinkSettings = LinkSettings()
    api: ApiSettings = ApiSettings()
    limits: LimitSettings = LimitSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    web: WebSettings = WebSettings()
    mail: MailSettings = MailSettings()
    log: LogSettings = LogSettings()
    source: Path | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    """What file and environment set: ``section.key`` → where. It wins over what was stored on the pages."""


SECTIONS: Mapping[str, type[Any]] = {
    cls.SECTION: cls
    for cls in (
        ServerSettings,
        StorageSettings,
        AuthSettings,
        AccountSettings,
        AppleSettings,
        SharingSettings,
        CalDavSettings,
        CardDavSettings,
        LinkSettings,
        ApiSettings,
        LimitSettings,
        OutgoingSettings,
        WebSettings,
        MailSettings,
        LogSettings,
    )
}


def keys(section: str) -> Mapping[str, Field[Any]]:
    """The fields of a section by name, in the order of the example file."""
    return {item.name: item for item in fields(SECTIONS[section])}


# -- loading -----------------------------------------------------------------------------------------

Value = tuple[str, str, Any, str]
"""Section, key, value of the right type, and where it stands (for error texts)."""


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; raise ConfigError naming every wrong place and its remedy.

    :param path: the file of ``--config``. Without it: the file named by DAVSERVER_CONFIG, else
        config.toml in the directory named by DAVSERVER_DATA_DIR, else ./config.toml, else defaults.
    :param environ: the environment; its DAVSERVER_<SECTION>_<KEY> win over the file.
    """
    environ = os.environ if environ is None else environ
    path = find_file(path, environ)
    problems: list[str] = []
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    fixed: dict[str, str] = {}
    found = [*_from_file(path, problems)] if path else []
    for section, key, value, place in [*found, *_from_environment(environ, problems)]:
        check = keys(section)[key].metadata["check"]
        if check and (wrong := check(value)):
            problems.append(f"{place} {wrong}")
        values[section][key] = value
        fixed[f"{section}.{key}"] = place.partition(": ")[0]
    if problems:
        raise ConfigError("\n".join(problems))
    values["storage"]["data_dir"] = _data_dir(values["storage"].get("data_dir"), path)
    sections = {name: cls(**values[name]) for name, cls in SECTIONS.items()}
    settings = Settings(**sections, source=path, fixed=fixed)
    _check_together(settings)
    return settings


class WrongValue(ConfigError):
    """A value that a setting cannot have. ``wrong`` says why, without the setting's name: "must be …"."""

    def __init__(self, name: str, wrong: str) -> None:
        super().__init__(joined((name, wrong), " "))
        self.wrong = wrong


def checked(name: str, value: Any) -> Any:
    """The value of a setting (``section.key``) as its type; ConfigError with the remedy where it is none."""
    section, _, key = name.partition(".")
    if section not in SECTIONS or key not in keys(section):
        raise ConfigError(Sentence("There is no setting %(name)s.", name=name))
    known = keys(section)[key]
    try:
        typed = _typed(value, type(known.default))
    except TypeError:
        kind = TYPE_NAMES[type(known.default)]
        raise WrongValue(name, Sentence("must be %(kind)s", kind=kind)) from None
    if (check := known.metadata["check"]) and (wrong := check(typed)):
        raise WrongValue(name, wrong)
    return typed


def with_values(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """The settings with other values (``section.key`` → value), except what file and environment fix.

    :raises ConfigError: where a value is wrong, or some contradict each other.
    """
    changed: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, key = name.partition(".")
        typed = checked(name, value)
        if name not in settings.fixed and keys(section)[key].metadata["where"] != FILE:
            changed.setdefault(section, {})[key] = typed
    sections = {name: replace(getattr(settings, name), **some) for name, some in changed.items()}
    made = replace(settings, **sections)
    _check_together(made)
    return made


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file to read, absolute, or None where there is none."""
    asked = path or (Path(environ["DAVSERVER_CONFIG"]) if environ.get("DAVSERVER_CONFIG") else None)
    if asked:
        if not asked.is_file():
            raise ConfigError(f"{asked}: no such file. `davserver config example` prints one to start from.")
        return asked.absolute()
    for place in (Path(environ.get("DAVSERVER_DATA_DIR", "")), Path()):
        if (place / "config.toml").is_file():
            return (place / "config.toml").absolute()
    return None


def _data_dir(configured: Path | None, source: Path | None) -> Path:
    """Where the data lies: relative to the file, not to wherever the command was typed.

    A file in the data directory itself (found by DAVSERVER_DATA_DIR, later named by --config) must not
    lead to a second, empty data directory: a database beside the file decides.
    """
    home = source.parent if source else Path()
    if configured is None and source and (home / DATABASE_FILE).is_file():
        return home
    return (home / (configured or StorageSettings().data_dir)).absolute()


def _from_file(path: Path, problems: list[str]) -> Iterator[Value]:
    for section, table in _read_toml(path).items():
        if section not in SECTIONS:
            problems.append(f"{path}: unknown section [{section}]" + _did_you_mean(section, SECTIONS))
        elif not isinstance(table, dict):
            problems.append(f"{path}: {section} must be a section: write [{section}] on a line of its own")
        else:
            yield from _from_table(section, table, path, problems)


def _read_toml(path: Path) -> Mapping[str, Any]:
    import tomllib  # 1 MiB, which a server without a file does not need

    try:
        # utf-8-sig: Windows' Notepad writes a byte order mark
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: is not valid TOML: {exc}") from exc


def _from_table(section: str, table: Mapping[str, Any], path: Path, problems: list[str]) -> Iterator[Value]:
    known = keys(section)
    for key, raw in table.items():
        if key not in known:
            problems.append(f"{path}: unknown key {section}.{key}" + _did_you_mean(key, known))
            continue
        expected = type(known[key].default)
        try:
            yield section, key, _typed(raw, expected), f"{path}: {section}.{key}"
        except TypeError:
            shown = "" if known[key].metadata["secret"] else f", not {raw!r}"
            problems.append(f"{path}: {section}.{key} must be {TYPE_NAMES[expected]}{shown}")


def _typed(raw: Any, expected: type) -> Any:
    """A TOML value as a setting's type; TypeError where it is another."""
    if expected is tuple and isinstance(raw, list) and all(isinstance(part, str) for part in raw):
        return tuple(raw)
    if isinstance(raw, str) and issubclass(expected, Path):
        return Path(raw).expanduser()
    if type(raw) is not expected:  # bool is an int for isinstance
        raise TypeError
    return raw


TYPE_NAMES: Mapping[type, str] = {
    str: Sentence('text in quotes, such as "…"'),
    int: Sentence("a whole number without quotes"),
    bool: Sentence("true or false, without quotes"),
    tuple: Sentence('a list, such as ["…", "…"]'),
    type(Path()): Sentence('a path in quotes, such as "…"'),
}


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> Iterator[Value]:
    places = [(section, key) for section in SECTIONS for key in keys(section)]
    names = {f"{ENV_PREFIX}{section}_{key}".upper(): (section, key) for section, key in places}
    names["DAVSERVER_DATA_DIR"] = ("storage", "data_dir")
    names["DAVSERVER_SECRET_KEY"] = ("storage", "secret_key")
    for name, text in sorted(environ.items()):
        if not name.startswith(ENV_PREFIX) or _is_foreign(name):
            continue
        if name not in names:
            problems.append(f"environment: unknown variable {name}" + _did_you_mean(name, names))
            continue
        section, key = names[name]
        expected = type(keys(section)[key].default)
        try:
            yield section, key, _parse_text(text, expected), f"environment: {name}"
        except ValueError:
            kind = TYPE_NAMES[expected].partition(" without")[0].rstrip(",")
            problems.append(f"environment: {name} must be {kind}, not {text!r}")


def _is_foreign(name: str) -> bool:
    """Names that are no settings: ours of other kinds, and those that Kubernetes and Docker set by
    themselves for a service called davserver (DAVSERVER_PORT, DAVSERVER_SERVICE_HOST, …)."""
    rest = name.removeprefix(ENV_PREFIX)
    return rest in {"CONFIG", "PORT"} or rest.startswith(("TEST_", "PORT_", "SERVICE_", "ENV_"))


BOOLEANS = {"true": True, "yes": True, "on": True, "1": True}
BOOLEANS |= {"false": False, "no": False, "off": False, "0": False}


def _parse_text(text: str, expected: type) -> Any:
    """An environment variable's text as a setting's type; ValueError where it is none."""
    if expected is bool:
        if text.strip().lower() not in BOOLEANS:
            raise ValueError(text)
        return BOOLEANS[text.strip().lower()]
    if expected is int:
        return int(text)
    if expected is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return Path(text).expanduser().absolute() if issubclass(expected, Path) else text


def _check_together(settings: Settings) -> None:
    """Settings that contradict each other."""
    auth, source = settings.auth, settings.source or "settings"
    size = settings.server.max_request_size
    wrong = {
        Sentence(
            "auth.remote_user needs auth.remote_user_from: the addresses of the proxies that may set it"
        ): (auth.remote_user and not auth.remote_user_from),
        Sentence("apple.certificate and apple.key are set together or not at all"): (
            bool(settings.apple.certificate) != bool(settings.apple.key)
        ),
        Sentence("mail.host needs mail.sender, the address that mail comes from"): (
            settings.mail.host and not settings.mail.sender
        ),
        Sentence("auth: nobody could sign in; turn on basic or digest, or set remote_user"): not (
            auth.basic or auth.digest or auth.remote_user
        ),
        Sentence(
            "server.max_request_size must not be below caldav.max_resource_size or carddav.max_resource_size"
        ): (size < max(settings.caldav.max_resource_size, settings.carddav.max_resource_size)),
        Sentence("caldav.min_date_time must be before caldav.max_date_time"): (
            settings.caldav.min_date_time >= settings.caldav.max_date_time
        ),
    }
    problems = [text for text, is_wrong in wrong.items() if is_wrong]
    if problems:
        raise ConfigError(
            joined((Sentence("%(title)s: %(text)s", title=source, text=text) for text in problems), "\n")
        )


def _did_you_mean(word: str, known: Mapping[str, Any]) -> str:
    import difflib  # only where something is misspelt

    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return "; `davserver config example` lists everything there is"


# -- the example file --------------------------------------------------------------------------------

EXAMPLE_HEAD = """\
# davserver: every setting with its default. Nothing needs to be set.
#
# Copy this file to config.toml in the data directory, remove the "#" before a key, change it, and run
# `davserver config check`. The environment wins over the file: DAVSERVER_<SECTION>_<KEY>, for example
# DAVSERVER_SERVER_LISTEN=0.0.0.0:8080 (lists: separated by commas).
# This file is made by `davserver config example`.
"""


def example() -> str:
    """The text of config.example.toml."""
    parts = [EXAMPLE_HEAD]
    for section, cls in SECTIONS.items():
        parts.append(f"\n# {cls.__doc__}\n[{section}]\n")
        for key, item in keys(section).items():
            comment = textwrap.wrap(
                item.metadata["help"], 98, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False
            )
            parts.append("\n".join(["", *comment, f"#{key} = {to_toml(item.default)}", ""]))
    return "".join(parts)


def to_toml(value: Any) -> str:
    """A setting's value as TOML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "[" + ", ".join(to_toml(part) for part in value) + "]"
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
