"""Filters of calendar-query and addressbook-query, and whether an object matches one.

Belongs here: the filter as plain values and the exact answer for one parsed object. Does not belong
here: reading the XML (protocol), the instances of a series (instances), narrowing by index (search).

A comp-filter matches if one component in its scope meets all its conditions; a prop-filter if one
property does. ``test`` chooses between all and any: RFC 6352 has it on prop-filter and filter, and
CalendarServer's calendar-query-extended on every CalDAV filter.

RFC 4791 9.7, RFC 6352 10.5.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache

from davserver.content.collations import ASCII_CASEMAP, key
from davserver.content.instances import Schedule, alarm_in_range, component_in_range
from davserver.content.lines import Component, Line
from davserver.content.times import Zones, property_in_range
from davserver.content.values import param_texts, texts

MAIN_COMPONENTS = frozenset({"VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"})
"""What a calendar object may consist of: exactly one of these names, besides VTIMEZONE (RFC 4791 4.1)."""

_TIMED_COMPONENTS = MAIN_COMPONENTS | {"AVAILABLE"}
"""Components with instances; AVAILABLE lies inside VAVAILABILITY (RFC 7953)."""


class MatchType(enum.StrEnum):
    """Where in the property's value the text must be (RFC 6352 10.5.4)."""

    EQUALS = "equals"
    CONTAINS = "contains"
    STARTS_WITH = "starts-with"
    ENDS_WITH = "ends-with"


class Test(enum.StrEnum):
    """How the conditions of one filter element are combined."""

    ALLOF = "allof"
    ANYOF = "anyof"

    __test__ = False  # pytest: not a test class


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open span of UTC seconds since 1970; None means without that end (RFC 4791 9.9)."""

    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A condition on a text (RFC 4791 9.7.5, RFC 6352 10.5.4). CardDAV's default collation is another one."""

    text: str
    collation: str = ASCII_CASEMAP
    negate: bool = False
    match_type: MatchType = MatchType.CONTAINS


@dataclass(frozen=True, slots=True)
class ParamFilter:
    """A condition on a parameter of a property (RFC 4791 9.7.3, RFC 6352 10.5.2)."""

    name: str
    is_not_defined: bool = False
    text_match: TextMatch | None = None


@dataclass(frozen=True, slots=True)
class PropFilter:
    """A condition on a property; without any condition: that it exists (RFC 4791 9.7.2, RFC 6352 10.5.1).

    CardDAV's ``test`` is ``anyof`` where the client gave none: the reader of the XML sets it.
    """

    name: str
    is_not_defined: bool = False
    time_range: TimeRange | None = None
    text_matches: tuple[TextMatch, ...] = ()
    param_filters: tuple[ParamFilter, ...] = ()
    test: Test = Test.ALLOF


@dataclass(frozen=True, slots=True)
class CompFilter:
    """A condition on a component; without any condition: that it exists (RFC 4791 9.7.1)."""

    name: str
    is_not_defined: bool = False
    time_range: TimeRange | None = None
    prop_filters: tuple[PropFilter, ...] = ()
    comp_filters: tuple[CompFilter, ...] = ()
    test: Test = Test.ALLOF


@dataclass(frozen=True, slots=True)
class CardFilter:
    """The filter of addressbook-query; without prop-filters every card matches (RFC 6352 10.5)."""

    prop_filters: tuple[PropFilter, ...] = ()
    test: Test = Test.ANYOF


def match_calendar(root: Component, query: CompFilter, default_zone: tzinfo) -> bool:
    """Whether a calendar object (its VCALENDAR) matches the top comp-filter.

    A recurrence that cannot be searched within its budget counts as inside a time-range.

    :param default_zone: places dates and floating times (the query's, else the calendar's time zone).
    :raises HttpError: 403 with ``supported-collation`` for an unknown collation.
    """
    return _CalendarMatch(root, default_zone).any_component(query, [root], None)


def match_card(root: Component, query: CardFilter) -> bool:
    """Whether a card matches. ``TEL`` names every TEL, ``item1.TEL`` only the one of that group."""
    checks = (_any_property(prop, root, _never_in_range) for prop in query.prop_filters)
    return not query.prop_filters or _combine(query.test, checks)


