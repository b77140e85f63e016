"""The figure of a grid: the figure that decides against the mean weight, a panel a schedule, a line a mechanism."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dguide.plots import style

from .grid_cells import NAMES, SCHEDULES

__all__ = ["picture"]

COLUMNS = 3


def picture(found: Mapping[str, Any], path: Path) -> None:
    """Draws the cells of the steps that were measured first."""
    steps = found["cells"][0]["steps"]
    cells = [each for each in found["cells"] if each["steps"] == steps]
    figure = style.blank((8.0, 2.75 * -(-len(SCHEDULES) // COLUMNS)))
    grid = figure.subplots(-(-len(SCHEDULES) // COLUMNS), COLUMNS, sharex=True, sharey=True, squeeze=False)
    panels, spare = grid.flat[: len(SCHEDULES)], grid.flat[len(SCHEDULES) :]
    for axes, schedule in zip(panels, SCHEDULES, strict=True):
        for name in NAMES:
            _line(axes, cells, schedule, name, found["figure"])
        axes.set_title(schedule, fontsize=11)
        axes.set_xlabel("mean weight w")
        axes.tick_params(labelbottom=True)  # also above an empty place
        axes.grid(alpha=0.25)
    for axes in spare:
        axes.set_axis_off()
    lowest, highest = _ends(cells, found["figure"])
    if lowest > 0 and highest > 30 * lowest:
        panels[0].set_yscale("log")
    figure.supylabel(found["figure"], fontsize=11)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(NAMES), frameon=False)
    count = found["count"] * len(found["seeds"])
    figure.suptitle(f"{found['model']}, {steps} steps, {count} samples a point, bands: 95 % intervals", fontsize=11)
    style.save(figure, path)


def _line(axes: Any, cells: list[dict[str, Any]], schedule: str, name: str, figure: str) -> None:
    plain = [each for each in cells if each["mean"] == 0]
    mine = [each for each in cells if (each["schedule"], each["mechanism"]) == (schedule, name)]
    points = sorted((each["mean"], _of(each, figure)) for each in (*plain, *mine)) if mine else []
    if not points:
        return
    means, values = zip(*points, strict=True)
    low, middle, high = zip(*values, strict=True)
    look = {"color": style.COLOURS[name], "linestyle": style.LINES[name], "marker": style.MARKS[name], "markersize": 5}
    axes.fill_between(means, low, high, color=style.COLOURS[name], alpha=0.18, linewidth=0)
    axes.plot(means, middle, label=name, **look)


def _of(cell: Mapping[str, Any], figure: str) -> tuple[float, float, float]:
    each = next(each for each in cell["figures"] if each["name"] == figure)
    return each["low"], each["value"], each["high"]


def _ends(cells: list[dict[str, Any]], figure: str) -> tuple[float, float]:
    values = [_of(each, figure)[1] for each in cells]
    return min(values), max(values)
