"""Classifies sequences with a generative model, by Bayes' rule from the evidence lower bound of each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...data import Attribute, Split
from ...devices import on_cpu
from ...errors import bad, choose, with_data
from ...process import Process
from ...progress import counted
from ...samplers import Condition, Denoiser
from ..likelihood import bounds
from ..statistics.variance import moderated, successive, t_quantile

__all__ = ["Reading", "check_labels", "class_counts", "hypotheses", "read"]

_MANY = 20
"""Number of sequences from which their variances are estimated together."""


@dataclass(frozen=True, eq=False)
class Reading:
    r"""The class probabilities of N sequences, for C classes,

    $$\log p(c \mid x) = \log p(c) - \mathrm{nats}_c / T - \log \sum_k p(k)\, e^{-\mathrm{nats}_k / T}.$$

    Args:
        nats: Upper bounds on $-\log p(x \mid c)$, [N, C] float64.
        log_prior: $\log p(c)$, [C] float64; -inf for classes that do not occur.
        error: What the random draws leave open about the log-odds of the best class against the second best, [N]: 1.96
            errors to either side are a 95 % interval (`_error`); nan for a single pass.
        passes: Number of noise levels for each sequence.
        temperature: T; a value above 1 reduces the confidence (`dguide.evaluate.fit_temperature`).
    """

    nats: Tensor
    log_prior: Tensor
    error: Tensor
    passes: int
    temperature: float = 1.0

    @property
    def log_probs(self) -> Tensor:
        """Log-probability of each class, [N, C] float64."""
        return torch.log_softmax(self.log_prior - self.nats / self.temperature, -1)

    @property
    def predicted(self) -> Tensor:
        """The most probable class, [N] int64; the first one if several are equal."""
        return self.log_probs.argmax(-1)

    def tempered(self, temperature: float) -> Reading:
        """The same reading at another temperature. Raises `ValueError` if it is not positive."""
        if not (math.isfinite(temperature) and temperature > 0):
            raise bad("temperature", temperature, "a positive number")
        return replace(self, temperature=temperature)

    def take(self, rows: Tensor) -> Reading:
        """The reading of some sequences, by number or as [N] bool."""
        return replace(self, nats=self.nats[rows], error=self.error[rows])


@on_cpu
def hypotheses(conditions: Sequence[Attribute], count: int, name: str | None = None) -> list[Condition]:
    """The conditions of `count` sequences for each class of one condition. The other conditions are not given.

    Args:
        conditions: The conditions of the model.
        count: Number of sequences.
        name: Name of the condition to classify; None for the first.

    Raises:
        ValueError: If the condition is unknown, or is a number instead of a class.
    """
    known = {condition.name: condition for condition in conditions}
    chosen = known[choose("condition", next(iter(known)) if name is None else name, known)]
    if not chosen.n_classes:
        raise bad(f"condition {chosen.name}", "a number", "a condition with classes")
    values: list[Condition] = []
    for label in range(chosen.n_classes):
        given = {each.name: each.not_given.expand(count) for each in conditions}
        given[chosen.name] = torch.full((count,), label)
        values.append(given if len(known) > 1 else given[chosen.name])
    return values


@on_cpu
def class_counts(condition: Attribute, split: Split) -> Tensor:
    """The number of sequences of each class, [C] int64, for use as a prior."""
    return torch.bincount(condition.of(split.labels, split.properties), minlength=condition.n_classes)


@on_cpu
def read(
    denoiser: Denoiser,
    process: Process,
    tokens: Tensor,
    conditions: Sequence[Condition],
    *,
    prior: Tensor | None = None,
    passes: int = 32,
    seed: int = 0,
    batch_size: int = 256,
    device: str | torch.device = "cpu",
) -> Reading:
    r"""Computes the class probabilities of each sequence, from the evidence lower bound of every class and the prior.

    All classes use the same noise levels and the same corrupted sequences (common random numbers). So most of the noise
    cancels in the differences of the bounds, and only these matter. Each pass needs C calls of the denoiser per batch.
    The bound is tight only for the exact reverse process. So the probabilities are approximations, and mostly too
    confident: see `dguide.evaluate.fit_temperature`.

    Sources: Li et al. (arXiv 2303.16203, sections 3.2 and 3.3) and Clark and Jaini (arXiv 2303.15233) for diffusion
    models of images as classifiers; Sahoo et al. (arXiv 2406.07524) and Schiff et al. (arXiv 2412.10193) for bounds.

    Args:
        denoiser: Gives logits [B, L, V] from tokens [B, L], time [B] and condition [B].
        process: The process of the denoiser.
        tokens: Clean sequences, [N, L] int64.
        conditions: The condition for each of the C classes (`hypotheses`), leading dimension N.
        prior: Probability of each class up to a factor, [C]; None for equal probabilities.
        passes: Number of noise levels for each sequence.
        seed: Seed of the corruption.
        batch_size: Sequences in one call.
        device: Device of the denoiser.

    Raises:
        ValueError: If there are fewer than two classes, no sequences or no passes, the prior is not valid, or the sizes
            of tokens and conditions do not agree.
    """
    if len(conditions) < 2:
        raise bad("classes", len(conditions), "at least two, to read which it is")
    weights = torch.ones(len(conditions)) if prior is None else prior
    weights = with_data("prior", weights).double()
    valid = weights.shape == (len(conditions),) and bool((weights >= 0).all()) and bool(weights.sum().isfinite())
    if not valid or float(weights.sum()) == 0:
        raise bad("prior", weights.tolist(), f"{len(conditions)} numbers of 0 and more, not all 0")
    per_pass = bounds(
        denoiser, process, tokens, conditions, passes=passes, seed=seed, batch_size=batch_size, device=device
    )
    terms = torch.stack([nats.float() for _, nats in counted(per_pass, passes, "reading")])
    nats, log_prior = terms.double().mean(0), (weights / weights.sum()).log()
    return Reading(nats, log_prior, _error(terms, (log_prior - nats).topk(2).indices), passes)


def _error(terms: Tensor, pair: Tensor) -> Tensor:
    """The error of `Reading` for the difference of two columns [N, 2] of the mean of `terms` [J, N, C] over passes.

    The passes are sorted by noise level, so neighbours differ by chance more than by trend (`successive`). A few levels
    give a poor variance, so Student's t takes the place of the normal law. From 20 sequences on, the mean difference at
    each level is a part of the trend, and the variances share what they know (`moderated`). The error is the half
    interval divided by 1.96; it is nan where a bound is infinite.

    The second class is chosen by the same draws, so it looks better than it is, by about a quarter of an error. With
    this the intervals of the shipped models of digits hold in 0.94 to 0.97, from 2 passes on; for a uniform process
    with 2 passes and fewer than 20 sequences in 0.91.
    """
    best, second = terms.gather(-1, pair.expand(len(terms), -1, -1)).double().unbind(-1)
    values, error = best - second, torch.full(pair.shape[:1], math.nan, dtype=torch.float64)
    finite = values.isfinite().all(0)
    values, count = values[:, finite], int(finite.sum())
    if len(terms) == 1 or count == 0:
        return error
    if count < _MANY:
        variance, freedom = successive(values)
    else:
        centred = values - values.mean(1, keepdim=True)
        variance, freedom = moderated(*successive(centred * math.sqrt(count / (count - 1))))
    error[finite] = variance.sqrt() * t_quantile(freedom) / 1.96
    return error


def check_labels(labels: Tensor, count: int, n_classes: int) -> None:
    """Raises `ValueError` unless there is a class for each of `count` sequences, and at least one sequence."""
    with_data("labels", labels)
    if labels.shape != (count,) or count == 0 or not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        got = f"{list(labels.shape)}" + (f" from {int(labels.min())} to {int(labels.max())}" if labels.numel() else "")
        raise bad("labels", got, f"[{count}] from 0 to {n_classes - 1}, one for each sequence, at least one")
