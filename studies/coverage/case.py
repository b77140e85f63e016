"""A figure under a law whose truth is known, and how often its interval contains the truth."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dguide.evaluate import proportion

__all__ = ["Case", "Outcome", "simulate"]


@dataclass(frozen=True)
class Case:
    """An interval that is drawn again and again.

    Args:
        figure: Its name, as in the reports.
        setting: The law of the simulation in words, such as "two classes, AUC 0.98".
        truth: The value that the interval should contain.
        draw: Gives the lower and upper end from n observations; nan, nan if no interval is reported. It may give
            several intervals at once, [k, 2], from k independent things.
        sizes: The numbers n of observations.
    """

    figure: str
    setting: str
    truth: float
    draw: Callable[[int, np.random.Generator], tuple[float, float] | NDArray[np.float64]]
    sizes: tuple[int, ...] = (20, 50, 200, 1000)


@dataclass(frozen=True)
class Outcome:
    """What became of a case at one n.

    Args:
        figure: As in `Case`.
        setting: As in `Case`.
        truth: As in `Case`.
        n: Number of observations of each interval.
        repetitions: Number of draws.
        coverage: Share of the intervals that contain the truth; nan without intervals.
        low: Lower end of the 95 % interval of the coverage.
        high: Upper end of that interval.
        below: Share of the intervals that lie below the truth.
        above: Share of the intervals that lie above it.
        width: Median width.
        narrowest: Smallest width.
        none: Share of the draws without an interval.
    """

    figure: str
    setting: str
    truth: float
    n: int
    repetitions: int
    coverage: float
    low: float
    high: float
    below: float
    above: float
    width: float
    narrowest: float
    none: float


def simulate(case: Case, n: int, repetitions: int) -> Outcome:
    """Draws the interval of n observations `repetitions` times. The draws depend on the names and n alone."""
    generator = np.random.default_rng([zlib.crc32(f"{case.figure}, {case.setting}".encode()), n])
    drawn = np.empty((0, 2))
    while len(drawn) < repetitions:
        drawn = np.concatenate([drawn, np.atleast_2d(case.draw(n, generator))])
    low, high = drawn[~np.isnan(drawn).any(1)].T  # an end may be missing, and is infinite
    width, some = high - low, len(low) > 0
    # An end that misses a truth at the edge of the range by rounding contains it.
    slack = 1e-9 * max(abs(case.truth), 1e-3)
    below, above = high < case.truth - slack, low > case.truth + slack
    coverage = proportion(int((~below & ~above).sum()), len(low)) if some else None
    return Outcome(
        case.figure,
        case.setting,
        case.truth,
        n,
        len(drawn),
        coverage=coverage.value if coverage else math.nan,
        low=coverage.low if coverage else math.nan,
        high=coverage.high if coverage else math.nan,
        below=float(below.mean()) if some else math.nan,
        above=float(above.mean()) if some else math.nan,
        width=float(np.median(width)) if some else math.nan,
        narrowest=float(width.min()) if some else math.nan,
        none=1 - len(low) / len(drawn),
    )
