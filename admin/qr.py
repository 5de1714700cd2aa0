"""QR codes inside the page: no request, no script, dark on white in both themes."""

from __future__ import annotations

import io

from markupsafe import Markup


def qr(text: str, title: str) -> Markup:
    """An SVG element; ``title`` is what screen readers say."""
    import segno  # loaded with the first code that is drawn

    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        drawn,
        kind="svg",
        xmldecl=False,
        svgns=True,
        scale=5,
        border=3,
        light="#fff",
        dark="#000",
        title=title,
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - made by segno, which escapes the title
