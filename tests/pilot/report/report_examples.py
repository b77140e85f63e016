"""Reports that the tests share."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from dguide.pilot.report import Answer, Cell, Chart, Fact, Pictures, Report, Section, Table, Text

HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</style></script><!--",
    "{{ 7 * 7 }}{% raw %}",
    "\u202eright to left\u2066",
    "&lt;b&gt; & co",
    "good\x00\x1b\udc80",
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10">{}</svg>'


def png() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(out, "png")
    return out.getvalue()


def report(word: str = "word", language: str = "en") -> Report:
    """A report with every kind of record, and with `word` in each of its texts."""
    table = Table(word, (word, word), ((word, Cell(word, 1.0, word)), (word, Cell(word, 2.0)), (word, "-")), (), (1,))
    drawing = Chart(SVG.format('<path id="a" d="M0 0"/><use href="#a" clip-path="url(#a)"/>'), word, word)
    blocks = (Text(f"{word}\n\n{word}"), table, drawing, Pictures(png(), word, word))
    return Report(
        title=word,
        language=language,
        question=word,
        answer=Answer("not-yet", word, word),
        facts=(Fact(word, word, word, word), Fact(word, word)),
        steps=(word, word),
        money=blocks,
        evidence=tuple(Section(word, blocks) for _ in range(3)),
        settings={word: word},
        notes=(word,),
    )


def with_chart(svg: str) -> Report:
    return replace(report(), money=(Chart(svg, "title", "description"),))
