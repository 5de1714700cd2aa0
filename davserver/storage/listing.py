"""Pages of lists for people: so many items in an order, and not many more are read than that.

The order stands in an index (``sort_key``), and the words that are looked for in a narrow table
(content.listing tells what both hold).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, func, select

from davserver.model import Item
from davserver.storage.items import COLUMNS
from davserver.storage.schema import item, item_words
from davserver.storage.search import LONGEST_TEXT, TEXTS

_INSIDE: Any = item.c.collection_id.in_(bindparam("collections", expanding=True))
_WITH_KEY: Any = and_(_INSIDE, item.c.sort_key >= bindparam("low"), item.c.sort_key < bindparam("high"))
_MOMENT = bindparam("moment", type_=BigInteger)
_DISTANCE: Any = case(
    (item.c.first > _MOMENT, item.c.first - _MOMENT),
    (item.c.last < _MOMENT, _MOMENT - item.c.last),
    else_=0,
)
_ROWS: Any = select(*COLUMNS, item.c.first).where(item.c.id.in_(bindparam("ids", expanding=True)))


def by_key(tx: Connection, collections: Sequence[int], prefix: bytes, page: slice) -> list[Item]:
    """A page of the items whose sort key begins with ``prefix``, in the order of the keys."""
    ids = select(item.c.id).where(_WITH_KEY).order_by(item.c.sort_key, item.c.id)
    return [one for one, _ in _page(tx, ids, page, _keys(collections, prefix))]


def count(tx: Connection, collections: Sequence[int], prefix: bytes) -> int:
    """How many items have a sort key that begins with ``prefix``."""
    statement = select(func.count()).select_from(item).where(_WITH_KEY)
    return int(tx.execute(statement, _keys(collections, prefix)).scalar_one())


def _keys(collections: Sequence[int], prefix: bytes) -> dict[str, Any]:
    return {"collections": list(collections), "low": prefix, "high": _after(prefix)}


def _after(prefix: bytes) -> bytes:
    """What is greater than all that begins so."""
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\xff"  # no UTF-8 begins with it


def with_words(tx: Connection, collections: Sequence[int], words: Sequence[str], page: slice) -> list[Item]:
    """A page of the items that hold all these folded words, in the order of their keys."""
    ids, values = _searched(tx, collections, words)
    return [one for one, _ in _page(tx, ids.order_by(item.c.sort_key, item.c.id), page, values)]


def nearest(
    tx: Connection, collections: Sequence[int], words: Sequence[str], moment: int, page: slice
) -> list[tuple[Item, int]]:
    """The same with those first that are nearest to a moment, each with the start of its time."""
    ids, values = _searched(tx, collections, words)
    return _page(tx, ids.order_by(_DISTANCE, item.c.id), page, {**values, "moment": moment})


def _searched(tx: Connection, collections: Sequence[int], words: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """The ids of the items that hold all the words, and the values for that."""
    texts = TEXTS[tx.dialect.name]
    values: dict[str, Any] = {
        f"word{place}": texts.pattern(word[:LONGEST_TEXT]) for place, word in enumerate(words)
    }
    holds = [texts.inside(item_words.c.words, bindparam(name)) for name in values]
    ids = select(item.c.id).join(item_words, item_words.c.item_id == item.c.id).where(_INSIDE, *holds)
    return ids, {**values, "collections": list(collections)}


def _page(tx: Connection, ids: Any, page: slice, values: dict[str, Any]) -> list[tuple[Item, int]]:
    """The rows of the page, in its order; whole rows are read of those only that are on it."""
    limited = ids.limit(page.stop - page.start).offset(page.start)
    wanted = list(tx.execute(limited, values).scalars())
    rows = {row[0]: (Item._make(row[:-1]), row[-1]) for row in tx.execute(_ROWS, {"ids": wanted})}
    return [rows[one] for one in wanted]
