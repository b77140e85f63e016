"""One's own code by import path: imported where a person typed it, and never because a file says so."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import save_tiny

import dguide
from dguide.spec import imports, values

MINE = """
from __future__ import annotations

from dataclasses import dataclass

import torch

import dguide
from dguide.data import Dataset, Label, Pixels, Split
from dguide.evaluate import Metric, estimate
from dguide.guidance import RateGuidance, Schedule
from dguide.noise import Polynomial
from dguide.samplers import RateSampler


@dataclass(frozen=True, eq=False)
class Partial(RateGuidance):
    weight: float | Schedule
    share: float = 0.5
    keeps_pace = False

    def __post_init__(self):
        self._accept_weight()

    def log_intensity(self, tilted, log_z):
        return tilted + self.share * log_z


@dataclass(frozen=True)
class Late(Schedule):
    top: float
    power: int = 1

    def __call__(self, level):
        return self.top * (1 - level.double()) ** self.power

    def average(self, low, high):
        area = ((1 - low.double()) ** (1 + self.power) - (1 - high.double()) ** (1 + self.power)) / (1 + self.power)
        return torch.where(high > low, self.top * area / (high - low), self(low))


@dataclass(frozen=True)
class Lazy(RateSampler):
    guarantee = "first order in the steps"

    def log_stay(self, log_intensity):
        return -torch.exp(log_intensity)


@dataclass(frozen=True)
class Slow(Polynomial):
    power: float = 3.0


@dataclass(frozen=True)
class Squares(Pixels):
    pass


def dots(count: int = 60, side: int = 3) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 2, (count, side * side), generator=generator)
    labels = torch.arange(count) % 2
    tokens[:, 0] = labels
    part = torch.arange(count) % 5 // 2  # training, training, validation, validation, test
    codec = Squares(side, side, ("#000000", "#ffffff"))
    return Dataset("dots", *Split(tokens, labels).parts(part), codec, (Label(("off", "on")),))


@dataclass(frozen=True)
class Ink(Metric):
    value: int = 1

    def suits(self, dataset):
        return dataset.shape is not None

    def __call__(self, comparison):
        drawn, real = ((x == self.value).sum(1).numpy() for x in (comparison.tokens, comparison.held_out.tokens))
        return [estimate("ink", lambda rows: drawn[rows].mean(), len(drawn), best=real.mean(), **comparison.options)]


def hidden() -> Dataset:
    class Inside(Pixels):
        pass

    made = dots()
    object.__setattr__(made, "codec", Inside(3, 3, made.codec.palette))
    return made


def nothing(path: str) -> int:
    return 3


def lying(path: str) -> Dataset:
    return 3


TRACE = open("imported", "a").write("x")
"""
Run = Callable[..., tuple[int, str, str]]
OWN = ("mine", "my_module")


def forget() -> None:
    """What a new process does not know: own modules, and what was typed."""
    for module in OWN:
        sys.modules.pop(module, None)
    for known in (imports.ALLOWED, *(family.typed for family in values.FAMILIES)):
        for name in [each for each in known if each.startswith(tuple(f"{module}:" for module in OWN))]:
            del known[name]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with the module `mine`, which leaves a file behind when it is imported."""
    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    forget()


def test_a_mechanism_a_schedule_and_a_sampler_of_ones_own(here: Path, run: Run) -> None:
    model = save_tiny(here / "model")
    options = ["--guidance", "mine:Partial:share=0.25", "--weight", "mine:Late:2,power=2"]
    options += ["--sampler", "mine:Lazy:grid=cosine", "--steps", 4, "--count", 6, "--no-png"]
    status, _, err = run("sample", model, "--out", "a.npz", *options)
    assert status == 0, err
    import mine  # type: ignore[import-not-found]

    network = dguide.checkpoint.load(model)  # type: ignore[attr-defined]
    expected = dguide.sample(
        network.model,
        process=network.process,
        length=64,
        condition=torch.arange(6),
        guidance=mine.Partial(mine.Late(2.0, 2), 0.25),
        sampler=mine.Lazy(4, "cosine"),
    )
    with np.load("a.npz") as file:
        assert (file["tokens"] == expected.tokens.numpy()).all()
        settings = json.loads(str(file["settings"]))
    assert settings["guidance"] == "mine:Partial:share=0.25"
    assert settings["weight"] == "mine:Late:2.0,power=2"
    assert settings["sampler"] == "mine:Lazy:steps=4,grid=cosine"
    again = [f"--{name}={settings[name]}" for name in ("guidance", "weight", "sampler")]
    assert run("sample", model, "--out", "b.npz", "--count", 6, "--no-png", *again)[0] == 0
    with np.load("b.npz") as file:
        assert (file["tokens"] == expected.tokens.numpy()).all()
    inside = ["--sampler", "smc:particles=2,sampler=(mine:Lazy:steps=2),weight=1", "--guidance", "mine:Partial"]
    assert run("sample", model, "--out", "c.npz", "--count", 2, "--no-png", *inside)[0] == 0


