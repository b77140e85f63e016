"""Devices without float64, and default devices other than the CPU, which "meta" stands for: it computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import Network
from tiny import DIGITS

import dguide
from dguide import checkpoint, devices
from dguide.evaluate import LearntFeatures, evaluate_samples, fit_temperature, hypotheses, likelihood, read
from dguide.guidance import SCHEDULES
from dguide.noise import NOISES
from dguide.samplers import SAMPLERS
from dguide.train import TrainConfig, train

SHORT: dict[str, Any] = {
    "steps": 2,
    "width": 16,
    "layers": 1,
    "heads": 2,
    "batch_size": 8,
    "evaluate_every": 1,
    "evaluate_passes": 1,
    "process": "uniform",
    "dropout": 0.1,
    "shift": 1,
    "device": "cpu",
}
"""Settings of a training run that learns nothing."""

LABELS = torch.arange(3)


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """A default device on which nothing can be computed."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@pytest.fixture
def apple(monkeypatch: pytest.MonkeyPatch) -> None:
    """An accelerator that has no float64."""
    empty = torch.empty

    def refusing(*size: int, dtype: torch.dtype | None = None, device: Any = None, **more: Any) -> torch.Tensor:
        if device is not None and torch.device(device).type == "mps":
            if dtype == torch.float64:
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it")
            device = "cpu"
        return empty(*size, dtype=dtype, device=device, **more)

    monkeypatch.setattr(torch, "empty", refusing)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available=False: torch.device("mps"))


@pytest.mark.usefixtures("apple")
def test_an_accelerator_without_float64_is_not_chosen_and_refused_by_name() -> None:
    assert devices.best_device() == torch.device("cpu")
    with pytest.raises(dguide.InputError, match=r"device: got 'mps', expected .* with float64. Cannot convert a MPS"):
        devices.usable_device("mps")


def test_networks_on_a_device_that_computes_nothing_are_refused() -> None:
    network = torch.nn.Linear(2, 2, device="meta")
    with pytest.raises(dguide.InputError, match="device: got 'meta'"):
        draw(network)


def draw(network: Any, **changes: Any) -> torch.Tensor:
    given: dict[str, Any] = {
        "process": dguide.Masked(4),
        "length": 4,
        "condition": LABELS,
        "guidance": dguide.Normalized(dguide.RampUp(2.0, 0.1, 0.5)),
        "sampler": dguide.Ancestral(4),
    }
    return dguide.sample(network, **given | changes).tokens


DRAWN = {
    "first-hitting": {"sampler": dguide.FirstHitting(), "guidance": dguide.Unlocking(1.0)},
    "uniform": {"process": dguide.Uniform(4), "guidance": dguide.Simple(1.0)},
    "smc": {"sampler": dguide.SMC(3), "guidance": dguide.Normalized(1.0)},
    "diagnostics": {"callback": dguide.Diagnostics()},
    **{name: {"sampler": SAMPLERS.read(name), "guidance": dguide.Normalized(1.0)} for name in ("euler", "remasking")},
    **{name: {"sampler": SAMPLERS.read(name), "guidance": dguide.Normalized(1.0)} for name in ("blocks", "top-margin")},
    "trapezoidal": {"sampler": dguide.Trapezoidal(3)},
    "halton": {"sampler": dguide.Halton(3, shape=(2, 2))},
}


@pytest.mark.parametrize("name", DRAWN)
def test_samples_do_not_depend_on_the_default_device(name: str) -> None:
    changes: dict[str, Any] = DRAWN[name]
    expected, network = draw(Network(4), **changes), Network(4)
    torch.set_default_device("meta")
    try:
        tokens = draw(network, **changes)
    finally:
        torch.set_default_device(None)
    assert torch.equal(tokens, expected)


@pytest.mark.usefixtures("elsewhere")
def test_a_network_sees_the_default_device_of_its_user() -> None:
    seen = []

    class Watched(Network):
        def __call__(self, tokens: torch.Tensor, time: torch.Tensor, condition: Any) -> Any:
            seen.append(torch.get_default_device().type)
            return super().__call__(tokens, time, condition)

        def null(self, condition: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_default_device().type)
            return super().null(condition)

    with torch.device("cpu"):
        network = Watched(4)
    draw(network)
    assert set(seen) == {"meta"}
    assert torch.get_default_device().type == "meta"


@pytest.mark.usefixtures("elsewhere")
def test_everything_can_be_made_whatever_the_default_device() -> None:
    for name, text in {"piecewise": "0=1;0.5=2;1=0", "interval": "1,left=0,right=0.5", "power": "1,p=2"}.items():
        assert SCHEDULES.read(f"{name}:{text}").scaled_to(2.0).mean() == pytest.approx(2.0)
    for name in SCHEDULES:
        if name not in ("piecewise", "interval", "power"):
            assert SCHEDULES.read(f"{name}:1").mean() > 0
    for name in NOISES:
        for process in (dguide.Masked, dguide.Uniform):
            process(4, noise=NOISES.read(name)).verify()
    for mechanism in (dguide.Normalized, dguide.Unlocking, dguide.Simple):
        mechanism(dguide.RampUp(1.0)).verify()


@pytest.mark.usefixtures("apple")
def test_training_does_not_take_an_accelerator_without_float64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accelerate, asked = pytest.importorskip("accelerate"), []
    usual = accelerate.Accelerator

    def watched(*arguments: Any, cpu: bool, **options: Any) -> Any:
        asked.append(cpu)
        return usual(*arguments, cpu=True, **options)

    monkeypatch.setattr(accelerate, "Accelerator", watched)
    assert train(TrainConfig(out=tmp_path, **SHORT | {"device": "auto"})).finished
    assert asked == [True]


def test_training_and_evaluation_do_not_depend_on_the_default_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dguide.train.denoisers.passes_for", lambda count: 1)  # of the last evaluations
    fit = LearntFeatures.fit.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        LearntFeatures, "fit", classmethod(lambda cls, data, *, seed: fit(cls, data, seen=640, seed=seed))
    )

    def figures(out: Path) -> list[Any]:
        result = train(TrainConfig(out=out, **SHORT))
        found = checkpoint.load(out)
        with torch.device("cpu"):
            tokens, labels = DIGITS.test.tokens[:40], DIGITS.test.labels[:40]
        bits = likelihood(found.model, found.process, tokens, labels, passes=1)
        reading = read(found.model, found.process, tokens, hypotheses(found.conditions, 40), passes=2)
        judged = evaluate_samples(DIGITS, tokens, {"label": labels}, features="pixels", repetitions=2)
        values = [(each.name, each.value) for each in judged.estimates]
        return [
            result.best and result.best.bits,
            bits,
            reading.predicted.tolist(),
            fit_temperature(reading, labels),
            values,
        ]

    expected = figures(tmp_path / "usual")
    torch.set_default_device("meta")
    try:
        found = figures(tmp_path / "elsewhere")
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)
    assert found == expected


@pytest.mark.usefixtures("elsewhere")
def test_the_network_of_a_likelihood_sees_the_default_device_of_its_user() -> None:
    seen = []

    def network(tokens: torch.Tensor, time: torch.Tensor, condition: Any) -> torch.Tensor:
        seen.append(torch.get_default_device().type)
        return torch.zeros(*tokens.shape, 4, device="cpu")

    with torch.device("cpu"):
        tokens, labels = torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)
    likelihood(network, dguide.Masked(4), tokens, labels, passes=1)
    read(network, dguide.Masked(4), tokens, [labels, labels], passes=1)
    assert set(seen) == {"meta"}
