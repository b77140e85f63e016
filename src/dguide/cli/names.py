"""Names on the command line for guidance mechanisms, samplers and devices."""

from __future__ import annotations

import torch

from .. import guidance
from ..errors import bad, choose
from ..guidance import Guidance, parse_schedule
from ..samplers import (
    Ancestral,
    Blocks,
    EntropyBounded,
    Euler,
    FirstHitting,
    Halton,
    LowConfidence,
    LowEntropy,
    Remasking,
    Sampler,
    TauLeaping,
    TopMargin,
    Trapezoidal,
    Unmasking,
)
from ..samplers.check import usable_device

__all__ = ["MECHANISMS", "SAMPLERS", "device_of", "guidance_of", "sampler_of"]

MECHANISMS = {name.lower(): mechanism for name, mechanism in guidance.MECHANISMS.items()}
_GRID = ("steps", "grid")
SAMPLERS: dict[str, tuple[type[Sampler], tuple[str, ...]]] = {
    "ancestral": (Ancestral, _GRID),
    "euler": (Euler, _GRID),
    "tau-leaping": (TauLeaping, _GRID),
    "trapezoidal": (Trapezoidal, _GRID),
    "remasking": (Remasking, _GRID),
    "first-hitting": (FirstHitting, ()),
    "low-confidence": (LowConfidence, (*_GRID, "noise")),
    "top-margin": (TopMargin, _GRID),
    "low-entropy": (LowEntropy, _GRID),
    "entropy-bounded": (EntropyBounded, ("bound",)),
    "halton": (Halton, _GRID),
}
"""Each with the options it takes."""


def guidance_of(name: str, weight: str) -> Guidance:
    """The mechanism of that name with a weight that `parse_schedule` reads. Raises `ValueError` for unknown names."""
    mechanism = MECHANISMS[choose("guidance", name, MECHANISMS)]
    return mechanism(parse_schedule(weight))


def sampler_of(
    name: str,
    steps: int | None = None,
    grid: str | None = None,
    noise: float | None = None,
    bound: float | None = None,
    block: int | None = None,
    shape: tuple[int, int] | None = None,
) -> Sampler:
    """The sampler of that name; None stands for the default, `shape` is that of the images.

    Raises:
        ValueError: for what does not fit together.
    """
    kind, takes = SAMPLERS[choose("sampler", name, SAMPLERS)]
    options = {"steps": steps, "grid": grid, "noise": noise, "bound": bound}
    given: dict[str, object] = {key: value for key, value in options.items() if value is not None}
    useless = [f"--{key}" for key in given if key not in takes]
    if block is not None and not issubclass(kind, Unmasking):
        useless.append("--block")
    if useless:
        known = " and ".join(f"--{key}" for key in takes)
        expected = f"{known} at most" if known else "neither --steps nor --grid nor any other"
        raise bad(f"sampler {name}", " and ".join(useless), expected)
    if kind is Halton:
        if shape is None:
            raise bad("sampler halton", "data that are no images", "a checkpoint of images")
        given["shape"] = shape
    sampler = kind(**given)
    return sampler if block is None or not isinstance(sampler, Unmasking) else Blocks(sampler, block)


def device_of(name: str) -> torch.device:
    """The device of that name; for `auto` an accelerator if there is one. Raises `ValueError` if it is not usable."""
    if name == "auto":
        return torch.accelerator.current_accelerator() or torch.device("cpu")
    return usable_device(name)
