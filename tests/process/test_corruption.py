from __future__ import annotations

import pytest
import torch
from helpers import PROCESSES, chi_square, f64, identities

from dguide import Masked, Uniform, noise
from dguide.process import Process
from dguide.random import Stream, uniform

every_process = pytest.mark.parametrize("process", PROCESSES, ids=identities(PROCESSES))


def uniforms(batch: int, length: int, seed: int = 0) -> torch.Tensor:
    index, position = torch.arange(batch).unsqueeze(-1), torch.arange(length)
    return torch.stack([uniform(seed, Stream.PRIOR, index, position, draw) for draw in (0, 1)], -1)


@every_process
@pytest.mark.parametrize("schedule", ["linear", "cosine", "geometric:1e-4,10"])
def test_kernels_compose(process: Process, schedule: str) -> None:
    # One step from s to t keeps a token with alpha_t / alpha_s and otherwise draws it from the prior.
    process = type(process)(**{**vars(process), "noise": noise.parse(schedule)})
    prior = process.kernel(1.0)[0]
    for s, t in [(0.0, 0.4), (0.1, 0.11), (0.3, 0.9), (0.5, 1.0)]:
        alpha_s, alpha_t = process.noise.alpha(f64(s, t))
        kept = alpha_t / alpha_s
        step = kept * torch.eye(process.input_size, dtype=torch.float64) + (1 - kept) * prior
        torch.testing.assert_close(process.kernel(s) @ step, process.kernel(t), rtol=1e-12, atol=1e-14)


@every_process
def test_kernel_ends(process: Process) -> None:
    assert torch.equal(process.kernel(0.0), torch.eye(4, process.input_size, dtype=torch.float64))
    noisy = process.kernel(1.0)
    assert torch.equal(noisy, noisy[:1].expand_as(noisy))
    for t in (0.0, 0.3, 1.0):
        torch.testing.assert_close(process.kernel(t).sum(-1), torch.ones(4, dtype=torch.float64))
        assert process.kernel(t).min() >= 0


@every_process
@pytest.mark.parametrize("time", [0.2, 0.85])
def test_corrupt_follows_the_kernel(process: Process, time: float) -> None:
    each = 5000
    clean = torch.arange(4).repeat_interleave(each).view(4, each)
    noisy = process.corrupt(clean, torch.full((4,), time), uniforms(4, each))
    assert noisy.dtype == torch.int64
    kernel = process.kernel(torch.tensor(time).item())
    for token in range(4):
        counts = torch.bincount(noisy[token], minlength=process.input_size)
        assert chi_square(counts, kernel[token]) > 1e-3


@every_process
def test_corrupt_at_the_ends_of_time(process: Process) -> None:
    clean = torch.arange(4).repeat(3, 1)
    u = uniforms(3, 4)
    assert torch.equal(process.corrupt(clean, torch.zeros(3), u), clean)
    assert torch.equal(process.corrupt(clean, torch.ones(3), u), process.prior(u[..., 1]))


@every_process
def test_corrupt_takes_one_time_a_sample_or_a_position(process: Process) -> None:
    clean = torch.arange(4).repeat(3, 1)
    u = uniforms(3, 4)
    times = torch.tensor([[0.0, 0.5, 1.0, 0.2]]).expand(3, 4)
    one_by_one = torch.cat([process.corrupt(clean[:, [i]], times[:, i], u[:, [i]]) for i in range(4)], 1)
    assert torch.equal(
        process.corrupt(clean, torch.full((3, 1), 0.5), u), process.corrupt(clean, torch.full((3,), 0.5), u)
    )
    assert torch.equal(process.corrupt(clean, times, u), one_by_one)


@every_process
def test_prior_is_the_law_of_pure_noise(process: Process) -> None:
    draws = process.prior(uniforms(1, 8000)[..., 0])
    counts = torch.bincount(draws.flatten(), minlength=process.input_size)
    assert chi_square(counts, process.kernel(1.0)[0]) > 1e-3


def test_prior_at_the_extremes_of_the_uniforms() -> None:
    assert Uniform(7).prior(f64(2.0**-53, 1 - 2.0**-53)).tolist() == [0, 6]
    assert Uniform(126464).prior(f64(2.0**-53, 1 - 2.0**-53)).tolist() == [0, 126463]
    assert Masked(7, mask_id=2).prior(f64(2.0**-53, 1 - 2.0**-53)).tolist() == [2, 2]


def test_movable_and_unfinished() -> None:
    tokens = torch.tensor([[0, 1, 4, 3]])
    assert Masked(4).movable(tokens).tolist() == [[False, False, True, False]]
    assert Masked(4).unfinished(tokens).tolist() == [[False, False, True, False]]
    assert Masked(4, mask_id=1).movable(tokens).tolist() == [[False, True, False, False]]
    assert Uniform(5).movable(tokens).all()
    assert not Uniform(5).unfinished(tokens).any()


def test_input_size_counts_the_mask_once() -> None:
    assert Masked(4).mask_id == 4
    assert Masked(4).input_size == 5
    assert Masked(4, mask_id=0).input_size == 4
    assert Uniform(4).input_size == 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@every_process
def test_half_precision_is_raised_before_it_is_normalised(process: Process, dtype: torch.dtype) -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    log_p = process.log_probs(logits)
    assert log_p.dtype == torch.float32
    torch.testing.assert_close(log_p, process.log_probs(logits.float()), rtol=0, atol=0)
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(5), rtol=1e-6, atol=0)


def test_mask_column_is_removed_and_the_rest_renormalised() -> None:
    logits = torch.tensor([1.0, 50.0, 2.0, 3.0])
    log_p = Masked(4, mask_id=1).log_probs(logits)
    assert log_p[1] == -torch.inf
    torch.testing.assert_close(log_p[[0, 2, 3]], torch.log_softmax(logits[[0, 2, 3]], 0))
    assert logits[1] == 50  # the caller's tensor is left alone
    torch.testing.assert_close(Masked(4).log_probs(logits), torch.log_softmax(logits, 0))


@every_process
def test_wrong_number_of_columns(process: Process) -> None:
    with pytest.raises(ValueError, match=r"logits: got 3 columns, expected 4 \(vocab_size\)"):
        process.log_probs(torch.zeros(2, 3))


@pytest.mark.parametrize("vocab", [0, -1, 2.0, None, "4"])
@pytest.mark.parametrize("kind", [Masked, Uniform])
def test_vocab_size_is_a_positive_int(kind: type[Process], vocab: object) -> None:
    with pytest.raises(ValueError, match=r"vocab_size: got .* expected an int of at least 1"):
        kind(vocab)


@pytest.mark.parametrize("mask", [-1, 5, 1.0, "mask"])
def test_mask_id_is_a_column_or_the_next(mask: object) -> None:
    with pytest.raises(ValueError, match=r"mask_id: got .* expected an int from 0 to vocab_size = 4.*logit columns"):
        Masked(4, mask_id=mask)


def test_a_vocabulary_of_nothing_but_the_mask() -> None:
    with pytest.raises(ValueError, match="at least one token to predict"):
        Masked(1, mask_id=0)


@pytest.mark.parametrize("kind", [Masked, Uniform])
def test_noise_is_a_schedule(kind: type[Process]) -> None:
    with pytest.raises(ValueError, match=r"noise: got 'cosine', expected a schedule of dguide\.noise"):
        kind(4, noise="cosine")
