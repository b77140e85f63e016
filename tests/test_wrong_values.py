"""A value of a wrong kind is refused in dguide's words: no error of PyTorch or Python, and no plausible result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import Network, oracle, table
from torch import Tensor

import dguide
from dguide import Lengths, Masked, Normalized, evaluate, exact, guidance, noise
from dguide.cli.names import sampler_of
from dguide.data.sets.digits import digits
from dguide.guidance import Schedule, parse_guidance
from dguide.samplers import SAMPLERS, Remasking, prepare
from dguide.theory import order_effects, schedules, strength
from dguide.train import loss

LABELS = torch.tensor([0, 1, 2])
PROBLEM = exact.Problem(Masked(3), table(3, 2, 0), table(3, 2, 1))
ONE = torch.full((3,), 1 / 3)
TENSOR = r"torch\.tensor\(\[\.\.\.\]\)"
HALF = "A parenthesis in it has no other half"
WEIGHTS: dict[str, Any] = {"list": [1.0, 2.0, 3.0], "tuple": (1.0, 2.0, 3.0), "array": np.ones(3)}


WITHOUT_DATA: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "meta": (lambda x: x.to("meta"), "a tensor on the device meta"),
    "sparse": (lambda x: x.to_sparse(), r"a tensor of layout torch\.sparse_coo"),
}


def draw(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "process": Masked(4),
        "length": 6,
        "condition": LABELS,
        "guidance": Normalized(2.0),
        "sampler": dguide.Ancestral(2),
    }
    return dguide.sample(Network(4), **given | changes)


def ready(**changes: Any) -> Any:
    given: dict[str, Any] = {"process": Masked(4), "length": 6, "condition": LABELS, "sampler": dguide.Ancestral(2)}
    return prepare(Network(4), **given | changes)


MASKS = torch.full((3, 6), 4)
TOKENS = torch.zeros(3, 6, dtype=torch.int64)
FLAT = torch.full((3, 2), 0.5).log()
Made = Callable[[Tensor], Tensor]
NO_DATA: dict[str, Callable[[Made], Any]] = {
    "condition": lambda made: draw(condition=made(LABELS)),
    "condition, device given": lambda made: draw(condition=made(LABELS), device="cpu"),
    "condition, in a dict": lambda made: draw(condition={"label": made(LABELS)}, device="cpu"),
    "reference": lambda made: draw(reference=made(LABELS)),
    "initial": lambda made: draw(initial=made(MASKS)),
    "fixed": lambda made: draw(initial=MASKS, fixed=made(MASKS > 4)),
    "Lengths values": lambda made: Lengths(made(LABELS), padding=0),
    "Normalized weight": lambda made: Normalized(made(ONE)),
    "per_sample": lambda made: dguide.RampUp(1.0).per_sample(made(ONE)),
    "Ancestral grid": lambda made: dguide.Ancestral(grid=made(ONE)),
    "Decoding forbidden": lambda made: dguide.Decoding(forbidden=made(LABELS)),
    "equal_work_grid levels": lambda made: dguide.equal_work_grid(Masked(3), made(ONE), ONE, 2),
    "equal_work_grid masked_fraction": lambda made: dguide.equal_work_grid(Masked(3), ONE, made(ONE), 2),
    "cond": lambda made: exact.Problem(Masked(3), made(ONE), ONE),
    "renyi p": lambda made: exact.renyi(made(ONE), ONE, 2.0),
    "distributions": lambda made: exact.total_variation(made(ONE), ONE),
    "distributions of kl": lambda made: exact.kl_divergence(ONE, made(ONE)),
    "exact.solve times": lambda made: exact.solve(PROBLEM, Normalized(1.0), times=made(ONE)),
    "tokens of the oracle": lambda made: PROBLEM.oracle()(made(TOKENS[:, :2]), torch.ones(3), LABELS),
    "labels": lambda made: PROBLEM.oracle()(TOKENS[:, :2], torch.ones(3), made(LABELS)),
    "logits": lambda made: dguide.sample(
        lambda tokens, *_: made(torch.zeros(*tokens.shape, 4)),
        process=Masked(4),
        length=6,
        count=3,
        sampler=dguide.Ancestral(2),
    ),
    "tokens of a loss": lambda made: loss(Masked(4), Network(4), made(TOKENS), LABELS, torch.Generator()),
    "condition of a loss": lambda made: loss(Masked(4), Network(4), TOKENS, made(LABELS), torch.Generator()),
    "tokens of a likelihood": lambda made: evaluate.likelihood(Network(4), Masked(4), made(TOKENS), LABELS),
    "tokens of a reading": lambda made: evaluate.read(Network(4), Masked(4), made(TOKENS), [LABELS, LABELS]),
    "prior": lambda made: evaluate.read(Network(4), Masked(4), TOKENS, [LABELS, LABELS], prior=made(ONE[:2])),
    "log-probabilities": lambda made: evaluate.calibration_error(made(FLAT), LABELS % 2),
    "labels of a calibration": lambda made: evaluate.calibration_error(FLAT, made(LABELS % 2)),
    "tokens of samples": lambda made: evaluate.evaluate_samples(digits(), made(digits().test.tokens), {}),
    "RampUp level": lambda made: dguide.RampUp(1.0)(made(ONE)),
    "Power.average high": lambda made: dguide.Power(1.0, 2.0).average(ONE, made(ONE)),
    "Cosine.alpha time": lambda made: noise.Cosine().alpha(made(ONE)),
}


OTHER_DEVICE = {"logits", "tokens of a loss", "condition of a loss"}
"""What must be on the device of the network: for one on meta the error names that."""
ANY_DEVICE = {"RampUp level", "Power.average high", "Cosine.alpha time"}
"""What a network computes with: it may be on meta as a whole."""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in NO_DATA
        for kind in WITHOUT_DATA
        if kind == "sparse" or name not in OTHER_DEVICE | ANY_DEVICE
    ],
)
def test_a_tensor_whose_numbers_are_not_there_one_by_one(name: str, kind: str) -> None:
    """One without data, or a sparse one."""
    made, got = WITHOUT_DATA[kind]
    with pytest.raises(dguide.InputError, match=rf"{name.split(',')[0].split(' of ')[0]}.*: got {got}, expected"):
        NO_DATA[name](made)


NO_TENSOR: dict[str, Callable[[Any], Any]] = {
    "condition": lambda x: draw(condition=x),
    "reference": lambda x: draw(reference=x),
    "initial": lambda x: draw(initial=x),
    "fixed": lambda x: draw(initial=MASKS, fixed=x),
    "Lengths values": lambda x: Lengths(x, padding=0),
    "Normalized weight": Normalized,
    "RampUp weight": dguide.RampUp,
    "Linear average_weight": dguide.Linear,
    "per_sample": lambda x: dguide.Constant(1.0).per_sample(x),
    "cond": lambda x: exact.Problem(Masked(3), x, ONE),
    "renyi p": lambda x: exact.renyi(x, ONE, 2.0),
    "exact.solve times": lambda x: exact.solve(PROBLEM, Normalized(1.0), times=x),
    "distributions": lambda x: exact.total_variation(x, ONE),
    "labels": lambda x: PROBLEM.oracle()(torch.zeros(3, 2, dtype=torch.int64), torch.ones(3), x),
    "labels of null": lambda x: PROBLEM.oracle().null(x),
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("name", NO_TENSOR)
def test_numbers_that_are_in_no_tensor(name: str, kind: str) -> None:
    with pytest.raises(dguide.InputError, match=rf"{name.split(' of ')[0]}.*: got .*, expected [\s\S]*{TENSOR}"):
        NO_TENSOR[name](WEIGHTS[kind])


LEVELS: dict[str, Any] = {"number": 0.5, "int": 1, "text": "0.5", "none": None, "true": torch.tensor([True])} | WEIGHTS
SCHEDULES = [
    dguide.Constant(1.0),
    dguide.Interval(1.0, 0.2, 0.8),
    dguide.RampUp(1.0),
    dguide.Piecewise(((0.0, 1.0), (1.0, 0.0))),
    *(cls(1.0) for cls in (dguide.Linear, dguide.InverseLinear, dguide.V, dguide.InverseV, dguide.Cosine, dguide.Sine)),
    dguide.Power(1.0, 2.0),
]
NOISES = [cls() for cls in noise.NOISES.values()]


@dataclass(frozen=True)
class Own(Schedule):
    """A schedule of a user."""

    weight: float

    def __call__(self, level: Tensor) -> Tensor:
        return self.weight * (1 - level)

    def average(self, low: Tensor, high: Tensor) -> Tensor:
        return self.weight * (1 - (low + high) / 2)


@dataclass(frozen=True)
class OwnNoise(noise.Linear):
    """A noise schedule of a user."""

    def alpha(self, time: Tensor) -> Tensor:
        return 1 - 1 * time


def test_all_schedules_are_tried() -> None:
    assert {type(each) for each in SCHEDULES} == set(guidance.SCHEDULES.values())


@pytest.mark.parametrize("kind", LEVELS)
@pytest.mark.parametrize(
    "schedule", [*SCHEDULES, Own(1.0), *(cls() for cls in noise.NOISES.values()), OwnNoise()], ids=repr
)
def test_a_schedule_of_what_is_no_tensor_of_numbers(schedule: Any, kind: str) -> None:
    value, some = LEVELS[kind], torch.tensor([0.5])
    methods = ("alpha", "level", "slope", "time") if isinstance(schedule, noise.Noise) else ("__call__",)
    calls = [lambda name=name: getattr(schedule, name)(value) for name in methods]
    if isinstance(schedule, Schedule):
        calls += [lambda: schedule.average(value, some), lambda: schedule.average(some, high=value)]
    remedy = TENSOR if kind in ("number", "int", *WEIGHTS) else ""
    for call in calls:
        with pytest.raises(
            dguide.InputError, match=rf"{type(schedule).__name__}.*: got .*, expected a tensor.*{remedy}"
        ):
            call()


SWITCHES: dict[str, Callable[[Any], Any]] = {
    "progress": lambda x: draw(progress=x),
    "trajectory": lambda x: draw(trajectory=x),
    "order_effects": lambda x: order_effects.compute(progress=x),
    "schedules": lambda x: schedules.compute(progress=x),
    "strength": lambda x: strength.compute(progress=x),
}


@pytest.mark.parametrize("value", [torch.ones(3), torch.tensor(1.0), "yes", 1, np.ones(2), {}], ids=repr)
@pytest.mark.parametrize("name", SWITCHES)
def test_progress_is_true_or_false_or_what_is_called(name: str, value: Any) -> None:
    what = name if name == "trajectory" else "progress"
    with pytest.raises(dguide.InputError, match=rf"{what}: got .*, expected "):
        SWITCHES[name](value)


OTHERS: dict[str, tuple[Callable[[], Any], str]] = {
    "weights true or false": (lambda: Normalized(torch.tensor([True])), r"weight: got torch.bool, expected"),
    "complex weights": (lambda: Normalized(torch.ones(1).cfloat()), r"weight: got torch.complex64, expected"),
    "factors true or false": (lambda: dguide.Linear(1.0).per_sample(torch.tensor([True])), "got torch.bool"),
    "weight beyond float64": (lambda: Normalized(10**400), "Normalized weight: got .*, expected a number"),
    "tokens that are no ints": (lambda: dguide.Decoding(forbidden=[0.5, 1.0]), "forbidden: got .*token numbers"),
    "tokens by truth": (lambda: dguide.Decoding(forbidden=torch.tensor([True, False])), "forbidden: got .*token"),
    "mask true": (lambda: Masked(3, mask_id=True), "mask_id: got True"),
    "one level as window": (lambda: Remasking(window=0.5), "window: got 0.5, expected noise levels"),
    "three levels as window": (lambda: Remasking(window=(0, 0.5, 1)), "window: got .*, expected noise levels"),
    "one quantile": (lambda: dguide.Diagnostics(quantiles=0.5), "quantiles: got 0.5, expected"),
    "process of a grid": (lambda: dguide.equal_work_grid("masked", ONE, ONE, 2), "process: got 'masked', expected"),
    "levels of a grid": (lambda: dguide.equal_work_grid(Masked(3), None, ONE, 2), "levels: got None, expected"),
    "mean": (lambda: dguide.RampUp(1.0).scaled_to("2"), "mean: got '2', expected a number"),
    "number as schedule": (lambda: dguide.parse_schedule(2.0), "schedule: got 2.0, expected text"),
    "mechanism as mechanism": (lambda: parse_guidance(Normalized(1.0), 1.0), "guidance: got Norm.*, expected text"),
    "class as reference": (lambda: draw(reference=Network), "reference: got the class Network.*Pass an object"),
    "class as callback": (lambda: draw(callback=dguide.Diagnostics), "callback: got .*Diagnostics.*, expected"),
    "labels that are no ints": (lambda: draw_exactly(LABELS.float()), "labels: got torch.float32, expected"),
    "labels true or false": (lambda: draw_exactly(LABELS > 0), "labels: got torch.bool, expected"),
    "callback": (lambda: ready(callback=print), "prepare: got callback, expected .*Call it after each step"),
    "batch_size": (lambda: ready(batch_size=2), "prepare: got batch_size, expected"),
    "weight below -1": (lambda: dguide.parse_schedule("-2"), r"weight: got -2.0, expected .*\(0 is the conditional"),
    "weight without end": (lambda: dguide.parse_schedule("inf"), "weight: got inf, expected a finite number"),
    "open parenthesis": (lambda: SAMPLERS.read("smc:particles=4,sampler=(ancestral:steps=16"), f"sampler of .*{HALF}"),
    "open at first": (lambda: SAMPLERS.read("blocks:(low-confidence:steps=16,2"), f"sampler of .*blocks.*{HALF}"),
    "closed twice": (lambda: SAMPLERS.read("smc:sampler=(ancestral:steps=16))"), f"steps of .*got '16\\)'.*{HALF}"),
    "steps inside": (lambda: sampler_of("smc:particles=4", 8), r"Its sampler is first-hitting.*\(ancestral:steps=8\)"),
    "mistyped": (lambda: ready(guidence=None), "argument of prepare: got 'guidence'.*Did you mean 'guidance'"),
}


def draw_exactly(labels: Tensor) -> Any:
    return dguide.sample(oracle(Masked(3)), process=Masked(3), length=2, condition=labels, sampler=dguide.Ancestral(2))


@pytest.mark.parametrize("name", OTHERS)
def test_other_values_of_a_wrong_kind(name: str) -> None:
    make, match = OTHERS[name]
    with pytest.raises(dguide.InputError, match=match):
        make()


def test_a_batch_larger_than_any_number_of_samples() -> None:
    assert torch.equal(draw(batch_size=10**30).tokens, draw().tokens)


def test_a_file_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(dguide.InputError, match=r"samples\.npz, but the folder .*new does not exist.*Create it first"):
        draw().save(tmp_path / "new" / "samples.npz")


FINISHED: list[Any] = [
    dguide.Ancestral(2),
    dguide.Trapezoidal(2),
    Remasking(2),
    dguide.FirstHitting(),
    dguide.LowConfidence(2),
    dguide.Blocks(dguide.TopMargin(2), 3),
    dguide.SMC(2),
    dguide.SMC(2, dguide.Euler(2)),
]


@pytest.mark.parametrize("guidance", [Normalized(1.0), dguide.Unlocking(1.0)], ids=["normalized", "unlocking"])
@pytest.mark.parametrize("sampler", FINISHED, ids=str)
def test_a_step_after_the_last(sampler: Any, guidance: Any) -> None:
    paced = isinstance(sampler, (dguide.LowConfidence, dguide.Blocks))
    run = ready(sampler=sampler, guidance=Normalized(1.0) if paced else guidance)
    state = sampler.begin(run)
    while not sampler.finished(run, state):
        state = sampler.step(run, state)
    with pytest.raises(dguide.InputError, match=r"step: got a finished state, expected .*finished\(run, state\)"):
        sampler.step(run, state)
