"""What is particular to a process: how sequences are noised, which positions can jump, and which of them make pairs.

The signals are made of rates, which every process has. A process with rates of another kind needs one more class here,
and its name in `NOISINGS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ...errors import bad
from ...process import Process
from .contexts import Contexts
from .leaving import Leaving, OfMasks, OfTokens
from .rates import Rates

__all__ = ["NOISINGS", "Noising", "noising_of"]


@dataclass(frozen=True)
class Noising(ABC):
    """How held-out sequences of a process are looked at.

    Attributes:
        process: the process.
        levels: noise levels that are looked at unless others are asked for, from noise to data.
        shown: names of the signals that a table of the process has, in its order.
        needs: words for the processes that it is for.
    """

    process: Process
    levels: ClassVar[tuple[float, ...]]
    shown: ClassVar[tuple[str, ...]]
    needs: ClassVar[str]

    @staticmethod
    @abstractmethod
    def suits(process: Process) -> bool:
        """Whether a process is of this kind."""

    @abstractmethod
    def contexts(self, clean: Tensor, level: float, generator: torch.Generator) -> Contexts:
        """`clean` [N, L] at a noise level."""

    @abstractmethod
    def first(self, rates: Rates, count: int, generator: torch.Generator) -> Tensor:
        """Columns [N, K] of the positions whose pairs are looked at: the first K that leave."""

    @abstractmethod
    def leaving(self, contexts: Contexts, rates: Rates, level: float, weight: float) -> Leaving:
        """How many positions leave together in a step from here."""

    def _time(self, level: float) -> Tensor:
        return self.process.noise.time(torch.tensor(level, dtype=torch.float64))


class Masking(Noising):
    """A share of the positions hides behind a mask. All of these leave at the same rate."""

    levels = (1.0, 0.75, 0.5, 0.25)
    shown = ("log_z", "spread", "clash", "dependence", "error_cond", "error_ref", "error_ratio", "shared", "claimed",
             "confirmed", "overclaim")  # fmt: skip
    needs = "one whose noise is a mask token, such as Masked"

    @staticmethod
    def suits(process: Process) -> bool:
        return process.point_mass and process.absorbing

    def contexts(self, clean: Tensor, level: float, generator: torch.Generator) -> Contexts:
        """A random share `level` of the positions is masked: at least two, for there to be a pair. In random order."""
        count, length = clean.shape
        chosen = torch.rand(count, length, generator=generator).argsort(-1)[:, : max(2, round(level * length))]
        noisy = clean.scatter(1, chosen, self.process.noise_token)
        return Contexts(noisy, chosen, clean.gather(1, chosen), self._time(level))

    def first(self, rates: Rates, count: int, generator: torch.Generator) -> Tensor:
        rows, masks = rates.log_z.shape
        return torch.arange(min(count, masks)).expand(rows, -1)  # they are in random order, and leave at one rate

    def leaving(self, contexts: Contexts, rates: Rates, level: float, weight: float) -> Leaving:
        return OfMasks(level, rates.log_z)


class Replacing(Noising):
    """Every token is noise with the probability m, and every position can jump, each at a rate of its own.

    Jumps of pure noise are no signal: both predictions have the rates of noise there. So the levels are the middles of
    four equal parts. Rates are finite up to `finite_level` of the process.
    """

    levels = (0.875, 0.625, 0.375, 0.125)
    shown = ("log_z", "spread", "pace", "clash", "dependence", "error_cond", "error_ref", "error_ratio", "shared",
             "claimed", "confirmed", "overclaim")  # fmt: skip
    needs = "one in which every token can jump, such as Uniform"

    @staticmethod
    def suits(process: Process) -> bool:
        return process.always_movable and not process.absorbing

    def contexts(self, clean: Tensor, level: float, generator: torch.Generator) -> Contexts:
        time, uniforms = self._time(level), torch.rand(*clean.shape, 2, generator=generator, dtype=torch.float64)
        noisy = self.process.corrupt(clean, time.expand(len(clean)), uniforms)
        return Contexts(noisy, torch.arange(clean.shape[1]).expand(len(clean), -1), clean, time)

    def first(self, rates: Rates, count: int, generator: torch.Generator) -> Tensor:
        """Each position has a clock, an exponential time at the exit rate of the conditional prediction."""
        uniforms = torch.rand(rates.log_z.shape, generator=generator, dtype=torch.float64)
        log_clock = (-torch.log1p(-uniforms)).log() - rates.cond.log_intensity
        return log_clock.argsort(-1)[:, :count]

    def leaving(self, contexts: Contexts, rates: Rates, level: float, weight: float) -> Leaving:
        return OfTokens(self.process, level, weight, contexts, rates.log_p)


NOISINGS: tuple[type[Noising], ...] = (Masking, Replacing)
"""All kinds; a process has the first that suits it."""


def noising_of(process: Process) -> Noising:
    """How sequences of a process are looked at. Raises `ValueError` if it is of no kind that is known."""
    for kind in NOISINGS:
        if kind.suits(process):
            return kind(process)
    expected, remedy = ", or ".join(kind.needs for kind in NOISINGS), "Compare samples instead: dguide compare."
    raise bad("outlook of the process", type(process).__name__, expected, remedy)
