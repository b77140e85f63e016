"""Fixed schedules against the optimal schedule of each problem.

It prints the total variation to the tilted target, as in docs/when-it-matters.md: medians and quartiles over the
held-out and the design problems.
"""

from __future__ import annotations

import statistics
import sys

from dguide.exact import optimal_schedule
from dguide.theory import schedules
from studies.common import parser

WEIGHT, KNOTS = 3.0, 4


def main() -> None:
    parser(__doc__, "nothing", "forty minutes of one core").parse_args()
    means: dict[str, list[float]] = {}
    ends: dict[str, list[tuple[float, ...]]] = {}

    def best(problem, mechanism):
        optimum = optimal_schedule(problem, WEIGHT, mechanism, "total-variation", KNOTS)
        means.setdefault(mechanism.__name__, []).append(optimum.schedule.mean())
        ends.setdefault(mechanism.__name__, []).append(tuple(w for _, w in optimum.schedule.knots))
        return optimum.schedule

    def progress(done: int, count: int) -> None:
        print(f"\r{done} of {count} problems", end="", file=sys.stderr, flush=True)

    table = schedules.compute(WEIGHT, best, progress=progress)
    print(file=sys.stderr)
    for row in table.rows():
        share = f"{row.better.value:.2f} ({row.better.low:.2f} to {row.better.high:.2f})" if row.better else ""
        print(
            f"{row.half:9}{row.mechanism:11}{row.schedule:14}{row.distance}   KL {row.divergence}   "
            f"nearer than the ramp-up by {row.gain} on {share}"
        )
    for name, weights in ends.items():
        knots = " ".join(f"{statistics.median(w):.1f}" for w in zip(*weights, strict=True))
        print(f"{name}: w at m = 0, 1/{KNOTS}, ..., 1 (medians): {knots}; mean {statistics.median(means[name]):.2f}")


if __name__ == "__main__":
    main()
