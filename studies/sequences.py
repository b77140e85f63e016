"""What guidance does to the shipped models of DNA, peptides and plays: by weight, schedule and mechanism."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch

import dguide
from dguide import Constant, Normalized, RampUp, Simple, Unlocking, checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import Dataset, Strings, load
from dguide.evaluate import Metric, evaluate_samples
from dguide.evaluate.evaluation import figure
from dguide.evaluate.samples import suited
from dguide.guidance import Guidance, Schedule
from studies.common import ROOT, Study, about, inside, table

__all__ = ["SETTINGS", "measured", "study"]

SAMPLES, SEED = 300, 0
SAMPLER = dguide.Ancestral(32)


def ramp(mean: float) -> Schedule:
    return RampUp(2 * mean)


SETTINGS: dict[str, Guidance] = {
    "none": Normalized(0.0),
    "`Normalized`, ramp-up, 1": Normalized(ramp(1)),
    "`Normalized`, ramp-up, 2": Normalized(ramp(2)),
    "`Normalized`, ramp-up, 4": Normalized(ramp(4)),
    "`Normalized`, constant, 2": Normalized(Constant(2.0)),
    "`Unlocking`, ramp-up, 2": Unlocking(ramp(2)),
    "`Unlocking`, constant, 2": Unlocking(Constant(2.0)),
    "`Simple`, ramp-up, 2": Simple(ramp(2)),
    "`Simple`, constant, 2": Simple(Constant(2.0)),
}
"""Mechanism, schedule and mean weight."""
FREE = ("none", "`Normalized`, ramp-up, 2", "`Normalized`, ramp-up, 4")
"""Settings that are also measured with nothing held."""


@dataclass(frozen=True)
class Frame:
    """What is known of every sequence before it is drawn.

    Args:
        initial: The token of each place that is the same in all training data, elsewhere the mask, [L].
        forbidden: The tokens that occur nowhere else.
    """

    initial: torch.Tensor
    forbidden: tuple[int, ...]

    @classmethod
    def of(cls, data: Dataset, mask: int) -> Frame:
        tokens = data.train.tokens
        same = (tokens == tokens[0]).all(0)
        elsewhere = set(tokens[:, ~same].unique().tolist())
        initial = torch.where(same, tokens[0], mask)
        return cls(initial, tuple(token for token in range(data.vocab_size) if token not in elsewhere))


ROWS = [*((each, True) for each in SETTINGS), *((each, False) for each in FREE)]
"""Settings, and whether the frame is held."""


@dataclass(frozen=True)
class Judged:
    """A checkpoint whose samples are judged: all for the same conditions, by the same random numbers."""

    loaded: Checkpoint
    data: Dataset
    metrics: tuple[Metric, ...]

    @classmethod
    def of(cls, name: str) -> Judged:
        loaded = checkpoint.load(ROOT / "checkpoints" / name)
        data = load(loaded.config.data)
        return cls(loaded, data, tuple(each.prepared(data, SEED) for each in suited(data)))

    def run(self, setting: str, held: bool) -> dict[str, Any]:
        """Calls and figures of one row."""
        frame = Frame.of(self.data, self.loaded.process.vocab_size)
        labels = torch.arange(SAMPLES) % self.data.n_classes
        drawn = dguide.sample(
            self.loaded.model,
            process=self.loaded.process,
            length=self.data.length,
            condition=labels,
            guidance=SETTINGS[setting],
            sampler=SAMPLER,
            initial=frame.initial.expand(SAMPLES, -1) if held else None,
            decoding=dguide.Decoding(forbidden=frame.forbidden if held else ()),
            seed=SEED,
        )
        condition = {self.data.conditions[0].name: labels}
        found = evaluate_samples(self.data, drawn.tokens, condition, metrics=self.metrics, seed=SEED)
        label = setting if held else f"{setting}, nothing held"
        print(f"{self.loaded.config.data}: {label}", flush=True)
        calls = [drawn.calls.conditional, drawn.calls.reference]
        return {"setting": label, "calls": calls, "figures": [figure(each) for each in found.estimates]}


def measured(name: str) -> dict[str, Any]:
    """The figures of every row, and the held-out bits."""
    judged = Judged.of(name)
    runs = [judged.run(setting, held) for setting, held in ROWS]
    return {"checkpoint": name, "samples": SAMPLES, "bits": bits(judged.loaded, judged.data), "runs": runs}


def bits(loaded: Checkpoint, data: Dataset) -> dict[str, float]:
    """Held-out bits of a sequence over its letters, with their standard error: an upper bound, as of the checkpoint.

    Begin, end and padding are part of the sequence, but they are no letters.
    """
    assert isinstance(data.codec, Strings)
    letters = sum(map(len, data.codec.decode(data.test.tokens))) / len(data.test)
    factor = data.length / letters
    value, error = loaded.config.test_bits, loaded.config.test_error
    assert value is not None
    assert error is not None
    return {"value": value * factor, "error": error * factor}


def _cell(found: dict[str, Any] | None, end: str = "") -> str:
    if found is None or math.isnan(found["value"]):
        return ""
    if end:
        return "" if math.isnan(found["best"]) else f"{found['best']:.3g}"
    return inside(found["value"], found["low"], found["high"], ".3g")


def sections(results: dict[str, Any], letter: str, tables: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """A table for each mark of the page, of the figures with these names; and the held-out bits of a letter."""
    value, error = results["bits"]["value"], results["bits"]["error"]
    made = {"bits": f"Held-out bits per {letter}: {value:.3f} ± {1.96 * error:.3f} (an upper bound)."}
    for mark, names in tables.items():
        rows = []
        for run in results["runs"]:
            of = {each["name"]: each for each in run["figures"]}
            rows.append([run["setting"], *(_cell(of.get(name)) for name in names)])
        of = {each["name"]: each for each in results["runs"][0]["figures"]}
        rows.append(["real held-out data", *(_cell(of.get(name), "best") for name in names)])
        made[mark] = table(" | ".join(["guidance, mean weight", *(f":{name}" for name in names)]), rows)
    return made


def study(name: str, letter: str, tables: dict[str, tuple[str, ...]]) -> Study:
    """The study of the checkpoint of a data set, whose figures stand on the page of the data."""
    return Study(
        name,
        f"data-{name}.md",
        "ten minutes of one core",
        lambda: measured(f"{name}-masked"),
        lambda results: sections(results, letter, tables),
    )


if __name__ == "__main__":
    about(__doc__, "studies.splice, studies.peptides and studies.plays")
