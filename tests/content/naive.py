"""Independent truth for recurrence rules: walk every day (or second) and ask each BY… part.

Written from RFC 5545 3.3.10 with datetime objects only and without any of the engine's ideas, so that
the two share no mistake. Slow on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import groupby, product

WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
STEPS = {"HOURLY": timedelta(hours=1), "MINUTELY": timedelta(minutes=1), "SECONDLY": timedelta(seconds=1)}


class NaiveRule:
    """A rule as a dictionary of its parts, with DTSTART."""

    def __init__(self, text: str, start: datetime) -> None:
        self.parts = dict(part.split("=") for part in text.split(";"))
        self.start = start
        self.freq = self.parts["FREQ"]
        self.interval = int(self.parts.get("INTERVAL", "1"))
        self.week_start = WEEKDAYS.index(self.parts.get("WKST", "MO"))
        self._add_defaults()

    def _add_defaults(self) -> None:
        chosen = self.parts.keys() & {"BYMONTHDAY", "BYYEARDAY", "BYDAY"}
        if chosen:
            return
        if self.freq == "WEEKLY" or (self.freq == "YEARLY" and "BYWEEKNO" in self.parts):
            self.parts["BYDAY"] = WEEKDAYS[self.start.weekday()]
        elif self.freq in ("MONTHLY", "YEARLY"):
            self.parts["BYMONTHDAY"] = str(self.start.day)
            if self.freq == "YEARLY":
                self.parts.setdefault("BYMONTH", str(self.start.month))

    def numbers(self, name: str) -> list[int]:
        return [int(item) for item in self.parts[name].split(",")] if name in self.parts else []

    def until(self, end: datetime) -> list[datetime]:
        """All occurrences before ``end``; DTSTART always."""
        found = self._sub_daily(end) if self.freq in STEPS else self._by_days(end)
        return sorted({self.start, *(moment for moment in found if self.start <= moment < end)})

    # days

    def week_of(self, day: date) -> date:
        return day - timedelta(days=(day.weekday() - self.week_start) % 7)

    def period_of(self, day: date) -> tuple[int, ...]:
        if self.freq == "YEARLY":
            return (day.year,)
        if self.freq == "MONTHLY":
            return (day.year * 12 + day.month,)
        if self.freq == "WEEKLY":
            return (self.week_of(day).toordinal() // 7,)
        return (day.toordinal(),)

    def _by_days(self, end: datetime) -> Iterator[datetime]:
        first = self.week_of(self.start.date().replace(month=1, day=1))
        days = (date.fromordinal(number) for number in range(first.toordinal(), end.date().toordinal() + 366))
        origin = self.period_of(self.start.date())[0]
        for (number,), group in groupby(days, key=self.period_of):
            if number < origin or (number - origin) % self.interval:
                continue
            moments = [
                datetime.combine(day, clock) for day in group if self.allows(day) for clock in self.times()
            ]
            yield from self.at_positions(moments)

    def times(self) -> list[time]:
        hours = sorted(self.numbers("BYHOUR")) or [self.start.hour]
        minutes = sorted(self.numbers("BYMINUTE")) or [self.start.minute]
        seconds = sorted(self.numbers("BYSECOND")) or [self.start.second]
        return [time(*clock) for clock in product(hours, minutes, seconds)]

    def at_positions(self, moments: list[datetime]) -> list[datetime]:
        positions = self.numbers("BYSETPOS")
        if not positions:
            return moments
        size = len(moments)
        return [
            moment
            for place, moment in enumerate(moments)
            if place + 1 in positions or place - size in positions
        ]

    def allows(self, day: date) -> bool:
        months = self.numbers("BYMONTH")
        if months and day.month not in months:
            return False
        checks = (
            (
                "BYMONTHDAY",
                day.day,
                (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1),
            ),
            ("BYYEARDAY", day.timetuple().tm_yday, date(day.year, 12, 31)),
        )
        for name, number, last in checks:
            wanted = self.numbers(name)
            if wanted and number not in wanted and -((last - day).days + 1) not in wanted:
                return False
        return self._allows_week(day) and self._allows_weekday(day)

    def _allows_week(self, day: date) -> bool:
        wanted = self.numbers("BYWEEKNO")
        if not wanted:
            return True
        week = self.week_of(day)
        year = (week + timedelta(days=3)).year
        number = ((week + timedelta(days=3)).timetuple().tm_yday - 1) // 7 + 1
        following = week
        while (following + timedelta(days=3)).year == year:
            following += timedelta(days=7)
        return number in wanted or -((following - week).days // 7) in wanted

    def _allows_weekday(self, day: date) -> bool:
        if "BYDAY" not in self.parts:
            return True
        for item in self.parts["BYDAY"].split(","):
            name, ordinal = item[-2:], int(item[:-2] or 0)
            if WEEKDAYS[day.weekday()] != name:
                continue
            if ordinal == 0 or self.freq not in ("MONTHLY", "YEARLY"):
                return True
            monthly = self.freq == "MONTHLY" or "BYMONTH" in self.parts
            if self._is_nth(day, ordinal, whole_year=not monthly):
                return True
        return False

    def _is_nth(self, day: date, ordinal: int, *, whole_year: bool) -> bool:
        step, place, other = timedelta(days=7 if ordinal > 0 else -7), 1, day
        while True:
            before = other - step
            if before.year != day.year or (not whole_year and before.month != day.month):
                return place == abs(ordinal)
            place, other = place + 1, before

    # seconds

    def _sub_daily(self, end: datetime) -> Iterator[datetime]:
        step = STEPS[self.freq] * self.interval
        unit = {"HOURLY": {"minute": 0, "second": 0}, "MINUTELY": {"second": 0}, "SECONDLY": {}}[self.freq]
        moment = self.start.replace(**unit)  # type: ignore[arg-type]
        while moment < end:
            if self.allows(moment.date()) and self._allows_time(moment):
                yield from self.at_positions(self._expanded(moment))
            moment += step

    def _allows_time(self, moment: datetime) -> bool:
        limits = {"HOURLY": 1, "MINUTELY": 2, "SECONDLY": 3}[self.freq]
        pairs = [("BYHOUR", moment.hour), ("BYMINUTE", moment.minute), ("BYSECOND", moment.second)]
        return all(number in (self.numbers(name) or [number]) for name, number in pairs[:limits])

    def _expanded(self, moment: datetime) -> list[datetime]:
        minutes = sorted(self.numbers("BYMINUTE")) or [self.start.minute]
        seconds = sorted(self.numbers("BYSECOND")) or [self.start.second]
        if self.freq == "HOURLY":
            return [
                moment.replace(minute=minute, second=second) for minute, second in product(minutes, seconds)
            ]
        if self.freq == "MINUTELY":
            return [moment.replace(second=second) for second in seconds]
        return [moment]
