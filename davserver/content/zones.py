"""Time zones: TZID → :class:`Zone`, whoever named it, and back to a VTIMEZONE (RFC 5545 3.6.5, RFC 7809).

Belongs here: resolving names, wall clock ↔ UTC with gaps and folds as RFC 5545 3.3.5 wants them,
VTIMEZONE as a source and as an answer. Does not belong here: properties and their values (times).

The idea: a Zone maps integers to integers and remembers the offset of each day it was asked about;
only days with a change of the offset are computed exactly. A known IANA name wins over the object's
own VTIMEZONE (old exports carry old rules), which wins over the default.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from davserver.content.lines import Component
from davserver.content.recur import UNITS, Budget, Recurrence, parse_rule
from davserver.content.stamps import (
    DAY,
    MAX_SECONDS,
    MIN_SECONDS,
    Stamp,
    format_local,
    format_utc_offset,
    from_datetime,
    parse_stamp,
    parse_utc_offset,
    to_datetime,
    year_of,
    year_start,
)
from davserver.content.windows_zones import WINDOWS_ZONES
from davserver.errors import BudgetExceeded, InvalidContent
from davserver.sentences import Sentence

_NAME = re.compile(r"[A-Za-z0-9_+\-]{1,30}(?:/[A-Za-z0-9_+\-]{1,30}){0,3}")
_NO_ZONES = {"posix", "right", "posixrules", "localtime", "factory", "tzdata.zi", "leapseconds"}
_FIRST_SAFE, _LAST_SAFE = MIN_SECONDS + 2 * DAY, MAX_SECONDS - 2 * DAY
"""Nearer to the ends of time datetime overflows when a zone is applied."""
_REMEMBERED_DAYS = 1_500
"""Per zone and direction; with the zones that are kept this bounds the memory to some 30 MiB at worst."""
_CHANGING = 1 << 40
"""Marks a day on which the offset changes."""


class Zone(tzinfo):
    """A time zone over integers: wall-clock seconds and UTC seconds since 1970.

    Inside a gap the offset before it holds, inside a fold the first pass (RFC 5545 3.3.5).
    It is a tzinfo too, so that it can be handed on wherever one is asked for.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._by_local_day: dict[int, int] = {}
        self._by_utc_day: dict[int, int] = {}

    def offset_at_local(self, local: int) -> int:
        """Seconds east of UTC at a wall-clock time."""
        raise NotImplementedError

    def offset_at_utc(self, utc: int) -> int:
        """Seconds east of UTC at a moment."""
        raise NotImplementedError

    def to_utc(self, local: int) -> int:
        """The moment of a wall-clock time."""
        day = local // DAY
        offset = self._by_local_day.get(day)
        if offset is None:
            offset = self._learn(self._by_local_day, day, self.offset_at_local)
        return local - (offset if offset != _CHANGING else self.offset_at_local(local))

    def to_local(self, utc: int) -> int:
        """The wall-clock time of a moment."""
        day = utc // DAY
        offset = self._by_utc_day.get(day)
        if offset is None:
            offset = self._learn(self._by_utc_day, day, self.offset_at_utc)
        return utc + (offset if offset != _CHANGING else self.offset_at_utc(utc))

    def local_bounds(self, utc: int) -> tuple[int, int]:
        """Two wall-clock times between which all lie that :meth:`to_utc` maps to that moment.

        One value unless the offset changes within a day of it.
        """
        offsets = [self.to_local(moment) - moment for moment in (utc - DAY, utc, utc + DAY)]
        return utc + min(offsets), utc + max(offsets)

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """tzinfo's side of it."""
        return timedelta(seconds=self.offset_at_local(from_datetime(dt)) if dt else 0)

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Unknown: an offset is all that a calendar needs."""
        return None

    def tzname(self, dt: datetime | None) -> str:
        """The zone's name."""
        return self.name

    def __repr__(self) -> str:
        return f"<Zone {self.name}>"

    @staticmethod
    def _learn(days: dict[int, int], day: int, offset_at: Callable[[int], int]) -> int:
        first, last = offset_at(day * DAY), offset_at((day + 1) * DAY)
        if len(days) >= _REMEMBERED_DAYS:
            days.clear()
        days[day] = found = first if first == last else _CHANGING
        return found


