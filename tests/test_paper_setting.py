"""The studies of the paper's own setting: the right end of the ramp, the protocol of QM9, and the table of ImageNet."""

from __future__ import annotations

import json
import re
import sys

import numpy as np
import pytest
import torch

import dguide
from dguide.evaluate import frechet_distance
from dguide.evaluate.points.distances import Normal
from studies import imagenet
from studies.evidence import Scale, drawn, models, named, qm9_page, qm9_protocol, ramp_end
from studies.evidence.ramp_end_page import advice, ends, missing
from studies.evidence.tested import record
from studies.evidence.trend import Curve, verdict


def curve(*shifts: float) -> Curve:
    """Settings whose points are moved away from the data by so much."""
    noise = np.random.default_rng(0).normal(size=(2, 400, 3))
    points = [noise[0] + shift for shift in shifts]
    return Curve(np.linspace(0, 1, len(shifts)), points, Normal.of(noise[1]), np.arange(400) % 4, repetitions=60)


def test_the_trend_is_the_slope_of_the_line_of_least_squares_through_the_distances():
    found = curve(0.0, 0.5, 0.3, 1.0)
    distances = [each.value for each in found.distances()]
    points = np.random.default_rng(0).normal(size=(2, 400, 3))
    assert distances[1] == pytest.approx(frechet_distance(points[1], points[0] + 0.5))
    assert found.slope(0.95).value == pytest.approx(np.polyfit(found.at, distances, 1)[0])
    assert [step.value for step in found.steps(0.95)] == pytest.approx(np.diff(distances))


@pytest.mark.parametrize(
    ("shifts", "expected"),
    [
        ((0.5, 0.8, 1.1, 1.4), "confirmed"),
        ((0.5, 1.2, 0.9, 1.6), "bounded"),
        ((1.4, 1.1, 0.8, 0.5), "refuted"),
        ((0.8, 0.8, 0.8, 0.8), "undecided"),
    ],
)
def test_verdicts_on_planted_curves(shifts, expected):
    found = curve(*shifts)
    slope, steps = found.slope(0.99), found.steps(0.99)
    assert verdict(slope, steps) == expected


def test_settings_of_one_law_are_undecided():
    noise = np.random.default_rng(1).normal(size=(5, 400, 3))
    found = Curve(np.linspace(0, 1, 4), list(noise[:4]), Normal.of(noise[4]), np.arange(400) % 4, repetitions=60)
    assert verdict(found.slope(0.99), found.steps(0.99)) == "undecided"


def test_ramps_keep_their_mean_or_their_top_and_end_where_the_code_of_the_paper_ends_them():
    levels = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)
    for end in ramp_end.ENDS:
        assert ramp_end.schedule("mean", 3.0, end).mean() == pytest.approx(3.0, abs=1e-8)
        theirs = [3.0 if m <= end else 3.0 * (m - 1) / (end - 1) for m in levels.tolist()]
        assert ramp_end.schedule("top", 3.0, end)(levels).tolist() == pytest.approx(theirs)
    assert ramp_end.schedule("mean", 3.0, 1.0) == ramp_end.schedule("top", 3.0, 1.0)
    assert ramp_end.schedule("mean", 1.0, 0.0) == ramp_end.schedule("top", 2.0, 0.0)


def test_samples_are_those_of_sample_and_are_not_drawn_twice(tmp_path, monkeypatch):
    labels = torch.arange(3)
    monkeypatch.setattr(ramp_end, "STEPS", 2)
    setting = ramp_end.setting("Unlocking", 1.0)
    scale = Scale(True, tmp_path)
    first = drawn.draw(scale, "digits-masked", setting, {"digit": labels}, (0, 1))
    source = models.loaded("digits-masked")
    alone = dguide.sample(
        source.model,
        process=source.process,
        length=64,
        condition=labels,
        guidance=dguide.Unlocking(1.0),
        sampler=dguide.Ancestral(2),
        seed=1,
    )
    assert torch.equal(first.tokens[3:], alone.tokens)
    assert first.calls == (2, 2)
    monkeypatch.setattr(dguide, "sample", None)
    again = drawn.draw(scale, "digits-masked", setting, {"digit": labels}, (0, 1))
    assert torch.equal(again.tokens, first.tokens)
    assert (again.calls, again.forced, again.seconds) == (first.calls, first.forced, first.seconds)


