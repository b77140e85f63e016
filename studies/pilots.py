"""How often the interval of a difference between two arms of a pilot contains the truth, for alarms of several runs."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import norm

from dguide.evaluate.statistics.crossed import Part, crossed
from studies.common import Study, table

__all__ = ["STUDY", "coverage"]

TRIALS = 1000
EXAMPLES, RUNS = (10, 20, 36, 100, 400), (2, 3, 5)
LAWS = ((0.64, 0.64), (0.64, 0.80), (0.90, 0.96))
"""Recall of the two arms."""
SHARED, OWN, OF_RUN = 2.0, 0.5, 0.4
"""Standard deviations: of examples for all arms, of an example for one arm, of a run for one arm; of a decision 1."""


def coverage(count: int, runs: int, law: tuple[float, float], trials: int = TRIALS, seed: int = 0) -> float:
    """Share of trials whose interval contains the true difference of two arms."""
    rng, spread = np.random.default_rng(seed), math.sqrt(1 + SHARED**2 + OWN**2 + OF_RUN**2)
    means, truth, inside = [spread * norm.ppf(each) for each in law], law[1] - law[0], 0
    for _ in range(trials):
        shared, sides = SHARED * rng.normal(size=count), []
        for mean in means:
            effect = mean + shared + OWN * rng.normal(size=count) + OF_RUN * rng.normal(size=(runs, 1))
            sides.append(effect + rng.normal(size=(runs, count)) > 0)
        found = crossed([Part(sides[1].astype(float) - sides[0], reach=1.0)]).within(-1, 1)
        inside += found.low <= truth <= found.high
    return inside / trials


def compute() -> dict[str, Any]:
    cells = [
        {"law": list(law), "runs": runs, "examples": count, "covered": coverage(count, runs, law)}
        for law, runs, count in product(LAWS, RUNS, EXAMPLES)
    ]
    return {"trials": TRIALS, "cells": cells}


def sections(results: dict[str, Any]) -> dict[str, str]:
    found = {(*each["law"], each["runs"], each["examples"]): each["covered"] for each in results["cells"]}
    heads = [f":{old:.0%} and {new:.0%}, {runs} runs" for old, new in LAWS for runs in RUNS]
    rows = [
        [str(count), *(f"{found[(*law, runs, count)]:.3f}" for law, runs in product(LAWS, RUNS))] for count in EXAMPLES
    ]
    return {"pilots": table(f":test examples | {' | '.join(heads)}", rows)}


STUDY = Study("pilots", "pilot.md", "half a minute of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
