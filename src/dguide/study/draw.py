"""A range of samples: the unit of work."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from .. import __version__
from ..denoiser import Condition
from ..samplers import sample
from .content import digest_of_object
from .setting import Setting
from .source import Source
from .store import Saved
from .task import Task, key_of, plain

__all__ = ["Draw"]


@dataclass(frozen=True, eq=False)
class Draw(Task):
    """The samples `first` to `first + count - 1` of one setting and seed.

    Whoever draws them, they are the same: they are drawn in the same batches, with one thread.

    Args:
        source: What they are drawn from.
        setting: Guidance, sampler and decoding.
        seed: Seed of the random numbers.
        first: Number of the first sample.
        count: Number of samples.
        batch_size: Samples in one pass through the network.
        condition: What they are told, with `count` rows.
        reference: What guidance tilts away from: a condition in the same form, or a weaker model; None for the usual.
        initial: Tokens to begin with, [count, L].
        fixed: Which of them to hold, [count, L].
    """

    source: Source
    setting: Setting
    seed: int
    first: int
    count: int
    batch_size: int
    condition: Condition = None
    reference: Condition | Source = None
    initial: Tensor | None = None
    fixed: Tensor | None = None

    @cached_property
    def key(self) -> str:
        """The path of the result, with a digest of all fields and of the version of dguide."""
        reference = self.reference.digest if isinstance(self.reference, Source) else self.reference
        given = [self.condition, reference, self.initial, self.fixed]
        depends = {
            "source": self.source.digest,
            **self.setting.written,
            "numbers": [self.seed, self.first, self.count, self.batch_size],
            "given": digest_of_object("condition", given),
            "version": __version__,
        }
        return key_of(f"draw/{plain(self.setting.label)}/seed-{self.seed}", f"{self.first:09d}", depends)

    def arguments(self, source: Source) -> dict[str, Any]:
        """The arguments of `dguide.sample`, for the source itself or its twin on this machine."""
        opened, reference = source.open(), self.reference
        if isinstance(reference, Source):
            reference = (reference.here() if source is not self.source else reference).open().denoiser
        elif reference is not None:
            reference = source.told(reference)
        return {
            "denoiser": opened.denoiser,
            "process": opened.process,
            "length": opened.length,
            "condition": None if self.condition is None else source.told(self.condition),
            "count": self.count if self.condition is None and self.initial is None else None,
            "guidance": self.setting.guidance,
            "sampler": self.setting.sampler,
            "decoding": self.setting.decoding,
            "seed": self.seed,
            "first_index": self.first,
            "initial": self.initial,
            "fixed": self.fixed,
            "reference": reference,
        }

    def run(self) -> Saved:
        """Draws them: tokens [N, L] in few bytes, forced [N], the condition by name; `about` has calls and seconds."""
        arguments, began = self.arguments(self.source), time.perf_counter()
        drawn = sample(**arguments, batch_size=self.batch_size)
        seconds = time.perf_counter() - began
        small = torch.int16 if arguments["process"].input_size < 2**15 else torch.int32
        arrays = {"tokens": drawn.tokens.to(small), "forced": drawn.forced} | self.source.named(self.condition)
        about = {
            "setting": self.setting.written,
            "seed": self.seed,
            "first": self.first,
            "calls": [drawn.calls.conditional, drawn.calls.reference],
            "seconds": round(seconds, 3),
        }
        return Saved({name: each.cpu().numpy() for name, each in arrays.items()}, about)
