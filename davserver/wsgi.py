"""``application`` for gunicorn, Passenger, mod_wsgi, uWSGI and CGI: ``davserver.wsgi:application``.

The settings come from DAVSERVER_CONFIG or DAVSERVER_DATA_DIR and the other DAVSERVER_… variables. A wrong
setting stops the start with its text in the server's error log.
"""

from __future__ import annotations

import logging

from davserver import config, log
from davserver.app import create_app
from davserver.cli.common import first_steps, recover, tidy_daily

_settings = config.load()
log.configure(_settings)
application = create_app(_settings)
recover(_settings)
tidy_daily(_settings)
for _line in first_steps(_settings):
    logging.getLogger("davserver").warning(_line)
