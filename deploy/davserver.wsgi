"""Start file for Apache's mod_wsgi (see apache-mod_wsgi.conf)."""

import os

os.environ.setdefault("DAVSERVER_DATA_DIR", "/var/lib/davserver")

from davserver.wsgi import application  # noqa: E402

__all__ = ["application"]
