"""Names on the command line for guidance mechanisms, samplers and devices."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..devices import best_device, usable_device
from ..errors import bad
from ..guidance import MECHANISMS, Guidance, parse_schedule
from ..samplers import SAMPLERS, Sampler
from ..spec import Call

__all__ = ["OWN", "device_of", "guidance_of", "sampler_of"]


OWN = "your own as my_module:MyClass"
"""What help texts say of import paths."""


def guidance_of(name: str, weight: str) -> Guidance:
    """The mechanism of that name, with its options, and a weight that `parse_schedule` reads.

    Raises:
        ValueError: For unknown names and options, and for a weight among the options.
    """
    call = MECHANISMS.call(name, typed=True)
    if "weight" in call.arguments:
        raise bad("--guidance", repr(name), "a mechanism without its weight", "Pass the weight as --weight.")
    return call.having(weight=parse_schedule(weight, typed=True))()


def sampler_of(
    name: str, steps: int | None = None, grid: str | None = None, shape: tuple[int, int] | None = None
) -> Sampler:
    """The sampler of that name, with its options.

    Args:
        name: As `SAMPLERS` reads it.
        steps: Its option `steps`, or that of the sampler inside; None if the name says it, or for the default.
        grid: Likewise.
        shape: Rows and columns of the images, for a sampler that takes a `shape` and was given none.

    Raises:
        ValueError: For unknown names and options, for one that is given twice, and for one that it does not have.
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
    """The call with an option, of its own or of the sampler inside; None if neither has it.

    `again` says whether an option is refused that is there with another value; otherwise it stays.
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
