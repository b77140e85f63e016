"""Signals by noise level, of a network under guidance of one weight."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from ...errors import positive
from .leaving import Leaving
from .signals import Pairs, Singles

__all__ = ["Outlook", "Signals"]


HEADS = {
    "level": "m",
    "log_z": "log Z_w",
    "error_cond": "error c",
    "error_ref": "error u",
    "error_ratio": "error c/u",
}
"""Heads of columns that are not the name of the signal."""


@dataclass(frozen=True, eq=False)
class Signals:
    r"""What is measured at one noise level.

    Means over positions are means over the jumps of the conditional process: a position counts by its exit rate
    $\lambda_c$. All masks count alike.

    Attributes:
        level: m, the noise level; m = 1 is fully masked.
        positions: [N, M], log Z_w of each position that can jump, of each sequence.
        log_z: mean of log Z_w: log of how much faster `Unlocking` leaves a token than `Normalized`.
        spread: standard deviation of log Z_w over the positions of a sequence, mean over sequences.
        pace: mean of $w \log (\lambda_c / \lambda_u)$: log of how much faster `Normalized` leaves a token than the
            conditional model without guidance. It is 0 for masks.
        clash: noncommutativity of the orders, 0 to 1/2: mean over pairs of the total variation between the two orders,
            times how much `Unlocking` prefers one of them. As `order_effects.noncommutativity`, at any noise level.
        dependence: total variation by which the next jump of one position under `Normalized` changes if another
            position jumps: of a mask, by which the tilted prediction moves if another is filled.
        error_cond, error_ref: error of a log-rate of each prediction in nats, a lower bound: the root mean square of
            the inconsistency over 2. For masks it is that of a log-probability.
        error_ratio: the same of the log-ratio of the two rates. Guidance multiplies it by w.
        claimed: evidence for the condition in nats a jump, by the conditional prediction. Of a mask it is
            $KL(p_c \Vert p_u)$.
        confirmed: the same by the held-out tokens. Of a mask it is $\log p_c(x) / p_u(x)$.
        unsure: standard error of `claimed` minus `confirmed`; nan for one sequence.
        leaves: what `leaving` asks.
    """

    level: float
    positions: Tensor
    log_z: float
    spread: float
    pace: float
    clash: float
    dependence: float
    error_cond: float
    error_ref: float
    error_ratio: float
    claimed: float
    confirmed: float
    unsure: float
    leaves: Leaving

    @classmethod
    def of(cls, level: float, singles: Singles, pairs: Pairs, leaves: Leaving) -> Signals:
        """From what was measured of each position and pair."""
        exits, log_z = singles.exits, singles.rates.log_z

        def mean(values: Tensor) -> float:
            return float((exits * values).sum() / exits.sum())

        claimed, confirmed = (float(each.sum() / exits.sum()) for each in (singles.claimed, singles.confirmed))
        known = pairs.cond.isfinite() & pairs.ref.isfinite()
        cond, ref = pairs.cond[known], pairs.ref[known]
        return cls(
            level=level,
            positions=log_z,
            log_z=mean(log_z),
            spread=float(_deviation(log_z, exits).mean()),
            pace=mean(singles.rates.pace),
            clash=_clash(pairs),
            dependence=float(pairs.depends.mean()),
            error_cond=_error(cond),
            error_ref=_error(ref),
            error_ratio=_error(cond - ref),
            claimed=claimed,
            confirmed=confirmed,
            unsure=_standard_error(singles, claimed - confirmed),
            leaves=leaves,
        )

    @property
    def shared(self) -> float:
        """Correlation of the errors of the two predictions, if both are as large; nan for predictions without error."""
        both = self.error_cond**2 + self.error_ref**2
        return 1 - self.error_ratio**2 / both if both > 0 else math.nan

    @property
    def overclaim(self) -> float:
        r"""Error of the log-ratio in nats, $\sqrt{2 (\text{claimed} - \text{confirmed})}$; 0 if more is confirmed.

        Small errors $e_c$, $e_u$ of the log-rates make the conditional prediction claim
        $E[e_c (e_c - e_u)]$ too much. This is half the mean square of $e_c - e_u$ if both errors are as large.
        """
        return math.sqrt(2 * max(0.0, self.claimed - self.confirmed))

    def leaving(self, steps: int) -> tuple[float, float]:
        """Positions that leave in an ancestral step from level m to m - 1 / `steps`: `Normalized`, `Unlocking`."""
        return self.leaves(positive("steps", steps))


@dataclass(frozen=True)
class Outlook:
    """Signals of a network by noise level, from noise to data.

    Attributes:
        weight: w, at which Z_w and the tilted predictions are taken.
        length: L, positions of a sequence.
        sequences: N, held-out sequences that were looked at.
        levels: the signals at each noise level.
        rows: rows that the network was called for.
        shown: names of the signals that are those of the process, in the order of the table. One that is the same for
            every model of the process is left out.
    """

    weight: float
    length: int
    sequences: int
    levels: tuple[Signals, ...]
    rows: int
    shown: tuple[str, ...]

    def mean(self, signal: Callable[[Signals], float]) -> float:
        """The mean of a signal over the noise levels."""
        return sum(map(signal, self.levels)) / len(self.levels)

    def __str__(self) -> str:
        """A line for each noise level."""
        names = ("level", *self.shown)
        rows = [[f"{getattr(s, name):.3g}" for name in names] for s in self.levels]
        cells = [[HEADS.get(name, name) for name in names], *rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join("  ".join(x.rjust(n) for x, n in zip(row, widths, strict=True)) for row in cells)


def _error(inconsistency: Tensor) -> float:
    """The error of a log-rate, if those of four are independent."""
    return float(inconsistency.square().mean().sqrt()) / 2


def _clash(pairs: Pairs) -> float:
    """Mean of the product of both factors. Sums are divided, since a ratio of mean 1 can have a long tail."""
    apart = (pairs.forth - pairs.back).abs() * pairs.prefers
    return float(apart.sum() / (pairs.forth + pairs.back).sum())


def _deviation(values: Tensor, weights: Tensor) -> Tensor:
    """Standard deviation of the values of each row, without bias where the weights are equal, [N]."""
    share = weights / weights.sum(-1, keepdim=True)
    apart = values - (share * values).sum(-1, keepdim=True)
    return ((share * apart.square()).sum(-1) / (share * (1 - share)).sum(-1)).sqrt()


def _standard_error(singles: Singles, excess: float) -> float:
    """Of the ratio of two means over sequences: nats that are claimed and not confirmed, and exits."""
    count, exits = len(singles.exits), singles.exits.sum(-1)
    residual = (singles.claimed - singles.confirmed).sum(-1) - excess * exits
    return float(residual.std() / exits.mean()) / math.sqrt(count) if count > 1 else math.nan
