"""Signals and outcomes of the digits blurred token by token, whose exact predictions are known, with planted errors."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

import dguide
from dguide import Ancestral, Masked, data
from dguide.data import Dataset, Split
from dguide.demo import Judge
from dguide.theory.outlook import outlook
from studies.decides.case import SETTINGS, Case, gains, outlook_record, signals_of
from studies.decides.exact import MECHANISMS, schedules
from studies.decides.truth import true_errors
from studies.kernel import Kernel, bell
from studies.order_effects import CLASSES, LENGTH, PER_CLASS, VOCAB, Erring

__all__ = ["ERRORS", "blurred", "cases", "ready"]

WEIGHT, STEPS, SEED = 3.0, 16, 0
ERRORS: dict[str, tuple[float, float, bool]] = {
    "none": (1.0, 0.0, True),
    "shared, 0.5": (1.0, 0.5, True),
    "independent, 0.2": (1.0, 0.2, False),
    "independent, 0.5": (1.0, 0.5, False),
    "wide, none": (2.0, 0.0, True),
    "wide, shared, 0.5": (2.0, 0.5, True),
    "wide, independent, 0.2": (2.0, 0.2, False),
}
"""Width of the blur, size of the errors in nats, and whether both predictions share them."""


def blurred(examples: Split, kernel: Tensor, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Sequences of the blurred distribution [count, L], and their labels."""
    chosen, generator = examples.some(count, seed), torch.Generator().manual_seed(seed)
    tokens = torch.multinomial(kernel[chosen.tokens].flatten(0, 1), 1, generator=generator)
    return tokens.view(chosen.tokens.shape), chosen.labels


def cases(errors: str, digits: Dataset, judge: Judge) -> dict[str, Any]:
    """Signals, errors and outcomes with one kind of error."""
    width, scale, shared = ERRORS[errors]
    kernel = bell(VOCAB, width, 0.01)
    exact, process = Kernel(digits.train, kernel, CLASSES), Masked(VOCAB)
    denoiser = Erring(exact, scale, shared) if scale else exact
    tokens, labels = blurred(digits.train, kernel, 64, SEED)
    found = outlook(denoiser, process, tokens, labels, weight=WEIGHT, seed=SEED)
    asked, far, figures = torch.arange(CLASSES).repeat_interleave(PER_CLASS), {}, {}
    for mechanism, schedule in SETTINGS:
        drawn = dguide.sample(
            denoiser,
            process=process,
            length=LENGTH,
            condition=asked,
            guidance=MECHANISMS[mechanism](schedules(WEIGHT)[schedule]),
            sampler=Ancestral(STEPS),
            seed=SEED,
            batch_size=250,
        )
        distance = judge(drawn.tokens, asked).frechet
        figures[f"{mechanism}, {schedule}"] = distance
        # It is a squared distance, unlike the total variation of the other problems.
        far[mechanism, schedule] = (math.sqrt(distance), math.nan)
    signals = signals_of(found, STEPS)
    truth = true_errors(denoiser, exact, process, tokens, labels, WEIGHT, SEED)
    return {
        "errors": errors,
        "weight": WEIGHT,
        "case": Case("kernel", errors, WEIGHT, STEPS, signals, gains(far)).record(),
        "figures": figures,
        "levels": outlook_record(found),
        "estimates": {
            "inconsistency": signals["inconsistency"] / WEIGHT,
            "overclaim": signals["overclaim"] / WEIGHT,
            "shared": found.mean(lambda s: s.shared),
        },
        "truth": truth,
    }


def ready() -> tuple[Dataset, Judge]:
    """The digits, and what judges samples of them."""
    digits = data.load("digits")
    return digits, Judge.fit(digits)
