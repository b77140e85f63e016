"""The class-conditional Halton-MaskGIT transformer, under the names of its published weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...errors import bad
from ...nn.condition import check_classes, check_condition, check_range
from ...process import Masked

__all__ = ["MaskGIT", "Sizes"]

_EPS = 1e-5


@dataclass(frozen=True)
class Sizes:
    """The sizes of a transformer.

    Args:
        codes: Number V of codes; the mask is token V.
        classes: Number of classes; the null label is the next number.
        shape: Rows and columns (h, w) of tokens.
        width: Channels of a token.
        layers: Number of blocks.
        heads: Number of attention heads, a divisor of `width`.
        inner: Channels inside the feed-forward layers.
        registers: Tokens that are no part of the image.
    """

    codes: int
    classes: int
    shape: tuple[int, int]
    width: int
    layers: int
    heads: int
    inner: int
    registers: int


class _RMS(nn.Module):
    r"""$g\, x / \sqrt{\mathrm{mean}(x^2) + \epsilon}$ (+ b), in float32."""

    def __init__(self, width: int, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, hidden: Tensor) -> Tensor:
        scaled = _unit(hidden) * self.weight
        return scaled if self.bias is None else scaled + self.bias


def _unit(hidden: Tensor) -> Tensor:
    return F.rms_norm(hidden.float(), hidden.shape[-1:], eps=_EPS).to(hidden.dtype)


class _Attention(nn.Module):
    """Attention whose queries and keys have unit mean square over the full width, before they become heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, hidden: Tensor) -> Tensor:
        queries, keys, values = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in (_unit(self.wq(hidden)), _unit(self.wk(hidden)), self.wv(hidden))
        )
        mixed: Tensor = self.wo(F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2))
        return mixed


class _FeedForward(nn.Module):
    """SwiGLU: `w2(silu(w1 x) * w3 x)`."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.w1, self.w3 = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.w2(F.silu(self.w1(hidden)) * self.w3(hidden))
        return out


def _modulation(width: int, parts: int) -> nn.Module:
    return nn.Sequential(nn.SiLU(), nn.Linear(width, parts * width))


class _Block(nn.Module):
    """Attention and feed-forward, each modulated and gated by the label."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.mlp = _modulation(width, 6)
        self.ln1, self.ln2 = _RMS(width), _RMS(width)
        self.attn = _Attention(width, heads)
        self.ff = _FeedForward(width, inner)

    def forward(self, hidden: Tensor, label: Tensor) -> Tensor:
        shift, scale, gate, shift_2, scale_2, gate_2 = self.mlp(label).unsqueeze(1).chunk(6, -1)
        hidden = hidden + gate * self.attn(self.ln1(hidden) * (1 + scale) + shift)
        out: Tensor = hidden + gate_2 * self.ff(self.ln2(hidden) * (1 + scale_2) + shift_2)
        return out


