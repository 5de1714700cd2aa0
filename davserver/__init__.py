"""davserver: a self-hosted CalDAV and CardDAV server."""

__version__ = "0.1.0"
