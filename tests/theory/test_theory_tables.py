"""Tables over random problems: the strength of guidance, and the schedules."""

from __future__ import annotations

import pytest
from mechanisms import Mixed, Partial

from dguide import Normalized, Unlocking
from dguide.exact import kl_divergence, solve, total_variation
from dguide.exact.random_problems import dirichlet, mixture
from dguide.guidance import MECHANISMS
from dguide.theory import schedules, strength
from dguide.theory.figures import steps as steps_figure
from dguide.theory.figures import strength as strength_figure


@pytest.fixture(scope="module")
def small():
    pytest.MonkeyPatch().setattr(strength, "SHAPES", ((3, 3),))
    pytest.MonkeyPatch().setattr(strength, "_LARGE", [])
    pytest.MonkeyPatch().setattr(strength, "STEPS", (2, 8))
    seen = []
    result = strength.compute(progress=lambda *x: seen.append(x))
    assert seen[-1] == (len(seen), len(seen))
    return result


def test_a_case_is_what_the_solver_says(small):
    problem = mixture(3, 3, 0, overlap=0.2)
    case = next(
        c
        for c in small.cases
        if (c.family, c.steps, c.schedule) == ("mixture", None, "constant")
        and c.log_z == pytest.approx(problem.log_z(3.0), abs=1e-12)
    )
    laws = {m.__name__: solve(problem, m(3.0)).final for m in (Normalized, Unlocking)}
    for name, law in laws.items():
        assert case.distance[name] == pytest.approx(float(total_variation(law, problem.target(3.0))), abs=1e-5)
        assert case.divergence[name] == pytest.approx(float(kl_divergence(law, problem.target(3.0))), abs=1e-4)
    assert case.apart == pytest.approx(float(total_variation(*laws.values())), abs=1e-5)
    assert case.masked["Normalized"] == pytest.approx(0.5, abs=1e-5)
    assert case.masked["Unlocking"] < 0.45
    assert case.distance["Simple"] == case.distance["Unlocking"]


def test_what_the_table_says(small):
    rows = {(r.group, r.steps, r.schedule): r for r in small.rows()}
    assert {group for group, *_ in rows} == set(strength.LOG_Z_BINS)
    # With weak guidance, constant weight and continuous time the mechanisms hardly differ.
    assert rows["0 to 1", None, "constant"].apart.median < 0.005
    assert rows["3 or more", None, "constant"].apart.median > 0.02
    strong = {
        schedule: rows["3 or more", None, schedule].distance["Normalized"].median for schedule in strength.SCHEDULES
    }
    assert strong["ramp-up"] < strong["constant"]
    assert strong["ramp-up"] < strong["inverse"]
    # With more steps all mechanisms come closer to the target.
    few, many = rows["3 or more", 2, "constant"], rows["3 or more", 8, "constant"]
    for name in ("Normalized", "Unlocking", "Simple"):
        assert few.distance[name].median > many.distance[name].median
        assert few.divergence[name].median > 2 * many.divergence[name].median
    assert few.masked == {}
    assert few.count == 7


def test_a_fourth_and_a_fifth_mechanism(monkeypatch):
    """A mechanism on rates is in every table and figure. Without a known limit, continuous time is left out."""
    monkeypatch.setattr(strength, "SHAPES", ((2, 3),))
    families = {name: strength._STRENGTHS[name] for name in ("dirichlet", "ising")}
    monkeypatch.setattr(strength, "_STRENGTHS", families)
    monkeypatch.setattr(strength, "_STEPPED", [("ising", 2, 3, each) for each in families["ising"]])
    monkeypatch.setattr(strength, "_LARGE", [])
    monkeypatch.setattr(strength, "STEPS", (2, 8))
    monkeypatch.setattr(strength_figure, "STEPS", (2, 8))
    monkeypatch.setitem(MECHANISMS, "Partial", Partial)
    monkeypatch.setitem(MECHANISMS, "Mixed", Mixed)
    data = strength.compute()
    at = [case for case in data.cases if (case.steps, case.schedule) == (None, "constant")]
    for case in at:
        low, high = sorted((case.masked["Normalized"], case.masked["Unlocking"]))
        assert low <= case.masked["Partial"] <= high
        assert "Mixed" not in case.distance
    head, *body = strength_figure.table(data)
    assert head[4:9] == ("Normalized", "Unlocking", "Simple", "Partial", "Mixed")
    for row in body:
        assert all(row[4:8])
        assert bool(row[8]) == (row[2] != "limit")
    strength_figure.draw(data)
    steps = steps_figure.compute(dirichlet(2, 2, seed=4), steps=(2, 4, 8))
    assert list(steps.error["uniform"]) == ["Normalized", "Unlocking", "Simple", "Partial"]
    steps_figure.draw(steps)


def test_rows_can_be_grouped_by_family(small):
    assert {row.group for row in small.rows(lambda case: case.family)} == {"dirichlet", "mixture", "markov", "ising"}


def test_bands_have_their_lower_end():
    assert [strength.log_z_bin(x) for x in (0.0, 0.99, 1.0, 2.99, 3.0, 50.0)] == [
        "0 to 1", "0 to 1", "1 to 3", "1 to 3", "3 or more", "3 or more",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def judged():
    patch = pytest.MonkeyPatch()
    patch.setattr(schedules, "SHAPES", ((3, 4),))
    kept = {k: v for k, v in schedules.SCHEDULES.items() if k in ("ramp-up", "inverse", "power 3/2")}
    patch.setattr(schedules, "SCHEDULES", kept)
    chosen = schedules.compute(optimum=lambda problem, guidance: kept["power 3/2"](problem).scaled_to(3.0))
    patch.undo()
    return chosen


def test_early_weight_harms_and_later_weight_than_the_ramp_helps_normalized(judged):
    rows = {(r.half, r.mechanism, r.schedule): r for r in judged.rows()}
    for half in schedules.HALVES:
        for mechanism in ("Normalized", "Unlocking"):
            assert rows[half, mechanism, "inverse"].gain.median < -0.01
            assert rows[half, mechanism, "inverse"].better.value <= 0.5
        assert rows[half, "Normalized", "power 3/2"].gain.median > 0


def test_the_base_gains_nothing_and_the_optimum_has_a_row(judged):
    rows = {(r.half, r.mechanism, r.schedule): r for r in judged.rows()}
    assert rows["held-out", "Normalized", "ramp-up"].gain.high == 0
    assert rows["held-out", "Normalized", "ramp-up"].better is None
    optimum, same = (rows["held-out", "Normalized", name] for name in ("optimum", "power 3/2"))
    assert optimum.distance == same.distance
    assert optimum.divergence.median > 0


def test_halves_share_no_problem_and_there_are_enough():
    names = {half: {p.name for p in schedules.problems(half)} for half in schedules.HALVES}
    assert not names["design"] & names["held-out"]
    assert sum(len(half) for half in names.values()) >= 60
    for half in schedules.HALVES:
        sizes = {p.process.vocab_size**p.positions for p in schedules.problems(half)}
        assert (min(sizes), max(sizes)) == (16, 729)
