"""Reads the names of guidance mechanisms, samplers and devices on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from ..checkpoint import names
from ..devices import best_device, usable_device
from ..errors import Mistakes, bad
from ..evaluate import METRICS, Metric
from ..guidance import Constant, Guidance, Schedule, parse_guidance, parse_schedule
from ..samplers import SAMPLERS, Sampler
from ..spec import Call

__all__ = ["MODEL", "OWN", "WEIGHT", "device_of", "guidance_of", "in_both_conventions", "metrics_of", "sampler_of"]


OWN = "your own as my_module:MyClass"
"""The description of import paths in help texts."""
MODEL = f"Directory from `dguide train`, one of {', '.join(names())}, or org/name at Hugging Face."
"""The description of checkpoints in help texts."""
WEIGHT = "ramp-up:2.0"
"""The weight without --weight and --guidance-scale."""


def guidance_of(name: str, weight: str | None, scale: float | None = None) -> Guidance:
    """The mechanism `name`, with its options and its weight. `parse_schedule` reads the weight.

    Args:
        name: A text that `MECHANISMS` reads.
        weight: The weight w; None for that of `scale`, or else `WEIGHT`.
        scale: The guidance scale 1 + w.

    Raises:
        ValueError: For unknown names and options, and for a weight among the options, at once.
    """
    mistakes = Mistakes()
    w = mistakes.of(lambda: _weight(weight, scale))
    found = mistakes.of(lambda: parse_guidance(name, parse_schedule(WEIGHT) if w is None else w, typed=True))
    mistakes.settle()
    assert found is not None
    return found


def _weight(weight: str | None, scale: float | None) -> Schedule | float:
    if scale is None:
        return parse_schedule(WEIGHT if weight is None else weight, typed=True)
    if weight is not None:
        raise bad("--guidance-scale", f"{scale:g} and --weight {weight}", "one of the two, since the scale is 1 + w")
    if not scale >= 0:
        raise bad("--guidance-scale", f"{scale:g}", "a number of at least 0 (1 is the conditional model)")
    return scale - 1


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
    """The sampler of that name, with its options.

    Args:
        name: As `SAMPLERS` reads it.
        steps: Its option `steps`, or that of the sampler inside; None if the name says it, or for the default.
        grid: Likewise.
        shape: Rows and columns of the images, for a sampler that needs a `shape` and was given none.

    Raises:
        ValueError: For unknown names and options, for one that is given twice, and for one that it does not have.
    """
    call, mistakes = SAMPLERS.call(name, typed=True), Mistakes()
    for option, text in (("steps", steps), ("grid", grid)):
        if text is not None:
            call = mistakes.of(partial(_having, call, option, str(text))) or call
    made = mistakes.of(lambda: _made(call, shape))
    mistakes.settle()
    assert made is not None
    return made


def _having(call: Call[Sampler], option: str, text: str) -> Call[Sampler]:
    """The call with an option. Raises `ValueError` if neither it nor a sampler inside has it."""
    given = _given(call, option, text)
    if given is None:
        what = f"its own options, {', '.join(call.options) or 'of which it has none'}"
        inside = "".join(
            f"Its {name} is {each.what.split()[-1]}, which has none either. Give it another, as in "
            f"{call.what.split()[-1]}:{name}=(ancestral:{option}={text})."
            for name, each in call.inside().items()
        )
        raise bad(call.what, f"--{option}", what, inside)
    return given


def _made(call: Call[Sampler], shape: tuple[int, int] | None) -> Sampler:
    _check_steps(call)
    return (call if shape is None else _shaped(call, "{}x{}".format(*shape)))()


def _given(call: Call[Sampler], option: str, text: str, default: bool = False) -> Call[Sampler] | None:
    """The call with an option, of its own or of the sampler inside; None if neither has it.

    Another value of a call that is a default gives way; one that was typed does not.
    """
    if option in call.options:
        value = call.value(option, text)
        kept = {} if default else call.arguments
        if kept.get(option) == value:
            return call
        others = {name: each for name, each in call.arguments.items() if name in kept or name != option}
        return replace(call, arguments=others).having(**{option: value})
    for name, inside in call.inside().items():
        given = _given(inside, option, text, name not in call.arguments)
        if given is not None:
            return replace(call, arguments={**call.arguments, name: given})
    return None


def _shaped(call: Call[Sampler], shape: str) -> Call[Sampler]:
    """The call with the shape of the images wherever a sampler needs one."""
    arguments = {name: _shaped(each, shape) for name, each in call.inside().items() if name in call.arguments}
    call = replace(call, arguments={**call.arguments, **arguments})
    needs = "shape" in call.required and "shape" not in call.arguments
    return call.having(shape=call.value("shape", shape)) if needs else call


def _check_steps(call: Call[Sampler]) -> None:
    """Raise `ValueError` if a number of steps does not fit the times that a grid lists."""
    steps, grid = call.arguments.get("steps"), call.arguments.get("grid")
    if steps is not None and isinstance(grid, tuple) and steps != len(grid) - 1:
        raise bad(call.what, f"{steps} steps and a grid of {len(grid)} times", f"{len(grid) - 1} steps, or no number")
    for inside in call.inside().values():
        _check_steps(inside)


def metrics_of(names: Sequence[str]) -> tuple[Sequence[Metric], list[str]]:
    """The metrics that were asked for, and how they are written. Raises `InputError` for unknown ones and for twins."""
    mistakes = Mistakes()
    tried = [mistakes.of(partial(METRICS.read, name, typed=True)) for name in names]
    metrics = [each for each in tried if each is not None]
    judged_by = [METRICS.write(each) for each in metrics]
    if len(set(judged_by)) < len(judged_by):
        mistakes.add(bad("--metric", " and ".join(judged_by), "each metric once"))
    mistakes.settle()
    return metrics, judged_by


def device_of(name: str) -> torch.device:
    """The device of that name; for `auto` an accelerator if there is one. Raises `ValueError` if it is not usable."""
    return best_device() if name == "auto" else usable_device(name)
