from __future__ import annotations

from collections.abc import Callable

import mpmath
import pytest
import torch
from helpers import f64, identities

from dguide import noise
from dguide.noise import Cosine, Geometric, Linear, Noise, Polynomial, parse

SCHEDULES: list[Noise] = [
    Linear(),
    Cosine(),
    Polynomial(2.0),
    Polynomial(0.5),
    Polynomial(3.7),
    Geometric(),
    Geometric(1e-3, 5.0),
    Geometric(1e-5, 100.0),
]
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=identities(SCHEDULES))
TIMES = torch.linspace(0, 1, 2001, dtype=torch.float64)
EPS = torch.finfo(torch.float64).eps


def reference(schedule: Noise) -> Callable[[mpmath.mpf], mpmath.mpf]:
    """alpha(t) as the docstrings state it, to be evaluated with many digits."""
    if isinstance(schedule, Cosine):
        return lambda t: 1 - mpmath.sin(mpmath.pi * t / 2)
    if isinstance(schedule, Polynomial):
        return lambda t: 1 - t ** mpmath.mpf(schedule.power)
    if isinstance(schedule, Geometric):
        low, high = mpmath.mpf(schedule.low), mpmath.mpf(schedule.high)
        floor, top = mpmath.exp(-high), mpmath.exp(-low)
        return lambda t: (mpmath.exp(-(low ** (1 - t)) * high**t) - floor) / (top - floor)
    return lambda t: 1 - t


@every_schedule
def test_ends(schedule: Noise) -> None:
    ends = f64(0, 1)
    assert schedule.level(ends)[0] == 0
    assert schedule.alpha(ends)[1] == 0
    torch.testing.assert_close(schedule.alpha(ends), f64(1, 0), rtol=1e-12, atol=0)
    torch.testing.assert_close(schedule.level(ends), f64(0, 1), rtol=1e-12, atol=0)
    assert schedule.time(ends).tolist() == [0, 1]


@every_schedule
def test_alpha_and_level_are_probabilities(schedule: Noise) -> None:
    for values in (schedule.alpha(TIMES), schedule.level(TIMES)):
        assert values.min() >= 0
        assert values.max() <= 1


@every_schedule
def test_alpha_falls_and_both_sum_to_one(schedule: Noise) -> None:
    alpha, level = schedule.alpha(TIMES), schedule.level(TIMES)
    assert (alpha.diff() <= 0).all()
    assert (level.diff() >= 0).all()
    # The geometric schedules are flat to all digits at an end: strictly monotone where there is room for it.
    inside = (alpha > 1e-3) & (level > 1e-3)
    assert inside.sum() > 100
    assert (alpha[inside].diff() < 0).all()
    torch.testing.assert_close(alpha + level, torch.ones_like(alpha), rtol=0, atol=1e-13)


