"""Rules of the code that can be checked: sizes, docstrings, tables, documents that follow from them.

The direction of imports is checked by import-linter (``make check``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import catalogs

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for room in ("davserver", "admin")
    for path in (ROOT / room).rglob("*.py")
    if "__pycache__" not in path.parts
)
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if "__pycache__" not in path.parts)
LONGEST_FUNCTION = 60
MOST_ARGUMENTS = 5


def name(path: Path) -> str:
    """The path below the root."""
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a module, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name)
def test_every_module_opens_with_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name == "__init__.py" and not tree.body:
        return
    assert ast.get_docstring(tree), name(path)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_functions_fit_in_an_eye(path: Path) -> None:
    if "versions" in path.parts:  # a migration is one list of what changes
        return
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in functions(path)
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def booleans(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Arguments that are booleans and may be given by position."""
    annotated = ((one.arg, one.annotation) for one in node.args.args)
    return [arg for arg, kind in annotated if isinstance(kind, ast.Name) and kind.id == "bool"]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_functions_have_few_arguments_and_no_boolean_positions(path: Path) -> None:
    public = [node for node in functions(path) if not node.name.startswith("_")]
    many = [
        node.name
        for node in public
        if len([one for one in node.args.args if one.arg not in ("self", "cls")]) > MOST_ARGUMENTS
    ]
    assert many == []
    assert {node.name: booleans(node) for node in public if booleans(node)} == {}


