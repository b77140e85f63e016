"""Common style of all figures: colours, lines and marks of mechanisms, fonts, and reproducible files."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from ..errors import require
from ..files import replacing

__all__ = ["COLOURS", "LINES", "MARKS", "NOTES", "blank", "fonts", "labels", "put", "save", "wrapped"]

T = TypeVar("T")


class _ByMechanism(dict[str, T]):
    """A dict by name of mechanism. A new name gets the next spare value and keeps it."""

    def __init__(self, known: Mapping[str, T], *spare: T) -> None:
        super().__init__(known)
        self._spare = cycle(spare)

    def __missing__(self, name: str) -> T:
        self[name] = next(self._spare)
        return self[name]


COLOURS = _ByMechanism(
    {"Normalized": "#0072B2", "Unlocking": "#D55E00", "Simple": "#009E73"}, "#CC79A7", "#56B4E9", "#E69F00", "#000000"
)
"""Colours of Okabe and Ito, different also without colour vision. Lines or marks differ as well."""
LINES = _ByMechanism({"Normalized": "-", "Unlocking": "--", "Simple": ":"}, "-.")
MARKS = _ByMechanism({"Normalized": "o", "Unlocking": "s", "Simple": "^"}, "D", "v", "P", "X")
NOTES = _ByMechanism({"Normalized": (6, 5), "Unlocking": (-13, 5), "Simple": (6, -13)}, (-13, -13))
"""Offset of a text from its mark, in points, so that texts do not overlap."""

_METADATA = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
"""Removes dates and versions, so that equal pictures give equal files."""


def save(figure: Any, path: Path) -> None:
    """Writes a figure as PNG or SVG, by the suffix of `path`, with reproducible bytes and only when complete."""
    with replacing(path) as temporary, require("matplotlib", "cli").rc_context({"svg.hashsalt": "dguide"}):
        figure.savefig(temporary, format=path.suffix[1:], metadata=_METADATA[path.suffix])


def blank(size: tuple[float, float]) -> Any:
    """An empty figure of `size` in inches, without a window."""
    figure = require("matplotlib.figure", "cli").Figure(figsize=size, dpi=120, layout="constrained")
    require("matplotlib.backends.backend_agg", "cli").FigureCanvasAgg(figure)
    return figure


def put(artist: Any, text: str) -> None:
    """Makes `text`, from data or from a user, the words of a Matplotlib text: no formulas, and `?` without a font."""
    if not fonts(text):
        text = "".join(each if fonts(each) == fonts("") else "?" for each in text)
    artist.set_text(text)
    artist.set_parse_math(False)
    artist.set_fontfamily(fonts(text))


def wrapped(text: str, width: float) -> str:
    """A title in lines that fit into `width` inches at 11 points."""
    return "\n".join(part for line in text.split("\n") for part in textwrap.wrap(line, int(11 * width)))


def labels(names: Sequence[str]) -> list[str]:
    """Names of classes as labels of a picture, each in one line; a number for a name that no font has."""
    lines = (" ".join(name.split()) for name in names)
    return [line if fonts(line) else str(number) for number, line in enumerate(lines)]


@cache
def fonts(text: str) -> list[str]:
    """The font families for a text: the default font and, if characters are missing, another installed font.

    The list is empty if no installed font has the missing characters.
    """
    manager = require("matplotlib.font_manager", "cli")
    usual = manager.FontProperties().get_name()
    first = manager.findfont(usual)
    lacking = {ord(character) for character in text if character != "\n"} - set(manager.get_font(first).get_charmap())
    if not lacking:
        return [usual]
    for font in sorted(manager.fontManager.ttflist, key=lambda font: (font.weight != 400, font.name)):
        # The font Last Resort shows the same sign for all letters of a script.
        if not font.name.startswith("Last Resort") and lacking <= set(manager.get_font(font.fname).get_charmap()):
            return [usual, font.name]
    return []
