#!/usr/bin/env python3
"""davserver as a plain CGI program, for web hosts that offer nothing else. Slow, but complete.

Every request starts Python anew (about half a second). Packages are found in the folder ``lib`` beside
this file; the data lies in ``davserver-data`` in the home directory: never put it below a
folder that the web server hands out.
"""

import os
import sys
from urllib.parse import unquote

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
os.environ.setdefault("DAVSERVER_DATA_DIR", os.path.expanduser("~/davserver-data"))

# Reached through the rules of .htaccess: clients shall not see this file's name in the address, and the
# path is taken as the client sent it (rewriting has decoded it once already).
script = os.environ.get("SCRIPT_NAME", "")
asked = os.environ.get("REQUEST_URI", script).partition("?")[0]
if asked != script and not asked.startswith(script + "/"):
    os.environ["SCRIPT_NAME"] = prefix = script.rpartition("/")[0]
    os.environ["PATH_INFO"] = unquote(asked, errors="surrogateescape").removeprefix(prefix)

# wsgiref copies the environment when it is imported, so this comes last.
from wsgiref.handlers import CGIHandler  # noqa: E402

from davserver.wsgi import application  # noqa: E402

CGIHandler().run(application)
