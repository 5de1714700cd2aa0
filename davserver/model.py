"""Plain values that the rooms hand to each other. No behaviour beyond what the value itself knows.

Times are integers: UTC seconds since 1970. Sizes are bytes. Names are single path segments, decoded.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import NamedTuple


class PrincipalKind(enum.StrEnum):
    """CUTYPE of RFC 5545 3.2.3, lower case; ``user`` is INDIVIDUAL."""

    USER = "user"
    GROUP = "group"
    RESOURCE = "resource"
    ROOM = "room"


class CollectionKind(enum.StrEnum):
    """What a collection holds; the value is the resource type's element name."""

    CALENDAR = "calendar"
    ADDRESSBOOK = "addressbook"


@dataclass(frozen=True, slots=True)
class Principal:
    """A user, group, room or resource (RFC 3744 section 2)."""

    id: int
    kind: PrincipalKind
    name: str
    display_name: str
    email: str
    admin: bool
    disabled: bool
    timezone: str
    quota: int | None
    created: int
    language: str = ""
    app_passwords_only: bool = False
    """Whether this account's own password opens the pages only."""
    remove_at: int | None = None
    """When the account is removed, where its owner has asked for it."""


@dataclass(frozen=True, slots=True)
class NewPrincipal:
    """What is needed to add a principal."""

    name: str
    kind: PrincipalKind = PrincipalKind.USER
    display_name: str = ""
    email: str = ""
    admin: bool = False
    timezone: str = ""
    quota: int | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A way to prove to be a principal. ``secret`` is a hash, never a password.

    ``kind`` is ``password`` (a passlib hash), ``md5-a1`` (the A1 hash of RFC 7616 with its realm, as Baïkal
    keeps it) or ``app`` (a passlib hash of an app password that was not generated here).
    """

    id: int
    kind: str
    secret: str
    realm: str
    expires: int | None


@dataclass(frozen=True, slots=True)
class Login:
    """A principal with its credentials, read in one statement."""

    principal: Principal
    credentials: tuple[Credential, ...]


class Right(enum.StrEnum):
    """How much of something an app password opens."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a sign-in may be used for. The default is everything: the account's own password.

    ``collections``: ids of the only calendars and address books that it opens, None for all; such a scope
    does not open the API. What the principal himself may not do, no scope gives him.
    """

    calendars: Right = Right.WRITE
    contacts: Right = Right.WRITE
    api: Right = Right.WRITE
    collections: frozenset[int] | None = None

    def right(self, kind: CollectionKind) -> Right:
        """What is open of the collections of a kind."""
        return self.calendars if kind is CollectionKind.CALENDAR else self.contacts

    def opens(self, collection_id: int) -> bool:
        """Whether a collection is among those that are open."""
        return self.collections is None or collection_id in self.collections


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class AppPassword:
    """A password made for one device. Its secret is never here: only who made it saw it, once.

    ``origin``: where it was made (page, login-flow, profile, api, cli). ``last_used`` is right to 15 minutes.
    """

    id: int
    principal_id: int
    label: str
    scope: Scope
    origin: str
    created: int
    expires: int | None
    revoked: int | None
    last_used: int | None
    last_agent: str
    last_address: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and how much of what is his he may use now. ``credential``: what he showed, to look again."""

    principal: Principal
    scope: Scope = EVERYTHING
    credential: Credential | AppPassword | None = None


class Collection(NamedTuple):
    """A calendar or an address book. ``revision`` and ``stamp`` make its sync-token.

    A named tuple, as is Item: these are made by the thousand, straight from rows.
    """

    id: int
    owner_id: int
    kind: CollectionKind
    name: str
    display_name: str | None
    description: str | None
    color: str | None
    position: int | None
    timezone: str | None
    timezone_id: str | None
    components: str
    transparent: bool
    revision: int
    stamp: str
    item_count: int
    size: int
    created: int
    modified: int
    read_only: bool = False
    """Filled from elsewhere: nobody may write to it, its owner neither."""
    shares: int = 0
    """To how many users and groups the owner has given it."""


