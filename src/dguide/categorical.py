r"""Categorical draws by inverse CDF: one uniform a draw, sums in float64, tile by tile.

The token drawn is the first whose cumulative weight exceeds u times the total. The vocabulary is summed in tiles first,
so that the running sum that is compared has few terms, and a token of zero weight is never returned.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["draw"]

_TILE = 256


def _first_above(weights: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """First column whose cumulative weight exceeds `target`, and what is left of `target` before it."""
    cumulative = weights.cumsum(-1)
    # Rounding can leave the target at or above the last sum: the last column of positive weight is meant then.
    last = weights.shape[-1] - 1 - (weights > 0).flip(-1).to(torch.uint8).argmax(-1)
    column = torch.minimum((cumulative <= target.unsqueeze(-1)).sum(-1), last)
    before = torch.where(column > 0, cumulative.gather(-1, (column - 1).clamp_min(0).unsqueeze(-1)).squeeze(-1), 0.0)
    return column, target - before


def draw(log_weights: Tensor, uniforms: Tensor) -> Tensor:
    r"""Draw one token a row with probability proportional to $\exp$(`log_weights`).

    Args:
        log_weights: [N, V], unnormalised; -inf is never drawn; each row has one finite entry at least.
        uniforms: [N] float64 in (0, 1).

    Returns:
        [N] int64 in [0, V).
    """
    rows, vocab = log_weights.shape
    weights = torch.exp((log_weights - log_weights.amax(-1, keepdim=True)).double())
    if vocab <= _TILE:
        return _first_above(weights, uniforms * weights.sum(-1))[0]
    tiles = torch.nn.functional.pad(weights, (0, -vocab % _TILE)).unflatten(-1, (-1, _TILE))
    sums = tiles.sum(-1)
    tile, rest = _first_above(sums, uniforms * sums.sum(-1))
    column = _first_above(tiles[torch.arange(rows, device=tiles.device), tile], rest)[0]
    return tile * _TILE + column
