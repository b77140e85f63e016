"""Diagnostics against exact values: log Z_w by time, the Renyi divergence, the pace."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from judge import COND, UNCOND
from torch import Tensor

import dguide
from dguide import SMC, Ancestral, Diagnostics, FirstHitting, Masked, Normalized, Simple, Uniform, Unlocking
from dguide.exact import Problem, solve
from dguide.guidance import Guidance
from dguide.samplers import Observer, Sampler

TWO = Problem(Masked(3), COND, UNCOND)
NOISY = Problem(Uniform(3), COND, UNCOND)


def draw(problem: Problem, guidance: Guidance, sampler: Sampler, count: int, **options: Any) -> dguide.Samples:
    return dguide.sample(
        problem.oracle(),
        process=problem.process,
        length=problem.positions,
        condition=torch.zeros(count, dtype=torch.int64),
        guidance=guidance,
        sampler=sampler,
        **options,
    )


def log_z(cond: Tensor, ref: Tensor, weight: float) -> Tensor:
    return (cond ** (1 + weight) * ref ** (-weight)).sum(-1).log()


def exact_moments(weight: float, probe: float) -> Tensor:
    """First and second moment [2] of log Z at the masked positions of TWO while nothing is decided (first row), and
    while one position is, by `Normalized`."""
    moments = torch.zeros(2, 2, dtype=torch.float64)
    for c, u in ((COND, UNCOND), (COND.T, UNCOND.T)):
        first = c.sum(1), u.sum(1)
        law = first[0] ** (1 + weight) * first[1] ** (-weight)
        start = log_z(*first, probe)
        later = log_z(c / first[0].unsqueeze(1), u / first[1].unsqueeze(1), probe)
        for power in (1, 2):
            moments[:, power - 1] += torch.stack((start**power, law / law.sum() @ later**power)) / 2
    return moments


@pytest.mark.parametrize("probe", [None, 3.0, -0.5])
@pytest.mark.parametrize("sampler", [FirstHitting(), Ancestral(64)], ids=str)
def test_log_z_by_time_is_the_exact_mean(sampler: Sampler, probe: float | None) -> None:
    """Under the pace of Normalized a masked position has the other one masked too with probability m."""
    weight = 1.0
    diagnostics = Diagnostics(weight=probe, bins=4)
    draw(TWO, Normalized(weight), sampler, 20_000, callback=diagnostics)
    table = diagnostics.table()
    w = weight if probe is None else probe
    both, one = exact_moments(weight, w)
    assert float((both - one)[0].abs()) > 0.02
    level = table.levels.unsqueeze(1)
    mean, square = (level * both + (1 - level) * one).unbind(1)
    assert int(table.count.sum()) == 2 * 20_000
    # The two positions of a sample are not independent.
    error = (2 * (square - mean**2) / table.count).sqrt()
    assert bool(((table.log_z - mean).abs() < 4 * error).all())
    assert torch.allclose(table.renyi, table.log_z / w, atol=1e-12)
    assert bool((table.weight == w).all())
    assert not table.unmeasured.any()


def test_the_divergence_at_weight_zero_is_that_of_kullback_and_leibler() -> None:
    c, u = COND.sum(1), UNCOND.sum(1)
    one = Problem(Masked(3), c, u)
    seen = {}
    for probe in (0.0, 1e-6):
        diagnostics = Diagnostics(weight=probe, bins=1)
        draw(one, Normalized(1.0), FirstHitting(), 10, callback=diagnostics)
        seen[probe] = float(diagnostics.table().renyi)
    assert abs(seen[0.0] - float((c * (c / u).log()).sum())) < 1e-12
    assert abs(seen[1e-6] - seen[0.0]) < 1e-5


@pytest.mark.parametrize(
    ("mechanism", "sampler"),
    [
        (Normalized, FirstHitting()),
        (Normalized, Ancestral(5)),  # exact between the times of its grid as well
        (Unlocking, FirstHitting()),
        (Unlocking, Ancestral(60)),
    ],
    ids=str,
)
def test_the_masked_fraction_follows_the_exact_law(mechanism: type[Any], sampler: Sampler) -> None:
    guidance, count = mechanism(dguide.RampUp(4.0, 0.2, 0.5)), 10_000
    diagnostics = Diagnostics(bins=12)
    draw(TWO, guidance, sampler, count, callback=diagnostics)
    table = diagnostics.table()
    theory = solve(TWO, guidance, times=table.edges, tolerance=1e-7).masked_fraction.flip(0)
    error = (theory * (1 - theory) / count).clamp_min(0).sqrt()  # the two positions of a sample may move together
    bias = 0.0 if isinstance(sampler, FirstHitting) or mechanism is Normalized else 0.01  # first order in the steps
    assert bool(((table.masked_fraction - theory).abs() < 4.5 * error + bias + 1e-9).all())
    apart = float((theory - table.edges).abs().max())
    assert apart < 1e-6 if mechanism is Normalized else apart > 0.1


def test_the_uniform_process_is_measured_at_the_law_of_its_jumps() -> None:
    """Ratios of marginals at the states that were passed, worked out from the joint tables alone."""
    weight, steps = 2.0, 4
    diagnostics = Diagnostics(bins=steps)
    path = draw(NOISY, Unlocking(weight), Ancestral(steps), 300, callback=diagnostics, trajectory=True).trajectory
    assert path is not None
    table = diagnostics.table()
    for step in range(1, steps):  # at t = 1 the law of a jump is even, and log Z is 0 but for a hair
        kernel = NOISY.process.kernel(float(path.times[step, 0]))
        marginals = [kernel.T @ law @ kernel for law in (COND, UNCOND)]
        values = []
        for x, y in path.tokens[step].tolist():
            for i in range(2):
                laws = [(m[:, y] if i == 0 else m[x]).clone() for m in marginals]
                for law in laws:
                    law[(x, y)[i]] = 0
                law_c, law_u = (law[law > 0] / law.sum() for law in laws)
                values.append(float(log_z(law_c, law_u, weight)))
        assert abs(float(table.log_z[steps - 1 - step]) - sum(values) / len(values)) < 1e-9
    assert abs(float(table.log_z[-1])) < 1e-3
    assert not table.masked_fraction.any()


class Keeper(Observer):
    """Keeps all log Z of TWO at w = 2, to compare quantiles with."""

    def __init__(self) -> None:
        self.values: list[Tensor] = []

    def looked(self, run: Any, tokens: Any, time: Any, predictions: Any) -> None:
        cond, ref = predictions.laws()
        self.values.append(log_z(cond.exp(), ref.exp(), 2.0))


@pytest.mark.parametrize("guidance", [Normalized(2.0), Unlocking(2.0), Simple(2.0)], ids=["n", "u", "s"])
def test_quantiles_and_independence_of_the_batch(guidance: Guidance) -> None:
    keeper, whole, parts = Keeper(), Diagnostics(bins=1), Diagnostics(bins=1)
    plain = draw(TWO, guidance, Ancestral(8), 999)
    for observer in (keeper, whole):
        assert torch.equal(draw(TWO, guidance, Ancestral(8), 999, callback=observer).tokens, plain.tokens)
    draw(TWO, guidance, Ancestral(8), 999, callback=parts, batch_size=70)
    values = torch.cat(keeper.values)
    table, other = whole.table(), parts.table()
    assert int(table.count) == len(values)
    assert abs(float(table.log_z) - float(values.mean())) < 1e-9
    exact = torch.quantile(values, table.quantiles, interpolation="nearest")
    assert torch.allclose(table.log_z_quantiles[0], exact, rtol=0.011, atol=1e-5)
    assert torch.equal(table.count, other.count)
    assert torch.equal(table.log_z_quantiles, other.log_z_quantiles)
    assert torch.equal(table.masked_fraction, other.masked_fraction)
    assert torch.allclose(table.log_z, other.log_z, rtol=1e-12)


def test_particles_are_looked_at_one_by_one() -> None:
    diagnostics = Diagnostics(bins=3)
    draw(TWO, Normalized(2.0), SMC(4), 50, callback=diagnostics)
    assert int(diagnostics.table().count.sum()) == 50 * 4 * 2


def test_one_network_alone_measures_nothing_and_says_so() -> None:
    diagnostics = Diagnostics(weight=1.0, bins=2)
    draw(TWO, Normalized(0.0), FirstHitting(), 50, callback=diagnostics)
    with pytest.warns(UserWarning, match="nothing could be measured"):
        table = diagnostics.table()
    assert int(table.unmeasured.sum()) == 100
    assert bool(table.log_z.isnan().all())
    assert bool(table.log_z_quantiles.isnan().all())
    # Where the weight is 0 for a part of the way, the rest is measured.
    diagnostics = Diagnostics(bins=2)
    draw(TWO, Normalized(dguide.Interval(1.0, 0.0, 0.5)), Ancestral(8), 50, callback=diagnostics)
    table = diagnostics.table()
    assert int(table.unmeasured[0]) == 0 < int(table.unmeasured[1])
    assert int(table.count[0]) > 0 == int(table.count[1])
    assert math.isnan(float(table.log_z[1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": -1.5}, "Diagnostics weight: got -1.5"),
        ({"weight": "2"}, "Diagnostics weight: got '2'"),
        ({"bins": 0}, "Diagnostics bins: got 0"),
        ({"quantiles": (0.5, 2.0)}, "Diagnostics quantiles"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Diagnostics(**arguments)


def test_misuse() -> None:
    diagnostics = Diagnostics()
    with pytest.raises(ValueError, match="got nothing yet"):
        diagnostics.table()
    draw(TWO, Normalized(1.0), FirstHitting(), 2, callback=diagnostics)
    with pytest.raises(ValueError, match="expected one process"):
        draw(NOISY, Normalized(1.0), Ancestral(2), 2, callback=diagnostics)


def test_what_was_seen_can_be_read_and_drawn(tmp_path: Any) -> None:
    diagnostics = Diagnostics(bins=4, quantiles=(0.1, 0.5, 0.9))
    assert repr(diagnostics) == (
        "<Diagnostics: w = that of the guidance, 4 bins, 0 positions measured, 0 with one network only>"
    )
    draw(TWO, Normalized(1.0), Ancestral(8), 100, callback=diagnostics)
    assert "4 bins, 200 positions measured, 0 with one network only>" in repr(diagnostics)
    table = diagnostics.table()
    lines = repr(table).splitlines()
    assert len(lines) == 5
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split("  ")[-1] == "masked at its end"
    assert lines[1].split()[:4] == ["0", "to", "0.25", str(int(table.count[0]))]
    assert [float(line.split()[6]) for line in lines[1:]] == pytest.approx(table.log_z.tolist(), rel=0.01)
    figure = diagnostics.plot()
    figure.savefig(tmp_path / "x.png")
    strength, pace = figure.axes
    assert strength.lines[0].get_ydata().tolist() == table.log_z.tolist()
    assert pace.lines[0].get_ydata().tolist() == table.masked_fraction.tolist()
    assert "10 % to 90 %" in strength.get_legend().get_texts()[0].get_text()


def test_bins_without_positions_are_drawn_as_gaps(tmp_path: Any) -> None:
    diagnostics = Diagnostics(bins=50)
    draw(TWO, Normalized(1.0), Ancestral(2), 10, callback=diagnostics)
    assert "nan" in repr(diagnostics.table())
    diagnostics.plot().savefig(tmp_path / "x.png")


def drawn(tmp_path: Any, problem: Any, guidance: Guidance, sampler: Any, quantiles: Any = (0.1, 0.5, 0.9)) -> Any:
    diagnostics = Diagnostics(bins=4, quantiles=quantiles)
    draw(problem, guidance, sampler, 50, callback=diagnostics)
    figure = diagnostics.plot()
    figure.savefig(tmp_path / "x.png")
    return figure.axes


@pytest.mark.filterwarnings("ignore:Diagnostics. nothing could be measured")
def test_a_picture_shows_what_its_legend_says_or_says_why_not(tmp_path: Any) -> None:
    strength, pace = drawn(tmp_path, TWO, Normalized(0.0), Ancestral(4))
    assert "one network" in strength.texts[0].get_text()
    assert strength.get_legend() is None
    assert not pace.texts
    strength, pace = drawn(tmp_path, NOISY, Normalized(1.0), Ancestral(4))
    assert "no mask" in pace.texts[0].get_text()
    assert not pace.lines
    assert not strength.texts
    for sampler, bins in ((Ancestral(1), 1), (Ancestral(4), 4)):
        many = torch.linspace(1, 0, 13).tolist()  # falling, and more bands than shades that add up
        strength, _ = drawn(tmp_path, TWO, Normalized(1.0), sampler, many)
        named = [text.get_text() for text in strength.get_legend().get_texts()]
        assert named[0] == "0 % to 100 % of the positions"
        shades = [tuple(band.get_facecolor()[0]) for band in strength.collections]
        swatches = [tuple(each.get_facecolor()) for each in strength.get_legend().get_patches()]
        assert shades == swatches
        assert {shade[3] for shade in shades} == {1.0}  # no band shines through another
        assert len(set(shades)) == 6
        widths = {band.get_paths()[0].get_extents().width > 0.01 for band in strength.collections}
        assert widths == {True}, bins
