"""The true errors of predictions whose exact counterpart is known, in the contexts that `outlook` looks at."""

from __future__ import annotations

import torch
from torch import Tensor

from dguide.process import Process
from dguide.samplers import Denoiser
from dguide.theory.outlook.contexts import Contexts
from dguide.theory.outlook.measure import LEVELS
from dguide.theory.outlook.pair import Pair
from dguide.theory.outlook.signals import Singles

__all__ = ["true_errors"]


@torch.no_grad()
def true_errors(
    denoiser: Denoiser, exact: Denoiser, process: Process, tokens: Tensor, labels: Tensor, weight: float, seed: int = 0
) -> dict[str, float]:
    """Error of the log-ratio in nats (root mean square under the tilted prediction), and what errors share.

    "shared" is the correlation of the errors of the two log-probabilities, if both are as large.
    """
    generator = torch.Generator().manual_seed(seed)
    pair, oracle = (Pair(each, process, 512, torch.device("cpu")) for each in (denoiser, exact))
    squares = torch.zeros(3, dtype=torch.float64)
    for level in LEVELS:
        contexts = Contexts.of(tokens, process.noise_token, level, generator)
        found = Singles.of(pair, contexts, level, labels, weight, 4)
        right = oracle(contexts.tokens, level, labels, contexts.masked[:, :4])
        cond, ref = (told - true for told, true in zip((found.cond, found.ref), right, strict=True))
        law = found.guided.exp()
        squares += torch.stack([(law * each.square()).sum(-1).mean() for each in (cond, ref, cond - ref)])
    mean = squares / len(LEVELS)
    both = float(mean[0] + mean[1])
    return {"ratio": float(mean[2].sqrt()), "shared": 1 - float(mean[2]) / both if both > 1e-20 else float("nan")}
