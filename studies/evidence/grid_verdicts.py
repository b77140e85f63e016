"""What the grid of a data set says of each hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .hypotheses import HYPOTHESES

__all__ = ["HOLDS", "OPEN", "WRONG", "of_claim", "of_hypothesis", "summary"]

HOLDS, WRONG, OPEN = "holds", "is wrong", "is open"
"""What an interval says of a claim."""


def of_claim(low: float, high: float, better: str) -> str:
    """Whether a sum is on the better side of 0."""
    low, high = (low, high) if better == "higher" else (-high, -low)
    return HOLDS if low > 0 else WRONG if high < 0 else OPEN


def of_hypothesis(verdicts: Sequence[str]) -> str:
    """What the claims say together.

    Confirmed: all of them hold. Bounded: some hold. Refuted: none holds, and some are wrong. Otherwise undecided.
    """
    if verdicts and all(each == HOLDS for each in verdicts):
        return "confirmed"
    if HOLDS in verdicts:
        return "bounded"
    return "refuted" if WRONG in verdicts else "undecided"


def summary(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each hypothesis its verdict on a data set, the counts, where it holds, and the largest effect.

    Args:
        found: The results of a grid.
    """
    rows = []
    for hypothesis in HYPOTHESES:
        tests = [each for each in found["hypotheses"] if each["name"] == hypothesis.name]
        planned = found["planned"][hypothesis.name]
        decided = [each for each in tests if each["verdict"] != OPEN] or tests
        held, other = (
            [each["log_z"] for each in tests if (each["verdict"] == HOLDS) == side] for side in (True, False)
        )
        rows.append(
            {
                "name": hypothesis.name,
                "verdict": _so_far([each["verdict"] for each in tests], planned),
                "counts": {word: sum(each["verdict"] == word for each in tests) for word in (HOLDS, WRONG, OPEN)},
                "planned": planned,
                "holds at log Z": _range(held),
                "not at log Z": _range(other),
                "largest": max(decided, key=lambda each: abs(each["difference"]), default=None),
            }
        )
    return rows


def _so_far(verdicts: Sequence[str], planned: int) -> str:
    """The verdict of those tests that are measured, which says if others are missing."""
    if not verdicts:
        return "not measured"
    return of_hypothesis(verdicts) + (" so far" if len(verdicts) < planned else "")


def _range(values: Sequence[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return [min(known), max(known)] if known else None
