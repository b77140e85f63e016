"""A saving chart shows the saving, its interval, the cost that is reckoned with, and the break-even."""

from __future__ import annotations

import numpy as np
import pytest

from dguide import InputError
from dguide.pilot.report import chart
from dguide.pilot.report.svg import hints
from dguide.plots.saving import SavingWords, saving_chart

WORDS = SavingWords("見逃しの費用", "saving a year", "95 % interval", "your cost", "break-even")
COSTS = np.array([10.0, 20.0, 40.0])


def drawn(costs=COSTS, **options):
    return saving_chart(costs, costs - 20, costs - 30, costs - 10, words=WORDS, **options)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_line_and_band_are_where_the_numbers_are():
    axes = drawn().axes[0]
    line = max(axes.lines, key=lambda line: len(line.get_xdata()))
    assert np.array_equal(line.get_xydata(), np.stack([COSTS, COSTS - 20], 1))
    (band,) = axes.collections
    low, high = band.get_paths()[0].vertices[:, 1].min(), band.get_paths()[0].vertices[:, 1].max()
    assert (low, high) == (-20, 30)


def test_marks_are_there_where_they_are_asked_for():
    assert legend(drawn()) == ["95 % interval"]
    figure = drawn(here=15.5, break_even=20)
    assert legend(figure) == ["95 % interval", "your cost: 15.5", "break-even: 20"]
    places = {line.get_label(): tuple(np.ravel(line.get_xdata())) for line in figure.axes[0].lines}
    assert places["your cost: 15.5"] == (15.5, 15.5)
    assert places["break-even: 20"] == (20,)


def test_values_are_told_without_powers_of_ten():
    told = hints(chart(drawn(1e5 * COSTS), "title", "description").svg)
    assert told[0] == "1,000,000: 1,000,000 [1,000,000, 1,000,000]"
    assert hints(chart(drawn(), "title", "description").svg)[0] == "10: \u221210 [\u221220, 0]"


@pytest.mark.parametrize(("costs", "scale"), [([1, 10, 29], "linear"), ([1, 10, 30], "log"), ([0, 10, 300], "linear")])
def test_the_axis_is_logarithmic_where_costs_differ_by_much(costs, scale):
    assert drawn(np.array(costs, float)).axes[0].get_xscale() == scale


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"costs": COSTS[:1]}, "at least two"),
        ({"costs": COSTS[::-1]}, "increasing"),
        ({"here": 50}, "here: got 50"),
        ({"break_even": 9}, "break_even: got 9"),
        ({"break_even": float("nan")}, "break_even"),
    ],
)
def test_costs_that_cannot_be_drawn_are_refused(options, found):
    with pytest.raises(InputError, match=found):
        drawn(**options)


def test_a_band_on_the_wrong_side_of_the_saving_is_refused():
    with pytest.raises(InputError, match="outside their intervals"):
        saving_chart(COSTS, COSTS, COSTS + 1, COSTS + 2, words=WORDS)
