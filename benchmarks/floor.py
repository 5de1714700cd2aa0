"""The floor: the least WSGI code over one SQLite file that answers rightly. A yardstick, no server.

It compares the password as text, validates nothing, has no privileges, properties or recurrence: when it
is seeded, it is told the occurrences of every event, so its month query is what an index could cost at
best. What it cannot do so (expansion) it answers with 501. Transactions are durable, as ours are.

    python -m benchmarks.floor FILE PORT
"""

from __future__ import annotations

import re
import sqlite3
import sys
import threading
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from wsgiref.types import StartResponse

import waitress

Reply = tuple[str, dict[str, str], bytes]
Row = tuple[Any, ...]

SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE collection (id INTEGER PRIMARY KEY, kind TEXT, name TEXT, revision INT DEFAULT 0,
  UNIQUE (kind, name));
CREATE TABLE item (id INTEGER PRIMARY KEY, collection INT, name TEXT, uid TEXT, component TEXT, title TEXT,
  etag TEXT, revision INT, body BLOB, gone INT DEFAULT 0, UNIQUE (collection, name));
CREATE INDEX item_uid ON item (collection, uid);
CREATE INDEX item_revision ON item (collection, revision);
CREATE INDEX item_component ON item (collection, component);
CREATE TABLE occurrence (collection INT, start TEXT, "end" TEXT, item INT, opaque INT);
CREATE INDEX occurrence_start ON occurrence (collection, start);
"""
LONGEST_DAYS = 3
"""No occurrence of the data set lasts longer, so a window's occurrences start at most so long before it."""

AUTHORIZATION = "Basic YmVuY2g6YmVuY2gtcHc="
PAGE = (
    '<?xml version="1.0" encoding="utf-8"?>\n<d:multistatus xmlns:d="DAV:"'
    ' xmlns:c="urn:ietf:params:xml:ns:caldav" xmlns:a="urn:ietf:params:xml:ns:carddav" xmlns:s="http://calendarserver.org/ns/">%s</d:multistatus>'
)
RESPONSE = (
    "<d:response><d:href>%s</d:href><d:propstat><d:prop>%s</d:prop>"
    "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
)
GONE = "<d:response><d:href>%s</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>"
DATA = {"calendars": "c:calendar-data", "addressbooks": "a:address-data"}

_file = ""
_local = threading.local()


