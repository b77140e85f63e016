"""What all figures share: colours, lines and marks of mechanisms, fonts, and files that are always the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from ..errors import require
from ..files import replacing

__all__ = ["COLOURS", "LINES", "MARKS", "NOTES", "blank", "fonts", "save"]

T = TypeVar("T")


class _ByMechanism(dict[str, T]):
    """By name of the mechanism. One without an entry gets the next of the spare ones, which then stays its own."""

    def __init__(self, known: Mapping[str, T], *spare: T) -> None:
        super().__init__(known)
        self._spare = cycle(spare)

    def __missing__(self, name: str) -> T:
        self[name] = next(self._spare)
        return self[name]


COLOURS = _ByMechanism(
    {"Normalized": "#0072B2", "Unlocking": "#D55E00", "Simple": "#009E73"}, "#CC79A7", "#56B4E9", "#E69F00", "#000000"
)
"""Apart also without colour vision (Okabe and Ito's), and always joined by another line or mark."""
LINES = _ByMechanism({"Normalized": "-", "Unlocking": "--", "Simple": ":"}, "-.")
MARKS = _ByMechanism({"Normalized": "o", "Unlocking": "s", "Simple": "^"}, "D", "v", "P", "X")
NOTES = _ByMechanism({"Normalized": (6, 5), "Unlocking": (-13, 5), "Simple": (6, -13)}, (-13, -13))
"""Where a text stands beside a mark, in points, so that those of neighbours do not meet."""

_METADATA = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
"""Nothing that would make two files of the same picture differ."""


def save(figure: Any, path: Path) -> None:
    """Writes a figure as PNG or SVG, as the suffix of `path` says, all or nothing and always the same bytes."""
    with replacing(path) as temporary, require("matplotlib", "cli").rc_context({"svg.hashsalt": "dguide"}):
        figure.savefig(temporary, format=path.suffix[1:], metadata=_METADATA[path.suffix])


def blank(size: tuple[float, float]) -> Any:
    """An empty figure of `size` in inches that belongs to no window."""
    figure = require("matplotlib.figure", "cli").Figure(figsize=size, dpi=120, layout="constrained")
    require("matplotlib.backends.backend_agg", "cli").FigureCanvasAgg(figure)
    return figure


@cache
def fonts(text: str) -> list[str]:
    """Families of fonts to write a text in: the usual one, and one that is installed and has what that lacks.

    If there is none, nor can the text be written: an empty list.
    """
    manager = require("matplotlib.font_manager", "cli")
    usual = manager.FontProperties().get_name()
    first = manager.findfont(usual)
    lacking = {ord(character) for character in text if character != "\n"} - set(manager.get_font(first).get_charmap())
    if not lacking:
        return [usual]
    for font in sorted(manager.fontManager.ttflist, key=lambda font: (font.weight != 400, font.name)):
        # The font of last resort has a sign for each script, and the same one for all of its letters.
        if not font.name.startswith("Last Resort") and lacking <= set(manager.get_font(font.fname).get_charmap()):
            return [usual, font.name]
    return []
