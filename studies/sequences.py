"""What guidance does to the shipped models of DNA, peptides and plays: by weight, schedule and mechanism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

import dguide
from dguide import Constant, Normalized, RampUp, Simple, Unlocking, checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import Dataset, Strings, load
from dguide.evaluate import evaluate_samples
from dguide.evaluate.evaluation import figure
from dguide.evaluate.samples import suited
from dguide.guidance import Guidance, Schedule
from studies.common import ROOT, Study, about, table

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


def measured(name: str) -> dict[str, Any]:
    """The figures of every setting, each of the same condition and the same random numbers."""
    loaded = checkpoint.load(ROOT / "checkpoints" / name)
    data, runs = load(loaded.config.data), []
    metrics = [each.prepared(data, SEED) for each in suited(data)]
    labels = torch.arange(SAMPLES) % data.n_classes
    frame = Frame.of(data, loaded.process.vocab_size)
    for setting, held in [*((each, True) for each in SETTINGS), *((each, False) for each in FREE)]:
        drawn = dguide.sample(
            loaded.model,
            process=loaded.process,
            length=data.length,
            condition=labels,
            guidance=SETTINGS[setting],
            sampler=SAMPLER,
            initial=frame.initial.expand(SAMPLES, -1) if held else None,
            decoding=dguide.Decoding(forbidden=frame.forbidden if held else ()),
            seed=SEED,
        )
        found = evaluate_samples(data, drawn.tokens, {data.conditions[0].name: labels}, metrics=metrics, seed=SEED)
        calls = [drawn.calls.conditional, drawn.calls.reference]
        label = setting if held else f"{setting}, nothing held"
        runs.append({"setting": label, "calls": calls, "figures": [figure(each) for each in found.estimates]})
        print(f"{name}: {label}", flush=True)
    return {"checkpoint": name, "samples": SAMPLES, "bits": bits(loaded, data), "runs": runs}


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
    if found is None or found["value"] is None:
        return ""
    if end:
        return "" if found["best"] is None else f"{found['best']:.3g}"
    inside = "" if found["low"] is None else f" ({found['low']:.3g} to {found['high']:.3g})"
    return f"{found['value']:.3g}{inside}"


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