class FixedZone(Zone):
    """A zone that never changes, above all UTC."""

    def __init__(self, name: str, offset: int) -> None:
        super().__init__(name)
        self._offset = offset

    def offset_at_local(self, local: int) -> int:
        """Always the same."""
        return self._offset

    def offset_at_utc(self, utc: int) -> int:
        """Always the same."""
        return self._offset

    def to_utc(self, local: int) -> int:
        """Without any look-up."""
        return local - self._offset

    def to_local(self, utc: int) -> int:
        """Without any look-up."""
        return utc + self._offset

    def local_bounds(self, utc: int) -> tuple[int, int]:
        """Without any look-up."""
        return utc + self._offset, utc + self._offset


class KnownZone(Zone):
    """A zone of the system's or the tzdata package's IANA database, or any other tzinfo."""

    def __init__(self, name: str, source: tzinfo) -> None:
        super().__init__(name)
        self._source = source
        self._epoch = datetime(1970, 1, 1, tzinfo=source)

    def offset_at_local(self, local: int) -> int:
        """As the database says; near the ends of time the offset of the nearest year."""
        moment = self._epoch + timedelta(0, min(max(local, _FIRST_SAFE), _LAST_SAFE))
        offset = moment.utcoffset()
        return 0 if offset is None else offset.days * DAY + offset.seconds

    def offset_at_utc(self, utc: int) -> int:
        """As the database says; near the ends of time the offset of the nearest year."""
        moment = self._epoch + timedelta(0, min(max(utc, _FIRST_SAFE), _LAST_SAFE))
        offset = self._source.fromutc(moment).utcoffset()
        return 0 if offset is None else offset.days * DAY + offset.seconds


UTC_ZONE: Zone = FixedZone("UTC", 0)
"""UTC; also what floating times are read in where no zone is known."""


class _Onset(NamedTuple):
    """The start of an observance: when (UTC), and the offsets before and after."""

    utc: int
    before: int
    after: int

    @property
    def local(self) -> int:
        """The wall-clock time from which the new offset holds: after the gap, if there is one."""
        return self.utc + max(self.before, self.after)


@dataclass(frozen=True, slots=True)
class _Observance:
    """A STANDARD or DAYLIGHT component; times are wall-clock, in the offset before the onset."""

    before: int
    after: int
    dates: tuple[int, ...]
    recurrence: Recurrence | None

    def onsets(self, low: int, high: int) -> Iterator[_Onset]:
        """Onsets between two wall-clock times, and the last one before them."""
        found = [date for date in self.dates if low <= date < high]
        earlier = [date for date in self.dates if date < low]
        found += self._between(low, high)
        earlier += self._last_before(low)
        for local in {*found, *([max(earlier)] if earlier else [])}:
            yield _Onset(local - self.before, self.before, self.after)

    def _between(self, low: int, high: int) -> list[int]:
        if self.recurrence is None:
            return []
        try:
            return list(islice(self.recurrence.between(low, high, Budget(steps=2_000)), 2_000))
        except BudgetExceeded:
            return []

    def _last_before(self, low: int) -> list[int]:
        """The rule's last onset before ``low``: two years back where rules are yearly, else all."""
        if self.recurrence is None:
            return []
        end = self.recurrence.last()
        low = low if end is None else min(low, end + 1)
        return (self._between(low - 731 * DAY, low) or self._between(self.recurrence.start, low))[-1:]


