"""Small problems and small statistics that many tests share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from scipy import stats
from torch import Tensor

from dguide import Masked, Uniform
from dguide.exact import Oracle
from dguide.process import Process


def f64(*values: float) -> Tensor:
    """A float64 tensor of the values."""
    return torch.tensor(values, dtype=torch.float64)


def table(vocab: int, d: int, seed: int = 0, sharpness: float = 1.5) -> Tensor:
    """A random joint law [V] * d; the larger `sharpness`, the more concentrated."""
    noise = torch.randn([vocab] * d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.softmax(sharpness * noise.flatten(), 0).view([vocab] * d)


def law_on_data(process: Process, d: int, seed: int = 0, sharpness: float = 1.5) -> Tensor:
    """A random joint law [V] * d that gives no mass to the mask."""
    law = table(process.vocab_size, d, seed, sharpness)
    mask = getattr(process, "mask_id", process.vocab_size)
    if mask < process.vocab_size:
        for axis in range(d):
            law.select(axis, mask).zero_()
    return law / law.sum()


def oracle(process: Process, d: int = 2, classes: int = 2, seed: int = 0) -> Oracle:
    """An exact denoiser of random tables, one a class and one for "no condition"."""
    laws = [law_on_data(process, d, seed + k) for k in range(classes + 1)]
    return Oracle(process, laws[:-1], laws[-1])


def log_law(*p: float) -> Tensor:
    """Log-probabilities, float64, of a law given up to its total."""
    law = f64(*p)
    return (law / law.sum()).log()


def chi_square(counts: Tensor, law: Tensor) -> float:
    """p-value of Pearson's test that `counts` come from `law`; cells of no probability must be empty."""
    counts, law = counts.double().flatten(), law.double().flatten()
    assert float(counts[law == 0].sum()) == 0, "drawn from a cell of probability zero"
    keep = law > 0
    if int(keep.sum()) == 1:
        return 1.0
    expected = law[keep] / law[keep].sum() * counts.sum()
    assert float(expected.min()) >= 4, "too few draws for a chi-square test"
    return float(stats.chisquare(counts[keep].numpy(), expected.numpy()).pvalue)


def identities(cases: list[Any]) -> list[str]:
    """Readable test ids."""
    return [str(case).replace("dguide.", "") for case in cases]


PROCESSES = [Masked(4), Masked(4, mask_id=1), Uniform(4)]
"""One process of each kind, all with four logit columns."""


@dataclass
class Network:
    """A denoiser that looks at the label, the token and its left neighbour, and keeps a record of its calls.

    It only gathers and adds, so its logits do not depend on the batch. The null label is `classes`.
    """

    vocab: int
    classes: int = 3
    seed: int = 0
    scale: float = 1.5
    forbid: Tensor | None = None
    edit: Callable[[Tensor], Any] = lambda logits: logits
    calls: list[tuple[Tensor, Tensor, Any]] = field(default_factory=list)
    time_dependent = False

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        shape = (self.classes + self.vocab + 2, self.vocab)
        self.here, self.left, self.label = (self.scale * torch.randn(3, *shape, generator=generator)).unbind(0)

    def null(self, condition: Tensor) -> Tensor:
        return torch.full_like(condition, self.classes)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor | None) -> Any:
        self.calls.append((tokens.clone(), time.clone(), condition))
        logits = self.here[tokens] + self.left[tokens.roll(1, -1)]
        if condition is not None:
            logits = logits + self.label[condition].unsqueeze(1)
        if self.forbid is not None:
            logits = logits.masked_fill(self.forbid, -math.inf)
        return self.edit(logits)
