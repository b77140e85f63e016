r"""The right end r of the ramp, from 0 to 1, and weights 1 to 5: the figure of arXiv 2507.08965, with shipped models.

The schedule is `RampUp(w, right=r)`: the weight rises from 0 at noise level 1 to w at level r, and stays there. So
r = 1 is a constant weight, and r = 0 the latest ramp. The code of the paper's authors keeps the largest weight w as r
varies. Then the mean weight $w (1 + r) / 2$ doubles from r = 0 to r = 1, so such a curve shows two things at once:
earlier guidance, and more of it. Here one half of the settings keeps the largest weight, and the other half the mean.

Hypotheses, stated before the samples were drawn. For each model, mechanism and weight, and for both ways to keep w:
the Fréchet distance rises with r. The test is the slope of `trend.Curve`, with an interval at the level
1 - 0.05 / H for the H hypotheses about a model. `confirmed` also needs that no step from one r to the next one falls,
with intervals for all steps of all hypotheses together.

The power, stated before too. A pilot drew 120 samples of `digits-masked` with seed 100 and judged them by the
validation part (`Normalized`, equal means). It had slopes of 0.81 at w = 3 and of 0.60 at w = 1. For H = 20, 600
samples find a slope of 0.66 at w = 3, and of 0.47 at w = 1, with probability 0.8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dguide import Ancestral, RampUp
from dguide.evaluate import Estimate, LearntFeatures
from dguide.evaluate.evaluation import figure
from dguide.evaluate.points.distances import Normal
from dguide.evaluate.statistics.intervals import share
from dguide.guidance import MECHANISMS
from dguide.study import Setting

from . import ramp_end_page as page
from .drawn import Drawn, draw
from .evidence import Evidence, Scale
from .models import dataset, in_turn, weights
from .tested import level, record
from .trend import Curve, verdict

__all__ = ["EVIDENCE"]

STEPS = 16
ENDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
KEPT = ("mean", "top")
"""What stays w as r varies: the largest weight, as in the paper's code, or the mean."""


@dataclass(frozen=True)
class Design:
    """What is drawn of a model: `count` samples of each seed."""

    model: str
    mechanisms: tuple[str, ...]
    weights: tuple[float, ...]
    count: int
    seeds: tuple[int, ...]
    ends: tuple[float, ...] = ENDS

    @property
    def stated(self) -> int:
        """The number of hypotheses."""
        return len(self.weights) * len(self.mechanisms) * len(KEPT)

    def curves(self) -> Iterator[tuple[str, str, float]]:
        """Mechanism, what is kept and w of each curve, of which each is a hypothesis; the most telling ones first."""
        return ((name, kept, w) for w in self.weights for name in self.mechanisms for kept in KEPT)

    def labels(self) -> Tensor:
        """The requested class of each sample of a seed: every class in turn."""
        return in_turn(dataset(self.model), self.count)


FULL = (
    Design("digits-masked", ("Normalized", "Unlocking"), (3.0, 1.0, 5.0, 2.0, 4.0), 200, (0, 1, 2)),
    Design("mnist14-masked", ("Normalized", "Unlocking"), (3.0, 1.0, 5.0), 200, (0, 1, 2)),
)
QUICK = (Design("digits-masked", ("Normalized",), (3.0,), 100, (0,), (0.0, 0.5, 1.0)),)


def schedule(kept: str, w: float, end: float) -> RampUp:
    """The ramp that ends at `end`, with the largest weight or the mean w; rounded, so that equal ones are one."""
    return RampUp(round(w if kept == "top" else 2 * w / (1 + end), 9), right=end)


def setting(mechanism: str, weight: RampUp | float) -> Setting:
    return Setting(MECHANISMS[mechanism](weight), Ancestral(STEPS))


@dataclass(frozen=True, eq=False)
class Judge:
    """Compares samples of a design with the test part, in features that were learnt from the training part."""

    design: Design
    features: LearntFeatures
    real: Normal

    @classmethod
    def of(cls, design: Design) -> Judge:
        learnt = LearntFeatures.fit(dataset(design.model))
        return cls(design, learnt, Normal.of(learnt(dataset(design.model).test.tokens)))

    def curve(self, ends: tuple[float, ...], samples: list[Drawn]) -> Curve:
        labels = self.design.labels().repeat(len(self.design.seeds)).numpy()
        return Curve(ends, [self.features(each.tokens) for each in samples], self.real, labels)

    def hits(self, drawn: Drawn) -> NDArray[np.bool_]:
        """Which samples show their class, as the classifier sees it."""
        asked = self.design.labels().repeat(len(self.design.seeds))
        found: NDArray[np.bool_] = (self.features.classes(drawn.tokens) == asked).numpy()
        return found


