"""What is shown of an object: readable, in order, and with no link or picture that could do harm."""

from __future__ import annotations

from base64 import b64encode

import pytest

from davserver.content import details
from davserver.content.lines import Component, parse_components

PNG = b"\x89PNG\r\n\x1a\n" + bytes(10)


def card(*lines: str) -> Component:
    """A card."""
    return parse_components("\n".join(["BEGIN:VCARD", "VERSION:3.0", *lines, "END:VCARD"]))[0]


def shown(component: Component) -> list[tuple[str, str]]:
    """Names and texts of the fields."""
    return [(one.name, one.text) for one in details.fields(component)]


def test_a_card_is_read_with_the_labels_that_it_gives() -> None:
    found = details.fields(
        card(
            "FN:Ann",
            "ADR;TYPE=HOME:;;Street 1\\, back;Berlin;;10115;Germany",
            "TEL;TYPE=CELL,VOICE:+49 (30) 1",
            "item1.TEL:030",
            "item1.X-ABLabel:_$!<Mother>!$_",
            "item2.EMAIL;TYPE=INTERNET:ann@example.org",
            "item2.X-ABLabel:Club",
            "ORG:Acme;Sales",
        )
    )
    assert [(one.name, one.labels) for one in found] == [
        ("ORG", ()),
        ("TEL", ("cell",)),
        ("TEL", ("mother",)),
        ("EMAIL", ("Club",)),
        ("ADR", ("home",)),
    ]
    assert found[0].text == "Acme, Sales"
    assert found[1].link == "tel:+49301"
    assert found[3].link == "mailto:ann@example.org"
    assert found[4].text == "Street 1, back\n10115 Berlin\nGermany"


def test_an_event_tells_who_comes_and_what_is_attached() -> None:
    text = "\n".join(
        [
            "BEGIN:VEVENT",
            "SUMMARY:Tea",
            'ATTENDEE;CN="Bob, the one";PARTSTAT=ACCEPTED:mailto:bob@example.org',
            "ATTENDEE:mailto:eve@example.org",
            "ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY:aGFsbG8=",
            "ATTACH;FILENAME=plan.pdf:https://example.org/plan.pdf",
            "DESCRIPTION:Two\\nlines\\, here",
            "END:VEVENT",
        ]
    )
    assert shown(parse_components(text)[0]) == [
        ("DESCRIPTION", "Two\nlines, here"),
        ("ATTENDEE", "Bob, the one <bob@example.org> (accepted)"),
        ("ATTENDEE", "eve@example.org"),
        ("ATTACH", "text/plain (6 bytes)"),
        ("ATTACH", "plan.pdf"),
    ]


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ("https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("JavaScript:alert(1)", ""),
        ("java\\nscript:alert(1)", ""),
        ("data:text/html,<script>", ""),
        ("vbscript:x", ""),
        ('https://example.org/"onclick="x', ""),
        (" https://example.org", "https://example.org"),
        ("//example.org", ""),
    ],
)
def test_only_harmless_addresses_become_links(value: str, link: str) -> None:
    assert [one.link for one in details.fields(card(f"URL:{value}"))] == [link]


@pytest.mark.parametrize(
    ("line", "media_type"),
    [
        ("PHOTO;ENCODING=b;TYPE=PNG:" + b64encode(PNG).decode(), "image/png"),
        ("PHOTO:data:image/png;base64," + b64encode(PNG).decode(), "image/png"),
        ("LOGO;ENCODING=b:" + b64encode(b"\xff\xd8\xff\xe0").decode(), "image/jpeg"),
        ("PHOTO;ENCODING=b;TYPE=PNG:" + b64encode(b"<svg onload=alert(1)>").decode(), None),
        ("PHOTO:data:image/svg+xml;base64," + b64encode(b"<svg/>").decode(), None),
        ("PHOTO;VALUE=uri:https://example.org/ann.png", None),
        ("PHOTO;ENCODING=b:???", None),
    ],
)
def test_a_picture_is_what_its_bytes_say(line: str, media_type: str | None) -> None:
    found = details.picture(card("FN:Ann", line))
    assert (found and found.media_type) == media_type
