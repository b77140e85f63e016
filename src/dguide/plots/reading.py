"""Figures of the classification by a model: confusion matrix, calibration, and false alarms against misses."""

from __future__ import annotations

import math
from itertools import cycle
from typing import Any

import numpy as np

from ..errors import require
from ..evaluate import reliability
from ..evaluate.reading.verdict import Verdict
from .style import blank, labels, put, text_width, wrapped

__all__ = ["calibration_figure", "confusion_figure", "detection_figure"]

_SUREST = 1e-9
"""Least that is drawn of what a probability lacks to 1."""
_BINS, _FEWEST = 10, 10
"""Most marks of a calibration, and fewest sequences of a mark: the share of fewer says hardly anything."""
_LINES = (
    ("#0072B2", "-", "o", 6),
    ("#D55E00", "--", "s", 10),
    ("#009E73", "-.", "^", 7),
    ("#CC79A7", ":", "D", 8),
)
"""Colour, line, mark and its size, of alarms in their order; where two are at one place, the smaller is in front."""


def confusion_figure(verdict: Verdict, title: str) -> Any:
    """Draws the confusion matrix of the test part: the share of each class that was read as each class."""
    counts, size = verdict.confusion, len(verdict.names)
    share = counts / counts.sum(1, keepdims=True).clip(min=1)
    names = labels(verdict.names)
    long = max(len(name) for name in names) > 3
    beside, side = max(text_width(name, 10) for name in names), max(2.6, 0.55 * size)
    width = side + beside + 2.2
    title = wrapped(title, width - 0.2, 12)
    figure = blank((width, side + (0.75 * beside if long else 0.2) + 1.0 + 0.2 * title.count("\n")))
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=10, color=colour)
    axes.set_xticks(
        range(size), names, rotation=45 if long else 0, ha="right" if long else "center", rotation_mode="anchor"
    )
    axes.set_yticks(range(size), names)
    for axis in (axes.xaxis, axes.yaxis):
        for text, name in zip(axis.get_ticklabels(), names, strict=True):
            put(text, name)
    axes.tick_params(length=0)
    axes.set_xlabel("read as", fontsize=12)
    axes.set_ylabel("class", fontsize=12)
    put(figure.suptitle("", fontsize=12), title)
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the class\n(numbers: sequences)", fontsize=11)
    return figure