def cell(judge: Judge, mechanism: str, weight: RampUp | float, drawn: Drawn, distance: Estimate) -> dict[str, Any]:
    """A cell of the results."""
    accuracy = share(
        "accuracy on the asked class", judge.hits(drawn), best=judge.features.held_out.value, better="higher"
    )
    ramp = weight if isinstance(weight, RampUp) else RampUp(weight)
    return {
        "mechanism": mechanism,
        "schedule": "ramp-up" if isinstance(weight, RampUp) else "none",
        "right": ramp.right,
        "top": ramp.weight,
        "mean": ramp.mean(),
        "steps": STEPS,
        "calls": list(drawn.calls),
        "forced": drawn.forced,
        "seconds": drawn.seconds,
        "figures": [figure(distance), figure(accuracy)],
    }


def measured(scale: Scale, design: Design, some: int | None = None) -> dict[str, Any]:
    """The curves of a model, and the verdicts; only the first ones if `some` is their number."""
    curves = list(design.curves())[:some]
    told = {dataset(design.model).conditions[0].name: design.labels()}

    def drawn(mechanism: str, weight: RampUp | float) -> Drawn:
        return draw(scale, design.model, setting(mechanism, weight), told, design.seeds)

    unguided = drawn("Normalized", 0.0)
    samples = {
        (mechanism, kept, w): [drawn(mechanism, schedule(kept, w, end)) for end in design.ends]
        for mechanism, kept, w in curves
    }
    everything = [each.tokens for each in (unguided, *(drawn for some in samples.values() for drawn in some))]
    part = {
        "judged": design.model,
        "sha256": weights(design.model),
        "design": str(design),
        "curves": len(curves),
        "tokens": hashlib.sha256(b"".join(each.numpy().tobytes() for each in everything)).hexdigest(),
    }
    return scale.kept(part, lambda: judged(design, unguided, samples))


def judged(design: Design, unguided: Drawn, samples: dict[tuple[str, str, float], list[Drawn]]) -> dict[str, Any]:
    """The figures of all cells, and the hypotheses with their verdicts."""
    judge, family = Judge.of(design), design.stated
    cells, hypotheses = [], []
    (alone,) = judge.curve((0.0,), [unguided]).distances()
    cells.append(cell(judge, "Normalized", 0.0, unguided, alone))
    for (mechanism, kept, w), drawn in samples.items():
        curve, ramps = judge.curve(design.ends, drawn), [schedule(kept, w, end) for end in design.ends]
        for ramp, some, distance in zip(ramps, drawn, curve.distances(), strict=True):
            cells.append(cell(judge, mechanism, ramp, some, distance) | {"kept": kept, "weight": w})
        slope = curve.slope(level(family))
        steps = curve.steps(level(family * (len(ramps) - 1)))
        hypotheses.append(
            {
                "name": f"{mechanism}, {kept} weight {w:g}: the distance rises with r",
                "mechanism": mechanism,
                "kept": kept,
                "weight": w,
                "cells": [[mechanism, str(ramps[-1])], [mechanism, str(ramps[0])]],
                **record(slope),
                "steps": [[step.value, step.low, step.high] for step in steps],
                "verdict": verdict(slope, steps),
            }
        )
    return {
        "model": design.model,
        "sha256": weights(design.model),
        "count": design.count,
        "seeds": list(design.seeds),
        "figure": "Fréchet distance",
        "real": len(dataset(design.model).test),
        "stated": family,
        "cells": cells,
        "hypotheses": hypotheses,
    }


def compute(scale: Scale) -> dict[str, Any]:
    return {"grids": [measured(scale, design) for design in (QUICK if scale.quick else FULL)]}


EVIDENCE = Evidence(
    "ramp-end",
    "an hour and a half of one core",
    "a minute",
    compute,
    page.sections,
    page.pictures,
    "results-paper.md",
)
