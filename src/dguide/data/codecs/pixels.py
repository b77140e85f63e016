"""The codec of images: a token is a colour of a palette."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad, positive
from .base import Codec

__all__ = ["Pixels"]

_COLOUR = re.compile("#[0-9a-f]{6}")
_LUMA = torch.tensor([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class Pixels(Codec):
    """Images in row-major order: token k is colour k of the palette.

    Args:
        height: Rows H.
        width: Columns W.
        palette: Colour of each token, as `#rrggbb`. The method `grey` uses equidistant greys.
        ink: Whether greys are amounts of ink, which pictures show dark on white paper. It does not change the tokens,
            so codecs that differ only in it are equal.
    """

    height: int
    width: int
    palette: tuple[str, ...]
    ink: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        positive("height", self.height)
        positive("width", self.width)
        object.__setattr__(self, "palette", tuple(self.palette))
        wrong = [colour for colour in self.palette if not _COLOUR.fullmatch(str(colour))]
        if wrong or len(self.palette) < 2:
            raise bad("palette", wrong or self.palette, "at least two colours, each as #rrggbb")

    @classmethod
    def grey(cls, height: int, width: int, levels: int, *, ink: bool = False) -> Pixels:
        """The codec for `levels` equidistant greys from black to white."""
        greys = [round(255 * level / (levels - 1)) for level in range(levels)]
        return cls(height, width, tuple(f"#{g:02x}{g:02x}{g:02x}" for g in greys), ink)

    @property
    def vocab_size(self) -> int:
        return len(self.palette)

    @property
    def length(self) -> int:
        return self.height * self.width

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @cached_property
    def is_grey(self) -> bool:
        """Whether the palette is equidistant greys from black to white."""
        return self.palette == Pixels.grey(1, 1, len(self.palette)).palette

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel, from 0 (dark) to 1 (bright): `token / (V - 1)` if tokens are greys.

        Args:
            tokens: Sequences, [..., L] int64.

        Returns:
            Pictures, [..., H, W] float32.

        Raises:
            ValueError: If `tokens` has another length.
        """
        self._fits(tokens)
        brightness = tokens.float() / (self.vocab_size - 1) if self.is_grey else self.colours(tokens) @ _LUMA / 255
        return brightness.reshape(*tokens.shape[:-1], *self.shape)

    def colours(self, tokens: Tensor) -> Tensor:
        """Red, green and blue of every pixel, 0 to 255, [..., H, W, 3] float32, of sequences [..., L]."""
        self._fits(tokens)
        palette = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in self.palette]
        return torch.tensor(palette, dtype=torch.float32, device=tokens.device)[tokens].reshape(
            *tokens.shape[:-1], *self.shape, 3
        )

    def features(self, tokens: Tensor) -> NDArray[np.float64]:
        """`token / (V - 1)` if tokens are greys, else red, green and blue of every pixel; from 0 to 1, [N, D]."""
        self._fits(tokens)
        if self.is_grey:
            greys: NDArray[np.float64] = tokens.cpu().double().numpy() / (self.vocab_size - 1)
            return greys
        colours: NDArray[np.float64] = self.colours(tokens.cpu()).double().flatten(1).numpy() / 255
        return colours

    def contents(self, tokens: Tensor) -> list[bytes]:
        self._fits(tokens)
        palette = np.array([int(colour[1:], 16) for colour in self.palette], dtype="<i4")
        return [palette[row].tobytes() for row in tokens.cpu().numpy()]

    def _fits(self, tokens: Tensor) -> None:
        if tokens.shape[-1] != self.length:
            raise bad(
                "tokens",
                f"shape {tuple(tokens.shape)}",
                f"a last dimension of {self.length} ({self.height} rows of {self.width})",
                "Pass whole images, row by row.",
            )
