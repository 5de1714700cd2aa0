"""The first schema: principals, collections, items, revisions, history, locks, properties, audit."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

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
    """Create all tables."""
    op.create_table(
        "audit",
        sa.Column("id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=False),
        sa.Column("detail", LONG_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"], unique=False)
    op.create_table(
        "dead_property",
        sa.Column("id", ID, nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("scope_id", ID, nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("value", LONG_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_property")),
        sa.UniqueConstraint("scope", "scope_id", "name", name=op.f("uq_dead_property_scope")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_table(
        "principal",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.String(length=100), nullable=False),
        sa.Column("quota", sa.BigInteger(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principal")),
        sa.UniqueConstraint("name", name=op.f("uq_principal_name")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_principal_email"), "principal", ["email"], unique=False)
    op.create_table(
        "setting",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", LONG_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
        **OPTIONS,
    )
    op.create_table(
        "collection",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("description", LONG_TEXT, nullable=True),
        sa.Column("color", sa.String(length=100), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("timezone", LONG_TEXT, nullable=True),
        sa.Column("timezone_id", sa.String(length=255), nullable=True),
        sa.Column("components", sa.String(length=255), nullable=False),
        sa.Column("transparent", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.String(length=32), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_collection_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sa.UniqueConstraint("owner_id", "kind", "name", name=op.f("uq_collection_owner_id")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_table(
        "credential",
        sa.Column("id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("secret", sa.String(length=500), nullable=False),
        sa.Column("realm", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["principal.id"], name=op.f("fk_credential_principal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_credential_principal_id"), "credential", ["principal_id"], unique=False)
    op.create_table(
        "history",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("collection_name", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("uid", sa.String(length=600), nullable=False),
        sa.Column("component", sa.String(length=20), nullable=False),
        sa.Column("etag", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", BYTES, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_history_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_history_at"), "history", ["at"], unique=False)
    op.create_index("ix_history_item", "history", ["collection_id", "name"], unique=False)
    op.create_index(op.f("ix_history_owner_id"), "history", ["owner_id"], unique=False)
    op.create_table(
        "lock",
        sa.Column("token", sa.String(length=100), nullable=False),
        sa.Column("root", sa.String(length=700), nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("depth", sa.String(length=10), nullable=False),
        sa.Column("owner", LONG_TEXT, nullable=False),
        sa.Column("timeout", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["principal.id"], name=op.f("fk_lock_principal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_lock")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_lock_principal_id"), "lock", ["principal_id"], unique=False)
    op.create_index(op.f("ix_lock_root"), "lock", ["root"], unique=False)
    op.create_table(
        "membership",
        sa.Column("group_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["principal.id"], name=op.f("fk_membership_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["principal.id"], name=op.f("fk_membership_member_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "member_id", name=op.f("pk_membership")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_membership_member_id"), "membership", ["member_id"], unique=False)
    op.create_table(
        "ace",
        sa.Column("id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=True),
        sa.Column("privileges", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_ace_collection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["principal.id"], name=op.f("fk_ace_principal_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ace")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index(op.f("ix_ace_collection_id"), "ace", ["collection_id"], unique=False)
    op.create_index(op.f("ix_ace_principal_id"), "ace", ["principal_id"], unique=False)
    op.create_table(
        "item",
        sa.Column("id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("uid", sa.String(length=600), nullable=False),
        sa.Column("component", sa.String(length=20), nullable=False),
        sa.Column("etag", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("timing", sa.SmallInteger(), nullable=False),
        sa.Column("search", LONG_TEXT, nullable=False),
        sa.Column("months", sa.SmallInteger(), nullable=False),
        sa.Column("summary", LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_item_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("collection_id", "name", name=op.f("uq_item_collection_id")),
        sqlite_autoincrement=True,
        **OPTIONS,
    )
    op.create_index("ix_item_range", "item", ["collection_id", "component", "last", "first"], unique=False)
    op.create_index("ix_item_revision", "item", ["collection_id", "revision"], unique=False)
    op.create_index("ix_item_uid", "item", ["collection_id", "uid"], unique=False)
    op.create_table(
        "revision",
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("stamp", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_revision_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection_id", "revision", name=op.f("pk_revision")),
        **OPTIONS,
    )
    op.create_table(
        "tombstone",
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name=op.f("fk_tombstone_collection_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("collection_id", "name", name=op.f("pk_tombstone")),
        **OPTIONS,
    )
    op.create_index("ix_tombstone_revision", "tombstone", ["collection_id", "revision"], unique=False)
    op.create_table(
        "body",
        sa.Column("item_id", ID, autoincrement=False, nullable=False),
        sa.Column("data", BYTES, nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_body_item_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_body")),
        **OPTIONS,
    )
