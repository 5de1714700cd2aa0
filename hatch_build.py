"""Build hook: in an installed wheel admin/, templates/ and config.example.toml lie inside davserver/.

So a wheel takes no other top-level name than ``davserver``. An editable install and a bare checkout keep
them at the top; ``davserver/__init__.py`` makes ``davserver.admin`` importable there too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INSIDE = ("admin", "templates", "config.example.toml")


class InsideHook(BuildHookInterface[Any]):
    """Moves what lies at the top of the checkout below the package, for standard wheels only."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        for name in INSIDE:
            build_data["force_include"][str(Path(self.root) / name)] = f"davserver/{name}"
