"""What one call of `dguide sample` draws: its parts, checked one by one and then together, before any work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import Tensor

from ... import __version__
from ...categorical import Decoding
from ...data import CONDITIONS
from ...denoiser import Denoiser, in_turn
from ...errors import Mistakes, choose, positive
from ...guidance import MECHANISMS, SCHEDULES, Guidance, Normalized, Schedule
from ...nn import DTYPES
from ...random import check_seed
from ...samplers import SAMPLERS, Ancestral, Sampler
from ...samplers.check import check_first_index
from ...study import Setting, Study
from ..models import Model
from ..names import guidance_of
from .job import Job

__all__ = ["Networks", "Numbers", "Plan", "mechanism_of", "setting_of"]

_FOR_ALL = -1.0
"""A weight that every sampler accepts, whatever its options; `SMC` refuses others with some of them."""


@dataclass(frozen=True)
class Numbers:
    """Which samples are drawn, and how they pass through the network: options of the command, by their names."""

    count: int
    seed: int
    first_index: int
    batch_size: int
    dtype: str
    compiled: bool

    @classmethod
    def of(
        cls, mistakes: Mistakes, count: int, seed: int, first_index: int, batch_size: int, dtype: str, compiled: bool
    ) -> Numbers:
        """The numbers. One that is wrong is kept as a mistake, and gives way to a usual one."""
        return cls(
            count,
            mistakes.of(lambda: check_seed(seed)) or 0,
            mistakes.of(lambda: check_first_index(first_index, count)) or 0,
            mistakes.of(lambda: positive("batch_size", batch_size)) or 1,
            mistakes.of(lambda: choose("dtype", dtype, DTYPES)) or "float32",
            compiled,
        )


def mechanism_of(mistakes: Mistakes, name: str, weight: str | None, scale: float | None) -> Guidance | None:
    """The guidance, as `guidance_of` reads it; with a usual weight, if the mistake is in the weight alone."""
    found = mistakes.of(lambda: guidance_of(name, weight, scale))
    return found or Mistakes().of(lambda: guidance_of(name, f"{_FOR_ALL}"))


def setting_of(
    mistakes: Mistakes, guidance: Guidance | None, sampler: Sampler | None, decoding: Decoding | None
) -> Setting:
    """The setting of these parts. One that was wrong is None, and gives way to a usual one."""
    usual = Setting(Normalized(_FOR_ALL), Ancestral())
    made = mistakes.of(
        lambda: Setting(guidance or usual.guidance, sampler or usual.sampler, decoding or usual.decoding)
    )
    return made or usual


@dataclass(frozen=True)
class Networks:
    """The networks of a call, ready to be called; and the values of conditions, if these are the reference."""

    denoiser: Denoiser
    reference: dict[str, Tensor] | Denoiser | None


@dataclass(frozen=True, eq=False)
class Plan:
    """What a call draws. What its samples are told and begin with is used in turn, from sample number 0 on.

    Attributes:
        model: What is sampled from.
        setting: Guidance, sampler and decoding.
        numbers: Which samples are drawn.
        conditions: What the samples are told, [K] for each condition.
        reference: What guidance tilts away from: values in the same form, a weaker model, or None for no condition.
        initial: Tokens to begin with, [K, L].
        fixed: Which of them to hold, [K, L].
    """

    model: Model
    setting: Setting
    numbers: Numbers
    conditions: dict[str, Tensor]
    reference: dict[str, Tensor] | Model | None
    initial: Tensor | None
    fixed: Tensor | None

    def networks(self, dtype: str, compiled: bool) -> Networks:
        """The networks in a precision. Raises `ValueError` if they cannot be had so."""
        other = self.reference
        beside = other.network(dtype, compiled) if isinstance(other, Model) else other
        return Networks(self.model.network(dtype, compiled), beside)

    def checked_networks(self, mistakes: Mistakes) -> Networks | None:
        """The networks for the work in one piece. All that is wrong with the plan is kept."""
        numbers = self.numbers
        networks = mistakes.of(lambda: self.networks(numbers.dtype, numbers.compiled))
        self._check(mistakes, networks or self.networks("float32", False))
        return networks

    def checked_study(self, mistakes: Mistakes, device: str) -> Study | None:
        """The work in ranges, by workers on a device of that name. All that is wrong with the plan is kept."""
        self._check(mistakes, self.networks("float32", False))
        return mistakes.of(lambda: self._study(device))

    def _check(self, mistakes: Mistakes, networks: Networks) -> None:
        """Keeps what does not go together: the setting with the model, and what the samples begin with."""
        options = {"decoding": self.setting.decoding, "seed": self.numbers.seed}
        job = self._job(self.setting, networks.reference, None, None, 1)
        mistakes.of(lambda: job.check(networks.denoiser, **options))
        if self.initial is not None:
            count = min(self.numbers.count, len(self.initial))
            begun = self._job(setting_of(mistakes, None, None, None), None, self.initial, self.fixed, count)
            mistakes.of(lambda: begun.check(networks.denoiser))

    def job(self, networks: Networks | None = None) -> Job:
        """The work in one piece, with these networks; without any, what files are written of."""
        reference = None if networks is None else networks.reference
        return self._job(self.setting, reference, self.initial, self.fixed, self.numbers.count)

    def settings(self, initial: Path | None, device: str) -> dict[str, object]:
        """What files of samples say of the call, with the file that the samples begin with."""
        numbers, setting, other = self.numbers, self.setting, self.reference
        return {
            "version": __version__,
            "checkpoint": self.model.text,
            **self.model.trained,
            "conditions": _listed(self.conditions),
            "reference": [other.text] if isinstance(other, Model) else None if other is None else _listed(other),
            "initial": None if initial is None else str(initial),
            "learnt": [CONDITIONS.describe(each) for each in self.model.conditions],
            "count": numbers.count,
            "guidance": MECHANISMS.write(setting.guidance, without=("weight",)),
            "weight": SCHEDULES.write(cast("Schedule", setting.guidance.weight)),
            "sampler": SAMPLERS.write(setting.sampler),
            "temperature": setting.decoding.temperature,
            "top_k": setting.decoding.top_k,
            "top_p": setting.decoding.top_p,
            "seed": numbers.seed,
            "first_index": numbers.first_index,
            "batch_size": numbers.batch_size,
            "device": device,
            "dtype": numbers.dtype,
            "compile": numbers.compiled,
        }

    def _study(self, device: str) -> Study:
        numbers, other = self.numbers, self.reference
        how = device, numbers.dtype, numbers.compiled
        return Study(
            self.model.source(*how),
            (self.setting,),
            (numbers.seed,),
            numbers.count,
            self.conditions,
            other.source(*how) if isinstance(other, Model) else other,
            self.initial,
            self.fixed,
            numbers.first_index,
            numbers.batch_size,
        )

    def _job(
        self,
        setting: Setting,
        reference: dict[str, Tensor] | Denoiser | None,
        initial: Tensor | None,
        fixed: Tensor | None,
        count: int,
    ) -> Job:
        def of_samples(values: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: in_turn(each, self.numbers.first_index, count) for name, each in values.items()}

        return Job(
            self.model,
            setting.guidance,
            setting.sampler,
            of_samples(self.conditions),
            len(self.conditions[self.model.conditions[0].name]),
            of_samples(reference) if isinstance(reference, dict) else reference,
            initial,
            fixed,
            self.numbers.first_index,
        )


def _listed(values: dict[str, Tensor]) -> dict[str, list[float]]:
    return {name: each.tolist() for name, each in values.items()}
