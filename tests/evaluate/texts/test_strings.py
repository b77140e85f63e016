from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon

from dguide.data import Dataset, Label, Split, Strings, Value, load
from dguide.evaluate.statistics.estimate import Estimate
from dguide.evaluate.texts import strings
from dguide.evaluate.texts.ngrams import NGrams, Sequences, divergence
from dguide.evaluate.texts.strings import string_estimates

BASES = "ACGT"
CODEC = Strings(("<begin>", "<end>", "<pad>", *BASES), 42)


def dna(count: int, seed: int) -> Split:
    """Sequences of 20 to 40 bases: in class 1, C is followed by G six times as often as in class 0."""
    source = np.random.default_rng(seed)
    steps = np.full((2, 4, 4), 0.25)
    steps[0, 1], steps[1, 1] = (0.3, 0.3, 0.1, 0.3), (0.15, 0.1, 0.6, 0.15)
    labels = np.arange(count) % 2
    bases = np.empty((count, 40), dtype=np.int64)
    bases[:, 0] = source.integers(4, size=count)
    for k in range(1, 40):
        law = steps[labels, bases[:, k - 1]].cumsum(1)
        bases[:, k] = (source.random(count)[:, None] > law).sum(1).clip(max=3)
    texts = ["".join(BASES[b] for b in row[:n]) for row, n in zip(bases, source.integers(20, 41, count), strict=True)]
    return Split(torch.tensor([CODEC.encode(text) for text in texts]), torch.from_numpy(labels))


@pytest.fixture(scope="module")
def genes() -> Dataset:
    return Dataset("genes", dna(2000, 0), dna(300, 2), dna(600, 1), CODEC, (Label(("poor", "rich"), "islands"),))


def figures(dataset: Dataset, split: Split, **options: int) -> dict[str, Estimate]:
    found = string_estimates(dataset, split.tokens, split.labels, **{"repetitions": 20, **options})
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def written(*texts: str) -> Split:
    return Split(torch.tensor([CODEC.encode(text) for text in texts]), torch.full((len(texts),), 2))


def test_real_data_are_near_the_best_everywhere(genes: Dataset) -> None:
    found = figures(genes, dna(600, 2), repetitions=100)
    for name, figure in found.items():
        width = max(figure.high - figure.low, 0.005)
        assert figure.low - width < figure.best < figure.high + width, name
        assert figure.note.count("held-out") == 0
    assert found["accuracy"].low > 0.7
    assert found["unique"].value == 1
    assert found["copies"].value == 0
    divergences = [found[f"{n}-gram divergence"].value for n in (1, 2, 3, 4)]
    assert divergences == sorted(divergences)
    assert divergences[0] < 0.001


def test_few_held_out_strings_are_compared_with_as_many(genes: Dataset) -> None:
    few = replace(genes, test=genes.test.take(torch.arange(60)))
    found = figures(few, dna(600, 2))
    for name, figure in found.items():
        sized = "divergence" in name or "distinct" in name or name == "unique"
        assert figure.count == (60 if sized else 600), name
        if sized:
            assert figure.value == pytest.approx(figure.best, rel=0.5, abs=0.002), name
    narrow = figures(few, written(*CODEC.decode(dna(60, 2).tokens) * 10))
    assert narrow["unique"].value < 0.8
    assert narrow["unique"].best == 1


