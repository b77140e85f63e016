"""Signals by noise level, of a network under guidance of one weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ...errors import positive
from .signals import Pairs, Singles

__all__ = ["Outlook", "Signals"]


@dataclass(frozen=True, eq=False)
class Signals:
    r"""What is measured at one noise level.

    Attributes:
        level: m, the noise level; m = 1 is fully masked.
        positions: [N, M], log Z_w of each masked position of each sequence.
        log_z: mean of log Z_w.
        spread: standard deviation of log Z_w over the positions of a sequence, mean over sequences.
        clash: noncommutativity of the orders, 0 to 1/2: mean over pairs of the total variation between the two orders,
            times how much `Unlocking` prefers one of them. As `order_effects.noncommutativity`, at any noise level.
        dependence: total variation by which the tilted prediction of one position moves if another is filled.
        error_cond, error_ref: error of a log-probability of each prediction in nats, a lower bound: the root mean
            square of the inconsistency over 2.
        error_ratio: the same of their log-ratio. Guidance multiplies it by w.
        claimed: $KL(p_c \Vert p_u)$ of a masked position in nats, mean.
        confirmed: $\log p_c(x) / p_u(x)$ of the held-out tokens in nats, mean.
        unsure: standard error of `claimed` minus `confirmed`; nan for one sequence.
    """

    level: float
    positions: Tensor
    log_z: float
    spread: float
    clash: float
    dependence: float
    error_cond: float
    error_ref: float
    error_ratio: float
    claimed: float
    confirmed: float
    unsure: float

    @classmethod
    def of(cls, level: float, singles: Singles, pairs: Pairs) -> Signals:
        """From what was measured of each position and pair."""
        count, excess = len(singles.claimed), (singles.claimed - singles.confirmed).mean(-1)
        known = pairs.cond.isfinite() & pairs.ref.isfinite()
        cond, ref = pairs.cond[known], pairs.ref[known]
        return cls(
            level=level,
            positions=singles.log_z,
            log_z=float(singles.log_z.mean()),
            spread=float(singles.log_z.std(-1).mean()),
            clash=_clash(pairs),
            dependence=float(pairs.depends.mean()),
            error_cond=_error(cond),
            error_ref=_error(ref),
            error_ratio=_error(cond - ref),
            claimed=float(singles.claimed.mean()),
            confirmed=float(singles.confirmed.mean()),
            unsure=float(excess.std()) / math.sqrt(count) if count > 1 else math.nan,
        )

    @property
    def shared(self) -> float:
        """Correlation of the errors of the two predictions, if both are as large; nan for predictions without error."""
        both = self.error_cond**2 + self.error_ref**2
        return 1 - self.error_ratio**2 / both if both > 0 else math.nan

    @property
    def overclaim(self) -> float:
        r"""Error of the log-ratio in nats, $\sqrt{2 (\text{claimed} - \text{confirmed})}$; 0 if more is confirmed.

        Small errors $e_c$, $e_u$ of the log-probabilities make the conditional prediction claim
        $E[e_c (e_c - e_u)]$ too much. This is half the mean square of $e_c - e_u$ if both errors are as large.
        """
        return math.sqrt(2 * max(0.0, self.claimed - self.confirmed))

    def leaving(self, steps: int) -> tuple[float, float]:
        """Positions that leave in an ancestral step of size 1 / `steps` from here: `Normalized`, `Unlocking`."""
        stay = max(0.0, 1 - 1 / (positive("steps", steps) * self.level))
        count = self.positions.shape[1]
        return (1 - stay) * count, float((1 - stay ** self.positions.exp()).sum(-1).mean())


@dataclass(frozen=True)
class Outlook:
    """Signals of a network by noise level, from noise to data.

    Attributes:
        weight: w, at which Z_w and the tilted predictions are taken.
        length: L, positions of a sequence.
        sequences: N, held-out sequences that were looked at.
        levels: the signals at each noise level.
        rows: rows that the network was called for.
    """

    weight: float
    length: int
    sequences: int
    levels: tuple[Signals, ...]
    rows: int

    def mean(self, signal: Callable[[Signals], float]) -> float:
        """The mean of a signal over the noise levels."""
        return sum(map(signal, self.levels)) / len(self.levels)

    def __str__(self) -> str:
        """A line for each noise level."""
        heads = ("m", "log Z_w", "spread", "clash", "dependence", "error c", "error u", "error c/u", "shared",
                 "claimed", "confirmed", "overclaim")  # fmt: skip
        rows = [
            (s.level, s.log_z, s.spread, s.clash, s.dependence, s.error_cond, s.error_ref, s.error_ratio, s.shared,
             s.claimed, s.confirmed, s.overclaim)
            for s in self.levels
        ]  # fmt: skip
        cells = [heads, *(tuple(f"{value:.3g}" for value in row) for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(x.rjust(n) for x, n in zip(row, widths, strict=True)) for row in cells)


def _error(inconsistency: Tensor) -> float:
    """The error of a log-probability, if those of four are independent."""
    return float(inconsistency.square().mean().sqrt()) / 2


def _clash(pairs: Pairs) -> float:
    """Mean of the product of both factors. Sums are divided, since a ratio of mean 1 can have a long tail."""
    apart = (pairs.forth - pairs.back).abs() * pairs.prefers
    return float(apart.sum() / (pairs.forth + pairs.back).sum())
