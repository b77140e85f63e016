"""What the exact solver costs on one thread: seconds, memory and error by size, process and mechanism.

Each case runs in a process of its own, so that its peak memory is its own. Errors are against a solution at a hundredth
of the tolerance: L1, and the largest relative one of states more probable than 1e-12.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from typing import Any

import torch

import dguide
from dguide import exact
from dguide.exact.random_problems import dirichlet
from studies.common import Study, table

from .common import machine

__all__ = ["STUDY"]

CASES = [
    ("Masked", 3, 6, "Normalized"),
    ("Masked", 3, 8, "Normalized"),
    ("Masked", 3, 8, "Unlocking"),
    ("Masked", 3, 9, "Normalized"),
    ("Masked", 15, 4, "Unlocking"),
    ("Uniform", 3, 6, "Normalized"),
    ("Uniform", 3, 8, "Normalized"),
    ("Uniform", 3, 8, "Unlocking"),
    ("Uniform", 16, 3, "Normalized"),
]


def run(process: str, n: int, d: int, mechanism: str) -> dict[str, float]:
    """One case, in this process. Seconds are of its processor time, which hardly depends on what else runs."""
    torch.set_num_threads(1)
    tables = dirichlet(n, d, seed=0)
    problem = exact.Problem(getattr(dguide, process)(n), tables.cond, tables.uncond)
    guidance = getattr(dguide, mechanism)(dguide.Cosine(2.0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = []
    for _ in range(3):
        start = time.process_time()
        law = exact.solve(problem, guidance).final
        seconds.append(time.process_time() - start)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    better = exact.solve(problem, guidance, tolerance=1e-11).final
    states = problem.process.input_size**d
    return {
        "states": states,
        "seconds": statistics.median(seconds),
        "vectors": (after - before) / (8 * states),
        "error": float((law - better).abs().sum()),
        "relative": float(((law - better).abs() / better)[better > 1e-12].max()),
    }


def compute() -> dict[str, Any]:
    found = []
    for process, n, d, mechanism in CASES:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            measured = alone.apply(run, (process, n, d, mechanism))
        found.append({"process": process, "n": n, "d": d, "mechanism": mechanism} | measured)
        print(found[-1], flush=True)
    return {"processor": machine()["cpu"], "cases": found}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = [
        [
            each["process"].lower(),
            f"{each['n']}, {each['d']}",
            f"{each['states']:,}",
            f"`{each['mechanism']}`",
            f"{each['seconds']:.2g}",
            f"{each['error']:.0e}",
            f"{each['relative']:.0e}",
            f"{float(format(each['vectors'], '.2g')):,.0f}",
        ]
        for each in results["cases"]
    ]
    heads = ("process", "n, d", ":states", "mechanism", ":seconds", ":L1 error", ":largest relative error")
    lines = table(" | ".join((*heads, ":memory, in distributions")), rows)
    return {"solve": f"{lines}\n\nIt ran on one core of this processor: {results['processor']}."}


STUDY = Study("solve", "exact.md", "two minutes", compute, sections, folder="benchmarks")

if __name__ == "__main__":
    STUDY.main(__doc__)
