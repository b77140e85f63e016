"""Linear layers that compute output, bias and activation in one pass where a CPU samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["GeluLinear", "Linear"]


class Linear(nn.Linear):
    """`x W^T + b`, for sequences `x` [B, L, W] or rows [N, W].

    On the CPU, without gradients, sequences go through the fused layer of oneDNN, the library whose layers
    `torch.compile` calls too. It adds the bias where `torch.nn.Linear` first writes it to all rows. The results are
    the same up to rounding.

    Rows do not: the sampler asks for another number of them at each step, and oneDNN prepares itself for each new
    shape, which takes as long as 500 rows.
    """

    def forward(self, x: Tensor) -> Tensor:
        fused = _fused(x.dtype) if self._samples_on_cpu(x) else None
        return (
            F.linear(x, self.weight, self.bias) if fused is None else fused(x, self.weight, self.bias, "none", [], "")
        )

    def _samples_on_cpu(self, x: Tensor) -> bool:
        plain = torch.compiler.is_compiling() or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")
        fits = x.device.type == "cpu" and x.dim() == 3 and x.numel() > 0 and x.dtype == self.weight.dtype
        return fits and not plain


class GeluLinear(Linear):
    """`gelu(x W^T + b)` with the tanh form of the activation."""

    def forward(self, x: Tensor) -> Tensor:
        fused = _fused(x.dtype) if self._samples_on_cpu(x) else None
        if fused is None:
            return F.gelu(F.linear(x, self.weight, self.bias), approximate="tanh")
        return fused(x, self.weight, self.bias, "gelu", [], "tanh")


@cache
def _fused(dtype: torch.dtype) -> Callable[..., Tensor] | None:
    """The fused layer; None where this PyTorch or processor has none for `dtype`, or not the one we know.

    It belongs to the internals of PyTorch, so an example judges it.
    """
    if dtype not in (torch.float32, torch.bfloat16):
        return None
    x, weight, bias = (torch.linspace(-2, 2, n).to(dtype) for n in (32, 64, 8))
    x, weight = x.view(1, 4, 8), weight.view(8, 8)
    expected = F.gelu(F.linear(x, weight, bias).float(), approximate="tanh")
    try:
        fused: Callable[..., Tensor] = torch.ops.mkldnn._linear_pointwise
        errors = fused(x, weight, bias, "gelu", [], "tanh").float() - expected
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return None
    return fused if errors.abs().max() < 4 * torch.finfo(dtype).eps * expected.abs().max() else None
