"""Shares with confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from ...errors import bad

__all__ = ["Proportion", "proportion"]


@dataclass(frozen=True)
class Proportion:
    """A share of successes in `count` trials, with a confidence interval of the probability.

    Args:
        value: Share of successes.
        low: Lower end of the interval.
        high: Upper end of the interval.
        count: Number of trials.
    """

    value: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.count})"


def proportion(successes: int, trials: int, confidence: float = 0.95) -> Proportion:
    r"""Share $\hat p$ of successes with Wilson's interval, which is also valid near 0 and 1,

    $$\frac{\hat p + z^2 / 2n}{1 + z^2 / n} \pm \frac{z}{1 + z^2 / n}
    \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}}.$$

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.

    Args:
        successes: Number of successes.
        trials: Number n of independent trials.
        confidence: Confidence level of the interval; z is its quantile of the normal distribution.

    Raises:
        ValueError: If there are no trials, more successes than trials, or `confidence` is not in (0, 1).
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise bad("successes and trials", (successes, trials), "0 <= successes <= trials and trials >= 1")
    if not 0 < confidence < 1:
        raise bad("confidence", confidence, "a number between 0 and 1")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == trials else centre + half
    return Proportion(share, low, high, trials)
