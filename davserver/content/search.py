"""The search text kept beside an item, and what a filter can tell from it without the body.

One line for each searchable property, ``\\nNAME:value``: the value unescaped, its line breaks as U+001F
(no body may hold that character), everything under i;unicode-casemap; sorted, with ``\\n`` at the end.
``NAME~:`` in place of ``NAME:`` says that the value was cut. A first line ``\\n*:`` holds remarks:
``C`` some value was cut (it comes first), ``U`` some value is not ASCII, ``M`` the object has several
components besides VTIMEZONE (overrides).

Belongs here: writing that text, :func:`prefilter` (a necessary condition for SQL) and :func:`decide`
(the exact answer where the row alone has it). Does not belong here: SQL, and any look at a body.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from davserver.content.collations import ASCII_CASEMAP, OCTET, UNICODE_CASEMAP, unicode_casemap
from davserver.content.filters import (
    MAIN_COMPONENTS,
    CardFilter,
    CompFilter,
    MatchType,
    PropFilter,
    Test,
    TextMatch,
    TimeRange,
    match_text,
)
from davserver.content.instances import local_windows
from davserver.content.lines import Component, Line
from davserver.content.minimizers import telling
from davserver.content.times import as_zone
from davserver.content.values import LISTS, STRUCTURES, whole_text
from davserver.model import ItemIndex, Timing

CUT = 200
"""Characters kept of a value: enough for what people search, little enough to store beside each item."""

MOST_LINES = 50
"""Lines kept of one property; an event with a thousand attendees must not have a search text of its size."""

CALENDAR_PROPERTIES = frozenset(
    {"ATTENDEE", "CATEGORIES", "CLASS", "COMMENT", "COMPLETED", "CONTACT", "DESCRIPTION", "LOCATION"}
    | {"ORGANIZER", "PRIORITY", "RELATED-TO", "RESOURCES", "STATUS", "SUMMARY", "TRANSP", "UID", "URL"}
)
"""The properties of a calendar component that are searchable here. Of a card all are, by text or, for
:data:`CARD_BINARIES`, by their presence."""

CARD_BINARIES = frozenset({"PHOTO", "LOGO", "SOUND", "KEY"})

_BREAK = "\x1f"


def calendar_search(components: Iterable[Component]) -> str:
    """The search text of a calendar object, from its components other than VTIMEZONE."""
    parts = list(components)
    lines = [line for part in parts for line in part.lines if line.name in CALENDAR_PROPERTIES]
    return _search_text(lines, "M" if len(parts) > 1 else "")


def card_search(card: Component) -> str:
    """The search text of a card."""
    return _search_text(card.lines, "")


def _search_text(lines: Iterable[Line], remarks: str) -> str:
    entries = sorted(_entry(line) for line in lines)
    if len(entries) > MOST_LINES:
        entries = _shorten(entries)
    text = "".join(entries)
    if not text.isascii():
        remarks += "U"
    if "~:" in text:
        remarks = f"C{remarks}"
    return f"{_REMARKS}{remarks}{unicode_casemap(text)}\n" if remarks else f"{unicode_casemap(text)}\n"


_REMARKS = "\n*:"
CUT_MARK = f"{_REMARKS}C"
"""What the search text begins with if some value was cut."""


def _entry(line: Line) -> str:
    if line.name in CARD_BINARIES:
        return f"\n{line.name}~:"
    value = line.value
    if "\\" in value:
        value = whole_text(line).replace("\n", _BREAK)
    return f"\n{line.name}:{value}" if len(value) <= CUT else f"\n{line.name}~:{value[:CUT]}"


def _shorten(entries: list[str]) -> list[str]:
    """At most MOST_LINES entries of one property, then one that says there are more."""
    kept: list[str] = []
    counts: dict[str, int] = {}
    for entry in entries:
        name = entry[1 : entry.index(":")].removesuffix("~")
        counts[name] = counts.get(name, 0) + 1
        if counts[name] <= MOST_LINES:
            kept.append(entry)
        elif counts[name] == MOST_LINES + 1:
            kept.append(f"\n{name}~:")
    return kept


def lines_of(search: str, name: str) -> str:
    """The lines of one property in a search text; empty where there is none."""
    lines = [f"\n{name}~:{value}" if cut else f"\n{name}:{value}" for value, cut in _entries(search, name)]
    return "".join((*lines, "\n")) if lines else ""


def _entries(search: str, name: str) -> list[tuple[str, bool]]:
    """Folded value and whether it was cut, of each property of that name."""
    found = []
    for mark in (f"\n{name}:", f"\n{name}~:"):
        start = search.find(mark)
        while start >= 0:
            start += len(mark)
            end = search.index("\n", start)
            found.append((search[start:end], mark[-2] == "~"))
            start = search.find(mark, end)
    return found


@dataclass(frozen=True, slots=True)
class HasComponent:
    """The row's component is ``name``."""

    name: str


