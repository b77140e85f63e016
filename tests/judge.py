"""Small problems with known answers, and the test that judges samples by them."""

from __future__ import annotations

import torch
from scipy.stats import chi2
from torch import Tensor

import dguide
from dguide import exact

SAMPLES = 50_000
"""A test takes a quarter or more of them; `test_mistakes.py` finds each mistake in 20,000."""


def law(counts: list) -> Tensor:
    """Counts as a joint law."""
    table = torch.tensor(counts, dtype=torch.float64)
    return table / table.sum()


# Two positions, three tokens. Under guidance the first position is far surer of itself than the second, so mechanisms
# that let certainty set the pace decide it first: at w = 3 the laws of Normalized and Unlocking are 0.39 apart.
COND = law([[1, 1, 63], [84, 1, 1], [1, 33, 19]])
UNCOND = 0.2 * COND + 0.8 * law([[140, 5, 14], [1, 2, 1], [2, 10, 26]])

# Three positions of two tokens, milder.
COND3 = law([[[20, 1], [2, 9]], [[3, 1], [1, 30]]])
UNCOND3 = 0.3 * COND3 + 0.7 * law([[[2, 9], [8, 3]], [[5, 9], [12, 4]]])


def distance(p: Tensor, q: Tensor) -> float:
    """Total variation."""
    return 0.5 * float((p - q).abs().sum())


def counts_of(tokens: Tensor, vocab: int) -> Tensor:
    """How often each of the vocab^d states stands in `tokens` [B, d]."""
    d = tokens.shape[1]
    code = (tokens * vocab ** torch.arange(d - 1, -1, -1)).sum(-1)
    return torch.bincount(code, minlength=vocab**d).view([vocab] * d)


def g_test(tokens: Tensor, expected: Tensor) -> float:
    """P-value of the likelihood-ratio test of `tokens` [B, d] against the joint law `expected`.

    States with fewer than 10 expected samples are pooled; a sample in a state of probability zero gives 0.
    """
    if int(tokens.max()) >= expected.shape[0]:
        return 0.0
    seen = counts_of(tokens, expected.shape[0]).double().flatten()
    hoped = expected.flatten().clamp_min(0) * len(tokens)
    if bool((seen[hoped < 1e-6] > 0).any()):
        return 0.0
    rare = hoped < 10
    seen = torch.cat((seen[~rare], seen[rare].sum().view(1)))
    hoped = torch.cat((hoped[~rare], hoped[rare].sum().view(1)))
    seen, hoped = seen[hoped > 0], hoped[hoped > 0]
    statistic = 2 * torch.xlogy(seen, seen / hoped).sum()
    return float(chi2.sf(float(statistic), len(seen) - 1))


def draw(process, guidance, sampler, cond=COND, uncond=UNCOND, count: int = SAMPLES, seed: int = 1) -> Tensor:
    """Samples of a small problem with its exact denoiser."""
    oracle = exact.Oracle(process, [cond], uncond)
    return dguide.sample(
        oracle,
        process=process,
        length=cond.ndim,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=guidance,
        sampler=sampler,
        seed=seed,
    ).tokens
