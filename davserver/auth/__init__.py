"""Who is asking? From a request to a Principal, or to a 401 or 429.

Belongs here: credentials in requests, password hashes, throttling, what is believed of a proxy. Must not
be here: what a principal may do (protocol/access), making accounts (jobs), SQL (storage).

    app_passwords   generated passwords for devices
    passwords       hashing and checking, by passlib
    headers         Authorization in all the places where it hides; Basic (RFC 7617)
    digest          Digest (RFC 7616) for accounts that still have Baïkal's hash
    strength        how hard a password is to guess
    throttle        failed logins and other requests, counted and slowed down
    proxy           X-Forwarded-*, REMOTE_ADDR, SCRIPT_NAME
    authenticator   puts them together
"""

from davserver.auth.authenticator import Authenticator
from davserver.auth.passwords import hash_password
from davserver.auth.proxy import client_address, proxy_fix

__all__ = ["Authenticator", "client_address", "hash_password", "proxy_fix"]