def connect(path: str) -> sqlite3.Connection:
    """A connection whose transactions are durable when they are committed."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA cache_size=-8000")
    return connection


def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    """The WSGI callable."""
    status, headers, body = _reply(environ)
    if not status.startswith(("204", "304")):
        headers["Content-Length"] = str(len(body))
    start_response(status, list(headers.items()))
    return [body]


def _reply(environ: dict[str, Any]) -> Reply:
    if environ.get("HTTP_AUTHORIZATION") != AUTHORIZATION:
        return "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="floor"'}, b""
    kind, collection, name = f"{environ['PATH_INFO']}/".lstrip("/").split("/")[:3]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if not collection:
        return _home(kind)
    row = _database().execute(
        "SELECT id, revision FROM collection WHERE kind=? AND name=?", (kind, collection)
    )
    found = row.fetchone()
    if found is None:
        return "404 Not Found", {}, b""
    here = (kind, collection, *found)
    method = environ["REQUEST_METHOD"]
    return METHODS[method](here, name, environ, body)


def _database() -> sqlite3.Connection:
    if not hasattr(_local, "connection"):
        _local.connection = connect(_file)
    connection: sqlite3.Connection = _local.connection
    return connection


def _multistatus(parts: Iterable[str]) -> Reply:
    headers = {"Content-Type": "application/xml; charset=utf-8"}
    return "207 Multi-Status", headers, (PAGE % "".join(parts)).encode()


def _escaped(body: bytes) -> str:
    text = body.decode().replace("&", "&amp;").replace("<", "&lt;")
    return text.replace(">", "&gt;").replace("\r", "&#13;")


def _collection_properties(name: str, revision: int) -> str:
    return (
        f"<d:displayname>{name}</d:displayname><s:getctag>{revision}</s:getctag>"
        f"<d:sync-token>http://floor/{revision}</d:sync-token>"
        "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>"
    )


def _home(kind: str) -> Reply:
    rows = _database().execute("SELECT name, revision FROM collection WHERE kind=?", (kind,))
    return _multistatus([RESPONSE % (f"/{kind}/{row[0]}/", _collection_properties(*row)) for row in rows])


def _tags(here: Row, rows: Iterable[Row]) -> list[str]:
    base = f"/{here[0]}/{here[1]}/"
    return [
        GONE % (base + name) if gone else RESPONSE % (base + name, f"<d:getetag>{etag}</d:getetag>")
        for name, etag, gone in rows
    ]


def _bodies(here: Row, rows: Iterable[Row]) -> list[str]:
    base, data = f"/{here[0]}/{here[1]}/", DATA[here[0]]
    pattern = f"<d:getetag>%s</d:getetag><{data}>%s</{data}>"
    return [RESPONSE % (base + name, pattern % (etag, _escaped(body))) for name, etag, body in rows]


def propfind(here: Row, _name: str, environ: Mapping[str, Any], _body: bytes) -> Reply:
    """Depth 0: the collection; depth 1: the ETags of its members."""
    kind, name, identity, revision = here
    if environ["HTTP_DEPTH"] == "0":
        return _multistatus([RESPONSE % (f"/{kind}/{name}/", _collection_properties(name, revision))])
    sql = "SELECT name, etag, gone FROM item WHERE collection=? AND NOT gone"
    return _multistatus(_tags(here, _database().execute(sql, (identity,))))


def get(here: Row, name: str, environ: Mapping[str, Any], _body: bytes) -> Reply:
    """An item, or without a name all of them as one calendar."""
    if not name:
        return _export(here)
    sql = "SELECT etag, body FROM item WHERE collection=? AND name=? AND NOT gone"
    row = _database().execute(sql, (here[2], name)).fetchone()
    if row is None:
        return "404 Not Found", {}, b""
    if environ.get("HTTP_IF_NONE_MATCH") == row[0]:
        return "304 Not Modified", {"ETag": row[0]}, b""
    return "200 OK", {"ETag": row[0], "Content-Type": "text/calendar; charset=utf-8"}, row[1]


def _export(here: Row) -> Reply:
    rows = _database().execute("SELECT body FROM item WHERE collection=? AND NOT gone", (here[2],))
    parts = [body[body.index(b"BEGIN:V", 8) : body.rindex(b"END:VCALENDAR")] for (body,) in rows]
    whole = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + b"".join(parts) + b"END:VCALENDAR\r\n"
    return "200 OK", {"Content-Type": "text/calendar; charset=utf-8"}, whole


NEXT = "UPDATE collection SET revision=revision+1 WHERE id=? RETURNING revision"
STORE = """INSERT INTO item (collection, name, uid, component, title, etag, revision, body)
  VALUES (?, ?, ?, 'VEVENT', '', ?, ?, ?) ON CONFLICT (collection, name)
  DO UPDATE SET etag=excluded.etag, revision=excluded.revision, body=excluded.body, gone=0"""


def put(here: Row, name: str, _environ: Mapping[str, Any], body: bytes) -> Reply:
    """Store an event. Its occurrences stay as seeded: the benchmark changes titles only."""
    uid = re.search(rb"^UID:(.*?)\r$", body, re.M)
    if uid is None:
        return "403 Forbidden", {}, b""
    etag = f'"{zlib.crc32(body):08x}"'
    database = _database()
    database.execute("BEGIN IMMEDIATE")
    (revision,) = database.execute(NEXT, (here[2],)).fetchone()
    database.execute(STORE, (here[2], name, uid[1].decode(), etag, revision, body))
    database.execute("COMMIT")
    return "201 Created", {"ETag": etag}, b""


def delete(here: Row, name: str, _environ: Mapping[str, Any], _body: bytes) -> Reply:
    """Leave a tombstone."""
    database = _database()
    database.execute("BEGIN IMMEDIATE")
    (revision,) = database.execute(NEXT, (here[2],)).fetchone()
    sql = (
        "UPDATE item SET gone=1, body='', uid=NULL, component=NULL, revision=? WHERE collection=? AND name=?"
    )
    database.execute(sql, (revision, here[2], name))
    database.execute("COMMIT")
    return "204 No Content", {}, b""


def report(here: Row, _name: str, _environ: Mapping[str, Any], body: bytes) -> Reply:
    """The reports of the workloads."""
    root = ET.fromstring(body)
    return REPORTS[root.tag.rpartition("}")[2]](here, root)


METHODS: Mapping[str, Callable[[Row, str, Mapping[str, Any], bytes], Reply]] = {
    "PROPFIND": propfind,
    "GET": get,
    "PUT": put,
    "DELETE": delete,
    "REPORT": report,
}


def _multiget(here: Row, root: ET.Element) -> Reply:
    names = [(node.text or "").rpartition("/")[2] for node in root.iter("{DAV:}href")]
    marks = ",".join("?" * len(names))
    sql = f"SELECT name, etag, body FROM item WHERE collection=? AND name IN ({marks}) AND NOT gone"
    return _multistatus(_bodies(here, _database().execute(sql, [here[2], *names])))


def _sync_collection(here: Row, root: ET.Element) -> Reply:
    token = root.findtext("{DAV:}sync-token", "")
    since = int(token.rpartition("/")[2]) if token else -1
    sql = "SELECT name, etag, gone FROM item WHERE collection=? AND revision>?"
    rows = _database().execute(sql + ("" if token else " AND NOT gone"), (here[2], since))
    return _multistatus([*_tags(here, rows), f"<d:sync-token>http://floor/{here[3]}</d:sync-token>"])


def _calendar_query(here: Row, root: ET.Element) -> Reply:
    if root.find(".//{*}expand") is not None:
        return "501 Not Implemented", {}, b""
    span, text = root.find(".//{*}time-range"), root.find(".//{*}text-match")
    sql = "SELECT name, etag, body FROM item WHERE collection=? AND component=?"
    if span is not None:
        during = "SELECT name, etag, body FROM item WHERE id IN (SELECT item FROM occurrence WHERE "
        return _multistatus(_bodies(here, _database().execute(during + WINDOW + ")", _window(here, span))))
    if text is not None:
        sql = "SELECT name, etag, body FROM item WHERE collection=? AND uid=?"
        return _multistatus(_bodies(here, _database().execute(sql, (here[2], text.text))))
    return _multistatus(_bodies(here, _database().execute(sql, (here[2], "VTODO"))))


WINDOW = 'collection=? AND start < ? AND "end" > ? AND start > ?'


def _window(here: Row, span: ET.Element) -> Row:
    start, end = span.attrib["start"], span.attrib["end"]
    early = date.fromisoformat(start[:8]) - timedelta(days=LONGEST_DAYS)
    return here[2], end, start, early.strftime("%Y%m%d")


def _addressbook_query(here: Row, root: ET.Element) -> Reply:
    text = root.findtext(".//{*}text-match", "").lower()
    sql = "SELECT name, etag, body FROM item WHERE collection=? AND instr(title, ?)"
    return _multistatus(_bodies(here, _database().execute(sql, (here[2], text))))


def _free_busy_query(here: Row, root: ET.Element) -> Reply:
    span = root.find("{*}time-range")
    if span is None:
        return "400 Bad Request", {}, b""
    sql = f'SELECT start, "end" FROM occurrence WHERE {WINDOW} AND opaque ORDER BY start'
    merged: list[list[str]] = []
    for start, end in _database().execute(sql, _window(here, span)):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([start, end])
    lines = "".join(f"FREEBUSY:{start}/{end}\r\n" for start, end in merged)
    whole = f"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\n{lines}END:VFREEBUSY\r\nEND:VCALENDAR\r\n"
    return "200 OK", {"Content-Type": "text/calendar; charset=utf-8"}, whole.encode()


REPORTS: Mapping[str, Callable[[Row, ET.Element], Reply]] = {
    "calendar-multiget": _multiget,
    "addressbook-multiget": _multiget,
    "sync-collection": _sync_collection,
    "calendar-query": _calendar_query,
    "addressbook-query": _addressbook_query,
    "free-busy-query": _free_busy_query,
}


def main(path: str, port: str) -> None:
    """Serve the file; every thread has its own connection."""
    global _file
    _file = path
    waitress.serve(application, host="127.0.0.1", port=int(port), threads=8, _quiet=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
