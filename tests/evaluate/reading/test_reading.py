"""Posteriors from bounds tend to those of Bayes where the bound is tight, and what the draws add mostly cancels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tiny import DIGITS
from torch import Tensor

from dguide import checkpoint
from dguide.data import Above, Label, Value
from dguide.evaluate import (
    Detection,
    Reading,
    defect_score,
    fit_temperature,
    hypotheses,
    likelihood,
    novelty_score,
    read,
    temperature_estimate,
)
from dguide.process import Masked, Process, Uniform

PROCESSES = [Masked(4), Uniform(4)]
LAWS = torch.tensor([[0.6, 0.25, 0.1, 0.05], [0.3, 0.3, 0.2, 0.2], [0.05, 0.15, 0.2, 0.6]], dtype=torch.float64)


class Independent:
    """The exact denoiser of positions that are independent with law `laws[class]`, for both processes."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        alpha = self.process.noise.alpha(time)[:, None, None]
        present = torch.nn.functional.one_hot(tokens, self.process.input_size)[..., :4]
        evidence = alpha * present + (1 - alpha) / 4 * isinstance(self.process, Uniform)
        known = present.sum(-1, keepdim=True) > 0
        told = torch.where(known, evidence, torch.ones_like(evidence)).clamp_min(1e-300).log()
        return LAWS[condition].log()[:, None] + told


def drawn(count: int, length: int = 6) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (count,), generator=source)
    return torch.multinomial(LAWS[labels], length, replacement=True, generator=source), labels


def classes(count: int) -> list[Tensor]:
    return [torch.full((count,), label) for label in range(3)]


def reading(nats: Tensor, prior: Tensor | None = None) -> Reading:
    weights = torch.ones(nats.shape[1]) if prior is None else prior
    return Reading(nats.double(), (weights / weights.sum()).double().log(), torch.zeros(len(nats)), 1)


@pytest.mark.parametrize("process", PROCESSES, ids=["masked", "uniform"])
@pytest.mark.parametrize("prior", [None, torch.tensor([0.2, 0.7, 0.1])], ids=["equal", "given"])
def test_exact_denoiser_gives_the_posterior_of_bayes(process: Process, prior: Tensor | None) -> None:
    tokens, _ = drawn(100)
    found = read(Independent(process), process, tokens, classes(100), prior=prior, passes=400)
    weights = torch.ones(3) if prior is None else prior
    truth = torch.log_softmax(LAWS.log()[:, tokens].sum(-1).T + weights.double().log(), -1)
    assert (found.log_probs.exp() - truth.exp()).abs().mean() < 0.02
    pair = found.log_probs.topk(2).indices
    odds, exact = (each.gather(-1, pair).diff(dim=-1).squeeze(-1) for each in (found.log_probs, truth))
    deviation = (odds - exact) / found.error
    assert abs(float(deviation.mean())) < 0.35
    assert 0.7 < float(deviation.std()) < 1.3


@pytest.mark.parametrize("process", PROCESSES, ids=["masked", "uniform"])
def test_common_random_numbers_make_the_odds_far_less_noisy(process: Process) -> None:
    """Between two classes that differ little, as neighbouring classes do."""
    tokens, near = drawn(1)[0].expand(100, -1), classes(100)[:2]
    both, other = (read(Independent(process), process, tokens, near, passes=4, seed=seed).nats for seed in (0, 1000))
    ratio = float((both[:, 0] - other[:, 1]).var() / (both[:, 0] - both[:, 1]).var())
    assert ratio > 3, ratio


@pytest.mark.parametrize("process", PROCESSES, ids=["masked", "uniform"])
def test_error_is_the_spread_over_draws(process: Process) -> None:
    tokens = drawn(1)[0].expand(50, -1)
    found = [read(Independent(process), process, tokens, classes(50), passes=16, seed=s) for s in range(2)]
    nats = torch.cat([each.nats for each in found])
    pair = nats.mean(0).topk(2, largest=False).indices
    spread = (nats[:, pair[0]] - nats[:, pair[1]]).std()
    stated = torch.cat([each.error for each in found]).square().mean().sqrt()
    assert 0.75 < spread / stated < 1.25
    assert read(Independent(process), process, tokens, classes(50), passes=1).error.isnan().all()


def test_error_counts_the_first_level_where_most_of_the_variance_is() -> None:
    """Of the masked process, whose terms are few and large near the data."""
    process, count = Masked(4), 400
    tokens = drawn(1)[0].expand(count, -1)
    pair = classes(count)[::2]
    found = [read(Independent(process), process, tokens, pair, passes=8, seed=seed) for seed in range(20)]
    odds = torch.stack([each.nats[:, 1] - each.nats[:, 0] for each in found])
    exact = LAWS.log()[:, tokens[0]].sum(-1)
    within = (odds - exact[0] + exact[2]).abs() < 1.96 * torch.stack([each.error for each in found])
    assert 0.93 < float(within.double().mean()) < 0.98, within.double().mean()


def test_order_of_classes_and_size_of_batches_do_not_matter() -> None:
    process = Masked(4)
    tokens, _ = drawn(20)
    usual = read(Independent(process), process, tokens, classes(20), passes=3)
    turned = read(Independent(process), process, tokens, classes(20)[::-1], passes=3, batch_size=7)
    assert torch.allclose(usual.nats, turned.nats.flip(-1), rtol=1e-6)
    assert torch.equal(usual.predicted, 2 - turned.predicted)
    other = read(Independent(process), process, tokens, classes(20), passes=3, seed=1)
    assert not torch.allclose(usual.nats, other.nats, rtol=1e-3)


