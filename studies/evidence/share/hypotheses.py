"""The hypotheses of the study, stated before its samples were drawn, and their verdicts.

All are of the model of digits, mean weight 3, T = `STEPS` network calls, 300 samples of seeds 0 to 2. The intervals
hold together with 95 % (Bonferroni). They say what is expected if rejection is the reason why `Unlocking` does worse.

A pilot of 100 samples of seed 100, which are not used again, gave the power: with 300 samples a gap of 0.14 and a
difference of gaps of 0.11 are found with probability 0.8. The gap in the pilot was 0.13, and its part from rejection
-0.45: the second hypothesis was in doubt before the samples were drawn. It stands as it was stated.

`AGAIN` says what was then found on the digits. It was stated before any sample of another model was drawn, and is
judged for each of these by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from dguide.evaluate import Estimate
from studies.evidence.share.cells import Cell, gap
from studies.evidence.share.parts import Signed, part
from studies.evidence.tested import level, record

__all__ = ["AGAIN", "HYPOTHESES", "STEPS", "Hypothesis", "judged"]

STEPS = 16


@dataclass(frozen=True)
class Hypothesis:
    """A sum of signed cells that is said to be above 0.

    Attributes:
        name: what is said.
        signed: the cells, of which `Unlocking` and `Normalized` have opposite signs.
    """

    name: str
    signed: Signed


HYPOTHESES = (
    Hypothesis("`TauLeaping`: `Unlocking` is further away", part("gap", STEPS)),
    Hypothesis("Rejection widens the gap", part("rejection", STEPS)),
    Hypothesis(
        "`TauLeaping` has a wider gap than `Ancestral`", gap("TauLeaping", STEPS) + gap("Ancestral", STEPS, sign=-1)
    ),
    Hypothesis("Pace widens the gap", part("pace", STEPS)),
    Hypothesis("One position a call: `Unlocking` is further away", part("order", STEPS)),
    Hypothesis("The end of the released code widens the gap", part("end", STEPS)),
    Hypothesis("`TauLeaping`, ramp-up: `Unlocking` is nearer", gap("TauLeaping", STEPS, "ramp-up", sign=-1)),
)


def _turned(signed: Signed) -> Signed:
    return [(-sign, cell) for sign, cell in signed]


AGAIN = (
    Hypothesis("Rejection makes the gap smaller", _turned(part("rejection", STEPS))),
    Hypothesis("`TauLeaping` has a smaller gap than `Ancestral`", _turned(HYPOTHESES[2].signed)),
    HYPOTHESES[3],
    HYPOTHESES[4],
)


def judged(
    estimated: Callable[[str, Signed, float], Estimate],
    cells: Collection[Cell],
    family: tuple[Hypothesis, ...] = HYPOTHESES,
) -> list[Any]:
    """The verdict of each hypothesis: confirmed if its interval is above 0, refuted if it is below, else undecided.

    Only those are judged whose cells are among `cells`. The intervals of the whole family hold together.
    """
    found = []
    for each in family:
        if {cell for _, cell in each.signed} <= set(cells):
            sides = [[cell.about() for sign, cell in each.signed if sign == side] for side in (1, -1)]
            seen = estimated(each.name, each.signed, level(len(family)))
            found.append({"name": each.name, "cells": sides, **record(seen)})
    return found
