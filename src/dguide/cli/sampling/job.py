"""The work of one call of `dguide sample`: what its samples are told and given, and how they are drawn."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...denoiser import Denoiser, in_turn
from ...guidance import Guidance
from ...samplers import Calls, Condition, Sampler, prepare
from ...samplers import sample as draw
from ..models import Model

__all__ = ["Drawn", "Job"]

_BATCHES = 16  # that are drawn before they are packed


@dataclass(frozen=True, eq=False)
class Drawn:
    """All samples of one call: tokens [N, L] in few bytes, forced positions [N], and calls per batch."""

    tokens: Tensor
    forced: Tensor
    calls: Calls


@dataclass(frozen=True, eq=False)
class Job:
    """The model, guidance and sampler of one call, and what its N samples are told and given."""

    model: Model
    guidance: Guidance
    sampler: Sampler
    conditions: dict[str, Tensor]
    cycle: int
    """Number of samples after which the classes of the first condition repeat."""
    reference: dict[str, Tensor] | Denoiser | None = None
    initial: Tensor | None = None  # used in turn, as `fixed`
    fixed: Tensor | None = None
    first_index: int = 0

    @property
    def labels(self) -> Tensor:
        """Values of the first condition, [N]."""
        return self.conditions[self.model.conditions[0].name]

    def given(self, rows: slice, first: int) -> dict[str, Any]:
        """What some of the samples, from number `first`, are told and given, and how: arguments of `dguide.sample`."""

        def told(values: dict[str, Tensor]) -> Condition:
            several = {name: each[rows] for name, each in values.items()}
            return several if self.model.several else next(iter(several.values()))

        return {
            "condition": told(self.conditions),
            "reference": told(self.reference) if isinstance(self.reference, dict) else self.reference,
            "initial": None if self.initial is None else in_turn(self.initial, first, len(self.labels[rows])),
            "fixed": None if self.fixed is None else in_turn(self.fixed, first, len(self.labels[rows])),
            "process": self.model.process,
            "length": self.model.codec.length,
            "guidance": self.guidance,
            "sampler": self.sampler,
            "first_index": first,
        }

    def check(self, network: Denoiser, **options: Any) -> None:
        """Raises `ValueError` for what cannot be drawn. Nothing is drawn; whoever draws says what to be warned of."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            self.sampler.begin(prepare(network, **self.given(slice(None), self.first_index), **options))

    def draw(self, network: Denoiser, *, batch_size: int, **options: Any) -> Drawn:
        """Draws some batches at a time. Of those that are done only small integers stay in memory."""
        codec, count, shard = self.model.codec, len(self.labels), max(1, batch_size) * _BATCHES
        small = torch.int16 if codec.vocab_size < 2**15 else torch.int32
        tokens, forced = torch.empty(count, codec.length, dtype=small), torch.empty(count, dtype=torch.int64)
        calls = []
        for start in range(0, count, shard):
            rows, first = slice(start, start + shard), self.first_index + start
            drawn = draw(network, **self.given(rows, first), batch_size=batch_size, **options)
            tokens[rows], forced[rows] = drawn.tokens, drawn.forced
            calls.append(drawn.calls)
        most = Calls(max(each.conditional for each in calls), max(each.reference for each in calls))
        return Drawn(tokens, forced, most)
