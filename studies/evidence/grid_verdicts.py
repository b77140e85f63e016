"""What the grid of a data set says of each hypothesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .hypotheses import HYPOTHESES
from .tested import CONFIRMED, REFUTED, UNDECIDED, together

__all__ = ["COUNTED", "joined", "summary"]

COUNTED = (CONFIRMED, REFUTED, UNDECIDED)
"""Of a hypothesis the page has the number of tests with each of these verdicts."""


def joined(tests: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The tests, but one for each set of cells: the side of an equivalence that decides it.

    An equivalence holds if both of its sides hold, and is wrong if one of them is: the other side then always holds.
    """
    sides: dict[str, list[Mapping[str, Any]]] = {}
    for test in tests:
        sides.setdefault(f"{test['name']} {test['cells']}", []).append(test)
    order = (REFUTED, UNDECIDED, CONFIRMED)
    return [min(some, key=lambda test: order.index(test["verdict"])) for some in sides.values()]


def summary(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each hypothesis its verdict on a data set, the counts, where it holds, and the largest effect.

    Args:
        found: The results of a grid.
    """
    rows = []
    for hypothesis in HYPOTHESES:
        tests = joined([each for each in found["hypotheses"] if each["name"] == hypothesis.name])
        planned = found["planned"][hypothesis.name] // hypothesis.sides
        decided = [each for each in tests if each["verdict"] != UNDECIDED] or tests
        held, other = (
            [each["log_z"] for each in tests if (each["verdict"] == CONFIRMED) == side] for side in (True, False)
        )
        rows.append(
            {
                "name": hypothesis.name,
                "verdict": _so_far([each["verdict"] for each in tests], planned),
                "counts": {word: sum(each["verdict"] == word for each in tests) for word in COUNTED},
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
    return together(verdicts) + (" so far" if len(verdicts) < planned else "")


def _range(values: Sequence[float | None]) -> list[float] | None:
    known = [value for value in values if value is not None and np.isfinite(value)]
    return [min(known), max(known)] if known else None
