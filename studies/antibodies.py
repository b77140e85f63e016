"""What guidance changes when the framework of an antibody is drawn anew around its binding loops.

The heavy chains of three therapeutic antibodies. The complementarity-determining regions (CDRs, by the definition of
IMGT) are given. All other positions are masked and filled in by AntiBERTy, guided away from the same model with the
CDRs masked. Designs are judged by the model itself, one framework position masked at a time. Rounds that are done are
kept in a temporary folder, so that a run that was stopped goes on. It also draws docs/images/antibodies.png.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import dguide
from dguide.adapters import Antibodies, Given, antibodies
from dguide.adapters.antibody import SPECIES, encode, positions_of
from dguide.evaluate import Estimate, pseudo_likelihood
from dguide.evaluate.statistics.intervals import jackknife
from dguide.evaluate.statistics.means import mean
from studies.antibody_page import draw, sections
from studies.common import Study, write

__all__ = ["STUDY"]

ROUNDS, DESIGNS, STEPS, ASKED, SEED = 1, 8, 16, 12, 0
"""Rounds, designs of a round, steps of a design, framework positions that are judged, seed."""
CHAINS = {
    "trastuzumab": (
        "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
        "SRWGGDGFYAMDYWGQGTLVTVSS",
        ("GFNIKDTY", "IYPTNGYT", "SRWGGDGFYAMDY"),
    ),
    "adalimumab": (
        "EVQLVESGGGLVQPGRSLRLSCAASGFTFDDYAMHWVRQAPGKGLEWVSAITWNSGHIDYADSVEGRFTISRDNAKNSLYLQMNSLRAEDTAVYYC"
        "AKVSYLSTASSLDYWGQGTLVTVSS",
        ("GFTFDDYA", "ITWNSGHI", "AKVSYLSTASSLDY"),
    ),
    "rituximab": (
        "QVQLQQPGAELVKPGASVKMSCKASGYTFTSYNMHWVKQTPGRGLEWIGAIYPGNGDTSYNQKFKGKATLTADKSSSTAYMQLSSLTSEDSAVYYC"
        "ARSTYYGGDWYFNVWGAGTTVTVSA",
        ("GYTFTSYN", "IYPGNGDT", "ARSTYYGGDWYFNV"),
    ),
}
"""Heavy chains and their CDRs: humanised, human, and of a mouse."""
SETTINGS = {
    "no guidance": lambda w: dguide.Normalized(w),
    "Normalized, constant": lambda w: dguide.Normalized(w),
    "Normalized, ramp-up": lambda w: dguide.Normalized(dguide.RampUp(1.0).scaled_to(w)),
    "Normalized, late (power 3)": lambda w: dguide.Normalized(dguide.Power(w, 3.0)),
    "Unlocking, constant": lambda w: dguide.Unlocking(w),
}
CONSTANT = "Normalized, constant"
CELLS = [("no guidance", 0.0), *((CONSTANT, w) for w in (0.5, 1.0, 2.0, 3.0))] + [
    (name, w) for name in list(SETTINGS)[2:] for w in (1.0, 3.0)
]
CHAIN_OF_STEPS, MANY, CELLS_OF_STEPS = "trastuzumab", 64, [("no guidance", 0.0), ("Normalized, constant", 1.0)]
"""What is drawn in more steps, too."""
KEPT = Path(tempfile.gettempdir()) / f"dguide-antibodies-{os.getuid()}"
FIGURES = ("framework", "cdr", "human", "heavy", "identity")
BOUNDS = {name: (-math.inf, 0.0) if name in ("framework", "cdr") else (0.0, 1.0) for name in FIGURES}
"""Figures of a design, those of log-probabilities first; and their possible values."""


@dataclass(frozen=True)
class Task:
    """A round of designs: a chain, a setting, a mean weight, the number of the round, and the steps of a design."""

    chain: str
    setting: str
    weight: float
    number: int
    steps: int = STEPS

    @property
    def file(self) -> Path:
        name = f"{self.chain}-{self.setting}-{self.weight:g}-{self.number}-{self.steps}-{DESIGNS}-{ASKED}-{SEED}"
        return KEPT / f"{name.replace(' ', '_')}.json"


Rounds: TypeAlias = dict[Task, dict[str, Any]]
Values: TypeAlias = dict[str, NDArray[Any]]


def tasks() -> Iterator[Task]:
    for number in range(ROUNDS):
        for setting, weight in CELLS:
            for chain in CHAINS:
                yield Task(chain, setting, weight, number)
        for setting, weight in CELLS_OF_STEPS:
            yield Task(CHAIN_OF_STEPS, setting, weight, number, MANY)


@cache
def loaded() -> tuple[Antibodies, Given]:
    model = antibodies(dtype=torch.bfloat16)
    return model, Given(model.denoiser)


def done(task: Task) -> dict[str, Any]:
    """The figures of the designs of a round."""
    if not task.file.is_file():
        start = sum(os.times()[:2])
        found = designs(task)
        found["seconds"] = sum(os.times()[:2]) - start
        write(task.file, json.dumps(found))
    return json.loads(task.file.read_text(encoding="utf-8"))


def designs(task: Task) -> dict[str, Any]:
    model, denoiser = loaded()
    sequence, cdrs = CHAINS[task.chain]
    original, given = encode(sequence), positions_of(cdrs, sequence)
    condition = denoiser.given(original.expand(DESIGNS, -1), given)
    drawn = dguide.sample(
        denoiser,
        process=model.process,
        length=len(sequence),
        condition=condition,
        initial=denoiser.initial(condition),
        guidance=SETTINGS[task.setting](task.weight),
        sampler=dguide.Ancestral(task.steps),
        seed=SEED,
        first_index=task.number * DESIGNS,
    )
    judged = judge(model, drawn.tokens, given)
    judged["identity"] = (drawn.tokens == original)[:, ~given].double().mean(1)
    figures = {name: [round(each, 5) for each in values.tolist()] for name, values in judged.items()}
    return figures | {"tokens": drawn.tokens[:, ~given].tolist(), "calls": vars(drawn.calls)}


def judge(model: Antibodies, tokens: Tensor, given: Tensor) -> dict[str, Tensor]:
    """Of each sequence: mean log-probability of framework and CDRs, and what the model says of species and chain."""
    framework = (~given).nonzero().flatten()
    asked = framework[torch.arange(ASKED) * len(framework) // ASKED]
    inner = pseudo_likelihood(model.denoiser, model.process, tokens, positions=asked)
    hidden = tokens.masked_fill(given, model.process.noise_token)
    with torch.no_grad():
        log_p = model.process.log_probs(model.denoiser(hidden, torch.ones(len(tokens)), None)).double()
    cdrs = log_p.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)[:, given]
    return {
        "framework": inner.mean(1),
        "cdr": cdrs.mean(1),
        "human": model.species(tokens)[:, SPECIES.index("human")].double(),
        "heavy": model.chains(tokens)[:, 0].double(),
    }


def compute() -> dict[str, Any]:
    rounds = {task: done(task) for task in tasks()}
    model, _ = loaded()
    chains = {}
    for chain, (sequence, cdrs) in CHAINS.items():
        judged = judge(model, encode(sequence), positions_of(cdrs, sequence))
        values = {name: ends(name, mean(name, each.numpy())) for name, each in judged.items()}
        chains[chain] = {"sequence": sequence, "cdrs": cdrs, **values}
    return {
        "designs of a chain": ROUNDS * DESIGNS,
        "steps": STEPS,
        "framework positions judged": ASKED,
        "seed": SEED,
        "precision": "bfloat16",
        "seconds of one core for all rounds": round(sum(each["seconds"] for each in rounds.values())),
        "chains": chains,
        "cells": [cell(rounds, *setting) for setting in CELLS],
        "more steps": [
            {"antibody": CHAIN_OF_STEPS, "setting": setting, "weight": weight, "steps": steps}
            | summary([joined(rounds, CHAIN_OF_STEPS, setting, weight, steps)])
            for setting, weight in CELLS_OF_STEPS
            for steps in (STEPS, MANY)
        ],
    }


def cell(rounds: Rounds, setting: str, weight: float) -> dict[str, Any]:
    """The figures of a setting, of all chains and of each, and how far they are from those of two others."""
    groups = [joined(rounds, chain, setting, weight) for chain in CHAINS]
    found = {
        "setting": setting,
        "weight": weight,
        "calls": rounds[Task("rituximab", setting, weight, 0)]["calls"],
        **summary(groups),
        "by chain": {chain: summary([group]) for chain, group in zip(CHAINS, groups, strict=True)},
    }
    others = {"no guidance": CELLS[0], "constant": (CONSTANT, weight)}
    for name, other in others.items():
        if other != (setting, weight) and other in CELLS:
            found[f"against {name}"] = apart(groups, [joined(rounds, chain, *other) for chain in CHAINS])
    return found


def apart(groups: list[Values], others: list[Values]) -> dict[str, list[float]]:
    """Mean differences of designs with the same number, which are drawn with the same seed."""
    differences = [
        {name: own[name] - other[name] for name in FIGURES} for own, other in zip(groups, others, strict=True)
    ]
    return pooled(differences, dict.fromkeys(("human", "heavy", "identity"), (-1.0, 1.0)))


def joined(rounds: Rounds, chain: str, setting: str, weight: float, steps: int = STEPS) -> Values:
    """The values of all designs of a chain, in their order."""
    own = [rounds[Task(chain, setting, weight, number, steps)] for number in range(ROUNDS)]
    return {name: np.concatenate([each[name] for each in own]) for name in (*FIGURES, "tokens")}


def summary(groups: list[Values]) -> dict[str, list[float]]:
    return pooled(groups, BOUNDS) | {"between": ends("between", between([group["tokens"] for group in groups]))}


def pooled(groups: list[Values], bounds: dict[str, tuple[float, float]]) -> dict[str, list[float]]:
    """Means over designs, with intervals for a fixed number of designs of each chain."""
    strata = np.repeat(np.arange(len(groups)), [len(group["human"]) for group in groups])
    values = {name: np.concatenate([group[name] for group in groups]) for name in FIGURES}
    ways = {name: {"bounds": bounds[name]} for name in bounds}
    return {name: ends(name, mean(name, values[name], strata=strata, **ways.get(name, {}))) for name in FIGURES}


def between(groups: list[NDArray[np.int64]]) -> Estimate:
    """Mean share of framework positions at which two designs of a chain agree."""
    means, without = [], []
    for tokens in groups:
        same, count = (tokens[:, None] == tokens[None]).mean(-1), len(tokens)
        np.fill_diagonal(same, 0.0)
        means.append(same.sum() / (count * (count - 1)))
        without.append((same.sum() - 2 * same.sum(1)) / ((count - 1) * (count - 2)))
    value = float(np.mean(means))
    left_out = [value + (each - own) / len(groups) for each, own in zip(without, means, strict=True)]
    return jackknife("between", value, np.concatenate(left_out), bounds=(0, 1))


def ends(name: str, figure: Estimate) -> list[float]:
    """Value, low and high: of logarithms as perplexities or probabilities. Without an interval the value alone."""
    found = [figure.value] if math.isnan(figure.low) else [figure.value, figure.low, figure.high]
    if name == "framework":
        found = [math.exp(-each) for each in (found[0], *found[:0:-1])]
    elif name == "cdr":
        found = [math.exp(each) for each in found]
    return [round(each, 4) for each in found]


STUDY = Study("antibodies", "antibodies.md", "25 minutes of one core for each round of 8 designs", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__, draw)
