from __future__ import annotations

import itertools
import math

import pytest
import torch
from helpers import f64, identities
from scipy import integrate
from torch import Tensor

from dguide.guidance import (
    Constant,
    Cosine,
    Interval,
    InverseLinear,
    InverseV,
    Linear,
    Piecewise,
    Power,
    RampUp,
    Schedule,
    Sine,
    V,
    parse_schedule,
)

CASES: list[Schedule] = [
    Constant(1.5),
    Constant(0),
    Constant(-1.0),
    Interval(2.0, 0.2, 0.6),
    Interval(2.0, 0.0, 0.5),
    Interval(2.0, 0.5, 1.0),
    Interval(2.0, 0.0, 1.0),
    Interval(-0.5, 0.25, 0.75),
    RampUp(2.0),
    RampUp(2.0, 0.0, 0.3),
    RampUp(2.0, 0.2, 0.7),
    RampUp(2.0, 0.4, 0.4),
    RampUp(2.0, 0.4, 1.0),
    RampUp(2.0, 0.0, 1.0),
    RampUp(2.0, 1.0, 1.0),
    Linear(1.5),
    InverseLinear(1.5),
    V(1.5),
    InverseV(1.5),
    Cosine(1.5),
    Sine(1.5),
    Power(1.5, 0.0),
    Power(1.5, 0.5),
    Power(1.5, 3.0),
    Piecewise(((0, 3), (0.5, 1), (0.5, 0), (1, 0.5))),
    Piecewise(((0, 0), (0.25, 0), (0.25, 2), (0.75, 1), (0.75, 0), (1, 0))),
]
every_schedule = pytest.mark.parametrize("schedule", CASES, ids=identities(CASES))
GRID = torch.arange(1025, dtype=torch.float64) / 1024
NAMES = "constant, cosine, interval, inverse-linear, inverse-v, linear, piecewise, power, ramp-up, sine, v"


def numeric_mean(schedule: Schedule, low: float, high: float) -> float:
    """The mean by quadrature, piece by piece; a hair inside each, so that jumps at the ends do not count."""
    edges = [low, *(b for b in schedule.breakpoints if low < b < high), high]
    area = 0.0
    for a, b in itertools.pairwise(edges):
        inset = 1e-9 * (b - a)
        area += integrate.quad(lambda m: float(schedule(f64(m))), a + inset, b - inset, epsabs=1e-10)[0]
    return area / (high - low)


@every_schedule
def test_mean_is_the_integral(schedule: Schedule) -> None:
    assert schedule.mean() == pytest.approx(numeric_mean(schedule, 0.0, 1.0), abs=1e-7)


@every_schedule
def test_average_over_a_step(schedule: Schedule) -> None:
    ends = [(0.0, 0.1), (0.05, 0.45), (0.2, 0.2001), (0.3, 0.95), (0.6, 1.0), (0.0, 1.0), (0.4, 0.4 + 1e-6)]
    low, high = (f64(*x) for x in zip(*ends, strict=True))
    average = schedule.average(low, high)
    expected = f64(*(numeric_mean(schedule, a, b) for a, b in ends))
    torch.testing.assert_close(average, expected, rtol=0, atol=1e-6)


@every_schedule
def test_average_of_a_step_without_width_is_the_weight(schedule: Schedule) -> None:
    levels = f64(0, 0.1, 0.2, 0.4, 0.5, 0.6, 0.99, 1)
    assert torch.equal(schedule.average(levels, levels), schedule(levels))


@every_schedule
def test_averages_of_parts_make_the_average_of_the_whole(schedule: Schedule) -> None:
    edges = f64(0, 0.03, 0.2, 0.21, 0.5, 0.77, 1)
    parts = schedule.average(edges[:-1], edges[1:]) * edges.diff()
    assert float(parts.sum()) == pytest.approx(schedule.mean(), abs=1e-12)


@every_schedule
def test_weights_are_finite_float64_of_any_shape(schedule: Schedule) -> None:
    levels = torch.rand(2, 3, 1, generator=torch.Generator().manual_seed(0))
    assert schedule(levels).shape == (2, 3, 1)
    assert schedule(levels).dtype == torch.float64
    assert torch.isfinite(schedule(GRID)).all()
    assert schedule(f64(0.3)[0]).shape == ()


@every_schedule
def test_smooth_and_monotone_between_breakpoints(schedule: Schedule) -> None:
    assert list(schedule.breakpoints) == sorted(set(schedule.breakpoints))
    assert all(0 < b < 1 for b in schedule.breakpoints)
    edges = f64(0, *schedule.breakpoints, 1)
    for a, b in itertools.pairwise(edges):
        inside = schedule(a + (b - a) * torch.linspace(1e-9, 1 - 1e-9, 2001, dtype=torch.float64))
        steps = inside.diff()
        assert (steps >= -1e-12).all() or (steps <= 1e-12).all()
        # Power(p < 1) has a vertical tangent at m = 1; everything else has a bounded slope.
        assert steps.abs().max() < 0.06