@dataclass(frozen=True, slots=True)
class InWindow:
    """The row's first < ``end`` and its last > ``start``; a missing bound on either side is true."""

    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class HasText:
    """The row's search text contains ``needle`` or ``cut``, byte for byte: in lines of the property ``name``,
    but who looks at all lines finds no row too few."""

    name: str
    needle: str

    @property
    def cut(self) -> str:
        """How a line of the property begins whose value was cut."""
        return f"\n{self.name}~:"


@dataclass(frozen=True, slots=True)
class UidIs:
    """The row's uid is ``text``, byte for byte."""

    text: str


@dataclass(frozen=True, slots=True)
class UidHasParts:
    """The minimizers of the row's folded uid include these, as they do if it contains what they come from."""

    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All parts hold; without parts: true."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part holds; without parts: false."""

    parts: tuple[Condition, ...]


Condition = HasComponent | InWindow | HasText | UidIs | UidHasParts | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Prefilter:
    """What SQL can do for a filter.

    ``condition`` holds for every item that matches; None: nothing is known, every row is a candidate.
    ``exact``: it holds for no other item, if the row's timing is EXACT wherever an InWindow took part. So
    those rows need neither :func:`decide` nor their search text. All other candidates need both, and the
    body where decide() does not know.
    """

    condition: Condition | None
    exact: bool = False


def prefilter(query: CompFilter | CardFilter) -> Prefilter:
    """A necessary condition in terms of the index row, and whether it is sufficient too."""
    if isinstance(query, CardFilter):
        parts = [_property_condition(prop) for prop in query.prop_filters]
        return Prefilter(_all_or_any(query.test, parts) if parts else None, not parts)
    if query.name.upper() != "VCALENDAR" or query.is_not_defined:
        return Prefilter(AnyOf(()), exact=True)
    parts = [_component_condition(child) for child in query.comp_filters]
    parts += [None] * (len(query.prop_filters) + (query.time_range is not None))
    plain = not query.prop_filters and query.time_range is None
    exact = plain and all(_has_only_time(child) for child in query.comp_filters)
    return Prefilter(_all_or_any(query.test, parts) if parts else None, exact)


def _has_only_time(query: CompFilter) -> bool:
    plain = not (query.is_not_defined or query.prop_filters or query.comp_filters)
    return plain and query.name.upper() in MAIN_COMPONENTS


def _all_or_any(test: Test, parts: list[Condition | None]) -> Condition | None:
    """The combination of necessary conditions, None standing for one that says nothing."""
    known = tuple(part for part in parts if part is not None)
    if not known or (test is Test.ANYOF and len(known) < len(parts)):
        return None
    if len(known) == 1:
        return known[0]
    return AnyOf(known) if test is Test.ANYOF else AllOf(known)


def _component_condition(query: CompFilter) -> Condition | None:
    name = query.name.upper()
    if query.is_not_defined or name not in MAIN_COMPONENTS:
        return None
    parts: list[Condition | None] = [
        _property_condition(prop, CALENDAR_PROPERTIES) for prop in query.prop_filters
    ]
    parts += [None] * len(query.comp_filters)
    if query.time_range:
        parts.append(InWindow(query.time_range.start, query.time_range.end))
    inner = _all_or_any(query.test, parts) if parts else None
    return HasComponent(name) if inner is None else AllOf((HasComponent(name), inner))


def _property_condition(query: PropFilter, searchable: frozenset[str] | None = None) -> Condition | None:
    """``searchable`` None: every name is."""
    name = query.name.upper().rpartition(".")[2]
    if query.is_not_defined or (searchable is not None and name not in searchable):
        return None
    texts = [_text_condition(name, match) for match in query.text_matches]
    others = len(query.param_filters) + (query.time_range is not None)
    present = HasText(name, f"\n{name}:")
    if not texts or (others and query.test is Test.ANYOF):
        return present
    return _all_or_any(query.test, [present if text is None else text for text in texts])


def _text_condition(name: str, match: TextMatch) -> Condition | None:
    if match.negate:
        return None
    needle = _fold(match.text)
    if name == "UID" and (condition := _uid_condition(match, needle)):
        return condition
    if name not in LISTS and name not in STRUCTURES:
        needle = _ANCHORED[match.match_type].format(name=name, needle=needle)
    return HasText(name, needle)


def _uid_condition(match: TextMatch, needle: str) -> Condition | None:
    if match.collation == OCTET and match.match_type is MatchType.EQUALS:
        return UidIs(match.text)
    parts = telling(needle)
    return UidHasParts(tuple(parts)) if parts else None


_ANCHORED = {
    MatchType.CONTAINS: "{needle}",
    MatchType.EQUALS: "\n{name}:{needle}\n",
    MatchType.STARTS_WITH: "\n{name}:{needle}",
    MatchType.ENDS_WITH: "{needle}\n",
}


def _fold(text: str) -> str:
    return unicode_casemap(text.replace("\r\n", "\n").replace("\n", _BREAK))


