"""The codec of strings with the words of a Hugging Face tokenizer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from ...errors import InputError, bad, positive, require
from ..bounded import refused
from .base import Codec

__all__ = ["Tokenised", "TokenisedText"]

MOST_BYTES = 2**27
"""Largest size of a `tokenizer.json`. Those of 250,000 words have some 35 MB."""
_EXPECTED = "a tokenizer.json of the library tokenizers"
_TRIAL = """
from tokenizers import Tokenizer
def check(text):
    made = Tokenizer.from_str(text)
    made.no_padding()
    made.no_truncation()
    words = sorted(made.get_vocab())[:1000]
    for word in ["", *words, " ".join(words)]:
        try:
            made.decode(made.encode(word, add_special_tokens=False).ids, skip_special_tokens=False)
        except Exception:
            pass  # a word that it refuses, as it may
    return ""
"""
"""Loads a tokenizer and reads some of its own words. This can end the process, or need any amount of memory."""
_tried: set[str] = set()
"""SHA-256 of the tokenizers that passed the trial in this process."""


@dataclass(frozen=True)
class TokenisedText:
    """The tokens of a string.

    Args:
        tokens: The numbers of its words.
        why: The reason why the tokens do not represent the whole string; empty if they do.
    """

    tokens: list[int]
    why: str = ""


@dataclass(frozen=True)
class Tokenised(Codec):
    """Strings as the words of a tokenizer, then an end, then padding.

    The tokens are those of the tokenizer and two more: END is `vocab_size - 2`, PAD is `vocab_size - 1`. Strings with a
    word outside the vocabulary raise an error, because all such words would become the same token.

    Args:
        tokenizer: The text of a `tokenizer.json` of the library `tokenizers`.
        width: Number L of tokens in a sequence, with the end.
    """

    tokenizer: str
    width: int

    def __post_init__(self) -> None:
        if positive("width", self.width) < 2:
            raise bad("width", self.width, "at least 2, for a word and the end")
        self.library  # noqa: B018 - raises now if the text is not a tokenizer

    @classmethod
    def read(cls, path: Path, width: int) -> Tokenised:
        """The codec for the tokenizer in the file `path`. Raises `ValueError` if the file is not valid."""
        try:
            _check_size(path.stat().st_size)
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise bad("tokenizer", f"{path}: {error}", _EXPECTED) from error
        return cls(text, width)

    @cached_property
    def library(self) -> Any:
        """The `tokenizers.Tokenizer`."""
        tokenizers = require("tokenizers", "strings")
        _try(self.tokenizer)
        with _refusing():
            made = tokenizers.Tokenizer.from_str(self.tokenizer)
        made.no_padding()
        made.no_truncation()
        return made

    @cached_property
    def words(self) -> int:
        """One more than the largest number of a word. This is the number of words, if no number is unused."""
        return 1 + max(self.library.get_vocab().values(), default=-1)

    @cached_property
    def unknown(self) -> int | None:
        """The number for all words outside the vocabulary; None if the tokenizer has none."""
        model = json.loads(self.tokenizer)["model"]
        number: int | None = model.get("unk_id")
        return number if model.get("unk_token") is None else self.library.token_to_id(model["unk_token"])

    @property
    def vocab_size(self) -> int:
        return self.words + 2

    @property
    def length(self) -> int:
        return self.width

    def find(self, text: str) -> TokenisedText:
        """The tokens of a string, with a reason if a word is outside the vocabulary."""
        library = self.library
        try:
            with _refusing():
                encoding = library.encode(text, add_special_tokens=False)
                outside = [text[first:last] for first, last in _where(encoding, self.unknown)]
                outside = outside or self._dropped(text, encoding)
        except InputError as error:
            return TokenisedText([], f"the tokenizer refuses it: {str(error.__cause__)[:200]}")
        return TokenisedText(encoding.ids, f"a word outside the vocabulary: {outside[0][:60]!r}" if outside else "")

    def encode(self, text: str) -> list[int]:
        """The tokens of a string, with end and padding.

        Raises:
            ValueError: If it is no string, is too long, or contains a word outside the vocabulary.
        """
        if not isinstance(text, str):
            raise bad("string", repr(text)[:60], "a string")
        encoded = self.find(text)
        if encoded.why:
            raise bad("string", f"{text[:60]!r} with {encoded.why}", "words that the tokenizer knows")
        if len(encoded.tokens) > self.width - 1:
            raise bad("string", f"{len(encoded.tokens)} words: {text[:60]!r}", f"at most {self.width - 1}")
        return [*encoded.tokens, self.words] + [self.words + 1] * (self.width - 1 - len(encoded.tokens))

    def decode(self, tokens: Tensor) -> list[str]:
        """The strings before the end of sequences [N, L], without padding tokens."""
        rows = [row[: row.index(self.words)] if self.words in row else row for row in tokens.tolist()]
        known = [[token for token in row if token < self.words] for row in rows]
        with _refusing():
            return [str(self.library.decode(row, skip_special_tokens=False)) for row in known]

    def _dropped(self, text: str, encoding: Any) -> list[str]:
        """The parts of a string without a token, except spaces and parts that the tokenizer omits on purpose.

        A normalizer may join an accent with its letter. So if a part has no token, the normalised string is checked.
        """
        normalizer, splitter = self.library.normalizer, self.library.pre_tokenizer
        dropped = _uncovered(text, encoding)
        if dropped and normalizer is not None:
            text = normalizer.normalize_str(text)
            dropped = _uncovered(text, self._normalised.encode(text, add_special_tokens=False))
        return [part for part in dropped if splitter is None or splitter.pre_tokenize_str(part)]

    @cached_property
    def _normalised(self) -> Any:
        """The `tokenizers.Tokenizer` without its normalizer."""
        made = require("tokenizers", "strings").Tokenizer.from_str(self.tokenizer)
        made.normalizer = None
        made.no_truncation()
        return made


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise bad("tokenizer", f"{size:,} bytes", f"at most {MOST_BYTES:,} bytes")


def _try(text: str) -> None:
    """Loads a tokenizer in another process, once a content. Raises `InputError` if that fails."""
    content = text.encode("utf-8", "surrogatepass")
    _check_size(len(content))
    digest = hashlib.sha256(content).hexdigest()
    if digest in _tried:
        return
    (why,) = refused(_TRIAL, [text])
    if why:
        raise bad("tokenizer", why, f"the text of {_EXPECTED}")
    _tried.add(digest)


@contextmanager
def _refusing() -> Iterator[None]:
    """Raises `InputError` for an error of the library: a Python error, or a panic of its Rust code."""
    try:
        yield
    except BaseException as error:
        # A panic is no Exception, and no module has its class.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise bad("tokenizer", str(error)[:200], f"the text of {_EXPECTED}") from error
        raise


def _where(encoding: Any, token: int | None) -> list[tuple[int, int]]:
    return [place for place, number in zip(encoding.offsets, encoding.ids, strict=True) if number == token]


def _uncovered(text: str, encoding: Any) -> list[str]:
    """The longest parts of a string without spaces and without tokens."""
    left = list(text)
    for first, last in encoding.offsets:
        left[first:last] = " " * (last - first)
    return re.findall(r"\S+", "".join(left))
