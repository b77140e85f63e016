"""Figures of generated strings: distribution of n-grams, diversity, accuracy and copies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data import Dataset, Written
from ...errors import bad, require
from ..mixture import Mixture, requested_classes
from ..statistics.estimate import Estimate, Rows, Statistic, estimate
from ..statistics.intervals import dependent_share, distinct_share, share
from ..statistics.means import mean
from .ngrams import NGrams, Sequences, divergence

__all__ = ["Training", "string_estimates"]

ORDER = 4
"""Largest n of the n-grams."""
DISTINCT = (1, 2, 3)
_MOST_TOKENS = 5_000_000
_MOST_TEXTS = 20_000

Judge = Callable[[list[str]], NDArray[np.int64]]


def string_estimates(
    dataset: Dataset,
    tokens: Tensor,
    labels: Tensor,
    *,
    training: Training | None = None,
    repetitions: int = 200,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    r"""Figures of generated strings. Computes the same figures for equally many held-out strings.

    *n-gram divergence* is the Jensen-Shannon divergence between the n-gram distributions of generated and training
    strings, without padding. *Perplexity* is $2^{b}$, where b are the bits per token of an n-gram model of the training
    split (`NGrams.probabilities`). Repetitive text has a low perplexity, so also use the *entropy*: the mean over
    samples of $-\sum_v f_v \log_2 f_v$, where $f_v$ is the frequency of token v in the sample. *distinct-n* is the
    number of different n-grams divided by that of all. *Accuracy* is the share of strings in which a classifier
    (logistic regression on weighted character n-grams, n = 1 to 4, of the training data) sees the requested class.
    *Unique* is the share of different strings, *copies* that of strings in the training split. Entropy, length and
    distinct-n are for tokens that an empty string does not have.

    Divergence, distinct-n and uniqueness depend on the number of strings. So they use as many generated strings as
    there are held-out strings of the requested classes, if that is fewer; `Estimate.count` is this number. Classes with
    too few held-out strings are omitted there (`Mixture.kept`); the notes name them.

    Sources: Li et al. (arXiv 1510.03055, section 5.3) for distinct-n; Zheng et al. (arXiv 2409.02908, section 5) for
    entropy together with perplexity, there in nats and with a language model.

    Args:
        dataset: A data set of strings; its codec has `encode` and `decode`.
        tokens: Generated sequences, [N, L] int64.
        labels: Requested classes of the first condition, [N]; the number of classes means "not given".
        training: What is known of the training data, if several sets of samples are judged; else it is found out.
        repetitions: Number of halves for the intervals; 0 for intervals of shares only.
        seed: Seed of the halves, and of the choice of held-out strings.

    Raises:
        ValueError: If the data are not strings, the tokens do not fit them, or there is not one label for each string.
        dguide.errors.MissingExtra: If scikit-learn is not installed.
    """
    codec = _written(dataset)
    codec.check(tokens)
    classes = requested_classes(dataset, {dataset.conditions[0].name: labels}, len(tokens))
    count = len(tokens)
    mixture = Mixture.of(dataset, classes, count).kept(count, dataset.test)
    counts = mixture.counts(count, dataset.test, drawn=True)
    split, groups = mixture.take(dataset.test, counts, seed)
    training = Training.of(dataset, seed) if training is None else training
    drawn = _Texts.of(codec, tokens, classes.get(dataset.conditions[0].name))
    rows = mixture.own(counts, seed)
    rows = rows if 0 < len(rows) < count else np.arange(count)
    equal = _Texts.of(codec, tokens[torch.from_numpy(rows)], None) if len(rows) < count else drawn
    not_given = torch.from_numpy(mixture.not_given[groups].any(1))
    real = _Texts.of(codec, split.tokens, split.labels.masked_fill(not_given, dataset.n_classes))
    everything = np.arange(len(split))
    held_out = _figures(real, real, everything, training, repetitions, seed) if len(split) else []
    best = {each.name: each for each in held_out}
    notes = (mixture.note, "" if len(split) == count else f"held-out data: {len(split)}")
    return tuple(
        (each.beside(best[each.name]) if each.name in best else each).noted(*notes)
        for each in _figures(drawn, equal, rows, training, repetitions, seed)
    )


def _written(dataset: Dataset) -> Written:
    codec = dataset.codec
    if not isinstance(codec, Written):
        raise bad("data set of strings", dataset.name, "strings: a codec that encodes and decodes text")
    return codec


@dataclass(frozen=True, eq=False)
class _Texts:
    """Sequences, their texts, and the requested classes."""

    codec: Written
    tokens: NDArray[np.int64]
    texts: list[str]
    labels: NDArray[np.int64] | None

    @classmethod
    def of(cls, codec: Written, tokens: Tensor, labels: Tensor | None) -> _Texts:
        return cls(codec, tokens.cpu().numpy(), codec.decode(tokens), None if labels is None else labels.numpy())

    @cached_property
    def framed(self) -> Sequences:
        """The sequences without the padding at the end."""
        padding = self.codec.encode("")[-1]
        reverse = (self.tokens[:, ::-1] != padding).cumsum(1)[:, ::-1]
        return Sequences.of(self.tokens, reverse > 0)

    @cached_property
    def words(self) -> Sequences:
        """The sequences without the tokens of an empty string: begin, end and padding."""
        return Sequences.of(self.tokens, ~np.isin(self.tokens, self.codec.encode("")))


@dataclass(frozen=True, eq=False)
class Training:
    """What is known of the training data of strings.

    Args:
        grams: Their n-grams.
        texts: The different strings.
        judge: A classifier of strings; None if all have the same class.
        n_classes: Number of classes.
    """

    grams: NGrams
    texts: frozenset[str]
    judge: Judge | None
    n_classes: int

    @classmethod
    def of(cls, dataset: Dataset, seed: int) -> Training:
        """N-grams, texts and classifier of a data set of strings; others raise `ValueError`."""
        codec, split = _written(dataset), dataset.train
        some = _Texts.of(codec, split.some(max(1, _MOST_TOKENS // split.tokens.shape[1]), seed).tokens, None)
        texts = codec.decode(split.tokens)
        judge = _judge(texts, split.labels.numpy(), seed) if dataset.n_classes else None
        return cls(NGrams.of(some.framed, codec.vocab_size, ORDER), frozenset(texts), judge, dataset.n_classes)


def _judge(texts: list[str], labels: NDArray[np.int64], seed: int) -> Judge | None:
    """A classifier that is trained on at most 20,000 random texts; None if all have the same class."""
    rows = np.sort(np.random.default_rng(seed).permutation(len(texts))[:_MOST_TEXTS])
    labels, texts = labels[rows], [texts[row] for row in rows]
    if len(set(labels.tolist())) < 2:
        return None
    features = require("sklearn.feature_extraction.text", "train")
    regression = require("sklearn.linear_model", "train").LogisticRegression(C=10.0, max_iter=1000)
    weights = features.TfidfVectorizer(analyzer="char", ngram_range=(1, 4), lowercase=False, sublinear_tf=True)
    regression.fit(weights.fit_transform(texts), labels)

    def judge(others: list[str]) -> NDArray[np.int64]:
        classes: NDArray[np.int64] = regression.predict(weights.transform(others))
        return classes

    return judge


def _figures(
    drawn: _Texts, equal: _Texts, own: Rows, training: Training, repetitions: int, seed: int
) -> list[Estimate]:
    """All figures: of `equal`, the rows `own`, if they depend on the number of strings, otherwise of `drawn`."""

    def figure(
        name: str, statistic: Statistic, better: str, note: str, members: Rows | None = None, most: float = math.inf
    ) -> Estimate:
        return estimate(
            name,
            statistic,
            len(drawn.texts) if members is None else len(members),
            better=better,
            note=note,
            bounds=(0, most),
            members=members,
            repetitions=repetitions,
            seed=seed,
        )

    entropies, lengths = _entropies(drawn.words), drawn.words.lengths
    return [
        *(
            figure(f"{n}-gram divergence", statistic, "lower", "Jensen-Shannon, bits", own, 1)
            for n, statistic in enumerate(_divergences(equal.framed, training.grams), start=1)
        ),
        figure(
            "perplexity", _perplexity(drawn.framed, training.grams), "", f"{ORDER}-gram model of the training split"
        ),
        mean("entropy", entropies, note="bits, of the tokens of a sample", bounds=(0, math.inf)),
        mean("length", lengths.astype(np.float64), note="tokens", bounds=(0, math.inf)),
        *_distinct(equal.words, own, training.grams.vocab_size, repetitions, seed),
        *_accuracy(drawn, training),
        distinct_share("unique", equal.texts, better="higher", members=own, repetitions=repetitions, seed=seed),
        share(
            "copies",
            np.array([text in training.texts for text in drawn.texts], dtype=np.bool_),
            better="lower",
            note="strings of the training split",
        ),
    ]


def _accuracy(drawn: _Texts, training: Training) -> list[Estimate]:
    """Share of strings in which the classifier sees the requested class, if one was given."""
    if training.judge is None or drawn.labels is None:
        return []
    given = drawn.labels < training.n_classes
    hits = training.judge(drawn.texts) == drawn.labels
    note = "logistic regression on character n-grams"
    members = np.flatnonzero(given)
    return [share("accuracy", hits[given], better="higher", note=note, members=members)] if given.any() else []


def _divergences(drawn: Sequences, training: NGrams) -> list[Callable[[Rows], float]]:
    """Functions of the rows of samples that give the n-gram divergence from the training data, for each n."""
    return [
        _divergence(numbers, drawn.lengths - n, counts / max(counts.sum(), 1))
        for n, (numbers, counts) in enumerate(zip(training.numbers(drawn), training.counts, strict=True))
    ]


def _divergence(
    numbers: NDArray[np.int64], runs: NDArray[np.int64], law: NDArray[np.float64]
) -> Callable[[Rows], float]:
    # N-grams outside the training data need no distinction: the divergence depends only on their number.
    row, _ = np.nonzero(numbers >= 0)
    there, place = np.unique(numbers[numbers >= 0], return_inverse=True)
    runs = runs.clip(0)
    q = law[there]

    def statistic(rows: Rows) -> float:
        times = np.bincount(rows, minlength=len(numbers))
        total = int((times * runs).sum())
        if total == 0:
            return math.nan
        return divergence(np.bincount(place, times[row], len(there)) / total, q)

    return statistic


def _perplexity(drawn: Sequences, training: NGrams) -> Callable[[Rows], float]:
    bits = np.where(drawn.inside, -np.log2(training.probabilities(drawn)), 0).sum(1)

    def statistic(rows: Rows) -> float:
        count = drawn.lengths[rows].sum()
        return float(2 ** (bits[rows].sum() / count)) if count else math.nan

    return statistic


def _entropies(words: Sequences) -> NDArray[np.float64]:
    """Entropy in bits of the tokens of each sequence, [N]; 0 for an empty one."""
    entropies = np.zeros(len(words))
    for row, (tokens, length) in enumerate(zip(words.tokens, words.lengths, strict=True)):
        counts = np.unique(tokens[:length], return_counts=True)[1]
        entropies[row] = -(counts / length * np.log2(counts / length)).sum() if length else 0
    return entropies


def _distinct(words: Sequences, own: Rows, vocab_size: int, repetitions: int, seed: int) -> list[Estimate]:
    """Distinct-n: shares of n-grams, which depend on each other within and between samples."""
    grams, figures = NGrams.of(words, vocab_size, max(DISTINCT)), []
    for n, numbers in zip(DISTINCT, grams.numbers(words), strict=True):
        runs = (words.lengths - n + 1).clip(0)

        def statistic(rows: Rows, numbers: Rows = numbers, runs: Rows = runs) -> float:
            some, total = numbers[rows], int(runs[rows].sum())
            return len(np.unique(some[some >= 0])) / total if total else math.nan

        figures.append(
            dependent_share(
                f"distinct-{n}",
                statistic,
                int(runs.sum()),
                len(words),
                note="of tokens",
                members=own,
                repetitions=repetitions,
                seed=seed,
            )
        )
    return figures
