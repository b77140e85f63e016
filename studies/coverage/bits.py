"""Bits per token, and the log-odds of a reading, of exact denoisers whose likelihood is known.

Positions are independent given the class. Then the bound is the likelihood itself, in both processes: the expected bits
are the entropy of the classes' laws, and the log-odds of two classes are those of Bayes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dguide.evaluate import likelihood, read
from dguide.process import Masked, Process, Uniform

from .case import Case

__all__ = ["CASES", "Independent", "bits", "odds"]

CLASSES, LENGTH, VOCAB = 10, 16, 4
PASSES_OF_BITS, PASSES_OF_ODDS = (1, 2, 4, 16), (2, 4, 8, 16, 32)
Draw = Callable[[int, np.random.Generator], tuple[float, float]]
Draws = Callable[[int, np.random.Generator], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Independent:
    """The exact denoiser of classes of independent positions: `laws` [C, L, V]."""

    process: Process
    laws: Tensor

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        level, vocab = self.process.noise.level(time.double())[:, None, None], self.laws.shape[-1]
        here = torch.nn.functional.one_hot(tokens, self.process.input_size)[..., :vocab].double()
        told = (1 - level) * here + level / vocab * (not self.process.absorbing)
        told = torch.where(here.sum(-1, keepdim=True) > 0, told, 1.0)
        return (self.laws[condition] * told).clamp_min(1e-300).log()

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sequences [N, L] and their classes [N]."""
        labels = torch.randint(0, len(self.laws), (count,), generator=generator)
        laws = self.laws[labels].flatten(0, 1)
        return torch.multinomial(laws, 1, generator=generator).view(count, -1), labels


def laws() -> Tensor:
    """Ten classes that differ a little, with positions from nearly known to nearly free."""
    source = np.random.default_rng(0)
    sharp = np.linspace(0, 6, LENGTH)[:, None] * source.random((LENGTH, VOCAB))
    scores = sharp + 0.5 * source.standard_normal((CLASSES, LENGTH, VOCAB))
    return torch.softmax(torch.from_numpy(scores), -1)


def bits(denoiser: Independent, passes: int) -> Draw:
    """Draws the interval of the bits per token."""

    def draw(count: int, source: np.random.Generator) -> tuple[float, float]:
        seed = int(source.integers(2**31))
        tokens, labels = denoiser.draw(count, torch.Generator().manual_seed(seed))
        found = likelihood(denoiser, denoiser.process, tokens, labels, passes=passes, seed=seed).estimate()
        return found.low, found.high

    return draw


def odds(denoiser: Independent, passes: int) -> Draws:
    """Draws the intervals of the log-odds of n sequences, less those of Bayes for the same two classes."""

    def draw(count: int, source: np.random.Generator) -> NDArray[np.float64]:
        seed = int(source.integers(2**31))
        tokens, _ = denoiser.draw(count, torch.Generator().manual_seed(seed))
        told = [torch.full((count,), label) for label in range(CLASSES)]
        found = read(denoiser, denoiser.process, tokens, told, passes=passes, seed=seed)
        true = denoiser.laws[:, torch.arange(LENGTH), tokens].log().sum(-1).T
        pair = found.log_probs.topk(2).indices
        middle = ((found.log_probs - true).gather(-1, pair) * torch.tensor([1.0, -1.0])).sum(-1)
        reach = 1.96 * found.error
        return torch.stack([middle - reach, middle + reach], -1).numpy()

    return draw


DENOISERS = [Independent(process, laws()) for process in (Masked(VOCAB), Uniform(VOCAB))]
ENTROPY = float(-torch.special.xlogy(laws(), laws()).sum(-1).mean()) / math.log(2)
CASES = (
    *(
        Case("bits per token", f"{each.process.name}, passes {passes}", ENTROPY, bits(each, passes))
        for each in DENOISERS
        for passes in PASSES_OF_BITS
    ),
    *(
        Case("log-odds of a sequence", f"{each.process.name}, passes {passes}", 0.0, odds(each, passes), (20, 50, 200))
        for each in DENOISERS
        for passes in PASSES_OF_ODDS
    ),
)
