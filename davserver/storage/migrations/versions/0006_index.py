"""The parts of UIDs by which a search for a UID finds its items without a look at all of them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from davserver.content.collations import unicode_casemap
from davserver.content.minimizers import minimizers

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPTIONS: Any = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"), ("engine", "InnoDB"))
}
BATCH = 500


def upgrade() -> None:
    """Create the table and fill it for the items that are there."""
    uid_part = op.create_table(
        "uid_part",
        sa.Column("collection_id", ID, nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("item_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collection.id"],
            name=op.f("fk_uid_part_collection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("collection_id", "part", "item_id", name=op.f("pk_uid_part")),
        sqlite_with_rowid=False,
        **OPTIONS,
    )
    after = 0
    while rows := _items_after(after):
        parts = [
            {"collection_id": row.collection_id, "part": part, "item_id": row.id}
            for row in rows
            for part in minimizers(unicode_casemap(row.uid))
        ]
        op.bulk_insert(uid_part, parts)
        after = rows[-1].id


def _items_after(after: int) -> Any:
    item = sa.table("item", sa.column("id"), sa.column("collection_id"), sa.column("uid"))
    statement = sa.select(item.c.id, item.c.collection_id, item.c.uid).where(item.c.id > after)
    return op.get_bind().execute(statement.order_by(item.c.id).limit(BATCH)).fetchall()


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("uid_part")
