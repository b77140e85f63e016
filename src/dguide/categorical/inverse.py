r"""Categorical draws by inverse CDF: one uniform a draw, tile by tile, sums in float64.

The token drawn is the first whose cumulative weight exceeds u times the total. The vocabulary is summed in tiles first,
so that the running sum that is compared has few terms, and a token of zero weight is never returned.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["TILE", "draw", "first_above", "pick", "wide_sum"]

TILE = 256


def first_above(weights: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor]:
    """First column whose cumulative weight exceeds the share `uniforms` of the total, and how far into it that is.

    Args:
        weights: [N, K] float64, nowhere negative, with a positive sum.
        uniforms: [N] float64 in [0, 1].

    Returns:
        columns [N], each of positive weight, and the share of its own weight at which each was met, [N] in [0, 1].
    """
    cumulative = weights.cumsum(-1)
    total = cumulative[:, -1:]
    # Rounding can lead to the total itself, which no cumulative weight exceeds: just below it is meant then.
    target = torch.minimum(uniforms.unsqueeze(-1) * total, torch.nextafter(total, torch.zeros_like(total)))
    column = (cumulative <= target).sum(-1, keepdim=True)
    own = weights.gather(-1, column)
    into = (target - cumulative.gather(-1, column) + own) / own
    return column.squeeze(-1), into.clamp(0, 1).squeeze(-1)


def pick(weights: Tensor, uniforms: Tensor) -> Tensor:
    """Draw one token a row with probability proportional to `weights`.

    Tiles are chosen by their sums in the dtype of the weights, tokens in a tile by sums in float64. So every token has
    its share of its tile in float64, however small beside the largest, and the shares of tiles are exact to rounding.

    Args:
        weights: [N, V] in float32 or float64, nowhere negative, the sum of each row positive.
        uniforms: [N] float64 in (0, 1).

    Returns:
        [N] int64 in [0, V).
    """
    rows, vocab = weights.shape
    if vocab <= TILE:
        return first_above(weights.double(), uniforms)[0]
    if vocab % TILE:
        weights = torch.nn.functional.pad(weights, (0, -vocab % TILE))
    tiles = weights.unflatten(-1, (-1, TILE))
    tile, into = first_above(tiles.sum(-1).double(), uniforms)
    column = first_above(tiles[torch.arange(rows, device=tiles.device), tile].double(), into)[0]
    return tile * TILE + column


def wide_sum(values: Tensor) -> Tensor:
    """The sum of each row, [n] float64: of tiles in float32, and of these in float64, without a copy of the rows."""
    whole = values.shape[-1] // TILE * TILE
    rest = values[:, whole:].sum(-1, dtype=torch.float64)
    return rest + values[:, :whole].unflatten(-1, (-1, TILE)).sum(-1).sum(-1, dtype=torch.float64) if whole else rest


def draw(log_weights: Tensor, uniforms: Tensor) -> Tensor:
    r"""Draw one token a row with probability proportional to $\exp$(`log_weights`).

    Args:
        log_weights: [N, V], unnormalised; -inf is never drawn; each row has one finite entry at least.
        uniforms: [N] float64 in (0, 1).

    Returns:
        [N] int64 in [0, V).
    """
    return pick(torch.exp((log_weights - log_weights.amax(-1, keepdim=True)).double()), uniforms)
