"""How far long work is. The page asks every second by script; without script it loads itself anew.

Whoever begins long work (import, archive, synchronisation) sends the browser to ``progress.show`` with
the id of its row in the table ``task``; ``back`` says where to go on when it is done.
"""

from __future__ import annotations

from flask import Blueprint, abort, jsonify, render_template, request
from werkzeug.wrappers import Response

from davserver.storage import tasks

from . import gate
from .context import owner, person_url, reading
from .language import said

pages = Blueprint("progress", __name__)


@pages.get("/progress/<int:task_id>")
def show(task_id: int) -> str:
    """The bar, the message, and the result when there is one."""
    task = _find(task_id)
    back = gate.safe_target(request.args["back"]) if "back" in request.args else person_url("overview.show")
    return render_template("progress/show.html", task=task, back=back)


@pages.get("/progress/<int:task_id>.json")
def status(task_id: int) -> Response:
    """The same for the script of the page: state, done, total, percent, message."""
    task = _find(task_id)
    return jsonify(
        state=task.state, done=task.done, total=task.total, percent=task.percent, message=said(task.message)
    )


def _find(task_id: int) -> tasks.Task:
    with reading() as tx:
        found = tasks.get(tx, owner().id, task_id)
    if found is None:
        abort(404)
    return found
