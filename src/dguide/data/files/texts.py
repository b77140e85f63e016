"""Converts strings to tokens. Strings that do not fit are omitted and listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...errors import bad, choose
from ..base import Skipped
from ..codecs.base import Codec
from ..codecs.strings import SPLITS, Strings
from ..codecs.tokenised import Tokenised
from ..sets.molecules import unparsed

__all__ = ["Sequences", "tokenise"]

MOST_TOKENS = 2**29
"""Largest number of tokens of all strings with their padding: 4 GB."""
_FEW = 0.01
"""Share of strings that may be left out because they are much longer than the others."""


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
    if tokenizer is not None:
        words = Tokenised.read(tokenizer, 2)
        encoded = [words.find(text) for text in texts]
        why = {index: each.why for index, each in enumerate(encoded) if each.why} | why
        parts = [len(each.tokens) + 1 for each in encoded]
    else:
        parts = [len(SPLITS[split](text)) + 2 for text in texts]
    why = _too_long(parts, length, why) | why
    if split == "smiles":  # last, since RDKit takes long for long strings
        left = [index for index in range(len(texts)) if index not in why]
        wrong = zip(left, unparsed([texts[index] for index in left]), strict=True)
        why |= {index: each for index, each in wrong if each}
    kept = [index for index in range(len(texts)) if index not in why]
    codec: Strings | Tokenised
    if tokenizer is not None:
        codec = Tokenised(words.tokenizer, length or max([2, *(parts[index] for index in kept)]))
    else:
        codec = Strings.of([texts[index] for index in kept], split, length)
    tokens = torch.empty(len(kept), codec.length, dtype=torch.int64)
    for row, index in enumerate(kept):
        tokens[row] = torch.tensor(codec.encode(texts[index]))
    return Sequences(tokens, codec, kept, [Skipped(places[index], why[index]) for index in sorted(why)])


def _too_long(parts: Sequence[int], length: int | None, why: Mapping[int, str]) -> dict[int, str]:
    """The strings to leave out for their length: those over `length`, or else a few that pad all others too much.

    Raises:
        ValueError: If too many strings are too long for the memory.
    """
    left = sorted((index for index in range(len(parts)) if index not in why), key=lambda index: parts[index])
    if length is not None:
        longest = length
    else:
        longest, count = parts[left[-1]] if left else 0, len(left)
        while left and count * longest > MOST_TOKENS and count > (1 - _FEW) * len(left):
            count -= 1
            longest = parts[left[count - 1]] if count else 0
    fitting = sum(parts[index] <= longest for index in left)
    if fitting * longest > MOST_TOKENS:
        got = f"{fitting:,} of {longest:,} tokens with padding"
        raise bad("strings", got, f"at most {MOST_TOKENS:,} tokens in all", "Pass a smaller length=NUMBER.")
    reason = "{} tokens, more than {}" if length is not None else "{} tokens: all would be padded to it; {} is the next"
    return {index: reason.format(parts[index], longest) for index in left if parts[index] > longest}