def test_rows_of_the_protocol_are_different_and_gamma_is_one_more_than_the_mean_weight():
    rows = qm9_protocol.rows()
    assert len({(row.process, row.asked, row.setting) for row in rows}) == len(rows) == 68
    for row in rows:
        assert row.setting.guidance.weight.mean() == pytest.approx(row.gamma - 1)
    assert len(qm9_protocol.hypotheses(rows)) == qm9_protocol.STATED == 8
    usual = {row.mechanism for row in rows if row.process == "uniform" and row.gamma == 1}
    assert usual == {"Simple"}


def judged(*samples: tuple[str, bool, float]) -> qm9_protocol.Judged:
    """Samples as (molecule or nothing, whether it is novel, property), asked for above 2."""
    valid = np.array([bool(text) for text, _, _ in samples])
    rows = [each for each in samples if each[0]]
    names, novel, values = ([each[k] for each in rows] for k in range(3))
    return qm9_protocol.Judged(valid, np.array(names, dtype=np.str_), np.array(novel), np.array(values, float), 2.0)


def test_the_yield_counts_different_novel_molecules_above_the_threshold_once():
    some = judged(("A", True, 3), ("A", True, 3), ("", False, 0), ("B", True, 1), ("C", False, 3), ("D", True, 4))
    figures = {each.name: each.value for each in some.figures()}
    assert figures["valid"] == pytest.approx(5 / 6)
    assert figures["unique of valid"] == pytest.approx(4 / 5)
    assert figures["novel of valid"] == pytest.approx(3 / 5)
    assert figures["property, mean"] == pytest.approx((3 + 1 + 4) / 3)
    assert figures["yield"] == pytest.approx(2 / 6)
    assert some.yielded()(np.array([0, 1, 2])) == pytest.approx(1 / 3)
    assert some.yielded()(np.array([2, 3, 4])) == 0


def test_a_planted_difference_in_yield_is_found_and_has_its_sign():
    names = [f"M{k}" for k in range(200)]
    good = judged(*((name, True, 3) for name in names))
    poor = judged(*((name if k % 2 else "", True, 3) for k, name in enumerate(names)))
    assert record(qm9_protocol.difference(good, poor, 0.99))["verdict"] == "confirmed"
    assert record(qm9_protocol.difference(poor, good, 0.99))["verdict"] == "refuted"


def test_the_page_says_what_is_not_computed_yet():
    assert missing(20, 20) == ""
    assert "4 of the 20 stated hypotheses" in missing(20, 4)


@pytest.mark.parametrize("name", ["ramp-end", "qm9-protocol"])
def test_the_page_has_the_numbers_of_the_results(name):
    study = named(name)
    found = study.found()
    assert found["made by"] == f"python -m studies.run {name}"
    assert not found["quick"]
    assert study.text() == (study.results.parents[2] / "docs" / study.page).read_text(encoding="utf-8")


def imagenet_given(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["imagenet", *map(str, arguments)])
    imagenet.main()


def test_imagenet_is_refused_without_files_and_says_all_that_is_missing(monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit) as end:
        imagenet_given(monkeypatch, "--out", tmp_path / "out", "--decoder", tmp_path / "none.pt", "--count", 1)
    said = capsys.readouterr().err
    assert end.value.code == 2
    for option in ("--transformer", "--decoder", "--real", "--inception", "--count"):
        assert option in said
    assert not (tmp_path / "out").exists()


