"""Pictures of samples, of their making and of the pace of unmasking (Matplotlib's objects, no global state)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..data import Codec, Dataset
from ..data import Pixels as Palette
from ..demo.grid import MECHANISMS, SCHEDULES, Cell, Outcome
from ..demo.judge import Quality
from ..demo.pace import Pace
from ..errors import require
from ..files import replacing
from ..noise import Noise

__all__ = [
    "COLOURS",
    "LINES",
    "MARKS",
    "blank",
    "contact_sheet",
    "film_strip",
    "fonts",
    "mosaic",
    "pace_figure",
    "picture_grid",
    "save",
    "trade_off",
]

COLOURS = {"Normalized": "#0072B2", "Unlocking": "#D55E00", "Simple": "#009E73"}
"""Apart also without colour vision (Okabe and Ito's), and always joined by another line or mark."""
LINES = {"Normalized": "-", "Unlocking": "--", "Simple": ":"}
MARKS = {"Normalized": "o", "Unlocking": "s", "Simple": "^"}
_NOTES = {"Normalized": (6, 5), "Unlocking": (-13, 5), "Simple": (6, -13)}
"""Where the weight stands beside a mark, in points, so that those of neighbours do not meet."""
_PAPER, _GAP = 1.0, 0.80
_MASK = (np.array([0.98, 0.80, 0.45]), np.array([0.80, 0.40, 0.00]))
"""The two colours of the stripes that stand for a mask: no grey, and striped where colours are not seen."""
_SCALE = 6
"""Dots along the side of a token in a film strip, room enough for stripes."""

Pixels = NDArray[np.float64]


_METADATA = {".png": {"Software": None}, ".svg": {"Date": None, "Creator": None}}
"""Nothing that would make two files of the same picture differ."""


def save(figure: Any, path: Path) -> None:
    """Writes a figure as PNG or SVG, as the suffix of `path` says, all or nothing and always the same bytes."""
    with replacing(path) as temporary, require("matplotlib", "cli").rc_context({"svg.hashsalt": "dguide"}):
        figure.savefig(temporary, format=path.suffix[1:], metadata=_METADATA[path.suffix])


def mosaic(tiles: Pixels, gap: int = 1) -> Pixels:
    """Tiles [R, C, H, W, 3] side by side with `gap` grey pixels around each, [R (H + gap) + gap, ..., 3]."""
    rows, columns, height, width, _ = tiles.shape
    sheet = np.full((rows, columns, height + gap, width + gap, 3), _GAP)
    sheet[:, :, gap:, gap:] = tiles
    joined = sheet.transpose(0, 2, 1, 3, 4).reshape(rows * (height + gap), columns * (width + gap), 3)
    return np.pad(joined, ((0, gap), (0, gap), (0, 0)), constant_values=_GAP)


def ink(codec: Codec, tokens: Tensor) -> Pixels:
    """Images [..., H, W, 3] of `tokens` [..., L]: greys as dark ink on white paper, others in their colours."""
    if isinstance(codec, Palette) and not codec.is_grey:
        colours: Pixels = codec.colours(tokens.cpu()).double().numpy() / 255
        return colours
    brightness = codec.picture(tokens.cpu()).double().numpy()
    return np.repeat((_PAPER - brightness)[..., None], 3, -1)


def contact_sheet(
    codec: Codec, tokens: Tensor, columns: int, headings: Sequence[str], title: str, tiles: Sequence[int] | None = None
) -> Any:
    """Samples [N, L] row by row in `columns` columns with a heading each; where there is none, it stays paper.

    Args:
        codec: What the tokens mean.
        tokens: The samples.
        columns: How many stand side by side.
        headings: Above the columns.
        title: The line above.
        tiles: Which tile each of them is, counted row by row; by default the first N.
    """
    where = range(len(tokens)) if tiles is None else tiles
    rows = -(-(max(where) + 1) // columns)
    sheet = np.full((rows * columns, *(codec.shape or ()), 3), _PAPER)
    sheet[list(where)] = ink(codec, tokens)
    size = (max(4.0, 0.5 * columns + 0.4), 0.53 * rows + 0.8 + 0.2 * title.count("\n"))
    figure = blank(size)
    axes = figure.add_subplot()
    _show(axes, mosaic(sheet.reshape(rows, columns, *sheet.shape[1:])), columns, headings)
    axes.set_title(title, fontsize=11, fontfamily=fonts(title) or None)
    return figure


def picture_grid(
    dataset: Dataset, outcomes: Sequence[Outcome], weights: Sequence[float], per_class: int, title: str
) -> Any:
    """Samples of every cell: mechanism and schedule downwards, weight to the right, two samples of each class.

    Args:
        dataset: What the tokens mean.
        outcomes: One for each cell that was run, for the labels 0, ..., K - 1, each `per_class` times in this order.
        weights: The mean weights of the columns, besides 0.
        per_class: Samples of each class.
        title: The line above.
    """
    classes, shown = dataset.n_classes, min(2, per_class)
    empty = np.full((shown, classes, *(dataset.shape or ()), 3), _PAPER)
    found = {outcome.cell: outcome for outcome in outcomes}
    rows = [(mechanism, schedule) for mechanism in MECHANISMS for schedule in SCHEDULES]
    figure = blank((15.0, 1.2 + 1.2 * len(rows)))
    grid = figure.add_gridspec(len(rows), 1 + len(weights))

    def cell(axes: Any, outcome: Outcome, count: int) -> None:
        tokens = outcome.tokens.view(classes, per_class, -1)[:, :count].transpose(0, 1)
        _show(axes, mosaic(ink(dataset.codec, tokens)), classes, dataset.class_names)
        axes.set_anchor("N")
        quality = outcome.quality
        figures = (
            f"accuracy {quality.accuracy.value:.2f}, precision {quality.precision:.2f}, recall {quality.recall:.2f}"
        )
        axes.set_xlabel(figures, fontsize=11, labelpad=2)

    if Cell(0.0) in found:
        axes = figure.add_subplot(grid[:, 0])
        # As many rows as stand beside it; its first two are the same samples, unguided.
        cell(axes, found[Cell(0.0)], min(per_class, shown * len(rows)))
        axes.set_title("w = 0: the conditional model alone\n", fontsize=13)
        note = "the first two rows: the same samples as beside, unguided" if shown == 2 else ""
        axes.set_xlabel(f"{axes.get_xlabel()}\n{note}", fontsize=11)
    for row, (mechanism, schedule) in enumerate(rows):
        for column, weight in enumerate(weights, start=1):
            axes = figure.add_subplot(grid[row, column])
            here = Cell(weight, mechanism, schedule)
            if here in found:
                cell(axes, found[here], shown)
            else:
                _show(axes, mosaic(empty), classes, [""] * classes)
                axes.set_xlabel("not run", fontsize=11, labelpad=2)
            if column == 1:
                axes.set_ylabel(f"{mechanism}\n{schedule}", fontsize=13, rotation=0, ha="right", va="center")
            if row == 0:
                axes.set_title(f"mean w = {weight:g}\n", fontsize=13)
            else:
                axes.set_xticks([])
    figure.suptitle(title, fontsize=15)
    return figure


def film_strip(dataset: Dataset, tokens: Tensor, masked: Tensor, times: Tensor, title: str) -> Any:
    """One batch on its way from noise to data, a row for each sample; masks are striped orange.

    Args:
        dataset: What the tokens mean.
        tokens: States, [S, B, L].
        masked: Where they are the mask, [S, B, L] bool.
        times: Their times, [S].
        title: The line above.
    """
    images = ink(dataset.codec, tokens.masked_fill(masked, 0)).repeat(_SCALE, -3).repeat(_SCALE, -2)
    diagonal = np.indices(images.shape[-3:-1]).sum(0) % _SCALE
    stripes = np.where((diagonal < _SCALE // 2)[..., None], *_MASK)
    hidden = masked.cpu().view(dataset.picture(tokens).shape).numpy()
    images = np.where(hidden.repeat(_SCALE, -2).repeat(_SCALE, -1)[..., None], stripes, images)
    states, batch = tokens.shape[:2]
    figure = blank((1.15 * states + 0.4, 1.15 * batch + 1.2))
    axes = figure.add_subplot()
    shares = masked.double().mean((1, 2))
    headings = [f"t = {float(t):.3g}\n{float(m):.0%} masked" for t, m in zip(times, shares, strict=True)]
    _show(axes, mosaic(images.swapaxes(0, 1), _SCALE // 2), states, headings, _SCALE // 2)
    figure.suptitle(title, fontsize=15)
    return figure


def pace_figure(exact: Sequence[tuple[str, str, Pace]], measured: Sequence[Outcome], noise: Noise) -> Any:
    """Masked fraction over time: a small problem, theory and samples; a trained model, measured.

    Args:
        exact: Mechanism, what else there is to say of the guidance, and its pace.
        measured: Outcomes of the masked checkpoint to show.
        noise: The noise schedule of the checkpoint, whose level is the pace of `Normalized`.
    """
    figure = blank((13.0, 5.4))
    left, right = figure.subplots(1, 2)
    for mechanism, detail, curve in exact:
        colour, mark = COLOURS[mechanism], MARKS[mechanism]
        line = LINES[mechanism] if "constant" in detail else "-."
        left.plot(curve.times, curve.theory, line, color=colour, linewidth=2, label=f"{mechanism}, {detail}: exact")
        # Twice the standard error on either side; most are smaller than the mark.
        left.errorbar(
            curve.at, curve.measured, 2 * curve.error, fmt=mark, color=colour, markersize=6,
            markerfacecolor="white", markeredgewidth=1.6, capsize=2,
        )  # fmt: skip
    count = exact[0][2].count
    left.errorbar(
        [], [], [], fmt="o", color="black", markerfacecolor="white", capsize=2, label=f"{count:,} samples each"
    )
    left.set_title("Exact problem: 3 positions, 4 tokens", fontsize=14)
    times = measured[0].times
    right.plot(times, noise.level(times), "k-", linewidth=1.5, label="Normalized: theory, m(t)")
    for outcome in measured:
        name = str(outcome.cell.mechanism)
        right.plot(
            outcome.times, outcome.unfinished, MARKS[name], linestyle="none" if name == "Normalized" else LINES[name],
            color=COLOURS[name], linewidth=1.8, markersize=6, markerfacecolor="white", markeredgewidth=1.6,
            label=f"{outcome.cell}: measured",
        )  # fmt: skip
    right.set_title(
        f"Digits model, {len(measured[0].tokens)} samples of {measured[0].tokens.shape[1]} tokens", fontsize=14
    )
    for axes in (left, right):
        axes.set_xlim(1.02, -0.02)  # noise on the left, data on the right
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("time t (1 = noise, 0 = data)", fontsize=13)
        axes.set_ylabel("share of positions still masked", fontsize=13)
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=10.5, loc="upper right")
    return figure


def trade_off(panels: Mapping[str, Sequence[Outcome]], real: Quality) -> Any:
    """Precision against recall of every cell, a panel for each process; lines join the weights of one guidance."""
    figure = blank((6.4 * len(panels), 6.4))
    row = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (title, outcomes) in zip(row, panels.items(), strict=True):
        start = [o.quality for o in outcomes if o.cell == Cell(0.0)]
        for mechanism in MECHANISMS:
            for schedule, line in zip(SCHEDULES, ("-", "--"), strict=True):
                chosen = [o for o in outcomes if (o.cell.mechanism, o.cell.schedule) == (mechanism, schedule)]
                chosen.sort(key=lambda outcome: outcome.cell.weight)
                path = [*start, *(o.quality for o in chosen)]
                xs, ys = [q.recall for q in path], [q.precision for q in path]
                colour, mark = COLOURS[mechanism], MARKS[mechanism]
                axes.plot(xs, ys, line, color=colour, linewidth=1.6, label=f"{mechanism}, {schedule}", marker=mark,
                          markersize=7, markerfacecolor="white", markeredgewidth=1.6)  # fmt: skip
                for outcome, x, y in zip(chosen, xs[len(start) :], ys[len(start) :], strict=True):
                    note = f"{outcome.cell.weight:g}"
                    axes.annotate(
                        note, (x, y), xytext=_NOTES[mechanism], textcoords="offset points", fontsize=11, color=colour
                    )
        for quality in start:
            axes.plot(quality.recall, quality.precision, "kD", markersize=8, label="no guidance, w = 0")
        axes.plot(real.recall, real.precision, "k*", markersize=14, label="real held-out images")
        axes.set_title(f"{title} (numbers: mean w)", fontsize=14)
        axes.set_xlabel("recall: real images within the support of the samples", fontsize=12)
        axes.set_ylabel("precision: samples within the support of real images", fontsize=12)
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.3)
        axes.tick_params(labelleft=True)
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=11, loc="outside lower center", ncols=4)
    return figure


@cache
def fonts(text: str) -> list[str]:
    """Families of fonts to write a text in: the usual one, and one that is installed and has what that lacks.

    If there is none, nor can the text be written: an empty list.
    """
    manager = require("matplotlib.font_manager", "cli")
    usual = manager.FontProperties().get_name()
    first = manager.findfont(usual)
    lacking = {ord(character) for character in text if character != "\n"} - set(manager.get_font(first).get_charmap())
    if not lacking:
        return [usual]
    for font in sorted(manager.fontManager.ttflist, key=lambda font: (font.weight != 400, font.name)):
        # The font of last resort has a sign for each script, and the same one for all of its letters.
        if not font.name.startswith("Last Resort") and lacking <= set(manager.get_font(font.fname).get_charmap()):
            return [usual, font.name]
    return []


def blank(size: tuple[float, float]) -> Any:
    """An empty figure of `size` in inches that belongs to no window."""
    figure = require("matplotlib.figure", "cli").Figure(figsize=size, dpi=120, layout="constrained")
    require("matplotlib.backends.backend_agg", "cli").FigureCanvasAgg(figure)
    return figure


def _show(axes: Any, sheet: Pixels, columns: int, headings: Sequence[str], gap: int = 1) -> None:
    """Shows a mosaic with a heading above each column."""
    axes.imshow(sheet.clip(0, 1), interpolation="nearest")
    pitch = (sheet.shape[1] - gap) / columns
    longest = max((len(heading) for heading in headings), default=0)
    size = min(11.0, 58.0 / max(longest, 1))  # so that neighbours do not touch
    axes.set_xticks([gap / 2 - 0.5 + pitch * (k + 0.5) for k in range(columns)], headings, fontsize=size)
    for label, heading in zip(axes.get_xticklabels(), headings, strict=True):
        label.set_fontfamily(fonts(heading) or None)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0, pad=2)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
