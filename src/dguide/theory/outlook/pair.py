"""The two predictions of a network, at chosen positions of corrupted sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ...denoiser import check_same_structure, copied, take, to_device
from ...devices import users_default
from ...process import Process
from ...samplers import Condition, Denoiser
from ...samplers.first_call import check_answer, check_logits, check_repeatable, out_of_range
from .contexts import Contexts

__all__ = ["Pair"]

_NAME = "logits of the denoiser"


@dataclass
class Pair:
    """A denoiser with its condition and without it.

    Attributes:
        denoiser: gives logits [B, L, V] from tokens [B, L], time [B] and condition [B].
        process: its process.
        batch_size: rows of one call.
        device: device of the denoiser.
        calls: rows that the denoiser was called for so far.
    """

    denoiser: Denoiser
    process: Process
    batch_size: int
    device: torch.device
    calls: int = field(default=0, init=False)

    def __call__(self, contexts: Contexts, condition: Condition) -> tuple[Tensor, Tensor]:
        r"""$\log p(x_0 \mid x_t)$, [R, P, V] float64 at positions `where` [R, P], with the condition and without it."""
        with users_default():
            null = self.denoiser.null(copied(condition))  # type: ignore[attr-defined]  # it may write to what it gets
        check_same_structure(condition, null, "null(condition)")
        return self._laws(contexts, condition), self._laws(contexts, null)

    def _laws(self, contexts: Contexts, condition: Condition) -> Tensor:
        found = []
        for rows in torch.arange(len(contexts.tokens)).split(self.batch_size):
            noisy, values = contexts.tokens[rows].to(self.device), to_device(take(condition, rows), self.device)
            time = contexts.time.expand(len(rows)).to(self.device, torch.get_default_dtype())
            ask = partial(self.denoiser, noisy, time, values)
            with out_of_range(_NAME, noisy, values), users_default():
                answer = ask() if self.calls else check_repeatable(_NAME, self.denoiser, ask)
            logits = check_answer(_NAME, answer, noisy, self.process.vocab_size)
            self.calls += len(rows)
            here = contexts.where[rows].to(self.device).unsqueeze(-1).expand(-1, -1, logits.shape[-1])
            wanted = logits.gather(1, here).cpu()
            check_logits(_NAME, wanted)
            found.append(self.process.log_posterior(wanted.double(), contexts.here[rows], contexts.time))
        return torch.cat(found)
