"""The web pages: one module per topic, one function per action; templates/<module>/<action>.html.

Belongs here: pages and forms over jobs and storage. Must not be here: SQL, DAV, anything that the
protocol or the links need. Imported as ``davserver.admin`` by app.py alone, when the first page is asked for.

    gate         who is signed in, and who may enter; the one place
    context      what a page works with: office(), reading(), the user, the owner of what is shown
    forms        the base of all forms, fields that several share
    frame        headers of every answer, error pages, icons
    language     language and time zone of the person, times as he reads them
    navigation   the entries of the menus

Pages about a person's things exist once. Their modules are in PERSONAL, and each is reached in two ways:
``/account/…`` shows one's own, ``/admin/users/<owner>/…`` anybody's to an administrator.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from flask import Blueprint, Flask
from flask_bootstrap import Bootstrap5
from flask_wtf.csrf import CSRFProtect

from davserver.auth import Authenticator
from davserver.config import Settings
from davserver.jobs.office import Office
from davserver.storage import Store
from davserver.storage.settings import shared_key

from . import (
    addressbooks,
    app_passwords,
    apple_profile,
    audit,
    calendar_view,
    calendars,
    check,
    connect,
    contacts_view,
    context,
    dashboard,
    entries,
    frame,
    gate,
    grant,
    groups,
    language,
    leave,
    links,
    navigation,
    new_password,
    overview,
    password,
    profile,
    progress,
    remote,
    remote_login,
    second_factor,
    sessions,
    settings,
    setup,
    shares,
    sharing,
    sign_in,
    strength,
    subscriptions,
    theme,
    transfer,
    trash,
    users,
)

PERSONAL = (
    addressbooks,
    app_passwords,
    calendar_view,
    calendars,
    connect,
    contacts_view,
    entries,
    leave,
    links,
    overview,
    password,
    profile,
    progress,
    remote,
    remote_login,
    sessions,
    sharing,
    subscriptions,
    transfer,
    trash,
    second_factor,
)
"""Modules about a person's things, registered as ``account.<module>`` and ``user.<module>``."""

OTHERS = (
    apple_profile,
    audit,
    check,
    dashboard,
    grant,
    groups,
    new_password,
    settings,
    setup,
    sign_in,
    strength,
    theme,
    users,
    shares,
)
"""Modules registered once; their blueprints say where."""

WEB_KEY = "web-key"
TEMPLATES = Path(__file__).parent.parent / "templates"


def create_admin(settings: Settings, store: Store, authenticator: Authenticator) -> Flask:
    """All pages as one WSGI application. The paths begin with /admin, /account or /bootstrap."""
    app = Flask(__name__, template_folder=str(TEMPLATES), static_url_path="/account/static")
    app.config.from_mapping(
        SECRET_KEY=shared_key(store, WEB_KEY),
        SESSION_COOKIE_NAME="davserver",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=settings.web.session_hours),
        MAX_CONTENT_LENGTH=settings.server.max_request_size,
        SEND_FILE_MAX_AGE_DEFAULT=86_400,
        TEMPLATES_AUTO_RELOAD=False,
        BOOTSTRAP_SERVE_LOCAL=True,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form left open over lunch still works
        WTF_CSRF_SSL_STRICT=False,  # the token suffices; a proxy that rewrites Host must not lock out
    )
    app.session_interface = gate.SessionCookie()
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    context.place(app, Office(store, settings), authenticator)
    Bootstrap5(app)
    frame.install(app)
    language.install(app)
    gate.install(app)  # before CSRF: whoever is signed out is told so
    CSRFProtect(app)
    navigation.install(app)
    _register(app)
    return app


def _register(app: Flask) -> None:
    for module in OTHERS:
        app.register_blueprint(module.pages)
    personal = Blueprint("personal", __name__)
    for module in PERSONAL:
        personal.register_blueprint(module.pages)
    app.register_blueprint(personal, name="account", url_prefix="/account")
    app.register_blueprint(personal, name="user", url_prefix="/admin/users/<owner>")