def test_formulas() -> None:
    m, w = GRID, 1.5
    expected: list[tuple[Schedule, Tensor]] = [
        (Constant(w), torch.full_like(m, w)),
        (Interval(w, 0.25, 0.75), w * ((m >= 0.25) & (m <= 0.75)).double()),
        (RampUp(w, 0.25, 0.75), w * torch.minimum(4 * m, 4 * (1 - m)).clamp_max(1)),
        (Linear(w), 2 * w * (1 - m)),
        (InverseLinear(w), 2 * w * m),
        (V(w), 2 * w * (2 * m - 1).abs()),
        (InverseV(w), 2 * w * (1 - (2 * m - 1).abs())),
        (Cosine(w), w * (1 + torch.cos(math.pi * m))),
        (Sine(w), w * (1 - torch.cos(math.pi * m))),
        (Power(w, 3.0), w * 4 * (1 - m) ** 3),
    ]
    for schedule, values in expected:
        torch.testing.assert_close(schedule(m), values, rtol=1e-12, atol=1e-12, msg=lambda text: f"{schedule}: {text}")
    for schedule, _ in expected[3:]:
        assert schedule.mean() == pytest.approx(w)


def test_corners_of_the_ramp() -> None:
    m = GRID
    corners = {
        (0.0, 0.0): Linear(1.0),
        (1.0, 1.0): InverseLinear(1.0),
        (0.0, 1.0): Constant(2.0),
        (0.5, 0.5): InverseV(1.0),
    }
    for (left, right), same in corners.items():
        torch.testing.assert_close(RampUp(2.0, left, right)(m), same(m), rtol=0, atol=1e-15)
        assert RampUp(2.0, left, right).mean() == pytest.approx(same.mean())
    # left = 0 stays at w to the end; right = 1 starts at w.
    assert RampUp(2.0, 0.0, 0.3)(f64(0, 0.1, 0.3)).tolist() == [2, 2, 2]
    assert RampUp(2.0, 0.7, 1.0)(f64(0.7, 0.9, 1)).tolist() == [2, 2, 2]
    assert RampUp(2.0, 0.2, 0.7)(f64(0, 1)).tolist() == [0, 0]


def test_jumps_belong_to_the_interval() -> None:
    assert Interval(2.0, 0.25, 0.5)(f64(0, 0.25, 0.5, 1)).tolist() == [0, 2, 2, 0]
    assert Interval(2.0, 0.0, 1.0)(f64(0, 0.5, 1)).tolist() == [2, 2, 2]
    assert Interval(2.0, 0.25, 0.5)(f64(math.nextafter(0.25, 0), math.nextafter(0.5, 1))).tolist() == [0, 0]
    assert Interval(2.0, 0.25, 0.5).breakpoints == (0.25, 0.5)


def test_value_at_a_jump_is_the_one_nearer_to_data_unless_that_is_zero() -> None:
    assert Piecewise(((0, 3), (0.5, 1), (0.5, 2), (1, 2)))(f64(0.5)).tolist() == [1]
    assert Piecewise(((0, 0), (0.5, 0), (0.5, 2), (1, 2)))(f64(0.5)).tolist() == [2]


@every_schedule
@pytest.mark.parametrize("mean", [0.3, 2.0])
def test_scaled_to_changes_the_mean_and_not_the_shape(schedule: Schedule, mean: float) -> None:
    if schedule.mean() == 0:
        with pytest.raises(ValueError, match="whose mean is 0"):
            schedule.scaled_to(mean)
        assert schedule.scaled_to(0.0) == schedule
        return
    scaled = schedule.scaled_to(mean)
    assert type(scaled) is type(schedule)
    assert scaled.mean() == pytest.approx(mean)
    torch.testing.assert_close(scaled(GRID), schedule(GRID) * mean / schedule.mean())
    assert schedule.scaled_to(0.0).mean() == 0


@every_schedule
def test_string_form_reads_back(schedule: Schedule) -> None:
    assert parse_schedule(str(schedule)) == schedule


def test_strings() -> None:
    assert parse_schedule("2") == Constant(2.0)
    assert parse_schedule(" -0.5 ") == Constant(-0.5)
    assert parse_schedule("constant:2") == Constant(2.0)
    assert parse_schedule("ramp-up:2.0,left=0.1,right=0.3") == RampUp(2.0, 0.1, 0.3)
    assert parse_schedule("ramp-up:2, right = 0.3") == RampUp(2.0, 0.0, 0.3)
    assert parse_schedule("Ramp-Up:2, 0.1, right=0.3") == RampUp(2.0, 0.1, 0.3)
    assert parse_schedule("inverse-linear:1") == InverseLinear(1.0)
    assert parse_schedule("piecewise:0=3;0.5=1;1=0") == Piecewise(((0, 3), (0.5, 1), (1, 0)))


