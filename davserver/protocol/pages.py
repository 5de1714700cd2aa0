"""What a browser sees at a DAV address: what this is, and how to connect to it. Never an error."""

from __future__ import annotations

from html import escape
from itertools import islice

from davserver.config import Settings
from davserver.protocol.methods.propfind import members
from davserver.protocol.request import Environ, Request, Response
from davserver.protocol.tree import COLLECTIONS, Kind, Node
from davserver.wire import base_url, origin

_KINDS = {
    Kind.CALENDAR: "Calendar",
    Kind.ADDRESSBOOK: "Address book",
    Kind.CALENDAR_HOME: "Calendars",
    Kind.ADDRESSBOOK_HOME: "Address books",
    Kind.PRINCIPAL: "Account",
}
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;"
    "color:#222;background:#fff}code{background:#eee;padding:.1em .3em;border-radius:.2em;"
    "overflow-wrap:anywhere}dt{font-weight:600;margin-top:1rem}dd{margin:0}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}code{background:#333}}"
)


def page(request: Request) -> Response:
    """A small page about the node."""
    node = request.node
    kind = _KINDS.get(node.kind, "Calendars and contacts")
    title = (node.collection.display_name or node.collection.name) if node.collection else kind
    address = origin(request.environ, request.settings) + request.href(node)
    rows = [("This is", escape(kind)), ("Its address", f"<code>{escape(address)}</code>")]
    if node.collection is not None:
        rows.append(("It holds", f"{node.collection.item_count} entries"))
    user = f"<code>{escape(request.user.name)}</code>"
    rows.append(("To connect a device", _how(request.environ, request.settings, f"your user name {user}")))
    listed = [] if node.kind in COLLECTIONS else list(islice(members(request, node), MOST_LISTED))
    if listed:
        rows.append(("In here", "".join(_link(request, one) for one in listed)))
    if node.kind in COLLECTIONS:
        rows.append(("To download it", f'<a href="{escape(request.href(node))}?export">export</a>'))
    return Response(200, list(PAGE_HEADERS), _document(title, _list(rows)))


def _list(rows: list[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows) + "</dl>"


def _document(title: str, body: str) -> bytes:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    ).encode()


MOST_LISTED = 100


def _link(request: Request, node: Node) -> str:
    name = (node.collection.display_name if node.collection else None) or node.name
    return f'<a href="{escape(request.href(node))}">{escape(name)}</a><br>'


PAGE_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "private, no-cache"),
)


def _how(environ: Environ, settings: Settings, user: str) -> str:
    """The address that every client takes: the server's, where it looks for .well-known by itself."""
    address = escape(base_url(environ, settings))
    return f"Give it the server <code>{address}/</code>, {user} and your password."
