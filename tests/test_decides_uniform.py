"""The signals of models of the uniform process on the page of what decides."""

from __future__ import annotations

import torch
from helpers import table

from dguide import Uniform
from dguide.exact import Problem
from dguide.theory.outlook import outlook
from studies.decides.replaced import figures, signals
from studies.evidence.decides import EVIDENCE
from studies.evidence.models import FOLDER, loaded, weights


def parts():
    cond = table(3, 3, 0)
    given = Problem(Uniform(3), cond, 0.3 * cond + 0.7 * table(3, 3, 1))
    labels = torch.zeros(20, dtype=torch.int64)
    tokens = torch.randint(0, 3, (60, 3), generator=torch.Generator().manual_seed(0)).split(20)
    return [outlook(given.oracle(), given.process, each, labels, weight=2.0, sequences=20) for each in tokens]


def test_each_figure_is_the_mean_over_parts_with_its_interval():
    looked = parts()
    found = figures(looked, 16)
    for k, level in enumerate(found["levels"]):
        assert level["level"] == looked[0].levels[k].level
        expected = {
            "pace": [part.levels[k].pace for part in looked],
            "excess": [part.levels[k].claimed - part.levels[k].confirmed for part in looked],
            "leaving Normalized": [part.levels[k].leaving(16)[0] for part in looked],
            "leaving Unlocking": [part.levels[k].leaving(16)[1] for part in looked],
        }
        for name, values in expected.items():
            assert abs(level[name]["value"] - sum(values) / 3) < 1e-12
            assert level[name]["low"] < level[name]["value"] < level[name]["high"]
    over = [part.mean(lambda s: s.log_z) for part in looked]
    assert abs(found["mean"]["log_z"]["value"] - sum(over) / 3) < 1e-12


def test_the_page_has_a_column_for_each_model_and_a_row_for_each_level():
    about = {"weight": 2.0, "sequences": 60, "parts": 3, "steps": 16}
    text = signals([{"model": name} | about | figures(parts(), 16) for name in ("one", "two")])
    assert text.startswith("| signal | `one` | `two` |\n")
    assert [f"log Z_w at m = {m:g} |" in text for m in (0.875, 0.625, 0.375, 0.125)] == [True] * 4
    assert "60 and 60 sequences of the validation part in 3 parts, seeds 0 to 2" in text


def test_the_models_that_ship_are_measured_and_their_weights_named():
    found = {each["model"]: each["sha256"] for each in EVIDENCE.found()["replaced"]}
    uniform = [path.name for path in FOLDER.iterdir() if not loaded(path.name).process.absorbing]
    assert found == {model: weights(model) for model in uniform}, f"measure again: {EVIDENCE.command}"
