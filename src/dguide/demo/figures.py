"""Figures of the demonstration: samples of every cell, unmasking, pace, precision and recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ..data import Dataset
from ..noise import Noise
from ..plots.images import PAPER, ink, mosaic, show
from ..plots.style import COLOURS, LINES, MARKS, blank, labels, put, wrapped
from .grid import SCHEDULES, Cell, Outcome
from .judge import Quality
from .pace import Pace

__all__ = ["film_strip", "pace_figure", "picture_grid", "trade_off"]

_MASK = (np.array([0.98, 0.80, 0.45]), np.array([0.80, 0.40, 0.00]))
"""The two colours of the stripes of a mask. They are not grey; stripes are visible without colour vision too."""
_SCALE = 6
"""Dots along the side of a token in a film strip, enough for stripes."""


def picture_grid(
    dataset: Dataset, outcomes: Sequence[Outcome], planned: Sequence[Cell], per_class: int, title: str
) -> Any:
    """Draws samples of every cell: a row for mechanism and schedule, a column for the weight, two samples per class.

    Args:
        dataset: The data set of the tokens.
        outcomes: One for each cell that was run. The labels 0, ..., K - 1 follow in this order, each `per_class` times.
        planned: All cells, also those that were not run.
        per_class: Samples of each class.
        title: Title of the figure.
    """
    classes, shown, names = dataset.n_classes, min(2, per_class), labels(dataset.class_names)
    empty = np.full((shown, classes, *(dataset.shape or ()), 3), PAPER)
    by_cell = {outcome.cell: outcome for outcome in outcomes}
    guided = [cell for cell in planned if cell.mechanism is not None]
    rows = list(dict.fromkeys((cell.mechanism, cell.schedule) for cell in guided))
    weights = list(dict.fromkeys(cell.weight for cell in guided))
    figure = blank((15.0, 1.2 + 1.2 * len(rows)))
    grid = figure.add_gridspec(len(rows), 1 + len(weights))

    def cell(axes: Any, outcome: Outcome, count: int) -> None:
        tokens = outcome.tokens.view(classes, per_class, -1)[:, :count].transpose(0, 1)
        show(axes, mosaic(ink(dataset.codec, tokens)), classes, names)
        axes.set_anchor("N")
        quality = outcome.quality
        figures = (
            f"accuracy {quality.accuracy.value:.2f}, precision {quality.precision:.2f}, recall {quality.recall:.2f}"
        )
        axes.set_xlabel(figures, fontsize=11, labelpad=2)

    if Cell(0.0) in by_cell:
        axes = figure.add_subplot(grid[:, 0])
        # As many rows as in the grid beside it. The first two rows are the same samples without guidance.
        height = min(per_class, shown * len(rows))
        cell(axes, by_cell[Cell(0.0)], height)
        axes.set_title("w = 0: the conditional model alone\n", fontsize=13)
        which = "" if height == shown else f"the first {'two rows' if shown == 2 else 'row'}: "
        note = f"{which}the same samples as beside, unguided"
        axes.set_xlabel(f"{axes.get_xlabel()}\n{note}", fontsize=11)
    for row, (mechanism, schedule) in enumerate(rows):
        for column, weight in enumerate(weights, start=1):
            axes = figure.add_subplot(grid[row, column])
            here = Cell(weight, mechanism, schedule)
            if here in by_cell:
                cell(axes, by_cell[here], shown)
            else:
                show(axes, mosaic(empty), classes, [""] * classes)
                axes.set_xlabel("not run", fontsize=11, labelpad=2)
            if column == 1:
                name = axes.set_ylabel("", fontsize=13, rotation=0, ha="right", va="center")
                put(name, "\n".join([*str(mechanism).split(":"), str(schedule)]))
            if row == 0:
                axes.set_title(f"mean w = {weight:g}\n", fontsize=13)
            else:
                axes.set_xticks([])
    put(figure.suptitle("", fontsize=15), wrapped(title, 14.5, 15))
    return figure


def film_strip(dataset: Dataset, tokens: Tensor, masked: Tensor, times: Tensor, title: str) -> Any:
    """Draws the states of a batch from noise to data, a row for each sample. Masks have orange stripes.

    Args:
        dataset: The data set of the tokens.
        tokens: States, [S, B, L].
        masked: Masked positions, [S, B, L] bool.
        times: Times of the states, [S].
        title: Title of the figure.
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
    show(axes, mosaic(images.swapaxes(0, 1), _SCALE // 2), states, headings, _SCALE // 2, inches=1.15)
    put(figure.suptitle("", fontsize=15), title)
    return figure


def pace_figure(exact: Sequence[tuple[str, str, Pace]], measured: Sequence[Outcome], noise: Noise) -> Any:
    """Draws the masked fraction over time: theory and samples of a small problem; samples of a trained model.

    Args:
        exact: Mechanism, details of the guidance, and masked fraction.
        measured: Outcomes of the masked checkpoint.
        noise: Noise schedule of the checkpoint. Its level is the masked fraction of `Normalized`.
    """
    figure = blank((13.0, 6.8))
    left, right = figure.subplots(1, 2)
    for mechanism, detail, curve in exact:
        colour, mark = COLOURS[mechanism], MARKS[mechanism]
        line = LINES[mechanism] if "constant" in detail else "-."
        left.plot(curve.times, curve.theory, line, color=colour, linewidth=2, label=f"{mechanism}, {detail}: exact")
        # Twice the standard error on either side, usually smaller than the mark.
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
        # Below the panel, since no place inside is free for every guidance.
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
        _plain(axes.legend(fontsize=10, **below))
    return figure


def trade_off(panels: Mapping[str, Sequence[Outcome]], real: Quality) -> Any:
    """Draws precision against recall of every cell, a panel per process. Lines connect the weights of a guidance.

    The marks grow with the weight. Numbers beside them would overlap.
    """
    figure = blank((6.4 * len(panels), 6.4))
    row = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (title, outcomes) in zip(row, panels.items(), strict=True):
        start = [o.quality for o in outcomes if o.cell == Cell(0.0)]
        sizes = sorted({o.cell.weight for o in outcomes if o.cell.weight})
        weights = ", ".join(f"{weight:g}" for weight in sizes)
        for mechanism in dict.fromkeys(o.cell.mechanism for o in outcomes if o.cell.mechanism is not None):
            for schedule, line in zip(SCHEDULES, ("-", "--"), strict=True):
                chosen = [o for o in outcomes if (o.cell.mechanism, o.cell.schedule) == (mechanism, schedule)]
                chosen.sort(key=lambda outcome: outcome.cell.weight)
                path = [*start, *(o.quality for o in chosen)]
                xs, ys = [q.recall for q in path], [q.precision for q in path]
                colour, mark = COLOURS[mechanism], MARKS[mechanism]
                look = {"color": colour, "linewidth": 1.6, "markeredgewidth": 1.6, "markerfacecolor": "white"}
                axes.plot(xs, ys, line, **look)
                axes.plot([], [], line, label=f"{mechanism}, {schedule}", marker=mark, markersize=7, **look)
                for outcome, x, y in zip(chosen, xs[len(start) :], ys[len(start) :], strict=True):
                    axes.plot(x, y, mark, markersize=6 + 5 * sizes.index(outcome.cell.weight), **look)
        for quality in start:
            axes.plot(quality.recall, quality.precision, "kD", markersize=8, label="no guidance, w = 0")
        axes.plot(real.recall, real.precision, "k*", markersize=14, label="real held-out images")
        axes.set_title(f"{title}\n(marks from small to large: mean w = {weights})", fontsize=14)
        axes.set_xlabel("recall: real images within the support of the samples", fontsize=12)
        axes.set_ylabel("precision: samples within the support of real images", fontsize=12)
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.3)
        axes.tick_params(labelleft=True)
    _plain(figure.legend(*row[0].get_legend_handles_labels(), fontsize=11, loc="outside lower center", ncols=4))
    return figure


def _plain(legend: Any) -> None:
    """Takes the names of mechanisms in a legend as they are."""
    for text in legend.get_texts():
        put(text, text.get_text())
