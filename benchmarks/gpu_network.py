"""On a GPU: whole guided runs of a network of 100 million parameters, and how much of their time is outside it.

The network is the diffusion transformer with random weights of `network`, in bfloat16, with CUDA graphs and without.
To tell what is inside, the device is waited for before and after each call, in a run of its own; the seconds of a run
are of one that waits at its end only. Runs take turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

import dguide
from dguide.nn import CudaGraphs, Inference
from studies.common import about

from . import common, network

BATCH, STEPS = 16, 16
MECHANISMS = {"Normalized": dguide.Normalized, "Unlocking": dguide.Unlocking}
Clock = Callable[[Callable[[], object]], float]


class Waiting:
    """A denoiser that waits for the device around each call, and knows how many seconds its calls took."""

    def __init__(self, inner: Inference, clock: Clock) -> None:
        self.inner, self.clock, self.inside = inner, clock, 0.0
        self.time_dependent = inner.time_dependent

    def _timed(self, call: Callable[[], Tensor]) -> Tensor:
        answers: list[Tensor] = []
        self.inside += self.clock(lambda: answers.append(call()))
        return answers[0]

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return self._timed(lambda: self.inner(tokens, time, condition))

    def logits_at(self, tokens: Tensor, time: Tensor, condition: Tensor, rows: Tensor) -> Tensor:
        return self._timed(lambda: self.inner.logits_at(tokens, time, condition, rows))

    def null(self, condition: Tensor) -> Tensor:
        return self.inner.null(condition)


def runs(device: str, quick: bool) -> dict[str, Callable[[Callable[[Inference], Any]], object]]:
    """Runs, each with what is to be made of its network first."""
    shape = common.quick(common.IMAGE) if quick else replace(common.IMAGE, batch=BATCH, steps=STEPS)
    size = {"width": 32, "layers": 1, "heads": 2} if quick else {}
    model = network.large(shape, **size).to(device)
    networks = {"": Inference(model, dtype="bfloat16")}
    if device == "cuda":
        networks[", CUDA graphs"] = Inference(model, CudaGraphs(), dtype="bfloat16")
    processes = {"masked": shape.process, "uniform": dguide.Uniform(shape.vocab)}

    def run(inner: Inference, process: Any, guidance: Any) -> Callable[[Callable[[Inference], Any]], object]:
        return lambda made: dguide.sample(
            made(inner),
            process=process,
            length=shape.length,
            condition=torch.zeros(shape.batch, dtype=torch.int64, device=device),
            guidance=guidance(weight=common.WEIGHT),
            sampler=dguide.Ancestral(steps=shape.steps),
            device=device,
        )

    return {
        f"{kind}, {mechanism}{graphs}": run(inner, process, guidance)
        for graphs, inner in networks.items()
        for kind, process in processes.items()
        for mechanism, guidance in MECHANISMS.items()
    }


def measure(device: str, quick: bool, repeats: int, clock: Clock) -> dict[str, Any]:
    """Seconds of each run, and the share of its time outside the network, medians."""
    asked = runs(device, quick)
    works = {name: lambda run=run: run(lambda inner: inner) for name, run in asked.items()}
    times = common.interleaved(works, repeats, clock)
    shares: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(repeats):
        for name, run in asked.items():
            waiting: list[Waiting] = []

            def made(inner: Inference, waiting: list[Waiting] = waiting) -> Waiting:
                waiting.append(Waiting(inner, clock))
                return waiting[0]

            total = clock(lambda run=run, made=made: run(made))
            shares[name].append(1 - waiting[0].inside / total)
    outside = {name: statistics.median(values) for name, values in shares.items()}
    return {"seconds": common.medians(times), "share outside": outside, "times": times, "shares": shares}


if __name__ == "__main__":
    about(__doc__, "benchmarks.gpu")
