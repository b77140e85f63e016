"""The true errors of predictions whose exact counterpart is known, in the contexts that `outlook` looks at."""

from __future__ import annotations

import torch
from torch import Tensor

from dguide.process import Process
from dguide.samplers import Denoiser
from dguide.theory.outlook.noising import noising_of
from dguide.theory.outlook.pair import Pair
from dguide.theory.outlook.signals import Singles

__all__ = ["true_errors"]


@torch.no_grad()
def true_errors(
    denoiser: Denoiser, exact: Denoiser, process: Process, tokens: Tensor, labels: Tensor, weight: float, seed: int = 0
) -> dict[str, float]:
    """Error of the log-ratio of masks in nats (root mean square under the tilted prediction), and what errors share.

    "shared" is the correlation of the errors of the two log-probabilities, if both are as large.
    """
    generator = torch.Generator().manual_seed(seed)
    pair, oracle = (Pair(each, process, 512, torch.device("cpu")) for each in (denoiser, exact))
    squares, noising = torch.zeros(3, dtype=torch.float64), noising_of(process)
    for level in noising.levels:
        contexts = noising.contexts(tokens, level, generator)
        rates = Singles.of(pair, contexts, labels, weight).rates
        first = noising.first(rates, 4, generator)
        found, right = rates.at(first), oracle(contexts.at(first), labels)
        cond, ref = (told - true for told, true in zip(found.log_p, right, strict=True))
        law = found.guided.log_landing.exp()
        squares += torch.stack([(law * each.square()).sum(-1).mean() for each in (cond, ref, cond - ref)])
    mean = squares / len(noising.levels)
    both = float(mean[0] + mean[1])
    return {"ratio": float(mean[2].sqrt()), "shared": 1 - float(mean[2]) / both if both > 1e-20 else float("nan")}
