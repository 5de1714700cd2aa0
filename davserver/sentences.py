"""Sentences for people: an English msgid with the values that it holds, to be said in any language.

    raise HttpError(404, Sentence("There is no account %(name)s.", name=name))

A Sentence is a str, its English text: DAV, JSON, the command line and the log need not know that it is more.
The pages say it in the language of whoever looks (``admin.language.said``). A value may be a Sentence itself.

A literal without values needs no Sentence where it is handed to an error; ``tests/catalogs.py`` knows these
places. A text for people is never an f-string: no catalog could have it (``tests/test_architecture.py``).
In the database a Sentence is JSON with msgid and values; a plain text is stored and read as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

_MARK = '{"msgid": '


class Sentence(str):
    """A text in English that knows its msgid, with ``%(name)s`` for each value. ``str()`` of it is itself."""

    __slots__ = ("msgid", "values")
    msgid: str
    values: dict[str, Any]

    def __new__(cls, msgid: str, /, **values: Any) -> Sentence:
        """Values other than numbers and sentences are taken as texts."""
        held = {name: one if isinstance(one, int | Sentence) else str(one) for name, one in values.items()}
        made = super().__new__(cls, msgid % held if held else msgid)
        made.msgid, made.values = msgid, held
        return made

    def __str__(self) -> Sentence:
        return self  # so that str(error) is still a sentence

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        return (self.msgid,), self.values


def joined(texts: Iterable[str], separator: str) -> Sentence:
    """Texts one after the other, each of which stays a sentence."""
    held = {f"text{number}": text for number, text in enumerate(texts)}
    return Sentence(separator.join(f"%({name})s" for name in held), **held)


def said(text: str, gettext: Callable[[str], str]) -> str:
    """A text or sentence by a catalog; what that does not know (an old row) stays as it is."""
    if not isinstance(text, Sentence):
        return gettext(text) if text else ""
    values = {
        name: said(one, gettext) if isinstance(one, Sentence) else one for name, one in text.values.items()
    }
    return gettext(text.msgid) % values if values else gettext(text.msgid)


def packed(text: str) -> str:
    """A text or sentence as it is stored."""
    if not isinstance(text, Sentence):
        if not text.startswith(_MARK):
            return text
        text = Sentence("%(text)s", text=text)  # somebody else's text that looks like one of ours
    return dump(text)


def unpacked(stored: str) -> str:
    """Inverse of :func:`packed`; a sentence stays one."""
    return load(stored) if stored.startswith(_MARK) and not isinstance(stored, Sentence) else stored


def dump(value: Any) -> str:
    """JSON of lists, dicts and texts in which sentences stay sentences."""
    return json.dumps(_plain(value), ensure_ascii=False)


def load(text: str) -> Any:
    """Inverse of :func:`dump`."""
    return json.loads(text, object_hook=_sentence)


def _plain(value: Any) -> Any:
    if isinstance(value, Sentence):
        return {"msgid": value.msgid, "values": _plain(value.values)}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _sentence(found: dict[str, Any]) -> Any:
    if found.keys() == {"msgid", "values"} and isinstance(found["msgid"], str):
        return Sentence(found["msgid"], **found["values"])
    return found
