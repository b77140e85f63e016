"""One step of plain gradient descent, so that a run tells its gradient: python descent.py SETTINGS, as JSON.

The optimizers of `dguide train` hardly change if a gradient is multiplied by a number.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.optim import SGD, Optimizer

from dguide.train import TrainConfig
from dguide.train.denoisers import Denoising
from dguide.train.loop import run
from dguide.train.state import STATE

__all__ = ["descend", "gradient"]

RATE = 2.0**-10
FIXED: dict[str, Any] = {"steps": 1, "warmup": 0, "rate": RATE, "clip": 1e9, "dropout": 0.0}


class Descent(Denoising):
    """A denoiser that is trained by plain gradient descent, from weights that are nowhere zero."""

    def __init__(self, config: TrainConfig) -> None:
        super().__init__(config)
        source = torch.Generator().manual_seed(0)
        with torch.no_grad():  # a new network predicts the same everywhere
            for parameter in self.model.parameters():
                parameter += 0.1 * torch.randn(parameter.shape, generator=source)
        self.before = flat(self.model.state_dict())

    def optimizers(self) -> list[Optimizer]:
        return [SGD(self.model.parameters())]


def flat(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensors[name].double().flatten() for name in sorted(tensors)])


def descend(**settings: Any) -> None:
    config = TrainConfig(**(FIXED | settings))
    run(config, partial(Descent, config))


def gradient(**settings: Any) -> Tensor:
    """The gradient of the step that the run in `out` made."""
    tensors = load_file(Path(settings["out"]) / STATE)
    after = {name.removeprefix("model."): each for name, each in tensors.items() if name.startswith("model.")}
    before = Descent(TrainConfig(**(FIXED | settings))).before
    return (before - flat(after)) / RATE


if __name__ == "__main__":
    descend(**json.loads(sys.argv[1]))
