"""Data flows one way, modules stay small, and only processes know which process it is."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dguide

ROOT = Path(dguide.__file__).parent
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
every_module = pytest.mark.parametrize("module", MODULES, ids=str)

LEAVES = {
    "errors",
    "extension",
    "spec",
    "devices",
    "files",
    "compiler",
    "random",
    "categorical",
    "denoiser",
    "places",
    "progress",
    "state_dict",
    "stored",
}
CORE = ["noise", "process", "guidance", "samplers", "exact"]
NETWORKS = {"nn", "tokenizers", "data"}
FRONT = {"cli", "web"}

ALLOWED: dict[str, set[str]] = {
    **{leaf: {"errors", "compiler"} for leaf in LEAVES},
    "stored": {"errors", "files"},
    **{name: {*LEAVES, *CORE[:i]} for i, name in enumerate(CORE)},
    "nn": {*LEAVES, "noise", "process"},
    "tokenizers": {*LEAVES},
    "data": {*LEAVES, "tokenizers"},
    "checkpoint": {*LEAVES, "noise", "process", *NETWORKS},
    "evaluate": {*LEAVES, "noise", "process", "guidance", "samplers", "tokenizers", "data"},
    "train": {*LEAVES, *CORE, *NETWORKS, "checkpoint", "evaluate"},
    "filling": {*LEAVES, *CORE, *NETWORKS, "checkpoint"},
    "plots": {*LEAVES, "tokenizers", "data", "evaluate"},
}
STUDIES = {*LEAVES, *CORE, *NETWORKS, "checkpoint", "evaluate", "train", "plots"}
ALLOWED["study"] = {*LEAVES, *CORE, *NETWORKS, "checkpoint"}
ALLOWED["adapters"] = {*LEAVES, *CORE, *NETWORKS, "study"}
ALLOWED["demo"] = STUDIES
ALLOWED["theory"] = {*STUDIES, "demo"}
ALLOWED["pilot"] = {*STUDIES, "study", "filling"}
ALLOWED["cli"] = {*ALLOWED, "web"}
ALLOWED["web"] = {*ALLOWED} - {"cli"}
ALLOWED["__init__"] = {*LEAVES, *CORE}
ALLOWED["__main__"] = {"cli"}
MOST_MODULES = 16
"""The most modules of one folder."""

HEAVY = [
    "scipy",
    "sklearn",
    "accelerate",
    "matplotlib",
    "typer",
    "safetensors",
    "pydantic",
    "triton",
    "diffusers",
    "transformers",
    "jinja2",
]
NAMES_OF_PROCESSES = {"Masked", "Uniform"}
MAY_NAME_PROCESSES = {"process", "checkpoint", "cli"}


def part(name: str) -> str:
    """The part of the package that a dotted name below dguide belongs to, as in samplers.api -> samplers."""
    return name.split(".")[0]


def part_of(module: Path) -> str:
    return part(module.with_suffix("").as_posix().replace("/", "."))


def imports(module: Path, source: str) -> set[str]:
    """Dotted names below dguide of all that the source imports, wherever in the file."""
    package = ["dguide", *module.parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return {name.removeprefix("dguide").removeprefix(".") for name in found if part(name) == "dguide"}


def upward(module: Path, source: str) -> list[str]:
    """What the source imports although it may not."""
    own = part_of(module)
    used = {part(name) for name in imports(module, source)} - {own, "__version__"}
    return sorted(used - ALLOWED[own])


@every_module
def test_imports_go_one_way(module: Path) -> None:
    own = part_of(module)
    assert own in ALLOWED, f"{module} is in no layer: give it one here"
    assert upward(module, (ROOT / module).read_text()) == []


@pytest.mark.parametrize(
    ("module", "line", "found"),
    [
        ("process/masked.py", "from ..guidance import Normalized", ["guidance"]),
        ("process/masked.py", "from .. import samplers", ["samplers"]),
        ("process/masked.py", "def f():\n    import dguide.samplers.run", ["samplers"]),
        ("guidance/base.py", "from dguide.samplers import Ancestral", ["samplers"]),
        ("samplers/run.py", "from ..exact.oracle import Oracle", ["exact"]),
        ("evaluate/mixture.py", "from ..demo import grid", ["demo"]),
        ("nn/transformer.py", "from dguide import Masked", ["Masked"]),
        ("random.py", "from . import noise", ["noise"]),
        ("process/masked.py", "from .base import Process\nfrom ..noise import Linear\nimport torch", []),
    ],
)
def test_upward_edges_are_seen(module: str, line: str, found: list[str]) -> None:
    assert upward(Path(module), line) == found


def test_the_parts_of_the_core_are_there() -> None:
    parts = {part_of(module) for module in MODULES}
    assert {*LEAVES, *CORE} <= parts


def circles(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import themselves by way of others."""
    reached = {name: set(to) for name, to in edges.items()}
    while True:
        more = {name: to.union(*(reached[each] for each in to)) for name, to in reached.items()}
        if more == reached:
            return sorted(name for name, to in reached.items() if name in to)
        reached = more


