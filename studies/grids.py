"""Time grids that are powers of the uniform grid in the noise level, on random problems.

For each guidance and power: median error of `Ancestral` with eight steps, relative to the uniform grid. The last column
takes the best power of each problem.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from dguide import Ancestral, Normalized, RampUp, Unlocking
from dguide.exact import chain, solve, total_variation
from dguide.exact.random_problems import RANDOM_PROBLEMS
from studies.common import Study, table
from studies.mechanisms import rounded

__all__ = ["STUDY"]

STEPS = 8
POWERS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)
GUIDANCE = {
    "none": Normalized(0.0),
    "`Normalized`, w = 3, constant": Normalized(3.0),
    "`Normalized`, w = 3 in the mean, ramp-up": Normalized(RampUp(6.0)),
    "`Unlocking`, w = 3, constant": Unlocking(3.0),
}


def compute() -> dict[str, Any]:
    problems = [make(n, d, seed) for make in RANDOM_PROBLEMS.values() for n, d in ((3, 3), (2, 5)) for seed in (0, 1)]
    errors: dict[str, list[list[float]]] = {}
    for name, guidance in GUIDANCE.items():
        for problem in problems:
            limit = solve(problem, guidance).final
            grids = ([*((1 - k / STEPS) ** p for k in range(STEPS)), 0.0] for p in POWERS)
            far = [float(total_variation(chain(problem, guidance, Ancestral(grid=grid)), limit)) for grid in grids]
            errors.setdefault(name, []).append(far)
        print(name, flush=True)
    return rounded({"problems": [problem.name for problem in problems], "errors": errors})


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = []
    for name, errors in results["errors"].items():
        relative = [[each / far[POWERS.index(1.0)] for each in far] for far in errors]
        medians = [f"{median(column):.3f}" for column in zip(*relative, strict=True)]
        rows.append([name, *medians, f"{median(map(min, relative)):.3f}"])
    heads = " | ".join(f":{power:g}" for power in POWERS)
    return {"grids": table(f"guidance | {heads} | :best p of each problem", rows)}


STUDY = Study("grids", "fewer-calls.md", "half a minute of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
