"""How distances and neighbours of real images depend on how many there are: two samples of the same real data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dguide.data import load
from dguide.evaluate import LearntFeatures, bias, frechet_distance, kernel_distance, neighbourhood
from dguide.evaluate.points.base import Points
from studies.common import Study, table

__all__ = ["STUDY"]

DATA, SIZES, REPETITIONS = "mnist:side=14,levels=4", (100, 200, 500, 1000, 1500), 10


def figure(name: str) -> Callable[[Points, Points], float]:
    return lambda one, two: getattr(neighbourhood(one, two), name)


def compute() -> dict[str, Any]:
    dataset = load(DATA)
    points: Points = LearntFeatures.fit(dataset)(dataset.train.tokens)
    statistics = {"Fréchet distance": frechet_distance, "kernel distance": kernel_distance}
    statistics |= {name: figure(name) for name in ("precision", "recall", "density", "coverage")}
    figures = {}
    for name, statistic in statistics.items():
        figures[name] = [asdict(each) for each in bias(points, statistic, SIZES, repetitions=REPETITIONS)]
        print(name, flush=True)
    return {"data": DATA, "images": len(points), "pairs": REPETITIONS, "figures": figures}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = [
        [name, *(f"{each['mean']:.3g} ± {each['deviation']:.2g}" for each in found)]
        for name, found in results["figures"].items()
    ]
    return {"bias": table(f"figure | {' | '.join(f':{size:,}' for size in SIZES)}", rows)}


STUDY = Study("bias", "evaluate.md", "a few minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
