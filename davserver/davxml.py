"""XML of WebDAV: names, a parser that cannot be abused, and text for answers.

Requests are parsed by lxml into elements named in Clark notation. Answers are never built as a tree: they
are text, joined from fragments, so that a row of the database becomes bytes in one step. ``element``
makes such a fragment; everything that comes from outside passes through ``escape``.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, TypeAlias

from lxml import etree

from davserver.errors import HttpError

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
CALENDARSERVER = "{http://calendarserver.org/ns/}"
APPLE_ICAL = "{http://apple.com/ns/ical/}"

PREFIXES = {DAV: "d", CALDAV: "c", CARDDAV: "cr", CALENDARSERVER: "cs", APPLE_ICAL: "ic"}
"""The prefixes that each answer declares at its root."""

DECLARATIONS = " ".join(f'xmlns:{prefix}="{space[1:-1]}"' for space, prefix in PREFIXES.items())
PROLOG = '<?xml version="1.0" encoding="utf-8"?>\n'

Element: TypeAlias = Any
"""An lxml element; lxml carries no types."""

_FORBIDDEN = dict.fromkeys([*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0xFFFE, 0xFFFF], "\ufffd")


def parse(body: bytes, max_depth: int) -> Element | None:
    """The root element of a request body, None where the body is empty.

    :raises HttpError: 400 for what is not well-formed or nested too deeply, 403 with
        DAV:no-external-entities (RFC 4918 20.6) for any document type declaration.
    """
    if not body.strip():
        return None
    try:
        root = etree.fromstring(body, _THREAD.parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise HttpError(400, f"The request body is no well-formed XML: {error}") from None
    if root.getroottree().docinfo.doctype:
        raise HttpError(403, "Document type declarations are refused.", DAV + "no-external-entities")
    if body.count(b"</") >= max_depth and _below(max_depth)(root):
        raise HttpError(400, f"The XML is nested more than {max_depth} levels deep.")
    return root


class _Thread(threading.local):
    """A parser object holds state, so each thread has its own; to make one takes as long as to use it."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
        )


_THREAD = _Thread()


@lru_cache(maxsize=8)
def _below(depth: int) -> Any:
    """Whether a tree has elements within more than so many others; a fiftieth of the time of a walk."""
    return etree.XPath(f"boolean({'/*' * (depth + 1)})")


def escape(text: str) -> str:
    """Text for element content. A carriage return survives as a reference (iCalendar's line ends)."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")


def escape_attribute(text: str) -> str:
    """Text for an attribute in double quotes."""
    return escape(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")


def clean(text: str) -> str:
    """Text from outside without the characters that XML 1.0 cannot carry."""
    return text.translate(_FORBIDDEN)


def split(clark: str) -> tuple[str, str]:
    """Namespace (with braces) and local name of a Clark name; "" for no namespace."""
    space, brace, local = clark.rpartition("}")
    return space + brace, local


@lru_cache(maxsize=2048)
def tags(clark: str) -> tuple[str, str, str]:
    """Opening, closing and empty tag of an element under the declared prefixes."""
    space, local = split(clark)
    prefix = PREFIXES.get(space)
    if prefix:
        return f"<{prefix}:{local}>", f"</{prefix}:{local}>", f"<{prefix}:{local}/>"
    declared = f'{local} xmlns="{escape_attribute(space[1:-1])}"'
    return f"<{declared}>", f"</{local}>", f"<{declared}/>"


def element(clark: str, inner: str = "") -> str:
    """An element with inner XML (already escaped)."""
    opening, closing, empty = tags(clark)
    return f"{opening}{inner}{closing}" if inner else empty


def text_element(clark: str, text: str) -> str:
    """An element with text."""
    return element(clark, escape(text))


def href(path: str) -> str:
    """A DAV:href element; the path is already percent-encoded."""
    return f"<d:href>{escape(path)}</d:href>"


def document(clark: str, inner: str) -> bytes:
    """A whole document with the declared prefixes at its root."""
    opening, closing, _ = tags(clark)
    return f"{PROLOG}{opening[:-1]} {DECLARATIONS}>{inner}{closing}".encode()


def serialize(node: Element) -> str:
    """An element of a request as text that declares all it needs; for dead properties."""
    text: str = etree.tostring(node, encoding="unicode", with_tail=False)
    return text


def children(node: Element, clark: str) -> list[Element]:
    """The direct children of that name."""
    return list(node.iterchildren(clark))


def child(node: Element, clark: str) -> Element | None:
    """The first direct child of that name."""
    return next(node.iterchildren(clark), None)


def text_of(node: Element | None) -> str:
    """The text of an element, "" where it is absent or empty."""
    return "" if node is None else (node.text or "")
