"""The tables, in the words of SQLAlchemy Core. The one description of what is stored.

Rules: ids are never reused (a deleted user's rows can never be handed to the next one). Text is
compared byte for byte on every database. A body lives apart from its item, so that listings read narrow
rows. What changes here changes by a migration in migrations/versions, and a test compares the two.

A collection in the trash has the kind TRASH and a name of its own: no address, listing or quota knows it;
what it was stands in ``trash``. Who else has a collection is in ``share``, how each sees it in
``shared_view``.

The heart is the revision: every write to a collection takes the next number, stamps the item or the
tombstone with it, and leaves a row in ``revision`` whose random stamp is part of the sync-token. A token
is good while its stamp is known here: one of another life of the database (a restored backup) is not.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    VARBINARY,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

from davserver.sentences import packed, unpacked

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LONGEST = 2**32 - 1
"""What MariaDB needs to be told, or it would take 64 KiB: LONGTEXT and LONGBLOB."""

Id = BigInteger().with_variant(Integer, "sqlite")
LongText = Text().with_variant(Text(LONGEST), "mysql", "mariadb")


class Told(TypeDecorator[str]):
    """A text for people: a sentence stays one, with its values, and can be said in their language."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """As it is stored."""
        return None if value is None else packed(value)

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        """As it is used."""
        return None if value is None else unpacked(value)


Bytes = LargeBinary().with_variant(LargeBinary(LONGEST), "mysql", "mariadb")
Key = LargeBinary().with_variant(VARBINARY(100), "mysql", "mariadb")
"""Bytes short enough to be sorted by an index; databases agree about their order."""

Name = String(255)
TRASH = "trash"
"""The kind of a collection that was deleted and can still be restored."""


def _table(name: str, *columns: Any, **more: Any) -> Table:
    single_id = any(isinstance(column, Column) and column.name == "id" for column in columns)
    if single_id:
        more["sqlite_autoincrement"] = True
    return Table(name, metadata, *columns, **more)


def _reference(name: str, target: str, **options: Any) -> Column[Any]:
    return Column(name, Id, ForeignKey(target, ondelete="CASCADE"), **options)


setting = _table(
    "setting",
    Column("name", String(100), primary_key=True),
    Column("value", LongText, nullable=False),
)

principal = _table(
    "principal",
    Column("id", Id, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", Name, nullable=False, unique=True),
    Column("display_name", Text, nullable=False, default=""),
    Column("email", Name, nullable=False, default="", index=True),
    Column("admin", Boolean, nullable=False, default=False),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("timezone", String(100), nullable=False, default=""),
    Column("quota", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("language", String(20), nullable=False, default="", server_default=""),
    Column("app_passwords_only", Boolean, nullable=False, default=False, server_default=false()),
    Column("remove_at", BigInteger),
)

membership = _table(
    "membership",
    _reference("group_id", "principal.id", nullable=False),
    _reference("member_id", "principal.id", nullable=False, index=True),
    PrimaryKeyConstraint("group_id", "member_id"),
)

credential = _table(
    "credential",
    Column("id", Id, primary_key=True),
    _reference("principal_id", "principal.id", nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("secret", String(500), nullable=False),
    Column("realm", Name, nullable=False, default=""),
    Column("label", Name, nullable=False, default=""),
    Column("created", BigInteger, nullable=False),
    Column("last_used", BigInteger),
    Column("expires", BigInteger),
)

app_password = _table(
    "app_password",
    Column("id", Id, primary_key=True),
    _reference("principal_id", "principal.id", nullable=False, index=True),
    Column("lookup", String(16), nullable=False, unique=True),
    Column("secret", String(64), nullable=False),
    Column("label", Name, nullable=False),
    Column("scope", Text, nullable=False),
    Column("origin", String(20), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    Column("last_used", BigInteger),
    Column("last_agent", Name, nullable=False, default=""),
    Column("last_address", String(100), nullable=False, default=""),
)

app_grant = _table(
    "app_grant",
    Column("id", Id, primary_key=True),
    Column("token", String(64), nullable=False, unique=True),
    Column("page", String(64), unique=True),
    Column("state", String(20), nullable=False),
    _reference("principal_id", "principal.id", index=True),
    Column("label", Name, nullable=False),
    Column("scope", Text, nullable=False),
    Column("agent", Name, nullable=False),
    Column("address", String(100), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
)

collection = _table(
    "collection",
    Column("id", Id, primary_key=True),
    _reference("owner_id", "principal.id", nullable=False),
    Column("kind", String(20), nullable=False),
    Column("name", Name, nullable=False),
    Column("display_name", Text),
    Column("description", LongText),
    Column("color", String(100)),
    Column("position", Integer),
    Column("timezone", LongText),
    Column("timezone_id", Name),
    Column("components", Name, nullable=False, default=""),
    Column("transparent", Boolean, nullable=False, default=False),
    Column("revision", BigInteger, nullable=False, default=0),
    Column("stamp", String(32), nullable=False),
    Column("item_count", Integer, nullable=False, default=0),
    Column("size", BigInteger, nullable=False, default=0),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("read_only", Boolean, nullable=False, default=False, server_default=false()),
    Column("shares", Integer, nullable=False, default=0, server_default="0"),
    UniqueConstraint("owner_id", "kind", "name"),
)

ace = _table(
    "ace",
    Column("id", Id, primary_key=True),
    _reference("collection_id", "collection.id", nullable=False, index=True),
    _reference("principal_id", "principal.id", index=True),
    Column("privileges", Text, nullable=False),
)

share = _table(
    "share",
    Column("id", Id, primary_key=True),
    _reference("collection_id", "collection.id", nullable=False),
    _reference("principal_id", "principal.id", nullable=False, index=True),
    Column("uid", String(40), nullable=False),
    Column("access", String(20), nullable=False),
    Column("initial", String(20), nullable=False),
    Column("summary", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("collection_id", "principal_id"),
)

shared_view = _table(
    "shared_view",
    Column("id", Id, primary_key=True),
    _reference("user_id", "principal.id", nullable=False),
    _reference("collection_id", "collection.id", nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("name", Name, nullable=False),
    Column("state", String(20), nullable=False),
    Column("display_name", Text),
    Column("description", LongText),
    Column("color", String(100)),
    Column("position", Integer),
    Column("timezone", LongText),
    Column("timezone_id", Name),
    Column("transparent", Boolean, nullable=False, default=True),
    Column("revision", BigInteger, nullable=False, default=1),
    UniqueConstraint("user_id", "kind", "name"),
    UniqueConstraint("user_id", "collection_id", name="uq_shared_view_collection"),
)

trash = _table(
    "trash",
    _reference("collection_id", "collection.id", primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("name", Name, nullable=False),
    Column("actor", Name, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

notification = _table(
    "notification",
    Column("id", Id, primary_key=True),
    _reference("principal_id", "principal.id", nullable=False),
    Column("name", Name, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("data", LongText, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    UniqueConstraint("principal_id", "name"),
)

item = _table(
    "item",
    Column("id", Id, primary_key=True),
    _reference("collection_id", "collection.id", nullable=False),
    Column("name", Name, nullable=False),
    Column("uid", String(600), nullable=False),
    Column("component", String(20), nullable=False),
    Column("etag", String(100), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("timing", SmallInteger, nullable=False),
    Column("search", LongText, nullable=False),
    Column("months", SmallInteger, nullable=False),
    Column("summary", LongText, nullable=False),
    Column("sort_key", Key, nullable=False, default=b"", server_default=""),
    Column("busy", SmallInteger, nullable=False, default=0, server_default="0"),
    UniqueConstraint("collection_id", "name"),
    Index("ix_item_uid", "collection_id", "uid"),
    Index("ix_item_revision", "collection_id", "revision"),
    Index("ix_item_range", "collection_id", "component", "last", "first", "months"),
    Index("ix_item_sort_key", "collection_id", "sort_key"),
)

uid_part = _table(
    "uid_part",
    _reference("collection_id", "collection.id", nullable=False),
    Column("part", BigInteger, nullable=False),
    Column("item_id", Id, nullable=False),
    PrimaryKeyConstraint("collection_id", "part", "item_id"),
    sqlite_with_rowid=False,
)
"""The minimizers (content.minimizers) of each item's UID, folded. Rows are written with the item's."""

body = _table(
    "body",
    _reference("item_id", "item.id", primary_key=True, autoincrement=False),
    Column("data", Bytes, nullable=False),
)

item_words = _table(
    "item_words",
    _reference("item_id", "item.id", primary_key=True, autoincrement=False),
    Column("words", LongText, nullable=False),
)
"""What people search in (content.listing): apart from the item, so that queries of DAV read narrow rows."""

tombstone = _table(
    "tombstone",
    _reference("collection_id", "collection.id", nullable=False),
    Column("name", Name, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("collection_id", "name"),
    Index("ix_tombstone_revision", "collection_id", "revision"),
)

revision = _table(
    "revision",
    _reference("collection_id", "collection.id", nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("stamp", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("collection_id", "revision"),
)

history = _table(
    "history",
    Column("id", Id, primary_key=True),
    _reference("owner_id", "principal.id", nullable=False, index=True),
    Column("collection_id", Id, nullable=False),
    Column("collection_name", Name, nullable=False),
    Column("name", Name, nullable=False),
    Column("uid", String(600), nullable=False),
    Column("component", String(20), nullable=False),
    Column("etag", String(100), nullable=False),
    Column("reason", String(20), nullable=False),
    Column("actor", Name, nullable=False, default=""),
    Column("created", BigInteger, nullable=False, default=0, server_default="0"),
    Column("at", BigInteger, nullable=False, index=True),
    Column("data", Bytes, nullable=False),
    Index("ix_history_item", "collection_id", "name"),
)

transfer = _table(
    "transfer",
    Column("id", Id, primary_key=True),
    _reference("collection_id", "collection.id", nullable=False, index=True),
    Column("actor", Name, nullable=False),
    Column("source", Name, nullable=False),
    Column("policy", String(10), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("started", BigInteger, nullable=False),
    Column("touched", BigInteger, nullable=False),
    Column("done", Integer, nullable=False, default=0),
    Column("total", Integer, nullable=False, default=0),
    Column("report", LongText, nullable=False, default=""),
)

transferred = _table(
    "transferred",
    _reference("transfer_id", "transfer.id", nullable=False),
    Column("name", Name, nullable=False),
    Column("etag", String(100), nullable=False),
    Column("history_id", Id),
    PrimaryKeyConstraint("transfer_id", "name"),
)

dead_property = _table(
    "dead_property",
    Column("id", Id, primary_key=True),
    Column("scope", String(20), nullable=False),
    Column("scope_id", Id, nullable=False),
    Column("name", String(400), nullable=False),
    Column("value", LongText, nullable=False),
    UniqueConstraint("scope", "scope_id", "name"),
)

lock = _table(
    "lock",
    Column("token", String(100), primary_key=True),
    Column("root", String(700), nullable=False, index=True),
    _reference("principal_id", "principal.id", nullable=False, index=True),
    Column("scope", String(20), nullable=False),
    Column("depth", String(10), nullable=False),
    Column("owner", LongText, nullable=False),
    Column("timeout", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

link = _table(
    "link",
    Column("id", Id, primary_key=True),
    _reference("owner_id", "principal.id", nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("label", Name, nullable=False, default=""),
    Column("title", Name, nullable=False, default=""),
    Column("digest", String(64), nullable=False, unique=True),
    Column("secret", Text, nullable=False),
    Column("salt", String(32), nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("expires", BigInteger),
    Column("detail", String(20), nullable=False),
    Column("private", String(20), nullable=False),
    Column("left_out", Name, nullable=False, default=""),
    Column("components", Name, nullable=False, default=""),
    Column("window_start", BigInteger),
    Column("window_end", BigInteger),
    Column("days_back", Integer),
    Column("days_ahead", Integer),
    Column("password", String(500), nullable=False, default=""),
    Column("cors", Boolean, nullable=False, default=False),
    Column("page", Boolean, nullable=False, default=False),
    Column("embed", Boolean, nullable=False, default=False),
    Column("version", BigInteger, nullable=False, default=1),
    Column("created", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
    Column("hits", BigInteger, nullable=False, default=0),
    Column("last_accessed", BigInteger),
    Column("last_client", String(200), nullable=False, default=""),
)

link_collection = _table(
    "link_collection",
    _reference("link_id", "link.id", nullable=False),
    _reference("collection_id", "collection.id", nullable=False, index=True),
    Column("position", Integer, nullable=False),
    PrimaryKeyConstraint("link_id", "collection_id"),
)

audit = _table(
    "audit",
    Column("id", Id, primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor", Name, nullable=False),
    Column("action", String(100), nullable=False),
    Column("target", Text, nullable=False),
    Column("address", String(100), nullable=False, default=""),
    Column("detail", LongText, nullable=False, default=""),
)

# -- outbound synchronisation

subscription = _table(
    "subscription",
    Column("id", Id, primary_key=True),
    _reference("owner_id", "principal.id", nullable=False, index=True),
    _reference("collection_id", "collection.id", nullable=False, unique=True),
    Column("secret", LongText, nullable=False),
    Column("host", Name, nullable=False),
    Column("interval_minutes", Integer),
    Column("feed_minutes", Integer),
    Column("keep_alarms", Boolean, nullable=False, default=False),
    Column("keep_attachments", Boolean, nullable=False, default=False),
    Column("keep_tasks", Boolean, nullable=False, default=False),
    Column("by_content", Boolean, nullable=False, default=False),
    Column("accept_empty", Boolean, nullable=False, default=False),
    Column("etag", Text, nullable=False, default=""),
    Column("last_modified", Text, nullable=False, default=""),
    Column("digest", String(64), nullable=False, default=""),
    Column("state", String(20), nullable=False, default="new"),
    Column("error_text", Told, nullable=False, default=""),
    Column("failures", Integer, nullable=False, default=0),
    Column("skipped", LongText, nullable=False, default=""),
    Column("last_run", BigInteger),
    Column("last_ok", BigInteger),
    Column("last_change", BigInteger),
    Column("next_run", BigInteger, index=True),
    Column("lease_owner", Name, nullable=False, default=""),
    Column("lease_until", BigInteger, nullable=False, default=0),
    Column("created", BigInteger, nullable=False),
)

subscription_item = _table(
    "subscription_item",
    _reference("subscription_id", "subscription.id", nullable=False),
    Column("name", Name, nullable=False),
    Column("digest", String(64), nullable=False),
    PrimaryKeyConstraint("subscription_id", "name"),
)

remote_account = _table(
    "remote_account",
    Column("id", Id, primary_key=True),
    _reference("owner_id", "principal.id", nullable=False, index=True),
    Column("label", Name, nullable=False),
    Column("preset", String(40), nullable=False, default="generic"),
    Column("base_url", Text, nullable=False),
    Column("auth_kind", String(20), nullable=False, default="basic"),
    Column("username", Name, nullable=False, default=""),
    Column("secret", LongText, nullable=False, default=""),
    Column("oauth_meta", LongText, nullable=False, default=""),
    Column("ca_pem", LongText, nullable=False, default=""),
    Column("fingerprint", String(100), nullable=False, default=""),
    Column("principal_cal", Text, nullable=False, default=""),
    Column("principal_card", Text, nullable=False, default=""),
    Column("home_cal", Text, nullable=False, default=""),
    Column("home_card", Text, nullable=False, default=""),
    Column("active", Boolean, nullable=False, default=True),
    Column("follow_new", Boolean, nullable=False, default=False),
    Column("interval_seconds", Integer, nullable=False),
    Column("next_run", BigInteger, index=True),
    Column("lease_owner", Name, nullable=False, default=""),
    Column("lease_until", BigInteger, nullable=False, default=0),
    Column("fail_count", Integer, nullable=False, default=0),
    Column("last_run", BigInteger),
    Column("last_ok", BigInteger),
    Column("error_code", String(40), nullable=False, default=""),
    Column("error_text", Told, nullable=False, default=""),
    Column("progress", Text, nullable=False, default=""),
    Column("trace", LongText, nullable=False, default=""),
    Column("created", BigInteger, nullable=False),
)

remote_collection = _table(
    "remote_collection",
    Column("id", Id, primary_key=True),
    _reference("account_id", "remote_account.id", nullable=False),
    Column("collection_id", Id, ForeignKey("collection.id", ondelete="SET NULL"), unique=True),
    Column("kind", String(20), nullable=False),
    Column("href", String(700), nullable=False),
    Column("display_name", Text, nullable=False, default=""),
    Column("color", String(100), nullable=False, default=""),
    Column("components", Name, nullable=False, default=""),
    Column("direction", String(20), nullable=False, default="two-way"),
    Column("policy", String(20), nullable=False, default="remote"),
    Column("subscribed", Boolean, nullable=False, default=False),
    Column("read_only", Boolean, nullable=False, default=False),
    Column("reports", Boolean, nullable=False, default=True),
    Column("initial", Boolean, nullable=False, default=True),
    Column("sync_token", Text, nullable=False, default=""),
    Column("ctag", Text, nullable=False, default=""),
    Column("seen_revision", BigInteger, nullable=False, default=0),
    Column("full_scan_at", BigInteger, nullable=False, default=0),
    Column("gone_count", Integer, nullable=False, default=0),
    Column("last_ok", BigInteger),
    Column("error_code", String(40), nullable=False, default=""),
    Column("error_text", Told, nullable=False, default=""),
    Column("guard", Text, nullable=False, default=""),
    Column("stats", Text, nullable=False, default=""),
    UniqueConstraint("account_id", "href"),
)

remote_item = _table(
    "remote_item",
    Column("id", Id, primary_key=True),
    _reference("remote_id", "remote_collection.id", nullable=False),
    Column("href", String(700), nullable=False),
    Column("name", Name),
    Column("uid", String(600), nullable=False, default=""),
    Column("local_revision", BigInteger, nullable=False, default=0),
    Column("etag", Text, nullable=False, default=""),
    Column("base_hash", String(64), nullable=False, default=""),
    Column("inflight_hash", String(64), nullable=False, default=""),
    Column("inflight_revision", BigInteger, nullable=False, default=0),
    Column("unconfirmed", Boolean, nullable=False, default=False),
    Column("state", String(20), nullable=False, default="ok"),
    Column("error_text", Told, nullable=False, default=""),
    UniqueConstraint("remote_id", "href"),
    Index("uq_remote_item_name", "remote_id", "name", unique=True),
    Index("ix_remote_item_uid", "remote_id", "uid"),
    Index("ix_remote_item_state", "remote_id", "state"),
)

remote_conflict = _table(
    "remote_conflict",
    Column("id", Id, primary_key=True),
    _reference("owner_id", "principal.id", nullable=False, index=True),
    Column("account_id", Id, nullable=False),
    Column("account_label", Name, nullable=False),
    Column("collection_id", Id, nullable=False),
    Column("collection_name", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("name", Name, nullable=False),
    Column("uid", String(600), nullable=False),
    Column("href", Text, nullable=False),
    Column("side", String(20), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("restored", BigInteger),
    Column("data", Bytes, nullable=False),
    Column("kept", Bytes, nullable=False),
)

remote_run = _table(
    "remote_run",
    Column("id", Id, primary_key=True),
    _reference("account_id", "remote_account.id", nullable=False, index=True),
    Column("started", BigInteger, nullable=False, index=True),
    Column("ended", BigInteger, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("requests", Integer, nullable=False, default=0),
    Column("pulled", Integer, nullable=False, default=0),
    Column("pushed", Integer, nullable=False, default=0),
    Column("removed_here", Integer, nullable=False, default=0),
    Column("removed_there", Integer, nullable=False, default=0),
    Column("conflicts", Integer, nullable=False, default=0),
    Column("problems", Integer, nullable=False, default=0),
    Column("error_code", String(40), nullable=False, default=""),
    Column("error_text", Told, nullable=False, default=""),
    Column("detail", LongText, nullable=False, default=""),
)

# -- the pages: sessions, second factors, one-time links, devices, figures, long work

web_session = _table(
    "web_session",
    Column("id", Id, primary_key=True),
    Column("token", String(64), nullable=False, unique=True),
    _reference("principal_id", "principal.id", nullable=False, index=True),
    Column("level", String(20), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False, index=True),
    Column("address", String(100), nullable=False, default=""),
    Column("agent", String(300), nullable=False, default=""),
)

second_factor = _table(
    "second_factor",
    Column("id", Id, primary_key=True),
    _reference("principal_id", "principal.id", nullable=False, unique=True),
    Column("secret", Text, nullable=False),
    Column("confirmed", BigInteger),
    Column("last_step", BigInteger, nullable=False, default=0),
)

recovery_code = _table(
    "recovery_code",
    Column("id", Id, primary_key=True),
    _reference("principal_id", "principal.id", nullable=False, index=True),
    Column("secret", String(64), nullable=False),
)

one_time_link = _table(
    "one_time_link",
    Column("id", Id, primary_key=True),
    Column("token", String(64), nullable=False, unique=True),
    _reference("principal_id", "principal.id", nullable=False, index=True),
    Column("purpose", String(20), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

device = _table(
    "device",
    Column("id", Id, primary_key=True),
    _reference("principal_id", "principal.id", nullable=False),
    Column("credential_id", Id, nullable=False, default=0),
    Column("agent", String(100), nullable=False, default=""),
    Column("address", String(100), nullable=False, default=""),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    UniqueConstraint("principal_id", "credential_id", "agent", "address"),
)

daily_figure = _table(
    "daily_figure",
    Column("day", Integer, nullable=False, autoincrement=False),
    Column("name", String(30), nullable=False),
    Column("value", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "name"),
)

task = _table(
    "task",
    Column("id", Id, primary_key=True),
    _reference("owner_id", "principal.id", nullable=False, index=True),
    Column("kind", String(50), nullable=False),
    Column("state", String(20), nullable=False),
    Column("done", BigInteger, nullable=False, default=0),
    Column("total", BigInteger, nullable=False, default=0),
    Column("message", Told, nullable=False, default=""),
    Column("result", LongText, nullable=False, default=""),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
)
