"""Strings in the words of a Hugging Face tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor

from ..errors import bad, positive, require
from .codec import Codec

__all__ = ["Tokenised"]


@dataclass(frozen=True)
class Tokenised(Codec):
    """Strings in the words of a tokenizer, then an end, then padding.

    The tokens are those of the tokenizer, and two more: END is `vocab_size - 2`, PAD is `vocab_size - 1`.

    Args:
        tokenizer: What the library `tokenizers` writes to `tokenizer.json`, as text.
        width: Number L of tokens in a sequence, the end included.
    """

    tokenizer: str
    width: int
    kind: ClassVar[str] = "tokenised"

    def __post_init__(self) -> None:
        if positive("width", self.width) < 2:
            raise bad("width", self.width, "at least 2, for a word and the end")
        self.library  # noqa: B018 - a text that is no tokenizer is refused now

    @classmethod
    def read(cls, path: Path, width: int) -> Tokenised:
        """The tokenizer in the file `path`. Raises `ValueError` if there is none."""
        try:
            return cls(path.read_text(encoding="utf-8"), width)
        except (OSError, UnicodeDecodeError) as error:
            raise bad("tokenizer", f"{path}: {error}", "a tokenizer.json of the library tokenizers") from error

    @cached_property
    def library(self) -> Any:
        """The `tokenizers.Tokenizer`."""
        tokenizers = require("tokenizers", "strings")
        try:
            made = tokenizers.Tokenizer.from_str(self.tokenizer)
        except Exception as error:  # the library raises no other class
            raise bad("tokenizer", str(error)[:200], "the text of a tokenizer.json") from error
        made.no_padding()
        made.no_truncation()
        return made

    @cached_property
    def words(self) -> int:
        """Number of words of the tokenizer."""
        return int(self.library.get_vocab_size())

    @property
    def vocab_size(self) -> int:
        return self.words + 2

    @property
    def length(self) -> int:
        return self.width

    def encode(self, text: str) -> list[int]:
        """The tokens of a string, end and padding included. Raises `ValueError` if it is too long."""
        found: list[int] = self.library.encode(text, add_special_tokens=False).ids
        if len(found) > self.width - 1:
            raise bad("string", f"{len(found)} words: {text[:60]!r}", f"at most {self.width - 1}")
        return [*found, self.words] + [self.words + 1] * (self.width - 1 - len(found))

    def decode(self, tokens: Tensor) -> list[str]:
        """The strings before the end of sequences [N, L]; padding inside is left out."""
        rows = [row[: row.index(self.words)] if self.words in row else row for row in tokens.tolist()]
        return [str(self.library.decode([t for t in row if t < self.words], skip_special_tokens=False)) for row in rows]
