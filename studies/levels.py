"""Noise levels of the bits per token: how much the noise adds to the bits of one sequence, for two ways to spread them.

It is the standard deviation over repetitions with the same sequence, the root of the mean of its square over sequences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from dguide import checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import Split, load
from dguide.evaluate.levels import noise_levels
from studies.common import ROOT, Study, table

__all__ = ["STUDY"]

MODELS, COUNT, TOTAL = ("digits-masked", "digits-uniform"), 128, 64
"""TOTAL is the number of noise levels of each sequence, of all repetitions of a setting together."""
PASSES = (1, 2, 4, 8, 16, 32, 64)
WAYS = ("evenly spread", "squares")
ENOUGH = 0.2


def levels(way: str, passes: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """The noise levels of each pass and their weights, [N] each."""
    for level, weight in noise_levels(passes, COUNT, generator):
        yield (level, weight) if way == "squares" else (level.sqrt(), torch.ones_like(level))


@torch.no_grad()
def bits(loaded: Checkpoint, split: Split, way: str, passes: int, generator: torch.Generator) -> Tensor:
    """The bound of each sequence in bits per token, [N]."""
    process, nats = loaded.process, torch.zeros(COUNT, dtype=torch.float64)
    for level, weight in levels(way, passes, generator):
        time = process.noise.time(level)
        uniforms = torch.rand((*split.tokens.shape, 2), generator=generator, dtype=torch.float64)
        noisy = process.corrupt(split.tokens, time, uniforms)
        log_p = process.log_probs(loaded.model(noisy, time.float(), split.labels))
        nats += weight * process.elbo(log_p, split.tokens, noisy, time).double().sum(-1)
    return nats / (passes * split.tokens.shape[1] * math.log(2))


def compute() -> dict[str, Any]:
    cases = []
    for name in MODELS:
        loaded = checkpoint.load(ROOT / "checkpoints" / name)
        split = load(loaded.config.data).test.some(COUNT, 0)
        for way in WAYS:
            for passes in PASSES:
                generator = torch.Generator().manual_seed(0)
                repeated = torch.stack([bits(loaded, split, way, passes, generator) for _ in range(TOTAL // passes)])
                found = float(repeated.var(0).mean().sqrt())
                cases.append({"model": name, "way": way, "passes": passes, "deviation": float(f"{found:.6g}")})
                print(cases[-1], flush=True)
    return {"sequences": COUNT, "levels of each": TOTAL, "cases": cases}


def sections(results: dict[str, Any]) -> dict[str, str]:
    found = {(each["model"], each["way"], each["passes"]): each["deviation"] for each in results["cases"]}
    rows = [
        [f"`{model}`, {way}", *(f"{found[model, way, passes]:.2g}" for passes in PASSES)]
        for model in MODELS
        for way in WAYS
    ]
    lines = [table(f"noise levels for each sequence | {' | '.join(f':{each}' for each in PASSES)}", rows), ""]
    for model in MODELS:
        least = [
            next((str(p) for p in PASSES if found[model, way, p] <= ENOUGH), f"more than {PASSES[-1]}") for way in WAYS
        ]
        lines.append(
            f"For a deviation of {ENOUGH} bits or less `{model}` needs {least[0]} evenly spread levels, or "
            f"{least[1]} squares."
        )
    return {"levels": "\n".join(lines)}


STUDY = Study("levels", "evaluate.md", "five minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
