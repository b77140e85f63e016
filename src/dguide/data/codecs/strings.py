"""The codec of strings: a token is a character, or a symbol of SMILES."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from ...errors import bad, choose, positive
from .base import Codec

__all__ = ["BEGIN", "END", "PAD", "SPLITS", "Strings", "split_characters", "split_smiles"]

BEGIN, END, PAD = "<begin>", "<end>", "<pad>"
_SPECIAL = (BEGIN, END, PAD)
_SMILES = re.compile(r"\[[^\]]*\]|Br|Cl|%\d\d|.", re.DOTALL)


def split_characters(text: str) -> list[str]:
    """The characters of a string."""
    return list(text)


def split_smiles(text: str) -> list[str]:
    """The symbols of a SMILES string: bracket atoms, `Br`, `Cl`, `%nn`, and single characters."""
    return _SMILES.findall(text)


SPLITS = {"characters": split_characters, "smiles": split_smiles}


@dataclass(frozen=True)
class Strings(Codec):
    """Strings as the tokens begin, words, end, padding.

    Args:
        words: The words; word k is token k. The first three are `BEGIN`, `END` and `PAD`.
        width: Number L of tokens in a sequence, with begin and end.
        split: How to split a string into words: `characters` or `smiles`.
    """

    words: tuple[str, ...]
    width: int
    split: str = "characters"

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", tuple(self.words))
        choose("way to split strings", self.split, SPLITS)
        if self.words[:3] != _SPECIAL or len(set(self.words)) != len(self.words):
            raise bad("words", self.words[:6], f"{', '.join(_SPECIAL)} and then others, each once")
        if positive("width", self.width) < 2:
            raise bad("width", self.width, "at least 2, for begin and end")

    @classmethod
    def of(cls, texts: Iterable[str], split: str = "characters", width: int | None = None) -> Strings:
        """The codec for `texts`: their alphabet, and `width` or the length of the longest text."""
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
        """The tokens of a string, with begin, end and padding.

        Raises:
            ValueError: If it is no string, is too long, or contains a word outside the alphabet.
        """
        if not isinstance(text, str):
            raise bad("string", repr(text)[:60], "a string")
        parts = SPLITS[self.split](text)
        if len(parts) > self.width - 2:
            raise bad("string", f"{len(parts)} words: {text[:60]!r}", f"at most {self.width - 2}")
        unknown = sorted({part for part in parts if part not in self.numbers or part in _SPECIAL})
        if unknown:
            raise bad("string", f"{text[:60]!r} with {unknown}", "words of the alphabet " + " ".join(self.words[3:]))
        return [0, *(self.numbers[part] for part in parts), 1] + [2] * (self.width - 2 - len(parts))

    def decode(self, tokens: Tensor) -> list[str]:
        """The strings between begin and end of sequences [N, L].

        Begin and padding tokens inside are part of the string. Without an end, the string goes to the last token.
        """
        texts = []
        for row in tokens.tolist():
            body = row[1:] if row[0] == 0 else row
            body = body[: body.index(1)] if 1 in body else body
            texts.append("".join(self.words[token] for token in body))
        return texts
