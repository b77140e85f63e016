r"""One masked position, constant w, $\alpha = 1 - t$ and T equal steps: the probability that it is forced at the end.

With j steps to go the time is j / T, and the integrated exit rate of the step is $\Lambda_j = Z / j$: Z is $Z_w$ for
`Unlocking` and 1 for `Normalized`. So the position has not left of itself by the end with probability
$\prod_{j=1}^{T} (1 - \ell(Z / j))$, where $\ell(\Lambda)$ is the probability to leave in a step.

For `TauLeaping` $\ell(\Lambda) = \Lambda e^{-\Lambda}$. This is at most 1/e, and it falls above $\Lambda = 1$: in the
last Z steps a position leaves the less often, the larger Z is. So the probability rises to 1 with Z at any T. The
classic mistake is to take $\ell = 1 - e^{-\Lambda}$, or the limit $T^{-Z}$ of the jump process, which both fall with Z.
"""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["LEAVES", "forced"]

LEAVES: dict[str, Callable[[float], float]] = {
    "TauLeaping": lambda rate: rate * math.exp(-rate),
    "Unrejected": lambda rate: -math.expm1(-rate),
    "Euler": lambda rate: min(1.0, rate),
}
"""Probability to leave in a step of integrated exit rate Lambda, by sampler."""


def forced(sampler: str, z: float, steps: int) -> float:
    """The probability that the position does not leave of itself.

    Args:
        sampler: name in `LEAVES`.
        z: $Z_w$ for `Unlocking`, 1 for `Normalized`.
        steps: T.

    >>> round(forced("TauLeaping", 1.0, 8), 3), round(forced("TauLeaping", 20.0, 8), 3), forced("Euler", 20.0, 8)
    (0.151, 0.519, 0.0)
    """
    leaves = LEAVES[sampler]
    return math.prod(1 - leaves(z / j) for j in range(1, steps + 1))
