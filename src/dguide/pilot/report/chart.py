"""Figures of Matplotlib as drawings of a page, in the fonts and colours of the page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from ...errors import bad, require
from ...plots.tips import tips
from .records import Chart
from .svg import SVG, svg_root

__all__ = ["chart"]

_COLOURS = {
    "#0072b2": "blue",
    "#d55e00": "vermilion",
    "#009e73": "green",
    "#cc79a7": "purple",
    "#56b4e9": "sky",
    "#e69f00": "orange",
    "#f0e442": "yellow",
}
"""Colours of Okabe and Ito, by the name that the page gives to each in light and in dark."""
_GREYS = ((0x48, "ink"), (0xA0, "muted"), (0xE8, "line"), (0xFF, "paper"))
"""Names of greys in the page, and up to which grey each goes."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_FAMILY = re.compile(r"\s*font-family:[^;]*;?")


def chart(figure: Any, title: str, description: str) -> Chart:
    """A figure of Matplotlib as a chart of a report.

    Text stays text, so that the fonts of the reader draw it. The colours of Okabe and Ito, black, greys and white
    become those of the page, which follow light and dark. Texts that `dguide.plots.tips.tell` gave to marks are shown
    under the pointer. Equal figures give equal drawings.

    Args:
        figure: The figure. Its background is left out.
        title: The takeaway, as a sentence.
        description: What the drawing shows, for readers who do not see it.

    Raises:
        InputError: If an artist was given more or fewer texts than it has marks in the drawing.

    Example:
        >>> from dguide.plots.style import blank
        >>> figure = blank((4.9, 3))
        >>> line = figure.add_subplot().plot([1, 2], [0.9, 0.8], "o-", color="#0072B2")
        >>> chart(figure, "Quality falls with the weight", "Quality at weight 1 and 2.").title
        'Quality falls with the weight'
    """
    told = {}
    for number, (artist, texts) in enumerate(tips(figure)):
        artist.set_gid(f"told-{number}")
        told[f"told-{number}"] = texts
    root = svg_root(_drawn(figure))
    _cleaned(root)
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _COLOUR.sub(_colour, _FAMILY.sub("", value)) if key == "style" else value)
        if element.get("id") in told:
            _tell(element, told[element.attrib["id"]])
    ElementTree.indent(root, "")
    return Chart(ElementTree.tostring(root, encoding="unicode"), title, description)


def _drawn(figure: Any) -> str:
    out = io.StringIO()
    with (
        require("matplotlib", "cli").rc_context({"svg.fonttype": "none", "svg.hashsalt": "dguide"}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's fonts draw it
        figure.savefig(out, format="svg", transparent=True)
    return out.getvalue()


def _cleaned(root: ElementTree.Element) -> None:
    """Without metadata, a fixed size, and a style sheet, which would apply to the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{SVG}metadata", f"{SVG}style"):
                parent.remove(child)
    root.attrib.pop("width")
    root.attrib.pop("height")
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")


def _colour(found: re.Match[str]) -> str:
    """The colour of the page for one of Matplotlib, or the same colour if it is of no known role."""
    hexadecimal = found[0].lower()
    red, green, blue = (int(hexadecimal[k : k + 2], 16) for k in (1, 3, 5))
    name = _COLOURS.get(hexadecimal, "")
    if red == green == blue:
        name = next(name for most, name in _GREYS if red <= most)
    return f"var(--{name}, {hexadecimal})" if name else hexadecimal


def _tell(group: ElementTree.Element, texts: Sequence[str]) -> None:
    """Gives the marks in the group of an artist their texts."""
    marks = list(group.iter(f"{SVG}use")) or group.findall(f"{SVG}path")
    if len(marks) != len(texts):
        raise bad("texts of marks", f"{len(texts)} for {len(marks)} marks in the drawing", "one for each mark")
    for mark, text in zip(marks, texts, strict=True):
        ElementTree.SubElement(mark, f"{SVG}title").text = text