class _CalendarMatch:
    """One calendar object under one filter; schedules are made when a time-range first asks for them."""

    def __init__(self, root: Component, default_zone: tzinfo) -> None:
        self._root = root
        self._default_zone = default_zone
        self._schedules: dict[str, Schedule] = {}

    def any_component(self, query: CompFilter, scope: Iterable[Component], parent: Component | None) -> bool:
        """Whether a component of the scope matches (or, with is-not-defined, none has the name)."""
        name = query.name.upper()
        candidates = (component for component in scope if component.name == name)
        if query.is_not_defined:
            return next(candidates, None) is None
        return any(self._component(query, component, parent) for component in candidates)

    def _component(self, query: CompFilter, component: Component, parent: Component | None) -> bool:
        if not (query.prop_filters or query.comp_filters or query.time_range):
            return True
        return _combine(query.test, self._checks(query, component, parent))

    def _checks(self, query: CompFilter, component: Component, parent: Component | None) -> Iterator[bool]:
        """The conditions one after the other, the cheap ones first."""
        for prop in query.prop_filters:
            yield _any_property(prop, component, self._property_in_range)
        for child in query.comp_filters:
            yield self.any_component(child, component.children, component)
        if query.time_range:
            yield self._component_in_range(query.time_range, component, parent)

    def _schedule(self, name: str) -> Schedule:
        if name not in self._schedules:
            self._schedules[name] = Schedule(self._root, name, self._default_zone)
        return self._schedules[name]

    def _component_in_range(self, span: TimeRange, component: Component, parent: Component | None) -> bool:
        if component.name == "VALARM":
            if parent is None or parent.name not in MAIN_COMPONENTS:
                return False
            return alarm_in_range(self._schedule(parent.name), parent, component, span.start, span.end)
        if component.name not in _TIMED_COMPONENTS:
            return False
        return component_in_range(self._schedule(component.name), component, span.start, span.end)

    def _property_in_range(self, line: Line, span: TimeRange) -> bool:
        return property_in_range(line, Zones(self._root, self._default_zone), span.start, span.end)


def _combine(test: Test, checks: Iterable[bool]) -> bool:
    return any(checks) if test is Test.ANYOF else all(checks)


def _never_in_range(line: Line, span: TimeRange) -> bool:
    """CardDAV has no time-range (RFC 6352 10.5.1)."""
    return False


def _any_property(
    query: PropFilter, component: Component, in_range: Callable[[Line, TimeRange], bool]
) -> bool:
    """Whether a property matches (or, with is-not-defined, none has the name)."""
    group, _, name = query.name.upper().rpartition(".")
    lines = [
        line for line in component.lines if line.name == name and (not group or line.group.upper() == group)
    ]
    if query.is_not_defined:
        return not lines
    if not (query.time_range or query.text_matches or query.param_filters):
        return bool(lines)
    return any(_combine(query.test, _property_checks(query, line, in_range)) for line in lines)


def _property_checks(
    query: PropFilter, line: Line, in_range: Callable[[Line, TimeRange], bool]
) -> Iterator[bool]:
    """The conditions of a prop-filter on one property, the cheap ones first."""
    for param in query.param_filters:
        yield _param(param, line)
    for match in query.text_matches:
        yield match_text(match, texts(line))
    if query.time_range:
        yield in_range(line, query.time_range)


def _param(query: ParamFilter, line: Line) -> bool:
    name = query.name.upper()
    if query.is_not_defined:
        return name not in line.params
    if query.text_match is None:
        return name in line.params
    return name in line.params and match_text(query.text_match, param_texts(line, name))


_TESTS: dict[MatchType, Callable[[str, str], bool]] = {
    MatchType.EQUALS: str.__eq__,
    MatchType.CONTAINS: str.__contains__,
    MatchType.STARTS_WITH: str.startswith,
    MatchType.ENDS_WITH: str.endswith,
}


def match_text(match: TextMatch, candidates: Iterable[str]) -> bool:
    """Whether one of the texts matches; with negate-condition, whether none does."""
    needle, test = _needle(match.text, match.collation), _TESTS[match.match_type]
    return any(test(key(text, match.collation), needle) for text in candidates) != match.negate


@lru_cache(maxsize=256)
def _needle(text: str, collation: str) -> str:
    return key(text, collation)
