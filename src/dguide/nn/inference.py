"""Prepares a trained network for sampling: no gradients, chosen precision, optional speedups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..errors import bad, choose
from .condition import Condition
from .transformer import DiffusionTransformer, Trunk

__all__ = ["DTYPES", "Inference", "Parts", "Speedup"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
"""Names of the precisions of weights."""


@dataclass(frozen=True)
class Parts:
    """The two functions of a denoiser.

    Attributes:
        trunk: (tokens [B, L], time [B], condition [B]) -> `Trunk`.
        readout: (`Trunk`, rows [N] or None) -> logits [N, V] or [B, L, V].
    """

    trunk: Callable[[Tensor, Tensor, Tensor], Trunk]
    readout: Callable[[Trunk, Tensor | None], Tensor]


class Speedup(Protocol):
    """A method that computes the same parts faster, such as `Compiled` or `CudaGraphs`."""

    def __call__(self, parts: Parts, device: torch.device) -> Parts:
        """Faster parts of a network on `device`. Raises `ValueError` if device or machine do not support it."""


class Inference(nn.Module):
    """A copy of a network for sampling: a denoiser with the same logits up to rounding.

    It records no gradients and returns ordinary tensors. Speedups are applied in the given order:
    `Inference(model, Compiled(), CudaGraphs(), dtype="bfloat16")` captures the compiled trunk.

    Shapes and dtypes are always checked. Ranges of tokens, labels and rows are checked on the CPU only, because this
    check would make each call wait for an accelerator.

    Args:
        model: The network, on the device for sampling. It is copied; later changes of the network have no effect.
        speedups: `Compiled()`, `CudaGraphs()`, both, or none.
        dtype: Precision of weights, activations and logits: a dtype or a name in `DTYPES`; by default that of the
            model. Time-dependent networks that predict the posterior add the evidence of a token in float32 and return
            float32.

    Raises:
        ValueError: If the model is not a `DiffusionTransformer`, the dtype is unknown, or a speedup is not supported.
    """

    def __init__(self, model: DiffusionTransformer, *speedups: Speedup, dtype: torch.dtype | str | None = None) -> None:
        super().__init__()
        if not isinstance(model, DiffusionTransformer):
            raise bad("model", type(model).__name__, "a DiffusionTransformer")
        self.network = _copy(model, _dtype(dtype))
        self.time_dependent, self.prediction = model.time_dependent, model.prediction
        device = next(self.network.parameters()).device
        parts = Parts(self.network.trunk, self.network.readout)
        for speedup in speedups:
            parts = speedup(parts, device)
        self.parts = parts
        super().train(False)

    def null(self, condition: Condition) -> Condition:
        """The null condition in the structure of `condition`."""
        return self.network.null(condition)

    @torch.no_grad()  # not inference_mode: the caller could not change its tensors in place
    def forward(self, tokens: Tensor, time: Tensor, condition: Condition) -> Tensor:
        """Logits [B, L, V] at all positions; see `DiffusionTransformer.forward`."""
        self._check(tokens, time, condition)
        logits = self.parts.readout(self.parts.trunk(tokens, time, condition), None)
        return self.network.add_evidence(logits, tokens, time.unsqueeze(-1))

    @torch.no_grad()
    def logits_at(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor) -> Tensor:
        """Logits [N, V] at the positions `rows` [N]; see `DiffusionTransformer.logits_at`."""
        self._check(tokens, time, condition, rows)
        logits = self.parts.readout(self.parts.trunk(tokens, time, condition), rows)
        return self.network.add_evidence(logits, tokens.flatten()[rows], time[rows // tokens.shape[1]])

    def train(self, mode: bool = True) -> Inference:
        """Has no effect: this network is only for sampling."""
        return self

    def _check(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor | None = None) -> None:
        self.network.check_shapes(tokens, time, condition, rows)
        if tokens.device.type == "cpu":
            self.network.check_ranges(tokens, condition, rows)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Inference:
        """Raises an error for `.to`, `.half` and similar calls, because speedups keep the old weights."""
        remedy = "Move the model first, then pass it to Inference with dtype=."
        raise bad("Inference", "a change of device or dtype", "none once it is made", remedy)


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    if isinstance(dtype, str):
        return DTYPES[choose("dtype", dtype, DTYPES)]
    if dtype is not None and dtype not in DTYPES.values():
        raise bad("dtype", dtype, "one of " + ", ".join(DTYPES))
    return dtype


def _copy(model: DiffusionTransformer, dtype: torch.dtype | None) -> DiffusionTransformer:
    """A copy of the network with its own weights. Buffers keep their dtype, because frequencies need float64."""
    hyperparameters: dict[str, Any] = model.hyperparameters
    twin = type(model)(**hyperparameters).to(next(model.parameters()).device)
    for mine, theirs in zip(twin.parameters(), model.parameters(), strict=True):
        mine.data = theirs.detach().to(dtype or theirs.dtype, copy=True)
        mine.requires_grad_(False)
    return twin
