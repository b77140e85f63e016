"""Samples of a trained model in each cell, and the distances of cells and of sums of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from dguide.data import Dataset, Split
from dguide.evaluate import Estimate, PixelFeatures
from dguide.evaluate.evaluation import figure
from dguide.evaluate.images.matched import Matched
from dguide.evaluate.points.distances import Normal
from dguide.evaluate.statistics.halves import Rows
from dguide.samplers import Run, State
from studies.evidence.evidence import Scale
from studies.evidence.models import dataset, in_turn, loaded, sampled, weights
from studies.evidence.share.cells import Cell
from studies.evidence.share.parts import Signed
from studies.evidence.sums import Sums

__all__ = ["FIGURE", "Distances", "Model", "Sampled"]

FIGURE = "Fréchet distance (pixels)"


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
    """A model of images, the seeds and the number of samples of each.

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

    def about(self) -> dict[str, Any]:
        """What all cells share, for the results."""
        return {
            "model": self.name,
            "sha256": weights(self.name),
            "count": self.count,
            "seeds": list(self.seeds),
            "figure": FIGURE,
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
    def real(self) -> tuple[Normal, float]:
        """The training images in the proportions of the classes, and the distance of as many images of the test."""
        told = torch.from_numpy(self.strata)
        drawn = Split(torch.zeros(len(told), self.dataset.length, dtype=torch.int64), told)
        matched = Matched.of(self.dataset, drawn, 0)
        if len(matched.equal) < len(told):
            raise ValueError(f"{self.name}: {len(told)} samples, and only {len(matched.equal)} images of the test")
        features = PixelFeatures.of(self.dataset)
        train, held_out = (Normal.of(features(split.tokens)) for split in (matched.train, matched.held_out))
        return train, train.distance(held_out)


class Distances:
    """Distances of cells, and of sums of cells: of the same rows of each, since sample i has the same random numbers.

    Args:
        model: the model.
        repetitions: number of halves of an interval.
    """

    def __init__(self, model: Model, repetitions: int = 200) -> None:
        self.model = model
        self.sums = Sums(self.distance, model.strata, repetitions)
        self.features = PixelFeatures.of(model.dataset)
        self.samples: dict[Cell, Sampled] = {}
        self.points: dict[Cell, Any] = {}

    def of(self, cell: Cell) -> Sampled:
        """The samples of a cell."""
        if cell not in self.samples:
            self.samples[cell] = self.model.sampled(cell)
            self.points[cell] = self.features(self.samples[cell].tokens)
        return self.samples[cell]

    def distance(self, cell: Cell, rows: Rows) -> float:
        """The distance of the samples at some rows."""
        self.of(cell)
        return self.model.real[0].distance(Normal.of(self.points[cell][rows]))

    def sum(self, name: str, signed: Signed, level: float = 0.95) -> Estimate:
        """A sum of distances with its interval, from the same halves of all cells."""
        return self.sums(name, signed, level)

    def cell(self, cell: Cell) -> dict[str, Any]:
        """A cell of the results."""
        samples, found = self.of(cell), self.sum(FIGURE, [(1, cell)])
        rest: dict[str, Any] = {
            "calls": list(samples.calls),
            "forced": float(samples.forced.double().mean()),
            "last": float(samples.last.double().mean()),
            "figures": [figure(found)],
        }
        return cell.about() | rest