def calibration_figure(verdict: Verdict, title: str) -> Any:
    """Draws the accuracy of the most probable class against its probability, before and after the temperature.

    Most probabilities are near 1. So the axis is logarithmic in what they lack to 1. Beside each mark stands the range
    that chance leaves to a calibrated classifier, in bins of the same size.
    """
    figure = blank((6.8, 6.8))
    axes = figure.add_subplot()
    reading, truth = verdict.reading.take(verdict.reported), verdict.labels[verdict.reported]
    count, least = max(1, min(_BINS, len(truth) // _FEWEST)), 0.1
    drawn = [("as read", verdict.read.take(verdict.reported), "#D55E00", "s")]
    if not math.isnan(verdict.temperature.value):
        drawn.append((f"tempered, T = {reading.temperature:.3g}", reading, "#0072B2", "o"))
    for name, one, colour, mark in drawn:
        bins = reliability(one.log_probs, truth, count)
        lack = np.array([1 - b.confidence for b in bins]).clip(_SUREST)
        least = min(least, lack.min())
        axes.vlines(lack, *np.array([b.chance for b in bins]).T, color=colour, alpha=0.25, linewidth=9, zorder=1)
        right = np.array([(b.accuracy.value, b.accuracy.low, b.accuracy.high) for b in bins]).T
        axes.errorbar(
            lack, right[0], np.abs(right[1:] - right[0]), fmt=mark, color=colour, markerfacecolor="white",
            markeredgewidth=1.6, markersize=7, capsize=2, linewidth=1, label=name, clip_on=False, zorder=3,
        )  # fmt: skip
    lacks = np.geomspace(least, 1, 400)
    axes.plot(lacks, 1 - lacks, color="0.5", linewidth=1, label="perfectly calibrated", zorder=1)
    axes.vlines([], [], [], color="0.5", alpha=0.25, linewidth=9, label="range of a calibrated classifier")
    axes.set_xscale("log")
    axes.set_xlim(1, 0.6 * least)
    decades = range(1, 1 - math.floor(math.log10(least)))
    names = [f"{1 - 10.0**-k:.{k}f}" if k < 4 else f"1 - 10⁻{'⁴⁵⁶⁷⁸⁹'[k - 4]}" for k in decades]
    axes.set_xticks([0.5, *(10.0**-k for k in decades)], ["0.5", *names], fontsize=9)
    axes.xaxis.minorticks_off()
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("probability of the most probable class", fontsize=12)
    axes.set_ylabel("share in which this class is right, with 95 % interval", fontsize=12)
    each = (
        "in one mark"
        if count == 1
        else f"with {'about ' * (len(truth) % count > 0)}{round(len(truth) / count)} in each mark"
    )
    put(figure.suptitle("", fontsize=12), wrapped(f"{title}\n{len(truth):,} sequences {each}", 6.6, 12))
    axes.grid(alpha=0.3)
    figure.legend(fontsize=11, loc="outside lower center", ncols=3)
    return figure


def detection_figure(verdict: Verdict, title: str) -> Any:
    """Draws false alarms against misses for all thresholds, and for those that were chosen on the validation part."""
    figure = blank((6.8, 7.0))
    axes = figure.add_subplot()
    detection = verdict.alarms[0].detection
    count = {"x": int((~detection.defect).sum()), "y": int(detection.defect.sum())}
    marked = False
    for alarm, (colour, line, mark, size) in zip(verdict.alarms, cycle(_LINES), strict=False):
        curve, area = alarm.detection.curve(), alarm.detection.area().value
        look = {"color": colour, "markerfacecolor": "white", "markeredgewidth": 1.6, "markersize": size}
        axes.plot(curve.false_alarms, curve.misses, line, color=colour, drawstyle="steps-post", linewidth=1.8)
        costs = [point.cost for point in alarm.points if not point.few]
        for cost in costs:
            x, y = (np.array([p.value, p.low, p.high]) for p in (cost.false_alarms, cost.misses))
            reach = {"xerr": np.abs(x[1:] - x[0])[:, None], "yerr": np.abs(y[1:] - y[0])[:, None]}
            axes.errorbar(x[0], y[0], **reach, fmt=mark, **look, capsize=2, linewidth=1, zorder=4 - size / 10)
        words = f"{alarm.name}, area under the ROC curve {area:.3f}"
        axes.plot([], [], line, **look, marker=mark if costs else "", linewidth=1.8, label=words)
        marked = marked or bool(costs)
    shares = np.linspace(0, 1, 1001) ** 3  # more of them near 0, where the axis is stretched
    axes.plot(shares, 1 - shares, color="0.5", linewidth=1, label="chance", zorder=1)
    for axis, number in count.items():
        _shares_axis(axes, axis, number)
    axes.set_xlabel(f"false alarms: share of {count['x']:,} sequences without a defect", fontsize=12)
    axes.set_ylabel(f"misses: share of {count['y']:,} sequences with a defect", fontsize=12)
    marks = "marks: thresholds chosen on other sequences, with 95 % intervals"
    words = f"{title}\n{marks if marked else 'no marks: too few sequences to choose thresholds'}"
    put(figure.suptitle("", fontsize=12), wrapped(words, 6.6, 12))
    axes.grid(alpha=0.3, which="both")
    figure.legend(fontsize=11, loc="outside lower center")
    return figure


def _shares_axis(axes: Any, axis: str, count: int) -> None:
    """Makes the axis "x" or "y" one of shares of `count`: logarithmic, but linear up to the share of a single one."""
    least, ticker = 1 / count, require("matplotlib.ticker", "cli")
    getattr(axes, f"set_{axis}scale")("symlog", linthresh=least, linscale=0.4)
    getattr(axes, f"set_{axis}lim")(-0.4 * least, 1.15)  # a line of no mistakes stays clear of the frame
    lines = getattr(axes, f"{axis}axis")
    many = math.log10(count) > 1.5
    ticks = [step * 10.0**k for k in range(-6, 1) for step in ((1,) if many else (1, 2, 5))]
    ticks = [0.0, *(tick for tick in ticks if least <= tick <= 1)]
    lines.set_ticks(ticks, [f"{tick:.4g}" for tick in ticks])
    steps = [step * 10.0**k for k in range(-6, 0) for step in range(2, 10)]
    lines.set_minor_locator(ticker.FixedLocator([step for step in steps if step > least]))
