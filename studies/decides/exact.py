"""Signals and outcomes of small random problems, where both are known: exact predictions, and five kinds of errors.

Real samples are compared with data. So the distance here is the total variation to the conditional distribution too.
That to the tilted target is kept beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from dguide import Ancestral, Normalized, RampUp, Unlocking
from dguide.exact import Problem, chain, total_variation
from dguide.guidance import RateGuidance, Schedule
from dguide.samplers import Denoiser
from dguide.theory import order_effects
from dguide.theory.outlook import outlook
from dguide.theory.perturbed import Perturbed
from studies.decides.case import SETTINGS, Case, gains, signals_of
from studies.decides.truth import true_errors

__all__ = ["WEIGHTS", "cases", "held_out", "schedules"]

WEIGHTS, STEPS, SEQUENCES = (1.0, 3.0), (4, 16), 512
MECHANISMS: dict[str, Callable[[float | Schedule], RateGuidance]] = {"Normalized": Normalized, "Unlocking": Unlocking}


def schedules(weight: float) -> dict[str, float | Schedule]:
    """Schedules of mean `weight`, by name."""
    return {"constant": weight, "ramp-up": RampUp(2 * weight)}


def held_out(problem: Problem, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Sequences of the conditional distribution [count, d], and their labels."""
    generator = torch.Generator().manual_seed(seed)
    code = torch.multinomial(problem.cond.flatten(), count, replacement=True, generator=generator)
    vocab = problem.process.vocab_size
    return code.unsqueeze(-1) // vocab ** torch.arange(problem.positions - 1, -1, -1) % vocab, torch.zeros_like(code)


def cases(seed: int) -> list[dict[str, Any]]:
    """All kinds of problems with all kinds of errors, with the random numbers of `seed`."""
    found = []
    for family, problem in order_effects.problems(seed).items():
        for errors, options in order_effects.ERRORS.items():
            denoiser = Perturbed(problem, seed=seed, **options) if options else problem.oracle()
            found += [one(family, errors, seed, problem, denoiser, weight) for weight in WEIGHTS]
    return found


def one(family: str, errors: str, seed: int, problem: Problem, denoiser: Denoiser, weight: float) -> dict[str, Any]:
    """Signals, errors and outcomes of one problem at one weight."""
    tokens, labels = held_out(problem, SEQUENCES, seed)
    signals = outlook(denoiser, problem.process, tokens, labels, weight=weight, sequences=SEQUENCES, seed=seed)
    told = {"data": problem.cond, "target": problem.target(weight)}
    cases: dict[str, list[dict[str, Any]]] = {what: [] for what in told}
    for steps in STEPS:
        laws = {
            (mechanism, schedule): chain(
                problem, MECHANISMS[mechanism](schedules(weight)[schedule]), Ancestral(steps), denoiser
            )
            for mechanism, schedule in SETTINGS
        }
        for what, wanted in told.items():
            far = {setting: (float(total_variation(law, wanted)), 0.0) for setting, law in laws.items()}
            name = f"{family} | {seed} | {errors}"
            cases[what].append(Case("exact", name, weight, steps, signals_of(signals, steps), gains(far)).record())
    estimates = {
        "inconsistency": signals.mean(lambda s: s.error_ratio),
        "overclaim": signals_of(signals, STEPS[0])["overclaim"] / weight,
        "shared": signals.mean(lambda s: s.shared),
    }
    truth = true_errors(denoiser, problem.oracle(), problem.process, tokens, labels, weight, seed)
    return {"errors": errors, "weight": weight, "cases": cases, "estimates": estimates, "truth": truth}
