"""Time grids that are powers of the uniform grid in the noise level, on random problems.

For each guidance and power: median error of `Ancestral` with eight steps, relative to the uniform grid. The last column
takes the best power of each problem. It prints what docs/fewer-calls.md says of grids.
"""

from __future__ import annotations

import statistics

import torch

from dguide import Ancestral, Normalized, RampUp, Unlocking
from dguide.exact import chain, solve, total_variation
from dguide.exact.random_problems import RANDOM_PROBLEMS
from studies.common import parser

STEPS = 8
POWERS = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)


def main() -> None:
    parser(__doc__, "nothing", "half a minute of one core").parse_args()
    torch.set_num_threads(1)
    problems = [make(n, d, seed) for make in RANDOM_PROBLEMS.values() for n, d in ((3, 3), (2, 5)) for seed in (0, 1)]
    print("guidance" + " " * 44 + "".join(f"{p:>7}" for p in POWERS) + "   least")
    for guidance in (Normalized(0.0), Normalized(3.0), Normalized(RampUp(6.0)), Unlocking(3.0)):
        relative = []
        for problem in problems:
            limit = solve(problem, guidance).final
            errors = [
                float(total_variation(chain(problem, guidance, Ancestral(grid=grid)), limit))
                for grid in ([*((1 - k / STEPS) ** p for k in range(STEPS)), 0.0] for p in POWERS)
            ]
            relative.append([e / errors[POWERS.index(1.0)] for e in errors])
        medians = [statistics.median(column) for column in zip(*relative, strict=True)]
        name = f"{type(guidance).__name__}({guidance.weight})"
        least = statistics.median(min(row) for row in relative)
        print(f"{name:52}" + "".join(f"{x:7.3f}" for x in medians) + f"{least:8.3f}", flush=True)


if __name__ == "__main__":
    main()
