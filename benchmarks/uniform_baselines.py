r"""Published steps of the uniform process, written plainly: what a researcher's code does, tensor by tensor.

Both work on all positions and all tokens of logits of condition and reference, [B, L, V], draw the right law (the tests
hold them to the exact one) and are no slower than they need be in that form. They use the global generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from studies.common import about

from .baselines import Stage, stages

__all__ = ["BASELINES", "SOURCES", "euler", "plug_in", "run"]

LATEST = 1 - 1e-3
"""The time at which steps along rates begin: at t = 1 they are infinite."""

Step = Callable[[Tensor, Stage, Tensor, Tensor, float], Tensor]


def plug_in(tokens: Tensor, stage: Stage, cond: Tensor, ref: Tensor, weight: float) -> Tensor:
    """The posterior of a step with the prediction put in for x_0, of both predictions, tilted and drawn.

    The predictions are the leave-one-out law. Source: UDLM with D-CFG, Schiff et al., arXiv 2412.10193.
    """
    vocab, alpha_t, alpha_s = cond.shape[-1], 1 - stage.time, 1 - stage.earlier
    alpha_ts = alpha_t / alpha_s
    here = tokens.unsqueeze(-1)

    def log_posterior(logits: Tensor) -> Tensor:
        clean = torch.softmax(logits, -1)
        own = clean.gather(-1, here)
        law = (alpha_s - alpha_t) * clean + (1 - alpha_ts) * (1 - alpha_s) / vocab
        law = law.scatter_add(-1, here, alpha_t * vocab * own + alpha_ts - alpha_t)
        return torch.log(law / (alpha_t * vocab * own + 1 - alpha_t))

    logits = (1 + weight) * log_posterior(cond) - weight * log_posterior(ref)
    law = torch.softmax(logits, -1)
    return torch.multinomial(law.flatten(0, 1), 1).view(tokens.shape)


def euler(tokens: Tensor, stage: Stage, cond: Tensor, ref: Tensor, weight: float) -> Tensor:
    """A step along the guided rates r_c^(1+w) r_u^(-w), of every position to every token.

    The predictions are the posterior. Source: Nisonoff et al., arXiv 2406.01572, for the rates; Lou et al. (SEDD),
    arXiv 2310.16834, for the step.
    """
    time = min(stage.time, LATEST)
    vocab, alpha = cond.shape[-1], 1 - time
    k = alpha * vocab / time
    here = tokens.unsqueeze(-1)

    def rates(logits: Tensor) -> Tensor:
        clean = torch.softmax(logits, -1)
        return (1 + k * clean - k / (1 + k) * clean.gather(-1, here)) / (alpha * vocab)

    jumps = (time - stage.earlier) * rates(cond) ** (1 + weight) * rates(ref) ** -weight
    jumps.scatter_(-1, here, 0.0)
    jumps.scatter_(-1, here, (1 - jumps.sum(-1, keepdim=True)).clamp_min(0))
    return torch.multinomial(jumps.flatten(0, 1), 1).view(tokens.shape)


BASELINES: dict[str, Step] = {"plug-in": plug_in, "euler": euler}
SOURCES = {
    "plug-in": "plug-in posterior, tilt and torch.multinomial (UDLM, 2412.10193)",
    "euler": "Euler step on guided rates and torch.multinomial (2406.01572)",
}


@torch.no_grad()
def run(step: Step, network: Any, condition: Tensor, length: int, vocab: int, steps: int, weight: float) -> Tensor:
    """A whole run of a baseline, [B, L] from noise to data; the network is called with both conditions stacked."""
    tokens = torch.randint(vocab, (len(condition), length), device=condition.device)
    both = torch.cat((condition, network.null(condition)))
    for stage in stages(steps):
        times = torch.full((2 * len(tokens),), stage.time, device=condition.device)
        cond, ref = network(torch.cat((tokens, tokens)), times, both).chunk(2)
        tokens = step(tokens, stage, cond, ref, weight)
    return tokens


if __name__ == "__main__":
    about(__doc__, "all benchmarks")
