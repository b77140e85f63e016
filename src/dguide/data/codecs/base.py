"""The interface of codecs, which define the vocabulary, the length and the display of sequences."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad, with_data

__all__ = ["Codec", "Written"]


class Codec(ABC):
    """The vocabulary and the length of sequences, and how to show them."""

    @property
    @abstractmethod
    def vocab_size(self) -> int:
        """Number V of token values."""

    @property
    @abstractmethod
    def length(self) -> int:
        """Number L of tokens in a sequence."""

    @property
    def shape(self) -> tuple[int, int] | None:
        """Rows and columns of the tokens of an image; None for other sequences."""
        return None

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width (H, W) of a picture in pixels; None for other sequences."""
        return self.shape

    def encode(self, value: Any, /) -> list[int]:
        """The tokens of one image or string, whose codec overrides this. Raises `ValueError` for what does not fit."""
        raise bad("encode", f"{type(self).__name__}, whose sequences are neither images nor strings", "a codec of them")

    def features(self, tokens: Tensor) -> NDArray[np.float64]:
        """Images [N, L] as points [N, D]; similar images are near. Raises `ValueError` for other sequences."""
        raise bad("features", f"{type(self).__name__}, whose sequences are no images", "images")

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel, [..., H, W] float32. Raises `ValueError` if the sequences are not images."""
        raise bad("a picture", f"{type(self).__name__}, whose sequences are no images", "images")

    def colours(self, tokens: Tensor) -> Tensor:
        """Red, green and blue of every pixel, 0 to 255, [..., H, W, 3] float32. Raises `ValueError` likewise."""
        raise bad("colours", f"{type(self).__name__}, whose sequences are no images", "images")

    def contents(self, tokens: Tensor) -> list[bytes]:
        """What each of the sequences [N, L] stands for, whatever other sequences a data set has.

        The number of a token and the padding may depend on the other sequences; the text does not.
        """
        if isinstance(self, Written):
            return [text.encode("utf-8", "surrogatepass") for text in self.decode(tokens)]
        return [row.tobytes() for row in tokens.cpu().numpy()]

    def check(self, tokens: Tensor) -> None:
        """Raises `ValueError` for tokens outside the vocabulary, or sequences of another length."""
        if with_data("tokens", tokens).shape[-1:] != (self.length,):
            raise bad("tokens", f"shape {tuple(tokens.shape)}", f"a last dimension of {self.length}")
        if tokens.numel() and not (int(tokens.min()) >= 0 and int(tokens.max()) < self.vocab_size):
            got = f"values from {int(tokens.min())} to {int(tokens.max())}"
            raise bad("tokens", got, f"values from 0 to {self.vocab_size - 1}")

    def check_same(self, other: Codec, what: str) -> None:
        """Raises `ValueError` if the tokens of another data set have another meaning.

        Args:
            other: The codec of the other data set.
            what: Its name.
        """
        if other != self:
            got, expected = (f"{type(c).__name__}, {c.length} tokens of {c.vocab_size}" for c in (other, self))
            remedy = "Choose the data that the model learnt, or some with the same words, colours and length."
            raise bad(f"tokens of {what}", got, f"{expected}, each with the meaning that the model learnt", remedy)


@runtime_checkable
class Written(Protocol):
    """A codec of strings."""

    @property
    def vocab_size(self) -> int: ...

    def encode(self, text: str, /) -> list[int]: ...

    def decode(self, tokens: Tensor) -> list[str]: ...

    def check(self, tokens: Tensor) -> None: ...
