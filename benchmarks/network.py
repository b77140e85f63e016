"""With a network: the share of time outside it, and what guidance on half of the way only saves.

The calls of the network are timed by a denoiser that wraps it; everything else of `dguide.sample` is outside. Networks:
the checkpoint of the handwritten digits, over whole runs, and a diffusion transformer of 100 million random weights at
the image shape, of whose 50-step run the first steps are taken. What a step costs outside hardly depends on when it is.

Where w is 0 the reference is not called, so guidance that is off on half of [0, 1] should take about 3/4 of the time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

import dguide
from dguide import checkpoint
from dguide.nn import DiffusionTransformer

from . import common
from .common import IMAGE, Enough, Shape

DIGITS = common.ROOT / "checkpoints" / "digits-masked"
FIRST_STEPS = 4
HALF_STEPS = 4
"""Steps of the large network where guidance on half of the way is measured: an even number, half of them guided."""


class Timed:
    """A denoiser that knows how many seconds its calls took."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.time_dependent = network.time_dependent
        self.inside = 0.0
        self.calls = 0

    def __call__(self, tokens: Tensor, time_: Tensor, condition: Tensor) -> Tensor:
        began = time.perf_counter()
        logits: Tensor = self.network(tokens, time_, condition)
        self.inside += time.perf_counter() - began
        self.calls += 1
        return logits

    def null(self, condition: Tensor) -> Tensor:
        null: Tensor = self.network.null(condition)
        return null


class TimedRows(Timed):
    """The same for a network that computes single rows."""

    def logits_at(self, tokens: Tensor, time_: Tensor, condition: Tensor, rows: Tensor) -> Tensor:
        began = time.perf_counter()
        logits: Tensor = self.network.logits_at(tokens, time_, condition, rows)
        self.inside += time.perf_counter() - began
        self.calls += 1
        return logits


def stop_after(steps: int) -> Callable[[Any, Any], None]:
    """A callback that ends a run."""

    def callback(run: Any, state: Any) -> None:
        if state.index >= steps:
            raise Enough

    return callback


def large(shape: Shape, width: int = 768, layers: int = 7, heads: int = 12) -> DiffusionTransformer:
    """A diffusion transformer with random weights, the output's too, so that its laws are not all uniform."""
    side = int(shape.length**0.5)
    grid = (side, side) if side * side == shape.length else None
    network = DiffusionTransformer(
        shape.vocab, 1000, shape.length, input_size=shape.vocab, shape=grid, width=width, layers=layers, heads=heads
    )
    with torch.no_grad():
        network.head.weight.normal_(0, width**-0.5, generator=torch.Generator().manual_seed(1))
    return network.eval()


def outside(
    network: Any, shape: Shape, repeats: int, first: int | None, wrapper: type[Timed] = TimedRows
) -> dict[str, Any]:
    """Share of the time outside the network in guided ancestral runs, or in their `first` steps: the median."""
    sampler = dguide.Ancestral(steps=shape.steps)
    shares, totals, calls = [], [], 0
    for turn in range(repeats + 1):
        timed = wrapper(network)
        began = time.perf_counter()
        with suppress(Enough):
            common.sampled(timed, shape, sampler, seed=turn, callback=None if first is None else stop_after(first))
        total = time.perf_counter() - began
        if turn > 0:  # the first one warms up
            totals.append(total)
            shares.append(1 - timed.inside / total)
            calls = timed.calls
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": shape.steps if first is None else first,
        "of steps": shape.steps,
        "calls": calls,
        "seconds": statistics.median(totals),
        "share outside": statistics.median(shares),
        "shares": shares,
    }


def half_guided(network: Any, shape: Shape, repeats: int) -> dict[str, Any]:
    """Time with guidance on the half of [0, 1] near data, over that with constant guidance, at equal steps."""
    sampler = dguide.Ancestral(steps=shape.steps)
    works = {
        "constant": lambda: common.sampled(network, shape, sampler, weight=common.WEIGHT),
        "half": lambda: common.sampled(network, shape, sampler, weight=dguide.Interval(common.WEIGHT, 0.0, 0.5)),
    }
    times = common.interleaved(works, repeats)
    middle = common.medians(times)
    return {"steps": shape.steps, "seconds": middle, "ratio": middle["half"] / middle["constant"], "times": times}


def main() -> None:
    options = common.options(__doc__, 5, "network", "a minute")
    began = common.machine()
    digits = checkpoint.load(DIGITS)
    images = Shape("digits", 64, digits.model.length, digits.process.vocab_size, digits.process.mask_id, 32)
    image = common.quick(IMAGE) if options.quick else IMAGE
    size = {"width": 32, "layers": 1, "heads": 2} if options.quick else {}
    network = large(image, **size)
    few = Shape(image.name, image.batch, image.length, image.vocab, image.mask, HALF_STEPS)
    slow = max(1, options.repeats // 2)
    results: dict[str, Any] = {
        "digits": {
            "batch": images.batch,
            "outside": outside(digits.model, images, options.repeats, None),
            "half": half_guided(digits.model, images, options.repeats),
        },
        "large": {
            "batch": image.batch,
            "outside": outside(network, image, slow, FIRST_STEPS),
            "all logits": outside(network, image, slow, FIRST_STEPS, Timed),
            "half": half_guided(network, few, slow),
        },
    }
    for name, found in results.items():
        share, half = found["outside"], found["half"]
        print(f"\n{name}: {share['parameters'] / 1e6:.1f} million parameters, {found['batch']} samples")
        print(
            f"  {share['calls']} calls in {share['steps']} of {share['of steps']} steps, {share['seconds']:.2f} s: "
            f"{100 * share['share outside']:.2f} % of the time outside the network"
        )
        print(
            f"  guidance on half of [0, 1], {half['steps']} steps: {half['ratio']:.3f} of the time of constant guidance"
        )
    print(f"\n{common.write('network', began, results, options.out)}")


if __name__ == "__main__":
    main()
