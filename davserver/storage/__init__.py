"""SQL: the only room that knows how things are kept. Knows content and model, never XML or HTTP.

One file per family of tables; every function takes the transaction (a SQLAlchemy Connection) first.
Statements are built once, at import, and hold for SQLite, PostgreSQL and MariaDB; what differs
between these lies in engine.py.
"""

from davserver.storage.engine import Store, open_store

__all__ = ["Store", "open_store"]
