"""The JSON API below /api/v1.0: a mouth like DAV and the pages, over the same use-cases.

    routes      the one table: method and path → handler, what it takes, what it answers
    schemas     named JSON Schemas; requests are held against them, the document is made of them
    openapi     the OpenAPI 3.1 document, from the table
    app         Flask around the table: who asks, limits, validation, problem details (RFC 9457), ETags
    others      one module per resource, its name in the path

Must not be here: SQL, DAV, pages. Loaded by app.py when /api is first asked for.
"""

from davserver.api.app import create_api

__all__ = ["create_api"]
