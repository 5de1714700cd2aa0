"""Import and export: files in with progress, a report and a way back; one collection or everything out."""

from __future__ import annotations

import csv
import io
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any, BinaryIO

from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from sqlalchemy.exc import SQLAlchemyError
from wtforms import RadioField, SelectField

from davserver.errors import HttpError
from davserver.jobs import archive, export, transfer
from davserver.jobs.arrivals import Policy
from davserver.jobs.office import Office
from davserver.jobs.transfer import Progress, Report, Wish
from davserver.model import Collection, CollectionKind, Principal
from davserver.storage import collections, tasks, transfers
from davserver.storage.transfers import Transfer
from davserver.wire import disposition

from .context import office, owner, person_url, reading, settings
from .forms import Form, choices
from .language import said

pages = Blueprint("transfer", __name__)

RECENT = 20
SHOWN = 200
"""Refusals on the page; all of them are in the file."""

REPAIRS = {
    "encoding": _l("another encoding than UTF-8"),
    "characters": _l("control characters, left out"),
    "uid": _l("no UID, given one"),
    "vcard-2.1": _l("vCard 2.1, made vCard 3.0"),
}
STATES = {
    transfers.RUNNING: (_l("running"), "primary"),
    transfers.DONE: (_l("done"), "success"),
    transfers.UNDOING: (_l("being taken back"), "warning"),
    transfers.UNDONE: (_l("taken back"), "secondary"),
    transfers.FAILED: (_l("failed; nothing was changed"), "danger"),
}

log = logging.getLogger("davserver.admin.transfer")


class ImportForm(Form):
    """A file, where it goes, and what about duplicates."""

    file = FileField(
        _l("File"),
        [FileRequired(_l("Choose a file."))],
        description=_l(".ics or .vcf, also in a zip or gzip; or an archive of everything, made here."),
    )
    target = SelectField(
        _l("Into"), description=_l("An archive of everything brings its own calendars and address books.")
    )
    policy = RadioField(
        _l("What is there already"),
        choices=choices(
            [
                (Policy.SKIP.value, _l("Skip: keep what is there")),
                (Policy.REPLACE.value, _l("Replace it by what the file says")),
                (Policy.COPY.value, _l("Copy: keep both")),
            ]
        ),
        default=Policy.SKIP.value,
    )


