"""What an address book may store: the check of an uploaded card (RFC 6352 5.1, 6.3.2.1).

Belongs here: the preconditions of PUT that depend on the body alone; what kind of card it is and how
big its pictures are. Does not belong here: versions into one another (vcard_versions), searching
(search), what an address book allows (sizes, UIDs).

Strict in what makes a card one (one VCARD, VERSION, UID, a name), lenient in all that it says: cards
come from phones of twenty years.

RFC 6350, RFC 2426.
"""

from __future__ import annotations

from dataclasses import dataclass

from davserver.content.lines import Component, Line, decode, parse_components, unescape_text
from davserver.content.search import card_search
from davserver.errors import CARDDAV, InvalidContent
from davserver.sentences import Sentence

VERSIONS = ("3.0", "4.0")
"""The versions that are stored, and converted into one another (CARDDAV:supported-address-data)."""

_IMAGES = frozenset({"PHOTO", "LOGO"})
_NAMES = frozenset({"FN", "N", "ORG"})


@dataclass(frozen=True, slots=True)
class CardLimits:
    """What is announced on address books. ``max_image_size``: bytes of one picture, decoded."""

    max_image_size: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CheckedCard:
    """A card that may be stored.

    ``kind`` is that of RFC 6350, ``individual`` unless the card says otherwise, ``group`` in both styles.
    ``image_size`` is that of the biggest picture inside the card, in decoded bytes; ``search`` the text of
    :mod:`davserver.content.search`.
    """

    root: Component
    uid: str
    version: str
    kind: str
    image_size: int
    search: str


def check_card(body: bytes, limits: CardLimits) -> CheckedCard:
    """Check the body of a PUT.

    :raises InvalidContent: 403 with CARDDAV:valid-address-data, supported-address-data or max-image-size.
    """
    card = parse_card(body)
    uids = [unescape_text(line.value).strip() for line in card.all("UID")]
    if len(uids) != 1 or not uids[0]:
        raise _invalid("A card needs exactly one UID.")
    if not any(line.name in _NAMES for line in card.lines):
        raise _invalid("A card needs a name (FN).")
    image_size = max((inline_size(line) for line in card.lines if line.name in _IMAGES), default=0)
    if image_size > limits.max_image_size:
        raise InvalidContent("A picture in the card is too big.", CARDDAV + "max-image-size")
    return CheckedCard(card, uids[0], version_of(card), kind_of(card), image_size, card_search(card))


def parse_card(body: bytes) -> Component:
    """The one VCARD of a body, in a version that is supported.

    :raises InvalidContent: with CARDDAV:valid-address-data or supported-address-data.
    """
    try:
        roots = parse_components(decode(body))
    except InvalidContent as error:
        raise _invalid(error.message) from None
    if len(roots) != 1 or roots[0].name != "VCARD":
        raise _invalid("The body is not exactly one VCARD.")
    versions = [line.value.strip() for line in roots[0].all("VERSION")]
    if len(versions) != 1:
        raise _invalid("A VCARD needs one VERSION.")
    if versions[0] not in VERSIONS:
        raise InvalidContent(
            Sentence("Only vCard 3.0 and 4.0 are supported, not %(version)r.", version=versions[0][:20]),
            CARDDAV + "supported-address-data",
        )
    return roots[0]


def _invalid(message: str) -> InvalidContent:
    return InvalidContent(message, CARDDAV + "valid-address-data")


def version_of(card: Component) -> str:
    """The VERSION of a parsed card; 3.0, RFC 6352's default, where it has none."""
    return (card.value("VERSION") or "3.0").strip()


def kind_of(card: Component) -> str:
    """KIND of RFC 6350, or that of Apple's 3.0 groups."""
    value = card.value("KIND") or card.value("X-ADDRESSBOOKSERVER-KIND") or "individual"
    return value.strip().lower()


def inline_size(line: Line) -> int:
    """Bytes of the data inside a property, decoded; 0 where it only points to them."""
    value = line.value
    if value[:5].lower() == "data:":
        value = value[value.find(",") + 1 :]
    elif "ENCODING" not in line.params and "BASE64" not in (
        text.upper() for text in line.params.get("TYPE", ())
    ):
        return 0
    return len(value) * 3 // 4 - value.count("=", -2)
