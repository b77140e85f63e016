"""Which law a uniform network learns faster, the posterior or the leave-one-out law, and what a wrong reading costs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from dguide import checkpoint
from dguide.data import Dataset, Split, load
from dguide.evaluate import likelihood
from dguide.process import PREDICTIONS, Uniform
from dguide.samplers import Condition, Denoiser
from dguide.train import TrainConfig, loss
from dguide.train.denoisers import build
from studies.common import Study, table

__all__ = ["STUDY"]

SEEDS, MARKS, BATCH, RATE, WARMUP, DROPPED = (0, 1, 2), (100, 200, 400), 64, 3e-3, 50, 0.1
SHIPPED, SEQUENCES, PASSES = ("digits-uniform", "qm9-uniform"), 360, 8
NETWORKS = {
    "posterior": "posterior (default); the network adds the evidence of a token",
    "leave-one-out": "leave-one-out; the process adds it",
    "bare": "posterior; nobody adds it, the network has to learn it",
}


def undeclared(network: Denoiser) -> Denoiser:
    """The network as a function that does not say which law it predicts."""
    return lambda tokens, time, condition: network(tokens, time, condition)


def bits(network: Denoiser, process: Uniform, dataset: Dataset, split: Split) -> float:
    return likelihood(network, process, split.tokens, dataset.condition(split), passes=PASSES).bits


def trained(kind: str, seed: int, dataset: Dataset) -> dict[str, float]:
    """Bits per token of the test part after some numbers of steps."""
    with TemporaryDirectory() as folder:
        prediction = "leave-one-out" if kind == "bare" else kind
        config = TrainConfig(
            out=Path(folder), data="digits", process="uniform", prediction=prediction, size="tiny", seed=seed, steps=1
        )
    process, model = build(config, dataset)
    assert isinstance(process, Uniform)
    network: Denoiser = model
    if kind == "bare":  # the network without evidence, whose logits are read as the posterior
        process, network = replace(process, prediction="posterior"), undeclared(model)
    source = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    pace = torch.optim.lr_scheduler.LambdaLR(optimizer, course)
    found = {}
    for step, rows in enumerate(batches(len(dataset.train), source), 1):
        split = dataset.train.take(rows)
        optimizer.zero_grad()
        condition = dropped(dataset.condition(split), model.null, source)
        loss(process, network, split.tokens, condition, source).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        pace.step()
        if step in MARKS:
            found[str(step)] = bits(network, process, dataset, dataset.test)
        if step == MARKS[-1]:
            return found
    raise AssertionError


def course(step: int) -> float:
    """The share of the peak rate: a warm-up, then a cosine to 0."""
    return min(1.0, (step + 1) / WARMUP) * (1 + math.cos(math.pi * step / MARKS[-1])) / 2


def batches(count: int, source: torch.Generator) -> Any:
    """Rows of one batch after the other, in one random order after the other."""
    while True:
        yield from torch.randperm(count, generator=source)[: count - count % BATCH].split(BATCH)


def dropped(condition: Tensor, null: Callable[[Condition], Condition], source: torch.Generator) -> Tensor:
    left = torch.rand(len(condition), generator=source) < DROPPED
    return torch.where(left, null(condition), condition)


def readings(name: str) -> dict[str, float]:
    """Bits per token of a shipped network, read as each of the laws."""
    model = checkpoint.load(name)
    dataset = load(model.config.data)
    split = dataset.test.some(SEQUENCES, 0)
    processes = {each: Uniform(model.process.vocab_size, model.process.noise, each) for each in PREDICTIONS}
    return {each: bits(undeclared(model.model), process, dataset, split) for each, process in processes.items()}


def compute() -> dict[str, Any]:
    read = {name: readings(name) for name in SHIPPED}
    dataset, runs = load("digits"), []
    for seed, kind in itertools.product(SEEDS, NETWORKS):
        runs.append({"network": kind, "seed": seed, "bits": trained(kind, seed, dataset)})
        print(runs[-1], flush=True)
    read = {name: readings(name) for name in SHIPPED}
    return {"sequences": len(dataset.test), "passes": PASSES, "runs": runs, "readings": read}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows = []
    for kind, words in NETWORKS.items():
        cells = []
        for mark in MARKS:
            figures = torch.tensor([run["bits"][str(mark)] for run in results["runs"] if run["network"] == kind])
            cells.append(f"{figures.mean():.3f} ± {figures.std():.3f}")
        rows.append([words, *cells])
    faster = table(f"law that the network predicts | {' | '.join(f':{mark} steps' for mark in MARKS)}", rows)
    costs = [
        [f"`{name}`", *(f"{read[each]:.2f}" for each in PREDICTIONS)] for name, read in results["readings"].items()
    ]
    return {
        "faster": faster,
        "readings": table(f"checkpoint | {' | '.join(f':read as {each}' for each in PREDICTIONS)}", costs),
    }


STUDY = Study("prediction", "training.md", "7 minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
