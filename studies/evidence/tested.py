"""What the interval of a test says of the claim that its figure is above 0, and what several tests say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dguide.evaluate import Estimate

__all__ = ["BOUNDED", "CONFIRMED", "REFUTED", "UNDECIDED", "level", "record", "together", "turned", "verdict"]

CONFIRMED, BOUNDED, REFUTED, UNDECIDED = "confirmed", "bounded", "refuted", "undecided"
ERROR = 0.05
"""Probability that any interval of a family misses."""


def level(tests: int) -> float:
    """The level of each of so many intervals, so that all hold together with 95 % (Bonferroni)."""
    return 1 - ERROR / tests


def verdict(low: float, high: float, equal: float = 0.0) -> str:
    """Confirmed if the interval lies above 0, refuted if it lies below, else undecided.

    Figures that differ by `equal` or less are the same.
    """
    return CONFIRMED if low > equal else REFUTED if high < -equal else UNDECIDED


def record(found: Estimate) -> dict[str, Any]:
    """A difference, as results have it, with its verdict."""
    ends = {"difference": found.value, "low": found.low, "high": found.high, "level": found.level}
    return ends | {"verdict": verdict(found.low, found.high)}


def turned(apart: Estimate) -> Estimate:
    """A difference as a gain: with the sign turned where lower is better."""
    if apart.better == "higher":
        return apart
    return replace(apart, value=-apart.value, low=-apart.high, high=-apart.low)


def together(verdicts: Sequence[str]) -> str:
    """What tests, or groups of them, say of one claim.

    Confirmed: all confirm it. Bounded: some confirm it. Refuted: none confirms it, and some refute it. Otherwise
    undecided.
    """
    if verdicts and all(each == CONFIRMED for each in verdicts):
        return CONFIRMED
    if CONFIRMED in verdicts or BOUNDED in verdicts:
        return BOUNDED
    return REFUTED if REFUTED in verdicts else UNDECIDED
