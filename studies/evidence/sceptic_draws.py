"""Samples of the sceptic's study: the settings, and the models that they are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dguide import Ancestral, checkpoint
from dguide.checkpoint import Checkpoint
from dguide.data import load
from dguide.guidance import Guidance
from dguide.train import TrainConfig, train
from studies.evidence.evidence import Scale
from studies.evidence.grid_cells import NONE, Cell
from studies.evidence.models import FOLDER, sampled

__all__ = ["DATA", "MODEL", "SETTINGS", "Size", "Source", "further", "shipped"]

MODEL, DATA, MEAN = "digits-masked", "digits", 3.0
SETTINGS: dict[str, Guidance] = {
    NONE: Cell.unguided(0).guidance,
    **{
        f"`{mechanism}`, {schedule}": Cell(mechanism, schedule, MEAN, 0).guidance
        for mechanism in ("Normalized", "Unlocking")
        for schedule in ("constant", "ramp-up", "inverse")
    },
}
"""Mechanism and schedule, of mean weight 3."""

RECIPE = {
    "data": DATA,
    "seed": 1,
    "batch_size": 32,
    "weight_decay": 0.1,
    "dropout": 0.1,
    "shift": 1,
    "evaluate_every": 500,
    "device": "cpu",
}
"""Settings of the training of other models: those of the shipped one, but for the seed."""


@dataclass(frozen=True)
class Size:
    """How much is drawn and trained.

    Attributes:
        count: samples of a setting and seed, the classes in turn.
        steps: of the sampler.
        seeds: of the shipped model; the others have the first one.
        training: steps of training by the size of the network.
        seen: training images of the networks that judge, with repetitions.
    """

    count: int
    steps: int
    seeds: tuple[int, ...]
    training: Mapping[str, int]
    seen: int

    @classmethod
    def of(cls, quick: bool) -> Size:
        if quick:
            return cls(100, 8, (0,), {"tiny": 200}, 8_000)
        return cls(350, 16, (0, 1), {"tiny": 3_000, "small": 1_500}, 40_000)

    @property
    def labels(self) -> Tensor:
        return torch.arange(self.count) % 10


@dataclass(frozen=True)
class Source:
    """A model, and how it came about.

    Attributes:
        name: in the tables.
        sha256: of its weights.
        about: the command of its training, its seed and its validation bits.
        load: reads the weights; only what is not drawn yet needs them.
    """

    name: str
    sha256: str
    about: dict[str, Any]
    load: Callable[[], Checkpoint]

    def drawn(self, scale: Scale, size: Size, setting: str, seed: int) -> Tensor:
        """Samples [N, L] of a setting."""
        part = {"sha256": self.sha256, "setting": repr(SETTINGS[setting]), "steps": size.steps, "seed": seed}
        found = scale.kept(part | {"count": size.count}, lambda: self._draw(size, setting, seed))
        print(f"{self.name}: {setting}, seed {seed}", flush=True)
        return torch.tensor([list(bytes.fromhex(row)) for row in found["tokens"]])

    def _draw(self, size: Size, setting: str, seed: int) -> dict[str, Any]:
        told = {"digit": size.labels}
        tokens = sampled(self.load(), SETTINGS[setting], Ancestral(size.steps), told, seed=seed).tokens
        return {"tokens": [bytes(row).hex() for row in tokens.tolist()]}


def shipped() -> Source:
    """The model that comes with the source."""
    folder = FOLDER / MODEL
    return Source(MODEL, **_about(folder), load=lambda: checkpoint.load(folder))


def further(scale: Scale, network: str, steps: int) -> Source:
    """A model of the same data with another seed and perhaps another size, trained in the folder of the study."""
    config = TrainConfig.model_validate(
        RECIPE | {"out": scale.folder / f"{network}-{steps}", "size": network, "steps": steps}
    )
    recipe = config.recipe() | {"data digest": load(DATA).digest}
    about = scale.kept({"training": recipe}, lambda: _trained(config))

    def again() -> Checkpoint:
        if _trained(config)["sha256"] != about["sha256"]:
            raise SystemExit(f"{config.out} has other weights than those that were trained here; delete it")
        return checkpoint.load(config.out)

    return Source(f"{network}, seed 1", **about, load=again)


def _trained(config: TrainConfig) -> dict[str, Any]:
    """What is told of the weights; trains them, or goes on, if they are not finished."""
    if not train(config).finished:
        raise SystemExit(f"{config.out}: stopped; the same command goes on")
    return _about(config.out)


def _about(folder: Path) -> dict[str, Any]:
    loaded = checkpoint.load(folder)
    config = loaded.config
    about = {
        "command": config.command.replace(str(folder), folder.name),
        "seed": config.seed,
        "steps": config.steps,
        "parameters": sum(each.numel() for each in loaded.model.parameters()),
        "validation bits": config.validation_bits,
    }
    return {"sha256": checkpoint.digest(folder / checkpoint.WEIGHTS), "about": about}