def fresh(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as it is installed: without the working directory on the path of Python."""
    start = "import sys; sys.path[:] = [p for p in sys.path if p]; from dguide.cli import main; sys.exit(main())"
    command = [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", "-c", start]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, env=environment)


@pytest.fixture
def anew(run: Run) -> Run:
    """A command as in a new process."""

    def call(*arguments: object) -> tuple[int, str, str]:
        forget()
        return run(*arguments)

    return call


def test_data_noise_and_a_codec_of_ones_own_from_training_to_evaluation(here: Path, anew: Run) -> None:
    data = "mine:dots:count=40"
    _, shown, err = anew("data", data)
    assert "16 for training, 16 for validation, 8 for the test" in shown, err
    options = ["--steps", 2, "--width", 8, "--layers", 1, "--heads", 2, "--evaluate-passes", 1]
    status, _, err = anew("train", "--out", "run", "--data", data, "--noise", "mine:Slow", *options)
    assert status == 0, err
    config = json.loads(Path("run/config.json").read_text())
    assert (config["data"], config["process"]["noise"], config["codec"]["kind"]) == (
        data,
        "mine:Slow:3.0",
        "mine:Squares",
    )
    Path("imported").unlink()
    status, _, err = anew("info", "run")
    assert (status, Path("imported").exists()) == (2, False)
    for word in ("unknown noise schedule: got 'mine:Slow'", "cosine", "put --import mine:Slow before the command"):
        assert word in err
    allowed = ["--import", "mine:Slow", "--import", "mine:Squares"]
    assert anew(*allowed, "info", "run")[0] == 0
    judge = ["evaluate", "run", "--out", "judged", "--count", 20, "--steps", 2, "--repetitions", 0, "--no-png"]
    status, _, err = anew(*allowed, *judge)
    assert status == 2
    assert "unknown data set: got 'mine:dots'" in err
    assert anew(*allowed, *judge, "--data", data, "--features", "pixels")[0] == 0
    status, _, err = anew(*allowed, "--import", "mine:dots", *judge, "--metric", "mine:Ink:value=0")
    assert status == 0, err
    assert [each["name"] for each in json.loads(Path("judged/evaluation.json").read_text())["estimates"]] == ["ink"]
    assert "metrics mine:Ink:value=0" in Path("judged/evaluation.md").read_text()


def changed(path: Path, **changes: object) -> Path:
    """The checkpoint in `path` with another configuration."""
    config = json.loads((path / "config.json").read_text())
    for name, value in changes.items():
        config[name] = config[name] | value if isinstance(value, dict) else value
    (path / "config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({"data": "mine:dots"}, ["evaluate", "--count", 6, "--steps", 1, "--no-png"]),
        ({"data": "mine:nothing:ls"}, ["read"]),
        ({"data": "subprocess:getoutput:touch imported"}, ["evaluate"]),
        ({"process": {"noise": "mine:Slow"}}, ["info"]),
        ({"process": {"name": "mine:Slow"}}, ["info"]),
        ({"codec": {"kind": "mine:Squares"}}, ["info"]),
        ({"conditions": [{"kind": "mine:dots"}]}, ["sample", "--count", 1]),
        ({"conditions": [{"kind": "os:system", "command": "touch imported"}]}, ["info"]),
    ],
)
def test_a_checkpoint_imports_nothing(here: Path, run: Run, changes: dict[str, object], command: list[object]) -> None:
    model = changed(save_tiny(here / "model"), **changes)
    out = {"evaluate": ["--out", "judged"], "read": ["--out", "read"], "sample": ["--out", "x.npz"]}
    status, _, err = run(command[0], model, *out.get(str(command[0]), []), *command[1:])
    assert status == 2, err
    assert "Code that a file names is not imported" in err
    assert not Path("imported").exists()
    assert "mine" not in sys.modules


@pytest.mark.parametrize("settings", [{"data": "mine:dots"}, {"data": "digits", "learnt": [{"kind": "mine:Late"}]}])
def test_samples_import_nothing(here: Path, run: Run, settings: dict[str, object]) -> None:
    arrays = {"tokens": np.zeros((8, 64), dtype=int), "labels": np.arange(8), "calls": np.array([1, 1])}
    np.savez("x.npz", settings=np.array(json.dumps(settings)), **arrays)
    status, _, err = run("evaluate", "x.npz", "--out", "judged")
    assert status == 2
    assert "Code that a file names is not imported" in err
    assert not Path("imported").exists()


def test_text_from_anywhere_imports_nothing(here: Path) -> None:
    readers = [dguide.parse_schedule, dguide.noise.parse, dguide.data.load, dguide.guidance.MECHANISMS.read]
    for read in [*readers, dguide.samplers.SAMPLERS.read]:  # type: ignore[attr-defined]
        with pytest.raises(dguide.InputError, match="not imported"):
            read("mine:dots:1")
    with pytest.raises(dguide.InputError, match="not imported"):
        dguide.samplers.SAMPLERS.read("smc:sampler=(mine:Lazy)")  # type: ignore[attr-defined]
    assert not Path("imported").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mien:Partial", ["unknown guidance: got 'mien:Partial', and there is no module mien", "normalized"]),
        ("mine:Partail", ["there is no Partail in", "mine.py", "Did you mean 'Partial'?"]),
        ("mine:Lazy", ["guidance mine:Lazy", "expected a class derived from Guidance"]),
        ("mine:TRACE", ["guidance mine:TRACE: got 1, expected a class derived from Guidance"]),
        ("mine.Partial", ["unknown guidance: got 'mine.Partial'", "An import path has a colon"]),
        ("mine.py:Partial", ["no module mine.py", "Leave out .py"]),
        ("normalised:share", ["there is no module normalised", "Did you mean 'normalized'?"]),
        ("builtins:max", ["guidance builtins:max: got <built-in function max>, expected a class derived"]),
        ("mine:dots", ["guidance mine:dots: got a function without -> Guidance"]),
        ("mine:RateGuidance", ["guidance mine:RateGuidance: got a class without log_intensity"]),
        ("mine:Partial:shaer=1", ["option of guidance mine:Partial: got 'shaer', expected one of share, weight"]),
    ],
)
def test_mistakes_in_import_paths(here: Path, run: Run, name: str, words: list[str]) -> None:
    model = save_tiny(here / "model")
    status, _, err = run("sample", model, "--out", "x.npz", "--guidance", name)
    assert status == 2, err
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_a_codec_that_no_file_could_name_is_refused_before_training(here: Path, run: Run) -> None:
    status, _, err = run("train", "--out", "run", "--data", "mine:hidden", "--steps", 1)
    assert status == 2
    assert "codec to save" in err
    assert "a class of a module that can be imported" in err
    assert not Path("run").exists()


def test_a_function_that_makes_something_else(here: Path, run: Run) -> None:
    status, _, err = run("data", "mine:nothing:x")
    assert status == 2
    assert "data set mine:nothing: got a function without -> Dataset, expected a function that is annotated" in err
    status, _, err = run("data", "mine:lying:x")
    assert status == 2
    assert "data set mine:lying: got a function that returns int, expected one that returns Dataset" in err


def test_an_error_in_ones_own_module_keeps_its_traceback(here: Path, run: Run) -> None:
    model = save_tiny(here / "model")
    Path("broken.py").write_text("import no_such_package_at_all\n")
    for name in ("broken:Mine", "broken.inside:Mine"):
        status, _, err = run("sample", model, "--out", "x.npz", "--guidance", name)
        assert status == 1
        assert "Traceback" in err
        assert "no_such_package_at_all" in err


def test_no_file_of_the_working_directory_takes_the_place_of_a_module_of_python(here: Path) -> None:
    for name in ("random", "json", "secrets"):
        Path(f"{name}.py").write_text("raise SystemExit('shadowed')\n")
    shown = fresh("data", "mine:dots")
    assert shown.returncode == 0, shown.stderr
    assert Path("imported").exists()


def test_the_commands_of_contributing_run_on_its_own_code(here: Path, anew: Run) -> None:
    text = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()
    code, commands = (
        re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for kind in ("python", "sh")
    )
    Path("my_module.py").write_text("\n".join(code))
    lines = commands[-1].replace("\\\n", " ").splitlines()
    assert len(lines) == 5
    for line in lines:
        status, _, err = anew(*shlex.split(line)[1:])
        assert status == 0, err
    assert len(Path("genes.txt").read_text().splitlines()) == 20
    assert "share of G" in Path("evaluation/evaluation.md").read_text()
