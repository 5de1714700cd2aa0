"""Web sessions, second factors, one-time links, devices; app passwords, their scopes, login flows."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
OPTIONS: Any = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}
COUNTED: Any = {"sqlite_autoincrement": True, **OPTIONS}


def upgrade() -> None:
    """Add the tables."""
    _web()
    _app_passwords()
    _transfers()


def _web() -> None:
    """Sessions, second factors, one-time links, devices, daily figures, long work."""
    op.add_column("principal", sa.Column("language", sa.String(20), nullable=False, server_default=""))
    op.create_table(
        "web_session",
        sa.Column("id", ID, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(100), nullable=False),
        sa.Column("agent", sa.String(300), nullable=False),
        _of_principal("web_session"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("token", name=op.f("uq_web_session_token")),
        **COUNTED,
    )
    op.create_index(op.f("ix_web_session_principal_id"), "web_session", ["principal_id"], unique=False)
    op.create_index(op.f("ix_web_session_expires"), "web_session", ["expires"], unique=False)
    op.create_table(
        "second_factor",
        sa.Column("id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _of_principal("second_factor"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_second_factor")),
        sa.UniqueConstraint("principal_id", name=op.f("uq_second_factor_principal_id")),
        **COUNTED,
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        _of_principal("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        **COUNTED,
    )
    op.create_index(op.f("ix_recovery_code_principal_id"), "recovery_code", ["principal_id"], unique=False)
    op.create_table(
        "one_time_link",
        sa.Column("id", ID, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        _of_principal("one_time_link"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_link")),
        sa.UniqueConstraint("token", name=op.f("uq_one_time_link_token")),
        **COUNTED,
    )
    op.create_index(op.f("ix_one_time_link_principal_id"), "one_time_link", ["principal_id"], unique=False)
    op.create_table(
        "device",
        sa.Column("id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("credential_id", ID, nullable=False),
        sa.Column("agent", sa.String(100), nullable=False),
        sa.Column("address", sa.String(100), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        _of_principal("device"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint(
            "principal_id", "credential_id", "agent", "address", name=op.f("uq_device_principal_id")
        ),
        **COUNTED,
    )
    op.create_table(
        "daily_figure",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(30), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "name", name=op.f("pk_daily_figure")),
        **OPTIONS,
    )
    op.create_table(
        "task",
        sa.Column("id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("result", LONG_TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_task_owner_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
        **COUNTED,
    )
    op.create_index(op.f("ix_task_owner_id"), "task", ["owner_id"], unique=False)


def _of_principal(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_principal_id")
    return sa.ForeignKeyConstraint(["principal_id"], ["principal.id"], name=name, ondelete="CASCADE")


def _app_passwords() -> None:
    """App passwords with their scopes, login flows; what an account says about itself."""
    op.add_column(
        "principal", sa.Column("app_passwords_only", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("principal", sa.Column("remove_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "app_password",
        sa.Column("id", ID, nullable=False),
        sa.Column("principal_id", ID, nullable=False),
        sa.Column("lookup", sa.String(16), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.Column("revoked", sa.BigInteger(), nullable=True),
        sa.Column("last_used", sa.BigInteger(), nullable=True),
        sa.Column("last_agent", sa.String(255), nullable=False),
        sa.Column("last_address", sa.String(100), nullable=False),
        _of_principal("app_password"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_password")),
        sa.UniqueConstraint("lookup", name=op.f("uq_app_password_lookup")),
        **COUNTED,
    )
    op.create_index(op.f("ix_app_password_principal_id"), "app_password", ["principal_id"], unique=False)
    op.create_table(
        "app_grant",
        sa.Column("id", ID, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("page", sa.String(64), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("principal_id", ID, nullable=True),
        sa.Column("label", sa.String(255), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("agent", sa.String(255), nullable=False),
        sa.Column("address", sa.String(100), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        _of_principal("app_grant"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_grant")),
        sa.UniqueConstraint("token", name=op.f("uq_app_grant_token")),
        sa.UniqueConstraint("page", name=op.f("uq_app_grant_page")),
        **COUNTED,
    )
    op.create_index(op.f("ix_app_grant_principal_id"), "app_grant", ["principal_id"], unique=False)
    op.create_index(op.f("ix_app_grant_expires"), "app_grant", ["expires"], unique=False)


def _transfers() -> None:
    """Imports, and what each of them wrote, so that it can be undone."""
    op.create_table(
        "transfer",
        sa.Column("id", ID, nullable=False),
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("policy", sa.String(10), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("report", LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("fk_transfer_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        **COUNTED,
    )
    op.create_index(op.f("ix_transfer_collection_id"), "transfer", ["collection_id"], unique=False)
    op.create_index(op.f("ix_transfer_state"), "transfer", ["state"], unique=False)
    op.create_table(
        "transferred",
        sa.Column("transfer_id", ID, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("etag", sa.String(100), nullable=False),
        sa.Column("history_id", ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["transfer_id"],
            ["transfer.id"],
            name=op.f("fk_transferred_transfer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("transfer_id", "name", name=op.f("pk_transferred")),
        **OPTIONS,
    )
