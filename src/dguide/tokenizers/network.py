"""A convolutional network that squeezes pictures into few codes and draws them again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import bad, positive
from .fsq import FSQ

__all__ = ["FACTORS", "Autoencoder"]

FACTORS = (4, 8, 16)
"""Pixels for each token, in both directions."""
_PATCH = 4
"""Pixels of a side that the first and the last convolution take together. Full resolution would cost most time."""
_BLOCKS, _LOWEST = 2, 3
"""Residual blocks at each resolution, and those of the decoder at the lowest one."""
_WIDEST = 2
"""Channels at the lower resolutions, as a multiple of those at the highest."""


class Autoencoder(nn.Module):
    r"""Encoder, finite scalar quantisation and decoder: one token for `factor` x `factor` pixels.

    The encoder takes 4 x 4 pixels together as channels and convolves them; then convolutions of stride 2 halve the
    resolution. Residual blocks follow each. The decoder goes the way back, where channels become pixels again (Shi et
    al., arXiv 1609.05158). Pixels are scaled by the mean and the standard deviation of those to learn from.
    There is no attention, and no normalisation over the picture. So a token depends on the pixels around it alone, and
    a rare defect on nothing else.

    Args:
        channels: 1 for grey pictures, 3 for RGB.
        levels: Levels of the quantiser, one for each channel of the latent.
        factor: 4, 8 or 16.
        width: Channels at the highest resolution, that of 4 x 4 pixels.
        generator: Generator of the initial weights; by default a new one with seed 0, not the global one.

    Raises:
        ValueError: If a size is not as above.
    """

    def __init__(
        self,
        channels: int,
        levels: Sequence[int],
        factor: int = 8,
        width: int = 48,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if channels not in (1, 3):
            raise bad("channels", channels, "1 for grey pictures or 3 for RGB")
        if factor not in FACTORS:
            raise bad("factor", factor, f"one of {', '.join(map(str, FACTORS))}")
        self.channels, self.factor, self.width = channels, factor, positive("width", width)
        self.fsq = FSQ(tuple(levels))
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("deviation", torch.ones(channels, 1, 1))
        widths = [width * min(2**level, _WIDEST) for level in range(int(math.log2(factor // _PATCH)) + 1)]
        pairs = list(pairwise(widths))
        with torch.random.fork_rng(devices=[]):  # layers draw weights in their constructor; all are drawn again below
            self.encoder = nn.Sequential(
                nn.PixelUnshuffle(_PATCH),
                nn.Conv2d(channels * _PATCH**2, width, 3, padding=1),
                *_blocks(width, _BLOCKS),
                *(layer for pair in pairs for layer in _halved(*pair)),
                nn.SiLU(),
                nn.Conv2d(widths[-1], len(self.fsq.levels), 1),
            )
            self.decoder = nn.Sequential(
                nn.Conv2d(len(self.fsq.levels), widths[-1], 3, padding=1),
                *_blocks(widths[-1], _LOWEST),
                *(layer for high, low in pairs[::-1] for layer in _doubled(low, high)),
                nn.SiLU(),
                nn.Conv2d(width, channels * _PATCH**2, 3, padding=1),
                nn.PixelShuffle(_PATCH),
            )
        self.initialise(torch.Generator().manual_seed(0) if generator is None else generator)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The arguments of the constructor, as values for JSON."""
        return {
            "channels": self.channels,
            "levels": list(self.fsq.levels),
            "factor": self.factor,
            "width": self.width,
        }

    @torch.no_grad()
    def scale(self, mean: Tensor, deviation: Tensor) -> None:
        """Sets mean and standard deviation of the pixels to learn from, [C] each, of pixels in [-1, 1]."""
        self.mean.copy_(mean.view(-1, 1, 1))
        self.deviation.copy_(deviation.view(-1, 1, 1))

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights, with variance 1 / fan-in; biases and the last convolution of a block are zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, fan_in**-0.5, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
        for module in self.modules():
            if isinstance(module, Block):
                module.second.weight.zero_()

    def forward(self, images: Tensor) -> Tensor:
        """The pictures after quantisation, [B, C, H, W], for pictures in [-1, 1]. The gradient passes the rounding."""
        return self._drawn(self.fsq.quantise(self._latent(images)))

    def tokens(self, images: Tensor) -> Tensor:
        """The codes of pictures [B, C, H, W] in [-1, 1]: [B, rows, columns] int64."""
        return self.fsq.tokens(self._latent(images))

    def draw(self, tokens: Tensor) -> Tensor:
        """The pictures [B, C, H, W] of codes [B, rows, columns]."""
        return self._drawn(self.fsq.values(tokens))

    def _latent(self, images: Tensor) -> Tensor:
        latent: Tensor = self.encoder((images - self.mean) / self.deviation)
        return latent.float()  # codes are told apart in full precision, whatever that of the convolutions

    def _drawn(self, values: Tensor) -> Tensor:
        drawn: Tensor = self.decoder(values)
        return drawn.float() * self.deviation + self.mean


class Block(nn.Module):
    """A residual block: two convolutions, each after a SiLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        """The input and what the convolutions add to it."""
        added: Tensor = self.second(nn.functional.silu(self.first(nn.functional.silu(hidden))))
        return hidden + added


def _blocks(width: int, count: int) -> list[nn.Module]:
    return [Block(width) for _ in range(count)]


def _halved(before: int, after: int) -> list[nn.Module]:
    """Half the resolution, then blocks."""
    return [nn.Conv2d(before, after, 2, 2), *_blocks(after, _BLOCKS)]


def _doubled(before: int, after: int) -> list[nn.Module]:
    """Twice the resolution: four groups of channels become the pixels of a square. Then blocks."""
    return [nn.Conv2d(before, 4 * after, 1), nn.PixelShuffle(2), *_blocks(after, _BLOCKS)]
