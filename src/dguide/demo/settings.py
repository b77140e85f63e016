"""The settings of the demonstration, and its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .. import checkpoint as checkpoints
from ..checkpoint import Checkpoint
from ..data import Dataset, load
from ..errors import bad
from ..guidance import MECHANISMS
from .grid import cells

__all__ = ["MASKED", "NAMES", "DemoSettings", "common_data", "find_checkpoints"]

MASKED = "digits-masked"
NAMES = (MASKED, "digits-uniform")
"""The checkpoints that the demonstration needs."""


@dataclass(frozen=True)
class DemoSettings:
    """The settings of the demonstration. Raises `ValueError` if they are not valid.

    Args:
        out: Directory for all results.
        checkpoints: Directory with the checkpoints `NAMES`; None for `checkpoints/` here, or those of dguide.
        weights: Mean weights of the grid.
        mechanisms: Mechanisms of the grid: names in `MECHANISMS`, with options but without a weight.
        per_class: Samples of each class in a cell.
        steps: Steps of the sampler.
        minutes: Length of the training run.
        limit: Minutes for the whole run; if this is too short, the last cells of the second checkpoint are omitted.
        seed: Seed of all cells, which are therefore coupled, and of the training run.
    """

    out: Path
    checkpoints: Path | None = None
    weights: tuple[float, ...] = (0.0, 1.0, 3.0)
    mechanisms: tuple[str, ...] = field(default_factory=lambda: tuple(MECHANISMS))
    per_class: int = 20
    steps: int = 16
    minutes: float = 1.0
    limit: float = 4.25
    seed: int = 0

    def __post_init__(self) -> None:
        if len(set(self.weights)) < len(self.weights) or min(self.weights, default=-1) < 0 or not any(self.weights):
            raise bad("weights of the grid", list(self.weights), "different numbers of at least 0, not 0 alone")
        calls = [(call.target, dict(call.arguments)) for call in map(MECHANISMS.call, self.mechanisms)]
        if not calls or any(calls.count(each) > 1 for each in calls):
            raise bad("mechanisms of the grid", list(self.mechanisms), "at least one, each once")
        for cell in cells(self.weights, self.mechanisms):
            cell.guidance.verify()
        if self.per_class < 1 or self.steps < 1:
            raise bad("per_class and steps", (self.per_class, self.steps), "whole numbers of at least 1")
        if not (self.minutes > 0 and self.limit > 0):
            raise bad("minutes of training, limit", (self.minutes, self.limit), "numbers above 0")


def find_checkpoints(directory: Path | None = None) -> dict[str, Checkpoint]:
    """Loads the checkpoints `NAMES` from `directory`, by default from `checkpoints/` here, or those of dguide.

    Raises:
        ValueError: If they are missing (the message lists the searched places) or damaged.
    """
    places = [directory] if directory else [Path("checkpoints"), checkpoints.shipped()]
    for place in places:
        if all((place / name).is_dir() for name in NAMES):
            return {name: checkpoints.load(place / name) for name in NAMES}
    missing = dict.fromkeys(str((place / name).absolute()) for place in places for name in NAMES)
    raise bad(
        "checkpoints",
        "not all of " + ", ".join(missing),
        f"a directory with {' and '.join(NAMES)}",
        "Pass --checkpoints DIR, or train them into it: dguide train --out DIR/digits-masked --minutes 30 and "
        "dguide train --out DIR/digits-uniform --process uniform --minutes 30",
    )


def common_data(models: dict[str, Checkpoint]) -> Dataset:
    """The data set of all checkpoints. Raises `ValueError` if they have different ones, or no images."""
    names = {checkpoint.config.data for checkpoint in models.values()}
    if len(names) > 1:
        raise bad("data of the checkpoints", sorted(names), "one data set for all")
    dataset = load(names.pop())
    if dataset.shape is None:
        raise bad("data of the checkpoints", dataset.name, "images")
    return dataset
