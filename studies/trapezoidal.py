"""`Trapezoidal` for two masked positions, and beside `Ancestral` at equal network calls, problem by problem.

The first is the distance of one step of two calls to continuous time, computed exactly on 72 random problems. The
second takes the distances of the 20 problems of `studies.calls` from its results.
"""

from __future__ import annotations

import json
import statistics
from typing import Any

from dguide import Normalized, Trapezoidal
from dguide.evaluate import proportion
from dguide.exact import chain, solve, total_variation
from dguide.exact.random_problems import RANDOM_PROBLEMS
from studies import calls
from studies.common import Study, inside, table

__all__ = ["STUDY"]

SHAPES, SEEDS, WEIGHT = ((3, 2), (4, 2), (5, 2)), range(6), 3.0
CALLS = (2, 4, 16)
EQUAL = 1e-9
"""Distances that differ by less are the same."""


def compute() -> dict[str, Any]:
    guidance, found = Normalized(WEIGHT), {}
    for make in RANDOM_PROBLEMS.values():
        for n, d in SHAPES:
            for seed in SEEDS:
                problem = make(n, d, seed)
                far = total_variation(chain(problem, guidance, Trapezoidal(1)), solve(problem, guidance).final)
                found[problem.name] = float(f"{float(far):.5g}")
    return {"w": WEIGHT, "distance": found}


def sections(results: dict[str, Any]) -> dict[str, str]:
    far = list(results["distance"].values())
    exact = sum(value < EQUAL for value in far)
    two = (
        f"On {len(far)} random problems with two masked positions (`Normalized`, w = {results['w']:g}, constant) one "
        f"step is exact on {exact}.\nThe distance to continuous time (TV) is {statistics.median(far):.3f} in the "
        f"median, and {max(far):.2f} at most."
    )
    return {"two positions": two, "equal calls": paired(json.loads(calls.STUDY.results.read_text(encoding="utf-8")))}


def paired(results: dict[str, Any]) -> str:
    """The table of both samplers at equal calls, from the results of `studies.calls`."""
    keys = ("process", "mechanism", "weight", "schedule", "sampler", "calls")
    cases = {tuple(case[key] for key in keys): case for case in results["cases"]}
    rows = []
    for process, mechanism, weight, schedule in dict.fromkeys(key[:4] for key in cases):
        if (weight, schedule) == (1.0, "ramp-up"):
            continue
        for count in CALLS:
            one, other = (cases[process, mechanism, weight, schedule, s, count] for s in ("Trapezoidal", "Ancestral"))
            ratios = [t / a for t, a in zip(one["limit"], other["limit"], strict=True) if a > EQUAL]
            rows.append(
                [process.lower(), f"`{mechanism}`", f"{weight:g}, {schedule}", str(count)]
                + [nearer(one[to], other[to]) for to in ("limit", "target")]
                + [f"{statistics.median(ratios):.2f} ({max(ratios):.2f})"]
            )
    head = (
        "process | mechanism | w | :calls | :nearer to continuous time | :nearer to the target "
        "| :error of the steps, relative to `Ancestral`: median (largest)"
    )
    return table(head, rows)


def nearer(ours: list[float], theirs: list[float]) -> str:
    """On which share of the problems the first is nearer, with its interval."""
    pairs = list(zip(ours, theirs, strict=True))
    share = proportion(sum(a < b - EQUAL for a, b in pairs), len(pairs))
    return inside(share.value, share.low, share.high)


STUDY = Study("trapezoidal", "samplers.md", "some seconds of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