def test_bounds_of_the_true_classes_are_the_likelihood() -> None:
    process = Uniform(4)
    tokens, labels = drawn(30)
    nats = read(Independent(process), process, tokens, classes(30), passes=5, seed=2).nats
    expected = likelihood(Independent(process), process, tokens, labels, passes=5, seed=2).bits
    assert float(nats[torch.arange(30), labels].mean()) / 6 / math.log(2) == pytest.approx(expected, rel=1e-6)


def test_a_class_that_does_not_occur_is_never_read() -> None:
    process = Masked(4)
    tokens, _ = drawn(50)
    found = read(Independent(process), process, tokens, classes(50), prior=torch.tensor([1.0, 0, 1]), passes=2)
    assert not (found.predicted == 1).any()
    assert (found.log_probs.exp().sum(-1) - 1).abs().max() < 1e-12


@pytest.mark.parametrize("truth", [0.4, 1.0, 3.0])
def test_temperature_is_found_again(truth: float) -> None:
    source = torch.Generator().manual_seed(1)
    nats, prior = torch.randn(20_000, 3, generator=source) * 4, torch.tensor([0.5, 0.3, 0.2])
    claimed = reading(nats, prior)
    labels = torch.multinomial(claimed.tempered(truth).log_probs.exp(), 1, generator=source).squeeze(1)
    assert fit_temperature(claimed, labels) == pytest.approx(truth, rel=0.05)
    found = temperature_estimate(claimed, labels)
    assert found.low < fit_temperature(claimed, labels) == found.value < found.high
    assert found.high / found.low < 1.1
    assert torch.equal(reading(nats).tempered(9).predicted, reading(nats).predicted)


def test_a_temperature_does_not_run_to_its_bound_where_there_are_few_mistakes() -> None:
    """100 sequences of which none is misread say that any colder is better; five are the fewest to fit to."""
    source = torch.Generator().manual_seed(1)
    claimed = reading(torch.randn(100, 3, generator=source) * 4)
    assert 0.1 < fit_temperature(claimed, claimed.predicted) < 1
    for wrong in (0, 4, 5):
        labels = torch.where(torch.arange(100) < wrong, (claimed.predicted + 1) % 3, claimed.predicted)
        found = temperature_estimate(claimed, labels)
        assert math.isnan(found.value) == math.isnan(found.low) == (wrong < 5)


def test_hypotheses_leave_the_rest_untold() -> None:
    kinds, mass, heavy = Label(("cat", "dog"), "kind"), Value("mass", 0.0, 1.0), Above("mass2", 3.0)
    assert [h.tolist() for h in hypotheses((kinds,), 2)] == [[0, 0], [1, 1]]
    first, second = hypotheses((kinds, mass, heavy), 2, "mass2")
    assert (first["mass2"].tolist(), second["mass2"].tolist()) == ([0, 0], [1, 1])
    assert first["kind"].tolist() == [2, 2]
    assert bool(first["mass"].isnan().all())
    with pytest.raises(ValueError, match="condition mass: got a number"):
        hypotheses((kinds, mass), 2, "mass")
    with pytest.raises(ValueError, match="unknown condition: got 'mas'"):
        hypotheses((kinds, mass), 2, "mas")


def test_bad_input_is_refused() -> None:
    process = Masked(4)
    tokens, _ = drawn(5)
    for conditions, options, words in (
        (classes(5)[:1], {}, "at least two"),
        (classes(4), {}, "N conditions"),
        (classes(5), {"prior": torch.ones(2)}, "prior"),
        (classes(5), {"prior": torch.tensor([1.0, -1, 1])}, "prior"),
        (classes(5), {"prior": torch.zeros(3)}, "not all 0"),
        (classes(5), {"passes": 0}, "passes"),
    ):
        with pytest.raises(ValueError, match=words):
            read(Independent(process), process, tokens, conditions, **options)
    for temperature in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="positive number"):
            reading(torch.zeros(2, 3)).tempered(temperature)
    for labels in (torch.zeros(3, dtype=torch.int64), torch.tensor([0, 3]), torch.tensor([-1, 0])):
        with pytest.raises(ValueError, match="labels"):
            fit_temperature(reading(torch.zeros(2, 3)), labels)


@pytest.mark.parametrize("process", ["masked", "uniform"])
def test_trained_models_read_real_digits(process: str) -> None:
    """Far above chance, and at chance of shuffled labels."""
    loaded, real = checkpoint.load(f"checkpoints/digits-{process}"), DIGITS.test.take(torch.arange(60))
    found = read(loaded.model, loaded.process, real.tokens, hypotheses(loaded.conditions, 60), passes=4)
    hits = found.predicted == real.labels
    assert float(hits.double().mean()) > 0.8
    order = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert float((found.predicted == real.labels[order]).double().mean()) < 0.3
    for score, least in ((defect_score, 0.9), (novelty_score, 0.65)):
        defect = real.labels != 0
        assert Detection.of(score(found, 0), defect).area().value > least
        areas = [
            Detection.of(score(found, 0), defect[torch.from_numpy(source.permutation(60))]).area().value
            for source in map(np.random.default_rng, range(80))
        ]
        assert np.mean(areas) == pytest.approx(0.5, abs=0.05)
