"""Every setting with its help, as config.py tells it; those that may change while the server runs are forms.

    environment  >  configuration file  >  these pages  >  default

A form is made from the fields of its section: a new key appears here by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response
from wtforms import (
    BooleanField,
    Field,
    IntegerField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired
from wtforms.widgets import CheckboxInput, ListWidget

from davserver import config, mail
from davserver.config import OneOf, SubsetOf, time_zone
from davserver.errors import HttpError
from davserver.jobs import settings as live_settings

from .context import office, settings, user
from .forms import Form, TimeZoneField, choices
from .language import said
from .setting_words import LABELS, SECTIONS, SYSTEM
from .words import COMPONENTS

pages = Blueprint("settings", __name__, url_prefix="/admin/settings")


@dataclass(frozen=True, slots=True)
class Fixed:
    """A setting that cannot be changed here: its value as TOML, and where it comes from."""

    name: str
    label: Any
    help: str
    value: str
    place: str


@pages.get("/")
def index() -> str:
    """The sections."""
    sections = {name: title for name, title in SECTIONS.items() if name not in SYSTEM}
    system = {name: SECTIONS[name] for name in SYSTEM}
    return render_template("settings/index.html", sections=sections, system=system, help=_help)


def _help(section: str) -> str:
    return said(config.SECTIONS[section].__doc__)


@pages.route("/<name>", methods=["GET", "POST"])
def section(name: str) -> Any:
    """One section: what may be changed, and below what is fixed, with the place where it is set."""
    if name not in config.SECTIONS:
        abort(404)
    form = _form(name)
    if form.validate_on_submit():
        changed = _changed(form, name)
        if not form.errors:
            with form.complaints():
                live_settings.change(office(), changed)
                flash(_("Saved. It holds from now on.") if changed else _("Nothing was changed."), "success")
                return redirect(url_for(".section", name=name), 303)
    values = {"name": name, "title": SECTIONS[name], "lead": _help(name), "fixed": _fixed(name)}
    return form.page("settings/section.html", **values)


@pages.post("/mail/test")
def test_mail() -> Response:
    """Send a mail to whoever asks."""
    try:
        if not mail.is_set_up(settings().mail):
            raise HttpError(400, _("Set the mail server and the sender first."))
        if not user().email:
            raise HttpError(400, _("Your account has no mail address: add one to your profile."))
        title = settings().web.title
        subject = _("Mail from %(server)s works", server=title)
        mail.send(settings().mail, user().email, subject, _("This is the test that you asked for.") + "\n")
        flash(_("A mail to %(address)s is on its way.", address=user().email), "success")
    except HttpError as error:
        flash(said(error.message), "danger")
    return redirect(url_for(".section", name="mail"), 303)


# -- forms from fields


def _is_editable(name: str) -> bool:
    section, _dot, key = name.partition(".")
    return config.keys(section)[key].metadata["where"] != config.FILE and name not in settings().fixed


def _form(section: str) -> Form:
    current = getattr(settings(), section)
    fields: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for key, item in config.keys(section).items():
        if _is_editable(f"{section}.{key}"):
            fields[key] = _field(f"{section}.{key}", item)
            values[key] = _shown(getattr(current, key), item)
    form: Form = type("SectionForm", (Form,), fields)(data=values)
    return form


def _field(name: str, item: Any) -> Field:
    label = LABELS.get(name, name)
    words: dict[str, Any] = {"description": _(item.metadata["help"])}
    check = item.metadata["check"]
    if item.metadata["secret"]:
        words["description"] += " " + _("Left empty: it stays as it is.")
        return PasswordField(label, **words, render_kw={"autocomplete": "new-password"})
    if isinstance(check, OneOf):
        return SelectField(label, choices=choices((one, one) for one in check.choices), **words)
    if isinstance(check, SubsetOf):
        boxes = {"widget": ListWidget(prefix_label=False), "option_widget": CheckboxInput()}
        return SelectMultipleField(
            label, choices=choices((one, COMPONENTS[one]) for one in check.choices), **words, **boxes
        )
    if check is time_zone:
        return TimeZoneField(label, **words)
    if isinstance(item.default, bool):  # the text is the configuration file's
        words["description"] = re.sub(r"\bfalse\s?:", _("Off:"), words["description"])
        return BooleanField(label, **words)
    if isinstance(item.default, int):
        return IntegerField(label, [InputRequired()], **words)
    if isinstance(item.default, tuple):
        words["description"] += " " + _("One on each line.")
        return TextAreaField(label, **words, render_kw={"rows": 3})
    return StringField(label, **words)


def _shown(value: Any, item: Any) -> Any:
    if item.metadata["secret"]:
        return ""
    if isinstance(value, tuple) and not isinstance(item.metadata["check"], SubsetOf):
        return "\n".join(value)
    return value


def _changed(form: Form, section: str) -> Mapping[str, Any]:
    """What differs from now, checked one by one, so that each error stands at its field."""
    current, changed = getattr(settings(), section), {}
    for key, item in config.keys(section).items():
        if key not in form:
            continue
        value = _typed(form[key].data, item)
        if value == getattr(current, key) or (item.metadata["secret"] and not value):
            continue
        try:
            changed[f"{section}.{key}"] = _json(config.checked(f"{section}.{key}", _json(value)))
        except config.WrongValue as error:
            wrong = said(error.wrong)
            form[key].errors = [wrong[:1].upper() + wrong[1:]]
    return changed


def _typed(data: Any, item: Any) -> Any:
    if isinstance(item.default, tuple):
        lines = data if isinstance(data, list) else (data or "").splitlines()
        return tuple(line.strip() for line in lines if line.strip())
    if isinstance(item.default, str):
        return (data or "").strip() if not item.metadata["secret"] else data or ""
    return data


def _json(value: Any) -> Any:
    """As the loader takes it: lists for tuples."""
    return list(value) if isinstance(value, tuple) else value


def _fixed(section: str) -> list[Fixed]:
    current = getattr(settings(), section)
    rows = []
    for key, item in config.keys(section).items():
        name = f"{section}.{key}"
        if _is_editable(name):
            continue
        value = getattr(current, key)
        shown = _("(set, not shown)") if item.metadata["secret"] and value else config.to_toml(value)
        label = LABELS.get(name, name)
        rows.append(Fixed(name, label, _(item.metadata["help"]), shown, settings().fixed.get(name, "")))
    return rows
