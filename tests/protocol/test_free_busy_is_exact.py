"""free-busy-query against a diary: busy time that is known before there is an object, half-hour by half-hour.

The diary shares no code with the server: moments are datetime's, zones zoneinfo's, series are counted out.
Each collection is asked three times: as stored, with index rows that tell nothing (those of an older
version), and after ``db reindex``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from davserver.config import CalDavSettings
from davserver.content import index
from davserver.model import Busy, CollectionKind, ItemIndex
from davserver.storage import Store, maintenance
from davserver.storage.schema import item
from tests.content.objects import calendar, component
from tests.davclient import Client

SEEDS = range(4)
SIZE = 160
SLOT = timedelta(minutes=30)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati")
BUSY, TENTATIVE, UNAVAILABLE = "BUSY", "BUSY-TENTATIVE", "BUSY-UNAVAILABLE"


class Words(NamedTuple):
    """What an event says of how it counts, and what that is."""

    lines: tuple[str, ...]
    fbtype: str | None


WORDS = [
    Words((), BUSY),
    Words(("TRANSP:OPAQUE", "STATUS:CONFIRMED", "CLASS:PRIVATE"), BUSY),
    Words(("TRANSP:TRANSPARENT",), None),
    Words(("STATUS:CANCELLED", "TRANSP:OPAQUE"), None),
    Words(("STATUS:TENTATIVE",), TENTATIVE),
    Words(("X-MICROSOFT-CDO-BUSYSTATUS:OOF",), UNAVAILABLE),
    Words(("ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org",), None),
    Words(("ATTENDEE;PARTSTAT=NEEDS-ACTION:MAILTO:Ann@example.org",), TENTATIVE),
    Words(("ATTENDEE;PARTSTAT=DECLINED:mailto:bob@example.org",), BUSY),
    Words(
        (
            "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ann@example.org",
            "ATTENDEE;PARTSTAT=DECLINED:mailto:ann@example.org",
        ),
        BUSY,
    ),
]


@dataclass(frozen=True)
class Entry:
    """A stretch of local time, as an event says it; ``zone`` is "" where it floats, DATE for whole days."""

    start: datetime
    length: timedelta
    zone: str
    words: Words
    with_duration: bool

    def value(self, name: str, moment: datetime) -> str:
        """A property of a moment on this entry's clock."""
        if self.zone == "DATE":
            return f"{name};VALUE=DATE:{moment:%Y%m%d}"
        if self.zone == "UTC":
            return f"{name}:{moment:%Y%m%dT%H%M%SZ}"
        return f"{name}{f';TZID={self.zone}' if self.zone else ''}:{moment:%Y%m%dT%H%M%S}"

    def lines(self) -> tuple[str, ...]:
        """The properties of the event."""
        minutes = self.length // timedelta(minutes=1)
        duration = f"DURATION:P{self.length.days}D" if self.zone == "DATE" else f"DURATION:PT{minutes}M"
        end = duration if self.with_duration else self.value("DTEND", self.start + self.length)
        return self.value("DTSTART", self.start), end, *self.words.lines

    def slots(self, home: ZoneInfo) -> Iterator[tuple[str, datetime]]:
        """The half-hours that are busy, in UTC, each with its type."""
        zone = home if self.zone in ("", "DATE") else ZoneInfo(self.zone)
        moment = self.start.replace(tzinfo=zone).astimezone(UTC)
        end = (self.start + self.length).replace(tzinfo=zone).astimezone(UTC)
        while self.words.fbtype and moment < end:
            yield self.words.fbtype, moment
            moment += SLOT


class Kept(NamedTuple):
    """A body, and the entries that say when it is busy."""

    body: bytes
    entries: list[Entry]


def random_entry(rng: Random, words: Words) -> Entry:
    """In and around 2026; by day, where no clock changes, or whole days."""
    day = date(2026, 1, 1) + timedelta(days=rng.randrange(-60, 420))
    zone = rng.choice((*ZONES, "UTC", "", "DATE", "DATE"))
    if zone == "DATE":
        length = timedelta(days=rng.choice((1, 1, 2, 10)))
        return Entry(datetime.combine(day, time()), length, zone, words, rng.random() < 0.3)
    start = datetime.combine(day, time(rng.randrange(4, 18), rng.choice((0, 30))))
    return Entry(start, SLOT * rng.randrange(8), zone, words, rng.random() < 0.3)


def single(rng: Random, uid: str) -> Kept:
    """An event that happens once, perhaps in no time."""
    entry = random_entry(rng, rng.choice(WORDS))
    return Kept(calendar(component("VEVENT", *entry.lines(), uid=uid)), [entry])


