r"""What a floor under both predictions does: guidance no longer multiplies what networks say of improbable tokens.

`Bounded` tilts by $(c + \varepsilon) / (u + \varepsilon)$ in place of c / u. It is compared with `Normalized` at equal
weights: exactly on the small problems of `validity`, and on samples of four models.

The hypotheses were stated before the samples were drawn. A look at 256 molecules of seed 5, which is not used here,
came first: with QED, constant w = 2, the valid molecules rose from 0.48 to 0.64, and the yield from 0.13 to 0.20; with
rings from 0.14 to 0.28, and 0.09 to 0.17. A floor of 0.1 had more valid molecules of many rings, 0.41. All intervals
hold together with 95 %.

1. Molecules, QED and rings, constant w = 2: with the floor more samples are valid, and the yield is higher.
2. Digits, splice sites, peptides, mean w = 3, constant and ramp-up: with the floor the samples are nearer to the data.
3. The same data, ramp-up of mean w = 1: with the floor the samples are nearer to the data than without guidance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dguide import Ancestral, Normalized
from dguide.evaluate import Estimate
from dguide.evaluate.evaluation import figure
from dguide.evaluate.statistics.estimate import Statistic
from dguide.exact import chain, total_variation
from dguide.guidance import Guidance
from dguide.study import Setting
from dguide.theory.perturbed import Perturbed
from dguide.theory.strength import SCHEDULES

from . import tails_page as page
from .bounded import Bounded
from .drawn import draw
from .evidence import Evidence, Scale
from .models import weights
from .qm9_protocol import YIELD, Judged, Row
from .share.models import Model
from .sums import Sums
from .tested import level, record
from .validity import ERRORS, SCALE, SMOOTHING, problem

__all__ = ["EVIDENCE"]

FLOOR, HIGHER, TIMES = 0.01, 0.1, ("constant", "ramp-up")
"""The floor that is tested, and one that is shown beside it."""
MOLECULES, ASKED, GAMMA, MOLECULE_SEED, MOLECULE_STEPS = "qm9-masked", ("qed", "rings"), 3.0, 2, 32
MODELS, MEANS, SEEDS, STEPS = ("digits-masked", "splice-masked", "peptides-masked"), (3.0, 1.0), (3, 4, 5), 16
PROBLEMS, SMALL_WEIGHT = 20, 2.0
TESTS = 2 * len(ASKED) + 3 * len(MODELS)

Cell = tuple[str, float, float]
"""Schedule, mean weight, floor; a floor of 0 is `Normalized`."""
NONE: Cell = ("constant", 0.0, 0.0)


def guidance(cell: Cell) -> Guidance:
    schedule, mean, floor = cell
    weight = SCHEDULES[schedule].scaled_to(mean) if mean else 0.0
    return Bounded(weight, floor) if floor else Normalized(weight)


def cells(means: tuple[float, ...]) -> list[Cell]:
    """No guidance, and each schedule and mean without a floor and with each."""
    return [NONE, *((name, mean, floor) for mean in means for name in TIMES for floor in (0.0, FLOOR, HIGHER))]


def small(seed: int) -> dict[str, dict[str, float]]:
    """The distance to the tilted target in total variation, by kind of errors and cell."""
    case, _ = problem(seed)
    target = case.target(SMALL_WEIGHT)
    networks = {"no": None} | {
        name: Perturbed(case, SCALE, shared, smoothing=SMOOTHING, seed=seed) for name, shared in ERRORS.items()
    }
    return {
        errors: {
            page.name(cell): float(total_variation(chain(case, guidance(cell), Ancestral(STEPS), network), target))
            for cell in cells((SMALL_WEIGHT,))[1:]
        }
        for errors, network in networks.items()
    }


def test(name: str, found: Estimate) -> dict[str, Any]:
    return {"name": name, **record(found)}


def _mean(hits: NDArray[np.bool_]) -> Statistic:
    return lambda rows: float(hits[rows].mean())


def _sums(of: Mapping[Cell, Statistic], strata: NDArray[np.int64], repetitions: int, better: str) -> Sums[Cell]:
    return Sums(lambda cell, rows: of[cell](rows), strata, repetitions, better)


def molecules(scale: Scale, count: int) -> Iterator[dict[str, Any]]:
    """The cells and the tests of each property."""
    w = GAMMA - 1
    for asked in ASKED:
        told = Row("masked", asked, GAMMA, "Normalized").told(count)
        judged = {
            cell: Judged.of(
                draw(scale, MOLECULES, Setting(guidance(cell), Ancestral(MOLECULE_STEPS)), told, (MOLECULE_SEED,)),
                asked,
            )
            for cell in cells((w,))
        }
        statistics = {"valid": {cell: _mean(each.valid) for cell, each in judged.items()}}
        statistics[YIELD] = {cell: each.yielded() for cell, each in judged.items()}
        terms: list[tuple[float, Cell]] = [(1, ("constant", w, FLOOR)), (-1, ("constant", w, 0.0))]
        alike = np.zeros(count, np.int64)
        tests = [
            test(f"{asked}: {name}", _sums(of, alike, 600, "higher")(name, terms, level(TESTS), (-1, 1)))
            for name, of in statistics.items()
        ]
        yield {
            "asked": asked,
            "cells": [
                {"cell": list(cell), "figures": [figure(each) for each in one.figures()]}
                for cell, one in judged.items()
            ],
            "hypotheses": tests,
        }


def nearer(scale: Scale, name: str, count: int) -> dict[str, Any]:
    """The cells and the tests of a model of images or strings."""
    model = Model(name, SEEDS, count, scale)
    told = {model.dataset.conditions[0].name: model.labels}
    real, held_out = model.real
    statistics = {
        cell: model.distance(real, draw(scale, name, Setting(guidance(cell), Ancestral(STEPS)), told, SEEDS).tokens)
        for cell in cells(MEANS)
    }
    sums = _sums(statistics, model.strata, 200, "lower")
    pairs = [(f"{when}, mean w = 3", (when, 3.0, 0.0), (when, 3.0, FLOOR)) for when in TIMES]
    pairs.append(("ramp-up, mean w = 1, against no guidance", NONE, ("ramp-up", 1.0, FLOOR)))
    return model.about() | {
        "held-out": held_out,
        "cells": [{"cell": list(cell), "figures": [figure(sums(model.figure, [(1, cell)]))]} for cell in statistics],
        "hypotheses": [
            test(f"{name}: {words}", sums(words, [(1, far), (-1, near)], level(TESTS))) for words, far, near in pairs
        ],
    }


def compute(scale: Scale) -> dict[str, Any]:
    count, some, problems = (64, 10, 2) if scale.quick else (1024, 256, PROBLEMS)
    models = MODELS[:1] if scale.quick else MODELS
    return {
        "models": [MOLECULES, *models],
        "sha256": weights(MOLECULES),
        "count": count,
        "seeds": [MOLECULE_SEED],
        "floor": FLOOR,
        "weight": SMALL_WEIGHT,
        "steps": MOLECULE_STEPS,
        "small": [scale.kept({"problem": seed, "tails": True}, lambda s=seed: small(s)) for seed in range(problems)],  # type: ignore[misc]
        "molecules": list(molecules(scale, count)),
        "further": [nearer(scale, name, some) for name in models],
    }


EVIDENCE = Evidence("tails", "half an hour of one core", "a minute", compute, page.sections, page="results-tails.md")
