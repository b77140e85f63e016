"""What the questions share: sequences, their noisy versions, and calls of the model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ...denoiser import Condition, Denoiser
from ...devices import users_default
from ...process import Process
from ...samplers.first_call import check_answer, out_of_range

__all__ = ["Gain", "Probe", "apart", "gain", "surprise"]

_CERTAIN = 5.0
"""How many standard errors a difference needs to count."""
_MATTERS = 0.05
"""How many bits a token."""
_LEAST_ROWS = 8
"""Rows from which on differences are averaged within rows first, whose positions are not independent."""
_MOST_BITS = 40.0
"""The surprise of a token that is impossible for the model, so that means stay finite."""


@dataclass(eq=False)
class Counter:
    """A number of calls."""

    calls: int = 0


@dataclass(frozen=True, eq=False)
class Probe:
    """A model, and what it is asked.

    Attributes:
        denoiser: The model.
        process: The process that it belongs to.
        clean: [n, L] int64, sequences.
        data: Whether they are real; if not, they are random tokens.
        condition: Their conditions.
        noisy: [n, L], the sequences at `time`.
        time: [n] float64, spread from little to much noise.
        logits: [n, L, V], the answer for them; of no elements before the first call.
        uniforms: [n, L, 2] in (0, 1), with which they were made noisy.
        dtype: That of the first answer.
        counter: Counts the calls.
    """

    denoiser: Denoiser
    process: Process
    clean: Tensor
    data: bool
    condition: Condition
    noisy: Tensor
    time: Tensor
    uniforms: Tensor
    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    dtype: torch.dtype = torch.float32
    counter: Counter = field(default_factory=Counter)

    @property
    def where(self) -> Tensor:
        """[n, L] bool, the positions that the model is asked about."""
        return self.process.movable(self.noisy)

    def raw(self, tokens: Tensor, time: Tensor, condition: Condition) -> Any:
        """Whatever the model returns. Raises `ValueError` for tokens or labels out of its range."""
        self.counter.calls += 1
        with torch.no_grad(), users_default(), out_of_range("answer", tokens, condition):
            return self.denoiser(tokens.clone(), time.to(torch.get_default_dtype()), condition)

    def ask(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Logits [n, L, V]; half precision is raised to float32. Raises `ValueError` for another answer."""
        logits = check_answer("answer", self.raw(tokens, time, condition), tokens, self.process.vocab_size)
        return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

    def law(self, logits: Tensor | None = None) -> Tensor:
        r"""$\log p(x_0 \mid x_t)$ [n, L, V] from logits for the noisy sequences; by default from the first answer."""
        return self._law if logits is None else self.process.log_posterior(logits, self.noisy, self.time)

    @cached_property
    def _law(self) -> Tensor:
        return self.process.log_posterior(self.logits, self.noisy, self.time)

    @cached_property
    def frequencies(self) -> Tensor:
        """Bits [n, L] of each token of the data from how often it occurs elsewhere in them."""
        size = self.process.vocab_size
        counts = torch.bincount(self.clean.flatten(), minlength=size)[self.clean].double()
        return -((counts - 0.5) / (self.clean.numel() - 1 + size / 2)).log2()


def apart(first: Tensor, second: Tensor) -> float:
    """The largest difference of two tensors, in which equal infinities are equal; 0 without elements."""
    gaps = (first - second).nan_to_num(0.0, math.inf, math.inf).abs()
    return float(gaps.max()) if gaps.numel() else 0.0


def surprise(log_p: Tensor, tokens: Tensor) -> Tensor:
    """Bits [n, L] of the tokens [n, L] under log-probabilities [n, L, V]."""
    nats = -log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return (nats.double() / math.log(2)).clamp_max(_MOST_BITS)


@dataclass(frozen=True)
class Gain:
    """By how much one reading predicts the data better than another: bits a token, and standard errors of that."""

    bits: float
    errors: float

    @property
    def sure(self) -> bool:
        """Whether it is better beyond chance, and by so much that it matters."""
        return self.bits > _MATTERS and self.errors > _CERTAIN


def gain(first: Tensor, second: Tensor, where: Tensor) -> Gain:
    """How many bits fewer the `second` reading needs than the `first`, each [n, L], at the positions `where` [n, L]."""
    saved = (first - second).where(where, 0.0)
    counts = where.sum(1)
    rows = (saved.sum(1) / counts.clamp_min(1))[counts > 0]
    units = rows if len(rows) >= _LEAST_ROWS else saved[where]
    if len(units) < 2:
        return Gain(0.0, 0.0)
    mean, error = float(units.mean()), float(units.std()) / math.sqrt(len(units))
    if error == 0:
        return Gain(mean, math.copysign(math.inf, mean) if mean else 0.0)
    errors = mean / error
    return Gain(mean, errors if len(rows) >= _LEAST_ROWS else _normal(errors, len(units) - 1))


def _normal(errors: float, freedom: int) -> float:
    """Standard errors that are as rare for a normal law as `errors` are for Student's (approximation of Wallace).

    A few positions of a few rows are soon five standard errors apart by chance.
    """
    z = math.sqrt(freedom * math.log1p(errors**2 / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return math.copysign(z, errors)
