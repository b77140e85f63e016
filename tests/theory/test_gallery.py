"""The figures of `dguide theory`, their data, and the files of the gallery."""

from __future__ import annotations

import json
import math
import re
from types import SimpleNamespace

import pytest
import torch

import dguide
from dguide import Masked, progress
from dguide.cli import app, main  # imported before tests replace the figures
from dguide.exact import Problem
from dguide.exact.random_problems import dirichlet
from dguide.plots.style import blank
from dguide.samplers import DiagnosticsTable
from dguide.theory import gallery as module
from dguide.theory import strength
from dguide.theory.figures import convergence, diagnosis, maps, optimal, particles, steps, tilting, weights
from dguide.theory.figures import strength as strength_figure
from dguide.theory.figures.base import TheoryFigure, plain
from dguide.theory.figures.problems import line, other_class, rings
from dguide.theory.gallery import COSTS, FIGURES, gallery
from dguide.theory.markup import formula, html, short
from dguide.theory.summary import Quartiles


def theory_figure(name="one", value=1.0):
    figure = blank((2, 2))
    figure.add_subplot().plot([0, 1], [0, value])
    return TheoryFigure(
        name, f"The {name}", figure, "A $w_1$ & more", "a line", {"value": torch.tensor([value])}, [("a", "b")]
    )


@pytest.fixture
def two(monkeypatch):
    """A gallery with two quick entries."""
    figures = {"one": lambda: [theory_figure("one")], "two": lambda: [theory_figure("two"), theory_figure("three")]}
    monkeypatch.setattr(module, "FIGURES", figures)
    monkeypatch.setattr(module, "COSTS", dict.fromkeys(figures, 1.0))
    return figures


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("q_w", "<i>q</i><sub><i>w</i></sub>"),
        ("t^(Z_w)", "<i>t</i><sup><i>Z</i><sub><i>w</i></sub></sup>"),
        ("p^(1+w) (1-t)^2", "<i>p</i><sup>1+<i>w</i></sup> (1&minus;<i>t</i>)<sup>2</sup>"),
        ("x_1 < log y", "<i>x</i><sub>1</sub> &lt; log <i>y</i>"),
        ("10^(-13)", "10<sup>&minus;13</sup>"),
    ],
)
def test_formulas_are_drawn(text, drawn):
    assert formula(text) == drawn


def test_captions_escape_what_is_no_markup():
    assert html("a < b & **c**, `d_e`\n\n$f$") == (
        '<p>a &lt; b &amp; <b>c</b>, <code>d_e</code></p>\n<p><span class="whole"><i>f</i></span></p>'
    )


def test_numbers_are_short_and_plain():
    assert [short(x) for x in (0.12345, 1.2e-7)] == ["$0.123$", "$1.2 * 10^(-07)$".replace("-07", "-7")]
    data = plain({"a": Quartiles(0.1, 1 / 3, math.inf, 3), "b": (torch.tensor([1.0]), math.nan), 3: "c"})
    assert data == {"a": {"low": 0.1, "median": 0.333333, "high": None, "count": 3}, "b": [[1.0], None], "3": "c"}


def test_the_pictured_problems_are_halves_of_two_classes():
    for problem in (line(), rings(8)):
        other = other_class(problem)
        assert float(other.sum()) == pytest.approx(1)
        assert float(other.min()) > 0
        assert torch.allclose((problem.cond + other) / 2, problem.uncond)
        assert torch.allclose(other.flip(0), problem.cond, atol=1e-12) or problem.positions == 1


def test_one_position_follows_the_formula():
    data = tilting.compute(line(8), (0.0, 2.0))
    assert data.error < 1e-7
    assert torch.allclose(data.laws[0], data.cond)
    assert float(data.z[0]) == pytest.approx(1)
    assert float(data.z[1]) == pytest.approx(float((data.cond**3 / data.uncond**2).sum()))
    tilting.draw(data)


def test_total_variation_over_time_is_the_chance_of_a_mask():
    one = line(4)
    two = Problem(
        Masked(4), one.cond[:, None] * one.cond[None, :], one.uncond[:, None] * one.uncond[None, :], "independent"
    )
    data = convergence.compute(two, one, (0.0, 3.0))
    t = data.times
    assert torch.allclose(data.solved, 1 - (1 - t) ** 2, atol=1e-7)
    # Positions are independent: multiply the probabilities that each is decided.
    z = math.exp(one.log_z(3.0))
    assert torch.allclose(data.unlocking[1], 1 - (1 - t**z) ** 2, atol=1e-7)
    assert torch.allclose(data.unlocking[0], 1 - (1 - t) ** 2, atol=1e-7)
    convergence.draw(data)


