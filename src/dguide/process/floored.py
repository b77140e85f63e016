r"""Jumps whose rates are a prediction on a floor: two numbers of a prediction say how strongly a token leaves.

Let p be the prediction at a position with the token x. The rates of the uniform process, and the probabilities of a
step of its posterior, have one form,

$$r(y) = A\, (p_y + F), \quad y \ne x, \qquad F = f \Big(\sum_{z \ne x} p_z + d\, p_x\Big),$$

with A, f and d the same for all predictions. So the exit rate is $A\, (\rho + (V - 1) F)$ with
$\rho = \sum_{z \ne x} p_z$: it depends on the prediction through $p_x$ ("here") and $\rho$ ("rest") alone. These are
kept apart, although $\rho = 1 - p_x$, because either can be too small to be found from the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

__all__ = ["Floored", "Jump", "excluded_logsumexp"]


@dataclass(frozen=True)
class Jump:
    r"""How strongly a token leaves, and where it lands.

    Attributes:
        log_intensity: [...], log of an exit rate, or of the integrated rate $\Lambda = -\log P(\text{stay})$ of a step.
        log_landing: [..., V], log of the jump probabilities q(y), normalised; -inf where the jump is forbidden.
    """

    log_intensity: Tensor
    log_landing: Tensor


def excluded_logsumexp(log_p: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    r"""Law without one column: ($\log \sum_{z \ne x} p_z$ [...], `log_p` [..., V] with column x set to -inf)."""
    rest = log_p.scatter(-1, index.unsqueeze(-1), -math.inf)
    return torch.logsumexp(rest, -1), rest


@dataclass(frozen=True, eq=False)
class Floored:
    r"""Rates $A\, (p_y + F)$ of the jumps to $y \ne x$; the module has the symbols.

    Attributes:
        vocab_size: V.
        log_scale: log A, broadcast against the tokens [...], as all that follow.
        log_share: log f; -inf where there is no floor.
        log_damping: log d.
        log_evidence: log of the factor by which the present token's share of what the network predicts grows before it
            is the posterior p; 0 where the network predicts p itself.
        log_stay: (log a, log b) where the rates are those of a whole step, $P(\text{stay}) = a\, p_x + b\, \rho$: as a
            sum of positive terms it is precise where it is small. None where they are rates in continuous time.
    """

    vocab_size: int
    log_scale: Tensor
    log_share: Tensor
    log_damping: Tensor
    log_evidence: Tensor
    log_stay: tuple[Tensor, Tensor] | None = None

    def lasting(self, log_width: Tensor) -> Floored:
        """The rates integrated over a width."""
        return replace(self, log_scale=self.log_scale + log_width)

    def log_floor(self, here: Tensor, rest: Tensor) -> Tensor:
        r"""log F from $\log p_x$ and $\log \rho$, [...] each."""
        return self.log_share + torch.logaddexp(rest, self.log_damping + here)

    def log_intensity(self, here: Tensor, rest: Tensor) -> Tensor:
        r"""Log of the exit rate, or of $-\log P(\text{stay})$, from $\log p_x$ and $\log \rho$, [...] each."""
        by_here, by_rest = self._log_leave
        log_total = torch.logaddexp(by_here + here, by_rest + rest)
        if self.log_stay is None:
            return log_total
        leave = torch.exp(log_total)
        log_stay = torch.logaddexp(self.log_stay[0] + here, self.log_stay[1] + rest)
        return torch.where(leave < 0.5, -torch.log1p(-leave.clamp_max(0.5)), -log_stay).log()

    def exit_factors(self) -> tuple[Tensor, ...]:
        r"""Factors of $p_x$ and $\rho$ in the exit rate or, with `log_stay`, in P(leave) and then in P(stay)."""
        return tuple(x.exp() for x in (*self._log_leave, *(self.log_stay or ())))

    @property
    def _log_leave(self) -> tuple[Tensor, Tensor]:
        r"""Logs of the factors of $p_x$ and $\rho$ in $A\, (\rho + (V - 1) F)$."""
        others = math.log(self.vocab_size - 1) if self.vocab_size > 1 else -math.inf
        floors = self.log_scale + others + self.log_share
        return floors + self.log_damping, torch.logaddexp(self.log_scale, floors)

    def log_rates(self, tokens: Tensor, log_p: Tensor) -> Tensor:
        """log r(y) for every y, [..., V]; the column of the present token means nothing."""
        here = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        floor = self.log_floor(here, excluded_logsumexp(log_p, tokens)[0])
        return torch.logaddexp(log_p, floor.unsqueeze(-1)) + self.log_scale.unsqueeze(-1)

    def jump(self, tokens: Tensor, log_p: Tensor) -> Jump:
        """The jump of tokens [...] with the posterior `log_p` [..., V]."""
        rest, law = excluded_logsumexp(log_p, tokens)
        here = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        log_total, law = excluded_logsumexp(torch.logaddexp(law, self.log_floor(here, rest).unsqueeze(-1)), tokens)
        stuck = torch.isneginf(log_total).unsqueeze(-1)  # nothing to leave for: any law will do, it is never drawn
        return Jump(self.log_intensity(here, rest), law - torch.where(stuck, 0.0, log_total.unsqueeze(-1)))
