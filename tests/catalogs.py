"""The catalogs of the pages: ``make translations`` finds all msgids, updates the .po files and compiles them.

    admin/translations/<language>/LC_MESSAGES/messages.po    edited by people
    admin/translations/<language>/LC_MESSAGES/messages.mo    made from it

Msgids are what stands in gettext calls of admin/ and templates/, the helps and sections of config.py, the
findings of health and doctor (``N_``), the tables of problems and presets of other servers, every Sentence
(davserver.sentences), and the literals that are handed to errors (``ERRORS``).
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from davserver import config
from davserver.sync import problems, quirks

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "admin" / "translations"
LANGUAGES = ("de", "fr")
ERRORS = {
    "HttpError": (2,),
    "UidConflict": None,
    "RemoteError": (2,),
    "Trouble": (2,),
    "Damage": (2,),
    "Tried": (2,),
    "_damaged": None,
    "_invalid": None,
    "_too_many": None,
    "InvalidContent": None,
    "BudgetExceeded": None,
    "OutgoingError": None,
    "BadAddress": None,
    "RedirectRefused": None,
    "VaultLocked": None,
}
"""What is given a sentence for people, and its place among the arguments (None: the first)."""

KEYWORDS = {
    **DEFAULT_KEYWORDS,
    **ERRORS,
    "Sentence": None,
    "_l": None,
    "lazy_gettext": None,
    "setting": (2,),
    "matching": (2,),
}
METHODS = [("**.py", "python"), ("**.html", "jinja2"), ("**.txt", "jinja2")]
OPTIONS = {name: {"extensions": "jinja2.ext.do", "silent": "false"} for name in ("**.html", "**.txt")}


def extracted() -> Catalog:
    """Everything that can be said."""
    catalog = Catalog(project="davserver", charset="utf-8")
    for room in ("admin", "davserver", "templates"):
        found = extract_from_dir(ROOT / room, METHODS, OPTIONS, KEYWORDS)
        for name, line, message, comments, context in found:
            if name == "sentences.py":  # they are made there, none is said
                continue
            catalog.add(
                message, locations=[(f"{room}/{name}", line)], auto_comments=comments, context=context
            )
    for cls in config.SECTIONS.values():
        catalog.add(cls.__doc__ or "", locations=[("davserver/config.py", 1)])
    for advice in problems.ADVICE.values():
        for words in (advice.meaning, advice.remedy):
            catalog.add(words, locations=[("davserver/sync/problems.py", 1)])
    for preset in quirks.PRESETS.values():
        for step in preset.steps:
            catalog.add(step, locations=[("davserver/sync/quirks.py", 1)])
    return catalog


def po_file(language: str) -> Path:
    """Where a language's words are."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> Catalog:
    """A language's catalog; empty where there is none yet."""
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language, project="davserver", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(catalog: Catalog) -> bytes:
    """The .mo file of a catalog."""
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def main() -> int:
    """Bring all languages up to date; says how many words are missing."""
    template = extracted()
    for language in LANGUAGES:
        catalog, path = read(language), po_file(language)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalog, width=100, sort_by_file=True, omit_header=False, include_lineno=False)
        path.with_suffix(".mo").write_bytes(compiled(read(language)))
        missing = sum(1 for message in catalog if message.id and not _is_translated(message.string))
        print(f"{language}: {len(catalog)} words, {missing} without a translation")
    return 0


def _is_translated(string: object) -> bool:
    return all(string) if isinstance(string, tuple | list) else bool(string)


if __name__ == "__main__":
    sys.exit(main())
