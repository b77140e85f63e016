"""Reads the names of guidance mechanisms, samplers and devices on the command line."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..devices import best_device, usable_device
from ..errors import bad
from ..guidance import MECHANISMS, Constant, Guidance, Schedule, parse_schedule
from ..samplers import SAMPLERS, Sampler
from ..spec import Call

__all__ = ["OWN", "WEIGHT", "device_of", "guidance_of", "in_both_conventions", "sampler_of"]


OWN = "your own as my_module:MyClass"
"""The description of import paths in help texts."""
WEIGHT = "ramp-up:2.0"
"""The weight without --weight and --guidance-scale."""


def guidance_of(name: str, weight: str | None, scale: float | None = None) -> Guidance:
    """The mechanism `name`, with its options and its weight. `parse_schedule` reads the weight.

    Args:
        name: A text that `MECHANISMS` reads.
        weight: The weight w; None for that of `scale`, or else `WEIGHT`.
        scale: The guidance scale 1 + w.

    Raises:
        ValueError: If a name or an option is unknown, or the options contain a weight.
    """
    call = MECHANISMS.call(name, typed=True)
    if "weight" in call.arguments:
        raise bad("--guidance", repr(name), "a mechanism without its weight", "Pass the weight as --weight.")
    if scale is None:
        return call.having(weight=parse_schedule(WEIGHT if weight is None else weight, typed=True))()
    if weight is not None:
        raise bad("--guidance-scale", f"{scale:g} and --weight {weight}", "one of the two, since the scale is 1 + w")
    if not scale >= 0:
        raise bad("--guidance-scale", f"{scale:g}", "a number of at least 0 (1 is the conditional model)")
    return call.having(weight=scale - 1)()


def in_both_conventions(guidance: Guidance) -> str:
    """The weight of a mechanism as w, and as the guidance scale 1 + w of other libraries."""
    weight = guidance.weight
    if isinstance(weight, Constant):
        return f"w = {weight.weight:g} (guidance scale {1 + weight.weight:g})"
    mean = f", {1 + weight.mean():g} on average" if isinstance(weight, Schedule) else ""
    return f"w = {weight} (guidance scale 1 + w{mean})"


def sampler_of(
    name: str, steps: int | None = None, grid: str | None = None, shape: tuple[int, int] | None = None
) -> Sampler:
    """The sampler `name`, with its options.

    Args:
        name: A text that `SAMPLERS` reads.
        steps: The option `steps` of the sampler, or of its inner sampler. None means the value in `name`, or the
            default.
        grid: The option `grid`, in the same way.
        shape: Rows and columns of the images, for a sampler whose option `shape` is not in `name`.

    Raises:
        ValueError: If a name or an option is unknown, or an option has two values.
    """
    call = SAMPLERS.call(name, typed=True)
    for option, text in (("steps", steps), ("grid", grid)):
        if text is not None:
            given = _given(call, option, str(text))
            if given is None:
                raise bad(
                    call.what, f"--{option}", f"its own options, {', '.join(call.options) or 'of which it has none'}"
                )
            call = given
    if shape is not None:
        call = _given(call, "shape", "{}x{}".format(*shape), again=False) or call
    return call()


def _given(call: Call[Sampler], option: str, text: str, again: bool = True) -> Call[Sampler] | None:
    """The call with an option of the sampler or of its inner sampler; None if neither has this option.

    If the option already has another value, it is replaced if `again` is true, and kept if not.
    """
    if option in call.options:
        value = call.value(option, text)
        there = option in call.arguments and (not again or call.arguments[option] == value)
        return call if there else call.having(**{option: value})
    for name, inside in call.inside().items():
        given = _given(inside, option, text, again)
        if given is not None:
            return replace(call, arguments={**call.arguments, name: given})
    return None


def device_of(name: str) -> torch.device:
    """The device of that name; for `auto` an accelerator if there is one. Raises `ValueError` if it is not usable."""
    return best_device() if name == "auto" else usable_device(name)
