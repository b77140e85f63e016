"""The wheel works without the source tree: models, C source and types are in it, and it is imported from elsewhere."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from dguide.compiler import COMPILERS

ROOT = Path(__file__).parents[1]
BACKEND = 77
"""The oldest setuptools that builds it, as pyproject.toml says."""


def call(*command: str | Path, **options: Any) -> str:
    done = subprocess.run([sys.executable, "-m", *map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel from a copy of the source tree, since building writes beside the source."""
    try:
        version = importlib.metadata.version("setuptools")
        importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError as error:
        pytest.skip(f"building a wheel needs pip and setuptools here, without a network: {error.name} is missing")
    if int(version.split(".")[0]) < BACKEND:
        pytest.skip(f"building a wheel needs setuptools {BACKEND} or newer here; this is {version}")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    left_out = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", "checkpoints", "tests", "studies"):
        shutil.copytree(ROOT / name, source / name, ignore=left_out)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    call("pip", "wheel", *offline, "--wheel-dir", out, source)
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_package_and_two_models(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        held = set(archive.namelist())
    files = ("config.json", "model.safetensors")
    models = {f"dguide/models/digits-{process}/{file}" for process in ("masked", "uniform") for file in files}
    assert {name for name in held if name.startswith("dguide/models/")} == models
    package = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src/dguide").rglob("*") if path.is_file()}
    code = {name for name in package if not name.endswith((".pyc", ".so"))}
    assert {"dguide/py.typed", "dguide/categorical/compiled.c", "dguide/random.c"} <= code
    inside = {name for name in held if ".dist-info/" not in name}
    assert inside == code | models


def test_the_installed_wheel_works_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    with ZipFile(wheel) as archive:  # which is all that an installation does with files of this kind
        archive.extractall(installed)
    elsewhere: Any = {
        "cwd": empty,
        "env": os.environ | {"PYTHONPATH": str(installed), "XDG_CACHE_HOME": str(tmp_path / "cache")},
    }
    options = ["--out", "it.npz", "--count", "2", "--steps", "2", "--no-png"]
    assert "2 samples" in call("dguide", "sample", "digits-masked", *options, **elsewhere)
    if any(map(shutil.which, COMPILERS)) and os.environ.get("DGUIDE_COMPILED") != "0":
        assert list((tmp_path / "cache").rglob("compiled*.so")), "the C source of the wheel is compiled"
    code = """
import pathlib
import dguide
from dguide import checkpoint
from dguide.cli import main
from dguide.demo import find_checkpoints
main(["info", "digits-masked"])
print(pathlib.Path(dguide.__file__).parents[1], *checkpoint.names(), *find_checkpoints())
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **elsewhere)
    *info, names = found.stdout.splitlines()
    assert "intact" in "".join(info), found.stderr
    assert names.split() == [str(installed), *2 * ("digits-masked", "digits-uniform")], found.stderr
