"""The responses for items of one collection, many at once.

Where columns of the items tell all that is asked (ETags, types, sizes, and the data), rows become text by
one template, without an object for each of them: a listing of 10,000 items takes 2 µs for each. Where they do
not (dead properties, locks, access lists), there is a node for each row, as everywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from davserver.davxml import CALDAV, CARDDAV
from davserver.model import Item
from davserver.protocol import tree
from davserver.protocol.multistatus import Plan, response
from davserver.protocol.properties import Asked, plan
from davserver.protocol.properties.prefetch import prefetch
from davserver.protocol.request import Request
from davserver.protocol.tree import Node
from davserver.storage import items

CALENDAR_DATA = CALDAV + "calendar-data"
ADDRESS_DATA = CARDDAV + "address-data"
DATA_NAMES = (CALENDAR_DATA, ADDRESS_DATA)

Row = Sequence[Any]
Render = Callable[[bytes], str]
"""Makes the finished data element of a body."""


class Members:
    """How to answer for items of the collection ``parent``.

    ``columns`` are those that :meth:`responses` wants of each item, the name first.
    """

    def __init__(self, request: Request, parent: Node, asked: Asked, data: Render | None = None) -> None:
        self._request = request
        self._parent = parent
        self._data = data
        compiled = plan(request, _any_item(parent), asked, DATA_NAMES if data else ())
        wanted = compiled.columns
        self._plan = compiled
        self._template: str | None = None
        self.columns: tuple[str, ...] = Item._fields
        if wanted is not None:
            self._template = _template(request, parent, compiled, with_data=data is not None)
            self._texts = [column.text for column in wanted]
            names = dict.fromkeys(column.name for column in wanted)
            self.columns = ("name", *names, *({"id": 0, "size": 0}.keys() - names.keys() if data else ()))
            self._places = [self.columns.index(column.name) for column in wanted]

    def responses(self, rows: Sequence[Row]) -> Iterator[str]:
        """A response for each row, in pieces that may hold several; bodies are read as they are needed."""
        if not rows:
            return iter(())
        if self._template is None:
            return self._by_nodes(rows)
        columns = self._columns(rows)
        if self._data:
            return map(self._template.__mod__, zip(*columns, self._elements(rows), strict=True))
        return iter(["".join(map(self._template.__mod__, zip(*columns, strict=True)))])

    def _elements(self, rows: Sequence[Row]) -> Iterator[str]:
        """The finished data elements; empty where no data is asked for."""
        if self._data is None:
            return ("" for _ in rows)
        item_id, size = self.columns.index("id"), self.columns.index("size")
        sized = ((row[item_id], row[size]) for row in rows)
        return map(self._data, items.bodies_of(self._request.tx, sized))

    def _columns(self, rows: Sequence[Row]) -> list[Iterable[str]]:
        columns = list(zip(*rows, strict=True))
        names = columns[0]
        texts = (map(text, columns[place]) for text, place in zip(self._texts, self._places, strict=True))
        return [names if _is_plain("".join(names)) else map(_in_href, names), *texts]

    def _by_nodes(self, rows: Sequence[Row]) -> Iterator[str]:
        request, compiled = self._request, self._plan
        nodes = [tree.item_node(self._parent, Item._make(row)) for row in rows]
        prefetch(request, nodes, {nodes[0].kind: compiled})
        for node, element in zip(nodes, self._elements(rows), strict=True):
            yield response(request.href(node), compiled.render(request, node, element))


_is_plain = re.compile("[A-Za-z0-9._@~-]*").fullmatch
"""Whether names stand in an href as they are."""


def _in_href(name: str) -> str:
    return tree.encode(name).replace("&", "&amp;")


def _any_item(parent: Node) -> Node:
    """A node like all items of the collection, to render what is the same for them."""
    node = tree.child(parent, "")
    node.privileges = parent.privileges
    return node


def _template(request: Request, parent: Node, compiled: Plan, *, with_data: bool) -> str:
    href = request.href(parent).replace("%", "%%") + "%s"
    return response(href, compiled.template(with_data=with_data))
