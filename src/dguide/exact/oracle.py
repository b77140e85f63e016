r"""The exact denoiser of a small problem, computed from its joint tables.

q is the forward process. The probability that position i of the clean sequence $x_0$ is the token y is

$$p(x_0^i = y \mid x_t) \propto q(x_t^i \mid y) \sum_{x_0:\, x_0^i = y} p(x_0) \prod_{j \ne i} q(x_t^j \mid x_0^j)$$

Without the factor $q(x_t^i \mid y)$ it is the leave-one-out law, $p(x_0^i = y \mid x_t \text{ without position } i)$.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..errors import bad, in_tensor, with_data
from ..process import Process
from .check import check_law

__all__ = ["Oracle"]


class Oracle:
    """The exact conditional denoiser of a small problem, for `Masked` and `Uniform`.

    Args:
        process: `Masked` or `Uniform`; its `prediction` says which of the two laws the oracle gives.
        cond: p(x | c), one joint table [V] * d for each class c.
        uncond: p(x), the distribution for "no condition"; its label is the number of classes.

    The condition is a tensor of labels [B]. The oracle returns log-probabilities in float64. In a state of probability
    0 under the table, all tokens are equally likely.
    """

    def __init__(self, process: Process, cond: Sequence[Tensor], uncond: Tensor) -> None:
        if isinstance(cond, Tensor) or not isinstance(cond, Sequence) or not len(cond):
            raise bad("cond", type(cond).__name__, "a list of at least one joint table, one for each class")
        self.process = process
        self.tables = [check_law(process, table, f"cond[{k}]") for k, table in enumerate(cond)]
        self.tables.append(check_law(process, uncond, "uncond"))
        if len({table.ndim for table in self.tables}) > 1:
            raise bad("tables", [table.ndim for table in self.tables], "the same number of positions in all")
        self.time_dependent, self.prediction = not process.time_agnostic, process.prediction
        self._sums = lru_cache(maxsize=2 * len(self.tables))(self._all_sums)

    def null(self, condition: Tensor) -> Tensor:
        """The label of `uncond` for every sample."""
        return torch.full_like(_ints("labels", condition), len(self.tables) - 1)

    def __call__(self, tokens: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        d, size = self.tables[0].ndim, self.process.input_size
        tokens, condition = _ints("tokens", tokens), _ints("labels", condition)
        if tokens.ndim != 2 or tokens.shape[1] != d or bool(((tokens < 0) | (tokens >= size)).any()):
            span = f"tokens {int(tokens.min())} to {int(tokens.max())}" if tokens.numel() else "no tokens"
            raise bad("tokens", f"shape {tuple(tokens.shape)}, {span}", f"[B, {d}] with tokens 0 to {size - 1}")
        if bool((condition < 0).any()) or bool((condition >= len(self.tables)).any()):
            raise bad("labels", condition.unique().tolist(), f"0 to {len(self.tables) - 1}")
        moment = time.double() if self.time_dependent else torch.full_like(time, 0.5, dtype=torch.float64)
        logits = torch.empty((*tokens.shape, self.process.vocab_size), dtype=torch.float64)
        for t in moment.unique().tolist():
            for label in condition.unique().tolist():
                rows = ((moment == t) & (condition == label)).nonzero().squeeze(-1).cpu()
                if len(rows):
                    logits[rows] = self.log_probs(tokens[rows].cpu(), t, label)
        return logits.to(tokens.device)

    def log_probs(self, tokens: Tensor, time: float, label: int) -> Tensor:
        """log p(x_0^i = . | x_t = `tokens`) under one table, or of the leave-one-out law, [B, d, V]."""
        size, d = self.process.input_size, tokens.shape[1]
        kernel, sums = self._sums(time if self.time_dependent else 0.5, label)
        out = []
        for i in range(d):
            others = [j for j in range(d) if j != i]
            strides = size ** torch.arange(d - 2, -1, -1)
            row = (tokens[:, others] * strides).sum(-1)
            weights = sums[i][row]
            if self.prediction == "posterior":
                weights = weights * kernel[:, tokens[:, i]].T
            total = weights.sum(-1, keepdim=True)
            weights = torch.where(total > 0, weights, 1.0)
            out.append((weights / weights.sum(-1, keepdim=True)).log())
        return torch.stack(out, 1)

    def _all_sums(self, time: float, label: int) -> tuple[Tensor, list[Tensor]]:
        """The kernel, and for each i the sum above without its first factor, [states of the other positions, V]."""
        kernel, table = self.process.kernel(time), self.tables[label]
        sums = []
        for i in range(table.ndim):
            x = table.movedim(i, -1)
            for axis in range(table.ndim - 1):
                x = torch.tensordot(x, kernel, dims=([axis], [0])).movedim(-1, axis)
            sums.append(x.reshape(-1, self.process.vocab_size))
        return kernel, sums


def _ints(what: str, values: Tensor) -> Tensor:
    """`values`. Raises `ValueError` unless they are ints in a tensor."""
    if not isinstance(values, Tensor) or values.dtype != torch.int64:
        got = values.dtype if isinstance(values, Tensor) else type(values).__name__
        raise bad(what, got, "an int64 tensor", in_tensor(values))
    return with_data(what, values)
