"""Standard classifiers that learn real training pictures, to judge whether reconstructions still show the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...data import Pictures
from ...progress import counted
from ..images.network import AsTheyAre, trained
from ..reading.standard import MOST, forest
from .features import FEATURES, Describe, described

__all__ = ["SEES", "Judge", "judges"]

SEEN = 20_000
"""Training pictures that the network sees, with repetitions."""
SEES = {
    "forest, box means": "coarse brightness",
    "forest, local contrast": "fine texture",
    "small network": "shapes",
}
"""What each classifier sees, in words, by its name."""


@dataclass(frozen=True, eq=False)
class Judge:
    """A classifier that learnt real training pictures.

    Args:
        name: Its name.
        predict: Gives the log-probability of each class, [N, K] float64.
    """

    name: str
    predict: Callable[[Pictures], Tensor]


def judges(
    pictures: Pictures,
    labels: Tensor,
    n_classes: int,
    *,
    seen: int = SEEN,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> tuple[Judge, ...]:
    """Trains a random forest on each of the `FEATURES`, and a small network on pixels.

    Args:
        pictures: Real training pictures, at least one.
        labels: Their classes, [N].
        n_classes: Number of classes K.
        seen: Number of training pictures that the network sees, with repetitions.
        seed: Seed of the training.
        device: Device of the network.
    """
    some = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))[:MOST]
    few, own = pictures.take(some), labels[some]
    found = []
    for name in counted([*FEATURES, "small network"], len(FEATURES) + 1, "standard classifiers"):
        if name in FEATURES:
            found.append(Judge(f"forest, {name}", _forest(few, own, n_classes, FEATURES[name], seed)))
        else:
            found.append(Judge(name, _network(pictures, labels, n_classes, seen, seed, device)))
    return tuple(found)


def _forest(
    pictures: Pictures, labels: Tensor, n_classes: int, describe: Describe, seed: int
) -> Callable[[Pictures], Tensor]:
    predict = forest(described(pictures, describe), labels, n_classes, seed)
    return lambda others: torch.cat([predict(describe(torch.from_numpy(chunk))) for chunk in others.chunks()])


def _network(
    pictures: Pictures, labels: Tensor, n_classes: int, seen: int, seed: int, device: str | torch.device
) -> Callable[[Pictures], Tensor]:
    shown = AsTheyAre((pictures.height, pictures.width), pictures.channels)
    network = trained(shown, pictures, labels, n_classes, seen=seen, seed=seed, device=device)
    return lambda others: network.logits(others).double().log_softmax(1)
