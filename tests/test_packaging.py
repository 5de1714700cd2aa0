"""A wheel takes the one name ``davserver``; checkout, editable and plain installs all work."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import davserver

ROOT = Path(__file__).parents[1]

LOOK = """
import pathlib, davserver, davserver.admin, davserver.cli
print(pathlib.Path(davserver.__file__).parent)
print(pathlib.Path(davserver.admin.__file__).parent)
"""


def build(backend_call: str, target: Path) -> Path:
    """Run one hook of PEP 517 in a process of its own, as installers do."""
    pytest.importorskip("hatchling")
    code = f"import hatchling.build as b; print(b.{backend_call}({str(target)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return target / done.stdout.split()[-1]


def run_python(python: Path, *arguments: str, cwd: Path) -> str:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "DAVSERVER"))}
    done = subprocess.run(
        [python, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The Python of a new environment that has our dependencies, but not us."""
    home = tmp_path / "machine"
    venv.create(home, symlinks=True)
    places = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    (Path(places["purelib"]) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin" / "python"


def install(python: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install"]
    subprocess.run([*command, "--no-deps", "--no-index", "--no-build-isolation", *arguments], check=True)


def test_a_wheel_holds_one_top_level_name_and_everything_inside_it(tmp_path: Path) -> None:
    names = zipfile.ZipFile(build("build_wheel", tmp_path)).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "davserver",
        f"davserver-{davserver.__version__}.dist-info",
    }
    for expected in (
        "admin/static/app.css",
        "templates/base.html",
        "templates/README.md",
        "config.example.toml",
        "cli/serve.py",
    ):
        assert f"davserver/{expected}" in names
    assert not [name for name in names if "__pycache__" in name]


def test_a_source_distribution_holds_what_a_wheel_is_built_from(tmp_path: Path) -> None:
    with tarfile.open(build("build_sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"hatch_build.py", "admin/__init__.py", "config.example.toml", "LICENSE", "Makefile"} <= names


def test_an_installed_wheel_works_by_itself(machine: Path, tmp_path: Path) -> None:
    install(machine, str(build("build_wheel", tmp_path)))
    package, admin = run_python(machine, "-c", LOOK, cwd=tmp_path).split()
    assert admin == f"{package}/admin"
    assert not package.startswith(str(ROOT))
    assert run_python(machine, "-m", "davserver", "--version", cwd=tmp_path).startswith("davserver ")
    script = machine.with_name("davserver")
    assert script.exists()
    environ = {"PATH": os.environ["PATH"], "DAVSERVER_DATA_DIR": str(tmp_path / "data")}
    subprocess.run([script, "db", "upgrade"], check=True, env=environ, cwd=tmp_path)


def test_an_editable_install_uses_the_checkout(machine: Path, tmp_path: Path) -> None:
    install(machine, "--editable", str(ROOT))
    package, admin = run_python(machine, "-c", LOOK, cwd=tmp_path).split()
    assert (package, admin) == (str(ROOT / "davserver"), str(ROOT / "admin"))
    assert run_python(machine, "-m", "davserver", "--version", cwd=tmp_path).startswith("davserver ")


def test_a_bare_checkout_works_where_one_stands(machine: Path) -> None:
    package, admin = run_python(machine, "-c", LOOK, cwd=ROOT).split()
    assert (package, admin) == (str(ROOT / "davserver"), str(ROOT / "admin"))
    assert run_python(machine, "-m", "davserver", "--version", cwd=ROOT).startswith("davserver ")


def test_every_module_opens_with_its_rules() -> None:
    silent = [
        path
        for folder in ("davserver", "admin")
        for path in (ROOT / folder).rglob("*.py")
        if "versions" not in path.parts and not path.read_text(encoding="utf-8").lstrip().startswith('"""')
    ]
    assert silent == []
