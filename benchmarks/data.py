"""The data set: calendar objects and cards from a seed, each with the truth that answers are checked against.

Rules: pure functions of (seed, index); no I/O, no clock. A larger set begins with the same objects as a
smaller one. The first ``CORE`` objects are the only ones in ``QUIET``, a month whose answer is therefore
equally large at every size, although all endless series go on through it. All-day events keep away from
the ends of a month, so no answer depends on the zone a server gives to floating times.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

SEED = 7
CORE = 40
"""Half of these are single events in the quiet month, half endless weekly series."""

RARE_CARDS = 20
"""So many cards, at every size, bear the name ``RARE``."""

RARE, COMMON = "Quixotl", "Hartmann"
ENDLESS_UNTIL = datetime(2033, 1, 1, tzinfo=UTC)
"""Occurrences of endless series are listed up to here; no workload asks for later ones."""

BERLIN = ZoneInfo("Europe/Berlin")
VTIMEZONE = """BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19961027T030000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19810329T020000
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
END:DAYLIGHT
END:VTIMEZONE"""

TITLE_WORDS = """Absprache Werkstatt invoice Frühstück planning Elternabend review Zahnarzt swimming Chor
handover déjeuner Besichtigung payroll Probe garden Übung flight interview Stammtisch standup Lieferung"""
GIVEN_NAMES = "Aylin Bastian Chiara Dmitri Élodie Finn Greta Hüseyin Ines Jonas Kübra Leonie Mateo Nils"
FAMILY_NAMES = "Seidel Özdemir Lindgren Novák Petit Baumann Okafor Rossi Jansen Vogt Engel"
WORDS, GIVEN, FAMILY = TITLE_WORDS.split(), GIVEN_NAMES.split(), [COMMON, *FAMILY_NAMES.split()]

Instance = tuple[datetime, datetime]
"""Start and end of one occurrence, UTC."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time range, UTC, half open."""

    start: datetime
    end: datetime

    @property
    def attributes(self) -> str:
        """As the attributes of a time-range element."""
        return f'start="{stamp(self.start)}" end="{stamp(self.end)}"'

    def touches(self, instance: Instance) -> bool:
        """Whether an occurrence with a duration overlaps."""
        return instance[0] < self.end and instance[1] > self.start


def month(year: int, number: int) -> Span:
    """One calendar month."""
    later = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    return Span(datetime(year, number, 1, tzinfo=UTC), later)


