"""Figures of generated text: the share of its words that occur in the training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data import Dataset, Strings
from ..metric import Comparison, Metric
from ..statistics.estimate import Estimate
from ..statistics.means import mean
from .beside import Drawn, beside, codec_of

__all__ = ["Words"]

_MARKS = ".,;:!?'\"()[]-"


@dataclass(frozen=True)
class Words(Metric):
    """Share of the words of a text that occur in the training data, mean over the texts.

    A word is what stands between spaces, without punctuation marks around it; two hyphens separate words. *Real words*
    are those of the training data. Short ones are often real by chance, so *real long words* counts those of `long`
    letters or more. Held-out text has words of its own: compare with its share, and not with 1.

    Args:
        long: Number of letters from which on a word is long.
    """

    long: int = 5

    def suits(self, dataset: Dataset) -> bool:
        codec = dataset.codec
        return isinstance(codec, Strings) and codec.split == "characters" and " " in codec.words

    def __call__(self, comparison: Comparison) -> Sequence[Estimate]:
        texts = codec_of(comparison).decode(comparison.dataset.train.tokens)
        known = {word for text in texts for word in words(text)}

        def figures(drawn: Drawn) -> list[Estimate]:
            found = [words(text) for text in drawn.texts]
            long = [[word for word in each if len(word) >= self.long] for each in found]
            return [_share("real words", found, known), _share("real long words", long, known)]

        return beside(comparison, figures)


def words(text: str) -> list[str]:
    """The words of a text.

    >>> words("for, look you,--'tis the king!")
    ['for', 'look', 'you', 'tis', 'the', 'king']
    """
    return [word for each in text.replace("--", " ").split() if (word := each.strip(_MARKS))]


def _share(name: str, words: list[list[str]], known: set[str]) -> Estimate:
    """Mean over the texts that have words."""
    rows = np.array([row for row, each in enumerate(words) if each], dtype=np.int64)
    shares = np.array([np.mean([word in known for word in words[row]]) for row in rows])
    return mean(name, shares, better="higher", note="words of the training split", bounds=(0, 1), members=rows)