class _Last(nn.Module):
    """The norm before the output layer, and its modulation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm_final = _RMS(width, bias=True)
        self.mlp = _modulation(width, 2)


class _Trunk(NamedTuple):
    """What the last block gives, [B, L, W], and shift and scale before the output layer, [B, 2 W]."""

    hidden: Tensor
    last: Tensor


class MaskGIT(nn.Module):
    r"""A denoiser `p(x_0^i = . | x_t, class)` of images as codes, which does not read the time.

    Tokens are row by row: codes [B, h, w] are `tokens.unflatten(1, model.shape)`. A code is a number below V, the mask
    is V. Its logits have V columns: that of the mask, which the published network has too, is left out, so that a mask
    is never drawn. Source: Besnier et al., "Halton scheduler for masked generative image transformers", arXiv
    2503.17076.

    Args:
        sizes: The sizes; those of published weights are read from their file by `dguide.adapters.maskgit.load`.

    >>> from dguide import Halton, sample
    >>> network = MaskGIT(Sizes(codes=24, classes=7, shape=(4, 4), width=32, layers=1, heads=4, inner=256, registers=1))
    >>> network = network.eval().requires_grad_(False)
    >>> classes = torch.tensor([0, 6])
    >>> sampler = Halton(steps=2, grid="arccos", shape=network.shape)
    >>> sample(network, process=network.process, length=16, condition=classes, sampler=sampler).tokens.shape
    torch.Size([2, 16])
    """

    time_dependent = False
    prediction = "posterior"

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes, self.shape = sizes, sizes.shape
        self.n_classes, self.length = sizes.classes, sizes.shape[0] * sizes.shape[1]
        self.cls_emb = nn.Embedding(sizes.classes + 1, sizes.width)
        self.tok_emb = nn.Embedding(sizes.codes + 1, sizes.width)
        self.pos_emb = nn.Embedding(self.length, sizes.width)
        blocks = (_Block(sizes.width, sizes.heads, sizes.inner) for _ in range(sizes.layers))
        self.transformer = nn.ModuleDict({"layers": nn.ModuleList(blocks)})
        self.last_norm = _Last(sizes.width)
        self.head = nn.Linear(sizes.width, sizes.codes + 1)
        self.reg_tokens = nn.Embedding(sizes.registers, sizes.width) if sizes.registers else None

    @property
    def process(self) -> Masked:
        """The process of its tokens: V codes and the mask V."""
        return Masked(vocab_size=self.sizes.codes, mask_id=self.sizes.codes)

    def null(self, condition: Tensor) -> Tensor:
        """The null label for each of the classes [B]."""
        return torch.full_like(condition, self.n_classes)

    def forward(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Logits [B, L, V] of the codes at all positions.

        Args:
            tokens: Codes and masks, [B, L] int64, row by row.
            time: Not read.
            condition: Classes, or the null label, [B] int64.

        Raises:
            ValueError: For another shape or dtype, and on the CPU for tokens and classes out of range.
        """
        return self._codes(self._features(self._trunk(tokens, condition)))

    def logits_at(self, tokens: Tensor, time: Tensor, condition: Tensor, rows: Tensor) -> Tensor:
        """Logits [N, V] at some positions: rows of `forward`, up to rounding. Arguments as there.

        Args:
            tokens: As in `forward`.
            time: Not read.
            condition: As in `forward`.
            rows: Indices of positions among all B L in row-major order, [N] int64.
        """
        trunk = self._trunk(tokens, condition)
        chosen = _Trunk(trunk.hidden.flatten(0, 1)[rows].unsqueeze(1), trunk.last[rows // self.length])
        return self._codes(self._features(chosen)).squeeze(1)

    def with_mask(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """Logits [B, L, V + 1], as the published network gives them: the last column is the mask."""
        logits: Tensor = self.head(self._features(self._trunk(tokens, condition)))
        return logits

    def _trunk(self, tokens: Tensor, condition: Tensor) -> _Trunk:
        self._check(tokens, condition)
        label = self.cls_emb(condition)
        hidden = self.tok_emb(tokens) + self.pos_emb.weight
        if self.reg_tokens is not None:
            hidden = torch.cat([hidden, self.reg_tokens.weight.expand(len(hidden), -1, -1)], 1)
        blocks: Any = self.transformer["layers"]
        for block in blocks:
            hidden = block(hidden, label)
        return _Trunk(hidden[:, : self.length], self.last_norm.mlp(label))

    def _check(self, tokens: Tensor, condition: Tensor) -> None:
        if tokens.dtype != torch.int64 or tokens.shape[1:] != (self.length,):
            rows, columns = self.shape
            expected = f"torch.int64 [B, {self.length}], {rows} x {columns} tokens row by row"
            raise bad("tokens", f"{tokens.dtype} {list(tokens.shape)}", expected)
        check_condition(self.n_classes, condition, len(tokens))
        if tokens.device.type == "cpu":  # elsewhere each call would wait for the values
            check_range("tokens", tokens, self.sizes.codes + 1, f"The mask is {self.sizes.codes}.")
            check_classes(self.n_classes, condition)

    def _features(self, trunk: _Trunk) -> Tensor:
        shift, scale = trunk.last.unsqueeze(1).chunk(2, -1)
        features: Tensor = self.last_norm.norm_final(trunk.hidden) * (1 + scale) + shift
        return features

    def _codes(self, features: Tensor) -> Tensor:
        return F.linear(features, self.head.weight[:-1], self.head.bias[:-1])
