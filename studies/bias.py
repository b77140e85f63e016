"""How distances and neighbours of real images depend on how many there are: two samples of the same real data.

It prints the table of docs/evaluate.md.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from dguide.data import load
from dguide.evaluate import LearntFeatures, bias, frechet_distance, kernel_distance, neighbourhood
from dguide.evaluate.points.base import Points
from studies.common import parser

DATA, SIZES, REPETITIONS = "mnist:side=14,levels=4", (100, 200, 500, 1000, 2000), 10


def figure(name: str) -> Callable[[Points, Points], float]:
    return lambda one, two: getattr(neighbourhood(one, two), name)


def main() -> None:
    parser(__doc__, "nothing", "a few minutes of one core").parse_args()
    torch.set_num_threads(1)
    dataset = load(DATA)
    points: Points = LearntFeatures.fit(dataset)(dataset.train.tokens)
    statistics = {"Fréchet distance": frechet_distance, "kernel distance": kernel_distance}
    statistics |= {name: figure(name) for name in ("precision", "recall", "density", "coverage")}
    print(f"{DATA}, {len(points):,} real images, {REPETITIONS} pairs of samples each\n")
    print("| figure | " + " | ".join(f"{size:,}" for size in SIZES) + " |")
    print("|---|" + "---:|" * len(SIZES))
    for name, statistic in statistics.items():
        found = bias(points, statistic, SIZES, repetitions=REPETITIONS)
        cells = [f"{each.mean:.3g} ± {each.deviation:.2g}" for each in found]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
