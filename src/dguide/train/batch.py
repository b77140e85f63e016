"""Draws the batch of each training step as a function of (seed, step).

There is no random state to save. A resumed run, or a run in several processes, draws the same batches as a run without
interruption.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from ..data import Dataset, number_of, random_offsets, shift
from ..denoiser import take, to_device
from ..errors import bad
from ..process import Process
from ..samplers import Condition
from .config import TrainConfig
from .objective import corrupted

__all__ = ["Batch", "check_shift", "draw", "generator", "rows_of"]


class Stream(IntEnum):
    """Independent streams of random numbers, one for each purpose."""

    WEIGHTS = 0
    ORDER = 1
    STEP = 2
    DROPOUT = 3


@dataclass(frozen=True)
class Batch:
    """Inputs and targets of one step: clean and noisy tokens [B, L]; times, conditions and augmentations [B]."""

    clean: Tensor
    noisy: Tensor
    time: Tensor
    condition: Condition
    augmentation: Tensor

    def part(self, rows: slice) -> Batch:
        """The sequences at `rows`."""
        return Batch(*take(self._fields(), rows))

    def to(self, device: torch.device) -> Batch:
        """The batch, moved to a device."""
        return Batch(*to_device(self._fields(), device))

    def _fields(self) -> tuple[Condition, ...]:
        return self.clean, self.noisy, self.time, self.condition, self.augmentation


def generator(
    seed: int, stream: Stream, index: int = 0, rank: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """The generator for one seed, stream, index and process (`rank`)."""
    word = np.random.SeedSequence((seed, stream, index, rank)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(word))


def check_shift(config: TrainConfig, dataset: Dataset) -> None:
    """Raises `ValueError` if images are to be shifted whose tokens are no pixels, but codes of larger parts."""
    grid, size = dataset.shape, dataset.codec.size
    if config.shift and grid is not None and size is not None and grid != size:
        got = f"{config.shift} for tokens that stand for {size[0] // grid[0]} x {size[1] // grid[1]} pixels each"
        remedy = "Leave out --shift: the codes of a shifted picture are no shifted codes."
        raise bad("shift", got, "0, or tokens that are pixels", remedy)


def draw(
    config: TrainConfig,
    dataset: Dataset,
    process: Process,
    null: Callable[[Condition], Condition],
    step: int,
    by_level: bool,
) -> Batch:
    """The whole batch of a step, B sequences at evenly spread noise levels (`corrupted`).

    Sequences follow one random order after another.

    Args:
        config: Batch size, seed, shifts and label dropout.
        dataset: The data set with the training split.
        process: Corrupts the tokens.
        null: `model.null`, which gives the null condition.
        step: Number of the step.
        by_level: Whether noise levels are drawn, not numbers of masks, as for a network that reads the time.
    """
    size, count = config.batch_size, len(dataset.train)
    rows = rows_of(config.seed, step * size, size, count)
    source = generator(config.seed, Stream.STEP, step)
    split = dataset.train.take(rows)
    clean = split.tokens
    offsets = random_offsets(size, config.shift, config.shift_share, source)
    if config.shift and dataset.shape is not None:
        clean = shift(clean, offsets, dataset.shape)
    dropped = torch.rand(size, generator=source, dtype=torch.float64) < config.label_dropout
    noisy, time = corrupted(process, clean, source, by_level)
    given = dataset.condition(split)
    not_given = null(given)
    if isinstance(given, dict):
        # Each condition is also dropped by itself, so the network learns every subset of the conditions.
        alone = torch.rand((len(given), size), generator=source, dtype=torch.float64) < config.label_dropout
        names = zip(given, alone | dropped, strict=True)
        condition: Condition = {name: torch.where(left, not_given[name], given[name]) for name, left in names}
    else:
        condition = torch.where(dropped, not_given, given)
    return Batch(clean, noisy, time, condition, number_of(offsets, config.shift))


def rows_of(seed: int, start: int, size: int, count: int) -> Tensor:
    """Entries `start` to `start + size - 1` of an endless sequence of random orders of `count` rows."""
    places = torch.arange(start, start + size)
    first, last = start // count, (start + size - 1) // count
    orders = [torch.randperm(count, generator=generator(seed, Stream.ORDER, r)) for r in range(first, last + 1)]
    return torch.cat(orders)[places - first * count]
