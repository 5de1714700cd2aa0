"""Inbound subscriptions and outbound accounts."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
BYTES = sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
OPTIONS: Any = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mysql_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
    "mariadb_engine": "InnoDB",
}


def upgrade() -> None:
    """Add the tables."""
    _feeds()
    _accounts()


def _feeds() -> None:
    """Subscriptions to calendars elsewhere; what nobody may write to."""
    op.add_column(
        "collection", sa.Column("read_only", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "subscription",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("secret", LONG_TEXT, nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=True),
        sa.Column("feed_minutes", sa.Integer(), nullable=True),
        sa.Column("keep_alarms", sa.Boolean(), nullable=False),
        sa.Column("keep_attachments", sa.Boolean(), nullable=False),
        sa.Column("keep_tasks", sa.Boolean(), nullable=False),
        sa.Column("by_content", sa.Boolean(), nullable=False),
        sa.Column("accept_empty", sa.Boolean(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("last_modified", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("error_text", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("skipped", LONG_TEXT, nullable=False),
        sa.Column("last_run", sa.BigInteger(), nullable=True),
        sa.Column("last_ok", sa.BigInteger(), nullable=True),
        sa.Column("last_change", sa.BigInteger(), nullable=True),
        sa.Column("next_run", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.String(length=255), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_subscription_owner_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("fk_subscription_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("collection_id", name=op.f("uq_subscription_collection_id")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_subscription_next_run"), "subscription", ["next_run"], unique=False)
    op.create_index(op.f("ix_subscription_owner_id"), "subscription", ["owner_id"], unique=False)
    op.create_table(
        "subscription_item",
        sa.Column("subscription_id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscription.id"],
            name=op.f("fk_subscription_item_subscription_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscription_id", "name", name=op.f("pk_subscription_item")),
        **OPTIONS,
    )


def _accounts() -> None:
    """Remote accounts with what is known of their collections and items."""

    op.create_table(
        "remote_account",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("preset", sa.String(length=40), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("auth_kind", sa.String(length=20), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("secret", LONG_TEXT, nullable=False),
        sa.Column("oauth_meta", LONG_TEXT, nullable=False),
        sa.Column("ca_pem", LONG_TEXT, nullable=False),
        sa.Column("fingerprint", sa.String(length=100), nullable=False),
        sa.Column("principal_cal", sa.Text(), nullable=False),
        sa.Column("principal_card", sa.Text(), nullable=False),
        sa.Column("home_cal", sa.Text(), nullable=False),
        sa.Column("home_card", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("follow_new", sa.Boolean(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("next_run", sa.BigInteger(), nullable=True),
        sa.Column("lease_owner", sa.String(length=255), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("fail_count", sa.Integer(), nullable=False),
        sa.Column("last_run", sa.BigInteger(), nullable=True),
        sa.Column("last_ok", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=False),
        sa.Column("error_text", sa.Text(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("trace", LONG_TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_remote_account_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_account")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_remote_account_next_run"), "remote_account", ["next_run"], unique=False)
    op.create_index(op.f("ix_remote_account_owner_id"), "remote_account", ["owner_id"], unique=False)
    op.create_table(
        "remote_conflict",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("account_label", sa.String(length=255), nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("collection_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("uid", sa.String(length=600), nullable=False),
        sa.Column("href", sa.Text(), nullable=False),
        sa.Column("side", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("restored", sa.BigInteger(), nullable=True),
        sa.Column("data", BYTES, nullable=False),
        sa.Column("kept", BYTES, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_remote_conflict_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_conflict")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_remote_conflict_at"), "remote_conflict", ["at"], unique=False)
    op.create_index(op.f("ix_remote_conflict_owner_id"), "remote_conflict", ["owner_id"], unique=False)
    op.create_table(
        "remote_collection",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("href", sa.String(length=700), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("color", sa.String(length=100), nullable=False),
        sa.Column("components", sa.String(length=255), nullable=False),
        sa.Column("direction", sa.String(length=20), nullable=False),
        sa.Column("policy", sa.String(length=20), nullable=False),
        sa.Column("subscribed", sa.Boolean(), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("reports", sa.Boolean(), nullable=False),
        sa.Column("initial", sa.Boolean(), nullable=False),
        sa.Column("sync_token", sa.Text(), nullable=False),
        sa.Column("ctag", sa.Text(), nullable=False),
        sa.Column("seen_revision", sa.BigInteger(), nullable=False),
        sa.Column("full_scan_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_count", sa.Integer(), nullable=False),
        sa.Column("last_ok", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=False),
        sa.Column("error_text", sa.Text(), nullable=False),
        sa.Column("guard", sa.Text(), nullable=False),
        sa.Column("stats", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["remote_account.id"],
            name=op.f("fk_remote_collection_account_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("fk_remote_collection_collection_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_collection")),
        sa.UniqueConstraint("account_id", "href", name=op.f("uq_remote_collection_account_id")),
        sa.UniqueConstraint("collection_id", name=op.f("uq_remote_collection_collection_id")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_table(
        "remote_run",
        sa.Column("id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("pulled", sa.Integer(), nullable=False),
        sa.Column("pushed", sa.Integer(), nullable=False),
        sa.Column("removed_here", sa.Integer(), nullable=False),
        sa.Column("removed_there", sa.Integer(), nullable=False),
        sa.Column("conflicts", sa.Integer(), nullable=False),
        sa.Column("problems", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=False),
        sa.Column("error_text", sa.Text(), nullable=False),
        sa.Column("detail", LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["remote_account.id"], name=op.f("fk_remote_run_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_run")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_remote_run_account_id"), "remote_run", ["account_id"], unique=False)
    op.create_index(op.f("ix_remote_run_started"), "remote_run", ["started"], unique=False)
    op.create_table(
        "remote_item",
        sa.Column("id", ID, nullable=False),
        sa.Column("remote_id", ID, nullable=False),
        sa.Column("href", sa.String(length=700), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("uid", sa.String(length=600), nullable=False),
        sa.Column("local_revision", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("base_hash", sa.String(length=64), nullable=False),
        sa.Column("inflight_hash", sa.String(length=64), nullable=False),
        sa.Column("inflight_revision", sa.BigInteger(), nullable=False),
        sa.Column("unconfirmed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("error_text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["remote_id"], ["remote_collection.id"], name=op.f("fk_remote_item_remote_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_item")),
        sa.UniqueConstraint("remote_id", "href", name=op.f("uq_remote_item_remote_id")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("ix_remote_item_state", "remote_item", ["remote_id", "state"], unique=False)
    op.create_index("ix_remote_item_uid", "remote_item", ["remote_id", "uid"], unique=False)
    op.create_index("uq_remote_item_name", "remote_item", ["remote_id", "name"], unique=True)
