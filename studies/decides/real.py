"""Signals of the shipped masked models, and the outcomes that other studies have measured.

The outcomes come from whatever is there: the grid of a model (studies/results/grid-MODEL.json) if it exists, else the
study of its data. The signals are measured on validation data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dguide.checkpoint import Checkpoint
from dguide.data import Dataset
from dguide.evaluate.statistics.variance import z_quantile
from dguide.theory.outlook import Outlook, outlook
from studies.common import ROOT
from studies.decides.case import SETTINGS, Gain, Setting, gains

__all__ = ["DECIDES", "Outcome", "held_out_outlook", "outcomes"]

RESULTS = ROOT / "studies/results"
DECIDES = {"splice": "4-gram divergence", "peptides": "Fréchet distance", "plays": "4-gram divergence"}
"""The figure that decides in the studies of sequences: the distance to data, of the longest n-grams if there is none
in a space of features. Grids name theirs."""
SQUARED = ("Fréchet distance", "divergence")
"""Figures that are squared distances: half the logarithm of their ratio counts."""
STEPS_DIGITS, STEPS_SEQUENCES = 16, 32


@dataclass(frozen=True)
class Outcome:
    """What was measured of a model at one mean weight and number of steps.

    Attributes:
        model: name of the checkpoint.
        weight, steps: mean w, and T.
        figure: the figure that decides.
        distance: its value as a distance to data, and the standard error, by mechanism and schedule.
        file: where it stands.
        sha256: of the weights that drew the samples, if it is known.
        paired: standard errors of the gains of two settings, where samples were compared pair by pair.
    """

    model: str
    weight: float
    steps: int
    figure: str
    distance: dict[Setting, tuple[float, float]]
    file: str
    sha256: str = ""
    paired: dict[frozenset[Setting], float] = field(default_factory=dict)

    def gains(self) -> dict[str, Gain]:
        """The gains that are known."""
        return gains(self.distance, self.paired)


def as_distance(figure: dict[str, Any]) -> tuple[float, float]:
    """A figure as a distance of 0 or more, with its standard error; nan where it has no interval.

    The error is that of its interval, at the level of the interval. Of a share it is the shortfall from 1.
    """
    value = figure["value"] if figure.get("better") != "higher" else 1 - figure["value"]
    low, high = (math.nan if figure.get(end) is None else figure[end] for end in ("low", "high"))
    error = standard_error(low, high, figure.get("level", 0.95))
    if not squared(figure["name"]):
        return value, error
    root = math.sqrt(max(value, 0.0))
    return root, error / (2 * root) if root else math.nan


def squared(figure: str) -> bool:
    return any(name in figure for name in SQUARED)


def standard_error(low: float, high: float, level: float) -> float:
    """The standard error that an interval of a level stands for."""
    return (high - low) / (2 * z_quantile(level))


def outcomes(folder: Path = RESULTS) -> list[Outcome]:
    """All outcomes of masked models in a folder of results: grids first, then the studies of data without a grid."""
    found = [outcome for path in sorted(folder.glob("grid-*.json")) for outcome in of_grid(path)]
    known = {outcome.model for outcome in found}
    found += [outcome for outcome in (*of_digits(folder), *of_sequences(folder)) if outcome.model not in known]
    return [outcome for outcome in found if outcome.gains()]


def of_grid(path: Path) -> Iterator[Outcome]:
    """Of a grid: one outcome for each mean weight above 0 and number of steps."""
    grid = json.loads(path.read_text(encoding="utf-8"))
    halved = 2 if squared(grid["figure"]) else 1
    cells = [cell for cell in grid["cells"] if cell["mean"] > 0]
    for mean, steps in sorted({(cell["mean"], cell["steps"]) for cell in cells}):
        distance = {}
        for cell in cells:
            setting = (cell["mechanism"], cell["schedule"])
            deciding = [each for each in cell["figures"] if each["name"] == grid["figure"]]
            if (cell["mean"], cell["steps"]) == (mean, steps) and setting in SETTINGS and deciding:
                distance[setting] = as_distance(deciding[0])
        paired = {
            pair: error / (halved * math.sqrt(math.prod(distance[setting][0] ** halved for setting in pair)))
            for pair, error in differences(grid["hypotheses"], mean, steps).items()
            if pair <= distance.keys() and all(distance[setting][0] > 0 for setting in pair)
        }
        yield Outcome(grid["model"], mean, steps, grid["figure"], distance, path.name, grid["sha256"], paired)


def differences(tests: list[dict[str, Any]], mean: float, steps: int) -> dict[frozenset[Setting], float]:
    """Standard errors of the differences between two settings at one mean weight and number of steps."""
    found = {}
    for test in tests:
        if len(test["cells"]) != 2:
            continue
        one, two = test["cells"]
        if one[2:] == two[2:] == [mean, steps]:
            pair = frozenset(((one[0], one[1]), (two[0], two[1])))
            found[pair] = standard_error(test["low"], test["high"], test["level"])
    return found


def of_digits(folder: Path) -> Iterator[Outcome]:
    """Of the table of README, which has no intervals."""
    path = folder / "digits.json"
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]["digits-masked"] if path.exists() else []
    for weight in sorted({row["mean_weight"] for row in rows} - {0.0}):
        distance = {
            (row["mechanism"], row["schedule"]): as_distance({"name": "Fréchet distance", "value": row["frechet"]})
            for row in rows
            if row["mean_weight"] == weight and (row["mechanism"], row["schedule"]) in SETTINGS
        }
        yield Outcome("digits-masked", weight, STEPS_DIGITS, "Fréchet distance", distance, path.name)


def of_sequences(folder: Path) -> Iterator[Outcome]:
    """Of the studies of DNA, peptides and plays."""
    for name, figure in DECIDES.items():
        path = folder / f"{name}.json"
        runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else []
        distance = {}
        for run in runs:
            for mechanism, schedule in SETTINGS:
                if run["setting"] == f"`{mechanism}`, {schedule}, 2":
                    deciding = next(each for each in run["figures"] if each["name"] == figure)
                    distance[mechanism, schedule] = as_distance(deciding)
        yield Outcome(f"{name}-masked", 2.0, STEPS_SEQUENCES, figure, distance, path.name)


def held_out_outlook(loaded: Checkpoint, dataset: Dataset, weight: float, sequences: int, seed: int = 0) -> Outlook:
    """The outlook of a checkpoint on validation data."""
    split = dataset.validation
    return outlook(
        loaded.model,
        loaded.process,
        split.tokens,
        dataset.condition(split),
        weight=weight,
        sequences=sequences,
        seed=seed,
    )