@dataclass(frozen=True, slots=True)
class NewCollection:
    """What is needed to create a collection. ``components``: comma separated, "" for address books."""

    owner_id: int
    kind: CollectionKind
    name: str
    display_name: str | None = None
    description: str | None = None
    color: str | None = None
    position: int | None = None
    timezone: str | None = None
    timezone_id: str | None = None
    components: str = ""
    transparent: bool = False
    read_only: bool = False


class Item(NamedTuple):
    """A calendar object or a card without its body."""

    id: int
    collection_id: int
    name: str
    uid: str
    component: str
    etag: str
    size: int
    revision: int
    created: int
    modified: int


class Timing(enum.IntEnum):
    """How an item's ``first`` and ``last`` are to be compared with a time-range."""

    EXACT = 0
    """One instance in absolute time: the two comparisons decide."""
    FLOATING = 1
    """One instance in local time: the comparisons decide against the window in the calendar's zone."""
    SERIES = 2
    """A necessary condition only: the body must be looked at."""


class Busy(enum.IntEnum):
    """What an event's ``first`` and ``last`` mean for free-busy."""

    UNKNOWN = 0
    """The summary must be looked at, or the body where there is none."""
    FREE = 1
    """None of its instances is busy time."""
    BUSY = 2
    TENTATIVE = 3
    UNAVAILABLE = 4


@dataclass(frozen=True, slots=True)
class ItemIndex:
    """What is kept beside a body so that queries need not parse it. Written at PUT and by ``db reindex``.

    ``first`` and ``last`` (exclusive) are None where unbounded. ``search`` is the text of content/search,
    ``months`` and ``summary`` those of content/summary ("" where the row tells all), ``sort_key`` and
    ``words`` those of content/listing (queries of DAV do not read them), ``busy`` that of content/freebusy.
    """

    component: str
    uid: str
    first: int | None = None
    last: int | None = None
    timing: Timing = Timing.SERIES
    search: str = ""
    months: int = 0xFFF
    summary: str = ""
    sort_key: bytes = b""
    words: str = ""
    busy: Busy = Busy.UNKNOWN


@dataclass(frozen=True, slots=True)
class NewItem:
    """A checked body with its index row, ready to be stored."""

    name: str
    body: bytes
    index: ItemIndex = field(default_factory=lambda: ItemIndex("", ""))


@dataclass(frozen=True, slots=True)
class Ace:
    """One access control entry on a collection (RFC 3744 5.5); only grants exist.

    ``principal_id`` None means every signed-in user.
    """

    principal_id: int | None
    privileges: frozenset[str]


class Detail(enum.StrEnum):
    """How much a public link tells."""

    FULL = "full"
    TITLES = "titles"
    """Titles and times; of contacts the names."""
    BUSY = "busy"
    """When one is busy, nothing else."""


