r"""Muon, an optimizer for matrices: momentum, made nearly orthogonal, so that all directions have the same size.

The weights [m, i, k, k] of a convolution are taken as the matrix [m, i k k].

`torch.optim.Muon` computes the same, but only in bfloat16 and one matrix at a time. On a processor that emulates
bfloat16 this takes several times as long as the rest of a step. This version keeps the dtype of the weights, unless it
is told another one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["Muon", "Scale", "orthogonalise"]

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Coefficients a, b, c of the iteration. Five rounds bring singular values in (0, 1] to about 0.7 to 1.2."""
ROUNDS = 5
SMALLEST = 1e-20
"""Norm below which a matrix counts as nothing, and its directions are no longer of size 1. The squares of smaller
numbers vanish in 32 bits, and so does the norm: then the iteration would begin far above 1, and diverge."""
RMS = 0.2
"""Root mean square of an update at rate 1, as is usual for AdamW (Liu et al., arXiv 2502.16982, section 2.2)."""
Scale = Literal["match_rms_adamw", "original"]
"""How large an update is, by the names of `torch.optim.Muon`."""


class Muon(torch.optim.Optimizer):
    r"""For each matrix W [m, n] with gradient G, momentum $B \leftarrow \mu B + G$ and rate $\rho$:

    $$W \leftarrow (1 - \rho \lambda) W - \rho s \; \mathrm{orthogonalise}(G + \mu B).$$

    With the scale `match_rms_adamw`, $s = 0.2 \sqrt{\max(m, n)}$: each entry moves as by AdamW, at the same learning
    rates. With `original`, $s = \sqrt{\max(1, m / n)}$: what the matrix does to an input moves by $\rho$, however many
    inputs are summed. So one rate is for all widths.

    Sources: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), with the original scale;
    Liu et al. (arXiv 2502.16982, equation 4), with the other one.

    Args:
        matrices: The parameters, each [m, n] or [m, i, k, k].
        lr: Rate $\rho$.
        momentum: $\mu$.
        weight_decay: $\lambda$.
        scale: `match_rms_adamw` or `original`.
        dtype: The dtype of the iteration; by default that of the weights. A processor that multiplies bfloat16 takes
            half the time with it.
    """

    def __init__(
        self,
        matrices: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        scale: Scale = "match_rms_adamw",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.scale, self.dtype = scale, dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step with the present gradients. `closure` is not used."""
        for group in self.param_groups:
            alike = defaultdict(list)
            for matrix in group["params"]:
                alike[tuple(matrix.flatten(1).shape)].append(matrix)
            for shape, matrices in alike.items():
                gradients = torch.stack([matrix.grad.flatten(1) for matrix in matrices])
                for matrix in matrices:
                    self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                moments = [self.state[matrix]["momentum"] for matrix in matrices]
                torch._foreach_mul_(moments, group["momentum"])
                torch._foreach_add_(moments, [matrix.grad for matrix in matrices])
                momenta = torch.stack([moment.flatten(1) for moment in moments])
                directions = gradients + group["momentum"] * momenta
                update = orthogonalise(directions.to(self.dtype or directions.dtype)).to(directions.dtype)
                steps = [each.view_as(matrix) for each, matrix in zip(update, matrices, strict=True)]
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(matrices, steps, alpha=-self._size(*shape) * group["lr"])

    def _size(self, rows: int, columns: int) -> float:
        """The factor s of a matrix."""
        return math.sqrt(max(1, rows / columns)) if self.scale == "original" else RMS * math.sqrt(max(rows, columns))


def orthogonalise(matrices: Tensor) -> Tensor:
    r"""Matrices with the singular vectors of `matrices` [..., m, n] and all singular values near 1.

    X is `matrices`, scaled to a Frobenius norm of 1. Then five rounds of $X \leftarrow a X + (b A + c A^2) X$ follow,
    with $A = X X^\top$.
    """
    a, b, c = COEFFICIENTS
    tall = matrices.shape[-2] > matrices.shape[-1]
    iterate: Tensor = matrices.mT if tall else matrices
    iterate = iterate / iterate.norm(dim=(-2, -1), keepdim=True).clamp_min(SMALLEST)
    for _ in range(ROUNDS):
        gram = iterate @ iterate.mT
        iterate = a * iterate + (b * gram + c * gram @ gram) @ iterate
    return iterate.mT if tall else iterate
