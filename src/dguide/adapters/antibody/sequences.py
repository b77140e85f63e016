"""Sequences of amino acids as tokens, and where parts of a sequence are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...errors import Mistakes, bad

__all__ = ["MASK", "RESIDUES", "checked", "decode", "encode", "positions_of"]

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
"""The letter of each amino acid; that of token k is letter k."""
MASK = len(RESIDUES)
"""The mask token. In text it is `_`."""
_LETTERS = RESIDUES + "_"


def encode(sequences: str | Sequence[str]) -> Tensor:
    """Sequences as tokens [N, L] int64.

    Args:
        sequences: One sequence, or several of the same length. `_` is an amino acid that is not known.

    Raises:
        ValueError: If there are none, an empty one, other letters, or different lengths.

    >>> encode("ACD_").tolist()
    [[0, 1, 2, 20]]
    """
    rows = [sequences] if isinstance(sequences, str) else list(sequences)
    if not rows or not all(isinstance(row, str) and row for row in rows):
        raise bad("sequences", repr(rows)[:60], "strings of one-letter codes, at least one letter each")
    mistakes = Mistakes()
    for row in rows:
        if others := sorted(set(row) - set(_LETTERS)):
            expected = f"the letters {RESIDUES}, and _ for what is not known"
            mistakes.add(bad(f"sequence {row[:24]}", f"{' '.join(others)}", expected))
    lengths = sorted({len(row) for row in rows})
    if len(lengths) > 1:
        remedy = "Sample each length by itself."
        mistakes.add(bad("sequences", f"lengths {', '.join(map(str, lengths))}", "one length", remedy))
    mistakes.settle()
    return torch.tensor([[_LETTERS.index(letter) for letter in row] for row in rows])


def decode(tokens: Tensor) -> list[str]:
    """The sequences of tokens [N, L]; `_` for masks.

    Raises:
        ValueError: For other tokens.

    >>> decode(encode("ACD_"))
    ['ACD_']
    """
    return ["".join(_LETTERS[token] for token in row) for row in checked(tokens).tolist()]


def checked(tokens: Tensor) -> Tensor:
    """The tokens. Raises `ValueError` unless they are [N, L] int64, amino acids and masks."""
    if tokens.dtype != torch.int64 or tokens.ndim != 2 or not tokens.numel():
        raise bad("tokens", f"{tokens.dtype} {list(tokens.shape)}", "an int64 tensor [N, L] that is not empty")
    if not 0 <= int(tokens.min()) <= int(tokens.max()) <= MASK:
        raise bad("tokens", f"values from {int(tokens.min())} to {int(tokens.max())}", f"amino acids, 0 to {MASK}")
    return tokens


def positions_of(parts: Iterable[str], sequence: str) -> Tensor:
    """Which positions of a sequence belong to some parts of it, [L] bool.

    Args:
        parts: Parts that occur once each, such as the complementarity-determining regions.
        sequence: The sequence.

    Raises:
        ValueError: With all parts that do not occur, or occur more than once.

    >>> positions_of(["CD"], "ACDE").tolist()
    [False, True, True, False]
    """
    found, mistakes = torch.zeros(len(sequence), dtype=torch.bool), Mistakes()
    for part in parts:
        first = sequence.find(part)
        if not part or first < 0 or sequence.find(part, first + 1) >= 0:
            times = "no place" if not part or first < 0 else "several places"
            mistakes.add(bad(f"part {part!r}", f"{times} in {sequence}", "exactly one"))
            continue
        found[first : first + len(part)] = True
    mistakes.settle()
    return found
