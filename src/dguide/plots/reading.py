"""Figures of the classification by a model: confusion matrix, calibration, and false alarms against misses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..evaluate import reliability
from ..evaluate.reading.verdict import Verdict
from .style import blank, labels, put, wrapped

__all__ = ["calibration_figure", "confusion_figure", "detection_figure"]

_SUREST = 1e-9
"""Least that is drawn of what a probability lacks to 1."""
_LINES = (("odds of known defects", "#0072B2", "-", "o"), ("novelty", "#D55E00", "--", "s"))


def confusion_figure(verdict: Verdict, title: str) -> Any:
    """Draws the confusion matrix of the test part: the share of each class that was read as each class."""
    counts, size = verdict.confusion, len(verdict.names)
    share = counts / counts.sum(1, keepdims=True).clip(min=1)
    side = max(4.6, 2.2 + 0.55 * size)
    figure = blank((side + 0.6, side))
    axes = figure.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=10, color=colour)
    names = labels(verdict.names)
    long = max(len(name) for name in names) > 3
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
    put(axes.set_title("", fontsize=12), wrapped(title, 0.8 * side))
    bar = figure.colorbar(image, ax=axes, shrink=0.8)
    bar.set_label("share of the class\n(numbers: sequences)", fontsize=11)
    return figure


def calibration_figure(verdict: Verdict, title: str) -> Any:
    """Draws the accuracy of the most probable class against its probability, before and after the temperature.

    Most probabilities are near 1. So the axis is logarithmic in what they lack to 1. Beside each mark stands the range
    that chance leaves to a calibrated classifier, in bins of the same size.
    """
    figure = blank((6.8, 6.0))
    axes = figure.add_subplot()
    reading, truth = verdict.reading.take(verdict.reported), verdict.labels[verdict.reported]
    least = 0.1
    drawn = [("as read", verdict.read.take(verdict.reported), "#D55E00", "s")]
    if not math.isnan(verdict.temperature.value):
        drawn.append((f"tempered, T = {reading.temperature:.3g}", reading, "#0072B2", "o"))
    for name, one, colour, mark in drawn:
        bins = reliability(one.log_probs, truth)
        lack = np.array([1 - b.confidence for b in bins]).clip(_SUREST)
        least = min(least, lack.min())
        axes.vlines(lack, *np.array([b.chance for b in bins]).T, color=colour, alpha=0.25, linewidth=9, zorder=1)
        right = np.array([(b.accuracy.value, b.accuracy.low, b.accuracy.high) for b in bins]).T
        axes.errorbar(
            lack, right[0], np.abs(right[1:] - right[0]), fmt=mark, color=colour, markerfacecolor="white",
            markeredgewidth=1.6, markersize=7, capsize=2, linewidth=1, label=name,
        )  # fmt: skip
    lacks = np.geomspace(least, 1, 400)
    axes.plot(lacks, 1 - lacks, color="0.5", linewidth=1, label="rightly sure", zorder=1)
    axes.vlines([], [], [], color="0.5", alpha=0.25, linewidth=9, label="range of a calibrated classifier")
    axes.set_xscale("log")
    axes.set_xlim(1, 0.6 * least)
    decades = range(1, 1 - math.floor(math.log10(least)))
    names = [f"{1 - 10.0**-k:.{k}f}" if k < 4 else f"1 - 10⁻{'⁴⁵⁶⁷⁸⁹'[k - 4]}" for k in decades]
    axes.set_xticks([0.5, *(10.0**-k for k in decades)], ["0.5", *names], fontsize=9)
    axes.xaxis.minorticks_off()
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("probability of the most probable class", fontsize=12)
    axes.set_ylabel("share in which it is the right one, with 95 % interval", fontsize=12)
    words = f"{title}\n{len(truth)} sequences in {len(bins)} bins with equally many"
    put(axes.set_title("", fontsize=12), wrapped(words, 6.0))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=11, loc="lower right")
    return figure


def detection_figure(verdict: Verdict, title: str) -> Any:
    """Draws false alarms against misses for all thresholds, and for those that were chosen on the validation part."""
    figure = blank((6.8, 7.0))
    axes = figure.add_subplot()
    detection = verdict.alarms[0].detection
    good, defects = int((~detection.defect).sum()), int(detection.defect.sum())
    floor = 0.3 / max(good, defects)  # place of 0 on a logarithmic axis
    for alarm, (name, colour, line, mark) in zip(verdict.alarms, _LINES, strict=True):
        curve, area = alarm.detection.curve(), alarm.detection.area().value
        axes.plot(
            curve.false_alarms.clip(floor), curve.misses.clip(floor), line, color=colour, drawstyle="steps-post",
            linewidth=1.8, label=f"{name}, area under the ROC curve {area:.3f}",
        )  # fmt: skip
        for cost in (point.cost for point in alarm.points if not point.few):
            x, y = (np.array([p.value, p.low, p.high]).clip(floor) for p in (cost.false_alarms, cost.misses))
            reach = {"xerr": np.abs(x[1:] - x[0])[:, None], "yerr": np.abs(y[1:] - y[0])[:, None]}
            axes.errorbar(
                x[0], y[0], **reach, fmt=mark, color=colour, markerfacecolor="white", markeredgewidth=1.6, markersize=7,
                capsize=2, linewidth=1, clip_on=False, zorder=3,
            )  # fmt: skip
    shares = np.geomspace(floor, 1, 400)
    axes.plot(shares, (1 - shares).clip(floor), color="0.5", linewidth=1, label="chance")
    ticks = [10.0**k for k in range(-6, 1) if 10.0**k > 1.5 * floor]
    for axis in (axes.xaxis, axes.yaxis):
        getattr(axes, f"set_{axis.axis_name}scale")("log")
        getattr(axes, f"set_{axis.axis_name}lim")(floor, 1.1)
        axis.set_ticks([floor, *ticks], ["0", *(f"{tick:.4g}" for tick in ticks)])
    axes.set_xlabel(f"false alarms: share of {good} sequences without a defect", fontsize=12)
    axes.set_ylabel(f"misses: share of {defects} sequences with a defect", fontsize=12)
    words = f"{title}\nmarks: thresholds chosen on other sequences, with 95 % intervals"
    put(axes.set_title("", fontsize=12), wrapped(words, 6.0))
    axes.grid(alpha=0.3, which="both")
    figure.legend(fontsize=11, loc="outside lower center")
    return figure