def test_a_judge_and_a_law_of_some_of_the_training_strings_do_not_hang_on_their_order(
    genes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Classes come in turn, and half of the strings are enough: every second one would be of one class."""
    monkeypatch.setattr(strings, "_MOST_TEXTS", 1000)
    monkeypatch.setattr(strings, "_MOST_TOKENS", 1000 * 42)
    found = figures(genes, dna(600, 2))
    assert found["accuracy"].low > 0.65
    assert found["2-gram divergence"].value < 0.003


def test_shuffled_labels_score_at_chance(genes: Dataset) -> None:
    split = genes.test
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    shuffled = figures(genes, replace(split, labels=split.labels[order]))["accuracy"]
    assert shuffled.low < 0.5 < shuffled.high
    assert shuffled.best > 0.7


def test_damage_shows_in_every_law(genes: Dataset) -> None:
    source = torch.Generator().manual_seed(0)
    tokens = genes.test.tokens.clone()
    there = tokens > 2
    tokens[there] = torch.randint(3, 7, (int(there.sum()),), generator=source)
    noise, real = figures(genes, replace(genes.test, tokens=tokens)), figures(genes, genes.test)
    for n in (2, 3, 4):
        assert noise[f"{n}-gram divergence"].low > real[f"{n}-gram divergence"].high
    assert noise["perplexity"].low > real["perplexity"].high
    assert noise["accuracy"].high < 0.6
    dull = figures(genes, written(*["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] * 50))
    assert dull["entropy"].value == 0  # for all its perplexity may be


def test_only_one_class_was_asked(genes: Dataset) -> None:
    rich = genes.test.take(genes.test.labels == 1)
    found = figures(genes, rich)
    assert found["2-gram divergence"].best == found["2-gram divergence"].value  # the same sequences, all there are
    asked = replace(genes.test, labels=torch.ones(600, dtype=torch.int64))
    assert figures(genes, asked)["2-gram divergence"].note.endswith("held-out data: 300")
    assert "accuracy" not in figures(genes, replace(rich, labels=torch.full((300,), 2)))


def test_repetitions_and_copies_are_counted(genes: Dataset) -> None:
    held_out, known = (CODEC.decode(split.tokens[:3]) for split in (genes.test, genes.train))
    found = figures(genes, written(*held_out, *known, *held_out, held_out[0]))
    assert found["unique"].value == 6 / 10
    assert found["copies"].value == 3 / 10
    assert found["copies"].best == 0


def test_entropy_length_and_distinct_of_known_strings(genes: Dataset) -> None:
    found = figures(genes, written("AAAA", "AACC", "ACGT", ""))
    assert found["entropy"].value == pytest.approx((0 + 1 + 2 + 0) / 4)
    assert found["length"].value == 3
    assert found["distinct-1"].value == 4 / 12
    assert found["distinct-2"].value == 5 / 9  # AA, AC, CC, CG, GT of 3 + 3 + 3
    assert found["distinct-3"].value == 5 / 6  # AAA (twice), AAC, ACC, ACG, CGT


def test_distinct_of_few_strings_is_that_by_hand_and_has_an_interval_with_a_width(genes: Dataset) -> None:
    texts = ["AAAA", "AACC", "ACGT", "CCCA", "AACG"]
    found = figures(genes, written(*texts))["distinct-2"]

    def distinct(some: list[str]) -> float:
        runs = [text[k : k + 2] for text in some for k in range(len(text) - 1)]
        return len(set(runs)) / len(runs)

    assert found.value == distinct(texts)
    assert 0 <= found.low < found.value < found.high <= 1


def test_divergence_of_two_known_laws() -> None:
    assert divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    assert divergence(np.array([0.3, 0.7]), np.array([0.3, 0.7])) == 0
    half = 0.5 * (0.5 * math.log2(0.5 / 0.75) + 0.5) + 0.5 * math.log2(1 / 0.75)
    assert divergence(np.array([0.5, 0.5]), np.array([1.0, 0.0])) == pytest.approx(half)
    assert divergence(np.array([0.5]), np.array([1.0])) == pytest.approx(half)  # the rest is elsewhere


def test_ngram_divergence_agrees_with_counting_by_hand(genes: Dataset) -> None:
    few = replace(genes, train=genes.train.take(torch.arange(30)))
    some = genes.test.take(torch.arange(20))
    found = figures(few, some)

    def law(split: Split, n: int) -> Counter[str]:
        framed = [f"<{text}>" for text in CODEC.decode(split.tokens)]
        return Counter(text[k : k + n] for text in framed for k in range(len(text) - n + 1))

    for n in range(1, 5):
        p, q = law(some, n), law(few.train, n)
        keys = sorted({*p, *q})
        truth = jensenshannon([p[key] for key in keys], [q[key] for key in keys], base=2) ** 2
        assert found[f"{n}-gram divergence"].value == pytest.approx(truth)
        assert found[f"{n}-gram divergence"].value > 0


def sequences(*rows: list[int]) -> Sequences:
    width = max(len(row) for row in rows)
    padded = np.array([row + [9] * (width - len(row)) for row in rows])
    return Sequences(padded, np.array([len(row) for row in rows]))


def by_definition(texts: list[list[int]], vocab: int, history: list[int], word: int) -> float:
    """Witten and Bell's recursion, from the text."""
    n = len(history)
    follow = Counter(row[k + n] for row in texts for k in range(len(row) - n) if row[k : k + n] == history)
    shorter = by_definition(texts, vocab, history[1:], word) if history else 1 / vocab
    total, kinds = sum(follow.values()), len(follow)
    return (follow[word] + kinds * shorter) / (total + kinds) if total else shorter


def test_probabilities_are_witten_and_bells() -> None:
    source = np.random.default_rng(0)
    training = [source.integers(0, 3, size=int(source.integers(1, 9))).tolist() for _ in range(12)]
    model = NGrams.of(sequences(*training), 4, 3)
    tested = [[0, 1, 2, 0, 0, 1], [3, 0, 3, 1, 2], [2, 2], [1]]
    found = model.probabilities(sequences(*tested))
    for row, p in zip(tested, found, strict=True):
        for k, word in enumerate(row):
            assert p[k] == pytest.approx(by_definition(training, 4, row[max(0, k - 2) : k], word))


def test_probabilities_of_the_next_token_sum_to_one() -> None:
    source = np.random.default_rng(1)
    model = NGrams.of(sequences(*source.integers(0, 4, size=(20, 7)).tolist()), 5, 4)
    for history in itertools.product(range(5), repeat=3):
        rows = [[*history, word] for word in range(5)]
        assert model.probabilities(sequences(*rows))[:, -1].sum() == pytest.approx(1)


def test_probabilities_after_training_data_of_short_strings() -> None:
    for training in ([[0], [1], [0]], [[0, 1], [1, 1]]):  # no 2-grams, no 3-grams
        model = NGrams.of(sequences(*training), 4, 4)
        tested = [[0, 1, 2, 0, 0], [1]]
        for row, p in zip(tested, model.probabilities(sequences(*tested)), strict=True):
            for k, word in enumerate(row):
                assert p[k] == pytest.approx(by_definition(training, 4, row[max(0, k - 3) : k], word))


def test_perplexity_is_that_of_the_model(genes: Dataset) -> None:
    few = replace(genes, train=genes.train.take(torch.arange(30)))
    training = [row[: row.index(1) + 1] for row in few.train.tokens.tolist()]
    texts = ["ACGT", "CCG"]
    bits, count = 0.0, 0
    for row in [[0, *(CODEC.numbers[b] for b in text), 1] for text in texts]:
        bits -= sum(math.log2(by_definition(training, 7, row[max(0, k - 3) : k], word)) for k, word in enumerate(row))
        count += len(row)
    assert figures(few, written(*texts))["perplexity"].value == pytest.approx(2 ** (bits / count))


def test_strings_that_are_broken_or_empty_have_figures(genes: Dataset) -> None:
    full = torch.full((1, 42), 3)
    padding = torch.full((1, 42), 2)
    broken = Split(torch.cat([full, padding, written("").tokens]), torch.tensor([0, 1, 2]))
    found = figures(genes, broken)
    assert found["length"].value == 14
    assert found["entropy"].value == 0
    assert found["4-gram divergence"].value > 0.5
    nothing = figures(genes, Split(padding, torch.tensor([0])))
    assert math.isnan(nothing["perplexity"].value)
    assert math.isnan(nothing["distinct-1"].value)
    assert math.isnan(figures(genes, written("A"))["4-gram divergence"].value)


def test_figures_depend_on_the_seed_alone(genes: Dataset) -> None:
    split = genes.test.take(torch.arange(100))
    one, same, other = (figures(genes, split, seed=seed) for seed in (0, 0, 1))
    assert {name: repr(each) for name, each in one.items()} == {name: repr(each) for name, each in same.items()}
    assert [each.value for each in one.values()] == [each.value for each in other.values()]
    assert one["perplexity"].low != other["perplexity"].low


def test_a_number_as_condition_has_no_accuracy(genes: Dataset) -> None:
    numbers = [
        Split(split.tokens, split.labels, {"mass": split.labels.double()}) for split in (genes.train, genes.test)
    ]
    told = Dataset("genes", numbers[0], numbers[1], numbers[1], CODEC, (Value("mass", 0.0, 1.0),))
    assert "accuracy" not in figures(told, replace(numbers[1], labels=torch.rand(600)))


def test_other_data_are_refused(genes: Dataset) -> None:
    with pytest.raises(ValueError, match="encodes and decodes"):
        string_estimates(load("digits"), load("digits").test.tokens, load("digits").test.labels)
    with pytest.raises(ValueError, match="one value for each"):
        string_estimates(genes, genes.test.tokens, genes.test.labels[1:])
    with pytest.raises(ValueError, match="values from 0"):
        string_estimates(genes, genes.test.tokens + 5, genes.test.labels)
