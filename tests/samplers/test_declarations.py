"""What mechanisms, processes, schedules and samplers declare and override takes effect, or is refused."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from judge import COND, UNCOND, draw, g_test
from mechanisms import Mixed
from torch import Tensor

import dguide
from dguide import (
    SMC,
    Ancestral,
    Blocks,
    Constant,
    EntropyBounded,
    Euler,
    FirstHitting,
    Halton,
    LowConfidence,
    LowEntropy,
    Masked,
    RampUp,
    Remasking,
    TauLeaping,
    TopMargin,
    Trapezoidal,
    Uniform,
    exact,
)
from dguide.guidance import RateGuidance, Schedule
from dguide.process import Jump
from dguide.samplers import Sampler


@dataclass(frozen=True, eq=False)
class LandsOnConditional(RateGuidance):
    """The rate of `Unlocking`, the landing of the conditional model."""

    weight: float | Tensor | Schedule
    tilted_landing = False
    keeps_pace = False

    def __post_init__(self) -> None:
        self._accept_weight()

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted + log_z

    def combine(self, cond: Jump, ref: Jump, weight: Tensor) -> Jump:
        return Jump(super().combine(cond, ref, weight).log_intensity, cond.log_landing)


@dataclass(frozen=True, eq=False)
class Mixing(RateGuidance):
    """The pace of `Normalized`, a landing proportional to the positive part of (1 + w) c - w u."""

    weight: float | Tensor | Schedule
    tilted_landing = False
    keeps_pace = True

    def __post_init__(self) -> None:
        self._accept_weight()

    def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
        return tilted

    def combine(self, cond: Jump, ref: Jump, weight: Tensor) -> Jump:
        w = weight.unsqueeze(-1)
        mixed = ((1 + w) * cond.log_landing.exp() - w * ref.log_landing.exp()).clamp_min(0)
        return Jump(super().combine(cond, ref, weight).log_intensity, (mixed / mixed.sum(-1, keepdim=True)).log())


OTHER = [LandsOnConditional(3.0), Mixing(RampUp(4.0))]
GRID: list[Sampler] = [Ancestral(3), Euler(3), TauLeaping(3), Trapezoidal(2), Remasking(3)]
NO_GENERAL_STEP: list[Sampler] = [
    FirstHitting(), LowConfidence(2), TopMargin(2), LowEntropy(2), EntropyBounded(), Halton(2, shape=(1, 2)),
    Blocks(TopMargin(2), 1), SMC(2), SMC(2, Ancestral(2)),
]  # fmt: skip


@pytest.mark.parametrize("guidance", OTHER, ids=lambda g: type(g).__name__)
@pytest.mark.parametrize("sampler", GRID, ids=lambda s: type(s).__name__)
def test_other_landings_are_sampled_as_the_chain_has_them(guidance: RateGuidance, sampler: Sampler) -> None:
    expected = exact.chain(exact.Problem(Masked(3), COND, UNCOND), guidance, sampler)
    tilted = dguide.Unlocking if isinstance(guidance, LandsOnConditional) else dguide.Normalized
    replaced = exact.chain(exact.Problem(Masked(3), COND, UNCOND), tilted(guidance.weight), sampler)
    assert float((expected - replaced).abs().sum() / 2) > 0.02, "the test could not tell the two landings apart"
    tokens = draw(Masked(3), guidance, sampler, count=20_000)
    assert g_test(tokens, expected) > 1e-3
    assert g_test(tokens, replaced) < 1e-12


@pytest.mark.parametrize("sampler", [Ancestral(3), Euler(3), TauLeaping(3)], ids=lambda s: type(s).__name__)
def test_other_landings_of_the_uniform_process(sampler: Sampler) -> None:
    expected = exact.chain(exact.Problem(Uniform(3), COND, UNCOND), OTHER[0], sampler)
    assert g_test(draw(Uniform(3), OTHER[0], sampler, count=20_000), expected) > 1e-3


def test_a_concentrated_law_is_not_replaced_by_the_tilted_one() -> None:
    problem = exact.Problem(Masked(2), torch.tensor([[0.7, 0.1], [0.1, 0.1]]), torch.full((2, 2), 0.25))
    law = exact.chain(problem, LandsOnConditional(3.0), Ancestral(8))
    tokens = dguide.sample(
        problem.oracle(), process=problem.process, length=2, condition=torch.zeros(4000, dtype=torch.int64),
        guidance=LandsOnConditional(3.0), sampler=Ancestral(8),
    ).tokens  # fmt: skip
    seen = float((tokens == 0).all(-1).double().mean())
    assert float(law[0, 0]) == pytest.approx(0.69, abs=0.03)
    assert seen == pytest.approx(float(law[0, 0]), abs=0.03)


@pytest.mark.parametrize("guidance", OTHER, ids=lambda g: type(g).__name__)
@pytest.mark.parametrize("sampler", NO_GENERAL_STEP, ids=str)
def test_samplers_without_a_general_step_refuse_other_landings(guidance: RateGuidance, sampler: Sampler) -> None:
    name = type(sampler).__name__
    with pytest.raises(
        ValueError, match=rf"{name} with {type(guidance).__name__}: got .*not q_w.*accept others: Ancestr"
    ):
        draw(Masked(3), guidance, sampler, count=10)


def test_the_solver_takes_other_landings_of_masks_and_refuses_them_elsewhere() -> None:
    problem = exact.Problem(Masked(3), COND, UNCOND)
    law = exact.solve(problem, LandsOnConditional(3.0)).final
    torch.testing.assert_close(law, exact.jump_chain(problem, LandsOnConditional(3.0)), rtol=0, atol=1e-8)
    with pytest.raises(ValueError, match=r"exact.solve of Uniform with Mixing.*expected one that lands on q_w"):
        exact.solve(exact.Problem(Uniform(3), COND, UNCOND), Mixing(1.0))


def test_a_false_declaration_is_refused() -> None:
    class Lies(LandsOnConditional):
        tilted_landing = True

    class Hurries(dguide.Unlocking):
        keeps_pace = True

    class Doubles(dguide.Normalized):
        def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
            return tilted + 0.7

    class Disagrees(dguide.Simple):
        def guided_log_stay(self, log_intensity: Tensor, log_z: Tensor, log_stay: object) -> Tensor:
            return log_intensity

    for wrong, message in (
        (Lies(1.0), r"Lies.tilted_landing = True: got a landing that is not q_w.*Set tilted_landing = False"),
        (Hurries(1.0), "Hurries.keeps_pace = True: got an exit rate that is not"),
        (Doubles(1.0), "Doubles.keeps_pace = True"),
        (Disagrees(1.0), r"Disagrees.guided_log_stay: got .*expected what guided returns"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(Masked(3), wrong, Ancestral(2), count=10)


def test_a_pace_of_ones_own_takes_effect() -> None:
    class Doubles(dguide.Normalized):
        keeps_pace = False

        def log_intensity(self, tilted: Tensor, log_z: Tensor) -> Tensor:
            return tilted + 0.7

    expected = exact.chain(exact.Problem(Masked(3), COND, UNCOND), Doubles(3.0), Ancestral(2))
    usual = exact.chain(exact.Problem(Masked(3), COND, UNCOND), dguide.Normalized(3.0), Ancestral(2))
    assert float((expected - usual).abs().sum() / 2) > 0.01
    assert g_test(draw(Masked(3), Doubles(3.0), Ancestral(2), count=20_000), expected) > 1e-3


def test_processes_keep_what_they_declare() -> None:
    class Sharpened(Masked):
        def posterior(self, tokens: Tensor, time: Tensor, earlier: Tensor, log_p: Tensor) -> Jump:
            jump = super().posterior(tokens, time, earlier, log_p)
            return Jump(jump.log_intensity, torch.log_softmax(3 * log_p, -1))

    with pytest.raises(ValueError, match=r"Sharpened.prediction_free_rate = True: got a landing that is not"):
        draw(Sharpened(3), dguide.Normalized(1.0), Ancestral(2), count=10)

    class Moves(Masked):
        def movable(self, tokens: Tensor) -> Tensor:
            return torch.ones_like(tokens, dtype=torch.bool)

    with pytest.raises(ValueError, match=r"Moves.absorbing = True: got a clean token that can move"):
        draw(Moves(3), dguide.Normalized(1.0), Ancestral(2), count=10)


def test_a_sampler_that_changes_the_landing_takes_the_general_step() -> None:
    @dataclass(frozen=True)
    class Sharpening(Ancestral):
        def intensity(self, process, tokens, time, earlier, log_p):  # type: ignore[no-untyped-def]
            jump = super().intensity(process, tokens, time, earlier, log_p)
            return Jump(jump.log_intensity, torch.log_softmax(3 * jump.log_landing, -1))

    problem, guidance = exact.Problem(Masked(3), COND, UNCOND), dguide.Normalized(RampUp(2.0))
    expected, usual = (exact.chain(problem, guidance, sampler) for sampler in (Sharpening(3), Ancestral(3)))
    assert float((expected - usual).abs().sum() / 2) > 0.05
    tokens = draw(Masked(3), guidance, Sharpening(3), count=20_000)
    assert g_test(tokens, expected) > 1e-3
    assert g_test(tokens, usual) < 1e-12


def test_methods_that_would_have_no_effect_are_final() -> None:
    for base, name in (
        (dguide.Normalized, "transition"),
        (dguide.Normalized, "guided"),
        (dguide.Unlocking, "guided_log_stay"),
        (dguide.Simple, "weight_at"),
        (Masked, "log_probs"),
        (Masked, "data_logits"),
        (Ancestral, "transition"),
        (Ancestral, "states"),
        (Euler, "intensity"),
        (TopMargin, "step"),
        (RampUp, "mean"),
    ):
        with pytest.raises(TypeError, match=rf"Own.{name} would have no effect: \w+.{name} is final"):
            type("Own", (base,), {name: lambda self: None})


def test_methods_that_say_one_thing_twice_are_overridden_together() -> None:
    for base, name, other in (
        (Ancestral, "step", "stages"),
        (Trapezoidal, "stages", "step"),
        (dguide.Power, "__call__", "average"),
        (RampUp, "average", "__call__"),
    ):
        with pytest.raises(TypeError, match=f"Own overrides {name}, but not {other}"):
            type("Own", (base,), {name: lambda self: None})
        type("Own", (base,), {name: lambda self: None, other: lambda self: None})


def test_a_schedule_derived_from_constant_is_not_taken_for_one() -> None:
    class Late(Constant):
        def __call__(self, level: Tensor) -> Tensor:
            return 2 * self.weight * (1 - level)

        def average(self, low: Tensor, high: Tensor) -> Tensor:
            return self.weight * (2 - low - high)

    guidance = dguide.Normalized(Late(2.0))
    level, sample = torch.tensor([0.25]), torch.zeros(1, dtype=torch.int64)
    assert float(guidance.weight_at(level, sample)) == 3.0
    assert float(guidance.weight_over(0.0, 0.5, sample)) == 3.0


def test_wrapped_samplers_keep_their_extra_weights() -> None:
    @dataclass(frozen=True)
    class Curious(TopMargin):
        @property
        def extra_weights(self) -> tuple[float, ...]:
            return (0.5,)

    assert Blocks(Curious(2), 2).extra_weights == (0.5,)
    assert SMC(2, Curious(2), weight=1.0).extra_weights == (0.5, 1.0)


def test_steps_write_out_the_guided_law() -> None:
    """`Mixing` as a mechanism that acts on the clean prediction: the same law by the other door."""

    for sampler in (Ancestral(3), Euler(3)):
        same = [draw(Masked(3), g, sampler, count=2_000) for g in (Mixed(2.0), Mixing(2.0))]
        assert torch.equal(*same)
