"""A figure becomes a drawing that keeps its text, follows the colours of the page, and says its values."""

from __future__ import annotations

import re
import warnings
from math import nan
from xml.etree import ElementTree

import pytest

from dguide import InputError
from dguide.pilot.report import chart
from dguide.pilot.report.svg import hints
from dguide.plots.style import blank
from dguide.plots.tips import tell

TEXT = "{http://www.w3.org/2000/svg}text"
NAME = 'scratch <b> & "見逃し"'


def figure(points: int = 3, texts: int = 3):
    made = blank((3, 2))
    axes = made.add_subplot()
    (line,) = axes.plot(range(points), range(points), "o-", color="#0072B2", markerfacecolor="white", label=NAME)
    axes.plot([0, 1], [1, 0], color="#123456")
    axes.grid(color="0.8")
    axes.set_xlabel(NAME)
    axes.legend()
    tell(line, [f"<{k}>" for k in range(texts)])
    return made


def test_text_stays_text_whatever_the_fonts_here():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawing = chart(figure(), "title", "description")
    texts = ["".join(text.itertext()) for text in ElementTree.fromstring(drawing.svg).iter(TEXT)]
    assert texts.count(NAME) == 2
    assert "font-family" not in drawing.svg


def test_colours_are_those_of_the_page():
    svg = chart(figure(), "title", "description").svg
    used = set(re.findall(r"(?:fill|stroke): (var\(--\w+|#\w+)", svg))
    assert {"var(--blue", "var(--ink", "var(--line", "var(--paper", "#123456"} == used


def test_the_values_of_points_are_told_in_their_order():
    drawing = chart(figure(), "title", "description")
    assert hints(drawing.svg) == ["<0>", "<1>", "<2>"]
    marks = [element for element in ElementTree.fromstring(drawing.svg).iter() if len(element.findall("{*}title"))]
    assert [float(mark.get("x")) for mark in marks] == sorted(float(mark.get("x")) for mark in marks)


def test_bars_have_values_too():
    made = blank((3, 2))
    lines = made.add_subplot().hlines([0, 1], [0, 0], [1, 2])
    tell(lines, ["first", "second"])
    assert hints(chart(made, "title", "description").svg) == ["first", "second"]


@pytest.mark.parametrize("unknown", [[1], [0, 1, 2]])
def test_an_unknown_figure_has_no_mark(unknown):
    made = blank((3, 2))
    (line,) = made.add_subplot().plot([0, 1, 2], [nan if k in unknown else k for k in range(3)], "o")
    tell(line, ["zero", "one", "two"])
    kept = [text for k, text in enumerate(("zero", "one", "two")) if k not in unknown]
    assert hints(chart(made, "title", "description").svg) == kept


@pytest.mark.parametrize("texts", [2, 4])
def test_a_mark_without_a_text_is_an_error(texts):
    with pytest.raises(InputError, match=f"got {texts} for 3 marks"):
        chart(figure(texts=texts), "title", "description")


def test_equal_figures_give_equal_drawings_without_dates_and_a_fixed_size():
    first, second = (chart(figure(), "title", "description") for _ in range(2))
    assert first == second
    root = ElementTree.fromstring(first.svg)
    assert not {"width", "height"} & set(root.attrib)
    assert not re.search("metadata|<style|Matplotlib", first.svg)


def test_a_chart_needs_a_title_and_a_description():
    found = list(chart(figure(), "", " ").mistakes())
    assert [line.partition(":")[0] for line in found] == ["title", "description"]
