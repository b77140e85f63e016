"""What tokens stand for, and how a sequence of them is shown: pixels of an image, or words of a string."""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...errors import bad, choose, positive

__all__ = ["BEGIN", "END", "PAD", "Codec", "Pixels", "Strings", "codec", "describe_codec", "split_characters"]

BEGIN, END, PAD = "<begin>", "<end>", "<pad>"
_SPECIAL = (BEGIN, END, PAD)
_COLOUR = re.compile("#[0-9a-f]{6}")
_SMILES = re.compile(r"\[[^\]]*\]|Br|Cl|%\d\d|.", re.DOTALL)


class Codec(ABC):
    """A finite alphabet and a length, and what sequences over it look like to a person."""

    kind: ClassVar[str]

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
        """Height and width (H, W) of an image; None for what is none."""
        return None

    def features(self, tokens: Tensor) -> NDArray[np.float64]:
        """Images [N, L] as points [N, D] in a space where near means similar. Raises `ValueError` for what is none."""
        raise bad("features", f"{type(self).__name__}, whose sequences are no images", "images")

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel, [..., H, W] float32. Raises `ValueError` for what is no image."""
        raise bad("a picture", f"{type(self).__name__}, whose sequences are no images", "images")

    def check(self, tokens: Tensor) -> None:
        """Refuses tokens that are none of this alphabet and length. Raises `ValueError`."""
        if tokens.shape[-1:] != (self.length,):
            raise bad("tokens", f"shape {tuple(tokens.shape)}", f"a last dimension of {self.length}")
        if tokens.numel() and not (int(tokens.min()) >= 0 and int(tokens.max()) < self.vocab_size):
            got = f"values from {int(tokens.min())} to {int(tokens.max())}"
            raise bad("tokens", got, f"values from 0 to {self.vocab_size - 1}")

    def check_same(self, other: Codec, what: str) -> None:
        """Refuses data in which tokens stand for something else. Raises `ValueError`.

        Args:
            other: Their codec.
            what: Their name.
        """
        if other != self:
            got, expected = (f"{c.kind}, {c.length} tokens of {c.vocab_size}" for c in (other, self))
            remedy = "Choose the data that the model learnt, or some with the same words, colours and length."
            raise bad(f"tokens of {what}", got, f"{expected}, each with the meaning that the model learnt", remedy)


@dataclass(frozen=True)
class Pixels(Codec):
    """Images in row-major order: token k is colour k of the palette.

    Args:
        height: Rows H.
        width: Columns W.
        palette: Colour of each token, as `#rrggbb`; `grey` makes one of equidistant greys.
    """

    height: int
    width: int
    palette: tuple[str, ...]
    kind: ClassVar[str] = "pixels"

    def __post_init__(self) -> None:
        positive("height", self.height)
        positive("width", self.width)
        object.__setattr__(self, "palette", tuple(self.palette))
        wrong = [colour for colour in self.palette if not _COLOUR.fullmatch(str(colour))]
        if wrong or len(self.palette) < 2:
            raise bad("palette", wrong or self.palette, "at least two colours, each as #rrggbb")

    @classmethod
    def grey(cls, height: int, width: int, levels: int) -> Pixels:
        """Images in `levels` greys from black to white."""
        greys = [round(255 * level / (levels - 1)) for level in range(levels)]
        return cls(height, width, tuple(f"#{g:02x}{g:02x}{g:02x}" for g in greys))

    @property
    def vocab_size(self) -> int:
        return len(self.palette)

    @property
    def length(self) -> int:
        return self.height * self.width

    @property
    def shape(self) -> tuple[int, int]:
        return self.height, self.width

    @cached_property
    def is_grey(self) -> bool:
        """Whether tokens are equidistant greys from black to white."""
        return self.palette == Pixels.grey(1, 1, len(self.palette)).palette

    def picture(self, tokens: Tensor) -> Tensor:
        """Brightness of every pixel, from 0 (dark) to 1 (bright): `token / (V - 1)` if tokens are greys.

        Args:
            tokens: Sequences, [..., L] int64.

        Returns:
            Pictures, [..., H, W] float32.

        Raises:
            ValueError: If `tokens` has another length.
        """
        self._fits(tokens)
        brightness = tokens.float() / (self.vocab_size - 1) if self.is_grey else self.colours(tokens) @ _LUMA / 255
        return brightness.reshape(*tokens.shape[:-1], *self.shape)

    def colours(self, tokens: Tensor) -> Tensor:
        """Red, green and blue of every pixel, 0 to 255, [..., H, W, 3] float32, of sequences [..., L]."""
        self._fits(tokens)
        palette = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in self.palette]
        return torch.tensor(palette, dtype=torch.float32, device=tokens.device)[tokens].reshape(
            *tokens.shape[:-1], *self.shape, 3
        )

    def features(self, tokens: Tensor) -> NDArray[np.float64]:
        """`token / (V - 1)` if tokens are greys, else red, green and blue of every pixel; from 0 to 1, [N, D]."""
        self._fits(tokens)
        if self.is_grey:
            greys: NDArray[np.float64] = tokens.cpu().double().numpy() / (self.vocab_size - 1)
            return greys
        colours: NDArray[np.float64] = self.colours(tokens.cpu()).double().flatten(1).numpy() / 255
        return colours

    def _fits(self, tokens: Tensor) -> None:
        if tokens.shape[-1] != self.length:
            raise bad(
                "tokens",
                f"shape {tuple(tokens.shape)}",
                f"a last dimension of {self.length} ({self.height} rows of {self.width})",
                "Pass whole images, row by row.",
            )


_LUMA = torch.tensor([0.299, 0.587, 0.114])


def split_characters(text: str) -> list[str]:
    """The characters of a string."""
    return list(text)


def split_smiles(text: str) -> list[str]:
    """The symbols of a SMILES string: bracket atoms, `Br`, `Cl` and `%nn` as one, all else by characters."""
    return _SMILES.findall(text)


SPLITS = {"characters": split_characters, "smiles": split_smiles}


@dataclass(frozen=True)
class Strings(Codec):
    """Strings: begin, words, end, padding.

    Args:
        words: The words, word k being token k; `BEGIN`, `END` and `PAD` are the first three.
        width: Number L of tokens in a sequence, begin and end included.
        split: How a string falls into words: `characters` or `smiles`.
    """

    words: tuple[str, ...]
    width: int
    split: str = "characters"
    kind: ClassVar[str] = "strings"

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        choose("way to split strings", self.split, SPLITS)
        if self.words[:3] != _SPECIAL or len(set(self.words)) != len(self.words):
            raise bad("words", self.words[:6], f"{', '.join(_SPECIAL)} and then others, each once")
        if positive("width", self.width) < 2:
            raise bad("width", self.width, "at least 2, for begin and end")

    @classmethod
    def of(cls, texts: Iterable[str], split: str = "characters", width: int | None = None) -> Strings:
        """The alphabet that `texts` are written in, and a `width` that the longest of them fits in."""
        divide, words, longest = SPLITS[choose("way to split strings", split, SPLITS)], set[str](), 0
        for text in texts:
            parts = divide(text)
            words.update(parts)
            longest = max(longest, len(parts))
        return cls((*_SPECIAL, *sorted(words - set(_SPECIAL))), width or longest + 2, split)

    @property
    def vocab_size(self) -> int:
        return len(self.words)

    @property
    def length(self) -> int:
        return self.width

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The token of each word."""
        return {word: token for token, word in enumerate(self.words)}

    def encode(self, text: str) -> list[int]:
        """The tokens of a string, begin, end and padding included.

        Raises:
            ValueError: If it is too long, or holds a word that is not in the alphabet.
        """
        parts = SPLITS[self.split](text)
        if len(parts) > self.width - 2:
            raise bad("string", f"{len(parts)} words: {text[:60]!r}", f"at most {self.width - 2}")
        unknown = sorted({part for part in parts if part not in self.numbers or part in _SPECIAL})
        if unknown:
            raise bad("string", f"{text[:60]!r} with {unknown}", "words of the alphabet " + " ".join(self.words[3:]))
        return [0, *(self.numbers[part] for part in parts), 1] + [2] * (self.width - 2 - len(parts))

    def decode(self, tokens: Tensor) -> list[str]:
        """The strings between begin and end of sequences [N, L]; a begin or padding inside shows as itself.

        A sequence without an end is read to its last token.
        """
        texts = []
        for row in tokens.tolist():
            body = row[1:] if row[0] == 0 else row
            body = body[: body.index(1)] if 1 in body else body
            texts.append("".join(self.words[token] for token in body))
        return texts


def _codecs() -> dict[str, type[Codec]]:
    from .tokenised import Tokenised  # it is a codec itself

    return {kind.kind: kind for kind in (Pixels, Strings, Tokenised)}


def describe_codec(value: Codec) -> dict[str, Any]:
    """A codec as plain values that JSON can carry."""
    plain = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}  # type: ignore[arg-type]
    return {"kind": value.kind} | {k: _plain(v) for k, v in plain.items()}


def codec(description: Mapping[str, Any]) -> Codec:
    """The codec that `describe_codec` described. Raises `ValueError` if it is none."""
    arguments = dict(description)
    kinds = _codecs()
    cls = kinds[choose("kind of data", str(arguments.pop("kind", None)), kinds)]
    try:
        return cls(**arguments)
    except TypeError as error:
        raise bad(f"codec of kind {cls.kind}", description, f"the arguments of {cls.__name__}") from error


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
