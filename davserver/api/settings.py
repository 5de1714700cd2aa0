"""/settings/: every setting with its help and value; administrators change those of the pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from davserver import config
from davserver.api.owners import require_admin
from davserver.api.routes import Answer, Call, route
from davserver.api.schemas import listed, register
from davserver.config import Settings
from davserver.errors import ConfigError, HttpError
from davserver.jobs import settings as live_settings

SETTING = register(
    "Setting",
    {
        "type": "object",
        "required": ["name", "help", "value", "default", "is_changeable"],
        "properties": {
            "name": {"type": "string", "description": "section.key"},
            "help": {"type": "string"},
            "value": {"description": "null for a secret."},
            "default": {},
            "is_secret": {"type": "boolean"},
            "is_changeable": {"type": "boolean"},
            "fixed_by": {"type": ["string", "null"], "description": "The file or environment that sets it."},
        },
    },
)
PAGE = listed(SETTING)
CHANGE = register(
    "SettingsChange",
    {"type": "object", "minProperties": 1, "additionalProperties": {}, "description": "section.key → value"},
)


@route("GET", "/settings/", answers={200: PAGE})
def list_all(call: Call) -> Answer:
    """All settings, in the order of config.example.toml."""
    require_admin(call)
    return Answer(200, {"results": _all(call.office.settings), "next": None})


@route("PATCH", "/settings/", body=CHANGE, answers={200: PAGE}, errors=(409,))
def change(call: Call) -> Answer:
    """Change settings, all or none; they hold from the next request on."""
    require_admin(call)
    call.expect({"results": _all(call.office.settings), "next": None})
    try:
        values = {name: config.checked(name, value) for name, value in call.body.items()}
    except ConfigError as error:
        raise HttpError(400, str(error)) from None
    live_settings.change(call.office, values)
    now = live_settings.in_force(call.office.store, call.office.settings)
    return Answer(200, {"results": _all(now), "next": None})


def _all(settings: Settings) -> list[dict[str, Any]]:
    return [_shown(settings, section, key) for section in config.SECTIONS for key in config.keys(section)]


def _shown(settings: Settings, section: str, key: str) -> dict[str, Any]:
    field = config.keys(section)[key]
    name, is_secret = f"{section}.{key}", field.metadata["secret"]
    fixed = settings.fixed.get(name)
    return {
        "name": name,
        "help": field.metadata["help"],
        "value": None if is_secret else _plain(getattr(getattr(settings, section), key)),
        "default": _plain(field.default),
        "is_secret": is_secret,
        "is_changeable": fixed is None and field.metadata["where"] != config.FILE,
        "fixed_by": fixed,
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return str(value) if isinstance(value, Path) else list(value) if isinstance(value, tuple) else value
