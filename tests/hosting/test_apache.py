"""Apache as Debian packages it: mod_wsgi and CGI, at the root and below, with the password hidden."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.hosting.places import (
    DEPLOY,
    Client,
    converse,
    free_port,
    install_lib,
    make_data,
    open_folder,
    running,
)

APACHE = Path("/usr/sbin/apache2")
MODULES = Path("/usr/lib/apache2/modules")
PYTHON = Path("/usr/bin/python3")
USER = "www-data"
LOADED = ("mpm_event", "authz_core", "alias", "cgid", "env", "headers", "mime", "rewrite", "setenvif", "wsgi")

MAIN = """
ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/{name}.pid
ErrorLog {folder}/{name}.log
LogLevel warn
DocumentRoot {folder}/htdocs
TypesConfig /dev/null
User {user}
Group {user}
{modules}
ScriptSock {folder}/{name}.sock
WSGISocketPrefix {folder}/{name}
WSGIDaemonProcess davserver processes=2 threads=4 python-path={folder}/lib
WSGIProcessGroup davserver
WSGIApplicationGroup %{{GLOBAL}}
WSGIChunkedRequest On
{mounts}
<Directory {folder}>
    Require all granted
    AllowOverride All
</Directory>
"""
ROOT_AND_SUB = """
WSGIPassAuthorization On
WSGIScriptAlias /sub/path {folder}/davserver.wsgi
Alias /cgi {folder}/htdocs/cgi
Alias /cgi-bare {folder}/htdocs/cgi-bare
WSGIScriptAlias / {folder}/davserver.wsgi
<Directory {folder}/htdocs>
    SetEnv HOME {folder}
</Directory>
"""
HIDDEN = """
WSGIPassAuthorization Off
SetEnvIf Authorization "(.+)" REDIRECT_HTTP_AUTHORIZATION=$1
WSGIScriptAlias / {folder}/davserver.wsgi
"""


def reason_to_skip() -> str:
    if not APACHE.exists():
        return "Apache is not installed (apache2)"
    if not (MODULES / "mod_wsgi.so").exists():
        return "Apache's mod_wsgi is not installed (libapache2-mod-wsgi-py3)"
    code = "import sys; print(*sys.version_info[:2])"
    theirs = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    if theirs != [str(part) for part in sys.version_info[:2]]:
        return f"Apache's Python is {'.'.join(theirs)}, these libraries are for another one"
    return ""


pytestmark = pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip())


@pytest.fixture(scope="module")
def site() -> Iterator[Path]:
    """Everything that a user would upload, in one folder."""
    with open_folder() as folder:
        install_lib(folder)
        make_data(folder, "ann", owner=USER)
        start = (
            (DEPLOY / "davserver.wsgi").read_text().replace("/var/lib/davserver", f"{folder}/davserver-data")
        )
        (folder / "davserver.wsgi").write_text(start)
        for name in ("cgi", "cgi-bare"):
            cgi = folder / "htdocs" / name
            cgi.mkdir(parents=True)
            (cgi / "lib").symlink_to(folder / "lib")
            program = (DEPLOY / "davserver.cgi").read_text().replace("/usr/bin/env python3", str(PYTHON))
            (cgi / "davserver.cgi").write_text(program)
            (cgi / "davserver.cgi").chmod(0o755)
            shutil.copy(DEPLOY / "htaccess", cgi / ".htaccess")
        rules = (
            (folder / "htdocs/cgi-bare/.htaccess").read_text().replace("CGIPassAuth On", "CGIPassAuth Off")
        )
        (folder / "htdocs/cgi-bare/.htaccess").write_text(rules)
        yield folder


def apache(site: Path, mounts: str, name: str) -> Iterator[Client]:
    port = free_port()
    modules = "\n".join(f"LoadModule {module}_module {MODULES}/mod_{module}.so" for module in LOADED)
    text = MAIN.format(
        folder=site, name=name, port=port, user=USER, modules=modules, mounts=mounts.format(folder=site)
    )
    file = site / f"{name}.conf"
    file.write_text(text)
    with running([str(APACHE), "-X" if os.getuid() else "-DFOREGROUND", "-f", str(file)], port):
        try:
            yield Client(port)
        finally:
            print((site / f"{name}.log").read_text())


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[Client]:
    yield from apache(site, ROOT_AND_SUB, "root-and-sub")


@pytest.fixture(scope="module")
def hiding(site: Path) -> Iterator[Client]:
    yield from apache(site, HIDDEN, "hidden")


@pytest.mark.parametrize("mount", ["", "/sub/path"])
def test_mod_wsgi_at_the_root_and_below(server: Client, mount: str) -> None:
    converse(replace(server, mount=mount))


def test_mod_wsgi_with_the_authorization_header_hidden(hiding: Client) -> None:
    converse(hiding)


@pytest.mark.parametrize("mount", ["/cgi", "/cgi/davserver.cgi"])
def test_cgi_by_rewriting_and_by_its_own_name(server: Client, mount: str) -> None:
    converse(replace(server, mount=mount))


def test_cgi_where_only_rewriting_passes_the_password(server: Client) -> None:
    converse(replace(server, mount="/cgi-bare"))


def test_nothing_beside_the_cgi_program_is_handed_out(server: Client) -> None:
    for path in ("lib/davserver/config.py", ".htaccess", "davserver.cgi~"):
        assert server.request("GET", f"/cgi/{path}").status in (403, 404)
