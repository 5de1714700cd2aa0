"""REPORT (RFC 3253 3.6): finds the row of the table of reports and checks its privilege."""

from __future__ import annotations

from davserver.davxml import DAV
from davserver.errors import HttpError
from davserver.protocol.reports import TABLE
from davserver.protocol.request import Request, Response


def report(request: Request) -> Response:
    """Dispatch on the name of the root element."""
    root = request.xml
    if root is None:
        raise HttpError(400, "REPORT needs a body.")
    row = TABLE.get(str(root.tag))
    if row is None or request.node.kind not in row.kinds:
        raise HttpError(403, "This report is not supported here.", DAV + "supported-report")
    request.require(request.node, row.privilege)
    return row.run(request, root)
