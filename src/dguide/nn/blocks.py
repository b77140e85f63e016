"""Parts of the transformer: the block, its dropout, and embeddings of positions and of the noise level."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import bad
from .linear import GeluLinear, Linear

__all__ = ["Block", "Dropout", "Grid", "LevelEmbedding", "Sequence", "modulated"]


class Block(nn.Module):
    """A transformer block: `h + g1 attention(norm(h))`, then `h + g2 mlp(norm(h))`.

    The gates g1 and g2, and the shifts and scales of the norms, are linear functions of the context.
    """

    def __init__(self, width: int, heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 6 * width)
        self.query_key_value = Linear(width, 3 * width)
        self.out = Linear(width, width)
        self.expand = GeluLinear(width, expansion * width)
        self.contract = Linear(expansion * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, hidden: Tensor, context: Tensor) -> Tensor:
        modulation = self.modulation(context).unsqueeze(1)
        return self.finish(hidden, self.mix(hidden, modulation), modulation)

    def mix(self, hidden: Tensor, modulation: Tensor) -> Tensor:
        """Attention without its output layer, [B, L, W]. Only here a position depends on other positions."""
        batch, length, width = hidden.shape
        shift, scale = modulation.chunk(6, dim=-1)[:2]
        parts = self.query_key_value(modulated(self.norm(hidden), shift, scale))
        query, key, value = parts.view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = attention(query, key, value)
        return mixed.transpose(1, 2).reshape(batch, length, width)

    def finish(self, hidden: Tensor, mixed: Tensor, modulation: Tensor) -> Tensor:
        """The rest of the block, for positions [..., W]. The modulation [..., 6 W] is broadcast."""
        _, _, gate1, shift2, scale2, gate2 = modulation.chunk(6, dim=-1)
        hidden = torch.addcmul(hidden, gate1, self.dropout(self.out(mixed)))
        raised = self.expand(modulated(self.norm(hidden), shift2, scale2))
        return torch.addcmul(hidden, gate2, self.dropout(self.contract(raised)))


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention, [B, H, L, D]; in float32 where a CPU trains in half precision.

    There its gradient takes 2 to 4 times as long in bfloat16: the kernel of PyTorch converts each tile by itself.
    """
    half = query.dtype in (torch.bfloat16, torch.float16)
    if not half or query.device.type != "cpu" or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(query, key, value)
    with torch.autocast("cpu", enabled=False):
        return F.scaled_dot_product_attention(query.float(), key.float(), value.float()).to(query.dtype)


def modulated(normed: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """`normed * (1 + scale) + shift` in one pass."""
    return torch.addcmul(shift, normed, 1 + scale)


class Dropout(nn.Module):
    """Sets a random share of channels to zero in training. It has its own random generator."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, hidden: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return hidden
        if self.generator is None:
            raise bad("dropout in training", "no generator", "one", "Call reseed(generator) of the network first.")
        kept = torch.empty_like(hidden).bernoulli_(1 - self.share, generator=self.generator)
        return hidden * kept / (1 - self.share)


class Sequence(nn.Module):
    """Adds to each position an embedding of its index."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.index = nn.Embedding(length, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.index.weight


class Grid(nn.Module):
    """Adds to each position embeddings of its row and of its column."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        super().__init__()
        self.row = nn.Embedding(height, channels)
        self.column = nn.Embedding(width, channels)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + (self.row.weight[:, None] + self.column.weight[None, :]).flatten(0, 1)


class LevelEmbedding(nn.Module):
    """Sinusoidal features of the noise level m, `cos(f m)` and `sin(f m)` with f from 1 to 500, through two layers."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        # f = 1 distinguishes the two ends, f = 500 levels at a distance of 0.01.
        frequencies = torch.exp(torch.linspace(0, math.log(500), width // 2, dtype=torch.float64))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, level: Tensor) -> Tensor:
        angle = level[:, None] * self.frequencies
        features = torch.cat((angle.cos(), angle.sin()), dim=-1).to(self.first.weight.dtype)
        out: Tensor = self.second(F.silu(self.first(features)))
        return out
