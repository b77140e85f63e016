"""Bad input is one line and status 2; a bug, in dguide or in what it calls, keeps its traceback and is status 1."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny import save_strings, save_tiny

import dguide
from dguide import checkpoint
from dguide.cli import main
from dguide.errors import bad, choose, number, positive
from dguide.study import TaskFailed

BUGS = [
    ValueError("planted"),
    TypeError("planted"),
    KeyError("planted"),
    RuntimeError("planted"),
    AttributeError("planted"),
    FloatingPointError("planted"),
    OSError("planted"),
    FileNotFoundError(errno.ENOENT, "planted"),
]
WORK = {
    "data": "dguide.cli.commands.data.load",
    "train": "dguide.cli.commands.train.run_training",
    "sample": "dguide.cli.sampling.job.draw",
    "evaluate": "dguide.cli.commands.evaluate.evaluate_samples",
    "read": "dguide.cli.commands.read.read_sequences",
    "info": "dguide.checkpoint.DiffusionTransformer.__init__",
    "demo": "dguide.cli.commands.demo.run_demo",
    "theory": "dguide.cli.commands.theory.gallery",
}
"""Something that each command calls."""
Run = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "tiny")
    save_strings(folder / "strings")
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], models: Path, tmp_path: Path) -> Run:
    """Runs a command with what it cannot do without; returns its status and its standard error."""
    needed = {
        "data": ["digits"],
        "train": ["--out", tmp_path / "run", "--steps", 1],
        "sample": [models / "tiny", "--out", tmp_path / "x.npz", "--count", 4, "--steps", 1, "--no-png"],
        "evaluate": [
            models / "tiny",
            "--out",
            tmp_path / "judged",
            "--count",
            20,
            "--steps",
            1,
            "--features",
            "pixels",
        ],
        "read": [models / "tiny", "--out", tmp_path / "read", "--passes", 1, "--limit", 10, "--classifiers", "none"],
        "info": [models / "tiny"],
        "demo": ["--out", tmp_path / "demo"],
        "theory": ["--out", tmp_path / "theory"],
    }

    def call(command: str, *more: object) -> tuple[int, str]:
        capsys.readouterr()
        return main([command, *map(str, [*needed[command], *more])]), capsys.readouterr().err

    return call


def plant(monkeypatch: pytest.MonkeyPatch, place: str, error: Exception) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(place, broken)


def assert_shown(status: int, err: str, error: Exception) -> None:
    assert status == 1
    assert err.count("Traceback") >= 1
    assert "in broken" in err
    assert err.strip().endswith(f"error: {type(error).__name__}: {error}")


@pytest.mark.parametrize("command", WORK)
def test_a_bug_in_the_work_of_any_command_shows_where_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    plant(monkeypatch, WORK[command], BUGS[0])
    assert_shown(*run(command), BUGS[0])


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_a_bug_of_any_class_shows_where_it_is(run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    plant(monkeypatch, WORK["sample"], error)
    assert_shown(*run("sample"), error)


@pytest.mark.parametrize(
    ("place", "errors"),
    [("nn.DiffusionTransformer.__init__", BUGS), ("data.Pixels.__post_init__", [BUGS[0], *BUGS[2:]])],
)
def test_a_bug_in_a_constructor_is_no_damaged_checkpoint(
    run: Run, monkeypatch: pytest.MonkeyPatch, place: str, errors: list[Exception]
) -> None:
    for error in errors:
        plant(monkeypatch, f"dguide.{place}", error)
        assert_shown(*run("info"), error)


@pytest.mark.parametrize("place", ["LOADERS.call", "NOISES.read"])
@pytest.mark.parametrize("error", [BUGS[0], AssertionError("planted"), BUGS[1]], ids=repr)
def test_a_bug_in_a_check_is_no_wrong_setting(
    run: Run, monkeypatch: pytest.MonkeyPatch, place: str, error: Exception
) -> None:
    plant(monkeypatch, f"dguide.train.config.{place}", error)
    assert_shown(*run("train", "--data", "digits", "--noise", "linear"), error)


def test_a_bug_in_the_conversion_of_images_is_no_unreadable_file(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = pytest.importorskip("PIL.Image")
    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(4):
            image.new("L", (4, 4), 50 * index).save(tmp_path / "set" / name / f"{index}.png")
    plant(monkeypatch, "dguide.data.files.image_files.pixels", BUGS[0])
    capsys.readouterr()
    assert_shown(main(["data", f"images:{tmp_path / 'set'}"]), capsys.readouterr().err, BUGS[0])


def test_a_bug_in_a_codec_is_no_damaged_tokenizer(tmp_path: Path) -> None:
    from dguide.data.codecs.tokenised import Tokenised

    class Mine(Tokenised):
        def __post_init__(self) -> None:
            raise OSError("planted")

    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(OSError, match="planted"):
        Mine.read(tmp_path / "tokenizer.json", 4)


@pytest.mark.parametrize(
    ("command", "wrong", "words"),
    [
        ("data", ["--png", "x.txt"], "ends in .png"),
        ("train", ["--rate", "fast"], "--rate"),
        ("train", ["--data", "digts"], "digits"),
        ("train", ["--batch-size", "0"], "--batch-size"),
        ("sample", ["--seed", "-1"], "seed"),
        ("evaluate", ["--features", "nothing"], "nothing"),
        ("read", ["--normal", "eleven"], "eleven"),
        ("demo", ["--checkpoints", "nowhere"], "nowhere"),
        ("theory", ["--only", "nothing"], "nothing"),
    ],
)
def test_bad_input_is_one_line(run: Run, command: str, wrong: list[str], words: str) -> None:
    status, err = run(command, *wrong)
    assert status == 2
    assert err.startswith("error: ")
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (MemoryError(), "out of memory: lower --batch-size"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), "out of memory: lower --batch-size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out of memory"),
        (dguide.errors.MissingExtra("rdkit is not installed"), "rdkit is not installed"),
        (TaskFailed("task draw/1 ended 3 workers"), "ended 3 workers"),
        (
            TaskFailed.of(SimpleNamespace(key="draw/1"), OSError(errno.ENOSPC, "No space left on device")),
            "task draw/1: OSError",
        ),
    ],
    ids=repr,
)
def test_a_failure_of_the_place_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    plant(monkeypatch, WORK["sample"], error)
    status, err = run("sample")
    assert (status, err.count("\n"), err.startswith("error: "), words in err) == (1, 1, True, True)


def test_every_refusal_is_an_input_error() -> None:
    assert issubclass(dguide.InputError, ValueError)
    assert type(bad("steps", 0, "more")) is dguide.InputError
    for refused in (
        lambda: choose("colour", "x", ["red"]),
        lambda: number("rate", "fast"),
        lambda: positive("steps", 0),
        lambda: dguide.parse_schedule("nothing"),
        lambda: dguide.Ancestral(0),
        lambda: checkpoint.load("nowhere"),
        lambda: dguide.data.load("nothing"),
    ):
        with pytest.raises(dguide.InputError):
            refused()


def test_no_module_raises_a_bare_value_error() -> None:
    found = [path for path in Path(dguide.__file__).parent.rglob("*.py") if "raise ValueError" in path.read_text()]
    assert found == []
