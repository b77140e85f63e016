"""Fixed schedules against the optimal schedule of each of the held-out random problems, at w = 3.

The measure is the total variation to the tilted target.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from statistics import median
from typing import Any

from dguide.evaluate import proportion
from dguide.exact import Problem, optimal_schedule
from dguide.guidance import RateGuidance, Schedule
from dguide.theory import schedules
from dguide.theory.summary import quartiles
from studies.common import Study, table
from studies.mechanisms import rounded, share

__all__ = ["STUDY"]

WEIGHT, KNOTS, HALF = 3.0, 4, "held-out"
COLUMNS = {"constant": "constant", "ramp-up": "ramp-up", "power 3/2": "`Power(3, 1.5)`"}
"""Schedules of the study, as the page has them."""


def compute() -> dict[str, Any]:
    optima: dict[str, list[dict[str, Any]]] = {}

    def best(problem: Problem, mechanism: Callable[[float | Schedule], RateGuidance]) -> Schedule:
        found = optimal_schedule(problem, WEIGHT, mechanism, "total-variation", KNOTS).schedule
        weights = [w for _, w in found.knots]
        optima.setdefault(mechanism.__name__, []).append({"w": weights, "mean": found.mean()})
        return found

    def progress(done: int, count: int) -> None:
        print(f"\r{done} of {count} problems", end="", file=sys.stderr, flush=True)

    found = schedules.compute(WEIGHT, best, (HALF,), progress)
    print(file=sys.stderr)
    return rounded({"cases": [asdict(case) for case in found.cases], "optima": optima})


def sections(results: dict[str, Any]) -> dict[str, str]:
    far: dict[tuple[str, str], list[float]] = {}
    for case in results["cases"]:
        far.setdefault((case["mechanism"], case["schedule"]), []).append(case["distance"])
    rows, said = [], []
    for name, optima in results["optima"].items():
        knots = ", ".join(f"{median(w):.1f}" for w in zip(*(each["w"] for each in optima), strict=True))
        fixed = [f"{median(far[name, schedule]):.3f}" for schedule in COLUMNS]
        rows.append([f"`{name}`", *fixed, str(quartiles(far[name, "optimum"])), knots])
        gains = [late - best for late, best in zip(far[name, "ramp-up"], far[name, "optimum"], strict=True)]
        nearer = share(proportion(sum(gain > 0 for gain in gains), len(gains)))
        mean = median(each["mean"] for each in optima)
        said.append(
            f"With `{name}` the optimum is nearer than the ramp-up on {nearer} of the problems (95 % interval),\n"
            f"by {median(gains):.3f} in the median. Its mean weight is {mean:.1f} in the median."
        )
    times = ", ".join(["0", *(f"{k}/{KNOTS}" for k in range(1, KNOTS)), "1"])
    head = (
        f"mechanism | {' | '.join(f':{name}' for name in COLUMNS.values())} | optimum | w of the optimum at m = {times}"
    )
    return {"optimum": f"{table(head, rows)}\n\n" + "\n".join(said)}


STUDY = Study("optimum", "when-it-matters.md", "twenty minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
