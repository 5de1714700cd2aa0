"""What differs between two versions of an object, property by property, for a person who looks back.

Belongs here: which property of which part was added, removed or changed, with readable values. Does not
belong here: words and look, and whether two bodies mean the same to a program (normal).

Components are paired by what identifies them (RECURRENCE-ID, the number of an alarm), properties by their
name; order, folding and letter case of names are no difference. RFC 5545 3.8.4.4, RFC 6350.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from davserver.content.details import text_of
from davserver.content.lines import Component, Line, decode, dump_line, parse_components

TECHNICAL = frozenset(
    {"DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", "PRODID", "VERSION", "REV", "UID", "CALSCALE"}
)
"""Properties that programs keep for themselves."""

_LONGEST = 5000


@dataclass(frozen=True, slots=True)
class Change:
    """What became of the properties of one name in one part of the object.

    ``part`` is the component's name, ``instance`` the RECURRENCE-ID of an override, "" for the master.
    ``before`` and ``after`` are the values that the other version does not have.
    """

    part: str
    instance: str
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def technical(self) -> bool:
        """Whether people can do without it."""
        return self.name in TECHNICAL or self.name.startswith("X-") or self.part == "VTIMEZONE"


Key = tuple[str, str, int]


def differences(before: bytes | None, after: bytes | None) -> list[Change]:
    """The changes from one body to the other; None stands for one that was not there.

    :raises InvalidContent: where a body cannot be parsed.
    """
    old, new = _parts(before), _parts(after)
    changes: list[Change] = []
    for key in dict.fromkeys((*old, *new)):
        changes += _changes(key, old.get(key, []), new.get(key, []))
    return sorted(changes, key=lambda one: one.technical)


def _parts(body: bytes | None) -> dict[Key, list[Line]]:
    """The lines of each part of an object."""
    found: dict[Key, list[Line]] = {}
    if body is None:
        return found
    for root in parse_components(decode(body)):
        for key, component in _keyed(root, "", Counter()):
            found[key] = component.lines
    return found


def _keyed(
    component: Component, instance: str, counts: Counter[tuple[str, str]]
) -> Iterator[tuple[Key, Component]]:
    own = component.first("RECURRENCE-ID")
    instance = own.value.strip() if own else component.value("TZID") or instance
    counts[component.name, instance] += 1
    yield (component.name, instance, counts[component.name, instance]), component
    for child in component.children:
        yield from _keyed(child, instance, counts)


def _changes(key: Key, old: list[Line], new: list[Line]) -> Iterator[Change]:
    for name in dict.fromkeys(line.name for line in (*old, *new)):
        before = Counter(dump_line(line) for line in old if line.name == name)
        after = Counter(dump_line(line) for line in new if line.name == name)
        if before != after:
            gone = [line for line in old if line.name == name and dump_line(line) in before - after]
            come = [line for line in new if line.name == name and dump_line(line) in after - before]
            yield Change(key[0], key[1], name, _shown(gone, come), _shown(come, gone))


def _shown(some: list[Line], others: list[Line]) -> tuple[str, ...]:
    """Readable values; with parameters where only these differ."""
    texts = {_text(line) for line in others}
    return tuple(dump_line(line)[:_LONGEST] if _text(line) in texts else _text(line) for line in some)


def _text(line: Line) -> str:
    if line.name in ("PHOTO", "LOGO", "SOUND", "KEY", "ATTACH"):
        size = len(line.value) * 3 // 4
        is_inline = line.value[:5].lower() == "data:" or "ENCODING" in line.params
        return f"({size} bytes)" if is_inline else line.value[:_LONGEST]
    text = text_of(line)
    tzid = line.param("TZID")
    return (f"{text} ({tzid})" if tzid else text)[:_LONGEST]
