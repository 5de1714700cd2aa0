"""deploy/passenger_wsgi.py, loaded as Passenger loads it: by its path, whatever the current folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.hosting.places import DEPLOY, install_lib

LOAD = """
import importlib.util, io, sys
from wsgiref.util import setup_testing_defaults
spec = importlib.util.spec_from_file_location("passenger_wsgi", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
environ = {"REQUEST_METHOD": "PROPFIND", "PATH_INFO": "/dav/", "SCRIPT_NAME": "/sub"}
setup_testing_defaults(environ)
print(b"".join(module.application(environ, lambda status, headers, exc_info=None: print(status))))
"""


def test_the_start_file_finds_packages_and_data_by_itself(tmp_path: Path) -> None:
    install_lib(tmp_path)
    shutil.copy(DEPLOY / "passenger_wsgi.py", tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "passenger_wsgi.py")],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("401 "), done.stderr
    assert (tmp_path / "home" / "davserver-data" / "davserver.db").exists()
    assert "Set-up code" in done.stderr
