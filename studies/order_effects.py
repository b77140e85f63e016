"""The effects of order, pace and errors of the predictions on handwritten digits, one at a time, for w = 3.

The denoisers are the trained model of the digits, and the training images blurred token by token, which have known
exact predictions at the same 64 positions. Errors are then added to the exact predictions: shared by the conditional
and the reference prediction, or independent. The measure is the Fréchet distance to real images in pixel space.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

import dguide
from dguide import Ancestral, FirstHitting, Normalized, Power, RampUp, Unlocking, checkpoint, data
from dguide.data import Split
from dguide.demo import Judge
from dguide.guidance import Schedule
from dguide.samplers import Denoiser, Sampler
from studies.common import ROOT, Study, table
from studies.decoupled import Decoupled
from studies.kernel import Kernel, bell

__all__ = ["STUDY"]

MODEL = ROOT / "checkpoints/digits-masked"
WEIGHT, LENGTH, VOCAB, CLASSES, PER_CLASS = 3.0, 64, 16, 10, 30
NORMALIZED, UNLOCKING, NONE = "Normalized", "Unlocking", "none"
MECHANISMS = {NORMALIZED: Normalized, UNLOCKING: Unlocking}
BOTH = tuple((name, name) for name in MECHANISMS)
SCHEDULES: dict[str, float | Schedule] = {
    "constant": WEIGHT,
    "ramp-up": RampUp(2 * WEIGHT),
    "power": Power(WEIGHT, 1.5),
}
WIDTH, WIDE = 1.0, 2.0
ERRORS = {
    "exact": "none",
    "shared": "shared, 0.5",
    "independent, small": "independent, 0.2",
    "independent": "independent, 0.5",
}
"""Denoisers of the second table, and the errors of the predictions as it has them."""


class Erring:
    """A denoiser with errors of the logits that are a smooth random function of the tokens (random Fourier features).

    The errors have a standard deviation of about `scale`. Each label has its own function, or all share one.
    """

    time_dependent = False

    def __init__(self, exact: Kernel, scale: float, shared: bool, features: int = 128, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        self.exact, self.scale, self.shared, self.null = exact, scale, shared, exact.null
        self.frequency = 0.3 * normal(LENGTH * (VOCAB + 1), features)
        self.phase = 2 * math.pi * torch.rand(features, generator=generator, dtype=torch.float64)
        self.own = normal(CLASSES + 1, features, LENGTH * VOCAB) * math.sqrt(2 / features)
        self.common = normal(features, LENGTH * VOCAB) * math.sqrt(2 / features)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        shown = torch.nn.functional.one_hot(tokens, VOCAB + 1).double().flatten(1)
        wave = torch.cos(shown @ self.frequency + self.phase)
        error = wave @ self.common
        if not self.shared:
            for label in condition.unique():
                error[condition == label] = wave[condition == label] @ self.own[label]
        return self.exact(tokens, time, condition) + self.scale * error.view(*tokens.shape, VOCAB)


@dataclass(frozen=True)
class Cell:
    """A setting: the mechanisms that choose the order and the pace ("none" is no guidance), and T.

    `steps` is None for one position at a time.
    """

    denoiser: str
    order: str = NONE
    pace: str = NONE
    steps: int | None = 32
    schedule: str = "constant"
    seed: int = 0

    def sampler(self) -> Sampler:
        if self.steps is None:
            return FirstHitting()
        if self.order == self.pace:
            return Ancestral(self.steps)
        return Decoupled(self.steps, MECHANISMS[self.pace], MECHANISMS[self.order])

    def guidance(self) -> Normalized | Unlocking:
        if self.order == NONE:
            return Normalized(0.0)
        return (Unlocking if self.order == self.pace == UNLOCKING else Normalized)(SCHEDULES[self.schedule])


def cells() -> list[Cell]:
    """All settings of the page."""
    pairs = [(order, pace) for pace in MECHANISMS for order in MECHANISMS]
    found = [Cell("model"), *(Cell("model", *both, None, seed=seed) for seed in (0, 1) for both in BOTH)]
    found += [Cell("model", *pair, steps) for steps in (64, 32) for pair in pairs]
    found += [Cell("model", *both, 32, "ramp-up") for both in BOTH]
    found += [Cell("model", NORMALIZED, NORMALIZED, 32, "power")]
    for name in ERRORS:
        found += [Cell(name), *(Cell(name, *both, steps) for steps in (None, 32) for both in BOTH)]
    found += [Cell("exact", *both, 128) for both in BOTH]
    found += [Cell("exact", *pair) for pair in pairs if pair not in BOTH]
    found += [
        Cell("wide"),
        *(Cell(f"wide, {name}", *both, None) for name in ("shared", "independent") for both in BOTH),
    ]
    return found


def denoisers(trained: Denoiser, examples: Split) -> dict[str, Denoiser]:
    """By name: the model, exact predictions, and these with errors, for two widths of the blur."""
    exact, wide = (Kernel(examples, bell(VOCAB, width, 0.01), CLASSES) for width in (WIDTH, WIDE))
    return {
        "model": trained,
        "exact": exact,
        "shared": Erring(exact, 0.5, shared=True),
        "independent, small": Erring(exact, 0.2, shared=False),
        "independent": Erring(exact, 0.5, shared=False),
        "wide": wide,
        "wide, shared": Erring(wide, 0.5, shared=True),
        "wide, independent": Erring(wide, 0.5, shared=False),
    }


def compute() -> dict[str, Any]:
    trained = checkpoint.load(MODEL)
    digits = data.load(trained.config.data)
    by_name, judge = denoisers(trained.model, digits.train), Judge.fit(digits)
    labels, found = torch.arange(CLASSES).repeat_interleave(PER_CLASS), []
    for cell in cells():
        drawn = dguide.sample(
            by_name[cell.denoiser],
            process=trained.process,
            length=LENGTH,
            condition=labels,
            guidance=cell.guidance(),
            sampler=cell.sampler(),
            seed=cell.seed,
            batch_size=250,
        )
        quality = judge(drawn.tokens, labels)
        figures = {name: round(getattr(quality, name), 6) for name in ("frechet", "precision", "recall")}
        found.append(asdict(cell) | figures | {"calls": drawn.calls.conditional})
        print(f"{cell}: {figures}", flush=True)
    return {"samples": len(labels), "cells": found}


def sections(results: dict[str, Any]) -> dict[str, str]:
    found = {Cell(**{k: each[k] for k in Cell.__match_args__}): each["frechet"] for each in results["cells"]}

    def of(*words: Any, **more: Any) -> str:
        return f"{found[Cell(*words, **more)]:.3f}"

    return {"order and pace of digits": with_model(found, of), "exact digits": with_errors(of)}


def with_model(found: dict[Cell, float], of: Any) -> str:
    """The first table, and what is said of it."""
    rows = [
        [f"`{order}`", f"`{pace}`", of("model", order, order, None), *(of("model", order, pace, t) for t in (64, 32))]
        for pace in MECHANISMS
        for order in MECHANISMS
    ]

    def apart(steps: int | None) -> float:
        one, two = (found[Cell("model", *both, steps)] for both in BOTH)
        return two - one

    again = " and ".join(of("model", *both, None, seed=1) for both in BOTH)
    normal, unlocking = ((*both, 32) for both in BOTH)
    said = [
        table("order of | pace of | :one at a time | :T = 64 | :T = 32", rows),
        f"(Without guidance: {of('model')}. A second seed gives {again} one at a time.)",
        f"At T = 64 the mechanisms differ by {apart(64):.2f}. One at a time, where only the order is left, they differ "
        f"by {apart(None):.2f}.",
        f"With a late weight of the same mean, 3, `Normalized` has {of('model', *normal, 'ramp-up')} at T = 32 with "
        f"the ramp-up and\n{of('model', *normal, 'power')} with `Power(3, 1.5)` ({of('model', *normal)} with the "
        f"constant weight). `Unlocking` has {of('model', *unlocking, 'ramp-up')} with the ramp-up\n"
        f"({of('model', *unlocking)} with the constant weight).",
    ]
    return "\n\n".join(said)


def with_errors(of: Any) -> str:
    """The second table, and what is said of it."""
    rows = [
        [words, of(name), *(of(name, *both, steps) for steps in (None, 32) for both in BOTH)]
        for name, words in ERRORS.items()
    ]
    one, long = "one at a time", "T = 32"
    names = [f":{when}: `{name}`" for when in (one, long) for name in MECHANISMS]
    wide = {name: [of(f"wide, {name}", *both, None) for both in BOTH] for name in ("shared", "independent")}
    said = [
        table(f"errors of the predictions | :no guidance | {' | '.join(names)}", rows),
        f"With exact predictions and T = 128, `Normalized` and `Unlocking` have "
        f"{' and '.join(of('exact', *both, 128) for both in BOTH)}. At T = 32 the order of\n`Unlocking` alone gives "
        f"{of('exact', UNLOCKING, NORMALIZED)}, and its pace alone {of('exact', NORMALIZED, UNLOCKING)}. With a wider "
        f"blur (width {WIDE:g}; without guidance {of('wide')})\nand one position at a time, `Normalized` and "
        f"`Unlocking` have {' and '.join(wide['shared'])} under shared errors of 0.5,\n"
        f"and {' and '.join(wide['independent'])} under independent errors.",
    ]
    return "\n\n".join(said)


STUDY = Study("order_effects", "when-it-matters.md", "a quarter of an hour of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
