"""How much of the gap between `Unlocking` and `Normalized` is the sampler: exactly on small problems, and on digits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from studies.evidence.evidence import Evidence, Scale
from studies.evidence.share.cells import MEANS, STEPS, Cell
from studies.evidence.share.figure import pictures
from studies.evidence.share.hypotheses import AGAIN, HYPOTHESES, Hypothesis, judged
from studies.evidence.share.models import Distances, Model
from studies.evidence.share.parts import PARTS, part
from studies.evidence.share.plan import COMPUTED, COMPUTED_SMALL, FURTHER, GROUPS, QUICK, QUICK_SMALL, SMALL, UNIFORM
from studies.evidence.share.small import measured, numbers
from studies.evidence.share.words import sections

__all__ = ["EVIDENCE"]

MODEL, SEEDS, COUNT = "digits-masked", (0, 1, 2), 100
QUICK_COUNT, QUICK_PROBLEMS = 20, [2, 14]
"""Samples of a seed, and numbers of the small problems, of the reduced size."""


def compute(scale: Scale) -> dict[str, Any]:
    groups = {"quick": QUICK} if scale.quick else dict(list(GROUPS.items())[:COMPUTED])
    cells = list(dict.fromkeys(cell for group in groups.values() for cell in group))
    model = Model(MODEL, SEEDS, QUICK_COUNT if scale.quick else COUNT, scale)
    further = {} if scale.quick else FURTHER
    return judged_model(model, cells, HYPOTHESES) | {
        "missing": [] if scale.quick else [*list(GROUPS)[COMPUTED:], *list(SMALL)[COMPUTED_SMALL:]],
        "small": list(small(scale)),
        "further": [judged_model(Model(name, SEEDS, COUNT, scale), own, AGAIN) for name, own in further.items()],
    }


def judged_model(model: Model, cells: list[Cell], family: tuple[Hypothesis, ...]) -> dict[str, Any]:
    """The cells of a model, the parts of the gap, and the verdicts of a family of hypotheses."""
    distances = Distances(model)
    return model.about() | {
        "held-out": model.real[1],
        "cells": [distances.cell(cell) for cell in cells],
        "parts": list(parts(distances, cells)),
        "hypotheses": judged(distances.sum, cells, family),
    }


def small(scale: Scale) -> Iterator[dict[str, Any]]:
    """The cells of all small problems."""
    if scale.quick:
        plan = [(QUICK_SMALL, QUICK_PROBLEMS, "masked"), (UNIFORM, QUICK_PROBLEMS, "uniform")]
    else:
        plan = [(cells, numbers(strong), "masked") for cells, strong in list(SMALL.values())[:COMPUTED_SMALL]]
        plan.append((UNIFORM, numbers(strong=True), "uniform"))
    for cells, which, process in plan:
        for number in which:
            yield from measured(scale, number, cells, process)


def parts(distances: Distances, cells: list[Cell]) -> Iterator[dict[str, Any]]:
    """The parts of the gap wherever all of their cells were drawn."""
    for mean, schedule, steps, name in product(MEANS, ("constant", "ramp-up", "inverse"), STEPS, PARTS):
        signed = part(name, steps, schedule, mean)
        if {cell for _, cell in signed} <= set(cells):
            found = distances.sum(name, signed)
            where = {"part": name, "steps": steps, "schedule": schedule, "mean": mean}
            yield where | {"difference": found.value, "low": found.low, "high": found.high, "count": found.count}


EVIDENCE = Evidence(
    "sampler-share",
    "forty minutes of one core for the groups in the results; four hours for all",
    "half a minute",
    compute,
    sections,
    pictures,
    "results-samplers.md",
)