def test_maps_show_the_closed_form_of_two_positions():
    problem = rings(6)
    data = maps.compute(problem, 2.0)
    tilted = problem.cond**3 / problem.uncond**2
    ahead = []
    for axis in (0, 1):
        cond, uncond = (law.sum(1 - axis) for law in (problem.cond, problem.uncond))
        first = (cond**3 / uncond**2).sum()
        ahead.append(1 / (first * (tilted.sum(1 - axis) / (cond**3 / uncond**2))).unsqueeze(1 - axis))
    law = tilted / 2 * (ahead[0] + ahead[1])
    assert torch.allclose(data.laws["Normalized"]["constant"], law, atol=1e-8)
    assert data.distance["Normalized"]["constant"] == pytest.approx(float((law - data.target).abs().sum() / 2))
    assert len(maps.draw(data).axes) == 9 + 1
    assert len(maps.draw_errors(data).axes) == 6 + 1


def test_weights_begin_at_no_distance_and_late_is_nearest_on_the_rings():
    data = weights.compute(rings(6), (0.0, 3.0))
    for curves in data.distance.values():
        assert max(float(curve[0]) for curve in curves.values()) < 1e-8
        assert float(curves["late"][1]) < float(curves["constant"][1]) < float(curves["early"][1])
    weights.draw(data)


def test_the_order_is_that_of_the_error(monkeypatch):
    counts = torch.tensor([2, 4, 8, 16, 32])
    assert steps.order(counts, 3.0 / counts**2) == pytest.approx(2)
    monkeypatch.setattr(steps, "SAMPLERS", {"Ancestral": dguide.Ancestral})
    data = steps.compute(dirichlet(2, 2, 0), 1.0, (8, 16, 32))
    masked, uniform = ([row["Ancestral"] for row in rows.values()] for rows in data.order.values())
    assert masked == pytest.approx([1.0] * 3, abs=0.1)
    assert min(uniform) > 0.9
    steps.draw(data)


def test_particles_fall_to_the_noise_of_samples():
    law = torch.full((2, 2), 0.25, dtype=torch.float64)
    mean, low, high = particles.sampling_noise(law, 1000).tolist()
    # The mean of |binomial - its mean| / n is nearly sqrt(2 p (1 - p) / (pi n)).
    assert mean == pytest.approx(2 * math.sqrt(2 * 0.25 * 0.75 / (math.pi * 1000)), rel=0.05)
    assert low < mean < high
    tokens = torch.tensor([[0, 1], [0, 1], [1, 0], [1, 1]])
    assert particles.empirical(tokens, 2).tolist() == [[0, 0.5], [0.25, 0.25]]
    data = particles.compute(rings(6), (1, 16), 2000)
    for name, distance in data.distance.items():
        assert float(distance[0]) == pytest.approx(data.one[name], abs=0.04)
        assert float(distance[1]) < 0.6 * float(distance[0])
        assert float(((data.estimate[name] - data.exact) / data.error[name]).abs().max()) < 4
    particles.draw(data)


def test_the_best_schedule_is_no_worse_than_those_it_is_compared_with():
    data = optimal.compute(rings(5), (2.0,), 3)
    for rows in data.distance.values():
        assert float(rows["optimal"]) <= min(float(row) for row in rows.values()) + 1e-6
    optimal.draw(data)


@pytest.mark.parametrize(
    ("curve", "text"),
    [
        ([4.0, 9.7, 0.0], "goes from 0.0 at noise over its peak, 9.7 at $m = 0.50$, to 4.0 at data"),
        ([8.6, 3.0, 0.0], "goes from 0.0 at noise to 8.6 at data"),
    ],
)
def test_the_course_of_a_weight_is_told_with_its_peak(curve, text):
    assert optimal.course(torch.tensor([0.0, 0.5, 1.0]), torch.tensor(curve)) == text


def test_bands_show_medians_of_their_problems():
    mechanisms = ("Normalized", "Unlocking", "Simple")
    cases = [
        strength.Case(
            "markov", 2, 2, log_z, schedule, t, dict.fromkeys(mechanisms, k / 10), dict.fromkeys(mechanisms, 0.1), 0.05,
            dict.fromkeys(mechanisms[:2], 0.4) if t is None else {},
        )
        for k, log_z in enumerate((0.5, 2.0, 4.0), 1)
        for schedule in strength.SCHEDULES
        for t in (None, *strength.STEPS)
    ]  # fmt: skip
    data = strength.Strength(3.0, tuple(cases))
    figure = strength_figure.draw(data)
    markers = figure.axes[2].lines[0].get_ydata()
    assert list(markers) == pytest.approx([0.3] * 3)
    lines = strength_figure.table(data)
    assert len(lines) == 1 + 3 * 3 * 5 + 3
    assert [cells[:4] for cells in lines[1::15][:3]] == [
        (f"$log Z_w$ {log_z}", "1", "2", "constant") for log_z in strength.LOG_Z_BINS
    ]
    assert all(len(cells) == len(lines[0]) for cells in lines)