class Private(enum.StrEnum):
    """What a public link shows of entries with CLASS:PRIVATE. (CONFIDENTIAL ones are always BUSY.)"""

    HIDDEN = "hidden"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class View:
    """What a public link shows.

    ``left_out``: some of ``alarms``, ``attendees``, ``attachments``. ``components``: empty for all.
    ``start`` and ``end`` are UTC seconds; ``days_back`` and ``days_ahead`` count from today on; None is open.
    """

    detail: Detail = Detail.FULL
    private: Private = Private.HIDDEN
    left_out: frozenset[str] = frozenset()
    components: tuple[str, ...] = ()
    start: int | None = None
    end: int | None = None
    days_back: int | None = None
    days_ahead: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A public subscription link over one or several collections of one kind.

    ``label`` is for its owner, ``title`` what subscribers see ("" for the collection's name). ``secret`` is
    the encrypted token, ``digest`` its SHA-256. ``version`` grows with each change of what is shown.
    """

    id: int
    owner: str
    timezone: str
    kind: CollectionKind
    label: str
    title: str
    digest: str
    secret: str = field(repr=False)
    salt: str = field(repr=False)
    active: bool
    expires: int | None
    view: View
    password: str = field(repr=False)
    cors: bool
    page: bool
    embed: bool
    version: int
    created: int
    modified: int
    hits: int
    last_accessed: int | None
    last_client: str
    collections: tuple[Collection, ...]

    @property
    def shown_title(self) -> str:
        """The name that subscribers see."""
        names = (held.display_name or held.name for held in self.collections)
        return self.title or ", ".join(names)


# -- subscriptions to calendars elsewhere


class FeedState(enum.StrEnum):
    """How a subscription stands. Only NEW and OK mean that nothing is wrong."""

    NEW = "new"
    """Not fetched yet."""
    OK = "ok"
    UNREACHABLE = "unreachable"
    """No answer came; tried again later."""
    REFUSED = "refused"
    """Name and password are missing or wrong; not tried again by itself."""
    NOT_FOUND = "not-found"
    GONE = "gone"
    """The other server says that it is gone for good (410); not tried again by itself."""
    SERVER = "server"
    """The other server has trouble, or asks to wait."""
    NO_CALENDAR = "no-calendar"
    """What came is no calendar, such as a page to sign in."""
    CUT = "cut"
    """The calendar ends in the middle."""
    EMPTY = "empty"
    """Suddenly nothing is in it: kept as it was until somebody accepts that."""
    TOO_LARGE = "too-large"
    CERTIFICATE = "certificate"
    REDIRECT = "redirect"
    QUOTA = "quota"
    LOCKED = "locked"
    """The key of the stored secrets is missing or another one."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A calendar elsewhere that is shown as a read-only calendar here.

    :param secret: address and credentials, encrypted (vault).
    :param host: where it comes from, for people.
    :param interval_minutes: as the user wants it; None: as the feed or the settings say.
    :param feed_minutes: as the feed says.
    :param by_content: its UIDs change with each fetch, so that events are known by what they say.
    :param accept_empty: once, an empty calendar is believed.
    :param digest: of the bytes fetched last.
    :param skipped: JSON list of [title, reason] of what could not be taken.
    :param next_run: None: not by itself.
    """

    id: int
    owner_id: int
    collection_id: int
    secret: str = field(repr=False)
    host: str
    interval_minutes: int | None
    feed_minutes: int | None
    keep_alarms: bool
    keep_attachments: bool
    keep_tasks: bool
    by_content: bool
    accept_empty: bool
    etag: str
    last_modified: str
    digest: str
    state: FeedState
    error_text: str
    failures: int
    skipped: str
    last_run: int | None
    last_ok: int | None
    last_change: int | None
    next_run: int | None
    lease_owner: str
    lease_until: int
    created: int


# -- sharing and the trash


class Access(enum.StrEnum):
    """What a share allows; the value is the element's name in the sharing protocols."""

    READ = "read"
    READ_WRITE = "read-write"


class ShareState(enum.StrEnum):
    """What somebody did with what was shared with him. Access comes with ACCEPTED and HIDDEN only."""

    INVITED = "invited"
    ACCEPTED = "accepted"
    HIDDEN = "hidden"
    """Taken, but not to be shown in the clients."""
    DECLINED = "declined"


@dataclass(frozen=True, slots=True)
class Share:
    """A collection given to a user or a group. ``uid`` names the invitation; ``initial`` is how it begins."""

    id: int
    collection_id: int
    principal_id: int
    uid: str
    access: Access
    initial: ShareState
    summary: str
    created: int


@dataclass(frozen=True, slots=True)
class SharedView:
    """How one person sees a shared collection: its name in his home, his own words, colour and order.

    None means: as the owner has it.
    """

    id: int
    name: str
    state: ShareState
    display_name: str | None
    description: str | None
    color: str | None
    position: int | None
    timezone: str | None
    timezone_id: str | None
    transparent: bool
    revision: int


@dataclass(frozen=True, slots=True)
class Shared:
    """What somebody else shares with a user: the collection as this user sees it, and whose it is."""

    collection: Collection
    view: SharedView
    owner: Principal
    access: Access


@dataclass(frozen=True, slots=True)
class Trashed:
    """A deleted collection that can be restored. ``actor`` deleted it, ``at``."""

    collection: Collection
    owner: Principal
    name: str
    actor: str
    at: int


@dataclass(frozen=True, slots=True)
class Notification:
    """A message of the sharing protocol; ``data`` is JSON text that the protocol renders."""

    id: int
    principal_id: int
    name: str
    kind: str
    data: str
    at: int


# -- outbound synchronisation


class Direction(enum.StrEnum):
    """Which way a collection is synchronised."""

    TWO_WAY = "two-way"
    PULL = "pull"
    PUSH = "push"


class Policy(enum.StrEnum):
    """Who wins where both sides changed one item; the loser always goes to the conflict trash."""

    REMOTE = "remote"
    LOCAL = "local"
    NEWEST = "newest"
    KEEP_BOTH = "keep-both"


class ItemState(enum.StrEnum):
    """How an item of a remote collection is kept in step."""

    OK = "ok"
    PARKED = "parked"
    """Its UID is linked to another item already: not shown twice."""
    UNREADABLE = "unreadable"
    """What the other server holds cannot be stored here."""
    REFUSED = "refused"
    """The other server does not take what is here; tried again when it changes."""


@dataclass(frozen=True, slots=True)
class RemoteAccount:
    """An account on another server. ``secret`` is encrypted (vault); ``next_run`` None: not until changed."""

    id: int
    owner_id: int
    label: str
    preset: str
    base_url: str
    auth_kind: str
    username: str
    secret: str = field(repr=False)
    oauth_meta: str = field(repr=False)
    ca_pem: str = field(repr=False)
    fingerprint: str
    principal_cal: str
    principal_card: str
    home_cal: str
    home_card: str
    active: bool
    follow_new: bool
    interval_seconds: int
    next_run: int | None
    lease_owner: str
    lease_until: int
    fail_count: int
    last_run: int | None
    last_ok: int | None
    error_code: str
    error_text: str
    progress: str
    trace: str = field(repr=False)
    created: int


@dataclass(frozen=True, slots=True)
class RemoteCollection:
    """A calendar or an address book of a remote account, linked with one here once it is subscribed.

    :param collection_id: the local collection, None where there is none.
    :param reports: sync-collection works there.
    :param initial: the first synchronisation is not complete.
    :param seen_revision: the local revision up to which everything was looked at.
    :param guard: JSON, "" where no question is open.
    :param stats: JSON of the last run's counts.
    """

    id: int
    account_id: int
    collection_id: int | None
    kind: CollectionKind
    href: str
    display_name: str
    color: str
    components: str
    direction: Direction
    policy: Policy
    subscribed: bool
    read_only: bool
    reports: bool
    initial: bool
    sync_token: str
    ctag: str
    seen_revision: int
    full_scan_at: int
    gone_count: int
    last_ok: int | None
    error_code: str
    error_text: str
    guard: str
    stats: str


class RemoteItem(NamedTuple):
    """What is remembered of one item: the state in which both sides were last known to agree.

    ``name`` None: there is nothing of it here. ``local_revision`` is that of the agreed version, 0 for none;
    ``inflight_hash`` is that of a version that was sent and not yet answered.
    """

    id: int
    remote_id: int
    href: str
    name: str | None
    uid: str
    local_revision: int
    etag: str
    base_hash: str
    inflight_hash: str
    inflight_revision: int
    unconfirmed: bool
    state: ItemState
    error_text: str


@dataclass(frozen=True, slots=True)
class RemoteConflict:
    """A version that lost. ``side`` is where it came from: ``here`` or ``there``.

    ``data`` is that version, ``kept`` what won (empty where the item was deleted).
    """

    id: int
    owner_id: int
    account_id: int
    account_label: str
    collection_id: int
    collection_name: str
    kind: CollectionKind
    at: int
    name: str
    uid: str
    href: str
    side: str
    reason: str
    restored: int | None
    data: bytes = field(repr=False)
    kept: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """One run of an account, for the log."""

    id: int
    account_id: int
    started: int
    ended: int
    reason: str
    requests: int
    pulled: int
    pushed: int
    removed_here: int
    removed_there: int
    conflicts: int
    problems: int
    error_code: str
    error_text: str
    detail: str
