"""Predictions of a denoiser in all states of a small problem."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from ..errors import bad
from ..samplers import Denoiser
from .space import Space

__all__ = ["Predictions"]

_ROWS = 1 << 12


class Predictions:
    """Log-probabilities of a denoiser at all movable positions, [N, V], with the condition and without it.

    Args:
        space: the states; its `state` and `position` give the N rows.
        denoiser: any denoiser whose condition is a tensor of labels; it is called with label 0.
    """

    def __init__(self, space: Space, denoiser: Denoiser) -> None:
        self.space, self.denoiser = space, denoiser
        converted = space.process.prediction != "posterior"  # by the noise level
        self.time_dependent = converted or getattr(denoiser, "time_dependent", not space.process.time_agnostic)
        self._at = lru_cache(maxsize=1)(self._predict)

    def __call__(self, time: float) -> tuple[Tensor, Tensor]:
        """(conditional, reference) log-probabilities at `time`."""
        return self._at(time if self.time_dependent else 0.5)

    def _predict(self, time: float) -> tuple[Tensor, Tensor]:
        zero = torch.zeros(len(self.space.tokens), dtype=torch.int64)
        return self._laws(zero, time), self._laws(self.denoiser.null(zero), time)  # type: ignore[attr-defined]

    @torch.no_grad()
    def _laws(self, labels: Tensor, time: float) -> Tensor:
        parts = []
        for rows in torch.arange(len(labels)).split(_ROWS):
            tokens = self.space.tokens[rows]
            at = torch.full((len(rows),), time, dtype=torch.float64)
            logits = self.denoiser(tokens, at, labels[rows])
            shape = (*tokens.shape, self.space.process.vocab_size)
            if not isinstance(logits, Tensor) or logits.shape != shape:
                got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
                raise bad("logits of the denoiser", got, f"a tensor [B, d, V] = {shape}")
            movable = self.space.process.movable(tokens)
            wanted = logits[movable].double()
            if not bool(self.space.process.data_logits(wanted).amax(-1).isfinite().all()):
                raise bad(
                    "logits of the denoiser", "NaN, +inf or a row of -inf", "finite logits (-inf where forbidden)"
                )
            parts.append(self.space.process.log_posterior(wanted, tokens[movable], at[:1]))
        return torch.cat(parts)
