"""A value of a wrong kind is refused in dguide's words: no error of PyTorch or Python, and no plausible result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import Network, oracle, table
from torch import Tensor

import dguide
from dguide import Lengths, Masked, Normalized, exact
from dguide.cli.names import sampler_of
from dguide.guidance import parse_guidance
from dguide.samplers import SAMPLERS, Remasking, prepare

LABELS = torch.tensor([0, 1, 2])
PROBLEM = exact.Problem(Masked(3), table(3, 2, 0), table(3, 2, 1))
ONE = torch.full((3,), 1 / 3)
TENSOR = r"torch\.tensor\(\[\.\.\.\]\)"
HALF = "A parenthesis in it has no other half"
WEIGHTS: dict[str, Any] = {"list": [1.0, 2.0, 3.0], "tuple": (1.0, 2.0, 3.0), "array": np.ones(3)}


def meta(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
    return torch.zeros(*shape, dtype=dtype, device="meta")


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
NO_DATA: dict[str, Callable[[], Any]] = {
    "condition": lambda: draw(condition=meta(3)),
    "condition, device given": lambda: draw(condition=meta(3), device="cpu"),
    "condition, in a dict": lambda: draw(condition={"label": meta(3)}, device="cpu"),
    "reference": lambda: draw(reference=meta(3)),
    "initial": lambda: draw(initial=meta(3, 6)),
    "fixed": lambda: draw(initial=MASKS, fixed=meta(3, 6, dtype=torch.bool)),
    "Lengths values": lambda: Lengths(meta(3), padding=0),
    "Normalized weight": lambda: Normalized(meta(3, dtype=torch.float32)),
    "per_sample": lambda: dguide.RampUp(1.0).per_sample(meta(3)),
    "Ancestral grid": lambda: dguide.Ancestral(grid=meta(3)),
    "Decoding forbidden": lambda: dguide.Decoding(forbidden=meta(3)),
    "equal_work_grid levels": lambda: dguide.equal_work_grid(Masked(3), meta(3), torch.ones(3), 2),
    "cond": lambda: exact.Problem(Masked(3), meta(3), ONE),
    "renyi p": lambda: exact.renyi(meta(3), ONE, 2.0),
    "exact.solve times": lambda: exact.solve(PROBLEM, Normalized(1.0), times=meta(3)),
    "labels": lambda: PROBLEM.oracle()(torch.zeros(3, 2, dtype=torch.int64), torch.ones(3), meta(3)),
}


@pytest.mark.parametrize("name", NO_DATA)
def test_a_tensor_without_data(name: str) -> None:
    with pytest.raises(dguide.InputError, match=rf"{name.split(',')[0]}.*: got a tensor on the device meta, expected"):
        NO_DATA[name]()


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
