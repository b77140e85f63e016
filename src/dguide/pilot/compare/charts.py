"""Figures of a comparison: quality against weight, diversity and cost, samples side by side, log Z_w by noise level."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ...guidance import MECHANISMS, SCHEDULES, Schedule
from ...plots.images import contact_sheet
from ...plots.style import LINES, blank, put, series
from ...plots.tips import tell
from ...samplers import SAMPLERS
from ...study import Setting
from .comparison import Compared
from .rows import Row

__all__ = ["calls_chart", "charts", "diversity_chart", "samples_sheet", "strength_chart", "weight_chart"]

DIVERSITY = ("diversity within a class", "recall", "coverage", "unique", "internal diversity", "distinct-2")
"""Figures of diversity; the first one that there is is drawn."""
QUALITY = ("accuracy on the asked class", "precision", "validity")
"""Figures of the quality of single samples, against which diversity is drawn if the main figure is one of neither."""
_LOOK = {"markerfacecolor": "white", "markeredgewidth": 1.6, "linewidth": 1.6, "markersize": 7}
_TEXT = 11


def charts(found: Compared) -> dict[str, Any]:
    """The figures that there is something to draw in, by name of file."""
    drawn: dict[str, Callable[[Compared], Any]] = {
        "weight.png": weight_chart,
        "diversity.png": diversity_chart,
        "calls.png": calls_chart,
        "samples.png": samples_sheet,
        "strength.png": strength_chart,
    }
    made = {name: draw(found) for name, draw in drawn.items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def weight_chart(found: Compared) -> Any:
    """The main figure against the mean weight, a line for each mechanism, shape of schedule and sampler."""
    lines: dict[tuple[str, str], list[tuple[float, Row]]] = {}
    for label, setting in found.settings.items():
        lines.setdefault(_kind(setting), []).append((_weight(setting), found.row(label, found.main)))
    if len({x for points in lines.values() for x, _ in points}) < 2:
        return None
    figure, axes = _axes()
    for number, ((mechanism, name), points) in enumerate(lines.items()):
        points.sort(key=lambda point: point[0])
        xs, rows = [x for x, _ in points], [row for _, row in points]
        _errors(axes, xs, rows)
        values = [row.figure.value for row in rows]
        (line,) = axes.plot(xs, values, LINES[mechanism], label=name, **series(number), **_LOOK)
        tell(line, [_tip(row) for row in rows])
    _held_out(axes, found.row(found.baseline, found.main))
    return _finished(figure, axes, "mean guidance weight w", found.main)


def diversity_chart(found: Compared) -> Any:
    """The main figure, or one of quality, against one of diversity; a line joins the settings that nothing beats."""
    names = [row.figure.name for row in found.rows if row.setting == found.baseline]
    diverse = next((each for each in DIVERSITY if each in names and each != found.main), None)
    quality = next((each for each in QUALITY if each in names and each != found.main), found.main)
    if diverse is None:
        return None
    points = {label: (found.row(label, diverse), found.row(label, quality)) for label in found.settings}
    return _front(found, {label: (one.figure.value, one) for label, (one, _) in points.items()},
                  {label: two for label, (_, two) in points.items()}, diverse, quality, "higher")  # fmt: skip


def calls_chart(found: Compared) -> Any:
    """The main figure against the network calls of a batch; a line joins the settings that nothing beats."""
    rows = {label: found.row(label, found.main) for label in found.settings}
    calls = {label: (float(sum(row.calls)), None) for label, row in rows.items()}
    if len({x for x, _ in calls.values()}) < 2:
        return None
    return _front(found, calls, rows, "network calls a batch", found.main, "lower")


def samples_sheet(found: Compared) -> Any:
    """The same sample numbers of each setting, a row each; None if the tokens are no images."""
    codec = found.codec
    if codec is None or codec.shape is None or not found.samples:
        return None
    tokens = torch.cat(list(found.samples.values()))
    columns = len(next(iter(found.samples.values())))
    rows = "\n".join(f"row {number}: {label}" for number, label in enumerate(found.samples, start=1))
    return contact_sheet(codec, tokens, columns, [""] * columns, f"The same random numbers in each column\n{rows}")


def strength_chart(found: Compared) -> Any:
    """The mean of log Z_w, and the masked fraction, against the noise level; None if nothing was measured."""
    if not found.diagnostics:
        return None
    figure = blank((11.0, 4.6 + 0.2 * len(found.diagnostics)))
    strength, pace = figure.subplots(1, 2)
    numbers = {label: number for number, label in enumerate(found.settings)}
    for label, table in found.diagnostics.items():
        line = LINES[_kind(found.settings[label])[0]]
        look = {**series(numbers[label]), "markersize": 5, "markerfacecolor": "white"}
        seen = table.count > 0
        strength.plot(table.levels[seen].numpy(), table.log_z[seen].numpy(), line, **look)
        pace.plot(table.edges.numpy(), table.masked_fraction.numpy(), line, label=label, **look)
    pace.plot([0, 1], [0, 1], color="#707070", linewidth=1, label="pace without guidance")
    for axes, words in ((strength, "mean of log Z_w"), (pace, "masked fraction")):
        axes.set_xlim(1.02, -0.02)
        axes.set_xlabel("noise level m (1 = noise, 0 = data)", fontsize=_TEXT)
        put(axes.set_ylabel("", fontsize=_TEXT), words)
        axes.grid(alpha=0.3)
    _legend(figure, pace)
    return figure


def _front(
    found: Compared,
    across: Mapping[str, tuple[float, Row | None]],
    up: Mapping[str, Row],
    x_name: str,
    y_name: str,
    x_better: str,
) -> Any:
    """Points with their intervals, and a line through those that no other beats in both directions."""
    figure, axes = _axes()
    for number, (label, (x, beside)) in enumerate(across.items()):
        row, look = up[label], series(number)
        _errors(axes, [x], [row], look["color"], beside)
        (point,) = axes.plot([x], [row.figure.value], label=label, linestyle="none", **look, **_LOOK)
        tell(point, [_tip(row)])
    better = up[found.baseline].figure.better
    if better:
        kept = _unbeaten({label: (x, up[label].figure.value) for label, (x, _) in across.items()}, x_better, better)
        if len(kept) > 1:
            axes.plot(
                *zip(*kept, strict=True), "-", color="#707070", linewidth=1, zorder=0, label="no setting beats these"
            )
    return _finished(figure, axes, x_name, y_name)


def _unbeaten(points: Mapping[str, tuple[float, float]], x_better: str, y_better: str) -> list[tuple[float, float]]:
    """The points that no other beats in both directions, in order.

    >>> _unbeaten({"a": (1, 1), "b": (2, 2), "c": (2, 3)}, "lower", "higher")
    [(1, 1), (2, 3)]
    """
    signs = tuple(1 if better == "higher" else -1 for better in (x_better, y_better))

    def beats(one: tuple[float, float], two: tuple[float, float]) -> bool:
        apart = [sign * (a - b) for sign, a, b in zip(signs, one, two, strict=True)]
        return min(apart) >= 0 and max(apart) > 0

    finite = [point for point in points.values() if all(map(math.isfinite, point))]
    return sorted({point for point in finite if not any(beats(other, point) for other in finite)})


def _kind(setting: Setting) -> tuple[str, str]:
    """The class of the mechanism, and what the settings of one line have in common: all but the weight."""
    schedule = SCHEDULES.name_of(type(_schedule(setting)))
    name = f"{MECHANISMS.text(setting.guidance, without=('weight',), full=False)}, {schedule}"
    return type(setting.guidance).__name__, f"{name}, {SAMPLERS.text(setting.sampler, full=False)}"


def _weight(setting: Setting) -> float:
    return float(_schedule(setting).mean())


def _schedule(setting: Setting) -> Schedule:
    weight = setting.guidance.weight
    assert isinstance(weight, Schedule)  # a setting has no other
    return weight


def _errors(axes: Any, xs: list[float], rows: list[Row], colour: str = "#707070", beside: Row | None = None) -> None:
    """The intervals of the figures, where they have any."""
    for x, row in zip(xs, rows, strict=True):
        if math.isfinite(row.figure.low):
            axes.plot([x, x], [row.figure.low, row.figure.high], color=colour, linewidth=1, zorder=1)
        if beside is not None and math.isfinite(beside.figure.low):
            ends = [beside.figure.low, beside.figure.high]
            axes.plot(ends, [row.figure.value] * 2, color=colour, linewidth=1, zorder=1)


def _held_out(axes: Any, row: Row) -> None:
    if math.isfinite(row.figure.best):
        axes.axhline(row.figure.best, color="#707070", linewidth=1, linestyle=":", label="held-out data")


def _tip(row: Row) -> str:
    figure = row.figure
    return f"{row.setting}: {figure.value:.3g} ({figure.low:.3g} to {figure.high:.3g})"


def _axes() -> tuple[Any, Any]:
    figure = blank((7.5, 5.4))
    return figure, figure.add_subplot()


def _finished(figure: Any, axes: Any, across: str, up: str) -> Any:
    put(axes.set_xlabel("", fontsize=_TEXT), across)
    put(axes.set_ylabel("", fontsize=_TEXT), up)
    axes.grid(alpha=0.3)
    _legend(figure, axes)
    return figure


def _legend(figure: Any, axes: Any) -> None:
    legend = figure.legend(*axes.get_legend_handles_labels(), fontsize=9, loc="outside lower center", ncols=1)
    for text in legend.get_texts():
        put(text, text.get_text())
