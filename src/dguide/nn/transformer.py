"""A class-conditional diffusion transformer over tokens.

Blocks of attention and a two-layer network, each modulated by the class (and the time, where the process needs it)
through adaptive layer norms whose gates start at zero (adaLN-zero: Peebles and Xie, arXiv 2212.09748, section 3.2).
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import bad
from ..noise import Noise, parse

__all__ = ["DiffusionTransformer"]


class DiffusionTransformer(nn.Module):
    r"""A denoiser `p(x_0^i = . | x_t, c)`: logits of every position from noisy tokens, time and class.

    The null label, which stands for "no condition", is `n_classes`. With `shape` a position is the sum of a row and a
    column embedding, otherwise an embedding of its own.

    With `noise` the network depends on time, as the uniform process needs: it sees the noise level m(t), and by Bayes'
    rule it adds to its logits what the present token itself tells about the clean one,

    $$\log q(x_t^i \mid x_0^i = y) = \log\left(1 + \frac{\alpha V}{m} 1[y = x_t^i]\right) + \text{const},$$

    which leaves the network to learn only what the other tokens tell. (A mask says nothing, and gets nothing added.)
    A network that has just been made predicts the uniform law, times that evidence.

    Source: Peebles and Xie, arXiv 2212.09748.

    Args:
        vocab_size: Number V of token values it predicts.
        n_classes: Number of classes besides the null label.
        length: Number L of tokens in a sequence.
        input_size: Number of token values it reads, `process.input_size`: V, or V + 1 with a mask id of V.
        shape: Height and width (H, W) of images in row-major order, H W = L; None for sequences.
        noise: The schedule of a process whose posterior depends on time, or its name; None if it does not (masked).
        width: Channels of a token, a multiple of `2 heads`.
        layers: Number of blocks.
        heads: Number of attention heads.
        expansion: Hidden channels of a block's two-layer network, as a multiple of `width`.
        augmentations: Number of ways in which training alters the data, among them 0, not at all. The network is told
            which (Jun et al., "Distribution Augmentation for Generative Modeling", ICML 2020), hence learns from
            altered data without imitating it.
        dropout: Share of channels that training sets to zero in what a block adds; needs `reseed` before each step.
        generator: Source of the initial weights; by default one seeded with 0. The global one is never touched.

    Raises:
        ValueError: If the sizes do not fit each other.
    """

    def __init__(
        self,
        vocab_size: int,
        n_classes: int,
        length: int,
        *,
        input_size: int,
        shape: tuple[int, int] | None = None,
        noise: Noise | str | None = None,
        width: int = 96,
        layers: int = 3,
        heads: int = 4,
        expansion: int = 4,
        augmentations: int = 1,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = {"vocab_size": vocab_size, "n_classes": n_classes, "length": length, "width": width, "layers": layers}
        sizes |= {"heads": heads, "expansion": expansion, "augmentations": augmentations}
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise bad(name, repr(size), "a positive whole number")
        if input_size not in (vocab_size, vocab_size + 1):
            raise bad("input_size", input_size, f"{vocab_size} or {vocab_size + 1}", "Pass process.input_size.")
        if shape is not None and shape[0] * shape[1] != length:
            raise bad("shape", shape, f"height times width to be the length {length}")
        if width % (2 * heads):
            raise bad("width", width, f"a multiple of {2 * heads} (twice the heads)")
        if not 0 <= dropout < 1:
            raise bad("dropout", dropout, "a number from 0 to below 1")
        self.noise = parse(noise) if isinstance(noise, str) else noise
        self.hyperparameters: dict[str, Any] = {
            **sizes,
            "input_size": input_size,
            "shape": None if shape is None else list(shape),
            "noise": None if self.noise is None else str(self.noise),
            "dropout": dropout,
        }
        self.vocab_size = vocab_size
        self.n_classes = n_classes
        self.length = length
        self.input_size = input_size
        self.time_dependent = self.noise is not None

        with torch.random.fork_rng(devices=[]):  # layers draw weights when they are made; all are drawn anew below
            self.token = nn.Embedding(input_size, width)
            self.position: nn.Module = Sequence(length, width) if shape is None else Grid(*shape, width)
            self.label = nn.Embedding(n_classes + 1, width)
            self.augmentation = nn.Embedding(augmentations, width) if augmentations > 1 else None
            self.level = LevelEmbedding(width) if self.time_dependent else None
            self.blocks = nn.ModuleList(Block(width, heads, expansion, dropout) for _ in range(layers))
            self.norm = nn.LayerNorm(width, elementwise_affine=False)
            self.modulation = nn.Linear(width, 2 * width)
            self.head = nn.Linear(width, vocab_size)
        self.initialise(torch.Generator().manual_seed(0) if generator is None else generator)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Draws all weights anew: of variance 1 / fan-in, embeddings of variance 1/4; modulations and head are zero."""
        for name, parameter in self.named_parameters():
            module = self.get_submodule(name.rpartition(".")[0])
            if name.endswith("bias") or "modulation" in name or module is self.head:
                parameter.zero_()
            else:
                std = 0.5 if isinstance(module, nn.Embedding) else parameter.shape[1] ** -0.5
                parameter.normal_(0, std, generator=generator)

    def reseed(self, generator: torch.Generator) -> None:
        """Has dropout draw from `generator`, which is on the device of the network, from now on."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator

    def null(self, condition: Tensor) -> Tensor:
        """The null label in the shape of `condition`."""
        return torch.full_like(condition, self.n_classes)

    def forward(self, tokens: Tensor, time: Tensor, condition: Tensor, augmentation: Tensor | None = None) -> Tensor:
        """Logits of the clean token at every position.

        Args:
            tokens: Noisy tokens, [B, L] int64.
            time: Time of each sequence in [0, 1], [B], any floating dtype.
            condition: Class of each sequence, or the null label `n_classes`, [B] int64.
            augmentation: How each sequence was altered, [B] int64; by default not at all, 0.

        Returns:
            Logits, [B, L, V].

        Raises:
            ValueError: If shapes, dtypes or ranges are not as above.
        """
        self._check(tokens, time, condition)
        context = self.label(condition)
        if self.augmentation is not None:
            context = context + self.augmentation(torch.zeros_like(condition) if augmentation is None else augmentation)
        if self.level is not None and self.noise is not None:
            context = context + self.level(self.noise.level(time.double()))
        context = F.silu(context)
        hidden = self.position(self.token(tokens))
        for block in self.blocks:
            hidden = block(hidden, context)
        shift, scale = self.modulation(context).unsqueeze(1).chunk(2, dim=-1)
        logits: Tensor = self.head(self.norm(hidden) * (1 + scale) + shift)
        return logits if self.noise is None else logits.float() + self._evidence(self.noise, tokens, time).float()

    def _evidence(self, noise: Noise, tokens: Tensor, time: Tensor) -> Tensor:
        """What each token tells about its clean self, `log(1 + alpha V / m)` in its own column, [B, L, V] float64."""
        # At m = 0 the evidence is infinite; the smallest level keeps it at 30, beyond which nothing changes.
        odds = noise.alpha(time.double()) * self.vocab_size / noise.level(time.double()).clamp_min(1e-12)
        columns = torch.arange(self.vocab_size, device=tokens.device)
        return (tokens.unsqueeze(-1) == columns) * odds.log1p()[:, None, None]

    def _check(self, tokens: Tensor, time: Tensor, condition: Tensor) -> None:
        batch = len(tokens)
        if tokens.dtype != torch.int64 or tokens.dim() != 2 or tokens.shape[1] != self.length:
            got, expected = f"{tokens.dtype} {list(tokens.shape)}", f"torch.int64 [B, {self.length}]"
            raise bad("tokens", got, expected, "Pass whole sequences of token ids.")
        if not time.is_floating_point() or time.shape != (batch,):
            got, expected = f"{time.dtype} {list(time.shape)}", f"floating point [{batch}]"
            raise bad("time", got, expected, "Pass one time for each sequence.")
        if condition.dtype != torch.int64 or condition.shape != (batch,):
            got, expected = f"{condition.dtype} {list(condition.shape)}", f"torch.int64 [{batch}]"
            raise bad("labels", got, expected, "Pass one class for each sequence.")
        _check_range("tokens", tokens, self.input_size, "Pass tokens of the process of this network.")
        _check_range("labels", condition, self.n_classes + 1, f"The null label, no condition, is {self.n_classes}.")


def _check_range(what: str, values: Tensor, end: int, remedy: str) -> None:
    if not values.numel():
        return
    low, high = (int(value) for value in torch.aminmax(values))
    if low < 0 or high >= end:
        raise bad(what, f"values from {low} to {high}", f"values from 0 to {end - 1}", remedy)


class Block(nn.Module):
    """One transformer block: `h + g1 attention(norm(h))`, then `h + g2 mlp(norm(h))`, scales and gates from context."""

    def __init__(self, width: int, heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 6 * width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.expand = nn.Linear(width, expansion * width)
        self.contract = nn.Linear(expansion * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, hidden: Tensor, context: Tensor) -> Tensor:
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(context).unsqueeze(1).chunk(6, dim=-1)
        hidden = hidden + gate1 * self.dropout(self.attention(self.norm(hidden) * (1 + scale1) + shift1))
        raised = F.gelu(self.expand(self.norm(hidden) * (1 + scale2) + shift2), approximate="tanh")
        out: Tensor = hidden + gate2 * self.dropout(self.contract(raised))
        return out

    def attention(self, hidden: Tensor) -> Tensor:
        batch, length, width = hidden.shape
        parts = self.query_key_value(hidden).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class Dropout(nn.Module):
    """Sets a random share of channels to zero in training, drawn from a generator of its own, not the global one."""

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
    """Adds an embedding of its index to each position."""

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.index = nn.Embedding(length, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.index.weight


class Grid(nn.Module):
    """Adds embeddings of its row and of its column to each position."""

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
        # f = 1 tells one end from the other, f = 500 levels that are 0.01 apart.
        frequencies = torch.exp(torch.linspace(0, math.log(500), width // 2, dtype=torch.float64))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)

    def forward(self, level: Tensor) -> Tensor:
        angle = level[:, None] * self.frequencies
        features = torch.cat((angle.cos(), angle.sin()), dim=-1).to(self.first.weight.dtype)
        out: Tensor = self.second(F.silu(self.first(features)))
        return out
