"""Reads the settings of a comparison, and what its search chooses from; all mistakes are kept, to be told together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from ..categorical import Decoding
from ..errors import Mistakes, bad
from ..guidance import parse_guidance, parse_schedule
from ..pilot.compare import Shapes
from ..samplers import SAMPLERS, Sampler
from ..study import Setting, grid
from .names import sampler_of

__all__ = ["SCHEDULES_TO_SEARCH", "decodings_of", "samplers_of", "settings_of", "shapes_of"]

SCHEDULES_TO_SEARCH = Shapes().schedules
"""Schedules of a search by default."""


def samplers_of(
    names: Sequence[str], steps: Sequence[int], shape: tuple[int, int] | None, mistakes: Mistakes
) -> list[Sampler]:
    """The samplers, each with each number of steps if there are any."""
    numbers: Sequence[int | None] = steps or (None,)
    tried = [
        mistakes.of(lambda name=name, number=number: sampler_of(name, number, None, shape))  # type: ignore[misc]
        for name, number in product(names, numbers)
    ]
    return [each for each in tried if each is not None]


def decodings_of(
    temperatures: Sequence[float], top_k: int | None, top_p: float | None, mistakes: Mistakes
) -> list[Decoding]:
    """How tokens are drawn, for each temperature."""
    tried = [mistakes.of(lambda value=value: Decoding(value, top_k, top_p)) for value in temperatures]  # type: ignore[misc]
    return [each for each in tried if each is not None]


def settings_of(
    guidances: Sequence[str],
    weights: Sequence[str],
    samplers: Sequence[Sampler],
    decodings: Sequence[Decoding],
    mistakes: Mistakes,
) -> tuple[Setting, ...]:
    """All combinations; none if there are mistakes, which are kept."""
    schedules = [mistakes.of(lambda text=text: parse_schedule(text, typed=True)) for text in weights]  # type: ignore[misc]
    known = [mistakes.of(lambda text=text: parse_guidance(text, 0.0, typed=True)) for text in guidances]  # type: ignore[misc]
    if None in schedules or None in known or not samplers or not decodings:
        return ()
    found = mistakes.of(lambda: grid(guidances, [each for each in schedules if each is not None], samplers, decodings))
    return found or ()


def shapes_of(
    guidances: Sequence[str],
    weights: Sequence[str],
    samplers: Sequence[Sampler],
    decodings: Sequence[Decoding],
    mistakes: Mistakes,
) -> Shapes | None:
    """What a search chooses from: mechanisms, samplers, and of the weights the schedules and the range LOW..HIGH."""
    ranges = [mistakes.of(lambda text=text: _range(text)) for text in weights if ".." in text]  # type: ignore[misc]
    schedules = [text for text in weights if ".." not in text]
    if len(ranges) > 1:
        mistakes.of(lambda: _refuse(weights))
    low, high = next((each for each in ranges if each is not None), Shapes().weights)
    written = tuple(SAMPLERS.write(each) for each in samplers)
    shapes, decoding = tuple(schedules) or SCHEDULES_TO_SEARCH, (*decodings, Decoding())[0]
    return mistakes.of(lambda: Shapes(tuple(guidances), shapes, (low, high), written, decoding))


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition("..")
    try:
        return float(low), float(high)
    except ValueError:
        raise bad("--weight", repr(text), "LOW..HIGH, two numbers for the mean weight, as in 0..4") from None


def _refuse(weights: Sequence[str]) -> None:
    raise bad("--weight", " and ".join(weights), "one range LOW..HIGH")
