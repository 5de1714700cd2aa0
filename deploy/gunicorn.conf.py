"""gunicorn: several processes, for machines with several cores.

    DAVSERVER_DATA_DIR=/var/lib/davserver gunicorn --config gunicorn.conf.py davserver.wsgi:application

SQLite takes any number of processes on one machine. For several machines see docs/database.md.
"""

bind = "127.0.0.1:8080"
workers = 4
worker_class = "gthread"
threads = 4
# long names of calendars and events, percent-encoded
limit_request_line = 8190
# a first synchronisation of many thousand events over a slow line
timeout = 120
# whom to believe is a setting of davserver (server.trusted_proxies), not of gunicorn
forwarded_allow_ips = ""
