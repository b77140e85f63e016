"""A class-conditional diffusion transformer over tokens.

Blocks of attention and a two-layer network, each modulated by the class (and the time, where the process needs it)
through adaptive layer norms whose gates start at zero (adaLN-zero: Peebles and Xie, arXiv 2212.09748, section 3.2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import bad, number
from ..noise import Noise, parse
from .blocks import Block, Dropout, Grid, LevelEmbedding, Sequence
from .condition import Condition, Conditions, Sizes, check_classes, check_condition, check_range, check_sizes, null_of

__all__ = ["DiffusionTransformer", "Trunk"]


class Trunk(NamedTuple):
    """What the network knows after its last attention, from where on every position is on its own.

    Attributes:
        hidden: Positions before the last block, [B, L, W].
        mixed: What the attention of the last block gathered for each of them, [B, L, W].
        block: Shifts, scales and gates of the last block, [B, 6 W].
        last: Shift and scale before the output layer, [B, 2 W].
    """

    hidden: Tensor
    mixed: Tensor
    block: Tensor
    last: Tensor


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
        n_classes: Number of classes besides the null label; or, for several conditions at once, the number of classes
            of each by name, 0 for a condition that is a number. A condition is then a dict of tensors by name, and
            "not told" is one more than the last class, or nan.
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
        n_classes: Sizes,
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
        sizes = {"vocab_size": vocab_size, "length": length, "width": width, "layers": layers}
        sizes |= {"heads": heads, "expansion": expansion, "augmentations": augmentations}
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise bad(name, repr(size), "a positive whole number")
        if input_size not in (vocab_size, vocab_size + 1):
            raise bad("input_size", input_size, f"{vocab_size} or {vocab_size + 1}", "Pass process.input_size.")
        if shape is not None and not _fits(shape, length):
            raise bad("shape", shape, f"height and width, whose product is the length {length}")
        if width % (2 * heads):
            raise bad("width", width, f"a multiple of {2 * heads} (twice the heads)")
        if not 0 <= number("dropout", dropout) < 1:
            raise bad("dropout", dropout, "a number from 0 to below 1")
        if not isinstance(noise, (Noise, str, type(None))):
            raise bad("noise", repr(noise), "a noise schedule, its name, or None")
        self.noise = parse(noise) if isinstance(noise, str) else noise
        self.hyperparameters: dict[str, Any] = {
            **sizes,
            "n_classes": check_sizes(n_classes),
            "input_size": input_size,
            "shape": None if shape is None else list(shape),
            "noise": None if self.noise is None else str(self.noise),
            "dropout": dropout,
        }
        self.vocab_size = vocab_size
        self.n_classes = check_sizes(n_classes)
        self.length = length
        self.input_size = input_size
        self.time_dependent = self.noise is not None

        with torch.random.fork_rng(devices=[]):  # layers draw weights when they are made; all are drawn anew below
            self.token = nn.Embedding(input_size, width)
            self.position: nn.Module = Sequence(length, width) if shape is None else Grid(*shape, width)
            classes = self.n_classes
            self.label = nn.Embedding(classes + 1, width) if isinstance(classes, int) else Conditions(classes, width)
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

    def null(self, condition: Condition) -> Condition:
        """What stands for "not told" in the structure of `condition`: the null label, for a number nan."""
        return null_of(self.n_classes, condition)

    def forward(self, tokens: Tensor, time: Tensor, condition: Condition, augmentation: Tensor | None = None) -> Tensor:
        """Logits of the clean token at every position.

        Args:
            tokens: Noisy tokens, [B, L] int64.
            time: Time of each sequence in [0, 1], [B], any floating dtype.
            condition: Class of each sequence, or the null label `n_classes`, [B] int64; or a dict of conditions.
            augmentation: How each sequence was altered, [B] int64; by default not at all, 0.

        Returns:
            Logits, [B, L, V].

        Raises:
            ValueError: If shapes, dtypes or ranges are not as above.
        """
        self.check_shapes(tokens, time, condition)
        self.check_ranges(tokens, condition)
        logits = self.readout(self.trunk(tokens, time, condition, augmentation))
        return self.add_evidence(logits, tokens, time.unsqueeze(-1))

    def logits_at(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor) -> Tensor:
        """Logits of the clean token at some positions: those rows of `forward`, up to rounding, for less work.

        What follows the last attention treats each position on its own, and is done for these positions only.

        Args:
            tokens: Noisy tokens, [B, L] int64.
            time: Time of each sequence in [0, 1], [B], any floating dtype.
            condition: Class of each sequence, or the null label `n_classes`, [B] int64; or a dict of conditions.
            rows: Which of the B L positions, counted in row-major order, [N] int64; in any order, repeated or not.

        Returns:
            Logits, [N, V].

        Raises:
            ValueError: If shapes, dtypes or ranges are not as above.
        """
        self.check_shapes(tokens, time, condition, rows)
        self.check_ranges(tokens, condition, rows)
        logits = self.readout(self.trunk(tokens, time, condition), rows)
        return self.add_evidence(logits, tokens.flatten()[rows], time[rows // self.length])

    def trunk(self, tokens: Tensor, time: Tensor, condition: Condition, augmentation: Tensor | None = None) -> Trunk:
        """All that needs the other positions, the arguments of `forward` unchecked."""
        context = self.label(condition)
        if self.augmentation is not None:
            unaltered = tokens.new_zeros(len(tokens))
            context = context + self.augmentation(unaltered if augmentation is None else augmentation)
        if self.level is not None and self.noise is not None:
            context = context + self.level(self.noise.level(time.double()))
        context = F.silu(context)
        hidden = self.position(self.token(tokens))
        for block in self.blocks[:-1]:
            hidden = block(hidden, context)
        last: Any = self.blocks[-1]
        modulation = last.modulation(context)
        return Trunk(hidden, last.mix(hidden, modulation.unsqueeze(1)), modulation, self.modulation(context))

    def readout(self, trunk: Trunk, rows: Tensor | None = None) -> Tensor:
        """Logits without evidence: of all positions, [B, L, V], or of `rows`, [N, V]."""
        if rows is None:
            hidden, mixed, block, last = trunk.hidden, trunk.mixed, trunk.block.unsqueeze(1), trunk.last.unsqueeze(1)
        else:
            sequence = rows // self.length
            hidden, mixed = (x.flatten(0, 1).index_select(0, rows) for x in (trunk.hidden, trunk.mixed))
            block, last = (x.index_select(0, sequence) for x in (trunk.block, trunk.last))
        final: Any = self.blocks[-1]
        hidden = final.finish(hidden, mixed, block)
        shift, scale = last.chunk(2, dim=-1)
        logits: Tensor = self.head(self.norm(hidden) * (1 + scale) + shift)
        return logits

    def add_evidence(self, logits: Tensor, tokens: Tensor, time: Tensor) -> Tensor:
        """Adds to logits [..., V] what each token [...] at its time tells of its clean self, `log(1 + alpha V / m)`.

        The result is float32. Without a noise schedule, tokens tell nothing, and the logits stay as they are.
        """
        if self.noise is None:
            return logits
        # At m = 0 the evidence is infinite; the smallest level keeps it at 30, beyond which nothing changes.
        odds = self.noise.alpha(time.double()) * self.vocab_size / self.noise.level(time.double()).clamp_min(1e-12)
        telling = tokens < self.vocab_size  # a mask is not
        column = torch.where(telling, tokens, 0).unsqueeze(-1)
        evidence = torch.where(telling, odds.log1p(), 0.0).float().unsqueeze(-1)
        return logits.float().scatter_add(-1, column, evidence)

    def check_shapes(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor | None = None) -> None:
        """Refuses arguments of the wrong shape or dtype, without a look at what they hold. Raises `ValueError`."""
        batch = len(tokens)
        if tokens.dtype != torch.int64 or tokens.dim() != 2 or tokens.shape[1] != self.length:
            got, expected = f"{tokens.dtype} {list(tokens.shape)}", f"torch.int64 [B, {self.length}]"
            raise bad("tokens", got, expected, "Pass whole sequences of token ids.")
        if not time.is_floating_point() or time.shape != (batch,):
            got, expected = f"{time.dtype} {list(time.shape)}", f"floating point [{batch}]"
            raise bad("time", got, expected, "Pass one time for each sequence.")
        check_condition(self.n_classes, condition, batch)
        if rows is not None and (rows.dtype != torch.int64 or rows.dim() != 1):
            got = f"{rows.dtype} {list(rows.shape)}"
            raise bad(
                "rows", got, "torch.int64 [N]", "Pass indices of positions, not a mask: wanted.flatten().nonzero()"
            )

    def check_ranges(self, tokens: Tensor, condition: Condition, rows: Tensor | None = None) -> None:
        """Refuses values out of range, for which an accelerator has to be waited for. Raises `ValueError`."""
        check_range("tokens", tokens, self.input_size, "Pass tokens of the process of this network.")
        check_classes(self.n_classes, condition)
        if rows is not None:
            check_range("rows", rows, tokens.numel(), "They count the positions of all sequences in row-major order.")


def _fits(shape: object, length: int) -> bool:
    """Whether it is a height and a width, of `length` pixels together."""
    whole = isinstance(shape, (tuple, list)) and len(shape) == 2 and all(isinstance(side, int) for side in shape)
    return whole and min(shape) > 0 and shape[0] * shape[1] == length  # type: ignore[index, call-overload]