@pytest.mark.parametrize("text", ["rampup:2", "ramp_up", "exponential:1", "constant2:1", ":2"])
def test_mistyped_name_lists_the_names(text: str) -> None:
    with pytest.raises(ValueError, match=f"unknown guidance schedule: got .* one of {NAMES}"):
        parse_schedule(text)


def test_nearest_name_is_suggested() -> None:
    with pytest.raises(ValueError, match="Did you mean 'ramp-up'"):
        parse_schedule("rampup:2")


def test_mistyped_option_lists_the_options() -> None:
    with pytest.raises(
        ValueError, match=r"unknown option of guidance schedule ramp-up: got 'lef', expected one of left, right.*'left'"
    ):
        parse_schedule("ramp-up:2,lef=0.1")


@pytest.mark.parametrize(
    "text",
    [
        "ramp-up:x",
        "ramp-up:got",
        "ramp-up:2,left",
        "ramp-up:2,left=x",
        "ramp-up:2,left=0=1",
        "ramp-up",
        "constant",
        "constant:",
        "interval:2",
        "piecewise:0;1=2",
        "piecewise:0=1=2;1=2",
        "piecewise:",
    ],
)
def test_strings_that_do_not_parse(text: str) -> None:
    with pytest.raises(ValueError, match=r"schedule.*got .* expected"):
        parse_schedule(text)


@pytest.mark.parametrize("text", ["-2", "constant:-2", "linear:nan", "-1.5"])
def test_weights_in_strings_are_checked(text: str) -> None:
    with pytest.raises(ValueError, match=r"finite numbers? of at least -1"):
        parse_schedule(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Constant(-1.01),
        lambda: Constant(math.nan),
        lambda: Interval(-2.0, 0.2, 0.4),
        lambda: RampUp(-1.5, 0.2, 0.2),
        lambda: Linear(-0.6),
        lambda: V(-0.6),
        lambda: InverseV(-0.6),
        lambda: Cosine(-0.6),
        lambda: Sine(math.inf),
        lambda: Power(-0.3, 3.0),
        lambda: Piecewise(((0, 0), (0.5, -2), (0.5, 0), (1, 0))),
        lambda: Piecewise(((0, 0), (0.5, 1), (0.5, -2), (1, 0))),
        lambda: Piecewise(((0, 0), (0.5, math.nan), (1, 0))),
        lambda: Constant(1.0).scaled_to(-2.0),
    ],
)
def test_weights_below_minus_one_or_not_finite(make: object) -> None:
    with pytest.raises(ValueError, match=r"weights?.*got .* finite numbers? of at least -1"):
        make()


@pytest.mark.parametrize("make", [Constant, RampUp, Linear, Cosine])
@pytest.mark.parametrize("weight", ["2", None])
def test_weights_that_are_no_numbers(make: type[Schedule], weight: object) -> None:
    with pytest.raises(ValueError, match=r"got .* expected"):
        make(weight)


@pytest.mark.parametrize("ends", [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.5, 1.1), (math.nan, 0.5)])
def test_interval_ends(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"Interval.*0 <= left < right <= 1"):
        Interval(1.0, *ends)


@pytest.mark.parametrize("ends", [(0.6, 0.5), (-0.1, 0.5), (0.5, 1.1), (math.nan, 0.5)])
def test_ramp_ends(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"RampUp.*0 <= left <= right <= 1"):
        RampUp(1.0, *ends)


@pytest.mark.parametrize("p", [-0.1, math.nan, math.inf])
def test_power_is_not_negative(p: float) -> None:
    with pytest.raises(ValueError, match=r"Power p: got .* a finite number of at least 0"):
        Power(1.0, p)


@pytest.mark.parametrize(
    "knots",
    [
        (),
        ((0, 1),),
        ((0, 1), (0.5, 2)),
        ((0.1, 1), (1, 2)),
        ((0, 1), (0.6, 2), (0.5, 2), (1, 2)),
        ((0, 1), (0, 2), (1, 2)),
        ((0, 1), (0.5, 1), (0.5, 2), (0.5, 3), (1, 2)),
        ((0, 1), (math.nan, 1), (1, 2)),
        ((0, 1, 2), (1, 2)),
        "knots",
        3,
    ],
    ids=str,
)
def test_malformed_knots(knots: object) -> None:
    with pytest.raises(ValueError, match=r"Piecewise .*got .* expected"):
        Piecewise(knots)
