"""Fixed schedules of equal mean weight on random problems: exponents of `Power` on one half, all of them on the other.

The measure is the total variation to the target at the mean weight, in continuous time.
"""

from __future__ import annotations

from dataclasses import asdict
from statistics import mean, median
from typing import Any

import torch

from dguide import Normalized, Power, Unlocking
from dguide.exact import solve, total_variation
from dguide.theory import schedules
from studies.common import Study, table
from studies.mechanisms import rounded, share

__all__ = ["STUDY"]

WEIGHTS, EXPONENTS = (1.0, 3.0), (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
DESIGN, JUDGE = "design", "held-out"
MECHANISMS = (Normalized, Unlocking)
NAMES = {
    "constant": "constant",
    "ramp-up": "ramp-up",
    "interval": "interval, 0.25 to 0.75",
    "inverse": "inverse",
    "power 3/2": "`Power`, exponent 1.5",
    "power (d-1)/2": "`Power`, exponent (d - 1) / 2",
}
"""Schedules of `theory.schedules`, as the page has them."""


def compute() -> dict[str, Any]:
    exponents = []
    for problem in schedules.problems(DESIGN):
        for weight in WEIGHTS:
            target = problem.target(weight)
            for mechanism in MECHANISMS:
                laws = (
                    solve(problem, mechanism(Power(weight, each)), times=torch.ones(1), tolerance=1e-5).final
                    for each in EXPONENTS
                )
                far = [float(total_variation(law, target)) for law in laws]
                exponents.append({"weight": weight, "mechanism": mechanism.__name__, "distances": far})
        print(problem.name, flush=True)
    judged = {f"{weight:g}": schedules.compute(weight, halves=(JUDGE,)) for weight in WEIGHTS}
    return rounded({"exponents": exponents, "judged": {w: [asdict(c) for c in s.cases] for w, s in judged.items()}})


def sections(results: dict[str, Any]) -> dict[str, str]:
    judged = {
        weight: schedules.Schedules(float(weight), tuple(schedules.Case(**case) for case in cases))
        for weight, cases in results["judged"].items()
    }
    return {
        "exponents": by_exponent(results["exponents"]),
        "schedules": by_schedule(judged),
        "divergences": divergences(judged),
    }


def by_exponent(cases: list[dict[str, Any]]) -> str:
    """The mean distance over the problems of the design half."""
    rows = []
    for weight in WEIGHTS:
        for name in (each.__name__ for each in MECHANISMS):
            far = [case["distances"] for case in cases if (case["weight"], case["mechanism"]) == (weight, name)]
            means = [f"{mean(column):.4f}" for column in zip(*far, strict=True)]
            rows.append([f"{weight:g}", f"`{name}`", *means])
    return table(f":mean w | mechanism | {' | '.join(f':{each:g}' for each in EXPONENTS)}", rows)


def by_schedule(judged: dict[str, schedules.Schedules]) -> str:
    rows = []
    for weight, found in judged.items():
        of = {(row.mechanism, row.schedule): row for row in found.rows()}
        for schedule, words in NAMES.items():
            cells = []
            for mechanism in MECHANISMS:
                row = of[mechanism.__name__, schedule]
                cells += [str(row.distance), "" if row.better is None else share(row.better)]
            rows.append([weight if schedule == "constant" else "", words, *cells])
    heads = " | ".join(f"`{mechanism.__name__}` | share nearer" for mechanism in MECHANISMS)
    return table(f":mean w | schedule | {heads}", rows)


def divergences(judged: dict[str, schedules.Schedules]) -> str:
    weight, found = list(judged.items())[-1]
    cells = []
    for schedule, words in NAMES.items():
        cases = [case for case in found.cases if (case.mechanism, case.schedule) == ("Normalized", schedule)]
        cells.append(f"{words}: {median(case.divergence for case in cases):.3f}")
    return (
        f"In KL divergence the medians at mean {weight} with `Normalized`, in nats, are\n"
        f"{'; '.join(cells[:4])};\n{'; '.join(cells[4:])}."
    )


STUDY = Study("schedules", "when-it-matters.md", "five minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