def test_imagenet_with_random_weights_goes_all_the_way_and_is_marked(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(imagenet, "ENDS", (0.0, 1.0))
    monkeypatch.setattr(imagenet, "WEIGHTS", (2.0,))
    arguments = ("--random", "--count", 4, "--steps", 2, "--out", tmp_path)
    imagenet_given(monkeypatch, *arguments)
    text = (tmp_path / "table-random.md").read_text()
    assert text.startswith(imagenet.RANDOM)
    cells = sorted(tmp_path.glob("right-*-random/distance.json"))
    assert len(cells) == 2
    assert all(json.loads(path.read_text())["random weights"] for path in cells)
    assert len(list(tmp_path.glob("right-0-w-2-random/images/*.png"))) == 4
    monkeypatch.setattr(imagenet, "dguide_command", None)  # nothing is drawn again
    imagenet_given(monkeypatch, *arguments)
    assert (tmp_path / "table-random.md").read_text() == text


def test_a_cell_of_imagenet_of_other_settings_or_files_is_not_taken(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(imagenet, "ENDS", (0.0,))
    monkeypatch.setattr(imagenet, "WEIGHTS", (2.0,))

    def refused(*changes):
        with pytest.raises(SystemExit) as end:
            imagenet_given(monkeypatch, *arguments, *changes)
        assert end.value.code == 2
        return capsys.readouterr().err

    arguments = ("--random", "--count", 4, "--steps", 1, "--out", tmp_path)
    imagenet_given(monkeypatch, *arguments)
    path, table = tmp_path / "right-0-w-2-random/distance.json", (tmp_path / "table-random.md").read_text()
    with monkeypatch.context() as longer:
        longer.setattr(imagenet, "ENDS", (1.0, 0.0))
        assert "got seed 0, expected seed 1. Take another --out" in refused("--seed", 1)
    assert not list(tmp_path.glob("right-1-*"))  # nothing is drawn before
    assert re.search("got weight ramp-up:2.*, expected weight ramp-up:4", refused("--kept", "mean"))
    make = imagenet.random_files

    def other_files(folder):
        files = make(folder)
        weights = torch.load(files["transformer"])
        weights["model_state_dict"] = {name: each + 1 for name, each in weights["model_state_dict"].items()}
        torch.save(weights, files["transformer"])
        return files

    with monkeypatch.context() as changed:
        changed.setattr(imagenet, "random_files", other_files)
        assert "got SHA-256 of transformer" in refused()
    assert (tmp_path / "table-random.md").read_text() == table
    path.unlink()
    assert "got 4, expected 3" in refused("--count", 3)  # images that are there
    assert not path.exists()


def test_another_picture_among_the_real_ones_is_another_content(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.png").write_bytes(b"one")
    first = imagenet.content(tmp_path)
    assert imagenet.content(tmp_path) == first
    (tmp_path / "a/1.png").rename(tmp_path / "a/2.png")
    second = imagenet.content(tmp_path)
    (tmp_path / "a/2.png").write_bytes(b"three")
    assert len({first, second, imagenet.content(tmp_path)}) == 3


def test_fid_is_that_of_torch_fidelity_with_the_published_weights(monkeypatch, tmp_path):
    asked = {}

    class Fidelity:
        @staticmethod
        def calculate_metrics(**options):
            asked.update(options)
            return {"frechet_inception_distance": 7.5}

    monkeypatch.setattr(imagenet, "require", lambda package, extra: Fidelity)
    assert (
        imagenet.fid(tmp_path / "a", tmp_path / "real", tmp_path / "w.pth", tmp_path, {"real": "a", "inception": "b"})
        == 7.5
    )
    assert (asked["input1"], asked["input2"]) == (str(tmp_path / "a"), str(tmp_path / "real"))
    assert asked["feature_extractor_weights_path"] == str(tmp_path / "w.pth")
    assert asked["fid"]


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["confirmed", "bounded"], "Let the weight rise late"),
        (["confirmed", "undecided"], "Try a weight that rises late"),
        (["confirmed", "refuted"], "Compare several ends"),
    ],
)
def test_the_advice_on_the_ramp_is_chosen_by_the_verdicts(verdicts, said):
    figures = [{"low": low, "high": low + 1} for low in (2, 4, 2.5, 0.5)]  # without guidance, then guided
    tests = [{"kept": kept, "verdict": each} for kept, each in zip(("mean", "top"), verdicts, strict=True)]
    text = advice({"model": "a", "hypotheses": tests, "cells": [{"figures": [each]} for each in figures]})
    assert text.startswith(f"**{said}**")
    assert "Of 3 guided settings 1 are further" in text
    assert "and 1 are nearer" in text


@pytest.mark.parametrize(("guided", "said"), [(0.1, "falls"), (0.9, "rises"), (0.5, "shows no clear change")])
def test_what_guidance_costs_is_said_only_where_the_intervals_are_apart(guided, said):
    def cell(gamma, value):
        figures = [
            {"name": name, "value": value, "low": value - 0.05, "high": value + 0.05} for name in ("valid", "yield")
        ]
        about = {"process": "masked", "asked": "qed", "gamma": gamma, "schedule": "constant", "mechanism": "Normalized"}
        return about | {"figures": figures}

    tests = [
        {"name": "masked, qed: ramp-up over constant", "verdict": "undecided"},
        {"name": "masked, qed: Normalized over Simple", "verdict": "refuted"},
    ]
    text = qm9_page.advice({"cells": [cell(1, 0.52), cell(3, guided)], "hypotheses": tests})
    assert f"the yield {said}" in text
    assert "masked, qed: it is open whether the ramp-up or the constant weight" in text
    assert "masked, qed: `Normalized` has a lower yield" in text


def test_a_figure_without_an_interval_or_without_a_value_has_no_empty_brackets():
    nothing = float("nan")
    assert ends({"value": 0.5, "low": nothing, "high": nothing}) == "0.5"
    assert ends({"value": nothing, "low": nothing, "high": nothing}) == ""