def decide(query: CompFilter | CardFilter, row: ItemIndex, zone: tzinfo | None = None) -> bool | None:
    """Whether the item of this row matches; None where only its body can tell.

    Series are left to the body unless they lie outside the window altogether; so are floating times without
    the zone that places them.
    """
    if isinstance(query, CardFilter):
        card = _Searched(row, None, zone)
        found = [card.property(prop) for prop in query.prop_filters]
        return _combine(query.test, found) if found else True
    if query.name.upper() != "VCALENDAR" or query.is_not_defined:
        return False
    searched = _Searched(row, CALENDAR_PROPERTIES, zone)
    answers = [searched.component(child) for child in query.comp_filters]
    answers += [None] * (len(query.prop_filters) + (query.time_range is not None))
    return _combine(query.test, answers) if answers else True


def _combine(test: Test, answers: list[bool | None]) -> bool | None:
    """all() or any() over answers of which some are unknown."""
    decisive = test is Test.ANYOF
    if decisive in answers:
        return decisive
    return None if None in answers else not decisive


class _Searched:
    """One index row, asked by one filter."""

    def __init__(self, row: ItemIndex, searchable: frozenset[str] | None, zone: tzinfo | None) -> None:
        self._row = row
        self._zone = zone
        self._searchable = searchable
        remarks = ""
        if row.search.startswith(_REMARKS):
            remarks = row.search[len(_REMARKS) : row.search.index("\n", 1)]
        self._several = "M" in remarks
        self._ascii = "U" not in remarks

    def component(self, query: CompFilter) -> bool | None:
        """A comp-filter directly below VCALENDAR."""
        name = query.name.upper()
        if name not in MAIN_COMPONENTS:
            return None
        if name != self._row.component or query.is_not_defined:
            return query.is_not_defined and name != self._row.component
        answers = [self.property(prop) for prop in query.prop_filters]
        answers += [None] * len(query.comp_filters)
        if query.time_range:
            answers.append(self._in_window(query.time_range))
        if not answers:
            return True
        answer = _combine(query.test, answers)
        # With overrides, one component must meet all conditions: together they say only that it may be so.
        unsure = answer and self._several and query.test is Test.ALLOF and len(answers) > 1
        return None if unsure else answer

    def _in_window(self, span: TimeRange) -> bool | None:
        row = self._row
        if row.timing is Timing.FLOATING and self._zone is not None:
            widest, narrowest = local_windows(span.start, span.end, as_zone(self._zone))
            if not _overlaps(row, *widest):
                return False
            return True if widest == narrowest or _overlaps(row, *narrowest) else None
        slack = 0 if row.timing is Timing.EXACT else _LONGEST_OFFSET
        before = span.end is not None and row.first is not None and row.first - slack >= span.end
        after = span.start is not None and row.last is not None and row.last + slack <= span.start
        if before or after:
            return False
        return True if row.timing is Timing.EXACT else None

    def property(self, query: PropFilter) -> bool | None:
        """A prop-filter on the component or the card."""
        group, _, name = query.name.upper().rpartition(".")
        if self._searchable is not None and name not in self._searchable:
            return None
        entries = _entries(self._row.search, name)
        if query.is_not_defined:
            # Of several components, another one may be without it.
            return True if not entries else (None if self._several or group else False)
        if not entries:
            return False
        if group:
            return None
        answers = [self._entry(query, name, value, cut) for value, cut in entries]
        return _combine(Test.ANYOF, answers)

    def _entry(self, query: PropFilter, name: str, value: str, cut: bool) -> bool | None:
        answers: list[bool | None] = [None] * (len(query.param_filters) + (query.time_range is not None))
        for match in query.text_matches:
            if name == "UID":
                answers.append(match_text(match, [self._row.uid]))
            else:
                answers.append(self._text(match, name, value, cut))
        return _combine(query.test, answers) if answers else True

    def _text(self, match: TextMatch, name: str, value: str, cut: bool) -> bool | None:
        answer = _match_folded(match, name, value, cut)
        if answer and not self._same_as_unicode(match.collation):
            answer = None
        return answer if answer is None else answer != match.negate

    def _same_as_unicode(self, collation: str) -> bool:
        """Whether a match under i;unicode-casemap is one under this collation, too."""
        return collation == UNICODE_CASEMAP or (collation == ASCII_CASEMAP and self._ascii)


def _overlaps(row: ItemIndex, start: int | None, end: int | None) -> bool:
    after = start is None or row.last is None or row.last > start
    return after and (end is None or row.first is None or row.first < end)


_LONGEST_OFFSET = 16 * 3600
"""Seconds by which a floating time can be off UTC: no zone is or was farther."""


def _match_folded(match: TextMatch, name: str, value: str, cut: bool) -> bool | None:
    """A text-match without its negation, on one value kept under i;unicode-casemap."""
    needle, kind = _fold(match.text), match.match_type
    inside = needle in value
    if kind is MatchType.CONTAINS:
        return True if inside else (None if cut else False)
    if name in LISTS or name in STRUCTURES or cut:
        return None if inside or cut else False
    return match_text(TextMatch(needle, OCTET, match_type=kind), [value])
