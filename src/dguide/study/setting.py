"""Settings: what is done to draw samples of a model, but for the model, the seed and the conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import cast

from ..categorical import Decoding
from ..errors import bad
from ..guidance import MECHANISMS, SCHEDULES, Constant, Guidance, Normalized, Schedule, parse_guidance, parse_schedule
from ..samplers import SAMPLERS, Sampler
from .store import JSON

__all__ = ["Setting", "grid"]


@dataclass(frozen=True, eq=False)
class Setting:
    """One cell of a grid: a guidance mechanism with its weight, a sampler, and how tokens are drawn from the law.

    Two settings are equal if they are written equally.

    Args:
        guidance: The mechanism. Its weight is a number or a schedule, the same for all samples.
        sampler: The sampler.
        decoding: Temperature, top-k, top-p and forbidden tokens.

    Raises:
        ValueError: If one of them cannot be written as text, so that another process could not read it.

    >>> from dguide import Ancestral
    >>> Setting(Normalized(2.0), Ancestral(steps=16)).label
    'normalized constant:2.0 ancestral:steps=16'
    """

    guidance: Guidance
    sampler: Sampler
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        if not isinstance(self.guidance.weight, Schedule):
            expected = "a number or a schedule, the same for all samples"
            raise bad("weight of a setting", type(self.guidance.weight).__name__, expected)
        _ = self.written

    @cached_property
    def written(self) -> dict[str, JSON]:
        """The parts as text and numbers, with all options; guidance, weight and sampler as command lines take them."""
        return {
            "guidance": MECHANISMS.write(self.guidance, without=("weight",)),
            "weight": SCHEDULES.write(self._weight),
            "sampler": SAMPLERS.write(self.sampler),
            "temperature": float(self.decoding.temperature),
            "top_k": self.decoding.top_k,
            "top_p": self.decoding.top_p,
            "forbidden": list(self.decoding.forbidden),
        }

    @classmethod
    def read(cls, written: dict[str, JSON]) -> Setting:
        """The setting that `written` describes. Nothing is imported.

        Raises:
            ValueError: For unknown names and options.
        """
        rest = dict(written)
        weight = parse_schedule(rest.pop("weight"))
        guidance = parse_guidance(rest.pop("guidance"), weight)
        return cls(guidance, SAMPLERS.read(rest.pop("sampler")), Decoding(**rest))

    @cached_property
    def label(self) -> str:
        """A short name. Other settings have other labels."""
        usual = vars(Decoding())
        parts = [
            MECHANISMS.text(self.guidance, without=("weight",), full=False),
            SCHEDULES.text(self._weight, full=False),
            SAMPLERS.text(self.sampler, full=False),
            *(f"{name}={each}" for name, each in vars(self.decoding).items() if each != usual[name]),
        ]
        return " ".join(parts)

    @property
    def _weight(self) -> Schedule:
        return cast("Schedule", self.guidance.weight)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Setting) and self.written == other.written

    def __hash__(self) -> int:
        return hash(self.label)


def grid(
    guidances: Sequence[str] = ("normalized",),
    weights: Iterable[str | float | Schedule] = (2.0,),
    samplers: Iterable[str | Sampler] = ("ancestral",),
    decodings: Iterable[Decoding] = (Decoding(),),
) -> tuple[Setting, ...]:
    """All combinations, each once. At a constant weight of 0 all mechanisms are the same, and only one is kept.

    Args:
        guidances: Mechanisms, as `MECHANISMS` reads them.
        weights: Numbers, schedules, or texts that `parse_schedule` reads.
        samplers: Samplers, or texts that `SAMPLERS` reads.
        decodings: Ways of drawing tokens.

    Raises:
        ValueError: For unknown names and options, and if there is no combination.

    >>> [each.label for each in grid(("normalized", "unlocking"), (0, 2), ("ancestral:steps=8",))]
    ['normalized constant:0.0 ancestral:steps=8', 'normalized constant:2.0 ancestral:steps=8', \
'unlocking constant:2.0 ancestral:steps=8']
    """
    schedules = [
        each if isinstance(each, Schedule) else parse_schedule(each if isinstance(each, str) else f"{each}", typed=True)
        for each in weights
    ]
    chosen = [each if isinstance(each, Sampler) else SAMPLERS.read(each, typed=True) for each in samplers]
    found: dict[Setting, None] = {}
    for sampler, decoding, name, weight in product(chosen, list(decodings), guidances, schedules):
        guidance = parse_guidance(name, weight, typed=True)
        plain = weight == Constant(0.0)
        found[Setting(Normalized(0.0) if plain else guidance, sampler, decoding)] = None
    if not found:
        raise bad("grid of settings", "an empty list", "at least one of each part")
    return tuple(found)
