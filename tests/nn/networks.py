"""Networks that many tests share, and what they are asked."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dguide.nn import DiffusionTransformer


def network(**changes: Any) -> DiffusionTransformer:
    arguments: dict[str, Any] = {"input_size": 6, "shape": (2, 3), "width": 16, "layers": 2, "heads": 2} | changes
    return DiffusionTransformer(5, 3, 6, **arguments)


def awake(**changes: Any) -> DiffusionTransformer:
    """A network whose gates and head are no longer zero, so that everything it reads matters."""
    model = network(**changes)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    return model.eval()


def inputs(batch: int = 4, top: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, top, (batch, 6), generator=generator)
    time = torch.rand(batch, generator=generator, dtype=torch.float64)
    return tokens, time, torch.randint(0, 4, (batch,), generator=generator)