@pages.url_value_preprocessor
def _allow_large_files(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Before anything reads the form: a file to be imported may be larger than other requests."""
    if endpoint is not None and endpoint.endswith("transfer.index"):
        request.max_content_length = settings().limits.import_size


@pages.route("/import-export", methods=["GET", "POST"])
def index() -> Any:
    """The form, the exports, and the last imports."""
    transfer.recover(office())
    with reading() as tx:
        owned = [one for kind in CollectionKind for one in collections.of_owner(tx, owner().id, kind)]
        recent = transfers.newest(tx, [one.id for one in owned], RECENT) if owned else []
    form = ImportForm(target=request.args.get("target"))
    form.target.choices = choices((_key(one), _title(one)) for one in owned if not one.read_only)
    if form.validate_on_submit():
        with form.complaints():
            return redirect(_begin(form, owned), 303)
    names = {one.id: _title(one) for one in owned}
    return form.page(
        "transfer/index.html", owned=owned, recent=recent, names=names, states=STATES, key=_key, title=_title
    )


def _key(one: Collection) -> str:
    return f"{one.kind.value}/{one.name}"


def _title(one: Collection) -> str:
    kind = _("Calendar") if one.kind is CollectionKind.CALENDAR else _("Address book")
    return f"{one.display_name or one.name} ({kind})"


def _begin(form: ImportForm, owned: list[Collection]) -> str:
    """Begin the work beside this request; returns the address where it can be watched."""
    file, name = _taken(form.file.data)
    try:
        return _begin_with(file, Wish(Policy(form.policy.data), name), form.target.data, owned)
    except BaseException:
        file.close()
        raise


def _begin_with(file: BinaryIO, wish: Wish, key: str, owned: list[Collection]) -> str:
    if archive.is_archive(file):
        return _begin_archive(file, wish)
    target = next((one for one in owned if _key(one) == key), None)
    if target is None:
        raise HttpError(400, _("Choose a calendar or an address book."))
    here, transfer_id = office(), transfer.begin(office(), target, wish)
    _beside(file, lambda: transfer.run(here, transfer_id, file))
    return url_for(".show", transfer_id=transfer_id)


def _taken(upload: Any) -> tuple[BinaryIO, str]:
    """The uploaded file, which the end of the request would close, and its name without folders."""
    file: BinaryIO = upload.stream
    upload.stream = io.BytesIO()
    file.seek(0)
    return file, PurePath((upload.filename or "").replace("\\", "/")).name


def _begin_archive(file: BinaryIO, wish: Wish) -> str:
    here, whose = office(), owner()
    with here.store.write() as tx:
        task_id = tasks.add(tx, whose.id, "archive", message=_("Importing %(name)s", name=wish.source))
    texts = _("%(created)s imported, %(skipped)s were there, %(refused)s refused."), _("It was interrupted.")
    _beside(file, lambda: _run_archive(here, whose, (file, wish), (task_id, texts)))
    return person_url("progress.show", task_id=task_id, back=url_for(".index"))


def _run_archive(
    here: Office, whose: Principal, what: tuple[BinaryIO, Wish], tell: tuple[int, tuple[str, str]]
) -> None:
    """Import an archive, its progress in a row of the table task."""
    task_id, (done, interrupted) = tell

    def watch(progress: Progress) -> None:
        with here.store.write() as tx:
            tasks.progress(tx, task_id, progress.done, total=progress.total)

    state, message = tasks.FAILED, interrupted
    try:
        reports = archive.import_archive(here, whose, *what, watch).reports.values()
        counts = {key: sum(getattr(one, key) for one in reports) for key in ("created", "skipped", "refused")}
        state, message = tasks.DONE, done % counts
    except HttpError as error:
        message = error.message
    finally:
        with here.store.write() as tx:
            tasks.finish(tx, task_id, state, message)


def _beside(file: BinaryIO, work: Callable[[], object]) -> None:
    """In a thread that the process waits for when it ends; the file is closed then."""

    def run() -> None:
        with file:
            try:
                work()
            except HttpError as error:
                log.info("import: %s", error.message)
            except SQLAlchemyError:
                log.exception("import failed")

    threading.Thread(target=run, name="import").start()


# -- one import ----------------------------------------------------------------------------------


@pages.get("/import-export/<int:transfer_id>")
def show(transfer_id: int) -> str:
    """How far it is, then what came of it."""
    found, target = _find(transfer_id)
    report = transfer.read_report(found.report)
    return render_template(
        "transfer/show.html",
        transfer=found,
        target=_title(target),
        report=report,
        refusals=report.refusals[:SHOWN],
        repairs=REPAIRS,
        state=STATES[found.state],
        message=_message(found, report),
    )


def _message(found: Transfer, report: Report) -> str:
    if found.state != transfers.RUNNING:
        return said(report.error)
    if not found.total:
        return str(_("Reading …"))
    return str(_("Writing: %(done)s of %(total)s", done=found.done, total=found.total))


@pages.get("/import-export/<int:transfer_id>.json")
def status(transfer_id: int) -> Response:
    """The same for the script of the page."""
    found, _target = _find(transfer_id)
    state = "running" if found.state in (transfers.RUNNING, transfers.UNDOING) else found.state
    message = _message(found, transfer.read_report(found.report))
    return jsonify(state=state, done=found.done, total=found.total, percent=found.percent, message=message)


@pages.get("/import-export/<int:transfer_id>.csv")
def report(transfer_id: int) -> Response:
    """What was refused, as a table."""
    found, _target = _find(transfer_id)
    refusals = transfer.read_report(found.report).refusals
    refusals = [replace(one, reason=said(one.reason)) for one in refusals]
    text = io.StringIO()
    csv.writer(text).writerows(transfer.report_rows(refusals))
    headers = {"Content-Disposition": disposition("attachment", f"{found.source or 'import'}.report.csv")}
    return Response("\ufeff" + text.getvalue(), headers=headers, mimetype="text/csv")


@pages.post("/import-export/<int:transfer_id>/undo")
def undo(transfer_id: int) -> Any:
    """Take it back."""
    _find(transfer_id)
    try:
        done = transfer.undo(office(), transfer_id)
    except HttpError as error:
        flash(said(error.message), "danger")
    else:
        flash(
            _(
                "Taken back: %(removed)s removed, %(restored)s restored, "
                "%(kept)s left that were changed since.",
                removed=done.removed,
                restored=done.restored,
                kept=done.kept,
            ),
            "success",
        )
    return redirect(url_for(".show", transfer_id=transfer_id), 303)


@pages.post("/import-export/<int:transfer_id>/cancel")
def cancel(transfer_id: int) -> Any:
    """Stop it while it runs."""
    _find(transfer_id)
    try:
        transfer.cancel(office(), transfer_id)
        flash(_("The import is being stopped; what it wrote is taken back."), "info")
    except HttpError as error:
        flash(said(error.message), "danger")
    return redirect(url_for(".show", transfer_id=transfer_id), 303)


def _find(transfer_id: int) -> tuple[Transfer, Collection]:
    """An import into one of the owner's collections; 404 for any other."""
    with reading() as tx:
        found = transfers.get(tx, transfer_id)
        target = None if found is None else collections.by_id(tx, found.collection_id)
    if found is None or target is None or target.owner_id != owner().id:
        abort(404)
    return found, target


# -- export --------------------------------------------------------------------------------------


@pages.get("/export/<any(calendar, addressbook):kind>/<name>")
def export_one(kind: str, name: str) -> Response:
    """One calendar or address book as a file."""
    here = office()
    with reading() as tx:
        target = collections.get(tx, owner().name, CollectionKind(kind), name)
    if target is None:
        abort(404)

    def pieces() -> Iterator[bytes]:
        with here.store.read() as tx:
            yield from export.export_collection(tx, target)

    return _download(pieces(), export.file_name(target), export.MEDIA_TYPES[target.kind] + "; charset=utf-8")


@pages.get("/export")
def export_all() -> Response:
    """Everything that the owner has, as one archive."""
    whose = owner()
    return _download(archive.export_all(office(), whose), archive.archive_name(whose), "application/zip")


def _download(pieces: Iterator[bytes], name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": disposition("attachment", name)}
    return Response(pieces, headers=headers, content_type=media_type)
