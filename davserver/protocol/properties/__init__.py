"""The table of live properties. Each module holds those of one RFC; a property is its getter.

    @prop(CALDAV + "calendar-description", on=CALENDARS, rfc="RFC 4791 5.2.1", needs="collection")
    def calendar_description(request, node): ...

    @calendar_description.setter
    def _(request, element): return {"description": ...}        # columns to change

``needs`` says what the getter reads: "" (the same for all nodes of one kind under one owner, rendered once),
"collection", "item", "principal" (the node's own row), or something to be read for all nodes of an answer
in one statement: "dead", "locks", "acl", "sharees". So a query for each node cannot be written.

What is in no table is a dead property. allprop, propname, the compliance page derive from the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from davserver import davxml
from davserver.davxml import Element
from davserver.errors import HttpError
from davserver.protocol.multistatus import Column, Getter, Plan, Step
from davserver.protocol.request import Request
from davserver.protocol.tree import ITEMS, SCOPE, Kind, Node

Setter = Callable[[Request, Element | None], dict[str, Any]]
"""Turns the new element (None: remove) into columns of the collection; raises HttpError for a bad value."""

PREFETCHED = frozenset({"dead", "locks", "acl", "sharees"})


@dataclass(slots=True)
class Property:
    """One row of the table."""

    name: str
    kinds: frozenset[Kind]
    rfc: str
    needs: str
    allprop: bool
    get: Getter
    set: Setter | None = None
    column: Column | None = None

    def setter(self, function: Setter) -> Setter:
        """Register how a client changes the property; without one it is protected."""
        self.set = function
        return function


TABLE: dict[Kind, dict[str, Property]] = {kind: {} for kind in Kind}


def prop(
    name: str, *, on: Iterable[Kind], rfc: str, needs: str = "", allprop: bool = False
) -> Callable[[Getter], Property]:
    """Put a getter into the table."""

    def register(get: Getter) -> Property:
        row = Property(name, frozenset(on), rfc, needs, allprop, get)
        for kind in row.kinds:
            TABLE[kind][name] = row
        return row

    return register


def item_prop(
    name: str, *, column: str, rfc: str, allprop: bool = False
) -> Callable[[Callable[[Any], str]], Property]:
    """Put a property of items into the table that one column tells: the function takes the column's value."""

    def register(text: Callable[[Any], str]) -> Property:
        def get(request: Request, node: Node) -> str:
            return text(getattr(node.item, column))

        get.__doc__ = text.__doc__
        row = prop(name, on=ITEMS, rfc=rfc, needs="item", allprop=allprop)(get)
        row.column = Column(column, text)
        return row

    return register


@dataclass(frozen=True, slots=True)
class Asked:
    """The properties of a PROPFIND or of a report.

    ``names`` are Clark names; with ``everything`` they are the include of allprop (RFC 4918 9.1), with
    ``only_names`` no values are wanted.
    """

    names: tuple[str, ...] = ()
    everything: bool = False
    only_names: bool = False


def asked_in(parent: Element | None) -> Asked:
    """What the children of a propfind or report element ask for. Nothing at all means allprop."""
    if parent is None:
        return Asked(everything=True)
    if davxml.child(parent, davxml.DAV + "propname") is not None:
        return Asked(only_names=True)
    listed = davxml.children(parent, davxml.DAV + "prop")
    if len(listed) > 1:
        raise HttpError(400, "There is one prop element, not several.")
    if listed:
        return Asked(names_of(listed[0]))
    included = davxml.child(parent, davxml.DAV + "include")
    return Asked(names_of(included) if included is not None else (), everything=True)


def names_of(parent: Element) -> tuple[str, ...]:
    """Clark names of the children, each once, in order."""
    return tuple(dict.fromkeys(str(child.tag) for child in parent))


def plan(request: Request, node: Node, asked: Asked, skip: tuple[str, ...] = ()) -> Plan:
    """Compile what is asked for nodes like ``node`` (same kind, same owner).

    :param skip: names that the caller renders by itself (calendar-data).
    """
    outline = _outline if sum(map(len, asked.names)) < MOST_REMEMBERED else _outline.__wrapped__
    known, properties = outline(node.kind, asked, skip)
    steps, constant, absent = list(known.steps), "", known.absent
    for step, row in properties:
        if row.needs:
            steps += [Step(constant), step] if constant else [step]
            constant = ""
        elif (value := row.get(request, node)) is None:
            absent += step.empty
        else:
            constant += f"{step.opening}{value}{step.closing}" if value else step.empty
    if constant:
        steps.append(Step(constant))
    return Plan(
        steps, known.dead, known.needs, known.all_dead, known.only_names, absent, minimal=request.minimal
    )


MOST_REMEMBERED = 4096
"""Characters of the names of properties that are remembered as having been asked for."""


@lru_cache(maxsize=128)
def _outline(
    kind: Kind, asked: Asked, skip: tuple[str, ...]
) -> tuple[Plan, tuple[tuple[Step, Property], ...]]:
    """What a plan has for every node of the kind, and the live properties that are asked."""
    table, has_dead = TABLE[kind], kind in SCOPE
    if asked.only_names:
        steps = [Step(davxml.tags(name)[2]) for name in table]
        return Plan(steps, all_dead=has_dead, only_names=has_dead), ()
    names = list(asked.names)
    if asked.everything:
        names = list(dict.fromkeys([*(row.name for row in table.values() if row.allprop), *names]))
    unknown = [name for name in names if name not in table and name not in skip]
    rows = [table[name] for name in names if name in table and name not in skip]
    known = Plan(
        dead=[name for name in unknown if has_dead and name not in PROTECTED],
        needs={row.needs for row in rows if row.needs in PREFETCHED},
        all_dead=has_dead and asked.everything,
        absent="".join(davxml.tags(name)[2] for name in unknown if not has_dead or name in PROTECTED),
    )
    return known, tuple((Step(*davxml.tags(row.name), row.get, row.column), row) for row in rows)


PROTECTED: set[str] = set()
"""Names that are live on some kind, or are the server's in any case: never stored as dead properties."""
