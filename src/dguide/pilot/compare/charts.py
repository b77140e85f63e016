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
from ..report import Language, words
from .comparison import Compared
from .report_words import WORDS
from .rows import Row
from .words import figure_name

__all__ = ["charts", "samples_sheet", "unbeaten"]

DIVERSITY = ("diversity within a class", "recall", "coverage", "unique", "internal diversity", "distinct-2")
"""Figures of diversity; the first one that there is is drawn."""
QUALITY = ("accuracy on the asked class", "precision", "validity")
"""Figures of the quality of single samples, against which diversity is drawn if the main figure is one of neither."""
_LOOK = {"markerfacecolor": "white", "markeredgewidth": 1.6, "linewidth": 1.6, "markersize": 7}
_TEXT = 11


class _Pen:
    """Writes the words of the figures.

    Args:
        language: "en" or "ja".
        replaced: Whether a character that no font of this machine has becomes `?`: not where a reader's fonts draw it.
    """

    def __init__(self, language: Language, replaced: bool) -> None:
        self.language, self.replaced = language, replaced
        self.say = words(WORDS, language)

    def write(self, artist: Any, text: str) -> None:
        put(artist, text, replaced=self.replaced)

    def name(self, figure: str) -> str:
        """The name of a figure of a comparison."""
        return figure_name(figure, self.language)

    def tip(self, row: Row) -> str:
        """What the reader sees who points at a setting."""
        figure = row.figure
        ends = self.say("to", low=f"{figure.low:.3g}", high=f"{figure.high:.3g}")
        return f"{row.setting}: {figure.value:.3g} ({ends})"

    def finished(self, figure: Any, axes: Any, across: str, up: str) -> Any:
        self.write(axes.set_xlabel("", fontsize=_TEXT), across)
        self.write(axes.set_ylabel("", fontsize=_TEXT), up)
        axes.grid(alpha=0.3)
        self.legend(figure, axes)
        return figure

    def legend(self, figure: Any, axes: Any) -> None:
        legend = figure.legend(*axes.get_legend_handles_labels(), fontsize=9, loc="outside lower center", ncols=1)
        for text in legend.get_texts():
            self.write(text, text.get_text())


def charts(found: Compared, language: Language = "en", *, replaced: bool = True) -> dict[str, Any]:
    """The figures that there is something to draw in, by name of file, but the samples.

    Args:
        found: The comparison.
        language: Language of the words in them.
        replaced: Whether a character that no font of this machine has becomes `?`: not where a reader's fonts draw it.
    """
    pen = _Pen(language, replaced)
    drawn: dict[str, Callable[[Compared, _Pen], Any]] = {
        "weight.png": _weight_chart,
        "diversity.png": _diversity_chart,
        "calls.png": _calls_chart,
        "strength.png": _strength_chart,
    }
    made = {name: draw(found, pen) for name, draw in drawn.items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def _weight_chart(found: Compared, pen: _Pen) -> Any:
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
        tell(line, [pen.tip(row) for row in rows])
    _held_out(axes, found.row(found.baseline, found.main), pen)
    return pen.finished(figure, axes, pen.say("axis weight"), pen.name(found.main))


def _diversity_chart(found: Compared, pen: _Pen) -> Any:
    """The main figure, or one of quality, against one of diversity; a line joins the settings that nothing beats."""
    diverse, quality = _diverse(found)
    if diverse is None:
        return None
    points = {label: (found.row(label, diverse), found.row(label, quality)) for label in found.settings}
    across = {label: (one.figure.value, one) for label, (one, _) in points.items()}
    up = {label: two for label, (_, two) in points.items()}
    return _front(found, pen, across, up, pen.name(diverse), pen.name(quality), "higher")


def _diverse(found: Compared) -> tuple[str | None, str]:
    """The figures of diversity and of quality that are drawn; None if there is none of diversity."""
    names = [row.figure.name for row in found.rows if row.setting == found.baseline]
    diverse = next((each for each in DIVERSITY if each in names and each != found.main), None)
    return diverse, next((each for each in QUALITY if each in names and each != found.main), found.main)


def unbeaten(found: Compared) -> list[str]:
    """The settings that no other beats both in quality and in diversity, as the figure of both shows them."""
    diverse, quality = _diverse(found)
    if diverse is None:
        return []
    better = found.row(found.baseline, quality).figure.better
    points = {
        label: (found.row(label, diverse).figure.value, found.row(label, quality).figure.value)
        for label in found.settings
    }
    kept = _unbeaten(points, "higher", better) if better else []
    return [label for label, point in points.items() if point in kept]


def _calls_chart(found: Compared, pen: _Pen) -> Any:
    """The main figure against the network calls of a batch; a line joins the settings that nothing beats."""
    rows = {label: found.row(label, found.main) for label in found.settings}
    calls = {label: (float(sum(row.calls)), None) for label, row in rows.items()}
    if len({x for x, _ in calls.values()}) < 2:
        return None
    return _front(found, pen, calls, rows, pen.say("axis calls"), pen.name(found.main), "lower")


def samples_sheet(found: Compared) -> Any:
    """The same sample numbers of each setting, a row each, as a file; None if the tokens are no images."""
    codec = found.codec
    if codec is None or codec.shape is None or not found.samples:
        return None
    tokens = torch.cat(list(found.samples.values()))
    columns = len(next(iter(found.samples.values())))
    rows = "\n".join(f"row {number}: {label}" for number, label in enumerate(found.samples, start=1))
    return contact_sheet(codec, tokens, columns, [""] * columns, f"The same random numbers in each column\n{rows}")


def _strength_chart(found: Compared, pen: _Pen) -> Any:
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
    pace.plot([0, 1], [0, 1], color="#707070", linewidth=1, label=pen.say("legend pace"))
    for axes, up in ((strength, "axis strength"), (pace, "axis masked")):
        axes.set_xlim(1.02, -0.02)
        pen.write(axes.set_xlabel("", fontsize=_TEXT), pen.say("axis noise"))
        pen.write(axes.set_ylabel("", fontsize=_TEXT), pen.say(up))
        axes.grid(alpha=0.3)
    pen.legend(figure, pace)
    return figure


def _front(
    found: Compared,
    pen: _Pen,
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
        tell(point, [pen.tip(row)])
    better = up[found.baseline].figure.better
    if better:
        kept = _unbeaten({label: (x, up[label].figure.value) for label, (x, _) in across.items()}, x_better, better)
        if len(kept) > 1:
            line = {"color": "#707070", "linewidth": 1, "zorder": 0, "label": pen.say("legend unbeaten")}
            axes.plot(*zip(*kept, strict=True), "-", **line)
    return pen.finished(figure, axes, x_name, y_name)


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


def _held_out(axes: Any, row: Row, pen: _Pen) -> None:
    if math.isfinite(row.figure.best):
        axes.axhline(row.figure.best, color="#707070", linewidth=1, linestyle=":", label=pen.say("held-out data"))


def _axes() -> tuple[Any, Any]:
    figure = blank((7.5, 5.4))
    return figure, figure.add_subplot()
