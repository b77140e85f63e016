"""Draws the cells of the grid by the engine of studies, and judges them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

import dguide
from dguide import Diagnostics
from dguide.data import Dataset
from dguide.evaluate import Metric, evaluate_samples
from dguide.evaluate.evaluation import figure
from dguide.pilot.compare.run import joined
from dguide.study import CheckpointSource, Results, Store, Study, execute

from .evidence import Scale
from .grid_cells import Cell
from .grid_figures import metrics
from .grid_halves import Halving
from .grid_plans import Plan
from .models import FOLDER, dataset, in_turn, loaded, sampled, told, weights

__all__ = ["Grid"]

JUDGE, LEVELS, WATCHED = 0, 10, 32
"""Seed of the judge; bins of the noise level, and samples, for log Z_w."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of a plan, and what judges them."""

    plan: Plan
    scale: Scale

    @property
    def data(self) -> Dataset:
        return dataset(self.plan.model)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        return metrics(self.data, (self.plan.figure, self.plan.choice), JUDGE)

    @cached_property
    def condition(self) -> dict[str, Tensor]:
        """What the samples of a seed are told."""
        count, asked = self.plan.count, self.plan.asked
        values = in_turn(self.data, count) if asked is None else torch.full((count,), asked[1])
        return told(self.data, count, {self.asked: values})

    def halving(self, first: int, last: int) -> Halving:
        """Of the samples of the seeds from one number to another one, that one left out."""
        count = self.plan.count
        labels = self.condition[self.asked].repeat(last).numpy().astype(np.int64)
        rows = np.arange(first * count, last * count)
        return Halving(rows, labels[rows])

    @property
    def asked(self) -> str:
        """Name of the condition that samples are told."""
        return self.data.conditions[0].name if self.plan.asked is None else self.plan.asked[0]

    def study(self, cells: tuple[Cell, ...], seeds: tuple[int, ...]) -> Study:
        source = CheckpointSource.of(FOLDER / self.plan.model)
        return Study(source, tuple(cell.setting for cell in cells), seeds, self.plan.count, self.condition)

    def part(self, what: str, cell: Cell, **more: Any) -> dict[str, Any]:
        """All that the result for a cell depends on."""
        return {
            "what": what,
            "model": self.plan.model,
            "sha256": weights(self.plan.model),
            "data": loaded(self.plan.model).config.data_digest,
            "cell": cell.key,
            "asked": self.plan.asked,
            "dguide": dguide.__version__,
            **more,
        }

    def judged(self, cell: Cell, seeds: tuple[int, ...] | None = None) -> dict[str, Any]:
        """Calls, forced positions and figures of a cell; the deciding one also of halves of all seeds, and of all but
        the first.
        """
        seeds = self.plan.seeds if seeds is None else seeds
        figures = [self.plan.figure, self.plan.choice]
        part = self.part("figures", cell, seeds=list(seeds), count=self.plan.count, figures=figures)
        return self.scale.kept(part, lambda: self._judge(cell, seeds))

    def _judge(self, cell: Cell, seeds: tuple[int, ...]) -> dict[str, Any]:
        store = Store(self.scale.folder / "samples" / self.plan.model)
        study = self.study((cell,), seeds)
        execute(study.tasks(), store)
        tokens, condition, drawn = joined(study.condition, Results(study, store), cell.setting)
        found = evaluate_samples(self.data, tokens, condition, metrics=self.metrics, seed=JUDGE)
        of = {each.name: each.statistic for each in found.estimates}
        main, choice = of[self.plan.figure], of[self.plan.choice]
        assert main is not None
        assert choice is not None
        return {
            "calls": [max(each.calls.conditional for each in drawn), max(each.calls.reference for each in drawn)],
            "forced": float(torch.cat([each.forced for each in drawn]).double().mean()),
            "figures": [figure(each) for each in found.estimates],
            "better": next(each.better for each in found.estimates if each.name == self.plan.figure),
            "choice": float(choice(np.arange(self.plan.count))),
            "halves": [self.halving(first, len(seeds)).values(main) for first in range(min(2, len(seeds)))],
        }

    def strength(self, cell: Cell) -> dict[str, Any]:
        """log Z_w of a cell by noise level, from a few samples, at the steps that come first in the order of work."""
        cell = replace(cell, steps=self.plan.blocks[0].steps)
        part = self.part("log Z", cell, count=WATCHED, levels=LEVELS)
        return self.scale.kept(part, lambda: self._watch(cell))

    def _watch(self, cell: Cell) -> dict[str, Any]:
        few = {name: values[:WATCHED] for name, values in self.condition.items()}
        seen = Diagnostics(bins=LEVELS)
        sampled(loaded(self.plan.model), cell.guidance, cell.setting.sampler, few, callback=seen)
        table = seen.table()
        there = (table.count > 0).tolist()
        means = table.log_z.tolist()
        return {"log_z": [mean if seen else None for mean, seen in zip(means, there, strict=True)]}