def without_docstring(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Public functions, classes and methods without one; what overrides a base class has its words there."""
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef) and not node.bases:
            yield from without_docstring(node.body, node.name + ".")


EXPLAINED = {
    "davserver/config.py": {
        "between",
        "one_of",
        "subset_of",
        "matching",
        "listen_address",
        "time_zone",
        "long_keys",
        "reachable",
        "ports",
    },
    "davserver/cli": {"add_arguments", "run"},
}
"""Functions of one shape, told about together at the head of their room."""


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_public_functions_and_classes_have_docstrings(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    explained = EXPLAINED.get(name(path), set()) | EXPLAINED.get(name(path.parent), set())
    assert set(without_docstring(tree.body)) <= explained


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name)
def test_nothing_is_put_off(path: Path) -> None:
    assert re.findall(r"#\s*(?:TODO|FIXME|XXX)\b.*", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_broad_excepts_are_rare_and_known(path: Path) -> None:
    known = {"davserver/app.py": 1, "davserver/sync/runner.py": 1}
    broad = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]
    assert len(broad) <= known.get(name(path), 0), broad


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_an_import_inside_a_function_says_why(path: Path) -> None:
    """Loading heavy packages late is a reason; it stands in a comment or a docstring beside the import."""
    lines = path.read_text(encoding="utf-8").split("\n")
    unexplained = []
    for node in functions(path):
        for one in ast.walk(node):
            if isinstance(one, ast.Import | ast.ImportFrom):
                around = lines[node.lineno - 1 : one.end_lineno]
                if not any("#" in line for line in around):
                    unexplained.append(f"{node.name}, line {one.lineno}")
    assert unexplained == []


# -- tables


def test_every_method_has_a_module_or_a_neighbour() -> None:
    from davserver.protocol.methods import METHODS

    folder = ROOT / "davserver/protocol/methods"
    modules = {path.stem for path in folder.glob("*.py")}
    for method, row in METHODS.items():
        assert row.handler.__module__.rpartition(".")[2] in modules, method
        assert row.handler.__doc__, method


def test_every_report_is_a_file_of_its_name_or_in_one_that_names_it() -> None:
    from davserver.protocol import server  # noqa: F401 - fills the table
    from davserver.protocol.reports import TABLE

    for full, row in TABLE.items():
        local = full.rpartition("}")[2]
        module = ROOT / "davserver/protocol/reports" / (local.replace("-", "_") + ".py")
        source = Path(row.run.__code__.co_filename)
        assert module == source or local in source.read_text(encoding="utf-8"), full
        assert row.rfc.startswith("RFC "), full
        assert row.run.__doc__, full


def test_every_property_says_where_it_comes_from_and_what_it_reads() -> None:
    from davserver.protocol import server  # noqa: F401 - fills the table
    from davserver.protocol.properties import PREFETCHED, TABLE

    for kind, rows in TABLE.items():
        for row in rows.values():
            assert kind in row.kinds
            assert re.match(r"RFC \d+|Apple|CalendarServer|caldav-ctag|draft", row.rfc), row.name
            assert row.needs in {"", "collection", "item", "principal", *PREFETCHED}, row.name
            assert row.get.__doc__, row.name


def test_no_live_property_without_a_setter_can_be_stored_as_a_dead_one() -> None:
    from davserver.protocol import server  # noqa: F401 - fills the table
    from davserver.protocol.properties import PROTECTED, TABLE

    for rows in TABLE.values():
        for row in rows.values():
            assert row.set is not None or row.name in PROTECTED


def test_every_kind_of_resource_answers_options_and_propfind() -> None:
    from davserver.protocol.methods import allowed
    from davserver.protocol.tree import Kind

    for kind in Kind:
        assert {"OPTIONS", "GET", "HEAD", "PROPFIND", "REPORT"} <= set(allowed(kind))


def test_documents_that_tables_are_told_in_name_every_row() -> None:
    """The compliance page, where there is one, follows from the tables."""
    page = ROOT / "docs/compliance.md"
    if not page.exists():
        pytest.skip("docs/compliance.md is not written yet")
    from davserver.protocol import server  # noqa: F401 - fills the tables
    from davserver.protocol.methods import METHODS
    from davserver.protocol.properties import TABLE
    from davserver.protocol.reports import TABLE as REPORTS

    text = page.read_text(encoding="utf-8")
    wanted = {*METHODS, *(one.rpartition("}")[2] for one in REPORTS)}
    wanted |= {one.rpartition("}")[2] for rows in TABLE.values() for one in rows}
    assert [one for one in sorted(wanted) if one not in text] == []


def test_the_tests_mirror_the_rooms() -> None:
    for room in ("protocol/methods", "protocol/reports", "protocol/properties", "storage"):
        assert list((ROOT / "tests" / room).glob("test_*.py")), room


# -- words for people --------------------------------------------------------------------------------

SAYING = [
    path
    for path in SOURCES
    if path.parts[len(ROOT.parts) + 1] not in ("api", "cli", "links", "protocol", "davxml.py", "app.py")
    and path.parts[len(ROOT.parts)] == "davserver"
]
"""Rooms whose errors are shown on pages. The others answer programs, or print."""


def spoken(tree: ast.AST) -> Iterator[ast.expr]:
    """The sentences for people that errors are made of (catalogs.ERRORS)."""
    classes = {
        id(call): getattr(base, "id", "")
        for one in ast.walk(tree)
        if isinstance(one, ast.ClassDef)
        for base in one.bases
        for call in ast.walk(one)
    }
    for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
        word = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
        word = classes.get(id(call), "") if word == "__init__" else word
        place = (catalogs.ERRORS[word] or (1,))[0] if word in catalogs.ERRORS else len(call.args) + 1
        yield from call.args[place - 1 : place]


def is_glued(text: ast.expr) -> bool:
    """Whether a text is put together in a way that no catalog can know."""
    is_formatted = getattr(getattr(text, "func", None), "attr", "") == "format"
    return is_formatted or isinstance(text, ast.JoinedStr | ast.BinOp)


@pytest.mark.parametrize("path", SAYING, ids=name)
def test_what_people_read_can_be_translated(path: Path) -> None:
    """It is a literal, or a Sentence that knows its values; never an f-string, also not by way of a name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    glued = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_glued(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    wrong = [
        f"line {text.lineno}: {ast.unparse(text)}"
        for text in spoken(tree)
        if is_glued(text) or (isinstance(text, ast.Name) and text.id in glued)
    ]
    assert wrong == []
