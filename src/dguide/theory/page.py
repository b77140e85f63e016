"""The page of the gallery: one HTML file beside its pictures, without scripts and without external files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from .. import __version__
from .figures.base import TheoryFigure
from .markup import html, spans

__all__ = ["blocks", "page"]

_BLOCK = re.compile(r'<figure id="([^"]+)">\n<h2>Figure \d+\. (.*?)</h2>\n.*?</figure>', re.DOTALL)

_STYLE = """
:root { color-scheme: light; }
body { font: 1rem/1.55 Georgia, "Times New Roman", serif; color: #1a1a1a; background: #fff; margin: 0 auto;
  max-width: 62rem; padding: 1.5rem 1rem 4rem; }
h1, h2, nav, .files, table { font-family: system-ui, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.2rem; margin: 0 0 .8rem; }
p { max-width: 46rem; margin: .6rem 0; }
nav ol { columns: 2 18rem; padding-left: 1.4rem; }
figure { margin: 3rem 0 0; border-top: 1px solid #bbb; padding-top: 1.4rem; }
.picture { overflow-x: auto; }
.picture img { display: block; width: 100%; min-width: 42rem; height: auto; }
.files { font-size: .85rem; color: #444; }
a { color: #00508a; }
code { font-size: .92em; }
sub, sup { line-height: 0; }
.whole { white-space: nowrap; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: left; border-bottom: 1px solid #ddd; white-space: nowrap; }
th { border-bottom: 2px solid #888; }
@media print { figure { break-inside: avoid; } .files { display: none; } }
"""

_OPENING = """
A discrete diffusion model predicts the distribution of a token, $q_c$ under the condition and $q_u$ without it.
Classifier-free guidance draws it from $q_w = q_c^(1+w) q_u^(-w) / Z_w$. No guidance is $w = 0$; the `guidance_scale` of
other libraries is $1 + w$. Mechanisms differ in the rate at which masked positions are decided. **Normalized**
(arXiv 2507.08965) does not change it. **Unlocking** (2406.01572) multiplies it by $Z_w$. **Simple** (2412.10193) tilts
the probabilities of a whole step, and tends to Unlocking as the number of steps grows. In a schedule $w$ depends on the
noise level $m$, which is the expected share of masked positions: 1 is noise, 0 is data. Schedules are compared at equal
mean.

Small problems are enumerated, and their distributions are solved. Nothing is sampled unless a caption says so.
Predictions are exact unless a caption says otherwise, so the figures show guidance itself, without the errors of a
trained network. Time runs from noise on the left to data on the right. TV is the total variation distance, half the sum
of the absolute differences: 0 for equal distributions, 1 for distributions without a common state."""


def blocks(text: str) -> dict[str, str]:
    """The parts of an earlier page that show one figure each, by name of the figure."""
    return {found[1]: found[0] for found in _BLOCK.finditer(text)}


def page(figures: Sequence[TheoryFigure], earlier: Mapping[str, str] | None = None) -> str:
    """The HTML page that shows `figures` in their order. Those of an `earlier` page (`blocks`) keep their places."""
    shown = {**(earlier or {}), **{figure.name: _block(figure) for figure in figures}}
    titles = [_BLOCK.sub(r"\2", block) for block in shown.values()]
    contents = "\n".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in zip(shown, titles, strict=True))
    body = "\n".join(
        re.sub(r"<h2>Figure \d+", f"<h2>Figure {number}", block, count=1)
        for number, block in enumerate(shown.values(), start=1)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Guidance of discrete diffusion: the theory in figures</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Guidance of discrete diffusion: the theory in figures</h1>
{html(_OPENING)}
<nav><ol>
{contents}
</ol></nav>
{body}
<p class="files">dguide {__version__}. The numbers behind each figure are in the JSON file beside it.</p>
</body>
</html>
"""


def _block(figure: TheoryFigure) -> str:
    """The part of a figure; `page` sets its number."""
    name = figure.name
    links = ", ".join(f'<a href="{name}.{kind}">{name}.{kind}</a>' for kind in ("svg", "png", "json"))
    return f"""<figure id="{name}">
<h2>Figure 0. {escape(figure.title)}</h2>
<div class="picture"><img src="{name}.svg" alt="{escape(figure.alt, quote=True)}"></div>
<figcaption>{html(figure.caption)}{_table(figure.table)}
<p class="files">Files: {links}</p></figcaption>
</figure>"""


def _table(lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    head, *body = ("".join(f"<{tag}>{spans(cell)}</{tag}>" for cell in line) for tag, line in _tagged(lines))
    rows = "\n".join(f"<tr>{line}</tr>" for line in body)
    return f'\n<div class="table"><table>\n<tr>{head}</tr>\n{rows}\n</table></div>'


def _tagged(lines: Sequence[Sequence[str]]) -> Iterator[tuple[str, Sequence[str]]]:
    """Each line with the tag of its cells. The first line is the heading."""
    return zip(("th", *["td"] * (len(lines) - 1)), lines, strict=True)
