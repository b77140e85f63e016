"""Standard classifiers that learn real training pictures, to judge whether reconstructions still show the classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data import Pictures
from ...progress import counted
from ..reading.standard import MOST, forest
from .features import FEATURES, Describe, described

__all__ = ["Judge", "judges"]

SEEN = 20_000
"""Training pictures that the network sees, with repetitions."""
_WIDTH, _BATCH, _RATE = 64, 64, 2e-3
_SIDE = 32
"""Convolutions with stride 2 halve pictures until no side is longer than this."""


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
    return lambda others: predict(described(others, describe))


class PictureNet(nn.Sequential):
    """Convolutions with stride 2, two with pooling, a layer of 64 features, and a linear classifier.

    Args:
        side: The longer side of the pictures.
        channels: 1 for grey pictures, 3 for red, green and blue.
        n_classes: Number of classes K.
        generator: Generator of the initial weights.
    """

    def __init__(self, side: int, channels: int, n_classes: int, generator: torch.Generator) -> None:
        halved, inside = list[nn.Module](), channels
        with torch.random.fork_rng(devices=[]):  # layers draw weights in their constructor; all are drawn again below
            while side > _SIDE:
                halved += [nn.Conv2d(inside, 24, 3, stride=2, padding=1), nn.GELU()]
                side, inside = -(-side // 2), 24
            super().__init__(
                *halved,
                nn.Conv2d(inside, 24, 3, padding=1),
                nn.GELU(),
                nn.MaxPool2d(2, ceil_mode=True),
                nn.Conv2d(24, 48, 3, padding=1),
                nn.GELU(),
                nn.AdaptiveMaxPool2d(4),
                nn.Flatten(),
                nn.Linear(48 * 16, _WIDTH),
                nn.GELU(),
                nn.Linear(_WIDTH, n_classes),
            )
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.dim() == 1:
                    parameter.zero_()
                else:
                    parameter.normal_(0, (2 / parameter[0].numel()) ** 0.5, generator=generator)


def _network(
    pictures: Pictures, labels: Tensor, n_classes: int, seen: int, seed: int, device: str | torch.device
) -> Callable[[Pictures], Tensor]:
    """Trains as `LearntFeatures` does, on pictures that are shifted at random by up to two pixels."""
    generator = torch.Generator().manual_seed(seed)
    side = max(pictures.height, pictures.width)
    network = PictureNet(side, pictures.channels, n_classes, generator).to(device)
    steps = max(1, seen // _BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.05)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        rows = torch.randint(len(pictures), (_BATCH,), generator=generator)
        shown = _shifted(pictures.batch(rows), generator)
        optimiser.zero_grad()
        F.cross_entropy(network(_floats(shown).to(device)), labels[rows].to(device)).backward()
        optimiser.step()
        falling.step()
    network.eval().requires_grad_(False)

    def predict(others: Pictures) -> Tensor:
        chunks = (torch.from_numpy(chunk) for chunk in others.chunks())
        logits = [network(_floats(part).to(device)).cpu() for chunk in chunks for part in chunk.split(_BATCH)]
        return torch.cat(logits).double().log_softmax(1)

    return predict


def _floats(pictures: Tensor) -> Tensor:
    return pictures.permute(0, 3, 1, 2).float() / 255 - 0.5


def _shifted(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """All pictures [n, H, W, C] moved by the same random number of pixels, up to two; the edge is repeated."""
    down, right = torch.randint(-2, 3, (2,), generator=generator).tolist()
    sides = zip(pictures.shape[1:3], (down, right), strict=True)
    rows, columns = ((torch.arange(side) + by).clamp(0, side - 1) for side, by in sides)
    return pictures[:, rows][:, :, columns]