def test_diagnostics_of_any_model_are_drawn():
    nan = math.nan
    edges = torch.linspace(0, 1, 4, dtype=torch.float64)
    middle = torch.tensor([0.2, 0.5, 0.8])
    count = torch.tensor([5, 0, 5])
    mean = torch.tensor([0.1, nan, 0.3])
    spread = torch.stack((mean / 2, mean, 2 * mean), -1)
    q = torch.tensor([0.1, 0.5, 0.9])
    seen = DiagnosticsTable(edges, middle, middle, count, 5 - count, mean, mean, spread, mean, spread, q, edges**2)
    strength, pace = diagnosis.draw({"Normalized": seen, "Unlocking": seen}).axes
    assert list(strength.lines[0].get_ydata()) == pytest.approx([0.1, 0.3])
    assert list(pace.lines[0].get_ydata()) == pytest.approx((edges**2).tolist())


@pytest.mark.usefixtures("two")
def test_the_gallery_is_a_folder_of_its_own(tmp_path):
    done = gallery(tmp_path / "a" / "b")
    names = {f"{stem}.{kind}" for stem in ("one", "two", "three") for kind in ("svg", "png", "json")}
    assert {path.name for path in done.files} == names | {"index.html"} == set(contents(done.index.parent))
    assert json.loads((tmp_path / "a/b/one.json").read_text()) == {"title": "The one", "value": [1.0]}
    page = done.index.read_text()
    linked = set(re.findall(r'(?:src|href)="([^"#]+)"', page))
    assert linked == names
    assert "<script" not in page
    assert "http" not in page
    assert page.count('alt="a line"') == 3
    assert "<th>a</th><th>b</th>" in page
    assert (tmp_path / "a/b/one.png").read_bytes().startswith(b"\x89PNG")


def test_the_gallery_is_the_same_again_and_replaces_what_was_there(two, tmp_path):
    first = contents(gallery(tmp_path).index.parent)
    (tmp_path / "one.json").write_text("old")
    (tmp_path / "mine.txt").write_text("kept")
    assert contents(gallery(tmp_path).index.parent) == first | {"mine.txt": b"kept"}
    two["one"] = lambda: [theory_figure("one", 2.0)]
    assert contents(gallery(tmp_path, ["one"]).index.parent)["one.json"] != first["one.json"]


def test_the_time_left_counts_what_each_figure_costs(two, tmp_path, monkeypatch, capsys):
    """A quick figure does not promise that the slow ones are as quick."""
    assert COSTS.keys() == FIGURES.keys()
    monkeypatch.setattr(module, "COSTS", {"one": 1.0, "two": 100.0})
    clock = [0.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def half_a_second_later():
        clock[0] += 0.5
        return [theory_figure("one")]

    two["one"] = half_a_second_later
    gallery(tmp_path)
    first = capsys.readouterr().err.splitlines()[0]
    seconds, left = re.search(r"([\d.]+) s, about (.*) left", first).groups()
    minutes = re.fullmatch(r"(?:(\d+) min )?(\d+) s", left)
    assert 60 * int(minutes[1] or 0) + int(minutes[2]) == 100 * float(seconds) == 50


def test_the_page_keeps_the_figures_that_are_not_drawn_again(two, tmp_path):
    whole = gallery(tmp_path).index.read_text()
    assert gallery(tmp_path, ["two"]).index.read_text() == whole
    (tmp_path / "two.svg").unlink()
    page = gallery(tmp_path, ["one"]).index.read_text()
    assert re.findall(r"<h2>Figure (\d)\. The (\w+)</h2>", page) == [("1", "one"), ("2", "three")]
    assert re.findall(r'href="#(\w+)"', page) == ["one", "three"]
    (tmp_path / "index.html").write_bytes(b"a page of another kind \xff")
    assert re.findall(r'href="#(\w+)"', gallery(tmp_path, ["one"]).index.read_text()) == ["one"]


@pytest.mark.parametrize("fresh", [True, False])
def test_an_interrupted_gallery_leaves_everything_as_it_was(two, tmp_path, fresh, capsys):
    def interrupted():
        raise KeyboardInterrupt

    two["two"] = interrupted
    out = tmp_path / "new" if fresh else tmp_path
    if not fresh:
        (tmp_path / "one.json").write_text("old")
    assert main(["theory", "--out", str(out)]) == 130
    assert capsys.readouterr().err.strip().endswith("interrupted")
    assert contents(tmp_path) == ({} if fresh else {"one.json": b"old"})


def test_the_command_says_where_the_page_is(two, tmp_path, capsys):
    assert main(["theory", "--out", str(tmp_path / "out"), "--only", "two"]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip().endswith(f"open {tmp_path / 'out' / 'index.html'}")
    assert printed.err.startswith("[1/1] two ...")


def test_what_cannot_be_written_or_drawn_is_refused_before_the_work(two, tmp_path, capsys):
    def work():
        pytest.fail("the work began")

    two.update(dict.fromkeys(two, work))
    (tmp_path / "file").write_text("")
    assert main(["theory", "--out", str(tmp_path / "file")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert main(["theory", "--out", str(tmp_path / "out"), "--only", "thre"]) == 2
    assert "expected one of one, two" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_help_names_every_figure(capsys):
    assert main(["theory", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert app.app is not None
    assert [name for name in FIGURES if name not in text] == []
