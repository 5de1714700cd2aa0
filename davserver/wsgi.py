"""``application`` for gunicorn, Passenger, mod_wsgi, uWSGI and CGI: ``davserver.wsgi:application``.

The settings come from DAVSERVER_CONFIG or DAVSERVER_DATA_DIR and the other DAVSERVER_… variables. A wrong
setting stops the start with its text in the server's error log.
"""

from __future__ import annotations

from davserver import config
from davserver.app import create_app

application = create_app(config.load())
