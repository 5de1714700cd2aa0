"""/health/ and /me/: does it work, and who am I."""

from __future__ import annotations

from davserver import __version__
from davserver.api.owners import require_admin
from davserver.api.routes import Answer, Call, route
from davserver.api.schemas import register
from davserver.storage import maintenance, migrations

HEALTH = register(
    "Health",
    {
        "type": "object",
        "required": ["status", "version", "schema", "database", "problems"],
        "properties": {
            "status": {"type": "string", "enum": ["ok", "damaged"]},
            "version": {"type": "string"},
            "schema": {"type": ["string", "null"], "description": "Of the database."},
            "database": {"type": "string", "description": "sqlite, postgresql or mysql."},
            "problems": {"type": "array", "items": {"type": "string"}},
        },
    },
)
ME = register(
    "Me",
    {
        "type": "object",
        "required": ["name", "display_name", "email", "is_admin", "timezone"],
        "properties": {
            "name": {"type": "string"},
            "display_name": {"type": "string"},
            "email": {"type": "string"},
            "is_admin": {"type": "boolean"},
            "timezone": {"type": "string"},
        },
    },
)


@route("GET", "/health/", answers={200: HEALTH})
def health(call: Call) -> Answer:
    """Whether the database is whole; for administrators. Anybody may ask /healthz whether it answers."""
    require_admin(call)
    store = call.office.store
    found = maintenance.problems(store)
    data = {
        "status": "damaged" if found else "ok",
        "version": __version__,
        "schema": migrations.current(store),
        "database": store.dialect,
        "problems": found,
    }
    return Answer(200, data)


@route("GET", "/me/", answers={200: ME})
def me(call: Call) -> Answer:
    """Who the caller is."""
    user = call.user
    data = {
        "name": user.name,
        "display_name": user.display_name,
        "email": user.email,
        "is_admin": user.admin,
        "timezone": user.timezone,
    }
    return Answer(200, data)
