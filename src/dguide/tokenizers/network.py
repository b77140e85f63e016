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
_BLOCKS = 2
"""Residual blocks at each resolution."""
_WIDEST = 2
"""Channels at the lower resolutions, as a multiple of those at the highest."""


class Autoencoder(nn.Module):
    r"""Encoder, finite scalar quantisation and decoder: one token for `factor` x `factor` pixels.

    The encoder halves the resolution by convolutions of stride 2, each followed by two residual blocks. The decoder is
    its mirror image; it repeats pixels and convolves, which leaves no checkerboard (Odena, Dumoulin and Olah, 2016).
    There is no attention, and no normalisation over the picture. So a token depends on the pixels around it alone, and
    a rare defect on nothing else.

    Args:
        channels: 1 for grey pictures, 3 for RGB.
        levels: Levels of the quantiser, one for each channel of the latent.
        factor: 4, 8 or 16.
        width: Channels at the highest resolution.
        generator: Generator of the initial weights; by default a new one with seed 0, not the global one.

    Raises:
        ValueError: If a size is not as above.
    """

    def __init__(
        self,
        channels: int,
        levels: Sequence[int],
        factor: int = 8,
        width: int = 32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if channels not in (1, 3):
            raise bad("channels", channels, "1 for grey pictures or 3 for RGB")
        if factor not in FACTORS:
            raise bad("factor", factor, f"one of {', '.join(map(str, FACTORS))}")
        self.channels, self.factor, self.width = channels, factor, positive("width", width)
        self.fsq = FSQ(tuple(levels))
        widths = [width, *(width * min(2**level, _WIDEST) for level in range(int(math.log2(factor))))]
        pairs = list(pairwise(widths))
        with torch.random.fork_rng(devices=[]):  # layers draw weights in their constructor; all are drawn again below
            self.encoder = nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1),
                *(_halved(a, b) for a, b in pairs),
                nn.SiLU(),
                nn.Conv2d(widths[-1], len(self.fsq.levels), 1),
            )
            self.decoder = nn.Sequential(
                nn.Conv2d(len(self.fsq.levels), widths[-1], 3, padding=1),
                *(_doubled(b, a) for a, b in pairs[::-1]),
                nn.SiLU(),
                nn.Conv2d(width, channels, 3, padding=1),
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
        drawn: Tensor = self.decoder(self.fsq.quantise(self.encoder(images)))
        return drawn

    def tokens(self, images: Tensor) -> Tensor:
        """The codes of pictures [B, C, H, W] in [-1, 1]: [B, rows, columns] int64."""
        return self.fsq.tokens(self.encoder(images))

    def draw(self, tokens: Tensor) -> Tensor:
        """The pictures [B, C, H, W] of codes [B, rows, columns]."""
        drawn: Tensor = self.decoder(self.fsq.values(tokens))
        return drawn


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


def _halved(before: int, after: int) -> nn.Sequential:
    """Half the resolution, then blocks."""
    return nn.Sequential(nn.Conv2d(before, after, 4, 2, padding=1), *(Block(after) for _ in range(_BLOCKS)))


def _doubled(before: int, after: int) -> nn.Sequential:
    """Blocks, then twice the resolution: repeated pixels leave no checkerboard, as a transposed convolution would."""
    larger = (nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1))
    return nn.Sequential(*(Block(before) for _ in range(_BLOCKS)), *larger)
