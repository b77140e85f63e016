"""One comparison: what was known of a model before sampling, and what came out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from dguide.theory.outlook import Outlook

__all__ = ["QUESTIONS", "SETTINGS", "Case", "Gain", "Setting", "gains", "jsonable", "outlook_record", "signals_of"]

Setting: TypeAlias = "tuple[str, str]"
"""Mechanism and schedule."""
SETTINGS: tuple[Setting, ...] = (
    ("Normalized", "constant"),
    ("Normalized", "ramp-up"),
    ("Unlocking", "constant"),
    ("Unlocking", "ramp-up"),
)
QUESTIONS: dict[str, tuple[Setting, Setting]] = {
    "Normalized or Unlocking, constant": (("Normalized", "constant"), ("Unlocking", "constant")),
    "Normalized or Unlocking, ramp-up": (("Normalized", "ramp-up"), ("Unlocking", "ramp-up")),
    "late or constant, Normalized": (("Normalized", "ramp-up"), ("Normalized", "constant")),
    "late or constant, Unlocking": (("Unlocking", "ramp-up"), ("Unlocking", "constant")),
}
"""Two settings of equal mean weight. The trivial predictor says that the first one is better."""


@dataclass(frozen=True)
class Gain:
    """By how much the first of two settings is nearer: the logarithm of the ratio of their distances.

    Attributes:
        value: above 0 if the first one is nearer.
        error: its standard error; 0 if it is exact, nan if it is not known.
    """

    value: float
    error: float

    @property
    def decided(self) -> bool:
        """Whether it differs from 0 by more than 1.96 standard errors; where these are not known, by more than 0.1."""
        return abs(self.value) > (0.1 if math.isnan(self.error) else 1.96 * self.error)


@dataclass(frozen=True)
class Case:
    """A model under guidance of one mean weight with one number of steps.

    Attributes:
        source: "exact", "kernel", or the data set of a real model.
        name: the problem, denoiser or model.
        weight: mean w.
        steps: T, ancestral.
        signals: by name, from `signals_of`.
        gains: by name in `QUESTIONS`.
    """

    source: str
    name: str
    weight: float
    steps: int
    signals: dict[str, float]
    gains: dict[str, Gain]

    @property
    def group(self) -> str:
        """What is left out together: the data set, the kind of random problem, or the blurred digits."""
        return self.name.rsplit(" | ", 2)[0] if self.source == "exact" else self.source

    def record(self) -> dict[str, Any]:
        """As a dict."""
        return asdict(self)

    @classmethod
    def of(cls, record: dict[str, Any]) -> Case:
        """From `record`, or from `jsonable` of it."""
        known = {
            name: Gain(each["value"], math.nan if each["error"] is None else each["error"])
            for name, each in record["gains"].items()
        }
        return cls(**record | {"gains": known})


def signals_of(found: Outlook, steps: int) -> dict[str, float]:
    """What the rule may use, all before sampling, and all 0 if the condition changes nothing.

    strength: mean of log Z_w. spread: its mean standard deviation over positions. clash: mean noncommutativity. orders:
    log(1 + (L - 1) clash), of a position with all others. crowding: by how much more `Unlocking` than `Normalized`
    disturbs predictions by positions that leave together, as difference of log(1 + leaving x dependence).
    inconsistency, overclaim: w times the error of the log-ratio, from the orders of pairs, and from what held-out
    tokens do not confirm (0 within 1.96 standard errors). error: the larger one, since each may miss errors.
    """

    def crowded(mechanism: int) -> float:
        return found.mean(lambda s: math.log1p(s.leaving(steps)[mechanism] * s.dependence))

    excess = found.mean(lambda s: s.claimed - s.confirmed)
    unsure = math.sqrt(sum(s.unsure**2 for s in found.levels)) / len(found.levels)
    overclaim = found.weight * math.sqrt(2 * excess) if excess > 1.96 * unsure else 0.0
    inconsistency = found.weight * found.mean(lambda s: s.error_ratio)
    clash = found.mean(lambda s: s.clash)
    return {
        "strength": found.mean(lambda s: s.log_z),
        "spread": found.mean(lambda s: s.spread),
        "clash": clash,
        "orders": math.log1p((found.length - 1) * clash),
        "crowding": crowded(1) - crowded(0),
        "inconsistency": inconsistency,
        "overclaim": overclaim,
        "error": max(inconsistency, overclaim),
    }


def outlook_record(found: Outlook) -> list[dict[str, float]]:
    """The signals by noise level, as JSON can hold them."""
    return [{name: getattr(s, name) for name in ("level", *found.shown, "unsure")} for s in found.levels]


def gains(
    distance: Mapping[Setting, tuple[float, float]], paired: Mapping[frozenset[Setting], float] | None = None
) -> dict[str, Gain]:
    """The gains that are known, from distances and their standard errors by setting.

    `paired` has standard errors of gains from samples of equal seeds, by the two settings. Where there is none, the two
    distances are taken as independent, which makes the error too large.
    """
    found = {}
    for name, pair in QUESTIONS.items():
        if all(setting in distance and distance[setting][0] > 0 for setting in pair):
            (near, error), (far, other) = (distance[setting] for setting in pair)
            apart = (paired or {}).get(frozenset(pair), math.hypot(error / near, other / far))
            found[name] = Gain(math.log(far / near), apart)
    return found


def jsonable(thing: Any) -> Any:
    """Six digits of each number, and null for NaN, which is no JSON."""
    if isinstance(thing, float):
        return None if math.isnan(thing) else float(f"{thing:.6g}")
    if isinstance(thing, dict):
        return {key: jsonable(value) for key, value in thing.items()}
    return [jsonable(each) for each in thing] if isinstance(thing, (list, tuple)) else thing
