"""A small comparison of image models that have no grid yet: all four settings at one weight, with equal seeds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

import dguide
from dguide import Ancestral
from dguide.checkpoint import Checkpoint
from dguide.data import Dataset
from dguide.evaluate import estimate, frechet_distance
from dguide.evaluate.statistics.estimate import Rows
from dguide.evaluate.statistics.variance import z_quantile
from studies.decides.case import QUESTIONS, SETTINGS, Setting
from studies.decides.exact import MECHANISMS, schedules

__all__ = ["COUNT", "FIGURE", "MODELS", "QUICK_COUNT", "REPETITIONS", "SEED", "STEPS", "WEIGHT", "compared"]

MODELS = ("mnist14-masked", "wafer16-masked")
FIGURE = "Fréchet distance"
WEIGHT, STEPS, COUNT, QUICK_COUNT, SEED, REPETITIONS = 3.0, 8, 200, 40, 0, 40


def compared(loaded: Checkpoint, dataset: Dataset, count: int) -> dict[str, Any]:
    """The root of the Fréchet distance to test data in each setting, and the standard error of each gain.

    The errors are those of halves of the pairs of equal seeds.
    """
    real = dataset.features(dataset.test.originals)
    asked, drawn = torch.arange(count) % dataset.n_classes, {}
    for mechanism, schedule in SETTINGS:
        tokens = dguide.sample(
            loaded.model,
            process=loaded.process,
            length=dataset.length,
            condition=asked,
            guidance=MECHANISMS[mechanism](schedules(WEIGHT)[schedule]),
            sampler=Ancestral(STEPS),
            seed=SEED,
        ).tokens
        drawn[mechanism, schedule] = dataset.features(tokens)

    def distance(setting: Setting, rows: Rows) -> float:
        return math.sqrt(frechet_distance(real, drawn[setting][rows]))

    def error(near: Setting, far: Setting) -> float:
        def gain(rows: Rows) -> float:
            return math.log(distance(far, rows) / distance(near, rows))

        found = estimate("gain", gain, count, strata=asked.numpy(), repetitions=REPETITIONS, seed=SEED)
        return (found.high - found.low) / (2 * z_quantile(found.level))

    everything = np.arange(count)
    cells = [{"mechanism": m, "schedule": s, "distance": distance((m, s), everything)} for m, s in SETTINGS]
    return {"cells": cells, "errors": {name: error(*pair) for name, pair in QUESTIONS.items()}}