QUIET = month(2031, 2)
BUSY = [month(2022, 10), month(2023, 5), month(2024, 3), month(2025, 7), month(2026, 1)]
YEAR = Span(datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Item:
    """A calendar object or a card, and what is true of it."""

    name: str
    uid: str
    title: str
    """Its SUMMARY or FN."""
    component: str
    body: bytes
    instances: tuple[Instance, ...] = ()
    opaque: bool = True

    @property
    def content_type(self) -> str:
        return "text/vcard; charset=utf-8" if self.component == "VCARD" else "text/calendar; charset=utf-8"


class DataSet:
    """The objects of one size, and the answers that are right for them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.objects = [calendar_object(index) for index in range(size)]
        self.cards = [card(index) for index in range(size)]
        self._during: dict[Span, dict[str, int]] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of all calendar objects."""
        return frozenset(item.name for item in self.objects)

    @cached_property
    def events(self) -> Sequence[Item]:
        """The objects that are events."""
        return [item for item in self.objects if item.component == "VEVENT"]

    def during(self, span: Span) -> dict[str, int]:
        """Name → number of occurrences in the span, for the events that have any."""
        if span not in self._during:
            counts = {item.name: sum(map(span.touches, item.instances)) for item in self.events}
            self._during[span] = {name: count for name, count in counts.items() if count}
        return self._during[span]

    def busy(self, span: Span) -> list[Instance]:
        """Merged busy time, clipped to the span."""
        taken = (i for item in self.events if item.opaque for i in item.instances if span.touches(i))
        return merged((max(start, span.start), min(end, span.end)) for start, end in taken)


def merged(periods: Iterator[Instance]) -> list[Instance]:
    """Sorted periods, those that touch each other joined."""
    result: list[Instance] = []
    for start, end in sorted(periods):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def stamp(moment: datetime) -> str:
    """A UTC moment as iCalendar writes it."""
    return moment.strftime("%Y%m%dT%H%M%SZ")


def calendar_object(index: int, edition: str = "") -> Item:
    """The calendar object of an index; another edition has the same UID and times and another title."""
    rng = random.Random(f"{SEED} calendar {index}")
    if index < CORE // 2:
        return _event(index, rng, edition, _quiet_start(index), "")
    if index < CORE:
        return _series(index, rng, edition, "WEEKLY;FOREVER")
    draw = rng.random()
    for share, kind in _KINDS:
        if draw < share:
            return _series(index, rng, edition, kind)
        draw -= share
    if draw < 0.05:
        return _todo(index, rng, edition)
    if draw < 0.15:
        return _all_day(index, rng, edition)
    return _event(index, rng, edition, _start(rng), "")


_KINDS = (
    (0.05, "YEARLY;FOREVER"),
    (0.03, "MONTHLY;INTERVAL=6;FOREVER"),
    (0.03, "WEEKLY"),
    (0.015, "DAILY"),
    (0.015, "WEEKLY;INTERVAL=2"),
)
"""Share of the objects → rule. What is left is todos, all-day events and, mostly, single events."""


def new_object(key: str) -> Item:
    """An object that is not in the data set, for PUT; far from every span that is asked for."""
    rng = random.Random(f"{SEED} new {key}")
    start = datetime(2012, rng.randint(1, 12), rng.randint(1, 28), 15)
    uid, title = f"new-{key}", f"New {key}"
    lines = [*_head("VEVENT", uid, title, rng), *_times(start, timedelta(hours=1), BERLIN)]
    return Item(f"{uid}.ics", uid, title, "VEVENT", _calendar(lines))


def _quiet_start(index: int) -> datetime:
    return QUIET.start.replace(tzinfo=None) + timedelta(days=1 + index, hours=8 + index % 9)


def _start(rng: random.Random) -> datetime:
    day = datetime(2020, 1, 1) + timedelta(days=rng.randrange(3600))
    return day + timedelta(hours=rng.randint(7, 18), minutes=rng.choice((0, 15, 30)))


def _event(index: int, rng: random.Random, edition: str, start: datetime, rule: str) -> Item:
    """A single event, or the series of a rule."""
    uid, title = _identity(index, rng, edition)
    length = timedelta(minutes=rng.choice((30, 45, 60, 120)))
    zone = BERLIN if rng.random() < 0.8 else None
    head = _head("VEVENT", uid, title, rng)
    starts, extra, moved = _occurrences(start, rule, rng)
    lines = [*head, *_times(start, length, zone), *([f"RRULE:FREQ={rule}"] if rule else [])]
    lines += [_when("EXDATE", gone, zone) for gone in extra]
    blocks = [lines]
    for original in moved:
        later = original + timedelta(hours=2)
        blocks.append([*head, _when("RECURRENCE-ID", original, zone), *_times(later, length, zone)])
        starts = [later if start == original else start for start in starts]
    instances = tuple(_instance(begin, length, zone) for begin in starts)
    return Item(f"{uid}.ics", uid, title, "VEVENT", _calendar(*blocks), instances)


def _series(index: int, rng: random.Random, edition: str, kind: str) -> Item:
    """A recurring event. Only the endless weekly ones fall into the quiet month."""
    start = _start(rng)
    frequency, endless, _ = kind.partition(";FOREVER")
    if not endless:
        finite = start.replace(year=min(start.year, 2028), day=min(start.day, 28))
        return _event(index, rng, edition, finite, f"{frequency};COUNT={rng.randint(4, 50)}")
    months = {"YEARLY": range(4, 12), "MONTHLY;INTERVAL=6": (4, 5, 6, 10, 11, 12)}.get(frequency)
    if months:
        start = start.replace(month=rng.choice(months), day=rng.randint(1, 28))
    return _event(index, rng, edition, start, frequency)


def _occurrences(
    start: datetime, rule: str, rng: random.Random
) -> tuple[list[datetime], list[datetime], list[datetime]]:
    """All starts in local time, those excluded, those that an override moves by two hours."""
    starts = list(_starts(start, rule))
    if len(starts) < 4 or "YEARLY" in rule:
        return starts, [], []
    gone = [starts[2]] if rng.random() < 0.4 else []
    moved = [starts[3]] if rng.random() < 0.3 else []
    return [begin for begin in starts if begin not in gone], gone, moved


def _starts(start: datetime, rule: str) -> Iterator[datetime]:
    frequency, _, rest = rule.partition(";")
    parts = dict(part.split("=") for part in rest.split(";") if part)
    interval = int(parts.get("INTERVAL", 1))
    days, months = {"DAILY": (1, 0), "WEEKLY": (7, 0), "MONTHLY": (0, 1), "YEARLY": (0, 12)}.get(
        frequency, (0, 0)
    )
    for number in range(int(parts.get("COUNT", 10_000)) if rule else 1):
        moment = _later(start + timedelta(days=days * interval * number), months * interval * number)
        if moment >= ENDLESS_UNTIL.replace(tzinfo=None):
            return
        yield moment


def _later(moment: datetime, months: int) -> datetime:
    """The same day some months later; the days of such series end with the 28th."""
    if not months:
        return moment
    years, index = divmod(moment.month - 1 + months, 12)
    return moment.replace(year=moment.year + years, month=index + 1)


def _all_day(index: int, rng: random.Random, edition: str) -> Item:
    uid, title = _identity(index, rng, edition)
    day = _start(rng).replace(day=rng.randint(3, 24), hour=0, minute=0)
    end = day + timedelta(days=rng.randint(1, 2))
    dates = [f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{end:%Y%m%d}", "TRANSP:TRANSPARENT"]
    body = _calendar([*_head("VEVENT", uid, title, rng), *dates])
    instance = (day.replace(tzinfo=UTC), end.replace(tzinfo=UTC))
    return Item(f"{uid}.ics", uid, title, "VEVENT", body, (instance,), opaque=False)


def _todo(index: int, rng: random.Random, edition: str) -> Item:
    uid, title = _identity(index, rng, edition)
    due = [_when("DUE", _start(rng), BERLIN), f"PRIORITY:{rng.randint(1, 9)}"]
    body = _calendar([*_head("VTODO", uid, title, rng), *due])
    return Item(f"{uid}.ics", uid, title, "VTODO", body)


def _identity(index: int, rng: random.Random, edition: str) -> tuple[str, str]:
    title = " ".join(rng.choices(WORDS, k=3))
    return f"{index:06d}-{rng.getrandbits(48):012x}", f"{title} {edition}".strip()


def _head(component: str, uid: str, title: str, rng: random.Random) -> list[str]:
    lines = [f"BEGIN:{component}", f"UID:{uid}", "DTSTAMP:20240601T080000Z", f"SUMMARY:{title}"]
    if rng.random() < 0.6:
        lines.append("DESCRIPTION:" + " ".join(rng.choices(WORDS, k=rng.randint(10, 200))))
    if component == "VEVENT" and rng.random() < 0.25:
        lines.append("ORGANIZER;CN=Chair:mailto:chair@club.example")
        for number in range(rng.randint(1, 8)):
            person = f"CN={rng.choice(GIVEN)} {rng.choice(FAMILY)}"
            lines.append(f"ATTENDEE;{person};PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:guest{number}@club.example")
    if rng.random() < 0.5:
        lines += ["BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Soon", "TRIGGER:-PT15M", "END:VALARM"]
    return lines


def _times(start: datetime, length: timedelta, zone: ZoneInfo | None) -> list[str]:
    return [_when("DTSTART", start, zone), _when("DTEND", start + length, zone)]


def _when(name: str, moment: datetime, zone: ZoneInfo | None) -> str:
    text = moment.strftime("%Y%m%dT%H%M%S")
    return f"{name};TZID={zone.key}:{text}" if zone else f"{name}:{text}Z"


def _instance(start: datetime, length: timedelta, zone: ZoneInfo | None) -> Instance:
    begin = start.replace(tzinfo=zone or UTC).astimezone(UTC)
    return begin, begin + length


def _calendar(*blocks: list[str]) -> bytes:
    """An object of components, with the zone's definition where one is named."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//davserver benchmarks//EN"]
    if any("TZID=" in line for block in blocks for line in block):
        lines += VTIMEZONE.splitlines()
    for block in blocks:
        lines += [*_alarms_last(block), block[0].replace("BEGIN", "END")]
    return _folded([*lines, "END:VCALENDAR"])


def _alarms_last(block: list[str]) -> list[str]:
    """Properties stand before the components inside (RFC 5545 3.6)."""
    if "BEGIN:VALARM" not in block:
        return block
    first, behind = block.index("BEGIN:VALARM"), block.index("END:VALARM") + 1
    return block[:first] + block[behind:] + block[first:behind]


def card(index: int) -> Item:
    """The card of an index: vCard 3.0, one in twenty with a photo of 15 kB."""
    rng = random.Random(f"{SEED} card {index}")
    uid = f"{index:06d}-{rng.getrandbits(48):012x}"
    given, family = rng.choice(GIVEN), RARE if index < RARE_CARDS else rng.choice(FAMILY)
    name = f"{given} {family} {index}"
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{name}", f"N:{family};{given};;;"]
    lines += [f"EMAIL;TYPE={kind}:{given}.{index}@{kind}.example" for kind in ("home", "work")]
    lines += [f"TEL;TYPE=cell:+49 {rng.randrange(10**10)}", f"ORG:{' '.join(rng.choices(WORDS, k=2))}"]
    if rng.random() < 0.5:
        lines.append(f"ADR;TYPE=home:;;{rng.choice(FAMILY)}weg {rng.randint(1, 99)};Kiel;;24103;Germany")
    if rng.random() < 0.3:
        lines.append("NOTE:" + " ".join(rng.choices(WORDS, k=30)))
    if rng.random() < 0.05:
        picture = b"\xff\xd8\xff\xe0" + rng.randbytes(15_000)
        lines.append("PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(picture).decode())
    return Item(f"{uid}.vcf", uid, name, "VCARD", _folded([*lines, "END:VCARD"]))


def _folded(lines: list[str]) -> bytes:
    """Content lines, folded after at most 75 octets (RFC 5545 3.1), never inside a character."""
    return b"".join(piece for line in lines for piece in _pieces(line.encode()))


def _pieces(line: bytes) -> Iterator[bytes]:
    lead = b""
    while len(lead) + len(line) > 75:
        cut = 75 - len(lead)
        while line[cut] & 0xC0 == 0x80:
            cut -= 1
        yield lead + line[:cut] + b"\r\n"
        lead, line = b" ", line[cut:]
    yield lead + line + b"\r\n"
