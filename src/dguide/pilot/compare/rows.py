r"""The table of a comparison: the figures of each setting, and their differences from those of a baseline.

Two families of differences are corrected for their number by Bonferroni's inequality. With S settings there are S - 1
differences of the *main figure*, which is chosen before anything is drawn. They hold together with probability
$1 - \alpha$ if each holds with $1 - \alpha / (S - 1)$. Only these are claims: a setting is better or worse if its
interval excludes 0. The differences of the other F - 1 figures say what a gain costs. They are a family of their own,
each at the level $1 - \alpha / ((S - 1)(F - 1))$.

Holm's procedure claims a little more, but has no intervals to go with the claims. Here an interval and a claim always
say the same.

Source: Hsu, "Multiple comparisons: theory and methods", 1996, chapter 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import bad, choose
from ...evaluate import Estimate, Evaluation, paired_differences

__all__ = ["Row", "compared"]


@dataclass(frozen=True)
class Row:
    """One figure of one setting.

    Args:
        setting: Label of the setting.
        figure: Its value, with a 95 % interval of its own, and that of held-out data.
        difference: The figure less that of the baseline, with an interval of its family; None for the baseline, and
            where the two cannot be compared in pairs.
        main: Whether this is the figure that decides.
        calls: Conditional and reference network calls a batch.
        seconds: Time of sampling; None if unknown.
    """

    setting: str
    figure: Estimate
    difference: Estimate | None
    main: bool
    calls: tuple[int, int]
    seconds: float | None

    @property
    def gain(self) -> tuple[float, float, float]:
        """By how much the setting is better than the baseline, with lower and upper end; nan if that is unknown."""
        apart = self.difference
        if apart is None or not apart.better:
            return math.nan, math.nan, math.nan
        return (
            (-apart.value, -apart.high, -apart.low) if apart.better == "lower" else (apart.value, apart.low, apart.high)
        )

    @property
    def verdict(self) -> Literal["better", "worse", ""]:
        """What the interval of the difference says; nothing if it contains 0, or neither direction is better."""
        _, low, high = self.gain
        return "better" if low > 0 else "worse" if high < 0 else ""

    def record(self) -> dict[str, Any]:
        """The row as plain values, by the names of the columns of a table."""
        figure, apart = self.figure, self.difference
        nothing = Estimate("", math.nan, math.nan, math.nan, 0)
        return {
            "setting": self.setting,
            "figure": figure.name,
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
            "samples": figure.count,
            "held_out": figure.best,
            "better": figure.better,
            "difference": (apart or nothing).value,
            "difference_low": (apart or nothing).low,
            "difference_high": (apart or nothing).high,
            "level": math.nan if apart is None else apart.level,
            "decides": self.main,
            "verdict": self.verdict if self.main else "",
            "conditional_calls": self.calls[0],
            "reference_calls": self.calls[1],
            "sampling_seconds": math.nan if self.seconds is None else self.seconds,
            "note": figure.note,
        }


def compared(
    judged: Mapping[str, Evaluation],
    *,
    baseline: str,
    main: str,
    strata: NDArray[np.int64] | None = None,
    repetitions: int = 200,
    seed: int = 0,
    family: int | None = None,
    error: float = 0.05,
) -> tuple[Row, ...]:
    """The rows of all figures of all settings, with paired differences from the baseline.

    Args:
        judged: The evaluation of each setting by its label, of as many samples, with equal seeds and conditions.
        baseline: Label of the setting that the others are compared with.
        main: Name of the figure that decides.
        strata: The requested class of each sample, [N], if their numbers are fixed.
        repetitions: Number of halves of an interval (`paired_differences`).
        seed: Seed of the halves.
        family: Number of settings that are compared with the baseline, if not all of them are judged yet; by default
            all in `judged` but the baseline.
        error: Probability that any interval of a family misses.

    Raises:
        ValueError: If the baseline or the main figure is not there, or the sets of samples do not fit each other.
    """
    choose("baseline", baseline, judged)
    choose("figure", main, [each.name for each in judged[baseline].estimates])
    if not 0 < error < 1:
        raise bad("error", error, "a number between 0 and 1")
    settings = max(family or len(judged) - 1, 1)
    others = max(len(judged[baseline].estimates) - 1, 1)
    levels = {True: 1 - error / settings, False: 1 - error / (settings * others)}
    options: dict[str, Any] = {"strata": strata, "repetitions": repetitions, "seed": seed}
    rows = []
    for label, evaluation in judged.items():
        apart: dict[str, Estimate] = {}
        for decides, level in levels.items() if label != baseline else ():
            mine, theirs = (_part(each, main, decides) for each in (evaluation, judged[baseline]))
            apart |= {each.name: each for each in paired_differences(mine, theirs, level=level, **options)}
        rows += [
            Row(
                label,
                each,
                apart.get(each.name),
                each.name == main,
                evaluation.calls or (0, 0),
                evaluation.sampling_seconds,
            )
            for each in evaluation.estimates
        ]
    return tuple(rows)


def _part(evaluation: Evaluation, main: str, decides: bool) -> Evaluation:
    """The main figure alone, or all others."""
    return replace(evaluation, estimates=tuple(each for each in evaluation.estimates if (each.name == main) == decides))
