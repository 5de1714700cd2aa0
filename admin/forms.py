"""The base of all forms, and fields that several share.

form = EditForm(obj=owner())
if form.validate_on_submit():
    with form.complaints():                 # an HttpError of a use-case becomes an error of the form
        users.change(office(), …)
        flash(_("Saved."))
        return redirect(url_for(".edit"), 303)
return form.page("profile/edit.html")       # 422 where something is wrong with what was sent
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from zoneinfo import available_timezones

from flask import Response, make_response, render_template, url_for
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import EqualTo, InputRequired

from davserver.errors import HttpError

from .language import said


class Form(FlaskForm):  # type: ignore[misc]
    """A form with its CSRF token."""

    refused: int = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.csrf_token.id = f"csrf-{id(self):x}"  # a page may have several forms, and ids are unique

    @contextmanager
    def complaints(self) -> Iterator[None]:
        """What a use-case refuses (4xx) is said at the head of the form; what was typed stays."""
        try:
            yield
        except HttpError as error:
            if error.status >= 500 and error.status != 507:
                raise
            self.form_errors.append(said(error.message) or str(error.status))
            self.refused = error.status

    def page(self, template: str, **values: Any) -> Response:
        """The page that shows the form; 422, or the status of the refusal, where it was not accepted."""
        status = self.refused or (422 if self.errors else 200)
        return make_response(render_template(template, form=self, **values), status)


def choices(pairs: Iterable[tuple[str, Any]]) -> list[SelectChoice]:
    """The choices of a select field, from (value, label)."""
    return [SelectChoice(value, label) for value, label in pairs]


class NewPasswordField(PasswordField):  # type: ignore[misc]
    """A password that somebody chooses: its strength is shown while it is typed.

    ``about``: what everybody may know of whom it is for, beside the other fields of the form.
    """

    HELP = _l("Long is better than complicated: four words that do not belong together are strong.")

    def __init__(self, label: Any, validators: Any, description: Any = HELP, **options: Any) -> None:
        self.about: tuple[str, ...] = ()
        super().__init__(label, validators, description=description, **options)

    def __call__(self, **attributes: Any) -> Any:
        """The input; app.js asks the address in it."""
        told = {"data-strength": url_for("strength.tell"), "data-about": " ".join(self.about)}
        return super().__call__(autocomplete="new-password", **told, **attributes)


class PasswordAgainField(PasswordField):  # type: ignore[misc]
    """The password of the field ``same_as`` once more; ``optional`` where that field is."""

    def __init__(
        self, label: Any, same_as: str = "password", *, optional: bool = False, **options: Any
    ) -> None:
        needed = [] if optional else [InputRequired()]
        same = EqualTo(same_as, _l("The two passwords differ."))
        super().__init__(label, [*needed, same], render_kw={"autocomplete": "new-password"}, **options)
        self.flags.optional = optional


class TimeZoneField(SelectField):  # type: ignore[misc]
    """An IANA time zone. One that is set already and not among the choices stays a choice."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(
            *args, choices=choices((zone, zone.replace("_", " ")) for zone in _zones()), **options
        )

    def process_data(self, value: Any) -> None:
        """Keep what is stored."""
        super().process_data(value)
        if value and value not in _zones():
            self.choices: Any = [*choices([(value, value)]), *self.choices]


@functools.cache
def _zones() -> tuple[str, ...]:
    """All IANA zones that name a place."""
    foreign = ("Etc/", "SystemV/", "posix/", "right/")
    return (
        "UTC",
        *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(foreign)),
    )
