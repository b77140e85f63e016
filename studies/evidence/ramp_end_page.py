"""The section and the figure of the study `ramp-end`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dguide.evaluate.evaluation import between, shown
from dguide.plots import style
from studies.common import table

__all__ = ["ends", "missing", "pictures", "sections"]

KEPT = {"mean": "mean w", "top": "largest w"}
RISES = ("confirmed", "bounded")


def sections(found: dict[str, Any]) -> dict[str, str]:
    return {
        "ramp-end advice": "\n".join(advice(grid) for grid in found["grids"]),
        "ramp-end": "\n\n".join(section(grid) for grid in found["grids"]),
    }


def advice(grid: dict[str, Any]) -> str:
    """What the verdicts and the intervals of a model say."""
    tests, (unguided, *guided) = grid["hypotheses"], grid["cells"]
    rise = {kept: [each["verdict"] in RISES for each in tests if each["kept"] == kept] for kept in KEPT}
    falls = any(each["verdict"] == "refuted" for each in tests)
    every = tests and all(map(all, rise.values()))
    words = "Compare several ends" if falls else "Let the weight rise late" if every else "Try a weight that rises late"
    counts = " and ".join(
        f"{sum(some)} of {len(some)} curves with the {KEPT[kept]} kept" for kept, some in rise.items()
    )
    base = unguided["figures"][0]
    worse, nearer = (
        sum(test(each["figures"][0]) for each in guided)
        for test in (lambda own: own["low"] > base["high"], lambda own: own["high"] < base["low"])
    )
    return (
        f"**{words}** (`{grid['model']}`). The distance to the data rises with the right end r (r = 1 is a constant "
        f"weight)\nin {counts}.\nOf {len(guided)} guided settings {worse} are further from the data than samples "
        f"without guidance, and {nearer} are nearer\n(95 % intervals that do not overlap)."
    )


def section(grid: dict[str, Any]) -> str:
    """How a model was judged, its hypotheses, and what is missing."""
    seeds, count = grid["seeds"], grid["count"]
    unguided = grid["cells"][0]
    about = (
        f"`{grid['model']}` (weights {grid['sha256'][:8]}): {count * len(seeds):,} samples a point, {count} of each of "
        f"the seeds\n{', '.join(map(str, seeds))}; `Ancestral({unguided['steps']})`; Fréchet distance to the "
        f"{grid['real']:,} test images in learnt features. Without guidance it\nis {cell(unguided)}."
    )
    rows = [row(grid, each) for each in grid["hypotheses"]]
    heads = "mechanism | kept as r varies | :w | :distance at r = 0 | :at r = 1 | :slope | steps of r | verdict"
    return "\n\n".join(filter(None, (about, table(heads, rows), missing(grid["stated"], len(rows)))))


def row(grid: dict[str, Any], hypothesis: dict[str, Any]) -> list[str]:
    cells = curve(grid, hypothesis)
    rises = sum(low > 0 for _, low, _ in hypothesis["steps"])
    falls = sum(high < 0 for _, _, high in hypothesis["steps"])
    return [
        f"`{hypothesis['mechanism']}`",
        KEPT[hypothesis["kept"]],
        f"{hypothesis['weight']:g}",
        cell(cells[0]),
        cell(cells[-1]),
        ends(hypothesis, "difference"),
        f"{rises} rise, {falls} fall, of {len(cells) - 1}",
        hypothesis["verdict"],
    ]


def curve(grid: dict[str, Any], hypothesis: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells of a hypothesis, by the right end."""
    names = ("mechanism", "kept", "weight")
    own = [each for each in grid["cells"] if all(each.get(name) == hypothesis[name] for name in names)]
    return sorted(own, key=lambda each: float(each["right"]))


def cell(of: dict[str, Any]) -> str:
    return ends(of["figures"][0])


def ends(figure: dict[str, Any], key: str = "value") -> str:
    """A figure with its interval; without, if it has none; nothing if there is no figure."""
    if math.isnan(figure[key]):
        return ""
    apart = between(figure["low"], figure["high"])
    return f"{shown(figure[key])} ({apart})" if apart else shown(figure[key])


def missing(stated: int, there: int, what: str = "hypotheses") -> str:
    """A sentence on what the results lack of what was stated; nothing if they have it all."""
    if there == stated:
        return ""
    return f"**{there} of the {stated} stated {what} are computed so far.** The command computes the others."


def pictures(found: dict[str, Any], folder: Path) -> None:
    """The distance against the right end, a line for each weight."""
    for grid in found["grids"]:
        style.save(picture(grid), folder / f"results-ramp-end-{grid['model']}.png")


def picture(grid: dict[str, Any]) -> Any:
    mechanisms = list(dict.fromkeys(each["mechanism"] for each in grid["hypotheses"]))
    figure = style.blank((8.0, 3.4 * len(mechanisms)))
    axes = figure.subplots(len(mechanisms), 2, sharex=True, sharey="row", squeeze=False)
    for line, mechanism in zip(axes, mechanisms, strict=True):
        for panel, (kept, words) in zip(line, KEPT.items(), strict=True):
            panel.set_title(f"{mechanism}, {words} kept", fontsize=11)
            own = [each for each in grid["hypotheses"] if (each["mechanism"], each["kept"]) == (mechanism, kept)]
            for number, hypothesis in enumerate(sorted(own, key=lambda each: float(each["weight"]))):
                draw(panel, curve(grid, hypothesis), f"w = {hypothesis['weight']:g}", number)
            unguided = grid["cells"][0]["figures"][0]
            panel.axhline(unguided["value"], color="0.4", linestyle="--", lw=1, label="no guidance")
            panel.axhspan(unguided["low"], unguided["high"], color="0.5", alpha=0.15, linewidth=0)
            panel.grid(alpha=0.25)
            panel.legend()
    for panel in axes[-1]:
        panel.set_xlabel("right end r of the ramp\n(r = 1: constant weight)")
    for line in axes:
        line[0].set_ylabel("Fréchet distance to test images,\n95 % intervals")
    return figure


def draw(panel: Any, cells: list[dict[str, Any]], label: str, number: int) -> None:
    ends, figures = [each["right"] for each in cells], [each["figures"][0] for each in cells]
    values = [each["value"] for each in figures]
    reach = [
        [max(0.0, each["value"] - each["low"]) for each in figures],
        [max(0.0, each["high"] - each["value"]) for each in figures],
    ]
    panel.errorbar(ends, values, reach, label=label, capsize=3, **style.series(number))
