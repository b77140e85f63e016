"""The extras of pyproject.toml bring what the code asks them for."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import dguide

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 does not read TOML")

ROOT = Path(__file__).parents[1]
PACKAGE = Path(dguide.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
DISTRIBUTIONS = {
    "elpv_dataset": "elpv-dataset",
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "torch_fidelity": "torch-fidelity",
    "yaml": "pyyaml",
}
"""Distributions whose name is not that of their module."""
BROUGHT = {"joblib": "scikit-learn"}
"""Modules that come with another distribution, which cannot do without them."""


def packages(extra: str) -> set[str]:
    """The distributions of an extra and of the extras that it names."""
    found = set()
    for requirement in EXTRAS[extra]:
        own = re.fullmatch(r"dguide\[(.*)\]", requirement)
        found |= set().union(*map(packages, own[1].split(","))) if own else {re.split(r"[<>=!~; \[]", requirement)[0]}
    return found


def required() -> set[tuple[str, str]]:
    """Module and extra of every `require(module, extra)`, and of the loops over modules around one."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            loop = node if isinstance(node, (ast.For, ast.GeneratorExp)) else None
            for call in ast.walk(node):
                match call:
                    case ast.Call(func=ast.Name("require"), args=[module, ast.Constant(str(extra))]):
                        found |= {(name, extra) for name in _names(module, loop)}
    return found


def _names(module: ast.expr, loop: ast.For | ast.GeneratorExp | None) -> list[str]:
    if isinstance(module, ast.JoinedStr):  # the package is what stands before the first field
        module = module.values[0]
    if isinstance(module, ast.Constant):
        return [str(module.value).partition(".")[0]]
    assert isinstance(module, ast.Name), ast.unparse(module)
    return [each.partition(".")[0] for each in ast.literal_eval(loop.iter)] if isinstance(loop, ast.For) else []


def test_every_extra_that_the_code_names_brings_the_package() -> None:
    asked = required()
    assert {("matplotlib", "cli"), ("scipy", "cli"), ("huggingface_hub", "hub"), ("rdkit", "molecules")} <= asked
    for module, extra in sorted(asked):
        name = BROUGHT.get(module, DISTRIBUTIONS.get(module, module))
        assert name in packages(extra), f"dguide[{extra}] lacks {module}"


def test_every_extra_that_a_text_names_exists() -> None:
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*"), *PACKAGE.rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in texts if path.is_file())
    named = {extra for found in re.findall(r"(?:dguide|['`]\.)\[([a-z,]+)\]", text) for extra in found.split(",")}
    assert {"cli", "data"} <= named <= set(EXTRAS)


def test_all_brings_the_packages_of_every_extra_for_users() -> None:
    """But the images of elpv, which may not be used commercially: who wants them installs them by name."""
    others = [packages(extra) for extra in EXTRAS if extra not in ("all", "dev", "elpv")]
    assert packages("all") == set().union(*others)


def test_the_version_of_pytorch_in_the_readme_is_that_of_the_constraints() -> None:
    """Another one would be replaced in the next line, by one from the default index."""
    readme, constraints = (ROOT.joinpath(name).read_text(encoding="utf-8") for name in ("README.md", "constraints.txt"))
    pins = re.findall(r"^pip install torch==(\S+)", readme, re.MULTILINE)
    assert len(pins) == 2
    assert all(f"\ntorch=={pin}\n" in constraints for pin in pins)
