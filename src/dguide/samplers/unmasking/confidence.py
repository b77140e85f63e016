"""Unmask first what the model is surest of: heuristics that differ in what they call sure."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor

from ...errors import bad, number
from ...random import Stream
from .base import Candidates, ranked, top_k
from .counts import Counted

__all__ = ["LowConfidence", "LowEntropy", "Scored", "TopMargin"]


@dataclass(frozen=True)
class Scored(Counted):
    """Samplers that look at all masks in each step and unmask those of the highest `score`: a new one says which."""

    @abstractmethod
    def score(self, candidates: Candidates) -> Tensor:
        """How sure the model is of each position that was looked at, [N]; the highest leave, left before right."""

    def candidates(self, active: Tensor, leaving: Tensor) -> Tensor:
        return active

    def choose(self, candidates: Candidates) -> Tensor:
        return top_k(candidates, ranked(candidates, self.score(candidates))[1], candidates.left - candidates.after)


@dataclass(frozen=True)
class LowConfidence(Scored):
    r"""Draw a token at every mask, keep those of the highest probability and mask the others again.

    The confidence in a token y is $\log q_w(y)$, under the guided law before temperature and truncation; with noise

    $$\log q_w(y_i) + \text{noise} \cdot (1 - k/T)\, G_i$$

    in step k = 1, ..., T, $G_i$ standard Gumbel. What was not kept is drawn anew, independently, in the next step. With
    "cosine" and noise (4.5 in the published settings) this is MaskGIT (Chang et al., arXiv 2202.04200); with "uniform"
    and without noise the low-confidence remasking of LLaDA (Nie et al., arXiv 2502.09992), which takes the most
    probable tokens (`Decoding(temperature=0)`).

    Who stays depends on the token that was drawn, so samples are drawn towards the modes: even positions that are
    independent are not drawn from their law, at any number of steps. For the same reason `SMC` cannot weigh it.

    Args:
        steps: number of steps T.
        grid: "uniform", "cosine", "arccos" or shares of masks; see `Counted`.
        noise: at least 0.

    Raises:
        ValueError: as `Counted`, and for negative noise.

    >>> import dguide
    >>> dguide.LowConfidence(steps=4, grid="cosine", noise=4.5).counts(torch.tensor([8])).tolist()
    [[8, 7, 5, 3, 0]]
    """

    noise: float = 0.0

    predictable = False
    guarantee = "heuristic: exact numbers of tokens a step; sharper than the guided law, even of independent positions"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "noise", number("LowConfidence noise", self.noise))
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise bad("LowConfidence noise", self.noise, "a finite number of at least 0")

    def score(self, candidates: Candidates) -> Tensor:
        assert candidates.draws.log_tilted is not None
        if self.noise == 0:
            return candidates.draws.log_tilted
        # The clocks of the start are the first draw of their stream.
        clocks = -candidates.run.uniforms(
            Stream.CLOCK, candidates.index + 1, (candidates.sample, candidates.position)
        ).log()
        done = (self.counts(candidates.total) >= candidates.left.unsqueeze(-1)).sum(-1)
        return (
            candidates.draws.log_tilted
            - self.noise * (1 - done.double() / self.steps)[candidates.sample] * clocks.log()
        )


@dataclass(frozen=True)
class TopMargin(Scored):
    """Unmask where the most probable token is furthest ahead of the second, in probability under the guided law.

    Which positions leave does not depend on the tokens they take. Source: Kim et al., "Train for the worst, plan for
    the best", arXiv 2502.06768 (top probability margin).

    Args:
        steps: number of steps T.
        grid: "uniform", "cosine", "arccos" or shares of masks; see `Counted`.

    >>> import dguide
    >>> dguide.TopMargin(steps=4).counts(torch.tensor([8])).tolist()
    [[8, 6, 4, 2, 0]]
    """

    guarantee = "heuristic: exact for independent positions; tokens of one step are drawn independently"

    def score(self, candidates: Candidates) -> Tensor:
        assert candidates.draws.margin is not None
        return candidates.draws.margin


@dataclass(frozen=True)
class LowEntropy(Scored):
    """Unmask where the entropy of the guided law is lowest.

    Which positions leave does not depend on the tokens they take. Source: the entropy order of Dream (Ye et al., arXiv
    2508.15487), with the numbers of `Counted`.

    Args:
        steps: number of steps T.
        grid: "uniform", "cosine", "arccos" or shares of masks; see `Counted`.

    >>> import dguide
    >>> dguide.LowEntropy(steps=3).counts(torch.tensor([8])).tolist()
    [[8, 5, 2, 0]]
    """

    guarantee = "heuristic: exact for independent positions; tokens of one step are drawn independently"

    def score(self, candidates: Candidates) -> Tensor:
        assert candidates.draws.entropy is not None
        return -candidates.draws.entropy
