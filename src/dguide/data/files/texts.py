"""Converts strings to tokens. Strings that do not fit are omitted and listed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...errors import bad, choose
from ..base import Skipped
from ..codecs.base import Codec
from ..codecs.strings import SPLITS, Strings
from ..codecs.tokenised import Tokenised
from ..sets.molecules import parse

__all__ = ["Sequences", "tokenise"]


@dataclass(frozen=True)
class Sequences:
    """Entries of a source as tokens.

    Args:
        tokens: Their tokens, [N, L] int64.
        codec: The codec of the tokens.
        kept: Indices of these entries in the source.
        skipped: The omitted entries, with reasons.
    """

    tokens: Tensor
    codec: Codec
    kept: list[int]
    skipped: list[Skipped]


def tokenise(
    texts: Sequence[str], places: Sequence[str], split: str, tokenizer: Path | None, length: int | None
) -> Sequences:
    """Converts strings to tokens of their own alphabet, or of a tokenizer.

    Args:
        texts: The strings.
        places: The place of each string, for the list of omitted ones.
        split: `characters`, or `smiles`; then RDKit must accept the strings.
        tokenizer: A `tokenizer.json`; its words are then the tokens. Strings with other words are omitted.
        length: Tokens of a sequence, with end (and begin); longer strings are omitted. None for the longest string.

    Raises:
        ValueError: If an option is not valid.
    """
    choose("way to split strings", split, SPLITS)
    if length is not None and length < 2:
        raise bad("length", length, "at least 2 tokens, for begin and end")
    why: dict[int, str] = {index: "an empty string" for index, text in enumerate(texts) if not text}
    if split == "smiles":
        for index, molecule in enumerate(parse(texts)):
            if molecule is None:
                why.setdefault(index, f"RDKit rejects {texts[index]!r}")
    codec: Strings | Tokenised
    if tokenizer is not None:
        words = Tokenised.read(tokenizer, 2)
        encoded = [words.find(text) for text in texts]
        why = {index: each.why for index, each in enumerate(encoded) if each.why} | why
        parts = [len(each.tokens) + 1 for each in encoded]
        codec = Tokenised(words.tokenizer, length or max([2, *(n for i, n in enumerate(parts) if i not in why)]))
    else:
        parts = [len(SPLITS[split](text)) + 2 for text in texts]
        fits = [text for i, text in enumerate(texts) if i not in why and (length is None or parts[i] <= length)]
        codec = Strings.of(fits, split, length)
    for index, size in enumerate(parts):
        if size > codec.length:
            why.setdefault(index, f"{size} tokens, more than {codec.length}")
    kept = [index for index in range(len(texts)) if index not in why]
    tokens = torch.tensor([codec.encode(texts[index]) for index in kept], dtype=torch.int64)
    return Sequences(tokens, codec, kept, [Skipped(places[index], why[index]) for index in sorted(why)])
