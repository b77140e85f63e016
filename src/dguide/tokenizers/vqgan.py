"""The autoencoder of VQ-GAN with codes of unit length, under the names of LlamaGen's published weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from ..state_dict import number_of

__all__ = ["VQGAN", "Sizes"]


@dataclass(frozen=True)
class Sizes:
    """The sizes of an autoencoder.

    Args:
        codes: Number V of codes.
        depth: Numbers of a code.
        latent: Channels between the codes and the convolutions.
        widths: Channels at each resolution, the highest first.
        blocks: Residual blocks of the encoder at each resolution; the decoder has one more.
        channels: 1 for grey pictures, 3 for RGB.
        encoder: Whether there is an encoder.
    """

    codes: int
    depth: int
    latent: int
    widths: tuple[int, ...]
    blocks: int
    channels: int
    encoder: bool

    @property
    def factor(self) -> int:
        """Pixels for each token, in both directions."""
        return int(2 ** (len(self.widths) - 1))

    @classmethod
    def of(cls, shapes: Mapping[str, Sequence[int]]) -> Sizes:
        """The sizes that the shapes of weights tell. Raises `KeyError` for a tensor that they lack."""
        levels = number_of(shapes, "decoder.conv_blocks.")
        first = [shapes[f"decoder.conv_blocks.{level}.res.0.conv1.weight"][0] for level in range(levels)]
        codes, depth = shapes["quantize.embedding.weight"]
        return cls(
            codes,
            depth,
            shapes["post_quant_conv.weight"][0],
            tuple(first[::-1]),
            number_of(shapes, "decoder.conv_blocks.0.res.") - 1,
            shapes["decoder.conv_out.weight"][0],
            any(name.startswith("encoder.") for name in shapes),
        )


def _norm(channels: int) -> nn.Module:
    return nn.GroupNorm(32, channels, eps=1e-6)


class _Block(nn.Module):
    """A residual block: twice norm, SiLU and convolution."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(before), _norm(after)
        self.conv1, self.conv2 = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(before, after, 1) if before != after else nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        added = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(hidden))))))
        out: Tensor = self.nin_shortcut(hidden) + added
        return out


class _Attention(nn.Module):
    """Attention with one head over all places, added to its input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, hidden: Tensor) -> Tensor:
        normed = self.norm(hidden)
        parts = (each(normed).flatten(2).transpose(1, 2).unsqueeze(1) for each in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(*parts).squeeze(1).transpose(1, 2)
        out: Tensor = hidden + self.proj_out(mixed.unflatten(2, hidden.shape[2:]))
        return out


class _Down(nn.Module):
    """Half the resolution, by a convolution of stride 2 with zeros below and on the right only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, 2)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.conv(F.pad(hidden, (0, 1, 0, 1)))
        return out


class _Up(nn.Module):
    """Twice the resolution: each value four times, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.conv(F.interpolate(hidden, scale_factor=2.0, mode="nearest"))
        return out


class _Level(nn.Module):
    """The blocks at one resolution, with attention after each at the lowest one, and the way to the next."""

    def __init__(
        self, before: int, after: int, blocks: int, lowest: bool, down: bool = False, up: bool = False
    ) -> None:
        super().__init__()
        self.res = nn.ModuleList(_Block(after if number else before, after) for number in range(blocks))
        self.attn = nn.ModuleList(_Attention(after) if lowest else nn.Identity() for _ in range(blocks))
        self.downsample = _Down(after) if down else nn.Identity()
        self.upsample = _Up(after) if up else nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        for block, attention in zip(self.res, self.attn, strict=True):
            hidden = attention(block(hidden))
        out: Tensor = self.upsample(self.downsample(hidden))
        return out


def _middle(width: int) -> nn.Module:
    return nn.Sequential(_Block(width, width), _Attention(width), _Block(width, width))


class _Encoder(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        widths, lowest = sizes.widths, len(sizes.widths) - 1
        self.conv_in = nn.Conv2d(sizes.channels, widths[0], 3, padding=1)
        self.conv_blocks = nn.Sequential(
            *(
                _Level(before, after, sizes.blocks, level == lowest, down=level < lowest)
                for level, (before, after) in enumerate(pairwise((widths[0], *widths)))
            )
        )
        self.mid = _middle(widths[-1])
        self.norm_out, self.conv_out = _norm(widths[-1]), nn.Conv2d(widths[-1], sizes.latent, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.mid(self.conv_blocks(self.conv_in(images)))
        out: Tensor = self.conv_out(F.silu(self.norm_out(hidden)))
        return out


class _Decoder(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        widths, last = sizes.widths[::-1], len(sizes.widths) - 1
        self.conv_in = nn.Conv2d(sizes.latent, widths[0], 3, padding=1)
        self.mid = _middle(widths[0])
        self.conv_blocks = nn.Sequential(
            *(
                _Level(before, after, sizes.blocks + 1, level == 0, up=level < last)
                for level, (before, after) in enumerate(pairwise((widths[0], *widths)))
            )
        )
        self.norm_out, self.conv_out = _norm(widths[-1]), nn.Conv2d(widths[-1], sizes.channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        hidden = self.conv_blocks(self.mid(self.conv_in(latents)))
        out: Tensor = self.conv_out(F.silu(self.norm_out(hidden)))
        return out


class VQGAN(nn.Module):
    r"""Encoder, table of codes of unit length, and decoder.

    With the encoder's output $z$ at a place and the codes $e_1, \dots, e_V$, the token is
    $\arg\min_k \lVert z / \lVert z \rVert - e_k / \lVert e_k \rVert \rVert$. Sources: Esser, Rombach and Ommer, arXiv
    2012.09841, for the network; Sun et al., arXiv 2406.06525, for the weights.

    Args:
        sizes: The sizes; those of published weights are read from their file by `dguide.tokenizers.load`.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder = _Encoder(sizes) if sizes.encoder else None
        self.quant_conv = nn.Conv2d(sizes.latent, sizes.depth, 1) if sizes.encoder else None
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(sizes.codes, sizes.depth)})
        self.post_quant_conv = nn.Conv2d(sizes.depth, sizes.latent, 1)
        self.decoder = _Decoder(sizes)

    @property
    def codes(self) -> Tensor:
        """The table of codes of unit length, [V, depth]."""
        table: Any = self.quantize["embedding"].weight
        return F.normalize(table, dim=-1)

    def tokens(self, images: Tensor) -> Tensor:
        """The codes [B, rows, columns] of pictures [B, C, H, W] in [-1, 1], by an encoder that must be there."""
        assert self.encoder is not None
        assert self.quant_conv is not None
        latents = self.quant_conv(self.encoder(images)).permute(0, 2, 3, 1)
        # In float64, so that the nearest code does not depend on the order of the sums. Of codes of unit length the
        # nearest is the one of the largest product.
        return (F.normalize(latents.double(), dim=-1) @ self.codes.double().T).argmax(-1)

    def draw(self, tokens: Tensor) -> Tensor:
        """The pictures [B, C, H, W] of codes [B, rows, columns], in [-1, 1] or a little beyond."""
        values = self.codes[tokens].permute(0, 3, 1, 2)
        drawn: Tensor = self.decoder(self.post_quant_conv(values))
        return drawn
