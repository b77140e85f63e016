r"""Published sampling algorithms, written plainly: what a researcher's code does in each step, tensor by tensor.

All take logits of condition and reference for every position and every token, [B, L, V], and tilt them as
$u + (1 + w)(c - u)$ over the whole tensor. They are faithful to what they are named after, draw the right law (the
tests hold them to the exact one) and are no slower than they need be in that form; where public code patches what is
left at the end by the most probable token, these draw it, which costs nothing and is right. They use the global
generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from studies.common import about

__all__ = ["BASELINES", "SOURCES", "Stage", "run", "stages"]


@dataclass(frozen=True)
class Stage:
    """Step number `index` of `steps`, from `time` down to `earlier`, with alpha = 1 - t."""

    index: int
    steps: int

    @property
    def time(self) -> float:
        return 1 - self.index / self.steps

    @property
    def earlier(self) -> float:
        return 1 - (self.index + 1) / self.steps


Step = Callable[[Tensor, Stage, Tensor, Tensor, float, int], Tensor]


def guided(cond: Tensor, ref: Tensor, weight: float, mask: int) -> Tensor:
    """Tilted logits [B, L, V]; the mask is never data."""
    logits = ref + (1 + weight) * (cond - ref)
    logits[..., mask] = -math.inf
    return logits


def poisson(tokens: Tensor, stage: Stage, cond: Tensor, ref: Tensor, weight: float, mask: int) -> Tensor:
    """Tau-leaping: a Poisson number of jumps for every position and token; positions with exactly one accept it.

    The exit rate is 1/t, the landing the normalised tilted law. Source: Rojas et al., arXiv 2507.08965, after Campbell
    et al., arXiv 2205.14987, with the rejection of several jumps of one position.
    """
    masked = tokens == mask
    law = torch.softmax(guided(cond, ref, weight, mask), -1)
    rates = law / stage.time
    rates[~masked] = 0
    jumps = torch.poisson(rates * (stage.time - stage.earlier))
    accepted = jumps.sum(-1) == 1
    tokens = torch.where(accepted, jumps.argmax(-1), tokens)
    left = tokens == mask
    if stage.index == stage.steps - 1 and bool(left.any()):
        tokens[left] = torch.multinomial(law[left], 1).squeeze(-1)
    return tokens


def llada(tokens: Tensor, stage: Stage, cond: Tensor, ref: Tensor, weight: float, mask: int, order: str) -> Tensor:
    """A token for every position by Gumbel noise in float64; the best `L / T` masked ones of a sample stay.

    Best is what has the largest probability under the tilted law ("low-confidence": the others are masked again), or
    a random number ("random"). Source: Nie et al. (LLaDA), arXiv 2502.09992; float64 as in arXiv 2409.02908.
    """
    logits = guided(cond, ref, weight, mask)
    wide = logits.to(torch.float64)
    noise = -torch.log(torch.rand_like(wide))
    drawn = (wide.exp() / noise).argmax(-1)
    if order == "low-confidence":
        law = torch.softmax(logits.to(torch.float64), -1)
        confidence = law.gather(-1, drawn.unsqueeze(-1)).squeeze(-1)
    else:
        confidence = torch.rand(tokens.shape, dtype=torch.float64, device=tokens.device)
    confidence = confidence.masked_fill(tokens != mask, -math.inf)
    length = tokens.shape[1]
    count = length // stage.steps + (stage.index < length % stage.steps)
    keep = torch.zeros_like(tokens, dtype=torch.bool)
    for sample in range(len(tokens)):
        keep[sample, torch.topk(confidence[sample], count).indices] = True
    return torch.where(keep & (tokens == mask), drawn, tokens)


def gumbel(tokens: Tensor, stage: Stage, cond: Tensor, ref: Tensor, weight: float, mask: int) -> Tensor:
    """One draw over all tokens and the mask by Gumbel noise in float32, at all positions; decided ones are kept.

    The mask has probability s/t, the tilted law the rest. Source: Sahoo et al. (MDLM), arXiv 2406.07524; guided as in
    the masked code of Schiff et al., arXiv 2412.10193.
    """
    joint = torch.softmax(guided(cond, ref, weight, mask), -1) * (stage.time - stage.earlier)
    joint[..., mask] = stage.earlier
    return torch.where(tokens == mask, gumbel_draw(joint), tokens)


def gumbel_draw(weights: Tensor) -> Tensor:
    """The argmax of weights over Exp(1) variables, which is that of log-weights plus Gumbel noise."""
    noise = 1e-10 - (torch.rand_like(weights) + 1e-10).log()
    return (weights / noise).argmax(-1)


def multinomial(tokens: Tensor, stage: Stage, cond: Tensor, ref: Tensor, weight: float, mask: int) -> Tensor:
    """A token for every position by `torch.multinomial`; masked positions take it with probability 1 - s/t.

    The ancestral step of Austin et al. (D3PM), arXiv 2107.03006, and MDLM for the masked process.
    """
    law = torch.softmax(guided(cond, ref, weight, mask), -1)
    drawn = torch.multinomial(law.flatten(0, 1), 1).view(tokens.shape)
    leave = torch.rand(tokens.shape, device=tokens.device) < 1 - stage.earlier / stage.time
    return torch.where((tokens == mask) & leave, drawn, tokens)


def leaving(tokens: Tensor, stage: Stage, cond: Tensor, ref: Tensor, weight: float, mask: int) -> Tensor:
    """Who leaves the mask is drawn first, with probability 1 - s/t; the logits of those positions alone are read.

    No published code known to us does it; it is what a careful reader would write in ten lines, and thus the baseline
    that a fair comparison wants first. The law is that of `multinomial`.
    """
    leave = (tokens == mask) & (torch.rand(tokens.shape, device=tokens.device) < 1 - stage.earlier / stage.time)
    if not bool(leave.any()):
        return tokens
    law = torch.softmax(guided(cond[leave], ref[leave], weight, mask), -1)
    return tokens.masked_scatter(leave, torch.multinomial(law, 1))


BASELINES: dict[str, Step] = {
    "leaving": leaving,
    "poisson": poisson,
    "llada": partial(llada, order="random"),
    "llada-low-confidence": partial(llada, order="low-confidence"),
    "gumbel32": gumbel,
    "multinomial": multinomial,
}
SOURCES = {
    "leaving": "softmax and torch.multinomial, only the positions that leave (a loop of ten lines)",
    "poisson": "Poisson tau-leaping over all (position, token), rejection (2507.08965)",
    "llada": "float64 Gumbel over all logits, random order (LLaDA, 2502.09992)",
    "llada-low-confidence": "float64 Gumbel and confidence, low-confidence order (LLaDA, 2502.09992)",
    "gumbel32": "float32 Gumbel over tokens and mask, all positions (MDLM, 2406.07524)",
    "multinomial": "softmax and torch.multinomial, all positions (D3PM, 2107.03006)",
}


def stages(steps: int) -> Iterator[Stage]:
    """Every step of a run."""
    return (Stage(index, steps) for index in range(steps))


@torch.no_grad()
def run(step: Step, network: Any, condition: Tensor, length: int, steps: int, weight: float, mask: int) -> Tensor:
    """A whole run of a baseline, [B, L] from noise to data; the network is called with both conditions stacked."""
    tokens = torch.full((len(condition), length), mask, device=condition.device)
    both = torch.cat((condition, network.null(condition)))
    for stage in stages(steps):
        times = torch.full((2 * len(tokens),), stage.time, device=condition.device)
        cond, ref = network(torch.cat((tokens, tokens)), times, both).chunk(2)
        tokens = step(tokens, stage, cond, ref, weight, mask)
    return tokens


if __name__ == "__main__":
    about(__doc__, "all benchmarks")
