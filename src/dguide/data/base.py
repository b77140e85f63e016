"""What a data set of token sequences is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Dataset", "Split"]


@dataclass(frozen=True)
class Split:
    """One part of a data set: sequences and their labels.

    Args:
        tokens: The sequences, [N, L] int64.
        labels: The class of each sequence, [N] int64.
    """

    tokens: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Dataset:
    """Labelled token sequences, divided once and for all into a training and a held-out part.

    Args:
        name: The name under which `dguide.data.load` finds it.
        train: What models learn from.
        held_out: What they are judged on.
        class_names: The name of class 0, 1, ...
        vocab_size: Number V of token values; tokens lie in 0 .. V - 1.
        shape: Height and width (H, W) if a sequence is an image in row-major order, else None.
    """

    name: str
    train: Split
    held_out: Split
    class_names: tuple[str, ...]
    vocab_size: int
    shape: tuple[int, int] | None = None

    @property
    def length(self) -> int:
        """Number L of tokens in a sequence."""
        return int(self.train.tokens.shape[-1])

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel, `token / (V - 1)`, from 0 (dark) to 1 (bright).

        Args:
            tokens: Sequences, [..., L] int64.

        Returns:
            Pictures, [..., H, W] float32.

        Raises:
            ValueError: If the sequences of this data set are not images, or `tokens` has another length.
        """
        if self.shape is None:
            raise ValueError(f"got data set {self.name!r}, whose sequences are no images; expected one with a shape")
        if tokens.shape[-1] != self.length:
            raise ValueError(
                f"got tokens of shape {tuple(tokens.shape)}; expected a last dimension of {self.length} "
                f"({self.shape[0]} rows of {self.shape[1]}); pass whole images, row by row"
            )
        return (tokens.float() / (self.vocab_size - 1)).reshape(*tokens.shape[:-1], *self.shape)

    def features(self, tokens: Tensor) -> NDArray[np.float64]:
        """The sequences as an array that classifiers and nearest-neighbour searches take: `token / (V - 1)`.

        Args:
            tokens: Sequences, [N, L] int64.

        Returns:
            Features in [0, 1], [N, L] float64.
        """
        features: NDArray[np.float64] = tokens.cpu().double().numpy() / (self.vocab_size - 1)
        return features
