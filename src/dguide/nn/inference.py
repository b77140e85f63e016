"""A trained network made ready for sampling: without gradients, in the precision and by the means that are fastest."""

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
    """The two functions a denoiser is made of.

    Attributes:
        trunk: (tokens [B, L], time [B], condition [B]) -> `Trunk`.
        readout: (`Trunk`, rows [N] or None) -> logits [N, V] or [B, L, V].
    """

    trunk: Callable[[Tensor, Tensor, Tensor], Trunk]
    readout: Callable[[Trunk, Tensor | None], Tensor]


class Speedup(Protocol):
    """A way to compute the same parts faster, such as `Compiled` and `CudaGraphs`."""

    def __call__(self, parts: Parts, device: torch.device) -> Parts:
        """Faster parts of a network on `device`. Raises `ValueError` if that device or this machine cannot do it."""


class Inference(nn.Module):
    """A copy of a network for sampling, itself a denoiser with the same logits up to rounding.

    Nothing records gradients, and what it returns are ordinary tensors. Speedups apply in the order in which they are
    given: `Inference(model, Compiled(), CudaGraphs(), dtype="bfloat16")` captures the compiled trunk.

    Ranges of tokens, labels and rows are checked on the CPU only, since an accelerator would have to be waited for in
    every call; shapes and dtypes are checked everywhere.

    Args:
        model: The network, on the device where it shall run; it is copied, and neither changed nor watched.
        speedups: `Compiled()`, `CudaGraphs()`, both, or none.
        dtype: Precision of weights, activations and logits: a dtype or one of the names in `DTYPES`; by default that
            of the model. Networks that depend on time add the evidence of a token in float32 and return that.

    Raises:
        ValueError: If the model is no `DiffusionTransformer`, the dtype none of these, or a speedup cannot work here.
    """

    def __init__(self, model: DiffusionTransformer, *speedups: Speedup, dtype: torch.dtype | str | None = None) -> None:
        super().__init__()
        if not isinstance(model, DiffusionTransformer):
            raise bad("model", type(model).__name__, "a DiffusionTransformer")
        self.network = _copy(model, _dtype(dtype))
        self.time_dependent = model.time_dependent
        device = next(self.network.parameters()).device
        parts = Parts(self.network.trunk, self.network.readout)
        for speedup in speedups:
            parts = speedup(parts, device)
        self.parts = parts
        super().train(False)

    def null(self, condition: Condition) -> Condition:
        """What stands for "not told" in the structure of `condition`."""
        return self.network.null(condition)

    @torch.no_grad()  # not inference_mode, whose tensors their receiver could not change in place
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
        """Nothing: it samples only."""
        return self

    def _check(self, tokens: Tensor, time: Tensor, condition: Condition, rows: Tensor | None = None) -> None:
        self.network.check_shapes(tokens, time, condition, rows)
        if tokens.device.type == "cpu":
            self.network.check_ranges(tokens, condition, rows)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Inference:
        """What `.to`, `.half` and the like do; speedups hold on to the weights as they were."""
        remedy = "Move the model first, then pass it to Inference with dtype=."
        raise bad("Inference", "a change of device or dtype", "none once it is made", remedy)


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    if isinstance(dtype, str):
        return DTYPES[choose("dtype", dtype, DTYPES)]
    if dtype is not None and dtype not in DTYPES.values():
        raise bad("dtype", dtype, "one of " + ", ".join(DTYPES))
    return dtype


def _copy(model: DiffusionTransformer, dtype: torch.dtype | None) -> DiffusionTransformer:
    """The same network with weights of its own. Buffers keep their dtype: frequencies need float64."""
    hyperparameters: dict[str, Any] = model.hyperparameters
    twin = type(model)(**hyperparameters).to(next(model.parameters()).device)
    for mine, theirs in zip(twin.parameters(), model.parameters(), strict=True):
        mine.data = theirs.detach().to(dtype or theirs.dtype, copy=True)
        mine.requires_grad_(False)
    return twin