def series(rng: Random, uid: str) -> Kept:
    """A daily or weekly event; of its instances one is excluded, another one has been changed."""
    entry, step, count = random_entry(rng, rng.choice(WORDS)), rng.choice((1, 7, 14)), rng.randrange(2, 40)
    freq = "DAILY" if step == 1 else f"WEEKLY;INTERVAL={step // 7}"
    lines = [*entry.lines(), f"RRULE:FREQ={freq};COUNT={count}"]
    every = [replace(entry, start=entry.start + timedelta(days=step * turn)) for turn in range(count)]
    parts, kept = [], every
    if rng.random() < 0.5:
        gone = rng.randrange(1, count)
        lines.append(entry.value("EXDATE", every[gone].start))
        kept = [one for place, one in enumerate(every) if place != gone]
    if rng.random() < 0.5:
        old = rng.choice(kept)
        moved = replace(old, start=old.start + timedelta(days=rng.choice((0, 3))), words=rng.choice(WORDS))
        identity = entry.value("RECURRENCE-ID", old.start)
        parts = [component("VEVENT", identity, *moved.lines(), uid=uid)]
        kept = [moved if one is old else one for one in kept]
    return Kept(calendar(component("VEVENT", *lines, uid=uid), *parts), kept)


def birthday(rng: Random, uid: str) -> Kept:
    """A whole day of each year."""
    entry = replace(random_entry(rng, rng.choice(WORDS)), zone="DATE", length=timedelta(days=1))
    day = datetime.combine(entry.start.date().replace(day=rng.choice((1, 28))), time())
    every = [replace(entry, start=day.replace(year=year)) for year in range(2020, 2030)]
    body = calendar(component("VEVENT", *every[0].lines(), "RRULE:FREQ=YEARLY", uid=uid))
    return Kept(body, every)


def published(rng: Random, uid: str) -> Kept:
    """A VFREEBUSY of somebody."""
    entries = [
        replace(random_entry(rng, Words((), fbtype)), zone="UTC")
        for fbtype in (BUSY, TENTATIVE, UNAVAILABLE, None)
    ]
    lines = [
        f"FREEBUSY;FBTYPE={one.words.fbtype or 'FREE'}:{one.start:%Y%m%dT%H%M%SZ}/"
        f"{one.start + one.length:%Y%m%dT%H%M%SZ}"
        for one in entries
    ]
    return Kept(calendar(component("VFREEBUSY", *lines, uid=uid)), entries)


def task(rng: Random, uid: str) -> Kept:
    """A task is no busy time."""
    entry = random_entry(rng, Words((), None))
    return Kept(calendar(component("VTODO", entry.lines()[0], uid=uid)), [])


MAKERS = (single, single, single, series, series, birthday, published, task)


def index_of(kind: CollectionKind, body: bytes) -> ItemIndex:
    """The index row, as PUT makes it."""
    return index.of_calendar_object(body, CalDavSettings())


def told(ann: Client, start: datetime, end: datetime) -> Counter[tuple[str, datetime]]:
    """The half-hours of an answer; none may be there twice."""
    span = f'<c:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>'
    answer = ann.report(ann.calendar_home + "x/", f"<c:free-busy-query>{span}</c:free-busy-query>")
    assert answer.status == 200, answer.text
    found: Counter[tuple[str, datetime]] = Counter()
    for fbtype, value in re.findall(r"FREEBUSY;FBTYPE=([A-Z-]+):(.*)", re.sub(r"\r\n ", "", answer.text)):
        for first, last in (period.split("/") for period in value.strip().split(",")):
            moment, stop = (
                datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for text in (first, last)
            )
            while moment < stop:
                found[fbtype, moment] += 1
                moment += SLOT
    return found


def windows(rng: Random) -> Iterator[tuple[datetime, datetime]]:
    """Months, weeks, days, hours."""
    for days in (31, 31, 31, 7, 7, 1, 1, 1 / 24, 365):
        start = datetime(2026, 1, 1, tzinfo=UTC) + SLOT * rng.randrange(48 * 360)
        first = start.replace(day=1, hour=0, minute=0) if days == 31 else start
        yield first, first + timedelta(days=days)


@pytest.mark.parametrize("seed", SEEDS)
def test_free_busy_is_what_the_diary_says(store: Store, ann: Client, seed: int) -> None:
    rng = Random(f"diary {seed}")
    home = rng.choice(ZONES)
    kept = [rng.choice(MAKERS)(rng, f"uid-{number}") for number in range(SIZE)]
    ann.mkcalendar(f"{ann.calendar_home}x/", f"<c:calendar-timezone-id>{home}</c:calendar-timezone-id>")
    for number, one in enumerate(kept):
        assert ann.put(f"{ann.calendar_home}x/{number}.ics", one.body).status == 201
    busy = {slot for one in kept for entry in one.entries for slot in entry.slots(ZoneInfo(home))}
    asked = list(windows(rng))
    truths = [{slot: 1 for slot in busy if start <= slot[1] < end} for start, end in asked]
    assert sum(map(len, truths)) > 1000

    assert [told(ann, *window) for window in asked] == truths
    with store.write() as tx:
        known = {Busy(row[0]) for row in tx.execute(item.select().with_only_columns(item.c.busy))}
        assert known == set(Busy)
        tx.execute(item.update().values(busy=Busy.UNKNOWN.value, summary=""))
    assert [told(ann, *window) for window in asked] == truths
    assert list(maintenance.reindex(store, index_of))[-1] == SIZE
    assert [told(ann, *window) for window in asked] == truths
