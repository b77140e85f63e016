r"""What comparisons claim: of equal settings, of planted differences, and of the winner of a search.

The settings are laws of which the truth is known, so that a simulated comparison takes milliseconds. A sample of a
setting has a score, which is normal with variance 1. Four fifths of it are common to all settings, as settings with
equal seeds share a part of their chance. The figures are the mean of the scores, the share above 0, and the Fréchet
distance of the scores from a standard normal law. Each setting has 201 samples. The intervals and claims are those of
`dguide compare`: those of pairs for the mean and the share, those of halves for the Fréchet distance.

A search tries 30 settings by the code of `dguide compare --tune`. Their truths differ by a quarter of what such a
comparison finds. It takes the best and judges it again on fresh samples. "Too good by" is by how much the figure of the
winner in the search is better than its truth, over half the width of its interval, as a median.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dguide.evaluate import Estimate, Evaluation, estimate, proportion
from dguide.evaluate.points.distances import Normal
from dguide.evaluate.statistics.intervals import share
from dguide.evaluate.statistics.means import mean
from dguide.pilot.compare.rows import compared
from dguide.pilot.compare.tuning.search import Value, rungs, search
from studies.common import Study, table

__all__ = ["STUDY"]

DRAWS, SAMPLES, TRIALS, SEARCHES = 400, 201, 30, 200
FIGURES = ("mean", "share", "Fréchet distance")
REAL = Normal(np.zeros(1), np.eye(1))
SHIFT = 0.5
"""The planted difference, in standard deviations of the score."""


def scores(shifts: NDArray[np.float64], n: int, source: np.random.Generator) -> NDArray[np.float64]:
    """Scores of each setting, [S, n]: normal with variance 1, of which four fifths are common to all settings."""
    return (
        shifts[:, None] + math.sqrt(0.8) * source.normal(size=n) + math.sqrt(0.2) * source.normal(size=(len(shifts), n))
    )


def figure(name: str, values: NDArray[np.float64], repetitions: int = 60) -> Estimate:
    """The figure of a setting from its scores [n]."""
    if name == "mean":
        return mean(name, values, better="lower")
    if name == "share":
        return share(name, values > 0, better="lower")

    def distance(rows: NDArray[np.int64]) -> float:
        return REAL.distance(Normal.of(values[rows, None]))

    return estimate(name, distance, len(values), better="lower", bounds=(0, math.inf), repetitions=repetitions)


def truth(name: str, shift: float, n: int) -> float:
    """The mean of the figure over sets of n samples; for the Fréchet distance from many sets."""
    if name == "mean":
        return shift
    if name == "share":
        return 0.5 * (1 + math.erf(shift / math.sqrt(2)))
    # shift^2 + 1 / n + E (s - 1)^2, where s is the standard deviation of n values: its mean is c4.
    c4 = math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))
    return shift**2 + 1 / n + 2 - 2 * c4


def comparison(name: str, shifts: NDArray[np.float64], source: np.random.Generator) -> list[Any]:
    """The rows of all settings but the first, which is the baseline."""
    judged = {
        str(number): Evaluation("simulated", True, (figure(name, values, 0),), SAMPLES, 0.0)
        for number, values in enumerate(scores(shifts, SAMPLES, source))
    }
    return list(compared(judged, baseline="0", main=name, repetitions=60))[1:]


def claims(name: str, settings: int) -> dict[str, float]:
    """How many comparisons of equal settings claim a difference."""
    source = np.random.default_rng([settings, FIGURES.index(name)])
    found = sum(any(row.verdict for row in comparison(name, np.full(settings, 1.0), source)) for _ in range(DRAWS))
    return {"settings": settings, "claims": found, "draws": DRAWS}


def coverage(name: str) -> dict[str, float]:
    """How often the interval of a planted difference of two settings contains it."""
    source = np.random.default_rng([0, FIGURES.index(name)])
    planted, inside = np.array([1.0, 1.0 + SHIFT]), 0
    true = truth(name, planted[1], SAMPLES) - truth(name, planted[0], SAMPLES)
    for _ in range(5 * DRAWS):
        (row,) = comparison(name, planted, source)
        inside += bool(row.difference.low <= true <= row.difference.high)
    return {"inside": inside, "draws": 5 * DRAWS, "difference": float(true)}


def winner(name: str, number: int) -> tuple[bool, bool, float]:
    """Of one search: whether the interval on fresh samples, and that of the search, promise no more than the truth.

    The third value is by how much the figure of the search is too good.
    """
    source = np.random.default_rng([number, FIGURES.index(name), 2])
    spread = 0.25 * 2.8 / math.sqrt(SAMPLES)
    shifts = 1.0 + spread * source.normal(size=TRIALS)
    drawn = scores(shifts, SAMPLES, source)

    def measure(parameters: Mapping[str, Value], count: int) -> float:
        return figure(name, drawn[int(parameters["setting"])][:count], 0).value

    with tempfile.TemporaryDirectory() as folder:
        trials = search(
            {"setting": list(range(TRIALS))},
            measure,
            better="lower",
            budget=TRIALS,
            rounds=rungs(SAMPLES),
            storage=Path(folder) / "journal",
            name="simulated",
            first=[{"setting": k} for k in range(TRIALS)],
        )
    complete = [each for each in trials if SAMPLES in each.values]
    best = int(min(complete, key=lambda each: each.values[SAMPLES]).parameters["setting"])
    fresh, searched = figure(name, scores(shifts[[best]], SAMPLES, source)[0]), figure(name, drawn[best])
    true = truth(name, float(shifts[best]), SAMPLES)
    return (
        bool(fresh.high >= true),
        bool(searched.high >= true),
        (true - searched.value) / ((fresh.high - fresh.low) / 2),
    )


def searches(name: str) -> dict[str, float]:
    """What became of many searches."""
    found = [winner(name, number) for number in range(SEARCHES)]
    fresh, searched, excess = zip(*found, strict=True)
    return {"fresh": sum(fresh), "searched": sum(searched), "searches": SEARCHES, "too good": float(np.median(excess))}


def compute() -> dict[str, Any]:
    with ProcessPoolExecutor(len(FIGURES)) as pool:
        found = {name: pool.map(part, FIGURES) for name, part in (("claims", all_claims), ("coverage", coverage))}
        found["searches"] = pool.map(searches, FIGURES)
        return {name: dict(zip(FIGURES, each, strict=True)) for name, each in found.items()}


def all_claims(name: str) -> list[dict[str, float]]:
    return [claims(name, settings) for settings in (2, 5)]


def _share(count: float, draws: float) -> str:
    found = proportion(int(count), int(draws))
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"


def sections(results: dict[str, Any]) -> dict[str, str]:
    equal = [
        [name, f"{each['settings']}", f"{each['claims']} of {each['draws']}", _share(each["claims"], each["draws"])]
        for name, rows in results["claims"].items()
        for each in rows
    ]
    planted = [
        [name, f"{each['difference']:.3g}", _share(each["inside"], each["draws"])]
        for name, each in results["coverage"].items()
    ]
    won = [
        [
            name,
            _share(each["fresh"], each["searches"]),
            _share(each["searched"], each["searches"]),
            f"{each['too good']:.2f}",
        ]
        for name, each in results["searches"].items()
    ]
    return {
        "equal settings": table("figure | :settings | :claims | :share (95 % interval)", equal),
        "planted differences": table("figure | :difference | :contained (95 % interval)", planted),
        "winners": table("figure | :on fresh samples | :in the search | :too good by", won),
    }


STUDY = Study("compared", "compare.md", "three minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
