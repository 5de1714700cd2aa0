"""What the times of events mean as busy time, kept beside them, and their months to the day."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from davserver.content import index, lines
from davserver.errors import InvalidContent

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
BATCH = 100
EVERY_MONTH = 0xFFF


def upgrade() -> None:
    """Add the column and fill it for the events that are there."""
    op.add_column("item", sa.Column("busy", sa.SmallInteger(), nullable=False, server_default="0"))
    item = sa.table("item", sa.column("id"), sa.column("months"), sa.column("summary"), sa.column("busy"))
    change = (
        sa.update(item)
        .where(item.c.id == sa.bindparam("b_id"))
        .values({name: sa.bindparam(f"b_{name}") for name in ("months", "summary", "busy")})
    )
    after = 0
    while rows := _events_after(after):
        op.get_bind().execute(change, [{"b_id": row.id, **_told(row)} for row in rows])
        after = rows[-1].id


def _events_after(after: int) -> Any:
    item = sa.table("item", sa.column("id"), sa.column("component"), sa.column("summary"))
    body = sa.table("body", sa.column("item_id"), sa.column("data"))
    statement = (
        sa.select(item.c.id, item.c.summary, body.c.data)
        .select_from(item.join(body, body.c.item_id == item.c.id))
        .where(item.c.id > after, item.c.component == "VEVENT")
    )
    return op.get_bind().execute(statement.order_by(item.c.id).limit(BATCH)).fetchall()


def _told(row: Any) -> dict[str, Any]:
    """Months, summary and busy time of a body; of one that cannot be read any more, nothing is left out."""
    try:
        times = index.times_of(lines.parse_components(lines.decode(row.data))[0], "VEVENT")
        return {"b_months": times.months, "b_summary": times.summary, "b_busy": times.busy.value}
    except InvalidContent:
        return {"b_months": EVERY_MONTH, "b_summary": row.summary, "b_busy": 0}


def downgrade() -> None:
    """Drop what was added; months and summaries stay right."""
    op.drop_column("item", "busy")
