from __future__ import annotations

from functools import partial

import pytest
import torch
from helpers import PROCESSES, f64, identities, log_law
from torch import Tensor

from dguide import Ancestral, Constant, Euler, Masked, Normalized, RampUp, Simple, TauLeaping, Uniform, Unlocking
from dguide.guidance import Guidance, RateGuidance, Transition, tilt
from dguide.process import Jump, Process
from dguide.samplers import GridSampler

MECHANISMS = [Normalized, Unlocking, Simple]
SAMPLERS = [Ancestral(), Euler(), TauLeaping()]
every_process = pytest.mark.parametrize("process", PROCESSES, ids=identities(PROCESSES))
every_mechanism = pytest.mark.parametrize("mechanism", MECHANISMS)
every_sampler = pytest.mark.parametrize("sampler", SAMPLERS, ids=identities(SAMPLERS))


def predictions(process: Process, seed: int = 0, rows: int = 6) -> tuple[Tensor, Tensor]:
    logits = 2 * torch.randn(2, rows, process.vocab_size, generator=torch.Generator().manual_seed(seed)).double()
    cond, ref = process.log_probs(logits)
    return cond, ref


def movable_tokens(process: Process, rows: int = 6) -> Tensor:
    if process.prediction_free_rate:
        return torch.full((rows,), process.mask_id)
    return torch.arange(rows) % process.vocab_size


def step(
    process: Process,
    guidance: Guidance,
    sampler: GridSampler,
    laws: tuple[Tensor, Tensor],
    weight: float,
    times: tuple[float, float] = (0.8, 0.6),
) -> Transition:
    cond, ref = laws
    w = torch.full((len(cond),), weight, dtype=torch.float64)
    tokens = movable_tokens(process, len(cond))
    return sampler.transition(process, guidance, tokens, f64(times[0]), f64(times[1]), cond, ref, w)


def renyi(c: Tensor, u: Tensor, order: float) -> Tensor:
    """D_order(c || u)."""
    if order == 1:
        return (c * (c / u).log()).sum(-1)
    return (c**order * u ** (1 - order)).sum(-1).log() / (order - 1)


