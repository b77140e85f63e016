"""The grid: pairs of cells from kept halves, distances to a part of the data, and a study that is killed or partial."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from dguide.data import load
from dguide.evaluate import (
    Comparison,
    Evaluation,
    PixelFeatures,
    estimate,
    frechet_distance,
    paired_differences,
    string_estimates,
)
from studies.evidence import NotMade, Scale, grid_judged
from studies.evidence.grid import compute
from studies.evidence.grid_figures import DivergenceTo, FrechetTo
from studies.evidence.grid_halves import Halving
from studies.evidence.grid_page import pictures, sections
from studies.evidence.grid_plans import PLANS, Block
from studies.evidence.grid_verdicts import summary

FIGURE = "Fréchet distance to test images"


def test_a_difference_from_kept_halves_is_that_of_the_pairs():
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    points = generator.normal(size=(2, 60, 4)) + generator.normal(size=(60, 4))
    real = generator.normal(size=(50, 4))

    def statistic(drawn):
        return lambda rows: frechet_distance(real, drawn[rows])

    sets = [
        Evaluation("data", False, (estimate("distance", statistic(drawn), 60, strata=labels),), 60, 0.0)
        for drawn in points
    ]
    (expected,) = paired_differences(*sets, strata=labels, level=0.99)
    halving = Halving(np.arange(60), labels)
    values = json.loads(json.dumps([halving.values(statistic(drawn)) for drawn in points]))
    found = halving.difference("distance", values, (1.0, -1.0), 0.99)
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_halves_of_later_seeds_leave_the_first_one_out():
    labels = np.arange(40) % 2
    values = Halving(np.arange(10, 40), labels[10:40]).values(lambda rows: float(np.min(rows)))
    assert min(values) >= 10


def test_distance_of_images_is_to_those_of_the_part_that_were_asked_for():
    data = load("digits")
    features = PixelFeatures.of(data)
    drawn = data.train.take(torch.nonzero(data.train.labels == 3).flatten())
    (found,) = FrechetTo("test", features)(Comparison(data, drawn.tokens, {"label": drawn.labels}))
    real = data.test.take(torch.nonzero(data.test.labels == 3).flatten())
    assert found.value == pytest.approx(frechet_distance(features(real.tokens), features(drawn.tokens)))
    assert found.low < found.value < found.high
    assert found.best == pytest.approx(found.value)  # the samples are the training images of the class


def test_divergence_of_strings_is_that_of_the_library_with_the_part_to_learn_from(tmp_path):
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("abcd"), size=generator.integers(3, 9))) for _ in range(300)]
    (tmp_path / "texts.csv").write_text("text,kind\n" + "".join(f"{text},{len(text) % 2}\n" for text in texts))
    data = load(f"csv:{tmp_path / 'texts.csv'},text=text,label=kind")
    drawn = data.train.take(torch.arange(200))
    told = torch.full((200,), data.n_classes)  # no class, so that all of the part counts
    (found,) = DivergenceTo("validation", 2)(Comparison(data, drawn.tokens, {"kind": told}))
    exchanged = replace(data, train=data.validation, test=drawn)
    expected = {each.name: each for each in string_estimates(exchanged, drawn.tokens, told, repetitions=0)}
    assert found.value == pytest.approx(expected["2-gram divergence"].value)
    assert found.value > 0.01


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A plan of one mean and few samples, judged by pixels, with its results and their folder."""

    def by_pixels(data, figures, seed):
        features = PixelFeatures.of(data)
        return tuple(FrechetTo(part, features) for part in ("test", "validation"))

    plan = replace(PLANS["grid-digits-masked"], blocks=(Block(2, (3.0,)),), count=20, seeds=(0, 1), also=())
    folder = tmp_path_factory.mktemp("grid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid_judged, "metrics", by_pixels)
        patch.setattr(grid_judged, "WATCHED", 4)
        patch.setattr(grid_judged, "Halving", partial(Halving, repetitions=20))
        yield plan, folder, compute(plan, Scale(quick=False, folder=folder))


def test_a_grid_that_is_killed_goes_on_and_a_partial_one_says_what_is_missing(small):
    plan, folder, whole = small
    assert whole["missing"] == []
    assert len(whole["cells"]) == 16
    assert all(np.isfinite(each["low"]) for each in whole["hypotheses"])

    lost = next(path for path in folder.glob("*.json") if _is(path, "figures", ["Simple", "inverse", 3.0, 2]))
    kept = lost.read_text(encoding="utf-8")
    lost.unlink()
    partial = compute(plan, Scale(quick=False, folder=folder, makes=False))
    assert partial["missing"] == [["Simple", "inverse", 3.0, 2]]
    assert 0 < len(partial["hypotheses"]) < len(whole["hypotheses"])
    assert "guidance-helps" not in {each["name"] for each in partial["hypotheses"]}  # the best of some is not the best
    assert partial["hypotheses"][0]["level"] == whole["hypotheses"][0]["level"]  # that of all that is planned
    verdicts = {row["name"]: row["verdict"] for row in summary(partial)}
    assert verdicts["early-harms"].endswith(" so far")
    assert not verdicts["late-helps"].endswith(" so far")  # it has all of its cells
    assert "15 of 16 cells; missing: 2 steps at mean 3" in sections(partial)["grid-digits-masked about"]

    assert compute(plan, Scale(quick=False, folder=folder)) == whole
    assert json.loads(lost.read_text(encoding="utf-8"))["result"] == json.loads(kept)["result"]
    pictures(partial, folder)
    assert (folder / "grid-digits-masked.png").stat().st_size > 10_000


def test_a_grid_without_any_cell_has_no_results(small, tmp_path):
    with pytest.raises(NotMade, match="has no part"):
        compute(small[0], Scale(quick=False, folder=tmp_path, makes=False))


def _is(path, what, cell):
    part = json.loads(path.read_text(encoding="utf-8"))["part"]
    return (part["what"], part["cell"]) == (what, cell)


def test_the_best_setting_is_chosen_by_the_validation_part_and_judged_by_later_seeds(small):
    _, _, found = small
    best = min((each for each in found["cells"] if each["mean"] > 0), key=lambda each: each["choice"])
    (test,) = (each for each in found["hypotheses"] if each["name"] == "guidance-helps")
    assert test["cells"][0] == [best[name] for name in ("mechanism", "schedule", "mean", "steps")]
    assert test["samples"] == 20  # of 40
