"""Real data that a model would have to match: held out, and of the classes that were asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..data import Dataset, Split
from ..errors import bad

__all__ = ["alike", "asked_classes"]


def asked_classes(dataset: Dataset, asked: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """What was asked of each of `count` samples under the conditions that are classes; K stands for "not told".

    Raises:
        ValueError: If there is no sample, no such condition, or not one value for each sample.
    """
    known = {condition.name: condition for condition in dataset.conditions}
    if count < 1:
        raise bad("samples", count, "at least one")
    for name, values in asked.items():
        if name not in known or values.shape != (count,):
            expected = f"one of {', '.join(known)} and [{count}], one value for each sample"
            raise bad("what was asked", f"{name} with shape {list(values.shape)}", expected)
    classes = {name: values.cpu().long() for name, values in asked.items() if known[name].n_classes}
    for name, values in classes.items():
        size = known[name].n_classes
        if not 0 <= int(values.min()) <= int(values.max()) <= size:
            got = f"from {int(values.min())} to {int(values.max())}"
            raise bad(f"labels of {name}", got, f"from 0 to {size - 1}, or {size} for not told")
    return classes


def alike(
    dataset: Dataset, classes: Mapping[str, Tensor], most: int, seed: int = 0, split: Split | None = None
) -> Split:
    """Held-out sequences with the classes that were asked for, in the same proportions and in random order.

    A model that follows its condition perfectly draws such sequences: what they get is the best it can hope for. The
    combination of classes of which there is too little limits all others; one that is nowhere held out is left aside.

    Args:
        dataset: Where the sequences are held out.
        classes: What was asked for, [N] by name of condition; K, "not told", is met by any class.
        most: The largest number of sequences.
        seed: Of the choice.
        split: Where to look for them instead: the training data, or what was drawn.

    Returns:
        Different sequences, at most `most`; none if nothing held out is like what was asked.
    """
    conditions = [condition for condition in dataset.conditions if condition.name in classes]
    split = dataset.held_out if split is None else split
    empty = torch.empty(len(split), 0, dtype=torch.int64)
    real = torch.cat([empty, *(c.of(split.labels, split.properties)[:, None] for c in conditions)], 1)
    if conditions:
        asked = torch.stack([classes[c.name] for c in conditions], 1)
        patterns, numbers = asked.unique(dim=0, return_counts=True)
    else:
        patterns, numbers = empty[:1], torch.ones(1)
    untold = torch.tensor([c.n_classes for c in conditions])
    fits = [((pattern == untold) | (real == pattern)).all(1) for pattern in patterns]
    there = torch.tensor([int(fit.sum()) for fit in fits], dtype=torch.float64)
    if not (there > 0).any():
        return split.take(torch.empty(0, dtype=torch.int64))
    shares = numbers.double() * (there > 0)
    shares = shares / shares.sum()
    total = min(float(most), float((there / shares)[there > 0].min()))
    generator, free, rows = np.random.default_rng(seed), torch.ones(len(split), dtype=torch.bool), []
    for fit, share in zip(fits, shares.tolist(), strict=True):
        chosen = generator.permutation((fit & free).nonzero().squeeze(1).numpy())[: round(total * share)]
        free[chosen] = False
        rows.append(chosen)
    return split.take(torch.from_numpy(generator.permutation(np.concatenate(rows))[:most]))
