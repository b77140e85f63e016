"""Which settings of `dguide train` leave the fewest held-out bits for the same time of one core.

Every row is trained as long as a number of steps of the first row takes. What a step costs is measured beside the first
row, in turns, so that a busy machine slows both. An interrupted study goes on where it stopped.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from dguide import checkpoint
from dguide.data import load
from dguide.evaluate.likelihood import bounds
from dguide.evaluate.statistics.means import mean_interval
from dguide.train import TrainConfig
from dguide.train.batch import Batch, Stream, generator
from dguide.train.denoisers import Denoising
from dguide.train.loop import run
from dguide.train.objective import corrupted
from dguide.train.task import Measured
from studies.common import ROOT, Study, commit, header, inside, parser, table, write
from studies.evidence import Scale

__all__ = ["STUDY"]

SEEDS, STEPS = (0, 1), 600
JUDGED, PASSES = 400, 4
TURNS, TIMED = 2, 6
FOLDER = ROOT / "runs/training-sweep"
BY_LEVEL = "noise level drawn, in place of the number of masks"


@dataclass(frozen=True)
class Data:
    """The rows for one data set.

    Attributes:
        words: what the data are.
        first: the settings of the first row.
        rows: what the other rows change, by their words.
    """

    words: str
    first: dict[str, Any]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)


MUON = {"optimizer": "muon", "rate": 0.004, "batch_size": 32, "precision": "bf16", "ema": 0.99, "device": "cpu"}
DATA = {
    "qm9": Data(
        "molecules of QM9, 24 tokens",
        MUON | {"width": 128, "layers": 4},
        {
            "batch 128": {"batch_size": 128},
            "AdamW, rate 0.002": {"optimizer": "adamw", "rate": 0.002},
            BY_LEVEL: {},
            "float32": {"precision": "no"},
            "batch 64": {"batch_size": 64},
            "batch 16": {"batch_size": 16},
            "rate 0.008": {"rate": 0.008},
            "rate 0.002": {"rate": 0.002},
            "AdamW, rate 0.004": {"optimizer": "adamw", "rate": 0.004},
            "AdamW, rate 0.001": {"optimizer": "adamw", "rate": 0.001},
            "width 192, 4 layers": {"width": 192},
            "width 96, 3 layers": {"width": 96, "layers": 3},
            "width 128, 8 layers": {"layers": 8},
            "average of 1,000 steps (`--ema 0.999`)": {"ema": 0.999},
            "weight decay 0.1": {"weight_decay": 0.1},
        },
    ),
    "digits": Data(
        "digits, 64 tokens",
        MUON | {"width": 96, "layers": 3, "weight_decay": 0.1, "dropout": 0.1, "shift": 1},
        {
            "AdamW, rate 0.003": {"optimizer": "adamw", "rate": 0.003},
            BY_LEVEL: {},
            "float32": {"precision": "no"},
            "batch 16": {"batch_size": 16},
            "batch 64": {"batch_size": 64},
            "width 128, 5 layers": {"width": 128, "layers": 5},
            "no shift": {"shift": 0},
        },
    ),
}
FIRST = {
    "qm9": "batch 32, Muon, rate 0.004, width 128, 4 layers, bf16",
    "digits": "batch 32, Muon, rate 0.004, width 96, 3 layers, bf16",
}


class Unjudged(Denoising):
    """A run without evaluations: the study judges its network afterwards."""

    def __init__(self, config: TrainConfig, by_level: bool) -> None:
        super().__init__(config)
        self.by_level = by_level

    def draw(self, step: int) -> Batch:
        batch = super().draw(step)
        if not self.by_level:
            return batch
        noisy, moments = corrupted(self.process, batch.clean, generator(self.config.seed, Stream.STEP, step, 1), True)
        return replace(batch, noisy=noisy, time=moments)

    def validate(self, model: Any, device: torch.device) -> Measured:
        return Measured(0.0, "", {})

    def finish(self, device: torch.device) -> None:
        """Nothing: the test part is judged afterwards."""


def trained(
    data: str, name: str, folder: Path, seed: int, steps: int, on_step: Callable[[int], None] | None = None
) -> None:
    """Trains a row, and leaves its averaged weights as a checkpoint."""
    given = DATA[data].first | DATA[data].rows.get(name, {})
    config = TrainConfig(out=folder, data=data, seed=seed, steps=steps, evaluate_every=steps, **given)
    run(config, partial(Unjudged, config, name == BY_LEVEL), on_step)


def step_seconds(data: str, name: str) -> list[float]:
    """Processor time of some steps of a row, without the first one, which prepares, and the last one, which saves."""
    times: list[float] = []
    with TemporaryDirectory() as folder:
        trained(data, name, Path(folder), 0, TIMED, lambda step: times.append(time.process_time()))
    return np.diff(times)[:-1].tolist()  # type: ignore[no-any-return]


def cost(data: str, name: str) -> dict[str, Any]:
    """Time of a step of a row, and of one of the first row measured in turns with it."""
    found: dict[str, list[float]] = {"row": [], "first": []}
    for _ in range(TURNS):
        found["first"] += step_seconds(data, FIRST[data])
        found["row"] += step_seconds(data, name)
    return {key: statistics.median(each) for key, each in found.items()}


def bits_of(loaded: checkpoint.Checkpoint, part: str) -> list[float]:
    """Bits per token of each judged sequence of a part of the data; the same corruption for all networks."""
    dataset = load(loaded.config.data)
    split = getattr(dataset, part).some(JUDGED, 0)
    terms = bounds(
        loaded.model,
        loaded.process,
        split.tokens,
        (dataset.condition(split),),
        passes=PASSES,
        seed=0,
        batch_size=JUDGED,
        device="cpu",
    )
    nats = torch.stack([each.squeeze(1) for _, each in terms]).mean(0)
    return [round(each, 4) for each in (nats / dataset.length / np.log(2)).tolist()]


def judged(data: str, name: str, seed: int, steps: int) -> dict[str, Any]:
    """A row is trained and judged."""
    with TemporaryDirectory() as folder:
        trained(data, name, Path(folder), seed, steps)
        loaded = checkpoint.load(folder)
        return {"validation": float(np.mean(bits_of(loaded, "validation"))), "test": bits_of(loaded, "test")}


def runs(scale: Scale) -> Iterator[dict[str, Any]]:
    """All runs; the second seed after all rows have the first one."""
    rows = [(data, name) for data, each in DATA.items() for name in (FIRST[data], *each.rows)]
    for seed, (data, name) in product(SEEDS, rows):
        settings = {"data": data, "name": name, "settings": DATA[data].first | DATA[data].rows.get(name, {})}
        first = {"first": DATA[data].first, "turns": TURNS}
        ratio = 1.0
        if DATA[data].rows.get(name):  # a row that changes no setting does the same work
            measured = scale.kept({"cost": settings, **first}, partial(cost, data, name))
            ratio = measured["row"] / measured["first"]
        steps = round(STEPS / ratio)
        part = {"run": settings, "seed": seed, "steps": steps, "judged": JUDGED, "passes": PASSES}
        found = scale.kept(part, partial(judged, data, name, seed, steps))
        yield {"data": data, "name": name, "seed": seed, "steps": steps, "cost": ratio} | found


def growing() -> Iterator[dict[str, Any]]:
    """The results after each run."""
    scale, found = Scale(False, FOLDER), []
    whole = len(SEEDS) * sum(1 + len(each.rows) for each in DATA.values())
    for each in runs(scale):
        found.append(each)
        print({key: value for key, value in each.items() if key != "test"}, flush=True)
        yield {"runs": found, "whole": whole, "spent": sum(scale.seconds)}


def compute() -> dict[str, Any]:
    *_, last = growing()
    return last


def line(name: str, mine: list[dict[str, Any]], first: list[dict[str, Any]]) -> list[str]:
    """The row of a setting: its bits, and their difference from those of the first row with the same seeds."""
    seeds = {run["seed"] for run in mine}
    bits = np.mean([run["test"] for run in mine], 0)
    cells = [name, f"{mine[0]['cost']:.2f}", f"{mine[0]['steps']:,}", f"{bits.mean():.3f}"]
    if mine is first:
        low, high = mean_interval(bits)
        return [*cells[:-1], inside(bits.mean(), low, high, ".3f"), "", str(len(seeds))]
    difference = bits - np.mean([run["test"] for run in first if run["seed"] in seeds], 0)
    low, high = mean_interval(difference)
    return [*cells, inside(difference.mean(), low, high, "+.3f"), str(len(seeds))]


def sections(results: dict[str, Any]) -> dict[str, str]:
    parts = []
    for data, each in DATA.items():
        of: dict[str, list[dict[str, Any]]] = {}
        for run_ in results["runs"]:
            if run_["data"] == data:
                of.setdefault(run_["name"], []).append(run_)
        if not of:
            continue
        chosen = min(of, key=lambda name, of=of: float(np.mean([run_["validation"] for run_ in of[name]])))  # type: ignore[misc]
        rows = [line(f"**{name}**" if name == chosen else name, mine, of[FIRST[data]]) for name, mine in of.items()]
        count = len(of[FIRST[data]][0]["test"])
        head = f"{each.words} | :time of a step | :steps | :bits of {count} test sequences"
        parts.append(table(f"{head} | :difference from the first row | :seeds", rows))
    done = f"{len(results['runs'])} of {results['whole']} runs of the study are done"
    return {"sweep": "\n\n".join([*parts, f"{done}, in {results['spent'] / 60:.0f} minutes of one core."])}


TAKES = "an hour of one core; after an interruption the runs that are done stand on the page"
STUDY = Study("training_sweep", "training.md", TAKES, compute, sections)


def main() -> None:
    command = parser(__doc__, "studies/results/training_sweep.json, and its numbers in docs/training.md", TAKES)
    command.add_argument("--fill", action="store_true", help="write the page from the stored results, in no time")
    if not command.parse_args().fill:
        torch.set_num_threads(1)
        source = commit()
        for found in growing():
            record = header("python -m studies.training_sweep", source, found["spent"])
            write(STUDY.results, json.dumps(record | found) + "\n")
    write(ROOT / "docs" / STUDY.page, STUDY.text())


if __name__ == "__main__":
    main()
