"""Names on the command line for guidance mechanisms and samplers."""

from __future__ import annotations

from .. import guidance
from ..errors import bad, choose
from ..guidance import Guidance, parse_schedule
from ..sample import Ancestral, Euler, FirstHitting, OnGrid, Remasking, Sampler, TauLeaping, Trapezoidal

__all__ = ["MECHANISMS", "SAMPLERS", "guidance_of", "sampler_of"]

MECHANISMS = {name.lower(): mechanism for name, mechanism in guidance.MECHANISMS.items()}
_ON_GRID: dict[str, type[OnGrid]] = {
    "ancestral": Ancestral,
    "euler": Euler,
    "tau-leaping": TauLeaping,
    "trapezoidal": Trapezoidal,
    "remasking": Remasking,
}
SAMPLERS = (*_ON_GRID, "first-hitting")


def guidance_of(name: str, weight: str) -> Guidance:
    """The mechanism of that name with a weight that `parse_schedule` reads. Raises `ValueError` for unknown names."""
    mechanism = MECHANISMS[choose("guidance", name, MECHANISMS)]
    return mechanism(parse_schedule(weight))


def sampler_of(name: str, steps: int | None, grid: str | None) -> Sampler:
    """The sampler of that name; None stands for the default. Raises `ValueError` for what does not fit together."""
    choose("sampler", name, SAMPLERS)
    given = {key: value for key, value in (("steps", steps), ("grid", grid)) if value is not None}
    if name in _ON_GRID:
        return _ON_GRID[name](**given)  # type: ignore[arg-type]
    if given:
        options = " and ".join(f"--{key}" for key in given)
        raise bad("sampler first-hitting", options, "neither --steps nor --grid", "It has no grid: one token a call.")
    return FirstHitting()
