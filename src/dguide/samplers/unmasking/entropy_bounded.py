"""Unmask as many positions a step as are sure to know little of each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ...errors import bad, number
from ..run import Run
from ..state import State
from .base import Candidates, Unmasking, ranked, top_k

__all__ = ["EntropyBounded"]


@dataclass(frozen=True)
class EntropyBounded(Unmasking):
    r"""Unmask the largest set of lowest entropies with $\sum_{i \in S} H_i - \max_{i \in S} H_i \le \gamma$.

    $H_i$ is the entropy of the guided law of position i in nats; one position is always unmasked. Tokens of one step
    are drawn independently, and if the laws are right, their joint law is no further from that in Kullback-Leibler
    divergence than $\sum H_i - H(S) \le \sum H_i - \max H_i \le \gamma$. How many calls it takes depends on what the
    networks say: at most one a mask. Source: Ben-Hamu et al., "Accelerated sampling from masked diffusion models via
    entropy bounded unmasking", arXiv 2505.24857, with the entropy as the proxy of the error.

    How much the noise level falls in a step is not known before the networks are asked, so w is its mean over the
    level of the first position to leave.

    Args:
        bound: gamma in nats, at least 0; 0 unmasks one position a step, and all those that are certain.

    Raises:
        ValueError: for a negative bound.

    >>> import dguide
    >>> dguide.EntropyBounded(bound=0.5).aim(torch.tensor([8]), torch.tensor([8])).tolist()
    [7]
    """

    bound: float = 0.1

    guarantee = "heuristic: tokens of one step share at most `bound` nats; exact for independent positions"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bound", number("EntropyBounded bound", self.bound))
        if not (math.isfinite(self.bound) and self.bound >= 0):
            raise bad("EntropyBounded bound", self.bound, "a finite number of at least 0, in nats")

    def aim(self, left: Tensor, total: Tensor) -> Tensor:
        return (left - 1).clamp_min(0)

    def candidates(self, active: Tensor, leaving: Tensor) -> Tensor:
        return active

    def choose(self, candidates: Candidates) -> Tensor:
        assert candidates.draws.entropy is not None
        falling, order = ranked(candidates, -candidates.draws.entropy)
        # In rising order the largest entropy of a set is its last one: those before it must keep to the bound.
        before = (-falling).cumsum(-1)[:, :-1]
        return top_k(candidates, order, 1 + (before <= self.bound).sum(-1))

    def length(self, run: Run, state: State) -> int:
        return int(run.movable(state.tokens).sum(-1).max())
