"""COLOR (RFC 7986 5.9) takes the names of CSS only: the nearest one to a calendar's colour."""

from __future__ import annotations

import re
from functools import lru_cache

_NAMES = {
    "black": 0x000000,
    "blue": 0x0000FF,
    "brown": 0xA52A2A,
    "chocolate": 0xD2691E,
    "coral": 0xFF7F50,
    "cornflowerblue": 0x6495ED,
    "crimson": 0xDC143C,
    "darkblue": 0x00008B,
    "darkgreen": 0x006400,
    "darkorange": 0xFF8C00,
    "darkviolet": 0x9400D3,
    "deeppink": 0xFF1493,
    "deepskyblue": 0x00BFFF,
    "dimgray": 0x696969,
    "forestgreen": 0x228B22,
    "gold": 0xFFD700,
    "gray": 0x808080,
    "hotpink": 0xFF69B4,
    "indigo": 0x4B0082,
    "lightblue": 0xADD8E6,
    "lightgreen": 0x90EE90,
    "lightpink": 0xFFB6C1,
    "lime": 0x00FF00,
    "limegreen": 0x32CD32,
    "magenta": 0xFF00FF,
    "maroon": 0x800000,
    "mediumpurple": 0x9370DB,
    "navy": 0x000080,
    "olive": 0x808000,
    "orange": 0xFFA500,
    "orangered": 0xFF4500,
    "orchid": 0xDA70D6,
    "purple": 0x800080,
    "red": 0xFF0000,
    "royalblue": 0x4169E1,
    "saddlebrown": 0x8B4513,
    "salmon": 0xFA8072,
    "seagreen": 0x2E8B57,
    "silver": 0xC0C0C0,
    "skyblue": 0x87CEEB,
    "slateblue": 0x6A5ACD,
    "steelblue": 0x4682B4,
    "tan": 0xD2B48C,
    "teal": 0x008080,
    "tomato": 0xFF6347,
    "turquoise": 0x40E0D0,
    "violet": 0xEE82EE,
    "white": 0xFFFFFF,
    "yellow": 0xFFFF00,
    "yellowgreen": 0x9ACD32,
}
_HEX = re.compile("#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")


@lru_cache(maxsize=256)
def color_name(color: str) -> str:
    """The CSS name nearest to ``#RRGGBB`` (or ``#RRGGBBAA``), "" for anything else."""
    if not _HEX.fullmatch(color):
        return ""
    wanted = _parts(int(color[1:7], 16))
    return min(
        _NAMES, key=lambda name: sum((a - b) ** 2 for a, b in zip(wanted, _parts(_NAMES[name]), strict=True))
    )


def _parts(number: int) -> tuple[int, int, int]:
    return number >> 16, number >> 8 & 255, number & 255
