r"""Runs of n tokens: how often they occur, how two samples of them differ, and how well they predict the next token."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NGrams", "Sequences", "divergence"]

Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences of different lengths.

    Args:
        tokens: Tokens, those of a sequence first, [N, L] int64.
        lengths: How many they are, [N] int64; what stands behind them has no meaning.
    """

    tokens: Whole
    lengths: Whole

    @classmethod
    def of(cls, tokens: Whole, keep: NDArray[np.bool_]) -> Sequences:
        """What is to be kept of sequences [N, L], moved together."""
        order = np.argsort(~keep, axis=1, kind="stable")
        return cls(np.take_along_axis(tokens, order, 1), keep.sum(1))

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which places hold a token, [N, L]."""
        return np.arange(self.tokens.shape[1]) < self.lengths[:, None]


@dataclass(frozen=True, eq=False)
class NGrams:
    """The runs of 1, ..., n tokens that occur in sequences, and how often each does.

    An n-gram has a number: its place in the sorted codes `V * (number of its first n - 1 tokens) + last token`.

    Args:
        vocab_size: Number V of token values.
        codes: Codes of the 1-grams, 2-grams, ..., each sorted, [G_n] int64.
        counts: How often each occurs, [G_n] int64.
    """

    vocab_size: int
    codes: tuple[Whole, ...]
    counts: tuple[Whole, ...]

    @classmethod
    def of(cls, sequences: Sequences, vocab_size: int, order: int) -> NGrams:
        """All runs of at most `order` tokens of the sequences."""
        codes, counts = [], []
        numbers = np.zeros_like(sequences.tokens)
        for n in range(1, order + 1):
            coded = _coded(sequences, numbers, n, vocab_size)
            distinct, occurs = np.unique(coded[coded >= 0], return_counts=True)
            codes.append(distinct)
            counts.append(occurs.astype(np.int64))
            numbers = _find(distinct, coded)
        return cls(vocab_size, tuple(codes), tuple(counts))

    @property
    def order(self) -> int:
        """The largest n."""
        return len(self.codes)

    def numbers(self, sequences: Sequences) -> list[Whole]:
        """For n = 1, 2, ..., the number of the n-gram that ends at each place, [N, L]; -1 if it does not occur.

        At places with fewer than n tokens up to there, and behind the sequence, it is -1 too.
        """
        by_order = []
        numbers = np.zeros_like(sequences.tokens)
        for n, codes in enumerate(self.codes, start=1):
            numbers = _find(codes, _coded(sequences, numbers, n, self.vocab_size))
            by_order.append(numbers)
        return by_order

    def probabilities(self, sequences: Sequences) -> NDArray[np.float64]:
        r"""Probability of each token given the n - 1 before it, with Witten and Bell's interpolation, [N, L],

        $$p(w \mid h) = \frac{c(h w) + T(h)\, p(w \mid h')}{c(h) + T(h)},$$

        where c counts, T(h) is the number of different tokens that follow h, h' is h without its first token, and the
        last resort is 1 / V. It has no parameter to tune.

        Source: Witten and Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37, 1991;
        interpolated as in Chen and Goodman (arXiv cmp-lg/9606011, section 2.5).
        """
        p = np.full(sequences.tokens.shape, 1 / self.vocab_size)
        context = np.zeros_like(sequences.tokens)  # of no tokens, which is everywhere
        contexts = 1
        for codes, counts, numbers in zip(self.codes, self.counts, self.numbers(sequences), strict=True):
            before = codes // self.vocab_size
            total = np.bincount(before, counts, contexts)
            kinds = np.bincount(before, minlength=contexts)
            known = (context >= 0) & (total[context] > 0)  # an n-gram of which every other is a part may end a sequence
            hits = np.where(numbers >= 0, counts[numbers], 0) if len(counts) else np.zeros_like(numbers)
            mixed = (hits + kinds[context] * p) / np.maximum(total + kinds, 1)[context]
            p = np.where(known, mixed, p)
            context = _shift(numbers)
            contexts = max(len(codes), 1)  # nothing is that long in the training data: then no context is known either
        return p


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    r"""Jensen-Shannon divergence in bits, 0 for equal laws and 1 for laws that have nothing in common,

    $$\frac12 \sum_k p_k \log_2 \frac{2 p_k}{p_k + q_k} + \frac12 \sum_k q_k \log_2 \frac{2 q_k}{p_k + q_k}.$$

    Where the laws give less than one in all, the rest lies where the other has nothing.

    Source: Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37, 1991.

    Args:
        p: Probabilities, [K].
        q: Probabilities of the same things, [K].
    """
    middle = p + q
    shared = sum(float((x[x > 0] * np.log2(2 * x[x > 0] / middle[x > 0])).sum()) for x in (p, q))
    return max(0.0, (shared + 2 - float(p.sum()) - float(q.sum())) / 2)


def _shift(numbers: Whole) -> Whole:
    """What stood one place earlier; -1 at the first."""
    return np.concatenate([np.full_like(numbers[:, :1], -1), numbers[:, :-1]], 1)


def _coded(sequences: Sequences, numbers: Whole, n: int, vocab_size: int) -> Whole:
    """Codes of the n-grams that end at each place, from the numbers of those one shorter; -1 where there is none."""
    before = numbers if n == 1 else _shift(numbers)
    return np.where(sequences.inside & (before >= 0), before * vocab_size + sequences.tokens, -1)


def _find(codes: Whole, wanted: Whole) -> Whole:
    """Places of what is wanted among sorted codes; -1 of what is not there."""
    if len(codes) == 0:
        return np.full_like(wanted, -1)
    place = np.searchsorted(codes, wanted).clip(max=len(codes) - 1)
    return np.where(codes[place] == wanted, place, -1)
