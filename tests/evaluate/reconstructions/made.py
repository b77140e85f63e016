"""A tokenizer that keeps the means of boxes, and pictures of which it loses one class."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dguide.data import Pictures, Source
from dguide.tokenizers import Tokenizer

NAMES = ("good", "crack", "dark")


class Boxes(Tokenizer):
    """Grey pictures as means of boxes; with a factor of 1 nothing is lost."""

    def __init__(self, factor: int, side: int = 32, channels: int = 1) -> None:
        self.height = self.width = side
        self.channels, self.factor, self.codes, self.digest = channels, factor, 256, "0" * 64
        self.grid = (side // factor, side // factor)

    def _encode(self, images: Tensor) -> Tensor:
        return ((F.avg_pool2d(images.mean(1), self.factor) + 1) * 127.5).round().long()

    def _decode(self, tokens: Tensor) -> Tensor:
        drawn = tokens.repeat_interleave(self.factor, 1).repeat_interleave(self.factor, 2) / 127.5 - 1
        return drawn.unsqueeze(1).expand(-1, self.channels, -1, -1)


def source(counts: tuple[int, int, int] = (150, 60, 90), side: int = 32, channels: int = 1, classes: int = 3) -> Source:
    """Noise; the class "crack" has a fine pattern somewhere, whose mean is 0, and "dark" is darker."""
    draw, total = torch.Generator().manual_seed(0), sum(counts)
    labels = torch.arange(total) % classes
    pictures = 120 + 12 * torch.randn(total, side, side, generator=draw)
    turn = torch.tensor([1.0, -1.0]).repeat(3)
    for row in (labels == 1).nonzero().flatten().tolist():
        top, left = torch.randint(0, side - 6, (2,), generator=draw).tolist()
        pictures[row, top : top + 6, left : left + 6] += 90 * turn[:, None] * turn
    pictures[labels == 2] -= 15
    array = pictures.clamp(0, 255).byte().unsqueeze(-1).expand(-1, -1, -1, channels).numpy()
    parts = torch.arange(total).split(counts)
    own = tuple(labels[part] for part in parts)
    assert len(own) == 3
    return Source("made", *(Pictures(array, part) for part in parts), own, NAMES[:classes], "1" * 64)


def two_classes(fine: bool, coarse: bool, side: int = 32) -> Source:
    """Noise, and a class with a fine pattern somewhere, whose mean is 0, or that is darker at most times, or both."""
    draw, counts = torch.Generator().manual_seed(1), (200, 80, 320)
    labels = torch.arange(sum(counts)) % 2
    pictures = 120 + 12 * torch.randn(len(labels), side, side, generator=draw)
    turn = torch.tensor([1.0, -1.0]).repeat(3)
    for row in (labels == 1).nonzero().flatten().tolist():
        top, left = torch.randint(0, side - 6, (2,), generator=draw).tolist()
        if fine:
            pictures[row, top : top + 6, left : left + 6] += 90 * turn[:, None] * turn
        if coarse:
            pictures[row] -= 15
    array = pictures.clamp(0, 255).byte().unsqueeze(-1).numpy()
    first, second, third = torch.arange(len(labels)).split(counts)
    parts = (Pictures(array, first), Pictures(array, second), Pictures(array, third))
    return Source("two", *parts, (labels[first], labels[second], labels[third]), ("good", "bad"), "2" * 64)
