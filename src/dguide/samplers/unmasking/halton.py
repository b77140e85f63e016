"""A fixed order of the positions of an image, in which neighbours come far apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from ...errors import bad
from ..run import Run
from ..state import State
from .base import Candidates
from .counts import Counted

__all__ = ["Halton", "halton_order"]


@dataclass(frozen=True)
class Halton(Counted):
    r"""Unmask an image in the order in which the two-dimensional Halton sequence meets its cells.

    The n-th point, n = 1, 2, ..., is $(\phi_2(n), \phi_3(n))$ with $\phi_b$ the radical inverse in base b; it lies in
    row $\lfloor H \phi_2 \rfloor$ and column $\lfloor W \phi_3 \rfloor$. Tokens of one step are far apart, and so
    depend little on each other. Who leaves when is known beforehand: each position is looked at once. Source: Besnier
    et al., "Halton scheduler for masked generative image transformers", arXiv 2503.17076, which has the "arccos" grid.

    With one position a step it draws, in a fixed order, each token from its guided law given those before.

    Args:
        steps: number of steps T.
        grid: "uniform", "cosine", "arccos" or shares of masks; see `Counted`.
        shape: (H, W), rows and columns; tokens are row-major.

    Raises:
        ValueError: as `Counted`; for a shape that is not two ints of at least 1, or (at the start) of another length.

    >>> import dguide
    >>> dguide.Halton(steps=4, shape=(2, 4)).counts(torch.tensor([8])).tolist()
    [[8, 6, 4, 2, 0]]
    """

    shape: tuple[int, int] = field(kw_only=True)

    spread = False
    guarantee = "exact for independent positions; tokens of one step are drawn independently, spread over the image"

    def __post_init__(self) -> None:
        super().__post_init__()
        sides = tuple(self.shape) if isinstance(self.shape, (tuple, list)) else ()
        whole = all(isinstance(side, int) and not isinstance(side, bool) and side >= 1 for side in sides)
        if len(sides) != 2 or not whole:
            raise bad("Halton shape", repr(self.shape), "(rows, columns), two ints of at least 1")
        object.__setattr__(self, "shape", sides)

    def begin(self, run: Run) -> State:
        rows, columns = self.shape
        if rows * columns != run.length:
            got = f"{self.shape}, of {rows * columns} positions"
            raise bad("Halton shape", got, f"rows times columns = length = {run.length}")
        return super().begin(run)

    def candidates(self, active: Tensor, leaving: Tensor) -> Tensor:
        order, place = halton_order(self.shape, active.device)
        masked = active[:, order]
        return (masked & (masked.cumsum(-1) <= leaving.unsqueeze(-1)))[:, place]

    def choose(self, candidates: Candidates) -> Tensor:
        return torch.ones_like(candidates.sample, dtype=torch.bool)


@lru_cache(maxsize=16)
def halton_order(shape: tuple[int, int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Positions in the order of the Halton sequence, and the place of each position in it, [H W] both."""
    rows, columns = shape
    # Boxes of 2^-a by 3^-b, less than half as large as a cell, of which each cell holds one, are met by any 2^a 3^b
    # points in candidates. So many points meet all cells.
    points = torch.arange(1, 24 * rows * columns + 1)
    cell = _scaled_inverse(points, 2, rows) * columns + _scaled_inverse(points, 3, columns)
    first = torch.full((rows * columns,), len(points)).scatter_reduce_(0, cell, points, "amin")
    order = first.argsort()
    return order.to(device), order.argsort().to(device)


def _scaled_inverse(points: Tensor, base: int, size: int) -> Tensor:
    """floor(`size` times the radical inverse of `points`), in whole numbers."""
    inverse, power = torch.zeros_like(points), 1
    while bool(points.any()):
        inverse, points, power = inverse * base + points % base, points // base, power * base
    return inverse * size // power
