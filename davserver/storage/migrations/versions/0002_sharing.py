"""Shares, invitations, the trash of collections, groups and resources."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
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
    op.add_column("collection", sa.Column("shares", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("history", sa.Column("created", sa.BigInteger(), nullable=False, server_default="0"))
    _shares()
    _views()
    _trash()
    _notifications()


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    """A foreign key whose row goes with the one it names."""
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")


def _shares() -> None:
    op.create_table(
        "share",
        sa.Column("id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("uid", sa.String(length=40), nullable=False),
        sa.Column("access", sa.String(length=20), nullable=False),
        sa.Column("initial", sa.String(length=20), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        _to("share", "collection_id", "collection.id"),
        _to("share", "principal_id", "principal.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share")),
        sa.UniqueConstraint("collection_id", "principal_id", name=op.f("uq_share_collection_id")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_share_principal_id"), "share", ["principal_id"], unique=False)


def _views() -> None:
    op.create_table(
        "shared_view",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("description", LONG_TEXT, nullable=True),
        sa.Column("color", sa.String(length=100), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("timezone", LONG_TEXT, nullable=True),
        sa.Column("timezone_id", sa.String(length=255), nullable=True),
        sa.Column("transparent", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        _to("shared_view", "user_id", "principal.id"),
        _to("shared_view", "collection_id", "collection.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shared_view")),
        sa.UniqueConstraint("user_id", "kind", "name", name=op.f("uq_shared_view_user_id")),
        sa.UniqueConstraint("user_id", "collection_id", name="uq_shared_view_collection"),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_shared_view_collection_id"), "shared_view", ["collection_id"], unique=False)


def _trash() -> None:
    op.create_table(
        "trash",
        sa.Column("collection_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _to("trash", "collection_id", "collection.id"),
        sa.PrimaryKeyConstraint("collection_id", name=op.f("pk_trash")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_trash_at"), "trash", ["at"], unique=False)


def _notifications() -> None:
    op.create_table(
        "notification",
        sa.Column("id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("data", LONG_TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        _to("notification", "principal_id", "principal.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
        sa.UniqueConstraint("principal_id", "name", name=op.f("uq_notification_principal_id")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_notification_at"), "notification", ["at"], unique=False)