class CustomZone(Zone):
    """A zone made from a VTIMEZONE: any number of observances with RRULE and RDATE."""

    def __init__(self, name: str, observances: tuple[_Observance, ...]) -> None:
        super().__init__(name)
        self._observances = observances
        self._years: dict[int, tuple[list[_Onset], list[int], list[int]]] = {}

    def offset_at_local(self, local: int) -> int:
        """The offset after the latest onset that lies behind, before the first one what it replaced."""
        onsets, locals_, _ = self._onsets_around(local)
        place = bisect_right(locals_, local)
        return onsets[place - 1].after if place else onsets[0].before

    def offset_at_utc(self, utc: int) -> int:
        """The same for a moment."""
        onsets, _, moments = self._onsets_around(utc)
        place = bisect_right(moments, utc)
        return onsets[place - 1].after if place else onsets[0].before

    def _onsets_around(self, seconds: int) -> tuple[list[_Onset], list[int], list[int]]:
        year = year_of(seconds // DAY)
        if year not in self._years:
            low, high = year_start(year - 1) * DAY, year_start(year + 2) * DAY
            onsets = sorted({onset for item in self._observances for onset in item.onsets(low, high)})
            if not onsets:
                first = min(self._observances, key=lambda item: item.dates[0])
                onsets = [_Onset(first.dates[0] - first.before, first.before, first.after)]
            if len(self._years) > 400:
                self._years.clear()
            self._years[year] = onsets, [onset.local for onset in onsets], [onset.utc for onset in onsets]
        return self._years[year]


@lru_cache(maxsize=64)
def as_zone(source: tzinfo) -> Zone:
    """The Zone of any tzinfo; a Zone stays itself."""
    if isinstance(source, Zone):
        return source
    if source is UTC:
        return UTC_ZONE
    return KnownZone(str(source), source)


@lru_cache(maxsize=128)
def named_zone(name: str) -> Zone | None:
    """The zone of an IANA or Windows name, also one at the end of a path, or None.

    ``/mozilla.org/20050126_1/Europe/Berlin`` is how Lightning wrote it, and Evolution still does.
    """
    text = name.strip().strip('"')
    windows = WINDOWS_ZONES.get(text.lower())
    if windows or text.lower() in ("z", "utc", "tzone://microsoft/utc"):
        return _iana_zone(windows or "Etc/UTC")
    parts = [part for part in text.replace(" ", "_").split("/") if part]
    shortest = 1 if len(parts) == 1 or text.startswith("/") else 2
    for size in range(min(len(parts), 3), shortest - 1, -1):
        zone = _iana_zone("/".join(parts[-size:]))
        if zone:
            return zone
    return None


def known_zone(name: str) -> bool:
    """Whether that is exactly the name of an IANA zone (the ids of RFC 7809)."""
    return _iana_zone(name) is not None


@lru_cache(maxsize=128)
def _iana_zone(name: str) -> Zone | None:
    if not _NAME.fullmatch(name) or name.split("/")[0].lower() in _NO_ZONES:
        return None
    if name in ("UTC", "Etc/UTC", "Zulu", "Etc/Zulu", "UCT", "Universal"):
        return UTC_ZONE
    try:
        return KnownZone(name, ZoneInfo(name))
    except (OSError, ValueError, KeyError):
        return None


class Zones:
    """The zones that one object's TZIDs mean.

    :param root: the VCALENDAR, for its VTIMEZONEs.
    :param default: the zone of floating times and of TZIDs that nobody explains.
    """

    __slots__ = ("_found", "default", "root")

    def __init__(self, root: Component, default: tzinfo = UTC) -> None:
        self.root = root
        self.default = as_zone(default)
        self._found: dict[str, Zone] = {}

    def get(self, tzid: str) -> Zone:
        """The zone of a TZID; never an error."""
        zone = self._found.get(tzid)
        if zone is None:
            zone = self._found[tzid] = named_zone(tzid) or self._own(tzid) or self.default
        return zone

    def _own(self, tzid: str) -> Zone | None:
        for child in self.root.children:
            if child.name == "VTIMEZONE" and (child.value("TZID") or "").strip() == tzid.strip():
                return zone_of_vtimezone(child)
        return None


def calendar_zone(root: Component) -> Zone | None:
    """The zone of a calendar-timezone property: the only VTIMEZONE of a VCALENDAR, or None."""
    for child in root.children:
        if child.name == "VTIMEZONE":
            return named_zone(child.value("TZID") or "") or zone_of_vtimezone(child)
    return None


def zone_of_vtimezone(component: Component) -> Zone | None:
    """The zone that a VTIMEZONE describes, whatever its name; None where it describes none."""
    observances = tuple(
        tuple((line.name, line.value) for line in child.lines)
        for child in component.children
        if child.name in ("STANDARD", "DAYLIGHT")
    )
    return _custom_zone((component.value("TZID") or "").strip(), observances)


@lru_cache(maxsize=64)
def _custom_zone(name: str, observances: tuple[tuple[tuple[str, str], ...], ...]) -> Zone | None:
    try:
        found = tuple(_observance(lines) for lines in observances)
    except InvalidContent:
        return None
    return CustomZone(name, found) if found else None


def _observance(lines: tuple[tuple[str, str], ...]) -> _Observance:
    values = dict(reversed(lines))
    if not {"DTSTART", "TZOFFSETFROM", "TZOFFSETTO"} <= values.keys():
        raise InvalidContent("An observance of a VTIMEZONE lacks DTSTART or an offset.")
    before, start = parse_utc_offset(values["TZOFFSETFROM"]), parse_stamp(values["DTSTART"])
    dates = {_wall_clock(start, before)}
    for name, value in lines:
        if name == "RDATE":
            dates |= {_wall_clock(parse_stamp(item.partition("/")[0]), before) for item in value.split(",")}
    recurrence = None
    if "RRULE" in values and (rule := parse_rule(values["RRULE"])).freq not in UNITS:
        until = None if rule.until is None else _wall_clock(rule.until, before, end=DAY - 1)
        recurrence = Recurrence(rule, start.seconds, until)
    return _Observance(before, parse_utc_offset(values["TZOFFSETTO"]), tuple(sorted(dates)), recurrence)


def _wall_clock(stamp: Stamp, offset: int, *, end: int = 0) -> int:
    """A value in the offset before the onset; UNTIL is in UTC, a DATE means its last second there."""
    return stamp.seconds + (offset if stamp.is_utc else end if stamp.is_date else 0)


# -- a VTIMEZONE for an IANA name ---------------------------------------------------------------

_FIRST_YEAR, _LAST_YEAR = 1970, 2037
_CERTAIN_YEAR = 2026
"""Rules that began later are taken for one-off changes."""
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@lru_cache(maxsize=64)
def vtimezone(tzid: str) -> str:
    """The VTIMEZONE of an IANA zone, CRLF line ends; InvalidContent for an unknown name.

    Where the zone follows one yearly rule today, two observances with an RRULE say it, from the
    year in which that rule began; else the changes to come are listed up to 2037.
    """
    zone = _iana_zone(tzid)
    if zone is None:
        raise InvalidContent(Sentence("Unknown time zone: %(tzid)r", tzid=tzid[:60]))
    onsets = list(_changes(zone))
    lines = _regular(zone, onsets) or _listed(zone, onsets)
    return "".join(f"{line}\r\n" for line in ("BEGIN:VTIMEZONE", f"TZID:{tzid}", *lines, "END:VTIMEZONE"))


def _changes(zone: Zone) -> Iterator[_Onset]:
    """Every change of the offset from 1970 to 2037, found by halving weeks."""
    low, before = year_start(_FIRST_YEAR) * DAY, zone.offset_at_utc(year_start(_FIRST_YEAR) * DAY)
    for moment in range(low, year_start(_LAST_YEAR + 1) * DAY, 7 * DAY):
        after = zone.offset_at_utc(moment + 7 * DAY)
        if after == before:
            continue
        first, last = moment, moment + 7 * DAY
        while last - first > 1:
            middle = (first + last) // 2
            first, last = (first, middle) if zone.offset_at_utc(middle) == after else (middle, last)
        yield _Onset(last, before, after)
        before = after


def _regular(zone: Zone, onsets: list[_Onset]) -> list[str]:
    """Observances with rules, where the last two rules hold until 2037; else nothing."""
    if not onsets or onsets[-1].utc < year_start(_CERTAIN_YEAR) * DAY:
        offset = zone.offset_at_utc(year_start(_LAST_YEAR) * DAY)
        last = onsets[-1] if onsets else _Onset(year_start(_FIRST_YEAR) * DAY - offset, offset, offset)
        return _observance_lines("STANDARD", last, "")
    lines: list[str] = []
    for after in sorted({onset.after for onset in onsets[-2:]}, reverse=True):
        rule, since = _yearly_rule([onset for onset in onsets if onset.after == after])
        if not rule or year_of(since.utc // DAY) >= _CERTAIN_YEAR:
            return []
        lines += _observance_lines(_kind(since), since, f"RRULE:{rule}")
    return lines


def _yearly_rule(onsets: list[_Onset]) -> tuple[str, _Onset]:
    """The rule that the last onsets follow, and the first onset from which on they do."""
    best = "", onsets[-1]
    last = _facts(onsets[-1])
    for rule in _rules_of(onsets[-1]):
        since = onsets[-1]
        for onset, later in zip(reversed(onsets[:-1]), reversed(onsets[1:]), strict=True):
            yearly = year_of(later.utc // DAY) - year_of(onset.utc // DAY) == 1
            if not yearly or rule not in _rules_of(onset) or _facts(onset) != last:
                break
            since = onset
        if since.utc < best[1].utc:
            best = rule, since
    return best


def _facts(onset: _Onset) -> tuple[int, int, int]:
    return (onset.utc + onset.before) % DAY, onset.before, onset.after


def _rules_of(onset: _Onset) -> tuple[str, ...]:
    """The yearly rules that produce that day: the n-th weekday, the last one, on or after a date."""
    moment = to_datetime(onset.utc + onset.before)
    weekday = _WEEKDAYS[moment.weekday()]
    head = f"FREQ=YEARLY;BYMONTH={moment.month};BYDAY="
    last = f"{head}-1{weekday}" if (moment + timedelta(days=7)).month != moment.month else ""
    nth = f"{head}{(moment.day + 6) // 7}{weekday}"
    weeks = (range(day, day + 7) for day in range(max(1, moment.day - 6), moment.day + 1))
    spans = (f"{head}{weekday};BYMONTHDAY={','.join(map(str, week))}" for week in weeks)
    return tuple(filter(None, (last, nth, *spans)))


def _listed(zone: Zone, onsets: list[_Onset]) -> list[str]:
    """Each change of the last years and to come, and the last before it, as observances of its own."""
    border = year_start(_CERTAIN_YEAR - 5) * DAY
    earlier = [onset for onset in onsets if onset.utc < border][-1:]
    lines: list[str] = []
    for onset in earlier + [onset for onset in onsets if onset.utc >= border]:
        lines += _observance_lines(_kind(onset), onset, "")
    return lines


def _kind(onset: _Onset) -> str:
    return "DAYLIGHT" if onset.after > onset.before else "STANDARD"


def _observance_lines(kind: str, onset: _Onset, rule: str) -> list[str]:
    lines = [
        f"BEGIN:{kind}",
        f"DTSTART:{format_local(onset.utc + onset.before)}",
        f"TZOFFSETFROM:{format_utc_offset(onset.before)}",
        f"TZOFFSETTO:{format_utc_offset(onset.after)}",
        rule,
        f"END:{kind}",
    ]
    return [line for line in lines if line]
