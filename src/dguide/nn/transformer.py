"""A class-conditional diffusion transformer over tokens.

A block consists of attention and a two-layer network. The class (and the time, if the process needs it) modulates both
by adaptive layer norms with gates that start at zero (adaLN-zero: Peebles and Xie, arXiv 2212.09748, section 3.2).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import bad, number
from ..noise import Noise, parse
from ..process import PREDICTIONS, Prediction
from .blocks import Block, Dropout, Grid, LevelEmbedding, Sequence, modulated
from .condition import Condition, Conditions, Sizes, check_classes, check_condition, check_range, check_sizes, null_of

__all__ = ["DiffusionTransformer", "Trunk"]


class Trunk(NamedTuple):
    """The state of the network after its last attention. Later steps treat each position separately.

    Attributes:
        hidden: Positions before the last block, [B, L, W].
        mixed: Output of the attention of the last block, [B, L, W].
        block: Shifts, scales and gates of the last block, [B, 6 W].
        last: Shift and scale before the output layer, [B, 2 W].
    """

    hidden: Tensor
    mixed: Tensor
    block: Tensor
    last: Tensor


class DiffusionTransformer(nn.Module):
    r"""A denoiser `p(x_0^i = . | x_t, c)`: gives logits for each position from noisy tokens, time and class.

    The null label, "no condition", is `n_classes`. With `shape` a position has the sum of a row and a column embedding,
    otherwise an embedding of its index.

    With `noise` the network depends on time, as the uniform process needs. Its input includes the noise level m(t).
    By Bayes' rule it adds to its logits the evidence of the present token about the clean token y: for V tokens and
    $\alpha = 1 - m$,

    $$\log q(x_t^i \mid x_0^i = y) = \log\left(1 + \frac{\alpha V}{m} 1[y = x_t^i]\right) + \text{const},$$

    So the network has to learn only the evidence of the other tokens. (Masks have no evidence.) A new network predicts
    the uniform distribution times this evidence.

    With `prediction` "leave-one-out" it adds no evidence: the process does (`dguide.Uniform`). The weights of both are
    the same.

    Source: Peebles and Xie, arXiv 2212.09748; for the leave-one-out law arXiv 2605.22765.

    Args:
        vocab_size: Number V of predicted token values.
        n_classes: Number of classes without the null label; or, for several conditions, the number of classes of each
            by name, 0 for a condition that is a number. A condition is then a dict of tensors by name, and "not given"
            is the number of classes, or nan.
        length: Number L of tokens in a sequence.
        input_size: Number of input token values, `process.input_size`: V, or V + 1 if V is the mask token.
        shape: Height and width (H, W) of images in row-major order, H W = L; None for sequences.
        noise: The noise schedule, or its name, for a process whose posterior depends on time; None for masked.
        prediction: The law that it gives, "posterior" or "leave-one-out". Without `noise` the two are the same.
        width: Channels of a token, a multiple of `2 heads`.
        layers: Number of blocks.
        heads: Number of attention heads.
        expansion: Hidden channels of a block's two-layer network, as a multiple of `width`.
        augmentations: Number of augmentations of the training data, with number 0 for none. The number is an input, so
            the network learns from augmented data but does not generate them (Jun et al., "Distribution Augmentation
            for Generative Modeling", ICML 2020).
        dropout: Share of channels that training sets to zero in the output of a block; needs `reseed` in each step.
        generator: Generator of the initial weights; by default a new one with seed 0, not the global one.

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
        prediction: Prediction = "posterior",
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
        if prediction not in (PREDICTIONS if noise is not None else PREDICTIONS[:1]):
            expected = " or ".join(map(repr, PREDICTIONS)) + "; without noise 'posterior', since both are the same"
            raise bad("prediction", repr(prediction), expected)
        self.prediction = prediction
        self.noise = parse(noise) if isinstance(noise, str) else noise
        self.hyperparameters: dict[str, Any] = {
            **sizes,
            "n_classes": check_sizes(n_classes),
            "input_size": input_size,
            "shape": None if shape is None else list(shape),
            "noise": None if self.noise is None else str(self.noise),
            "prediction": prediction,
            "dropout": dropout,
        }
        self.vocab_size = vocab_size
        self.n_classes = check_sizes(n_classes)
        self.length = length
        self.input_size = input_size
        self.time_dependent = self.noise is not None

        with torch.random.fork_rng(devices=[]):  # layers draw weights in their constructor; all are drawn again below
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
        """Draws all weights: with variance 1 / fan-in, embeddings with variance 1/4; modulations and head are zero."""
        for name, parameter in self.named_parameters():
            module = self.get_submodule(name.rpartition(".")[0])
            if name.endswith("bias") or "modulation" in name or module is self.head:
                parameter.zero_()
            else:
                std = 0.5 if isinstance(module, nn.Embedding) else parameter.shape[1] ** -0.5
                parameter.normal_(0, std, generator=generator)

    def reseed(self, generator: torch.Generator) -> None:
        """Sets the generator of dropout. It must be on the device of the network."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator

    def null(self, condition: Condition) -> Condition:
        """The null condition in the structure of `condition`: the null label, or nan for a number."""
        return null_of(self.n_classes, condition)

    def forward(
        self,
        tokens: Tensor,
        time: Tensor,
        condition: Condition,
        augmentation: Tensor | None = None,
        rows: Tensor | None = None,
    ) -> Tensor:
        """Logits of the clean token at every position, or at some of them.

        Args:
            tokens: Noisy tokens, [B, L] int64.
            time: Time of each sequence in [0, 1], [B], any floating dtype.
            condition: Class of each sequence, or the null label `n_classes`, [B] int64; or a dict of conditions.
            augmentation: Number of the augmentation of each sequence, [B] int64; by default 0, none.
            rows: Positions, [N] int64, as in `logits_at`; by default all.

        Returns:
            Logits, [B, L, V], or [N, V] for `rows`.

        Raises:
            ValueError: If shapes, dtypes or ranges are not as above.
        """
        self.check_shapes(tokens, time, condition, rows)
        self.check_ranges(tokens, condition, rows)
        logits = self.readout(self.trunk(tokens, time, condition, augmentation), rows)
        if rows is None:
            return self.add_evidence(logits, tokens, time.unsqueeze(-1))
        return self.add_evidence(logits, tokens.flatten()[rows], time[rows // self.length])

    def logits_at(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor) -> Tensor:
        """Logits of the clean token at some positions: rows of `forward`, up to rounding.

        The layers after the last attention run for these positions only, which saves time.

        Args:
            tokens: Noisy tokens, [B, L] int64.
            time: Time of each sequence in [0, 1], [B], any floating dtype.
            condition: Class of each sequence, or the null label `n_classes`, [B] int64; or a dict of conditions.
            rows: Indices of positions among all B L in row-major order, [N] int64; any order, repetitions allowed.

        Returns:
            Logits, [N, V].

        Raises:
            ValueError: If shapes, dtypes or ranges are not as above.
        """
        return self.forward(tokens, time, condition, rows=rows)

    def trunk(self, tokens: Tensor, time: Tensor, condition: Condition, augmentation: Tensor | None = None) -> Trunk:
        """The part of the network in which positions depend on each other. Arguments as in `forward`, not checked."""
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
        """Logits without evidence: for all positions, [B, L, V], or for `rows`, [N, V]."""
        if rows is None:
            hidden, mixed, block, last = trunk.hidden, trunk.mixed, trunk.block.unsqueeze(1), trunk.last.unsqueeze(1)
        else:
            sequence = rows // self.length
            hidden, mixed = (x.flatten(0, 1).index_select(0, rows) for x in (trunk.hidden, trunk.mixed))
            block, last = (x.index_select(0, sequence) for x in (trunk.block, trunk.last))
        final: Any = self.blocks[-1]
        hidden = final.finish(hidden, mixed, block)
        shift, scale = last.chunk(2, dim=-1)
        logits: Tensor = self.head(modulated(self.norm(hidden), shift, scale))
        return logits

    def add_evidence(self, logits: Tensor, tokens: Tensor, time: Tensor) -> Tensor:
        """Adds to logits [..., V] the evidence of each token [...] at its time, `log(1 + alpha V / m)`.

        The result is float32. Without a noise schedule there is no evidence, in a leave-one-out law it is left out, and
        the logits do not change.
        """
        if self.noise is None or self.prediction == "leave-one-out":
            return logits
        # At m = 0 the evidence is infinite. The smallest level limits it to about 30, which has the same effect.
        odds = self.noise.alpha(time.double()) * self.vocab_size / self.noise.level(time.double()).clamp_min(1e-12)
        telling = tokens < self.vocab_size  # false for masks
        column = torch.where(telling, tokens, 0).unsqueeze(-1)
        evidence = torch.where(telling, odds.log1p(), 0.0).float().unsqueeze(-1)
        return logits.float().scatter_add(-1, column, evidence)

    def check_shapes(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor | None = None) -> None:
        """Raises `ValueError` for arguments of the wrong shape or dtype. Does not read the values."""
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
        """Raises `ValueError` for values out of range. On an accelerator this waits for the values."""
        check_range("tokens", tokens, self.input_size, "Pass tokens of the process of this network.")
        check_classes(self.n_classes, condition)
        if rows is not None:
            check_range("rows", rows, tokens.numel(), "They count the positions of all sequences in row-major order.")


def _fits(shape: object, length: int) -> bool:
    """Whether `shape` is a height and a width of `length` pixels in all."""
    whole = isinstance(shape, (tuple, list)) and len(shape) == 2 and all(isinstance(side, int) for side in shape)
    return whole and min(shape) > 0 and shape[0] * shape[1] == length  # type: ignore[index, call-overload]
