"""Runs the demonstration: guidance mechanisms and schedules on handwritten digits, with pictures and a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from .. import checkpoint as checkpoints
from ..checkpoint import Checkpoint
from ..data import Dataset
from ..errors import bad, require
from ..files import replacing
from ..guidance import Constant, Normalized, RampUp, Unlocking
from ..plots import images, style
from ..progress import Progress, duration
from ..samplers import Ancestral, sample
from ..train import TrainConfig, train
from ..train.state import STATE
from . import figures
from .grid import Outcome, cells, run_cell
from .judge import Judge
from .pace import pace
from .page import page
from .settings import MASKED, DemoSettings, common_data, find_checkpoints
from .table import TableRow, as_csv, ceiling_row, row

__all__ = ["Report", "demo"]

_FINISH = 10.0
"""Seconds for the tasks without an estimate: pictures and table, 4 s on a free core. Training takes its minutes."""
_PACE_SAMPLES = 20_000
RECIPE: dict[str, Any] = {
    "batch_size": 32,
    "weight_decay": 0.1,
    "dropout": 0.1,
    "shift": 1,
    "evaluate_every": 100,
    "evaluate_passes": 4,
    "device": "cpu",
}
"""Settings of the training: those of the shipped checkpoints, except for the length."""


@dataclass(frozen=True)
class Report:
    """The results of the demonstration.

    Args:
        rows: The table. The last row is for real data.
        quality: The bits per token of the new model, in words.
        seconds: Time of each part.
        files: The written files.
    """

    rows: tuple[TableRow, ...]
    quality: str
    seconds: dict[str, float]
    files: tuple[Path, ...]


def demo(settings: DemoSettings) -> Report:
    """Runs the demonstration and writes to `settings.out`:

    - `pictures-masked.png`, `pictures-uniform.png`: samples of every cell of the grid
    - `precision-recall.png`: precision against recall of every cell
    - `film.png`: the unmasking of one batch
    - `masked-fraction.png`: the masked fraction over time, theory and measurement
    - `table.csv`, `table.md`: accuracy, precision, recall, Fréchet distance, network calls and seconds of every cell
    - `trained/`: a checkpoint trained for `settings.minutes`; `trained.png`: its samples

    Raises:
        ValueError: If checkpoints are missing or do not fit each other.
        dguide.errors.MissingExtra: If a package is not installed.
        KeyboardInterrupt: If training was interrupted.
        OSError: If a file cannot be written.
    """
    for module in ("matplotlib", "sklearn", "scipy", "accelerate", "safetensors"):
        require(module, "cli")
    models = find_checkpoints(settings.checkpoints)
    dataset = common_data(models)
    if (settings.out / "trained" / STATE).exists():
        got = "the training run of somebody"
        raise bad(f"{settings.out / 'trained'}", got, "no run there", "Choose another --out.")
    settings.out.mkdir(parents=True, exist_ok=True)
    return _Demo(settings, models, dataset).run()


class _Demo:
    """One run of the demonstration."""

    def __init__(self, settings: DemoSettings, models: dict[str, Checkpoint], dataset: Dataset) -> None:
        self.settings, self.models, self.dataset = settings, models, dataset
        self.labels = torch.arange(dataset.n_classes).repeat_interleave(settings.per_class)
        self.sampler = Ancestral(steps=settings.steps)
        self.files: list[Path] = []
        self.left_out: list[str] = []

    def run(self) -> Report:
        settings, grid = self.settings, cells(self.settings.weights, self.settings.mechanisms)
        work = [1.0 + (cell.weight != 0) for cell in grid]
        training = 60 * settings.minutes + _FINISH
        # The other seven tasks: judge, trade-off, film, pace, training, its samples and the table.
        progress = Progress(len(self.models) * (len(grid) + 1) + 7, len(self.models) * sum(work), training)
        task = progress.task
        with task("judge: a classifier learns from real digits"):
            judge = Judge.fit(self.dataset)
            ceiling = judge.ceiling(settings.per_class, settings.seed)
        outcomes: dict[str, list[Outcome]] = {}
        for name, checkpoint in self.models.items():
            outcomes[name] = []
            for index, (cell, amount) in enumerate(zip(grid, work, strict=True)):
                if name != MASKED and not progress.fits(amount, 60 * settings.limit):
                    progress.leave_out(len(grid) - index, sum(work[index:]))
                    self.left_out = [f"{name}: {cell}" for cell in grid[index:]]
                    count, cut = len(self.left_out), f"{settings.limit:g} minutes (--limit) are too short for"
                    print(f"{cut} {count} cells, from {self.left_out[0]} on; table.md lists them", file=sys.stderr)
                    break
                with task(f"{name}: {cell}", amount):
                    outcome = run_cell(checkpoint, cell, self.labels, self.sampler, judge, settings.seed)
                    outcomes[name].append(outcome)
            with task(f"{name}: picture"):
                self._picture_grid(checkpoint, outcomes[name])
        with task("precision and recall"):
            panels = {f"{self.models[name].process.name} process": outcomes[name] for name in outcomes}
            style.save(figures.trade_off(panels, ceiling), self._path("precision-recall.png"))
        with task("film of a batch being unmasked"):
            self._film()
        with task("masked fraction, theory and samples"):
            self._pace(outcomes[MASKED])
        with task(f"training for {duration(60 * settings.minutes)}", seconds=training, speaks=True):
            trained = self._train()
        with task("samples of the model just trained"):
            self._sheet(trained)
        with task("table"):
            rows = [row(self.models[name].process.name, outcome) for name in outcomes for outcome in outcomes[name]]
            rows.append(ceiling_row(ceiling))
            self._write("table.csv", as_csv(rows))
            self._write("table.md", page(settings, self.models, trained, rows, self.left_out))
        return Report(tuple(rows), trained.config.quality(), progress.log, tuple(self.files))

    def _path(self, name: str) -> Path:
        path = self.settings.out / name
        self.files.append(path)
        return path

    def _write(self, name: str, text: str) -> None:
        with replacing(self._path(name)) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def _picture_grid(self, checkpoint: Checkpoint, outcomes: Sequence[Outcome]) -> None:
        process, steps = checkpoint.process.name, self.settings.steps
        title = f"{self.dataset.name}, {process} process, {steps} ancestral steps, the same random numbers in all cells"
        grid = cells(self.settings.weights, self.settings.mechanisms)
        picture = figures.picture_grid(self.dataset, outcomes, grid, self.settings.per_class, title)
        style.save(picture, self._path(f"pictures-{process}.png"))

    def _film(self) -> None:
        """Every fourth state of 32 steps, six samples."""
        checkpoint = self.models[MASKED]
        path = sample(
            checkpoint.model,
            process=checkpoint.process,
            length=self.dataset.length,
            condition=torch.linspace(0, self.dataset.n_classes - 1, 6).round().long(),
            guidance=Normalized(RampUp(2.0)),
            sampler=Ancestral(steps=32),
            seed=self.settings.seed,
            trajectory=True,
        ).trajectory
        assert path is not None
        states, times = path.tokens[::4], path.times[::4].mean(-1)
        title = "Unmasking, every fourth of 32 steps: Normalized, ramp-up to w = 2 (masks are striped)"
        masked = checkpoint.process.unfinished(states)
        style.save(figures.film_strip(self.dataset, states, masked, times, title), self._path("film.png"))

    def _pace(self, outcomes: Sequence[Outcome]) -> None:
        curves = [
            ("Normalized", "constant w = 2", pace(Normalized(Constant(2.0)), _PACE_SAMPLES)),
            ("Unlocking", "constant w = 2", pace(Unlocking(Constant(2.0)), _PACE_SAMPLES)),
            ("Unlocking", "ramp-up, mean w = 2", pace(Unlocking(RampUp(1.0).scaled_to(2.0)), _PACE_SAMPLES)),
        ]
        strongest = max(self.settings.weights)
        shown = [o for o in outcomes if o.cell.weight == strongest and o.cell.schedule == "constant"]
        picture = figures.pace_figure(curves, shown, self.models[MASKED].process.noise)
        style.save(picture, self._path("masked-fraction.png"))

    def _train(self) -> Checkpoint:
        """Trains in a new directory, which at the end replaces that of an earlier demonstration."""
        out, settings = self._path("trained"), self.settings
        with TemporaryDirectory(dir=settings.out, prefix=".trained-") as room:
            fresh = Path(room) / "trained"
            config = TrainConfig(
                **RECIPE, out=fresh, data=self.models[MASKED].config.data, seed=settings.seed, minutes=settings.minutes
            )
            if not train(config).finished:
                raise KeyboardInterrupt
            trained = checkpoints.load(fresh)
        record = replace(trained.config, command=config.model_copy(update={"out": out}).command())
        checkpoints.save(out, trained.model, record)
        return replace(trained, config=record)

    def _sheet(self, trained: Checkpoint) -> None:
        classes, config = self.dataset.n_classes, trained.config
        tokens = sample(
            trained.model,
            process=trained.process,
            length=self.dataset.length,
            condition=torch.arange(classes).repeat(4),
            guidance=Normalized(RampUp(2.0)),
            sampler=self.sampler,
            seed=self.settings.seed,
        ).tokens
        shipped, length = self.models[MASKED].config, duration(60 * self.settings.minutes)
        title = (
            f"Trained here for {length}: {config.steps:,} steps, {config.bits:.2f} bits\n"
            f"({MASKED}: {shipped.steps:,} steps, {shipped.bits:.2f} bits)\nNormalized, ramp-up to w = 2"
        )
        sheet = images.contact_sheet(self.dataset.codec, tokens, classes, style.labels(self.dataset.class_names), title)
        style.save(sheet, self._path("trained.png"))
