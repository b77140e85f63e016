from __future__ import annotations

import dataclasses
import json
import math

import pytest

from dguide.evaluate import Estimate, Evaluation

ESTIMATES = (
    Estimate("validity", 0.912345, 0.9, 0.93, 1000, 1.0, "higher"),
    Estimate("distance", 1234.5, math.nan, math.nan, 50, note="descriptors"),
    Estimate("nothing", math.nan, math.nan, math.nan, 0),
)
EVALUATION = Evaluation("qm9", True, ESTIMATES, 1000, 2.5, (8, 4), {"weight": "constant:1", "png": True, "top_k": None})


def test_table() -> None:
    lines = EVALUATION.as_markdown().splitlines()
    assert (
        lines[0]
        == "1,000 samples against qm9 (synthetic), 8 conditional and 4 reference calls a batch. 2.5 s of judging."
    )
    assert lines[1] == "Settings: weight constant:1."
    assert lines[-3:] == [
        "| validity | 0.912 | 0.9 to 0.93 | 1,000 | 1 | higher |  |",
        "| distance | 1,234 |  | 50 |  |  | descriptors |",
        "| nothing |  |  | 0 |  |  |  |",
    ]
    assert len({line.count("|") for line in lines[3:]}) == 1


def test_seconds_of_sampling_stand_beside_those_of_judging() -> None:
    both = dataclasses.replace(EVALUATION, sampling_seconds=12.34)
    assert both.as_markdown().splitlines()[0].endswith(" a batch. 12.3 s of sampling, 2.5 s of judging.")
    content = json.loads(both.as_json())
    assert (content["sampling_seconds"], content["seconds"]) == (12.34, 2.5)
    assert json.loads(EVALUATION.as_json())["sampling_seconds"] is None


def test_json_holds_everything_and_is_json() -> None:
    content = json.loads(EVALUATION.as_json(), parse_constant=pytest.fail)
    assert content["estimates"][0] == {
        "name": "validity",
        "value": 0.912345,
        "low": 0.9,
        "high": 0.93,
        "count": 1000,
        "best": 1.0,
        "better": "higher",
        "note": "",
        "best_low": None,
        "level": 0.95,
        "best_high": None,
        "difference_low": None,
        "difference_high": None,
    }
    assert content["estimates"][2]["value"] is None
    assert (content["data"], content["synthetic"], content["calls"]) == ("qm9", True, [8, 4])
    assert content["settings"] == {"weight": "constant:1", "png": True, "top_k": None}


def test_figures_are_found_by_name() -> None:
    assert EVALUATION["distance"].note == "descriptors"
    with pytest.raises(KeyError):
        EVALUATION["distances"]


def judged(accuracy: float, distance: float, copies: float) -> str:
    figures = (
        Estimate(
            "accuracy on the asked class", accuracy, accuracy - 0.01, min(accuracy + 0.01, 1), 500, 0.98, "higher"
        ),
        Estimate("Fréchet distance", distance, 0.9 * distance, 1.1 * distance, 300, 2.29, "lower"),
        Estimate("copies of training images", copies, 0.9 * copies, 1.1 * copies + 0.004, 500, 0.0, "lower"),
    )
    return dataclasses.replace(EVALUATION, estimates=figures).as_markdown().partition("\n")[0]


def test_noise_of_high_accuracy_is_not_praised() -> None:
    """The verdict weighs accuracy, distance and copies; high accuracy alone means nothing."""
    noise, good, copied, wrong = (
        judged(0.99, 1135, 0),
        judged(0.99, 2.5, 0),
        judged(0.99, 2.5, 0.3),
        judged(0.5, 2.5, 0),
    )
    assert noise == (
        "**Verdict: the samples are not like the real data.** Fréchet distance 1,135, held-out data 2.29. "
        "Accuracy 0.99 says little then, since a classifier names a class for anything. Copies 0, held-out data 0."
    )
    assert good == (
        "**Verdict: the samples are like the real data, as far as these figures tell.** Fréchet distance 2.5, held-out "
        "data 2.29. Accuracy 0.99, held-out data 0.98. Copies 0, held-out data 0."
    )
    assert copied.startswith("**Verdict: the samples are like the real data.** Fréchet")
    assert copied.endswith("**More of them are copies than of held-out data.** Copies 0.3, held-out data 0.")
    assert "**Fewer show the asked class than of held-out data.** Accuracy 0.5, held-out data 0.98. Copies" in wrong
    assert "further away than real data" in judged(0.99, 10, 0)
    every = judged(0.5, 1135, 0.3)  # one sentence each, none joined to another by "and" or "but"
    assert every == (
        "**Verdict: the samples are not like the real data.** Fréchet distance 1,135, held-out data 2.29. "
        "**Fewer show the asked class than of held-out data.** Accuracy 0.5, held-out data 0.98. "
        "**More of them are copies than of held-out data.** Copies 0.3, held-out data 0."
    )
    assert EVALUATION.as_markdown().startswith("1,000 samples")  # no verdict without any of the three


def test_a_distance_is_only_further_away_if_chance_does_not_explain_it() -> None:
    """The interval of the difference counts, in which held-out data are random too."""

    def shown(best_high: float) -> Evaluation:
        distance = Estimate("Fréchet distance", 5.0, 4.0, 6.0, 30, 2.0, "lower", best_low=0.0, best_high=best_high)
        return dataclasses.replace(EVALUATION, estimates=(distance,))

    for best_high, words in ((2.5, "further away than real data"), (6.0, "like the real data")):
        assert words in shown(best_high).as_markdown()
    low, high = shown(6.0).estimates[0].difference
    assert (low, high) == (3 - 17**0.5, 3 + 5**0.5)
    assert "-1.12 to 5.24" in shown(6.0).as_markdown()
    assert json.loads(shown(6.0).as_json())["estimates"][0]["difference_low"] == pytest.approx(low)