@every_process
@every_mechanism
@every_sampler
def test_weight_zero_is_the_conditional(process: Process, mechanism: type[Guidance], sampler: GridSampler) -> None:
    laws = predictions(process)
    guided = step(process, mechanism(0.0), sampler, laws, 0.0)
    jump = sampler.intensity(process, movable_tokens(process), f64(0.8), f64(0.6), laws[0])
    plain = Transition.of(jump, sampler.log_stay)
    torch.testing.assert_close(guided.log_stay, plain.log_stay, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(guided.log_landing, plain.log_landing, rtol=1e-12, atol=1e-14)


@every_process
@every_mechanism
@every_sampler
def test_weight_minus_one_is_the_reference(process: Process, mechanism: type[Guidance], sampler: GridSampler) -> None:
    laws = predictions(process)
    guided = step(process, mechanism(-1.0), sampler, laws, -1.0)
    jump = sampler.intensity(process, movable_tokens(process), f64(0.8), f64(0.6), laws[1])
    plain = Transition.of(jump, sampler.log_stay)
    torch.testing.assert_close(guided.log_stay, plain.log_stay, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(guided.log_landing, plain.log_landing, rtol=1e-12, atol=1e-14)


@every_process
@every_mechanism
def test_one_prediction_is_enough_at_the_special_weights(process: Process, mechanism: type[Guidance]) -> None:
    cond, ref = predictions(process)
    tokens, w = movable_tokens(process), torch.zeros(6, dtype=torch.float64)
    transition = partial(Ancestral().transition, process, mechanism(0.0), tokens, f64(0.8), f64(0.6))
    plain = Transition.of(process.posterior(tokens, f64(0.8), f64(0.6), cond), Ancestral().log_stay)
    assert torch.equal(transition(cond, None, w).log_landing, plain.log_landing)
    plain = Transition.of(process.posterior(tokens, f64(0.8), f64(0.6), ref), Ancestral().log_stay)
    assert torch.equal(transition(None, ref, w - 1).log_landing, plain.log_landing)


def test_weights_of_one_batch_are_independent() -> None:
    laws = predictions(Uniform(4))
    weights = f64(-1, 0, 0.5, 1, 2, 7)
    for mechanism in MECHANISMS:
        together = Ancestral().transition(
            Uniform(4), mechanism(0.0), movable_tokens(Uniform(4)), f64(0.8), f64(0.6), *laws, weights
        )
        for i, w in enumerate(weights.tolist()):
            alone = step(Uniform(4), mechanism(0.0), Ancestral(), laws, w)
            assert torch.equal(together.log_landing[i], alone.log_landing[i])
            assert torch.equal(together.log_stay[i], alone.log_stay[i])


def log_z(cond: Tensor, ref: Tensor, weight: float) -> Tensor:
    """log Z_w as the two rate mechanisms reveal it."""
    w = torch.full((len(cond),), weight, dtype=torch.float64)
    jumps = [Jump(torch.zeros_like(w), law) for law in (cond, ref)]
    with_z, without = Unlocking(0.0).combine(*jumps, w), Normalized(0.0).combine(*jumps, w)
    assert torch.equal(with_z.log_landing, without.log_landing)
    return with_z.log_intensity - without.log_intensity


@pytest.mark.parametrize("weight", [-0.9, -0.5, 0.1, 1.0, 3.0, 10.0])
def test_log_z_is_a_renyi_divergence(weight: float) -> None:
    cond, ref = predictions(Uniform(5), seed=1)
    expected = weight * renyi(cond.exp(), ref.exp(), 1 + weight)
    torch.testing.assert_close(log_z(cond, ref, weight), expected, rtol=1e-10, atol=1e-12)


def test_log_z_is_convex_zero_at_the_two_models_and_positive_beyond() -> None:
    cond, ref = predictions(Uniform(5), seed=2, rows=50)
    weights = torch.linspace(-1, 8, 91, dtype=torch.float64)
    curves = torch.stack([log_z(cond, ref, w) for w in weights.tolist()])
    assert curves.diff(n=2, dim=0).min() > -1e-10
    assert (curves[weights > 0.05] > 0).all()
    assert (curves[(weights < -0.05) & (weights > -0.95)] < 0).all()
    torch.testing.assert_close(curves[[0, 10]], torch.zeros(2, 50, dtype=torch.float64), rtol=0, atol=1e-12)


def test_masked_normalized_draws_from_the_tilted_logits_at_the_unguided_pace() -> None:
    process = Masked(5, mask_id=2)
    logits = 3 * torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(3)).double()
    laws = tuple(process.log_probs(logits))
    kept = [0, 1, 3, 4]
    for weight in (0.5, 3.0):
        for sampler in SAMPLERS:
            guided = step(process, Normalized(weight), sampler, laws, weight)
            plain = step(process, Normalized(0.0), sampler, laws, 0.0)
            assert torch.equal(guided.log_stay, plain.log_stay)
            expected = torch.softmax((1 + weight) * logits[0] - weight * logits[1] + f64(0, 0, -1e9, 0, 0), -1)
            torch.testing.assert_close(guided.log_landing.exp()[:, kept], expected[:, kept], rtol=1e-10, atol=0)
            assert (guided.log_landing[:, 2] == -torch.inf).all()


@every_process
@every_mechanism
def test_normalized_and_unlocking_differ_by_z_in_rate_and_in_nothing_else(process: Process, mechanism: object) -> None:
    tokens, (cond, ref) = movable_tokens(process), predictions(process, seed=4)
    w = torch.full((6,), 2.5, dtype=torch.float64)
    c, u = (process.rates(tokens, f64(0.6), law) for law in (cond, ref))
    normalized, unlocking = Normalized(2.5).combine(c, u, w), Unlocking(2.5).combine(c, u, w)
    assert torch.equal(normalized.log_landing, unlocking.log_landing)
    z = (c.log_landing.exp() ** 3.5 * u.log_landing.exp() ** -2.5).nan_to_num(0.0).sum(-1)
    torch.testing.assert_close(unlocking.log_intensity - normalized.log_intensity, z.log(), rtol=1e-10, atol=1e-12)
    pace = 3.5 * c.log_intensity - 2.5 * u.log_intensity
    torch.testing.assert_close(normalized.log_intensity, pace, rtol=1e-12, atol=1e-12)
    # Unlocking is the tilt of the rates themselves.
    rates = [(jump.log_intensity.unsqueeze(-1) + jump.log_landing).exp() for jump in (c, u, unlocking)]
    jumps = rates[0] > 0
    torch.testing.assert_close(rates[2][jumps], (rates[0] ** 3.5 * rates[1] ** -2.5)[jumps], rtol=1e-10, atol=0)


@every_process
@every_sampler
@pytest.mark.parametrize("weight", [-0.5, 1.0, 4.0])
def test_simple_tilts_the_whole_law_of_a_step(process: Process, sampler: GridSampler, weight: float) -> None:
    laws = predictions(process, seed=5)
    whole = []
    for law in laws:
        plain = Transition.of(
            sampler.intensity(process, movable_tokens(process), f64(0.8), f64(0.6), law), sampler.log_stay
        )
        stay = plain.log_stay.exp().unsqueeze(-1)
        whole.append(torch.cat((stay, (1 - stay) * plain.log_landing.exp()), -1))
    tilted = torch.where(whole[0] > 0, whole[0] ** (1 + weight) * whole[1] ** -weight, 0.0)
    tilted /= tilted.sum(-1, keepdim=True)
    guided = step(process, Simple(weight), sampler, laws, weight)
    stay = guided.log_stay.exp().unsqueeze(-1)
    torch.testing.assert_close(stay, tilted[:, :1], rtol=1e-10, atol=0)
    torch.testing.assert_close((1 - stay) * guided.log_landing.exp(), tilted[:, 1:], rtol=1e-9, atol=1e-15)


@every_process
def test_simple_tends_to_unlocking_for_small_steps(process: Process) -> None:
    laws = predictions(process, seed=6)
    gaps = []
    for width in (1e-4, 1e-5):
        times = (0.8, 0.8 - width)
        simple = step(process, Simple(1.0), Ancestral(), laws, 1.0, times)
        unlocking = step(process, Unlocking(1.0), Ancestral(), laws, 1.0, times)
        gaps.append(float((simple.log_stay / unlocking.log_stay - 1).abs().max()))
        torch.testing.assert_close(simple.log_landing.exp(), unlocking.log_landing.exp(), rtol=0, atol=100 * width)
    assert gaps[1] < 0.2 * gaps[0]


def test_unlocking_stays_with_the_power_z() -> None:
    # alpha = 1 - t: a mask stays with probability s / t, and (s / t)^Z under Unlocking.
    laws = (log_law(0.7, 0.2, 0.1).unsqueeze(0), log_law(0.3, 0.3, 0.4).unsqueeze(0))
    z = float((laws[0].exp() ** 3 * laws[1].exp() ** -2).sum())
    normalized = step(Masked(3), Normalized(2.0), Ancestral(), laws, 2.0)
    unlocking = step(Masked(3), Unlocking(2.0), Ancestral(), laws, 2.0)
    assert float(normalized.log_stay.exp()) == pytest.approx(0.75)
    assert float(unlocking.log_stay.exp()) == pytest.approx(0.75**z)


def test_what_the_levels_are() -> None:
    assert Normalized(1.0).level == Unlocking(1.0).level == "rates"
    assert Simple(1.0).level == "transition probabilities"
    assert isinstance(Normalized(1.0), RateGuidance)
    assert not isinstance(Simple(1.0), RateGuidance)


@every_mechanism
def test_weights(mechanism: type[Guidance]) -> None:
    assert mechanism(2).weight == Constant(2.0)
    assert mechanism(RampUp(2.0)).weight == RampUp(2.0)
    guidance = mechanism(torch.tensor([0, 1, 2]))
    assert guidance.weight.dtype == torch.float64
    rows = torch.tensor([2, 0, 2])
    assert guidance.weight_at(f64(0.1, 0.2, 0.3), rows).tolist() == [2, 0, 2]
    assert guidance.weight_over(0.0, 0.5, rows).tolist() == [2, 0, 2]
    ramp = mechanism(RampUp(2.0))
    assert ramp.weight_at(f64(0, 0.5, 1), rows).tolist() == [2, 1, 0]
    assert ramp.weight_over(0.0, 0.5, rows).tolist() == [1.5] * 3


@every_mechanism
@pytest.mark.parametrize(
    "weight",
    [float("nan"), float("inf"), -1.5, f64(1, float("nan")), f64(0, -1.1), "2", None, True, torch.ones(2, 2), [1.0]],
    ids=str,
)
def test_weights_that_are_refused(mechanism: type[Guidance], weight: object) -> None:
    with pytest.raises(ValueError, match=rf"{mechanism.__name__} weight: got [\s\S]*, expected"):
        mechanism(weight)


def test_tilt_of_what_is_forbidden() -> None:
    inf = torch.inf
    cond, ref = f64(-1, -inf, -1, -inf), f64(-2, -1, -inf, -inf)
    assert tilt(cond, ref, f64(2)).tolist() == [1, -inf, -1, -inf]  # what only the reference forbids is not tilted
    assert tilt(cond, ref, f64(0)).tolist() == cond.tolist()
    assert tilt(cond, ref, f64(-1)).tolist() == ref.tolist()
