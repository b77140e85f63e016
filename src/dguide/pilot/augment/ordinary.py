"""Ordinary augmentation of images: random flips, shifts and small rotations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from ...errors import bad, choose, number

__all__ = ["FLIPS", "Flips", "Ordinary"]

Flips = Literal["none", "horizontal", "both"]
FLIPS = ("none", "horizontal", "both")


@dataclass(frozen=True)
class Ordinary:
    """Random flips, shifts and rotations, drawn anew each time that an image is seen.

    Args:
        shift: Largest shift in each direction, as a share of the side.
        rotation: Largest rotation in degrees, to either side.
        flips: "none"; "horizontal" (left and right); or "both", that and up and down. A flip is for images that are of
            the same class in a mirror.
        mixed: Whether a new pixel is a mean of old ones, as in photographs, or one of them, as in maps of few colours.

    Raises:
        ValueError: If a number is out of range, or `flips` has another value.
    """

    shift: float = 0.1
    rotation: float = 10.0
    flips: Flips = "none"
    mixed: bool = True

    def __post_init__(self) -> None:
        if not 0 <= number("shift", self.shift) <= 0.5:
            raise bad("shift", self.shift, "a share of the side from 0 to 0.5")
        if not 0 <= number("rotation", self.rotation) <= 180:
            raise bad("rotation", self.rotation, "degrees from 0 to 180")
        choose("flips", self.flips, FLIPS)

    def __call__(self, images: Tensor, moved: Tensor, generator: torch.Generator) -> Tensor:
        """The images [B, C, H, W] float, each of those that are `moved` [B] with a transformation of its own.

        Beyond the edge its pixels are repeated. The others stay as they are.
        """
        count = len(images)

        def uniform() -> Tensor:  # drawn for all, so that an image does not depend on the others
            return 2 * torch.rand(count, generator=generator) - 1

        angle = uniform() * self.rotation * math.pi / 180
        across, down = (2 * self.shift * uniform() for _ in range(2))
        left, up = (torch.where(uniform() < 0, -1.0, 1.0) for _ in range(2))
        left = left if self.flips != "none" else torch.ones(count)
        up = up if self.flips == "both" else torch.ones(count)
        height, width = images.shape[2:]
        cos, sin, side = angle.cos(), angle.sin(), width / height
        rows = (
            torch.stack([left * cos, -up * sin / side, across], -1),
            torch.stack([left * sin * side, up * cos, down], -1),
        )
        grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
        mode = "bilinear" if self.mixed else "nearest"
        changed = F.grid_sample(images, grid, mode=mode, padding_mode="border", align_corners=False)
        return torch.where(moved[:, None, None, None], changed, images)
