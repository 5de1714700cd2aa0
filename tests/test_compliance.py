"""docs/compliance.md says what the tables say today, and every precondition that is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from wsgidav.dav_error import PRECONDITION_CODE_LockConflict

from davserver.davxml import PREFIXES
from tests.compliance import PRECONDITIONS, SPACES, page

ROOT = Path(__file__).parents[1]
MODULES = [ast.parse(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "davserver").rglob("*.py"))]
KNOWN = {name for named in PRECONDITIONS.values() for name in named}


def test_the_page_is_current() -> None:
    text = (ROOT / "docs/compliance.md").read_text(encoding="utf-8")
    assert text == page().rstrip("\n") + "\n", "python -m tests.compliance > docs/compliance.md"


def test_every_namespace_has_its_prefix() -> None:
    assert {prefix: f"{{{space}}}" for prefix, space in SPACES.items()} == {
        prefix: space for space, prefix in PREFIXES.items()
    }


def test_every_precondition_that_is_raised_is_on_the_page() -> None:
    raised = {name for module in MODULES for name in names_in_errors(module)}
    assert len(raised) > 20
    assert {name for name in raised if not any(known.endswith(name) for known in KNOWN)} == set()


def test_every_precondition_on_the_page_is_somewhere_in_the_source() -> None:
    spoken = {
        node.value
        for module in MODULES
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    spoken |= {kind + "-collection-location-ok" for kind in ("calendar", "addressbook")}
    assert KNOWN - spoken == {PRECONDITION_CODE_LockConflict.removeprefix("{DAV:}")}, (
        "and what WsgiDAV's lock manager says"
    )


def names_in_errors(module: ast.Module) -> Iterator[str]:
    """``NAMESPACE + "name"`` inside of what is raised or made an error."""
    for node in ast.walk(module):
        made = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS
        if made or isinstance(node, ast.Raise):
            yield from filter(None, (added_name(part) for part in ast.walk(node)))


def added_name(node: ast.AST) -> str | None:
    """The text that is added to a namespace, None for anything else."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)):
        return None
    if not (isinstance(node.left, ast.Name | ast.Subscript) and isinstance(node.right, ast.Constant)):
        return None
    return str(node.right.value)


ERRORS = {"HttpError", "InvalidContent"}
