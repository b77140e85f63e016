"""The mistakes that a threshold may make where it is chosen, to keep a promise on other sequences."""

from __future__ import annotations

import math

import numpy as np

from ...errors import bad
from .proportion import at_most

__all__ = ["CONFIDENCE", "allowed", "needed"]

CONFIDENCE = 0.95
"""Confidence of a promise about a single threshold."""
_ROUNDING = 1e-9
"""Corrects the rounding of products such as 0.07 * 100."""


def allowed(count: int, most: float, confidence: float | None = None) -> int:
    r"""The largest allowed number k of mistakes among n = `count` sequences; -1 if they are too few for the promise.

    The threshold is the (k + 1)th worst of n scores. On other sequences its share of mistakes has a Beta(k + 1, n - k)
    law, for independent scores without ties. Without `confidence` its mean is at most $\alpha$ = `most`:
    $(k + 1) / (n + 1) \le \alpha$. With it, the share of a single threshold is at most $\alpha$ with that probability:
    $P(\mathrm{Binomial}(n, \alpha) \le k) \le 1 - \mathrm{confidence}$. With ties both shares are smaller.

    Sources: Vovk et al., "Algorithmic Learning in a Random World", 2005, section 2.2, for the mean; Wilks,
    "Determination of sample sizes for setting tolerance limits", Annals of Mathematical Statistics 12, 1941, for the
    other.

    Raises:
        ValueError: If `most` is not a share from 0 to below 1, or `confidence` is not between 0 and 1.
    """
    _check(most, confidence)
    if confidence is None:
        return min(math.floor(most * (count + 1) + _ROUNDING), count) - 1
    if most == 0:
        return -1
    return int((at_most(np.arange(count), count, most) <= 1 - confidence).sum()) - 1


def needed(most: float, confidence: float | None = None) -> float:
    r"""Smallest number of sequences for which `allowed` allows a threshold: $1 / \alpha - 1$ for the mean, rounded up.

    With a confidence it is $\log(1 - \mathrm{confidence}) / \log(1 - \alpha)$: 59 for 5 %, 299 for 1 %. For share 0 it
    is inf.

    Raises:
        ValueError: As in `allowed`.
    """
    _check(most, confidence)
    if most == 0:
        return math.inf
    if confidence is None:
        return math.ceil(1 / most - _ROUNDING) - 1
    return math.ceil(math.log(1 - confidence) / math.log(1 - most) - _ROUNDING)


def _check(most: float, confidence: float | None) -> None:
    if not 0 <= most < 1:
        raise bad("share of mistakes", most, "a number from 0 to below 1")
    if confidence is not None and not 0 < confidence < 1:
        raise bad("confidence", confidence, "a number between 0 and 1")
