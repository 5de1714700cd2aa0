"""sabre/dav, the server inside Baïkal and Nextcloud, run by PHP's own web server: a peer of the tests.

    apt install php-cli php-sqlite3 php-xml php-mbstring php-sabre-dav

Debian's package is 1.8, which knows ctags only. DAVSERVER_TEST_SABRE names the autoload.php of another one,
such as Composer's ``vendor/autoload.php`` of sabre/dav 4, which has sync-tokens too.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.davclient import PASSWORD

SECONDS = 20
"""How long PHP may take to start."""

SAFE = "/!$&'()*+,;=:@-._~"
_HOP = ("connection", "host", "date", "transfer-encoding")

_SERVER = r"""<?php
error_reporting(E_ERROR | E_PARSE);
require getenv('SABRE_AUTOLOAD');

class People extends Sabre\DAV\Auth\Backend\AbstractBasic {
    protected function validateUserPass($username, $password) {
        return $username === 'ann' && $password === getenv('SABRE_PASSWORD');
    }
}

$pdo = new PDO('sqlite:' . __DIR__ . '/sabre.db');
$pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$pdo->exec('PRAGMA synchronous = OFF');
$principals = new Sabre\DAVACL\PrincipalBackend\PDO($pdo);
$calendars = new Sabre\CalDAV\Backend\PDO($pdo);
$root = 'Sabre\CalDAV\CalendarRoot';
$root .= class_exists($root) ? '' : 'Node';
$server = new Sabre\DAV\Server([
    new Sabre\CalDAV\Principal\Collection($principals),
    new $root($principals, $calendars),
    new Sabre\CardDAV\AddressBookRoot($principals, new Sabre\CardDAV\Backend\PDO($pdo)),
]);
$server->setBaseUri('/');
$server->addPlugin(new Sabre\DAV\Auth\Plugin(new People(), 'sabre'));
$server->addPlugin(new Sabre\DAVACL\Plugin());
$server->addPlugin(new Sabre\CalDAV\Plugin());
$server->addPlugin(new Sabre\CardDAV\Plugin());
if (class_exists('Sabre\DAV\Sync\Plugin')) {
    $server->addPlugin(new Sabre\DAV\Sync\Plugin());
}
$server->exec();
"""

_DATABASE = r"""<?php
error_reporting(E_ERROR | E_PARSE);
require getenv('SABRE_AUTOLOAD');
$pdo = new PDO('sqlite:' . __DIR__ . '/sabre.db');
$pdo->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
$tables = [
    'principals' => 'uri UNIQUE, email, displayname, vcardurl',
    'groupmembers' => 'principal_id INTEGER, member_id INTEGER',
    'calendars' => class_exists('Sabre\CalDAV\CalendarRoot')
        ? 'components, synctoken INTEGER DEFAULT 1'
        : 'components, principaluri, displayname, uri, ctag INTEGER, description, calendarorder,
            calendarcolor, timezone, transparent',
    'calendarinstances' => 'calendarid INTEGER, principaluri, access INTEGER DEFAULT 1, displayname, uri,
        description, calendarorder, calendarcolor, timezone, transparent, share_href, share_displayname,
        share_invitestatus INTEGER DEFAULT 2, UNIQUE (principaluri, uri)',
    'calendarobjects' => 'calendardata BLOB, uri, calendarid INTEGER, lastmodified, etag, size, componenttype,
        firstoccurence, lastoccurence, uid, UNIQUE (calendarid, uri)',
    'calendarchanges' => 'uri, synctoken INTEGER, calendarid INTEGER, operation',
    'calendarsubscriptions' => 'uri, principaluri, source, displayname, refreshrate, calendarorder,
        calendarcolor, striptodos, stripalarms, stripattachments, lastmodified',
    'addressbooks' => 'principaluri, displayname, uri, description, synctoken INTEGER DEFAULT 1,
        ctag INTEGER, UNIQUE (principaluri, uri)',
    'cards' => 'addressbookid INTEGER, carddata BLOB, uri, lastmodified, etag, size,
        UNIQUE (addressbookid, uri)',
    'addressbookchanges' => 'uri, synctoken INTEGER, addressbookid INTEGER, operation',
];
foreach ($tables as $name => $columns) {
    $pdo->exec("CREATE TABLE $name (id INTEGER PRIMARY KEY, $columns)");
}
$pdo->exec("INSERT INTO principals (uri, displayname) VALUES ('principals/ann', 'Ann')");
"""


@cache
def autoload() -> str:
    """The file that loads sabre/dav; "" where there is none, or no SQLite for it."""
    wanted = os.environ.get("DAVSERVER_TEST_SABRE", "Sabre/autoload.php")
    if shutil.which("php") is None:
        return ""
    ask = 'echo extension_loaded("pdo_sqlite") ? stream_resolve_include_path($argv[1]) ?: "" : "";'
    return subprocess.run(["php", "-r", ask, wanted], capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def sabre(folder: Path) -> Iterator[Any]:
    """A WSGI application that asks a sabre/dav of its own; skips where PHP or sabre/dav is missing."""
    if not autoload():
        pytest.skip("PHP or sabre/dav is not installed (apt install php-cli php-sqlite3 php-sabre-dav)")
    (folder / "server.php").write_text(_SERVER)
    (folder / "database.php").write_text(_DATABASE)
    environ = {**os.environ, "SABRE_AUTOLOAD": autoload(), "SABRE_PASSWORD": PASSWORD}
    subprocess.run(["php", folder / "database.php"], env=environ, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["php", "-q", "-S", f"127.0.0.1:{port}", folder / "server.php"],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port)
        yield _relayed(port)
    finally:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    last = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > last:
                raise
            time.sleep(0.02)
        else:
            return


def _relayed(port: int) -> Any:
    """The server as an application."""

    def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        headers = {
            name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        if kind := environ.get("CONTENT_TYPE"):
            headers["Content-Type"] = kind
        path = environ["PATH_INFO"].encode("latin-1")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        with contextlib.closing(connection):
            body = environ["wsgi.input"].read()
            connection.request(environ["REQUEST_METHOD"], quote(path, safe=SAFE), body, headers)
            response = connection.getresponse()
            content = response.read()
        told = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
        start_response(f"{response.status} {response.reason}", told)
        return [content]

    return answer
