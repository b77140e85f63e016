from __future__ import annotations

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from descent import descend, gradient
from processes import start
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dguide import checkpoint
from dguide.cli import main
from dguide.data import load
from dguide.evaluate import likelihood
from dguide.process import Masked, Uniform
from dguide.stored import content_digest
from dguide.train import SIZES, Evaluation, TrainConfig, train
from dguide.train.batch import Stream, draw, generator
from dguide.train.budget import Minutes, Steps, budget, rate
from dguide.train.denoisers import Denoising
from dguide.train.ema import Average
from dguide.train.state import STATE, Journal

TINY: dict[str, Any] = {
    "steps": 12,
    "width": 16,
    "layers": 1,
    "heads": 2,
    "batch_size": 8,
    "warmup": 3,
    "evaluate_every": 5,
    "evaluate_passes": 1,
    "dropout": 0.1,
    "shift": 1,
    "weight_decay": 0.1,
    "device": "cpu",
}


class Clock:
    """A clock that goes by `tick` seconds each time it is read, and by what is added, however busy the machine is."""

    def __init__(self, tick: float) -> None:
        self.tick, self.now = tick, 0.0

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the training."""
    clock = Clock(0.02)
    for module in ("loop", "denoisers"):
        monkeypatch.setattr(f"dguide.train.{module}.time", clock)
    return clock


def null_label(labels: Any) -> Any:
    return torch.full_like(labels, 10)


def config(out: Path, **changes: Any) -> TrainConfig:
    return TrainConfig(**(TINY | {"out": out} | changes))


def tensors(path: Path) -> dict[str, Tensor]:
    """Everything a run leaves that must not depend on how often it was stopped."""
    found = {f"state.{name}": tensor for name, tensor in load_file(path / STATE).items()}
    return found | load_file(path / checkpoint.WEIGHTS)


def journal(path: Path) -> Journal:
    """What the run in `path` wrote down."""
    with safe_open(path / STATE, "pt") as file:
        content = json.loads(file.metadata()["dguide"])
    return Journal(**content | {"history": [Evaluation(**entry) for entry in content["history"]]})


def assert_same(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    a, b = checkpoint.load(one).config, checkpoint.load(other).config
    assert (a.steps, a.test_bits, a.test_error) == (b.steps, b.test_bits, b.test_error)


@pytest.fixture(scope="module", autouse=True)
def quick_final_figure() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dguide.train.denoisers.passes_for", lambda count: 2)
        yield


HALF: dict[str, Any] = {"optimizer": "muon", "precision": "bf16", "accumulate": 2}
OTHER: dict[str, Any] = {"process": "uniform", "prediction": "leave-one-out"}


@pytest.fixture(
    scope="module",
    params=[{}, {"process": "uniform"}, {"optimizer": "muon"}, HALF | OTHER],
    ids=["masked", "uniform", "muon", "half precision"],
)
def undisturbed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], Path]:
    path = tmp_path_factory.mktemp("undisturbed")
    result = train(config(path, **request.param))
    assert result.finished
    assert result.steps == 12
    assert [evaluation.step for evaluation in result.history] == [5, 10, 12]
    return request.param, path


def test_stopped_by_a_signal_and_resumed_gives_the_same_weights(
    undisturbed: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    changes, path = undisturbed
    settings = config(tmp_path, **changes)

    def interrupt(step: int) -> None:
        if step == 7:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    stopped = train(settings, interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert (stopped.finished, stopped.steps) == (False, 7)
    resumed = []
    assert train(settings, resumed.append).finished
    assert resumed == [8, 9, 10, 11, 12]
    assert_same(path, tmp_path)


def test_dead_without_notice_and_resumed_gives_the_same_weights(
    undisturbed: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    changes, path = undisturbed

    class Dead(Exception):
        pass

    def die(step: int) -> None:
        if step in (4, 8):
            raise Dead

    settings = config(tmp_path, **changes)
    with pytest.raises(Dead):
        train(settings, die)  # before the first evaluation: starts anew
    resumed = []
    with pytest.raises(Dead):
        train(settings, lambda step: (resumed.append(step), die(step + 4))[0])
    assert resumed == [1, 2, 3, 4]
    with pytest.raises(Dead):
        train(settings, lambda step: die(step) if step == 8 else None)
    resumed.clear()
    assert train(settings, resumed.append).finished
    assert resumed == [6, 7, 8, 9, 10, 11, 12]  # from the evaluation at step 5
    assert_same(path, tmp_path)


def steps_saved(state: Path) -> int:
    """Steps done in the state of a run; -1 if there is none yet."""
    if not state.exists():
        return -1
    with safe_open(state, "pt") as file:
        return int(json.loads(file.metadata()["dguide"])["step"])


def test_killed_outright_and_resumed_gives_the_same_weights(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    settings = config(killed, steps=60, evaluate_every=20)
    command = ["-m", "dguide.cli", *settings.command().split()[1:]]
    run = start(*command, out=tmp_path / "out", err=tmp_path / "err")
    deadline = time.monotonic() + 120
    while steps_saved(killed / STATE) < 20 and run.is_alive() and time.monotonic() < deadline:
        time.sleep(0.005)
    run.kill()
    run.join()
    steps: list[int] = []
    assert train(settings, steps.append).finished
    assert 20 < steps[0] < 60
    assert train(config(whole, steps=60, evaluate_every=20)).finished
    assert_same(killed, whole)


def in_two_processes(folder: Path, *command: str) -> tuple[str, str]:
    """What both processes of a group write to their two streams."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # what a launcher sets
    runs = []
    for rank in map(str, range(2)):
        env = os.environ | group | {"RANK": rank, "LOCAL_RANK": rank}
        runs.append(start(*command, out=folder / f"out{rank}", err=folder / f"err{rank}", env=env))
    for run in runs:
        run.join()
    out, err = ("".join((folder / f"{name}{rank}").read_text() for rank in range(2)) for name in ("out", "err"))
    assert [run.exitcode for run in runs] == [0, 0], err
    return out, err


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Strings with two conditions: a class and a number."""
    path, source = tmp_path_factory.mktemp("several") / "strings.csv", random.Random(0)
    rows = [f"{''.join(source.choices('ABCD', k=6))},{'xyz'[n % 3]},{source.gauss(0, 1):.3f}" for n in range(160)]
    path.write_text("\n".join(["text,kind,mass", *rows]))
    return f"csv:{path},text=text,label=kind,property=mass"


@pytest.mark.parametrize("changes", [{}, {"process": "uniform"}, OTHER, {"data": "several"}], ids=str)
def test_parts_and_half_precision_give_the_gradient_of_the_batch(
    changes: dict[str, str], several: str, tmp_path: Path
) -> None:
    """bfloat16 has 8 bits. With two conditions two processes share the batch, too."""
    given = {"width": 16, "layers": 2, "heads": 2, "batch_size": 16, "evaluate_passes": 1, "device": "cpu"} | changes
    if "data" in changes:
        given["data"] = several

    def found(name: str, **settings: Any) -> tuple[Tensor, float]:
        settings |= given | {"out": str(tmp_path / name)}
        if name == "two":
            in_two_processes(tmp_path, str(Path(__file__).with_name("descent.py")), json.dumps(settings))
        else:
            descend(**settings)
        return gradient(**settings), journal(tmp_path / name).history[0].loss

    whole, loss = found("one")
    names = ["half", *(["two"] if "data" in changes else [])]
    for name, precision, parts, least, most in (
        ("four", "no", 4, 0.0, 1e-5),
        *((n, "bf16", 2, 1e-3, 0.02) for n in names),
    ):
        parted, its_loss = found(name, precision=precision, accumulate=parts)
        assert least < (parted - whole).norm() / whole.norm() < most
        assert its_loss == pytest.approx(loss, rel=most / 20)


def test_a_long_gradient_is_shortened_to_the_clip(tmp_path: Path) -> None:
    given = {"width": 16, "layers": 1, "heads": 2, "batch_size": 8, "evaluate_passes": 1, "device": "cpu"}
    found = []
    for name, clip in (("whole", 1e9), ("short", 0.25)):
        settings = given | {"out": str(tmp_path / name), "clip": clip}
        descend(**settings)
        found.append(gradient(**settings))
    expected = 0.25 * found[0] / found[0].norm()
    assert float(found[0].norm()) > 0.5
    assert float((found[1] - expected).norm()) < 0.05 * 0.25  # weights near 1 round what moves them


def test_the_loss_of_an_evaluation_is_the_mean_since_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    usual = Denoising.reseed
    monkeypatch.setattr(
        Denoising, "reseed", lambda self, step, *others: (seeds.append(step), usual(self, step, *others))
    )
    each, pairs = (train(config(tmp_path / str(n), steps=4, evaluate_every=n)).history for n in (1, 2))
    losses = [evaluation.loss for evaluation in each]
    assert [evaluation.loss for evaluation in pairs] == pytest.approx([sum(losses[:2]) / 2, sum(losses[2:]) / 2])
    assert seeds == 2 * [0, 1, 2, 3]  # each step has its own dropout


def test_a_run_with_several_conditions_in_half_precision_resumes(several: str, tmp_path: Path) -> None:
    settings = [config(tmp_path / name, data=several, shift=0, **HALF) for name in ("whole", "stopped")]
    assert train(settings[0]).finished
    assert not train(settings[1], lambda step: os.kill(os.getpid(), {7: signal.SIGINT}.get(step, 0))).finished
    assert train(settings[1]).finished
    assert_same(tmp_path / "whole", tmp_path / "stopped")


def test_two_processes_train_what_one_trains(tmp_path: Path) -> None:
    """The batch is the same, divided in two; only the order of summation differs."""
    settings = config(tmp_path / "two", dropout=0, steps=6)
    assert train(config(tmp_path / "one", dropout=0, steps=6)).finished
    out, err = in_two_processes(tmp_path, "-m", "dguide.cli", *settings.command().split()[1:])
    assert out.count("bits per token of the test data") == 1  # the main process alone reports
    assert err.count("step      5 ") == err.count("step      6 ") == 1
    one, two = tensors(tmp_path / "one"), tensors(tmp_path / "two")
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=1e-5)
    assert not all(torch.equal(one[name], two[name]) for name in one)
    curves = [[(e.step, e.loss, e.bits) for e in journal(tmp_path / run).history] for run in ("one", "two")]
    assert [e[0] for e in curves[0]] == [5, 6]
    torch.testing.assert_close(torch.tensor(curves[1]), torch.tensor(curves[0]), rtol=1e-5, atol=0)


def test_parts_of_a_step_add_up_to_the_step(tmp_path: Path) -> None:
    """The gradient of a batch is the mean of those of its parts; only the order of summation differs."""
    for parts in (1, 4):
        assert train(config(tmp_path / str(parts), dropout=0, accumulate=parts)).finished
    one, four = tensors(tmp_path / "1"), tensors(tmp_path / "4")
    for name in one:
        torch.testing.assert_close(four[name], one[name], rtol=1e-3, atol=1e-5)
    assert not all(torch.equal(one[name], four[name]) for name in one)
    with pytest.raises(ValueError, match="batch_size: got 8, expected a multiple of 3"):
        train(config(tmp_path / "3", accumulate=3))


def test_the_course_of_a_run_can_be_watched(tmp_path: Path) -> None:
    result = train(config(tmp_path, tensorboard=True))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == list(range(1, 13))
    assert [event.value for event in events.Scalars("validation_bits")] == pytest.approx(
        [e.bits for e in result.history]
    )
    assert checkpoint.load(tmp_path).config.command.endswith("--tensorboard True")


def test_a_size_says_width_layers_and_heads(tmp_path: Path) -> None:
    settings = TrainConfig(out=tmp_path, steps=1, size="medium", layers=2)  # type: ignore[arg-type]
    assert (settings.width, settings.layers, settings.heads) == (128, 2, 4)
    assert settings.command().endswith("--steps 1 --size medium --layers 2")
    assert TrainConfig(out=tmp_path, steps=1).width == SIZES["small"]["width"]
    with pytest.raises(ValueError, match=r"size.*medum.*medium"):
        config(tmp_path, size="medum")


def test_a_finished_run_is_left_as_it_is(
    undisturbed: tuple[dict[str, str], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, path = undisturbed
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr("dguide.train.denoisers.likelihood", None)  # nothing is evaluated again
        steps: list[int] = []
        result = train(config(path, **changes), steps.append)
    assert (result.finished, result.steps, steps) == (True, 12, [])
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in path.iterdir()} == before
    assert "is finished, after 12 steps" in capsys.readouterr().err


def test_a_run_killed_in_its_last_evaluation_still_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(Exception):
        pass

    def die(*_: object) -> None:
        raise Dead

    with monkeypatch.context() as patch:
        patch.setattr("dguide.train.loop._Run._finish", die)
        with pytest.raises(Dead):
            train(config(tmp_path))
    first = checkpoint.load(tmp_path).config.test_bits
    assert not journal(tmp_path).finished
    assert train(config(tmp_path)).finished
    assert journal(tmp_path).finished
    assert checkpoint.load(tmp_path).config.test_bits != first


def test_time_that_runs_out_in_an_interruption_still_gives_a_checkpoint(tmp_path: Path) -> None:
    settings = config(tmp_path, steps=None, minutes=100)

    def interrupt(step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    assert not train(settings, interrupt).finished
    shorter = config(tmp_path, steps=None, minutes=1e-6)
    saved = load_file(tmp_path / STATE)
    told = json.dumps(vars(journal(tmp_path)) | {"settings": shorter.recipe()})
    save_file(saved, tmp_path / STATE, {"dguide": told, "sha256": content_digest(told, saved)})
    result = train(shorter)
    assert (result.finished, result.steps) == (True, 2)
    assert checkpoint.load(tmp_path).config.steps == 2


def test_a_finished_run_goes_on_with_more_steps_where_the_rate_allows_it(tmp_path: Path) -> None:
    constant = {"decay": "constant"}
    assert train(config(tmp_path / "longer", **constant)).finished
    result = train(config(tmp_path / "longer", **constant, steps=20))
    assert (result.finished, result.steps) == (True, 20)
    assert [each.step for each in result.history] == [5, 10, 12, 15, 20]
    assert train(config(tmp_path / "whole", **constant, steps=20)).finished
    one, other = (load_file(tmp_path / name / STATE) for name in ("longer", "whole"))
    assert all(torch.equal(one[name], other[name]) for name in one.keys() | other.keys())
    with pytest.raises(ValueError, match=r"steps=19, expected those it began with, steps=20"):
        train(config(tmp_path / "longer", **constant, steps=19))
    assert train(config(tmp_path / "cosine")).finished
    with pytest.raises(ValueError, match=r"steps=20.*steps=12.*decay=cosine the rate of every step depends"):
        train(config(tmp_path / "cosine", steps=20))


def test_a_run_begins_with_the_weights_of_a_checkpoint(tmp_path: Path) -> None:
    assert train(config(tmp_path / "first")).finished
    start = checkpoint.load(tmp_path / "first").model.state_dict()
    settings = config(tmp_path / "second", from_=tmp_path / "first", rate=1e-30, weight_decay=0, steps=5)
    assert train(settings).finished
    found = checkpoint.load(tmp_path / "second")
    assert all(torch.equal(tensor, start[name]) for name, tensor in found.model.state_dict().items())
    assert f"--from {tmp_path / 'first'}" in found.config.command
    assert journal(tmp_path / "second").settings["from_"] == str(tmp_path / "first")
    with pytest.raises(
        ValueError, match=r"network of the checkpoint .*width=16, layers=1, expected .*width=32, layers=2"
    ):
        train(config(tmp_path / "third", from_=tmp_path / "first", width=32, layers=2))
    assert not (tmp_path / "third").exists()


def test_a_run_ends_early_when_the_bits_stop_falling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bits = iter([3.0, 2.0, 2.5, 2.25, 2.0, 1.0])

    def told(*arguments: Any, **options: Any) -> Any:
        return replace(likelihood(*arguments, **options), bits=next(bits))

    settings = config(tmp_path, steps=1000, patience=2)

    def die(step: int) -> None:
        if step == 18:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("dguide.train.denoisers.likelihood", told)
        assert not train(settings, die).finished
        result = train(settings)
    assert (result.finished, result.steps) == (True, 20)
    assert result.best is not None
    assert result.best.step == checkpoint.load(tmp_path).config.steps == 10
    assert "--patience 2" in checkpoint.load(tmp_path).config.command


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_do_not_depend_on_the_default_dtype(tmp_path: Path, dtype: torch.dtype) -> None:
    settings = {"process": "uniform", "steps": 3}
    assert train(config(tmp_path / "usual", **settings)).finished
    torch.set_default_dtype(dtype)
    try:
        assert train(config(tmp_path / "other", **settings)).finished
        found = checkpoint.load(tmp_path / "other").model
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(torch.float32)
    assert {tensor.dtype for tensor in found.state_dict().values()} == {torch.float32}
    assert_same(tmp_path / "usual", tmp_path / "other")


def test_the_checkpoint_holds_the_best_average_and_tells_its_bits(undisturbed: tuple[dict[str, str], Path]) -> None:
    changes, path = undisturbed
    found = checkpoint.load(path)
    held_out = load("digits").test
    figure = likelihood(found.model, found.process, held_out.tokens, held_out.labels, passes=2)
    assert found.config.test_bits == pytest.approx(figure.bits, rel=1e-6)
    assert found.process.name == changes.get("process", "masked")
    assert found.model.time_dependent == (found.process.name == "uniform")
    assert "--steps 12" in found.config.command
    assert f"--out {path}" in found.config.command


def test_other_settings_and_damage_are_noticed_before_work(
    undisturbed: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    changes, path = undisturbed
    with pytest.raises(ValueError, match=r"rate=0\.01.*rate=0\.003.*[Dd]elete"):
        train(config(path, **changes, rate=0.01))
    (tmp_path / STATE).write_bytes((path / STATE).read_bytes()[:2000])
    with pytest.raises(ValueError, match=r"training state.*[Dd]elete"):
        train(config(tmp_path, **changes))


def flip(path: Path, part: bytes) -> None:
    """Flips the lowest bit of the byte behind `part`, or of the last byte."""
    content = bytearray(path.read_bytes())
    content[content.index(part) + len(part) if part else -1] ^= 1
    path.write_bytes(bytes(content))


def test_a_damaged_state_is_not_resumed(undisturbed: tuple[dict[str, str], Path], tmp_path: Path) -> None:
    changes, path = undisturbed
    whole = (path / STATE).read_bytes()
    for part in (b"", b'\\"seconds\\": '):  # a moment; the working time
        (tmp_path / STATE).write_bytes(whole)
        flip(tmp_path / STATE, part)
        with pytest.raises(ValueError, match=r"^training state.*(SHA-256|Invalid JSON).*delete this one.$"):
            train(config(tmp_path, **changes))
    saved = load_file(path / STATE)
    with safe_open(path / STATE, "pt") as file:
        told = file.metadata()["dguide"]
    for name in (each for each in saved if each.startswith("optimizer") and each.split(".")[1] == "0"):
        left = {each: tensor for each, tensor in saved.items() if each != name}
        save_file(left, tmp_path / STATE, {"dguide": told, "sha256": content_digest(told, left)})
        with pytest.raises(ValueError, match=r"training state.*optimizer.*[Dd]elete"):
            train(config(tmp_path, **changes))


def test_training_learns_and_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    settings = config(
        tmp_path, steps=60, batch_size=32, width=32, dropout=0, shift=0, rate=1e-2, ema=0.9, evaluate_every=30
    )
    result = train(settings)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert result.best is not None
    assert result.best.bits < 2.6  # an untrained network has 4
    assert result.history[-1].loss < result.history[0].loss


@pytest.mark.usefixtures("clock")
def test_minutes_end_the_run_with_the_rate_at_zero(tmp_path: Path) -> None:
    result = train(config(tmp_path, steps=None, minutes=0.02))
    assert result.finished
    assert result.history[-1].step == result.steps
    assert 0.6 <= result.history[-1].seconds < 1.4  # at least half of the time is for training


def test_minutes_count_the_evaluations_and_say_what_is_done_last(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(*arguments: Any, **options: Any) -> Any:
        clock.now += 0.4 * options["passes"] * len(arguments[2]) / 359
        return likelihood(*arguments, **options)

    monkeypatch.setattr("dguide.train.denoisers.likelihood", slow)
    result = train(config(tmp_path, steps=None, minutes=0.1, evaluate_every=10**6, evaluate_passes=5))
    last = journal(tmp_path)
    assert last.seconds < 6.5
    assert last.seconds > result.history[-1].seconds + 1  # the last evaluation is counted too
    assert "last evaluation of the best weights" in capsys.readouterr().err


def test_the_last_evaluation_of_a_short_run_has_fewer_noise_levels(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def slow(*arguments: Any, **options: Any) -> Any:
        asked.append(options["passes"])
        clock.now += 0.1 * len(arguments[2]) / 359
        return likelihood(*arguments, **options)

    monkeypatch.setattr("dguide.train.denoisers.likelihood", slow)
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: 1000)
    assert train(config(tmp_path, steps=None, minutes=0.05)).finished
    assert 8 <= asked[-1] <= 14  # 1.5 s at a little more than 0.1 s each, less that of the evaluation before


@pytest.mark.parametrize(("usual", "most", "passes"), [(16, 1e6, 16), (16, 0.0, 8), (4, 0.0, 4)])
def test_a_plan_has_the_usual_noise_levels_or_as_many_as_there_is_time_for_but_eight(
    usual: int, most: float, passes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(0.0)

    def timed(model: Any, process: Any, tokens: Tensor, condition: Any, passes: int, **options: Any) -> Any:
        clock.now += 0.001 * len(tokens) * passes
        return SimpleNamespace(bits=4.0)

    monkeypatch.setattr("dguide.train.denoisers.time", clock)
    monkeypatch.setattr("dguide.train.denoisers.likelihood", timed)
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: usual)
    task = Denoising(config(tmp_path, evaluate_passes=3))
    looks = 3 * len(task.dataset.validation) + passes * len(task.dataset.test)
    assert task.plan(task.model, torch.device("cpu"), most) == pytest.approx(0.001 * looks)
    assert task.passes == passes


def test_rate_rises_then_falls_as_a_cosine() -> None:
    assert [rate(1.0, 4, step, 0.0) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rate(2.0, 0, 0, 0.5) == pytest.approx(1.0)
    assert rate(2.0, 0, 9, 1.0) == 0
    assert rate(2.0, 4, 0, 0.9, "constant") == 0.5
    assert rate(2.0, 4, 9, 1.0, "constant") == 2
    assert Steps(8).fraction(2, 1e9) == 0.25
    assert Minutes(2).fraction(10**9, 30) == 0.25
    assert Minutes(2).fraction(0, 1000) == 1
    assert Minutes(2, last=20).fraction(0, 50) == 0.5
    assert Minutes(2, last=1000).fraction(0, 30) == 0.5


def test_budget_follows_the_configuration(tmp_path: Path) -> None:
    assert budget(config(tmp_path)) == Steps(12)
    assert budget(config(tmp_path, steps=None, minutes=3)) == Minutes(3)


def test_average_is_the_weighted_sum_of_the_weights() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(1.0)
    average = Average(model, 0.5)
    expected = 1.0
    for step, value in enumerate((3.0, -1.0, 2.0, 5.0, 0.0, 1.0, 7.0, 2.0, 4.0, 1.0)):
        model.weight.data.fill_(value)
        average.update(model, step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert average.model.weight.item() == pytest.approx(expected)
    assert not average.model.weight.requires_grad


def test_a_batch_is_a_function_of_seed_and_step(tmp_path: Path) -> None:
    digits, process = load("digits"), Masked(16)
    one, same = (draw(config(tmp_path), digits, process, null_label, 3, by_level=False) for _ in range(2))
    others = [
        draw(config(tmp_path), digits, process, null_label, 4, by_level=False),
        draw(config(tmp_path, seed=1), digits, process, null_label, 3, by_level=False),
    ]
    assert torch.equal(one.noisy, same.noisy)
    assert torch.equal(one.time, same.time)
    for other in others:
        assert not torch.equal(one.time, other.time)
        assert not torch.equal(one.clean, other.clean)


@pytest.mark.parametrize(
    ("changes", "digest"),
    [
        ({}, "e3f20313774a65bc"),
        ({"process": "uniform"}, "ee45ee46b6c69b6e"),
        ({"process": "uniform", "prediction": "leave-one-out", "noise": "cosine"}, "586dca0476a06e1e"),
        ({"noise": "cosine"}, "cdf87e9970eac558"),
    ],
)
def test_a_run_that_began_with_an_older_version_draws_the_same_batches(
    changes: dict[str, str], digest: str, tmp_path: Path
) -> None:
    """Else it must not go on; whoever changes a batch also changes `Task.drawn`."""
    task = Denoising(TrainConfig(out=tmp_path, steps=9, size="tiny", batch_size=48, shift=1, seed=3, **changes))
    batch = task.draw(7)
    content = (batch.clean, batch.noisy, batch.time, batch.augmentation, batch.condition)
    assert sha256(b"".join(part.numpy().tobytes() for part in content)).hexdigest()[:16] == digest


def test_each_round_sees_every_sequence_once_across_batches(tmp_path: Path) -> None:
    digits, process = load("digits"), Masked(16)
    settings = config(tmp_path, batch_size=179, shift=0)  # seven batches are a round of 1,253
    for first in (0, 7):
        batches = [
            draw(settings, digits, process, null_label, step, by_level=False) for step in range(first, first + 7)
        ]
        seen = sorted(row for batch in batches for row in batch.clean.tolist())
        assert seen == sorted(digits.train.tokens.tolist())
    odd = config(tmp_path, batch_size=1000, shift=0)
    rounds = torch.cat([draw(odd, digits, process, null_label, step, by_level=False).clean for step in range(3)])
    for first in (0, 1253):
        assert sorted(rounds[first : first + 1253].tolist()) == sorted(digits.train.tokens.tolist())


def test_noise_levels_cover_the_interval_evenly_and_labels_are_dropped(tmp_path: Path) -> None:
    digits = load("digits")
    settings = config(tmp_path, batch_size=400, label_dropout=0.3)
    shares, firsts = [], []
    for step in range(20):
        batch = draw(settings, digits, Uniform(16), null_label, step, by_level=True)
        assert torch.equal((batch.time * 400).floor().long(), torch.arange(400))
        firsts.append(float(batch.time[0]) * 400)
        shares.append(float((batch.condition == 10).double().mean()))
    assert 0.2 < sum(firsts) / 20 < 0.8
    assert sum(shares) / 20 == pytest.approx(0.3, abs=0.02)


def test_several_conditions_are_dropped_together_and_each_by_itself(several: str, tmp_path: Path) -> None:
    task = Denoising(config(tmp_path, data=several, batch_size=400, label_dropout=0.3, shift=0))
    given = [task.draw(step).condition for step in range(20)]
    kind, mass = torch.cat([each["kind"] for each in given]) == 3, torch.cat([each["mass"] for each in given]).isnan()
    for dropped in (kind, mass):
        assert float(dropped.double().mean()) == pytest.approx(0.3 + 0.7 * 0.3, abs=0.03)
    assert float((kind & mass).double().mean()) == pytest.approx(0.3 + 0.7 * 0.3**2, abs=0.03)


def test_numbers_of_masks_are_spread_evenly_and_their_places_at_random(tmp_path: Path) -> None:
    digits, settings, places = load("digits"), config(tmp_path, batch_size=400), torch.zeros(64)
    for step in range(20):
        batch = draw(settings, digits, Masked(16), null_label, step, by_level=False)
        masks = (batch.noisy == 16).sum(1)
        assert torch.equal(masks, (batch.time * 64).round().long())
        assert set(torch.bincount(masks).tolist()[1:]) <= {6, 7}  # 400 sequences, 64 numbers of masks
        assert masks.min() == 1
        places += (batch.noisy == 16).sum(0)
    expected = 20 * 400 * 65 / 128
    assert float(((places - expected).square() / (expected * 63 / 128)).sum()) < 120  # chi-square, 63 degrees


def test_half_of_the_images_are_moved_and_each_batch_says_which(tmp_path: Path) -> None:
    digits, process = load("digits"), Masked(16)
    real = {tuple(row) for row in digits.train.tokens.tolist()}
    batch = draw(config(tmp_path, batch_size=1438, shift_share=0.5), digits, process, null_label, 0, by_level=False)
    still = batch.augmentation == 0
    assert float(still.double().mean()) == pytest.approx(0.5 + 0.5 / 9, abs=0.05)
    assert all(tuple(row) in real for row in batch.clean[still].tolist())
    assert not any(tuple(row) in real for row in batch.clean[~still].tolist())
    untouched = draw(config(tmp_path, batch_size=1438, shift=0), digits, process, null_label, 0, by_level=False)
    assert not untouched.augmentation.any()


def test_streams_are_independent() -> None:
    draws = {
        float(torch.rand(1, generator=generator(seed, stream, index, rank), dtype=torch.float64))
        for seed in (0, 1)
        for stream in Stream
        for index in (0, 1)
        for rank in (0, 1)
    }
    assert len(draws) == 2 * len(Stream) * 2 * 2


def test_all_mistakes_are_reported_at_once_with_the_valid_names(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "train",
        "--out",
        "x",
        "--process",
        "maskd",
        "--data",
        "mnits",
        "--noise",
        "lin",
        "--steps",
        "0",
        "--rate",
        "-1",
    ]
    assert main(arguments) == 2
    message = capsys.readouterr().err
    for part in ("masked, uniform", "digits", "cosine, geometric, linear", "--steps", "--rate"):
        assert part in message
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": None}, "exactly one"),
        ({"minutes": 3}, "exactly one"),
        ({"width": 18, "heads": 4}, "multiple of 8"),
        ({"precision": "fp8"}, "bf16"),
        ({"widht": 3}, "widht"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(tmp_path, **changes)


def test_the_command_restores_the_settings(tmp_path: Path) -> None:
    settings = config(tmp_path, process="uniform", noise="polynomial:3", rate=1e-3)
    words = settings.command().split()
    assert words[:2] == ["dguide", "train"]
    found = {w[2:].replace("-", "_"): v for w, v in zip(words[2::2], words[3::2], strict=True)}
    assert TrainConfig(**found) == settings  # type: ignore[arg-type]
    assert "clip" not in found


def test_a_checkpoint_without_a_run_is_not_trained_over(tmp_path: Path) -> None:
    settings = config(tmp_path)
    settings.out.mkdir(parents=True, exist_ok=True)
    (settings.out / "model.safetensors").write_bytes(b"weights of somebody")
    with pytest.raises(ValueError, match=r"finished checkpoint .*expected a new one"):
        train(settings)
    assert (settings.out / "model.safetensors").read_bytes() == b"weights of somebody"
    assert not (settings.out / STATE).exists()


def test_a_run_that_diverges_stops(tmp_path: Path) -> None:
    settings = config(tmp_path, rate=1e30, clip=1e30, warmup=0, steps=20)
    with pytest.raises(FloatingPointError, match="diverged"):
        train(settings)


@pytest.mark.parametrize("changes", [{"rate": float("inf")}, {"steps": None, "minutes": float("inf")}])
def test_settings_are_finite(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="finite"):
        config(tmp_path, **changes)


def test_a_state_that_calls_the_figure_bits_resumes(tmp_path: Path) -> None:
    """So older files do."""
    stop = {7: signal.SIGINT}
    assert not train(config(tmp_path / "old"), lambda step: os.kill(os.getpid(), stop.get(step, 0))).finished
    state = tmp_path / "old" / STATE
    saved = load_file(state)
    with safe_open(state, "pt") as file:
        told = file.metadata()["dguide"].replace('"figure"', '"bits"')
    assert '"bits"' in told
    save_file(saved, state, {"dguide": told, "sha256": content_digest(told, saved)})
    assert train(config(tmp_path / "old")).finished
    assert train(config(tmp_path / "new")).finished
    assert_same(tmp_path / "old", tmp_path / "new")


def without_draws(path: Path) -> None:
    """The state as it was when the noise of masked models was drawn by level."""
    saved = load_file(path)
    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["dguide"])
    assert told.pop("drawn") == "number of masks"
    save_file(saved, path, {"dguide": json.dumps(told), "sha256": content_digest(json.dumps(told), saved)})


def test_a_run_that_began_with_other_draws_is_not_mixed_with_those_of_today(tmp_path: Path) -> None:
    settings = config(tmp_path, decay="constant")
    stop = {7: signal.SIGINT}
    assert not train(settings, lambda step: os.kill(os.getpid(), stop.get(step, 0))).finished
    state = tmp_path / STATE
    today = state.read_bytes()
    without_draws(state)
    with pytest.raises(
        ValueError, match=r"draws noise by level, expected .* by number of masks\. Finish it with the ver"
    ):
        train(settings)
    state.write_bytes(today)
    assert train(settings).finished
    without_draws(state)
    before = state.read_bytes()
    assert train(settings).finished  # it has nothing left to draw
    assert state.read_bytes() == before
    with pytest.raises(ValueError, match="draws noise by level"):
        train(settings.model_copy(update={"steps": 20}))
