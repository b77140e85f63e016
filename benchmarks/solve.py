"""What the exact solver costs on one thread: seconds, memory and error by size, process and mechanism.

Each case runs in a process of its own, so that its peak memory is its own. Errors are against a solution at a hundredth
of the tolerance: L1, and the largest relative one of states more probable than 1e-12.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import torch

import dguide
from dguide import exact
from dguide.exact.random_problems import dirichlet
from studies.common import ROOT, parser

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
    """One case, in this process."""
    torch.set_num_threads(1)
    tables = dirichlet(n, d, seed=0)
    problem = exact.Problem(getattr(dguide, process)(n), tables.cond, tables.uncond)
    guidance = getattr(dguide, mechanism)(dguide.Cosine(2.0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        law = exact.solve(problem, guidance).final
        seconds.append(time.perf_counter() - start)
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


def main() -> None:
    command = parser(__doc__, "nothing; it prints the table of docs/exact.md", "two minutes")
    command.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)  # of a process of its own
    case = command.parse_args().case
    if case is not None:
        print(json.dumps(run(*case)))
        return
    print(
        "process  n  d  mechanism    states  seconds (median of 3)  memory / state vector  L1 error  largest relative"
    )
    for case in CASES:
        words = [sys.executable, "-m", "benchmarks.solve", "--case", json.dumps(case)]
        found = json.loads(subprocess.run(words, capture_output=True, check=True, cwd=ROOT).stdout)
        print(
            f"{case[0]:8}{case[1]:>2}{case[2]:>3}  {case[3]:11}{found['states']:>8}{found['seconds']:>12.2f}"
            f"{found['vectors']:>24.0f}{found['error']:>21.1e}{found['relative']:>16.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
