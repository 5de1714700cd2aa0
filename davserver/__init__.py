"""davserver: a self-hosted CalDAV and CardDAV server."""

from pathlib import Path

__version__ = "0.1.0"

# A wheel holds admin/ and templates/ inside this package; in a checkout they lie one floor up.
if not (Path(__file__).parent / "admin").is_dir():
    __path__.append(str(Path(__file__).parent.parent))
