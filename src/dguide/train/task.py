"""What a training run trains: the part of a run that differs between kinds of networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

__all__ = ["Drawn", "Measured", "Task"]

M = TypeVar("M", bound=nn.Module)
B = TypeVar("B", bound="Drawn")


class Drawn(Protocol):
    """The batch of a step."""

    def part(self, rows: slice) -> Any:
        """What is at `rows`, as a batch."""

    def to(self, device: torch.device) -> Any:
        """The batch, moved to a device."""


@dataclass(frozen=True)
class Measured:
    """An evaluation of one part of the data.

    Args:
        figure: The figure that chooses the weights; lower is better.
        words: What a person reads.
        values: All figures by name.
    """

    figure: float
    words: str
    values: Mapping[str, float]


class Task(ABC, Generic[M, B]):
    """A network, its data and its loss. The loop (`loop.py`) does the rest.

    Attributes:
        model: The network with its initial weights.
        digest: SHA-256 of the data.
        skipped: Number of entries that were left out of the data.
        files: Names of the files of a checkpoint.
        drawn: What the noise of a batch is drawn by; empty if that is as it always was. A run goes on with the same
            only.
    """

    model: M
    digest: str
    skipped: int
    files: tuple[str, ...]
    drawn: str = ""

    def begin(self) -> None:
        """Prepares the initial weights of a new run, which are otherwise random."""

    @abstractmethod
    def optimizers(self) -> list[Optimizer]:
        """The optimizers, which hold each parameter once."""

    @abstractmethod
    def draw(self, step: int) -> B:
        """The batch of a step in all processes: a function of the seed and the step."""

    def reseed(self, step: int, rank: int, device: torch.device) -> None:
        """Sets the source of random numbers in the network for a step of the process `rank`."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: B) -> Tensor:
        """The loss [] of a part of a batch. `network` is `model`, as several processes call it."""

    @abstractmethod
    def validate(self, model: M, device: torch.device) -> Measured:
        """The figures of the validation part."""

    @abstractmethod
    def save(self, model: M, step: int, measured: Measured) -> None:
        """Writes the checkpoint of the best weights so far."""

    @abstractmethod
    def finish(self, device: torch.device) -> None:
        """Evaluates the checkpoint on the test part, and stores the result in it."""

    @abstractmethod
    def follow(self) -> None:
        """Writes into the checkpoint where the data are now."""

    @abstractmethod
    def plan(self, model: M, device: torch.device, most: float) -> float:
        """Seconds for the evaluations at the end of the run, if possible at most `most`."""

    @abstractmethod
    def told(self, seconds: float, done: int, spent: float, last: float) -> list[str]:
        """Lines about the cost of the run, as of `Cost.told`."""

    @abstractmethod
    def words(self, figure: float) -> str:
        """The figure with its name and its unit."""

    def warnings(self, measured: Measured, step: int) -> list[str]:
        """Lines about what goes wrong, by the figures of the validation part after `step` steps."""
        return []

    @property
    def last(self) -> str:
        """More about the last evaluation, for a line that announces it."""
        return ""
