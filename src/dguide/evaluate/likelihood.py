r"""The bits per token of a denoiser: an upper bound on its cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ..denoiser import batch_of, take, to_device
from ..devices import on_cpu, users_default
from ..errors import bad, with_data
from ..process import Process
from ..samplers import Condition, Denoiser
from ..samplers.first_call import check_answer, check_logits, check_parts, check_repeatable, out_of_range
from .levels import noise_levels, passes_for
from .statistics.estimate import Estimate
from .statistics.variance import successive, t_quantile

__all__ = ["Likelihood", "bounds", "likelihood"]

_NAME = "logits of the denoiser"
"""What errors call an answer."""
_LEVELS = 300
"""Smallest number of noise levels of all sequences together for an interval."""


@dataclass(frozen=True)
class Likelihood:
    """Mean negative evidence lower bound of a set of sequences.

    Args:
        bits: Bits per token.
        error: Standard error of `bits`, if the sequences are a sample of a larger population; nan for one sequence.
        sequences: Number of sequences.
        passes: Number of noise levels for each sequence.
        freedom: Degrees of freedom of `error`.
    """

    bits: float
    error: float
    sequences: int
    passes: int
    freedom: float

    def estimate(self) -> Estimate:
        """As an estimate, with the interval of Student's t.

        There is none below 300 noise levels of all sequences together: in the uniform process a few levels may miss the
        rare large terms, and an interval would often lie below the truth. Nor for an infinite bound.

        Raises `dguide.errors.MissingExtra` if SciPy is not installed.
        """
        note = f"held-out data, upper bound, {self.passes} noise levels each"
        low = high = math.nan
        if self.sequences < 2 or self.sequences * self.passes < _LEVELS:
            note = f"{note}; no interval from fewer than two sequences or {_LEVELS} noise levels in all"
        elif not math.isfinite(self.error):
            note = f"{note}; no interval, since a token is impossible for the model"
        else:
            reach = t_quantile(self.freedom) * self.error
            low, high = max(0.0, self.bits - reach), self.bits + reach
        return Estimate("bits per token", self.bits, low, high, self.sequences, better="lower", note=note)


@on_cpu
def likelihood(
    denoiser: Denoiser,
    process: Process,
    tokens: Tensor,
    condition: Condition,
    *,
    passes: int | None = None,
    seed: int = 0,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
) -> Likelihood:
    r"""Bits per token under the continuous-time evidence lower bound,

    $$\frac{1}{L \ln 2}\, E_{m \sim U(0, 1)} \sum_i \mathrm{elbo}_i(x_0, x_t, t), \qquad t = \mathrm{time}(m),\quad
    x_t \sim q(x_t \mid x_0).$$

    The noise levels are those of `levels.noise_levels`: unbiased for each sequence, dense near the data where the
    variance is, and evenly spread over all sequences together. The standard error is that of successive differences
    between sequences in the order of their noise levels (`successive`), because the usual one would take the spread
    of the levels, which cancels in the mean, for chance. It includes the chance of the levels and of the corruption
    within a sequence. It assumes that the sequences are independent draws from one population. The result depends on
    `seed`, not on `batch_size`. For unconditional bits pass `denoiser.null(labels)` as condition.

    Sources: Sahoo et al. (arXiv 2406.07524, equation 11) for the masked process, Schiff et al. (arXiv 2412.10193,
    section 3.2) for the uniform one; Kingma et al. (arXiv 2107.00630, appendix I.1) for evenly spread noise levels.

    Args:
        denoiser: Gives logits [B, L, V] from tokens [B, L], time [B] and condition [B].
        process: The process of the denoiser.
        tokens: Clean sequences, [N, L] int64.
        condition: Condition of each sequence, leading dimension N.
        passes: Number of noise levels for each sequence; None for `levels.passes_for`, the number of all reports.
        seed: Seed of the corruption.
        batch_size: Sequences in one call.
        device: Device of the denoiser.

    Raises:
        ValueError: If there are no sequences, fewer conditions than sequences, or no passes.
    """
    count = len(tokens)
    passes = passes_for(count) if passes is None else passes
    nats, order = torch.zeros(count, dtype=torch.float64), torch.arange(count)
    for index, (level, terms) in enumerate(
        bounds(denoiser, process, tokens, (condition,), passes=passes, seed=seed, batch_size=batch_size, device=device)
    ):
        nats += terms.squeeze(1)
        order = level.argsort() if index == 0 else order
    bits = nats / (passes * tokens.shape[1] * math.log(2))
    variance, freedom = successive(bits[order])
    return Likelihood(float(bits.mean()), math.sqrt(variance), count, passes, freedom)


@torch.no_grad()
def bounds(
    denoiser: Denoiser,
    process: Process,
    tokens: Tensor,
    conditions: Sequence[Condition],
    *,
    passes: int,
    seed: int,
    batch_size: int,
    device: str | torch.device,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields for each pass the noise levels [N] and the terms of the bounds for each of C conditions, [N, C] float64.

    The mean of the terms over the passes is the bound in nats, without bias.

    All conditions use the same noise levels and the same corrupted sequences, so their differences have little
    variance. Arguments and errors are as in `likelihood`; errors are raised at the first pass.
    """
    check_parts(denoiser, process)
    count = len(tokens)
    with_data("tokens", tokens)
    given = {batch_of(condition) for condition in conditions}
    if tokens.dim() != 2 or count == 0 or not given <= {count, None} or not given:
        got = f"tokens {list(tokens.shape)} and {sorted(given, key=str)} conditions"
        raise bad("sequences", got, "tokens [N, L] and N conditions, N > 0")
    if passes < 1 or batch_size < 1:
        raise bad("passes and batch_size", (passes, batch_size), "two positive numbers")
    device = torch.device(device)
    generator = torch.Generator().manual_seed(seed)
    for index, (level, weight) in enumerate(noise_levels(passes, count, generator)):
        uniforms = torch.rand((*tokens.shape, 2), generator=generator, dtype=torch.float64)
        time = process.noise.time(level)
        nats = torch.empty(count, len(conditions), dtype=torch.float64)
        for first in range(0, count, batch_size):
            rows = slice(first, first + batch_size)
            clean, times = tokens[rows].to(device), time[rows].to(device)
            noisy = process.corrupt(clean, times, uniforms[rows].to(device))
            for column, condition in enumerate(conditions):
                values = to_device(take(condition, rows), device)
                ask = partial(denoiser, noisy, times.to(torch.get_default_dtype()), values)
                with out_of_range(_NAME, noisy, values), users_default():
                    logits = check_repeatable(_NAME, denoiser, ask) if index == first == column == 0 else ask()
                check_logits(_NAME, check_answer(_NAME, logits, noisy, process.vocab_size)[0])
                log_p = process.log_posterior(logits, noisy, times)
                nats[rows, column] = process.elbo(log_p, clean, noisy, times).double().sum(-1).cpu()
        yield level, weight.unsqueeze(1) * nats
