"""The parts of an object that a client asked for (RFC 4791 9.6, RFC 6352 10.4).

Belongs here: choosing components and properties of a parsed object. Does not belong here: expanding or
limiting recurrences (expand), conversion of versions (vcard_versions), serialising (lines).

A comp element without any content means all of it: Apple and CalDAVTester send
``<comp name="VCALENDAR"/>`` and expect the events inside. VERSION is always there, and PRODID where no
property of the VCALENDAR was named: without them no parser would take the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from davserver.content.lines import Component, Line


@dataclass(frozen=True, slots=True)
class CompSelection:
    """A ``comp`` element of calendar-data.

    ``props``: name, upper case → whether only the name is wanted (``novalue="yes"``); None is ``allprop``.
    ``comps``: the nested comp elements; None is ``allcomp``.
    """

    name: str
    props: Mapping[str, bool] | None = field(default_factory=dict)
    comps: tuple[CompSelection, ...] | None = ()

    @property
    def is_empty(self) -> bool:
        """Whether the element has no content, which means everything."""
        return self.props is not None and not self.props and self.comps == ()


@dataclass(frozen=True, slots=True)
class CardSelection:
    """The ``prop`` elements of address-data: name, upper case → ``novalue``; None is everything."""

    props: Mapping[str, bool] | None = None


def select_calendar(root: Component, selection: CompSelection) -> Component:
    """A VCALENDAR with only what was asked for; ``root`` stays as it is."""
    if root.name != selection.name.upper():
        return Component(root.name, [line for line in root.lines if line.name in _CALENDAR_KEPT])
    chosen = _select(root, selection)
    kept = _CALENDAR_KEPT if not selection.props else _VERSION
    missing = [line for line in root.lines if line.name in kept and chosen.first(line.name) is None]
    return Component(chosen.name, missing + chosen.lines, chosen.children) if missing else chosen


def select_card(card: Component, selection: CardSelection) -> Component:
    """A VCARD with only the properties asked for; a name without a group means it in every group."""
    if selection.props is None:
        return card
    props = {**selection.props, "VERSION": False}
    return Component(card.name, _select_lines(card, props), card.children)


_VERSION = frozenset({"VERSION"})
_CALENDAR_KEPT = frozenset({"VERSION", "PRODID"})


def _select(component: Component, selection: CompSelection) -> Component:
    if selection.is_empty:
        return component
    lines = component.lines if selection.props is None else _select_lines(component, selection.props)
    if selection.comps is None:
        return Component(component.name, lines, component.children)
    chosen = {comp.name.upper(): comp for comp in selection.comps}
    children = [_select(child, chosen[child.name]) for child in component.children if child.name in chosen]
    return Component(component.name, lines, children)


def _select_lines(component: Component, props: Mapping[str, bool]) -> list[Line]:
    lines = []
    for line in component.lines:
        name = line.name if line.name in props else f"{line.group.upper()}.{line.name}"
        if name in props:
            lines.append(Line(line.name, "", line.params, line.group) if props[name] else line)
    return lines
