"""With exact predictions the bound is the entropy; with others it is more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from helpers import PROCESSES, f64, identities, law_on_data
from torch import Tensor

from dguide import Masked, Uniform, noise
from dguide.exact import Oracle
from dguide.exact.space import Space
from dguide.process import Process

every_process = pytest.mark.parametrize("process", PROCESSES, ids=identities(PROCESSES))
Denoiser = Callable[[Tensor, float], Tensor]


def expected_bound(process: Process, law: Tensor, denoiser: Denoiser, nodes: int = 48) -> float:
    """The expectation of the ELBO over the data, the noise and the noise level, by quadrature."""
    d = law.ndim
    clean = torch.cartesian_prod(*[torch.arange(process.vocab_size)] * d).view(-1, d)
    weights = law.flatten()
    clean, weights = clean[weights > 0], weights[weights > 0]
    noisy = Space.of(process, d).tokens
    x, w = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(nodes))
    u = (x + 1) / 2
    total = 0.0
    # m = u^2 (3 - 2u), so that the nodes are dense at both ends, where the integrand is like m log m.
    for level, share in zip((u**2 * (3 - 2 * u)).tolist(), (w / 2 * 6 * u * (1 - u)).tolist(), strict=True):
        time = float(process.noise.time(f64(level)))
        kernel = process.kernel(time)
        log_p = denoiser(noisy, time)
        here = torch.cartesian_prod(torch.arange(len(clean)), torch.arange(len(noisy)))
        x0, xt = clean[here[:, 0]], noisy[here[:, 1]]
        chance = weights[here[:, 0]] * kernel[x0, xt].prod(-1)
        terms = process.elbo(log_p[here[:, 1]], x0, xt, f64(time)).sum(-1)
        assert float(terms[chance > 0].min()) >= -1e-12
        total += share * float((chance * torch.where(chance > 0, terms, 0.0)).sum())
    return total


def entropy(law: Tensor) -> float:
    return float(torch.special.entr(law).sum())


@every_process
@pytest.mark.parametrize("d", [1, 2])
def test_exact_predictions_reach_the_entropy(process: Process, d: int) -> None:
    law = law_on_data(process, d, seed=5)
    exact = Oracle(process, [law], law)
    bound = expected_bound(process, law, lambda tokens, time: exact.log_probs(tokens, time, 0))
    assert bound == pytest.approx(entropy(law), rel=2e-5)


@pytest.mark.parametrize("schedule", [noise.Cosine(), noise.Polynomial(3.0), noise.Geometric(1e-2, 8.0)], ids=str)
@pytest.mark.parametrize("kind", [Masked, Uniform])
def test_the_bound_does_not_depend_on_the_noise_schedule(kind: type[Process], schedule: noise.Noise) -> None:
    process = kind(3, noise=schedule)
    law = law_on_data(process, 1, seed=6)
    exact = Oracle(process, [law], law)
    bound = expected_bound(process, law, lambda tokens, time: exact.log_probs(tokens, time, 0))
    assert bound == pytest.approx(entropy(law), rel=2e-5)


@every_process
def test_predictions_of_another_law_cost_its_cross_entropy(process: Process) -> None:
    # One position: the model is the exact denoiser of the law q, so the bound is tight on -log q.
    law, other = (law_on_data(process, 1, seed=k) for k in (7, 8))
    wrong = Oracle(process, [other], other)
    bound = expected_bound(process, law, lambda tokens, time: wrong.log_probs(tokens, time, 0))
    cross = -float(torch.xlogy(law, torch.where(law > 0, other, 1.0)).sum())
    assert cross > entropy(law) + 0.1
    assert bound == pytest.approx(cross, rel=2e-5)


@every_process
def test_blurred_predictions_cost_more_than_the_entropy(process: Process) -> None:
    law = law_on_data(process, 2, seed=9)
    exact = Oracle(process, [law], law)

    def blurred(tokens: Tensor, time: float) -> Tensor:
        return process.log_probs(0.5 * exact.log_probs(tokens, time, 0).clamp_min(-50))

    assert expected_bound(process, law, blurred) > entropy(law) + 0.01


@every_process
def test_one_time_a_sample(process: Process) -> None:
    log_p = process.log_probs(torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(0)).double())
    clean = torch.tensor([[0, 2], [3, 2], [0, 3]])
    noisy = torch.tensor([[0, 1], [1, 2], [1, 1]])
    times = f64(0.1, 0.5, 0.9)
    together = process.elbo(log_p, clean, noisy, times)
    apart = [process.elbo(log_p[[i]], clean[[i]], noisy[[i]], times[[i]]) for i in range(3)]
    assert together.shape == (3, 2)
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_process
def test_gradients_are_finite(process: Process, dtype: torch.dtype) -> None:
    logits = torch.randn(3, 2, 4, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
    clean = torch.tensor([[0, 2], [3, 2], [0, 3]])
    noisy = torch.tensor([[0, 1], [1, 2], [1, 1]])
    loss = process.elbo(process.log_probs(logits), clean, noisy, torch.tensor([1e-4, 0.5, 0.9999])).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