@every_schedule
def test_slope_is_the_derivative(schedule: Noise) -> None:
    times = torch.linspace(1e-4, 1 - 1e-4, 501, dtype=torch.float64, requires_grad=True)
    (rise,) = torch.autograd.grad(schedule.level(times).sum(), times)
    (fall,) = torch.autograd.grad(schedule.alpha(times).sum(), times)
    slope = schedule.slope(times.detach())
    assert (slope >= 0).all()
    # The derivative of expm1 is computed as expm1 + 1, which has no relative precision where it is small.
    torch.testing.assert_close(slope, rise, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(slope, -fall, rtol=1e-9, atol=1e-11)


@every_schedule
@pytest.mark.parametrize("gap", [1e-9, 1e-6, 1e-3, 0.3])
def test_relative_precision_at_both_ends(schedule: Noise, gap: float) -> None:
    early, late = f64(gap), f64(1 - gap)
    with mpmath.workdps(80):
        alpha = reference(schedule)
        level = 1 - alpha(mpmath.mpf(float(early)))
        remaining = alpha(mpmath.mpf(float(late)))
        torch.testing.assert_close(schedule.level(early), f64(float(level)), rtol=1e-12, atol=0)
        torch.testing.assert_close(schedule.alpha(late), f64(float(remaining)), rtol=1e-12, atol=0)
        falls = [-mpmath.diff(alpha, mpmath.mpf(float(t))) for t in (early, late)]
        torch.testing.assert_close(
            schedule.slope(torch.cat((early, late))), f64(*map(float, falls)), rtol=1e-12, atol=0
        )


@every_schedule
def test_time_inverts_level_where_level_is_small(schedule: Noise) -> None:
    levels = f64(1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.3, 0.499999)
    torch.testing.assert_close(schedule.level(schedule.time(levels)), levels, rtol=1e-12, atol=0)


@every_schedule
@pytest.mark.parametrize("power", [2, 10, 20, 30])
def test_time_inverts_level_where_alpha_is_small(schedule: Noise, power: int) -> None:
    alpha = f64(2.0**-power)  # 1 - alpha is exact
    time = schedule.time(1 - alpha)
    # A time is known to half a unit in the last place only, which the slope turns into this much alpha.
    unavoidable = float(2 * EPS * schedule.slope(time) / alpha)
    torch.testing.assert_close(schedule.alpha(time), alpha, rtol=1e-11 + unavoidable, atol=0)


@every_schedule
def test_level_inverts_time(schedule: Noise) -> None:
    times = torch.linspace(0, 1, 101, dtype=torch.float64)
    level = schedule.level(times)
    # A level is known to its last place only, which the slope turns into this much time.
    slack = 1e-13 + 4 * EPS * level / schedule.slope(times).clamp_min(1e-300)
    usable = slack < 1e-3
    assert usable.sum() > 60
    assert ((schedule.time(level) - times).abs() <= slack)[usable].all()


@every_schedule
def test_any_shape(schedule: Noise) -> None:
    times = torch.rand(2, 3, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for function in (schedule.alpha, schedule.level, schedule.slope, schedule.time):
        assert function(times).shape == (2, 3, 1)
        assert function(times).dtype == torch.float64
        assert torch.equal(function(times)[1, 2], function(times[1, 2]))


@every_schedule
def test_string_form_reads_back(schedule: Noise) -> None:
    assert parse(str(schedule)) == schedule


def test_parse_is_forgiving_about_case_and_spaces() -> None:
    assert parse(" Polynomial:3 ") == Polynomial(3.0)
    assert parse("geometric:1e-4, 10") == Geometric(1e-4, 10.0)
    assert parse("polynomial") == Polynomial()


def test_unknown_name_lists_the_names() -> None:
    with pytest.raises(ValueError, match=r"'cosin', expected one of cosine, geometric, linear, polynomial.*'cosine'"):
        parse("cosin")


@pytest.mark.parametrize("text", ["linear:3", "polynomial:x", "geometric:1,2,3", "polynomial:1,2", ""])
def test_arguments_that_do_not_fit(text: str) -> None:
    with pytest.raises(ValueError, match=r"got .* expected"):
        parse(text)


def test_a_bad_value_in_a_string_says_what_is_expected_of_it() -> None:
    with pytest.raises(ValueError, match="above 0"):
        parse("polynomial:-1")


@pytest.mark.parametrize("power", [0.0, -1.0, float("nan"), float("inf")])
def test_polynomial_power_is_positive(power: float) -> None:
    with pytest.raises(ValueError, match=r"power: got .* expected a finite number above 0"):
        Polynomial(power)


@pytest.mark.parametrize("ends", [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1e-3, float("inf")), (float("nan"), 1.0)])
def test_geometric_ends_are_ordered(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="0 < low < high < infinity"):
        Geometric(*ends)


def test_geometric_works_for_every_end_it_accepts() -> None:
    steep = Geometric(1e-5, 800.0)
    assert torch.isfinite(steep.alpha(TIMES)).all()
    assert torch.isfinite(steep.time(TIMES)).all()


def test_names_are_not_exported_at_top_level() -> None:
    import dguide

    assert dguide.Linear is not noise.Linear
    assert dguide.Cosine is not noise.Cosine
    assert not hasattr(dguide, "Geometric")
    assert not hasattr(dguide, "Polynomial")
