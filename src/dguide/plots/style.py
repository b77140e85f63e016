"""Common style of all figures: colours, lines and marks of mechanisms, fonts, and reproducible files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any, TypeVar

from ..errors import require
from ..files import replacing

__all__ = [
    "COLOURS",
    "DPI",
    "LINES",
    "MARKS",
    "NOTES",
    "as_png",
    "blank",
    "fonts",
    "labels",
    "put",
    "save",
    "series",
    "shortened",
    "text_width",
    "wrapped",
]

T = TypeVar("T")
DPI = 120
"""Pixels of an inch."""


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

_SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_SERIES_MARKS = ("o", "s", "^", "D", "v", "P", "X")

_LONGEST = 28
"""Most characters of the name of a class in a picture."""
_METADATA = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
"""Removes dates and versions, so that equal pictures give equal files."""


def series(number: int) -> dict[str, Any]:
    """Colour and mark of one of many series, as arguments of a Matplotlib line; 49 are different."""
    colours, marks = len(_SERIES), len(_SERIES_MARKS)
    return {"color": _SERIES[number % colours], "marker": _SERIES_MARKS[(number + number // colours) % marks]}


def save(figure: Any, path: Path) -> None:
    """Writes a figure as PNG or SVG, by the suffix of `path`, with reproducible bytes and only when complete."""
    with replacing(path) as temporary, require("matplotlib", "cli").rc_context({"svg.hashsalt": "dguide"}):
        figure.savefig(temporary, format=path.suffix[1:], metadata=_METADATA[path.suffix])


def as_png(figure: Any) -> bytes:
    """The bytes of a figure as PNG, reproducible as those of `save`."""
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata=_METADATA[".png"])
    return out.getvalue()


def blank(size: tuple[float, float]) -> Any:
    """An empty figure of `size` in inches, without a window."""
    figure = require("matplotlib.figure", "cli").Figure(figsize=size, dpi=DPI, layout="constrained")
    require("matplotlib.backends.backend_agg", "cli").FigureCanvasAgg(figure)
    return figure


def put(artist: Any, text: str, *, replaced: bool = True) -> None:
    """Makes `text`, from data or from a user, the words of a Matplotlib text, without formulas.

    A character that no installed font has becomes `?`, unless the fonts of a reader draw the text (not `replaced`).
    """
    if replaced:
        text = _drawable(text)
    artist.set_text(text)
    artist.set_parse_math(False)
    artist.set_fontfamily(fonts(text) or fonts(""))


def _drawable(text: str) -> str:
    return text if fonts(text) else "".join(each if fonts(each) == fonts("") else "?" for each in text)


def text_width(text: str, size: float) -> float:
    """The width in inches of `text` in one line at `size` points."""
    text = _drawable(text)
    look = require("matplotlib.font_manager", "cli").FontProperties(family=fonts(text), size=size)
    paths = require("matplotlib.textpath", "cli").text_to_path
    return float(paths.get_text_width_height_descent(text, look, ismath=False)[0]) / 72


def wrapped(text: str, width: float, size: float = 11, measure: Callable[[str, float], float] = text_width) -> str:
    """A title in lines that fit into `width` inches at `size` points.

    A word that is too long for a line, as that of a path, is broken after a sign if it has one.
    """
    lines = []
    for line in text.split("\n"):
        lines.append("")
        for part in _parts(line, lambda part: measure(part.rstrip(), size) <= width):
            if lines[-1] and measure((lines[-1] + part).rstrip(), size) > width:
                lines.append("")
            lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _parts(line: str, fits: Callable[[str], bool]) -> Iterator[str]:
    """Words; of a word that does not fit, what ends with a sign; of that, if need be, characters."""
    for word in re.findall(r"\S+\s*", line):
        for part in [word] if fits(word) else re.findall(r"[\w.]+\W*|\W+", word):
            yield from [part] if fits(part) else part


def labels(names: Sequence[str]) -> list[str]:
    """Names of classes as labels of a picture, each in one short line; a number for a name that no font has."""
    lines = (" ".join(name.split()) for name in names)
    return [shortened(line) if fonts(line) else str(number) for number, line in enumerate(lines)]


def shortened(line: str, longest: int = _LONGEST) -> str:
    """Both ends of a name of more than `longest` characters, since names often differ in one of them only."""
    return line if len(line) <= longest else f"{line[: longest // 2].rstrip()}…{line[1 - longest // 2 :].lstrip()}"


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
