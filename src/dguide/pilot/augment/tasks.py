"""The work of a pilot on a rare class, in tasks: models, generated examples, and classifiers with their scores."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ... import __version__
from ... import checkpoint as checkpoints
from ...data import Codec, Dataset, Pictures, load
from ...errors import InputError, bad
from ...filling import fill, rectangle
from ...study import CheckpointSource, Draw, Saved, Setting, Store, Task, key_of
from ...train import TrainConfig, train
from .arms import Arm, as_pictures, compose, parts
from .classifiers import CLASSIFIERS
from .ordinary import Ordinary

__all__ = ["Fill", "Judge", "TrainModel", "conditions_of", "drawn", "draws", "good_rows", "place"]

_BATCH = 64
_RANGE = 256
"""Samples of one task."""


@dataclass(frozen=True, eq=False)
class TrainModel(Task):
    """A model of one data set, in a folder of its own. A killed training goes on from its last evaluation.

    Args:
        folder: Where the checkpoint goes; every worker must see it.
        data: The data set.
        digest: SHA-256 of its content.
        settings: Further settings of `TrainConfig`.
        seed: Seed of the training.
    """

    folder: Path
    data: str
    digest: str
    settings: Mapping[str, Any]
    seed: int

    @property
    def key(self) -> str:
        """The path of the result."""
        depends = [self.data, self.digest, dict(self.settings), self.seed, __version__]
        return key_of("model", f"seed {self.seed}", depends)

    @property
    def path(self) -> Path:
        """The folder of the checkpoint."""
        return self.folder / self.key

    def run(self) -> Saved:
        """Trains it; `about` has the bits per token of the test part."""
        began = time.perf_counter()
        _loaded(self.data, self.digest)
        config = TrainConfig(out=self.path, data=self.data, seed=self.seed, **self.settings)
        if not train(config).finished:
            raise KeyboardInterrupt
        found = checkpoints.load(self.path).config
        about = {"bits": found.bits, "steps": found.steps, "seconds": round(time.perf_counter() - began, 3)}
        return Saved({"steps": np.array([found.steps])}, about)


def conditions_of(data: Dataset, rare: int, count: int) -> dict[str, Tensor]:
    """What the examples to generate are told, [count] by name: the rare class, and the rest as its real examples have.

    Args:
        data: The data set with few examples of the rare class.
        rare: That class.
        count: Number of examples.
    """
    few = (data.train.labels == rare).nonzero().squeeze(-1)
    return data.values(data.train.take(few[torch.arange(count) % len(few)]))


def draws(source: CheckpointSource, setting: Setting, data: Dataset, rare: int, count: int, seed: int) -> list[Draw]:
    """The tasks that draw `count` whole examples."""
    told = conditions_of(data, rare, count)
    found = []
    for first in range(0, count, _RANGE):
        some = {name: values[first : first + _RANGE] for name, values in told.items()}
        found.append(Draw(source, setting, seed, first, len(next(iter(some.values()))), _BATCH, some))
    return found


@dataclass(frozen=True, eq=False)
class Fill(Task):
    """Defects that a model fills into pictures of good parts, one in each.

    Args:
        source: The model.
        setting: Guidance, sampler and decoding.
        data: The data set with few examples of the rare class.
        digest: SHA-256 of its content.
        rare: That class.
        good: The classes of the pictures that are filled.
        region: Sides of the region that is drawn, as a share of those of the picture. Its place is random.
        seed: Seed of all that is random.
        first: Number of the first example.
        count: Number of examples.
    """

    source: CheckpointSource
    setting: Setting
    data: str
    digest: str
    rare: int
    good: tuple[int, ...]
    region: float
    seed: int
    first: int
    count: int

    @cached_property
    def key(self) -> str:
        """The path of the result, with a digest of all fields and of the version of dguide."""
        depends = {
            "source": self.source.digest,
            **self.setting.written,
            "data": [self.data, self.digest],
            "numbers": [self.rare, list(self.good), self.region, self.seed, self.first, self.count],
            "version": __version__,
        }
        return key_of("fill", f"{self.setting.label} seed {self.seed} {self.first:09d}", depends)

    def run(self) -> Saved:
        """Fills them: pictures [N, H, W, C] uint8."""
        began = time.perf_counter()
        model, data = checkpoints.load(self.source.path), _loaded(self.data, self.digest)
        network = self.source.open().denoiser
        pictures = parts(data)[0]
        rows = good_rows(data, self.good)
        told = conditions_of(data, self.rare, self.first + self.count)
        made = []
        for number in range(self.first, self.first + self.count):
            row, region = place(self.seed, number, len(rows), (pictures.height, pictures.width), self.region)
            old = pictures.take(rows[row : row + 1]).batch(slice(None))[0].numpy()
            given = {name: values[number : number + 1] for name, values in told.items()}
            filled = fill(
                model,
                old[..., 0] if old.shape[-1] == 1 else old,
                region,
                condition=given if isinstance(model.model.n_classes, dict) else next(iter(given.values())),
                guidance=self.setting.guidance,
                sampler=self.setting.sampler,
                decoding=self.setting.decoding,
                seed=self.seed,
                first_index=number,
                denoiser=network,
            )
            made.append(filled.images[0].reshape(old.shape))
        return Saved({"pictures": np.stack(made)}, {"seconds": round(time.perf_counter() - began, 3)})


def good_rows(data: Dataset, good: Sequence[int]) -> Tensor:
    """The rows of the training part that defects are filled into."""
    return torch.isin(data.train.labels, torch.tensor(good)).nonzero().squeeze(-1)


def place(seed: int, number: int, count: int, size: tuple[int, int], share: float) -> tuple[int, NDArray[np.bool_]]:
    """Where example `number` is filled in: into which of `count` pictures, and the region of it, [H, W].

    The region is a rectangle at a random place, always of the same sides.
    """
    random = np.random.default_rng([seed, number])
    row = int(random.integers(count))
    height, width = (max(1, min(round(share * side), side - 1)) for side in size)
    x, y = (int(random.integers(whole - side + 1)) for whole, side in zip(size[::-1], (width, height), strict=True))
    return row, rectangle((x, y, width, height), size)


@dataclass(frozen=True, eq=False)
class Judge(Task):
    """A classifier that learns one arm, and its log-probabilities of the classes on held-out data.

    Args:
        store: Where the generated examples are.
        data: The data set with few examples of the rare class.
        digest: SHA-256 of its content.
        rare: The rare class.
        arm: The arm.
        added: Number of examples that the arm adds.
        drawn: Keys of the generated examples, in order.
        classifier: As `CLASSIFIERS` reads it.
        ordinary: The augmentation.
        seed: Seed of the classifier.
    """

    store: str
    data: str
    digest: str
    rare: int
    arm: Arm
    added: int
    drawn: tuple[str, ...]
    classifier: str
    ordinary: Ordinary
    seed: int

    @cached_property
    def key(self) -> str:
        """The path of the result, with a digest of all fields but `store`, and of the version of dguide."""
        depends = [self.data, self.digest, self.rare, vars(self.arm), self.added, list(self.drawn), self.classifier]
        name = f"{self.arm.name} seed {self.seed}"
        return key_of("scores", name, [*depends, vars(self.ordinary), self.seed, __version__])

    def run(self) -> Saved:
        """Trains it: log-probabilities `validation` and `test`, [N, K] float32 each, and the classes of the parts."""
        began, data = time.perf_counter(), _loaded(self.data, self.digest)
        _, validation, test = parts(data)
        training = compose(self.arm, data, self.rare, self.added, self.ordinary, self._pictures(data))
        predict = CLASSIFIERS.read(self.classifier, typed=True).fit(training, data.n_classes, self.seed)
        arrays = {"validation": predict(validation).numpy(), "test": predict(test).numpy()}
        about = {"arm": self.arm.name, "images": len(training.images), "seconds": round(time.perf_counter() - began, 3)}
        return Saved(arrays, about)

    def _pictures(self, data: Dataset) -> Pictures | None:
        """The generated examples, in the channels of the real ones; None if the arm has none."""
        if not self.drawn:
            return None
        real, store = parts(data)[0], Store(self.store)
        chunks = (chunk for key in self.drawn for chunk in drawn(store, key, data.codec, real.channels))
        return Pictures.filed(chunks, (real.height, real.width, real.channels))


def drawn(store: Store, key: str, codec: Codec, channels: int) -> Iterator[NDArray[np.uint8]]:
    """The generated pictures in one result, some at a time, [n, H, W, C]."""
    saved = store.read(key)
    if saved is None:
        raise InputError(f"result {key} of {store.url} is gone. Run the same command again.")
    if "pictures" in saved.arrays:
        yield saved.arrays["pictures"]
    else:
        yield from as_pictures(codec, torch.from_numpy(saved.arrays["tokens"]), channels)


@lru_cache(maxsize=2)
def _loaded(name: str, digest: str) -> Dataset:
    """The data set, if its content is still the same; a worker keeps it for the next task."""
    data = load(name, typed=True)
    if data.digest != digest:
        raise bad(f"data {name}", "others than at the start", "the same until the end", "Begin in a new folder.")
    return data
