"""Guidance weights in the conventions of other programs.

Each of them is w, or 1 + w: `Scale.shift` is what is added to w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import bad, choose, number

__all__ = ["SCALES", "Scale", "from_scale", "to_scale"]


@dataclass(frozen=True)
class Scale:
    """What a program calls its guidance weight.

    Attributes:
        name: Its name there.
        shift: What it is above w: 0 or 1.
        formula: The tilted logits in it, of c (conditional) and u (reference).
    """

    name: str
    shift: int
    formula: str


_ON_U, _ON_C, _ABOVE = "u + s * (c - u)", "(1 + s) * c - s * u", "u + (s + 1) * (c - u)"
_BETWEEN = "s * c + (1 - s) * u"
SCALES = {
    "dguide": Scale("weight", 0, _ON_C),
    "diffusers": Scale("guidance_scale", 1, _ON_U),
    "transformers": Scale("guidance_scale", 1, _ON_U),
    "mdlm": Scale("gamma", 1, _BETWEEN),
    "unlocking": Scale("gamma", 1, _BETWEEN),
    "llada": Scale("cfg_scale", 0, _ABOVE),
    "dllm": Scale("cfg_scale", 0, _ABOVE),
    "maskgit": Scale("w", 0, _ON_C),
    "llama.cpp": Scale("cfg_scale", 1, _ON_U),
}
"""The conventions, by the program or family that has them."""


def from_scale(value: float, convention: str) -> float:
    """The weight w from a guidance scale of another program.

    Args:
        value: The scale.
        convention: Whose it is, one of `SCALES`.

    Raises:
        ValueError: If the convention is unknown, or the scale is no finite number, or one below that of w = -1.

    >>> from_scale(3.0, "diffusers"), from_scale(2.0, "llada")
    (2.0, 2.0)
    """
    scale = SCALES[choose("convention of guidance weights", convention, SCALES)]
    given, least = number(scale.name, value), scale.shift - 1
    if not least <= given < math.inf:
        meaning = f"{scale.shift} is the conditional model"
        raise bad(f"{scale.name} of {convention}", f"{given:g}", f"a finite number of at least {least} ({meaning})")
    return given - scale.shift


def to_scale(weight: float, convention: str) -> float:
    """The guidance scale of another program from the weight w: the inverse of `from_scale`, with the same errors.

    >>> to_scale(2.0, "diffusers"), to_scale(2.0, "llama.cpp"), to_scale(2.0, "maskgit")
    (3.0, 3.0, 2.0)
    """
    return from_scale(weight, "dguide") + SCALES[choose("convention of guidance weights", convention, SCALES)].shift
