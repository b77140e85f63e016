"""Augments a set of images by random shifts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import bad

__all__ = ["number_of", "random_offsets", "shift"]


def shift(tokens: Tensor, offsets: Tensor, shape: tuple[int, int], fill: int = 0) -> Tensor:
    """Moves each image by whole pixels: `out[r, c] = image[r - down, c - right]`; `fill` outside of the image.

    Args:
        tokens: Images in row-major order, [B, L] int64.
        offsets: Pixels to move down and to the right, negative for up and left, [B, 2] int64.
        shape: Height and width (H, W) with H W = L.
        fill: Token of the pixels outside of the image.

    Returns:
        The moved images, [B, L] int64.

    Raises:
        ValueError: If the shapes do not agree.
    """
    height, width = shape
    if tokens.dim() != 2 or tokens.shape[1] != height * width or offsets.shape != (len(tokens), 2):
        raise bad(
            "tokens and offsets",
            f"{tuple(tokens.shape)} and {tuple(offsets.shape)}",
            f"[B, {height * width}] and [B, 2] for images of {height} x {width}",
            "Pass one pair of offsets for each image.",
        )
    margin = int(offsets.abs().max()) if len(offsets) else 0
    padded = F.pad(tokens.reshape(-1, height, width), (margin,) * 4, value=fill)
    rows = torch.arange(height, device=tokens.device) + margin - offsets[:, :1]
    columns = torch.arange(width, device=tokens.device) + margin - offsets[:, 1:]
    image = torch.arange(len(tokens), device=tokens.device)[:, None, None]
    return padded[image, rows[:, :, None], columns[:, None, :]].reshape(tokens.shape)


def random_offsets(count: int, pixels: int, share: float, generator: torch.Generator) -> Tensor:
    """Random moves for `shift`: with probability `share` uniform on `-pixels .. pixels` in each direction, else 0.

    Args:
        count: Number B of moves.
        pixels: Largest move.
        share: Probability of a move (a move may be 0).
        generator: Random generator.

    Returns:
        Offsets, [B, 2] int64.
    """
    offsets = torch.randint(-pixels, pixels + 1, (count, 2), generator=generator)
    return offsets * (torch.rand(count, 1, generator=generator, dtype=torch.float64) < share)


def number_of(offsets: Tensor, pixels: int) -> Tensor:
    """Numbers each move from 0 (no move) to `(2 pixels + 1)^2 - 1`, as an input of the network.

    Args:
        offsets: Moves by at most `pixels`, [B, 2] int64.
        pixels: Largest move.

    Returns:
        Numbers, [B] int64.
    """
    side = 2 * pixels + 1
    return (offsets[:, 0] * side + offsets[:, 1]) % (side * side)
