"""The page of a report: one HTML file that needs no other file and no network."""

from __future__ import annotations

import base64
import re
from importlib.resources import files
from itertools import count
from typing import Any

from ...errors import require
from .columns import columns
from .labels import LABELS
from .records import Report
from .svg import hints, inlined
from .words import words

__all__ = ["page"]

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that no HTML file may have: controls, and halves of characters from names of files."""
_PERCENT = re.compile(r"(?<=\d) %")


def page(report: Report) -> str:
    """The HTML page of a report, complete in one text.

    The answer stands first, then the numbers, the money, the next steps, the evidence, and how it was made. All texts
    are escaped, and characters that HTML cannot hold become �. The page is complete without JavaScript, which adds
    sorting, the choice of colours and values under the pointer.

    Args:
        report: What is shown.

    Raises:
        MissingExtra: If Jinja2 is not installed.
    """
    jinja2 = require("jinja2", "pilot")
    markup, numbers = jinja2.utils.markupsafe.Markup, count(1)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_plain,
    )
    environment.filters |= {"paragraphs": _paragraphs, "columns": columns, "data_uri": _data_uri, "hints": hints}
    text: str = environment.get_template("page.html").render(
        report=report,
        asset=lambda name: markup(_asset(name)),
        say=words(LABELS, report.language),
        drawing=lambda chart: markup(inlined(chart.svg, f"chart-{next(numbers)}", chart.title, chart.description)),
    )
    return text


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _plain(value: Any) -> Any:
    """A text without characters that HTML cannot hold, each % on the line of its number; any other value as it is."""
    return type(value)(_PERCENT.sub("\u00a0%", _UNPRINTABLE.sub("�", value))) if isinstance(value, str) else value


def _paragraphs(text: str) -> list[str]:
    return [part for part in re.split(r"\n\s*\n", text.strip()) if part]


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
