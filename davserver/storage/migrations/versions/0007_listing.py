"""Where items stand in lists, and the words by which people find them."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from davserver.content import lines, listing
from davserver.errors import InvalidContent

revision = "0007"
down_revision = "0006"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.LargeBinary().with_variant(mysql.VARBINARY(100), "mysql", "mariadb")
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
OPTIONS: Any = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"), ("engine", "InnoDB"))
}
BATCH = 100


def upgrade() -> None:
    """Add column, index and table, and fill them for the items that are there."""
    op.add_column("item", sa.Column("sort_key", KEY, nullable=False, server_default=""))
    item_words = op.create_table(
        "item_words",
        sa.Column("item_id", ID, autoincrement=False, nullable=False),
        sa.Column("words", LONG_TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["item.id"], name=op.f("fk_item_words_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_item_words")),
        **OPTIONS,
    )
    item = sa.table("item", sa.column("id"), sa.column("sort_key", KEY))
    change = sa.update(item).where(item.c.id == sa.bindparam("b_id")).values(sort_key=sa.bindparam("b_key"))
    after = 0
    while rows := _bodies_after(after):
        told = [(row.item_id, *_told(row.data)) for row in rows]
        op.bulk_insert(item_words, [{"item_id": key, "words": words} for key, _, words in told])
        op.get_bind().execute(change, [{"b_id": key, "b_key": sort_key} for key, sort_key, _ in told])
        after = rows[-1].item_id
    op.create_index("ix_item_sort_key", "item", ["collection_id", "sort_key"], unique=False)
    _index_range("months")


def _index_range(*more: str) -> None:
    """With the months in it, series of other months are left out without a look at their rows."""
    op.drop_index("ix_item_range", table_name="item")
    columns = ["collection_id", "component", "last", "first", *more]
    op.create_index("ix_item_range", "item", columns, unique=False)


def _bodies_after(after: int) -> Any:
    body = sa.table("body", sa.column("item_id"), sa.column("data"))
    statement = sa.select(body.c.item_id, body.c.data).where(body.c.item_id > after)
    return op.get_bind().execute(statement.order_by(body.c.item_id).limit(BATCH)).fetchall()


def _told(data: bytes) -> tuple[bytes, str]:
    """Sort key and words of a body; nothing of one that cannot be read any more."""
    try:
        root = lines.parse_components(lines.decode(data))[0]
        return listing.sort_key(root), listing.words(root)
    except InvalidContent:
        return b"", ""


def downgrade() -> None:
    """Drop what was added."""
    _index_range()
    op.drop_table("item_words")
    op.drop_index("ix_item_sort_key", table_name="item")
    op.drop_column("item", "sort_key")