def test_no_circle_of_imports_those_for_types_included() -> None:
    names = {dotted(module): module for module in MODULES}
    edges = {}
    for name, module in names.items():
        found = imports(module, (ROOT / module).read_text())
        # `from package import module` names a module; `from module import name` names what is in one
        edges[name] = {each if each in names else each.rpartition(".")[0] for each in found} & names.keys() - {name}
    assert circles(edges) == []
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]


def dotted(module: Path) -> str:
    """The dotted name of a module below dguide; that of a package for its `__init__`."""
    parts = module.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_folders_stay_small() -> None:
    for folder in {module.parent for module in MODULES}:
        assert sum(module.parent == folder for module in MODULES) <= MOST_MODULES, folder


@every_module
def test_modules_stay_small(module: Path) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= 350


def branches_on_process(source: str) -> list[int]:
    """Lines that ask which process it is: by class, by name or by pattern."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name("isinstance" | "issubclass"), args=[_, kinds]):
                named = {n.id if isinstance(n, ast.Name) else getattr(n, "attr", "") for n in ast.walk(kinds)}
                suspect = bool(named & NAMES_OF_PROCESSES)
            case ast.Compare():
                sides = [node.left, *node.comparators]
                suspect = any(asks_name(side) or asks_type(side) for side in sides)
            case ast.Match(subject=subject):
                suspect = asks_name(subject)
            case ast.MatchClass(cls=ast.Name(name)):
                suspect = name in NAMES_OF_PROCESSES
            case _:
                suspect = False
        if suspect:
            lines.append(node.lineno if hasattr(node, "lineno") else 0)
    return lines


def asks_name(node: ast.AST) -> bool:
    """Whether it reads `process.name` or `x.process.name`."""
    match node:
        case ast.Attribute(attr="name", value=ast.Name("process") | ast.Attribute(attr="process")):
            return True
    return False


def asks_type(node: ast.AST) -> bool:
    """Whether it is `type(process)` or `process.__class__`."""
    match node:
        case ast.Call(func=ast.Name("type"), args=[ast.Name("process") | ast.Attribute(attr="process")]):
            return True
        case ast.Attribute(attr="__class__", value=ast.Name("process") | ast.Attribute(attr="process")):
            return True
    return False


@every_module
def test_only_processes_know_which_process_it_is(module: Path) -> None:
    if part_of(module) not in MAY_NAME_PROCESSES:
        assert branches_on_process((ROOT / module).read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "if isinstance(process, Masked): pass",
        "if isinstance(run.process, (process.Uniform, int)): pass",
        "x = 1 if process.name == 'masked' else 2",
        "while run.process.name in ('masked',): pass",
        "if type(process) is Kind: pass",
        "match process:\n    case Masked(): pass",
        "match self.process.name:\n    case 'masked': pass",
    ],
)
def test_branches_are_seen(line: str) -> None:
    assert branches_on_process(line)


@pytest.mark.parametrize("line", ["isinstance(process, Process)", "if process.absorbing: pass", "run.name == 'a'"])
def test_what_is_no_branch(line: str) -> None:
    assert branches_on_process(line) == []


NO_MATHEMATICS = {"Tensor", "accelerator", "arange", "as_tensor", "device", "empty", "full", "no_grad", "tensor"}


def mathematics(source: str) -> set[str]:
    """Functions of torch and math that the source uses, but for those that only carry values."""
    used = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("torch", "math"):
            used.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and part(node.module or "") in ("torch", "math"):
            used |= {alias.name for alias in node.names}
    return {name for name in used - NO_MATHEMATICS if not name.startswith(("cuda", "int", "float", "bool"))}


def test_the_front_holds_no_mathematics() -> None:
    for module in MODULES:
        if part_of(module) in FRONT:
            assert mathematics((ROOT / module).read_text()) == set(), module


@pytest.mark.parametrize("line", ["torch.softmax(x, -1)", "math.log(2)", "from torch import log_softmax"])
def test_mathematics_is_seen(line: str) -> None:
    assert mathematics(line)


def test_import_is_light() -> None:
    """And so is a model: the compiler of torch is for those who ask for it."""
    code = f"""
import sys, dguide
print([m for m in {HEAVY!r} if m in sys.modules])
from dguide import checkpoint
checkpoint.load("digits-masked")
print("torch._dynamo" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\nFalse\n"


@every_module
def test_modules_say_what_they_export_and_what_they_are(module: Path) -> None:
    tree = ast.parse((ROOT / module).read_text())
    assert ast.get_docstring(tree), "a module opens with what it is about"
    if module.name == "__main__.py":
        return
    exports = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == ["__all__"]
    ]
    assert exports, "a module names what it exports in __all__"
    defined = {n.name for n in tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}
    imported = {
        a.asname or a.name for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names
    }
    assigned = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    assert set(exports[0]) <= defined | imported | assigned


def test_every_public_name_can_be_imported() -> None:
    for name in dguide.__all__:
        assert hasattr(dguide, name)
    assert (ROOT / "py.typed").exists()
