from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dguide.data import load
from dguide.evaluate import likelihood
from dguide.process import Masked, Process, Uniform

PROCESSES = [Masked(4), Uniform(4)]


class Independent:
    """The exact denoiser of positions that are independent with law `law`, for both processes."""

    def __init__(self, law: Tensor, process: Process) -> None:
        self.law = law
        self.process = process

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        alpha = self.process.noise.alpha(time)[:, None, None]
        present = torch.nn.functional.one_hot(tokens, self.process.input_size)[..., :4]
        evidence = alpha * present + (1 - alpha) / 4 * isinstance(self.process, Uniform)
        known = present.sum(-1, keepdim=True) > 0
        return self.law.log() + torch.where(known, evidence, torch.ones_like(evidence)).clamp_min(1e-300).log()


@pytest.mark.parametrize("process", PROCESSES, ids=["masked", "uniform"])
def test_bound_is_tight_for_the_exact_denoiser(process: Process) -> None:
    """The exact reverse process has a bound equal to the log-likelihood: here the cross-entropy of known laws."""
    law = torch.tensor([0.6, 0.25, 0.1, 0.05], dtype=torch.float64)
    tokens = torch.multinomial(law, 3000, replacement=True, generator=torch.Generator().manual_seed(0)).reshape(-1, 3)
    figure = likelihood(Independent(law, process), process, tokens, tokens[:, 0], passes=100)
    truth = float(-law.log2()[tokens].mean())
    assert figure.bits == pytest.approx(truth, abs=0.04)
    assert figure.error < 0.08


@pytest.mark.parametrize("process", PROCESSES, ids=["masked", "uniform"])
def test_a_wrong_law_costs_its_divergence(process: Process) -> None:
    law = torch.tensor([0.6, 0.25, 0.1, 0.05], dtype=torch.float64)
    wrong = torch.tensor([0.25, 0.25, 0.25, 0.25], dtype=torch.float64)
    tokens = torch.multinomial(law, 3000, replacement=True, generator=torch.Generator().manual_seed(0)).reshape(-1, 3)
    assert likelihood(Independent(wrong, process), process, tokens, tokens[:, 0], passes=100).bits == pytest.approx(
        2.0, abs=0.04
    )


def test_uniform_prediction_of_the_digits_costs_four_bits() -> None:
    digits = load("digits")

    def ignorant(tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        return torch.zeros(*tokens.shape, 16)

    figure = likelihood(ignorant, Masked(16), digits.test.tokens, digits.test.labels, passes=16)
    assert figure.bits == pytest.approx(4, abs=0.05)
    assert (figure.sequences, figure.passes) == (len(digits.test), 16)


def test_depends_on_the_seed_alone() -> None:
    law, process = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64), Masked(4)
    tokens = torch.randint(0, 4, (50, 3), generator=torch.Generator().manual_seed(0))
    before = torch.random.get_rng_state()
    one, same, other = (
        likelihood(Independent(law, process), process, tokens, tokens[:, 0], batch_size=size, seed=seed).bits
        for size, seed in ((256, 0), (7, 0), (256, 1))
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    assert one == pytest.approx(same, rel=1e-12)
    assert one != other


def test_error_is_the_spread_over_repetitions() -> None:
    law, process = torch.tensor([0.6, 0.25, 0.1, 0.05], dtype=torch.float64), Masked(4)
    generator = torch.Generator().manual_seed(0)
    figures = []
    for seed in range(200):
        tokens = torch.multinomial(law, 120, replacement=True, generator=generator).reshape(-1, 3)
        figures.append(likelihood(Independent(law, process), process, tokens, tokens[:, 0], passes=2, seed=seed))
    spread = torch.tensor([figure.bits for figure in figures]).std()
    stated = torch.tensor([figure.error for figure in figures]).mean()
    assert 0.7 < spread / stated < 1.2


def test_single_sequence_has_no_error_and_bad_arguments_are_refused() -> None:
    law, process = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64), Masked(4)
    tokens = torch.zeros(1, 3, dtype=torch.int64)
    assert math.isnan(likelihood(Independent(law, process), process, tokens, tokens[:, 0]).error)
    with pytest.raises(ValueError, match="N > 0"):
        likelihood(Independent(law, process), process, tokens[:0], tokens[:0, 0])
    with pytest.raises(ValueError, match="passes"):
        likelihood(Independent(law, process), process, tokens, tokens[:, 0], passes=0)
