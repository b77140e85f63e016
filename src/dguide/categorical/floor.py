r"""The guided draw where the rates of a jump are a prediction on a floor, and how strongly a token leaves.

At a position with the token x, let $\ell$ be the logits of a prediction, and $e_y = \exp(\ell_y - t)$ with the largest
of them but that of x, $t = \max_{z \ne x} \ell_z$. The prediction speaks of x with evidence $b \ge 1$: it is
$p_y = e_y / n$ for $y \ne x$, and $p_x = b\, e_x / n$. The rate of a jump to $y \ne x$ is in proportion to $p_y + F$
with a floor $F = f\, (\sum_{z \ne x} p_z + d\, p_x)$, where b, f and d are the same for all rows. Multiplied by n, all
of it is said by two numbers of the row:

$$n\, (p_y + F) = e_y + G, \quad G = f\, (S + d\, b\, e_x), \quad S = \sum_{z \ne x} e_z, \quad n = S + b\, e_x.$$

The guided law of the landing is that of the weights

$$T_y = (e^c_y + G_c)^{1+w} (e^u_y + G_u)^{-w} = A_y\, (A_y / B_y)^w,$$

so the normalisers n drop out, and with them all that would need a pass before the one that sums. Both factors are
computed in float32. Their sums are in float64, over tiles of 256 that are summed in float32: all terms are positive, so
that this costs no more than the rounding of each.

Why this is stable:

- S leaves x out, so it is precise where the prediction is sure of x (the end of a run), and $e_x$ is kept as its
  logarithm. G is a sum of positive terms.
- $\max(e_y) = 1$. With $A' = s A$, $s = \min(1, 1/G)$, the larger of s and sG is 1. So $A'$ lies in [sG, 2], whatever
  the floor is: at the beginning of a run ($k \to 0$, $f \to \infty$) it is 1 to rounding and the law tends to the
  uniform one, which is the right limit.
- Near the end $f \to 0$. While $G \ge 2^{-100}$, neither $A$ nor $B$ can vanish, not even where a prediction forbids y
  by -inf, and $w \log_2 (A / B)$ is finite for every w. Where f = 0 (the last step), T is
  $\exp((1+w) \ell^c_y - w \ell^u_y)$ and is taken from the logits themselves, as masks do: then nothing can underflow
  that counts, however small it is.
- $2^{w \log_2(A/B)}$ is taken relative to its largest, so it does not overflow, unless the floors alone say that it
  lies between $2^{-50}$ and $2^{50}$. A weight can be lost only below $2^{-125}$ of that. Where the total is below
  $2^{-60}$, the row is not served.

Rows between the two ($0 < G < 2^{-100}$), rows whose total is that small, rows with a prediction of x alone, and rows
that hold NaN or +inf are not served. They are left to the caller, who writes their laws out in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from .law import tilt
from .rows import LogitRows

__all__ = [
    "LEAST_RATE",
    "LOWEST_FLOOR",
    "LOWEST_TOTAL",
    "MOST_HERE",
    "Exits",
    "Floor",
    "FlooredRequest",
    "FlooredSums",
    "Sums",
    "log_laws",
]

LEAST_RATE = 1e-300
"""The least exit rate that is served: guidance depends on its logarithm, and not far below there is none."""
LOWEST_FLOOR = 2.0**-100
"""The least G that is served, but for 0."""
LOWEST_TOTAL = 2.0**-60
"""The least sum of weights relative to the largest power in them that is served."""
MOST_HERE = 700.0
"""The largest log e_x that is served: beyond it e_x has no float64."""


class Floor(NamedTuple):
    """What is the same for all rows: b, f and d of the module."""

    evidence: float
    share: float
    damping: float

    @property
    def usable(self) -> bool:
        """Whether all of them are numbers that float64 can hold."""
        return math.isfinite(self.evidence) and math.isfinite(self.share)


class Exits(NamedTuple):
    r"""How strongly a token leaves by one prediction, from $p_x$ and $\rho = \sum_{z \ne x} p_z$.

    Attributes:
        by_here, by_rest: factors of $p_x$ and $\rho$ in the exit rate, or in the probability to leave in a step.
        stay: their factors in $P(\text{stay})$ where it is a step, else None. As a sum of positive terms it is precise
            where it is small.
    """

    by_here: float
    by_rest: float
    stay: tuple[float, float] | None

    def rate(self, here: Tensor, rest: Tensor) -> Tensor:
        r"""The exit rate, or $-\log P(\text{stay})$ of the step, from $p_x$ and $\rho$ [...]."""
        leave = self.by_here * here + self.by_rest * rest
        if self.stay is None:
            return leave
        log_stay = torch.log(self.stay[0] * here + self.stay[1] * rest)
        return torch.where(leave < 0.5, -torch.log1p(-leave.clamp_max(0.5)), -log_stay)


class FlooredRequest(NamedTuple):
    """What is asked for N rows.

    Attributes:
        cond: rows of logits c.
        ref: rows of logits u; None if there is only one prediction.
        weight: w, [N] float64, at least -1; not looked at without `ref`.
        present: x, [N] int64.
        floor: what is the same for all rows.
        forbidden: [K] int64, columns that no prediction allows. A jump to them has the floor as its rate.
        partition: whether the sum of T is asked for.
        uniforms: [N] float64 in (0, 1), where a token is to be drawn by inverse CDF from the weights T, else None.
        known: S, log e_x and the largest logit but that of x, [3, P, N] float64, if they have been found before.
        exits: how strongly tokens leave, where that is asked for. Rows that leave at less than `LEAST_RATE` are then
            not served.
    """

    cond: LogitRows
    ref: LogitRows | None
    weight: Tensor
    present: Tensor
    floor: Floor
    forbidden: Tensor
    partition: bool = False
    uniforms: Tensor | None = None
    known: Tensor | None = None
    exits: Exits | None = None

    @property
    def predictions(self) -> list[LogitRows]:
        """The rows of c, and those of u if there are any."""
        return [self.cond] if self.ref is None else [self.cond, self.ref]

    def tilt(self, values: Tensor) -> Tensor:
        """(1 + w) c - w u [N] of a number for each prediction, [P, N]."""
        return values[0] if self.ref is None else values[0] + self.weight * (values[0] - values[1])

    def of(self, part: slice | Tensor) -> FlooredRequest:
        """The same of some of the rows."""
        return self._replace(
            cond=self.cond[part],
            ref=None if self.ref is None else self.ref[part],
            weight=self.weight[part],
            present=self.present[part],
            uniforms=None if self.uniforms is None else self.uniforms[part],
            known=None if self.known is None else self.known[..., part],
        )


class Sums(NamedTuple):
    r"""What an implementation finds in N rows of P predictions.

    Attributes:
        rest: S, [P, N] float64.
        here: log e_x, [P, N] float64.
        top: $\max_{z \ne x} \ell_z$, [P, N] float64.
        total, lift: [N] float64, the sum of T is `total` exp(`lift`); None unless it was asked for.
        token: [N] int64, what was drawn; None unless it was asked for.
        share: [N] float64, how much of `total` its weight is.
        served: [N] bool, for which rows all this may be used.
        log_intensity: [P, N] float64, log of the exit rates, from an implementation that finds them on its way.
        tilted: [N] float64, their tilt, from the same.
        log_z: [N] float64, from the same.
    """

    rest: Tensor
    here: Tensor
    top: Tensor
    total: Tensor | None
    lift: Tensor | None
    token: Tensor | None
    share: Tensor | None
    served: Tensor
    log_intensity: Tensor | None = None
    tilted: Tensor | None = None
    log_z: Tensor | None = None

    def floor(self, by: Floor) -> Tensor:
        """G, [P, N]."""
        own = self.here.exp() * (by.damping * by.evidence)
        return (self.rest + own) * by.share

    def scaled(self, by: Floor) -> tuple[Tensor, Tensor, Tensor]:
        """s and s G, [P, N] float64, and which rows have a floor that is served, [N] bool."""
        floor = self.floor(by)
        scale = (1 / floor).clamp_max(1)
        return scale, floor * scale, ((floor >= LOWEST_FLOOR) & floor.isfinite()).all(0)


@dataclass(frozen=True, eq=False)
class FlooredSums:
    """What follows from the sums of N rows of P predictions. Each is worked out when it is first looked at.

    Attributes:
        asked: what was asked.
        sums: what was found.
    """

    asked: FlooredRequest
    sums: Sums

    @cached_property
    def here(self) -> Tensor:
        """$p_x$, [P, N] float64."""
        return self._own / (self.sums.rest + self._own)

    @cached_property
    def rest(self) -> Tensor:
        r"""$\sum_{z \ne x} p_z$, [P, N] float64."""
        return self.sums.rest / (self.sums.rest + self._own)

    @cached_property
    def _own(self) -> Tensor:
        """b e_x, [P, N]."""
        return self.sums.here.exp() * self.asked.floor.evidence

    @cached_property
    def served(self) -> Tensor:
        """[N] bool, for which rows all this may be used."""
        if self.asked.exits is None or self.sums.log_intensity is not None:
            return self.sums.served
        return self.sums.served & (self.log_intensity > math.log(LEAST_RATE)).all(0)

    @cached_property
    def known(self) -> Tensor:
        """As `FlooredRequest` has it, for a draw later."""
        return torch.stack((self.sums.rest, self.sums.here, self.sums.top))

    @cached_property
    def log_intensity(self) -> Tensor:
        """Log of the exit rates, [P, N] float64, if they were asked for."""
        if self.sums.log_intensity is not None:
            return self.sums.log_intensity
        assert self.asked.exits is not None
        return self.asked.exits.rate(self.here, self.rest).log()

    @cached_property
    def tilted(self) -> Tensor:
        r"""$(1 + w) \log \lambda_c - w \log \lambda_u$ of the exit rates, [N] float64, if they were asked for."""
        if self.sums.tilted is not None:
            return self.sums.tilted
        each = self.log_intensity
        return each[0] if self.asked.ref is None else tilt(each[0], each[1], self.asked.weight)

    @cached_property
    def log_z(self) -> Tensor:
        r"""$\log Z_w$ of the laws of the landing, [N] float64, if it was asked for."""
        if self.sums.log_z is not None:
            return self.sums.log_z
        assert self.sums.total is not None
        assert self.sums.lift is not None
        jumps = self.asked.cond.values.shape[-1] - 1
        each = torch.log(self.sums.rest + jumps * self.sums.floor(self.asked.floor))
        return self.sums.lift + self.sums.total.log() - self.asked.tilt(each)

    @property
    def token(self) -> Tensor | None:
        """What was drawn, [N] int64; None unless it was asked for."""
        return self.sums.token

    @cached_property
    def log_prob(self) -> Tensor:
        """log-probability with which `token` was drawn, [N] float64."""
        assert self.sums.share is not None
        assert self.sums.total is not None
        return (self.sums.share / self.sums.total).log()


def log_laws(asked: FlooredRequest, known: Tensor, token: Tensor) -> Tensor:
    """log-probability of `token` [N], which is not x, in each prediction, [P, N] float64; `known` as in the request."""
    at = torch.stack([rows.values[rows.index, token].double() for rows in asked.predictions])
    rest, here, top = known.unbind(0)
    log_law = at - top - torch.log(rest + here.exp() * asked.floor.evidence)
    return log_law.masked_fill(torch.isin(token, asked.forbidden), -math.inf)
