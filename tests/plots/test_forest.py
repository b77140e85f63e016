"""The rows of a forest plot say what their intervals say, by their marks and their values."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from dguide import InputError
from dguide.pilot.report import chart
from dguide.pilot.report.svg import hints
from dguide.plots.forest import forest_plot
from dguide.plots.reader import WIDTH

WORDS = ("better", "worse", "open")
NAMES = ("above", "below", "around", "touches")
VALUES = ([0.3, -0.3, 0.1, 0.2], [0.1, -0.5, -0.2, 0.0], [0.4, -0.1, 0.3, 0.4])


def marks(figure):
    """The name of each row by what its mark says."""
    axes = figure.axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    return {
        line.get_label(): [names[int(place)] for place in line.get_ydata()]
        for line in axes.lines
        if line.get_label() in WORDS
    }


@pytest.mark.parametrize(("better", "first", "second"), [("higher", "above", "below"), ("lower", "below", "above")])
def test_marks_say_which_intervals_leave_out_zero(better, first, second):
    figure = forest_plot(NAMES, *VALUES, label="difference", legend=WORDS, better=better)
    assert marks(figure) == {"better": [first], "worse": [second], "open": ["around", "touches"]}
    looks = {line.get_label(): (line.get_marker(), line.get_markerfacecolor()) for line in figure.axes[0].lines[1:]}
    assert len({marker for marker, _ in looks.values()}) == 3
    assert looks["open"][1].lower() == "#ffffff"


def test_values_are_told_and_rows_go_from_top_to_bottom():
    figure = forest_plot(NAMES, *VALUES, label="difference", legend=WORDS)
    assert set(hints(chart(figure, "title", "description").svg)) == {
        "above: 0.3 [0.1, 0.4]",
        "below: -0.3 [-0.5, -0.1]",
        "around: 0.1 [-0.2, 0.3]",
        "touches: 0.2 [0, 0.4]",
    }
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > 3
    assert top < 0


def test_intervals_are_drawn_from_end_to_end():
    figure = forest_plot(NAMES, *VALUES, label="difference", legend=WORDS)
    ends = [tuple(segment[:, 0]) for lines in figure.axes[0].collections for segment in lines.get_segments()]
    assert sorted(ends) == sorted(zip(*VALUES[1:], strict=True))


@pytest.mark.parametrize("name", ["W" * 300, "見逃し" * 60, "cost $5 and $6", "\u202e"])
def test_names_leave_room_for_the_intervals(name):
    figure = forest_plot([name], [0], [-1], [1], label=name, legend=WORDS)
    chart(figure, "title", "description")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.draw_without_rendering()
    box = figure.axes[0].get_position()
    assert box.width * WIDTH > 1.2
    width = figure.bbox.width
    for text in figure.texts + figure.axes[0].get_yticklabels() + [figure._supxlabel]:
        assert "見" in name or text.get_window_extent().x1 <= width + 1
    assert not any(text.get_parse_math() for text in figure.axes[0].get_yticklabels())


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (([], [], []), "rows: got none"),
        (([0], [1], [2]), "outside their intervals"),
        (([0, 0], [-1], [1]), "values: got shape"),
        (([np.nan], [-1], [1]), "values: got values that are not finite"),
    ],
)
def test_rows_that_make_no_sense_are_refused(columns, found):
    with pytest.raises(InputError, match=found):
        forest_plot(["a"] if columns[0] else [], *columns, label="l", legend=WORDS)


def test_all_mistakes_of_the_columns_are_named():
    with pytest.raises(InputError) as error:
        forest_plot(["a"], [np.inf], [0, 1], [1], label="l", legend=WORDS)
    assert len(str(error.value).splitlines()) == 2
