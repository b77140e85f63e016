r"""N-grams, runs of n tokens: their counts, their divergence between samples, and their predictions of tokens."""

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
        tokens: Tokens of the sequences, from the left, [N, L] int64.
        lengths: Lengths of the sequences, [N] int64. Later tokens have no meaning.
    """

    tokens: Whole
    lengths: Whole

    @classmethod
    def of(cls, tokens: Whole, keep: NDArray[np.bool_]) -> Sequences:
        """The sequences [N, L] without the tokens where `keep` is false."""
        order = np.argsort(~keep, axis=1, kind="stable")
        return cls(np.take_along_axis(tokens, order, 1), keep.sum(1))

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which places are inside the sequences, [N, L]."""
        return np.arange(self.tokens.shape[1]) < self.lengths[:, None]


@dataclass(frozen=True, eq=False)
class NGrams:
    """The n-grams that occur in sequences, for n = 1, 2, ..., with their counts.

    An n-gram has a code, `V * (number of its first n - 1 tokens) + last token`. Its number is the index of its code
    among the sorted codes.

    Args:
        vocab_size: Number V of token values.
        codes: Codes of the 1-grams, 2-grams, ..., each sorted, [G_n] int64.
        counts: Number of occurrences of each, [G_n] int64.
    """

    vocab_size: int
    codes: tuple[Whole, ...]
    counts: tuple[Whole, ...]

    @classmethod
    def of(cls, sequences: Sequences, vocab_size: int, order: int) -> NGrams:
        """All n-grams of the sequences with n up to `order`."""
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
        """For n = 1, 2, ..., the number of the n-gram that ends at each place, [N, L]; -1 for unknown n-grams.

        It is also -1 at the first n - 1 places, and behind the sequence.
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

        where w is a token, h the n - 1 tokens before it, c a count, T(h) the number of different tokens after h, and h'
        is h without its first token. Without any context the probability is 1 / V. There is no parameter to tune.

        Source: Witten and Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 37, 1991;
        interpolated as in Chen and Goodman (arXiv cmp-lg/9606011, section 2.5).
        """
        p = np.full(sequences.tokens.shape, 1 / self.vocab_size)
        context = np.zeros_like(sequences.tokens)  # the empty context, everywhere
        contexts = 1
        for codes, counts, numbers in zip(self.codes, self.counts, self.numbers(sequences), strict=True):
            before = codes // self.vocab_size
            total = np.bincount(before, counts, contexts)
            kinds = np.bincount(before, minlength=contexts)
            known = (context >= 0) & (total[context] > 0)  # an n-gram may occur only at the end of a sequence
            hits = np.where(numbers >= 0, counts[numbers], 0) if len(counts) else np.zeros_like(numbers)
            mixed = (hits + kinds[context] * p) / np.maximum(total + kinds, 1)[context]
            p = np.where(known, mixed, p)
            context = _shift(numbers)
            contexts = max(len(codes), 1)  # at least 1, if the training data have no such n-gram
        return p


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    r"""Jensen-Shannon divergence of two distributions p and q in bits, 0 if they are equal, 1 if they are disjoint,

    $$\frac12 \sum_k p_k \log_2 \frac{2 p_k}{p_k + q_k} + \frac12 \sum_k q_k \log_2 \frac{2 q_k}{p_k + q_k}.$$

    If probabilities sum to less than one, the rest counts as disjoint from the other distribution.

    Source: Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37, 1991.

    Args:
        p: Probabilities, [K].
        q: Probabilities of the same K items, [K].
    """
    middle = p + q
    shared = sum(float((x[x > 0] * np.log2(2 * x[x > 0] / middle[x > 0])).sum()) for x in (p, q))
    return max(0.0, (shared + 2 - float(p.sum()) - float(q.sum())) / 2)


def _shift(numbers: Whole) -> Whole:
    """The numbers one place earlier; -1 at the first place."""
    return np.concatenate([np.full_like(numbers[:, :1], -1), numbers[:, :-1]], 1)


def _coded(sequences: Sequences, numbers: Whole, n: int, vocab_size: int) -> Whole:
    """Codes of the n-grams that end at each place, from the numbers of the (n - 1)-grams; -1 if there is none."""
    before = numbers if n == 1 else _shift(numbers)
    return np.where(sequences.inside & (before >= 0), before * vocab_size + sequences.tokens, -1)


def _find(codes: Whole, wanted: Whole) -> Whole:
    """Indices of the wanted codes among sorted codes; -1 for missing codes."""
    if len(codes) == 0:
        return np.full_like(wanted, -1)
    place = np.searchsorted(codes, wanted).clip(max=len(codes) - 1)
    return np.where(codes[place] == wanted, place, -1)
