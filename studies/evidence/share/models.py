"""Samples of a trained model in each cell, and the distances of cells and of sums of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dguide.data import Dataset, Split
from dguide.evaluate import Estimate, PixelFeatures
from dguide.evaluate.evaluation import figure
from dguide.evaluate.images.matched import Matched
from dguide.evaluate.statistics.estimate import Statistic
from dguide.evaluate.statistics.halves import Rows
from dguide.samplers import Run, State
from studies.evidence.evidence import Scale
from studies.evidence.grid_figures import frechet, grams
from studies.evidence.grid_plans import PLANS
from studies.evidence.models import dataset, in_turn, loaded, sampled, weights
from studies.evidence.share.cells import Cell
from studies.evidence.share.parts import Signed
from studies.evidence.sums import Sums

__all__ = ["Distances", "Model", "Sampled"]


@dataclass(frozen=True, eq=False)
class Sampled:
    """The samples of a cell.

    Attributes:
        tokens: [N, L], the samples of all seeds one after the other.
        forced: [N], positions that had to leave in the last step.
        last: [N], positions that were still masked when the last step began.
        calls: network calls of one batch, conditional and reference.
    """

    tokens: Tensor
    forced: Tensor
    last: Tensor
    calls: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Model:
    """A model of images or strings, the seeds and the number of samples of each.

    Args:
        name: of a checkpoint.
        seeds: seeds, of which the samples are judged together.
        count: samples of one seed, a class in turn.
        scale: where finished parts are kept.
    """

    name: str
    seeds: tuple[int, ...]
    count: int
    scale: Scale

    @property
    def dataset(self) -> Dataset:
        return dataset(self.name)

    @property
    def labels(self) -> Tensor:
        """The classes that are asked of the samples of one seed."""
        return in_turn(self.dataset, self.count)

    @cached_property
    def order(self) -> int | None:
        """The n of the n-grams that the grid of the model compares; None for images."""
        return None if self.dataset.shape is not None else int(PLANS[f"grid-{self.name}"].figure.partition("-")[0])

    @property
    def figure(self) -> str:
        """Name of the distance to the data."""
        return "Fréchet distance (pixels)" if self.order is None else f"{self.order}-gram divergence"

    def distance(self, real: Tensor, drawn: Tensor) -> Statistic:
        """The distance of the samples at some rows of `drawn` [N, L] from `real` [M, L]."""
        if self.order is None:
            return frechet(PixelFeatures.of(self.dataset), real, drawn)
        return grams(self.order, self.dataset, real, drawn)

    def about(self) -> dict[str, Any]:
        """What all cells share, for the results."""
        return {
            "model": self.name,
            "sha256": weights(self.name),
            "count": self.count,
            "seeds": list(self.seeds),
            "figure": self.figure,
        }

    def sampled(self, cell: Cell) -> Sampled:
        """The samples of all seeds, from the file of each seed if it was drawn before."""
        found = [self._of_seed(cell, seed) for seed in self.seeds]
        tokens, forced, last = (
            torch.tensor([row for each in found for row in each[what]]) for what in ("tokens", "forced", "last")
        )
        conditional, reference = (max(each["calls"][k] for each in found) for k in (0, 1))
        return Sampled(tokens, forced, last, (conditional, reference))

    def _of_seed(self, cell: Cell, seed: int) -> dict[str, Any]:
        about = {key: value for key, value in self.about().items() if key not in ("seeds", "figure")}
        return self.scale.kept(about | cell.about() | {"seed": seed}, lambda: self._draw(cell, seed))

    def _draw(self, cell: Cell, seed: int) -> dict[str, Any]:
        last = torch.zeros(self.count, dtype=torch.int64)

        def look(run: Run, state: State) -> None:
            if cell.steps is not None and state.index == cell.steps - 1:
                last.copy_(run.process.unfinished(state.tokens).sum(-1))

        source, told = loaded(self.name), {self.dataset.conditions[0].name: self.labels}
        drawn = sampled(source, cell.guidance(), cell.made(), told, seed=seed, callback=look)
        print(f"{self.name}, seed {seed}: {cell}", flush=True)
        return {
            "tokens": drawn.tokens.tolist(),
            "forced": drawn.forced.tolist(),
            "last": last.tolist(),
            "calls": [drawn.calls.conditional, drawn.calls.reference],
        }

    @cached_property
    def strata(self) -> Rows:
        found: Rows = self.labels.repeat(len(self.seeds)).numpy()
        return found

    @cached_property
    def real(self) -> tuple[Tensor, float]:
        """Training data in the proportions of the classes, and the distance of as many test data as samples."""
        told = torch.from_numpy(self.strata)
        drawn = Split(torch.zeros(len(told), self.dataset.length, dtype=torch.int64), told)
        matched = Matched.of(self.dataset, drawn, 0)
        if len(matched.equal) < len(told):
            raise ValueError(f"{self.name}: {len(told)} samples, and only {len(matched.equal)} sequences of the test")
        train, held_out = matched.train.tokens, matched.held_out.tokens
        return train, self.distance(train, held_out)(np.arange(len(held_out)))


class Distances:
    """Distances of cells, and of sums of cells: of the same rows of each, since sample i has the same random numbers.

    Args:
        model: the model.
        repetitions: number of halves of an interval.
    """

    def __init__(self, model: Model, repetitions: int = 200) -> None:
        self.model = model
        self.sums = Sums(self.distance, model.strata, repetitions)
        self.samples: dict[Cell, Sampled] = {}
        self.statistics: dict[Cell, Statistic] = {}

    def of(self, cell: Cell) -> Sampled:
        """The samples of a cell."""
        if cell not in self.samples:
            self.samples[cell] = self.model.sampled(cell)
            self.statistics[cell] = self.model.distance(self.model.real[0], self.samples[cell].tokens)
        return self.samples[cell]

    def distance(self, cell: Cell, rows: Rows) -> float:
        """The distance of the samples at some rows."""
        self.of(cell)
        return self.statistics[cell](rows)

    def sum(self, name: str, signed: Signed, level: float = 0.95) -> Estimate:
        """A sum of distances with its interval, from the same halves of all cells."""
        return self.sums(name, signed, level)

    def cell(self, cell: Cell) -> dict[str, Any]:
        """A cell of the results."""
        samples, found = self.of(cell), self.sum(self.model.figure, [(1, cell)])
        rest: dict[str, Any] = {
            "calls": list(samples.calls),
            "forced": float(samples.forced.double().mean()),
            "last": float(samples.last.double().mean()),
            "figures": [figure(found)],
        }
        return cell.about() | rest
