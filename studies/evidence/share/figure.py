"""The figure of the study: distance against T, a line a sampler, a row of panels a mechanism."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from dguide.plots import style
from studies.evidence.share.cells import FIRST_HITTING, STEPS
from studies.evidence.share.samplers import SAMPLERS
from studies.evidence.share.small import STRONG

__all__ = ["FILE", "pictures", "strong"]

FILE = "results-sampler-share.png"
LABELS = {"Released": "released code", "Unrejected": "TauLeaping, not rejected"}
"""Samplers that are not in the library. The first is drawn wider, since it is often below `TauLeaping`."""
Curve = Callable[[str, str, "int | None"], "float | None"]
"""The distance with a mechanism, a sampler and T; None if it was not measured."""


def strong(found: dict[str, Any], process: str = "masked") -> list[dict[str, Any]]:
    """The cells of the small problems with log Z_w above `STRONG`, constant weight of mean 3."""
    asked = (process, "constant", 3.0)
    rows = [c for c in found["small"] if (c["process"], c["schedule"], c["mean"]) == asked]
    return [c for c in rows if c["log_z"] > STRONG]


def pictures(found: dict[str, Any], folder: Path) -> None:
    """Draws the figure into a folder."""
    mechanisms = list(dict.fromkeys(cell["mechanism"] for cell in found["small"]))
    figure = style.blank((8.0, 2.4 * len(mechanisms) + 0.9))
    rows = figure.subplots(len(mechanisms), 2, squeeze=False, sharex=True, sharey="col")
    columns = {"small problems": exact(found), "digits": sampled(found)}
    for axes, mechanism in zip(rows, mechanisms, strict=True):
        for panel, (title, curve) in zip(axes, columns.items(), strict=True):
            panel.set_title(f"{mechanism}: {title}", fontsize=11)
            if not lines(panel, mechanism, curve):
                panel.text(0.5, 0.5, "not measured yet", transform=panel.transAxes, ha="center", color="0.4")
    for panel in rows[0]:
        panel.set_ylim(bottom=0)
    for line in rows:
        for panel, label in zip(line, ("total variation", f"{found['figure']}"), strict=True):
            panel.set_ylabel(label)
    for panel in rows[-1]:
        panel.set_xlabel("network calls T")
    handles = {text: line for panel in rows.flat for line, text in zip(*panel.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    folder.mkdir(parents=True, exist_ok=True)
    style.save(figure, folder / FILE)


def lines(panel: Any, mechanism: str, curve: Curve) -> bool:
    """The samplers of one mechanism. Returns whether there is one."""
    for number, sampler in enumerate(SAMPLERS):
        at = [(t, value) for t in STEPS if (value := curve(mechanism, sampler, t)) is not None]
        if at:
            wide = {"linewidth": 3, "markersize": 9} if sampler == "Released" else {"linewidth": 1.4, "markersize": 5}
            panel.plot(*zip(*at, strict=True), label=LABELS.get(sampler, sampler), **wide, **style.series(number))
    limit = curve(mechanism, FIRST_HITTING, None)
    if limit is not None:
        panel.axhline(limit, color="0.4", linestyle="--", linewidth=1.1, label=f"{FIRST_HITTING} (no steps)")
    panel.set_xscale("log", base=2)
    panel.set_xticks(STEPS, [str(t) for t in STEPS])
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
    return bool(panel.lines)


def exact(found: dict[str, Any]) -> Curve:
    """Medians over the small problems where guidance is strong."""
    cells = strong(found)

    def curve(mechanism: str, sampler: str, steps: int | None) -> float | None:
        key = mechanism, sampler, steps
        far = [c["target"] for c in cells if (c["mechanism"], c["sampler"], c["steps"]) == key]
        return median(far) if far else None

    return curve


def sampled(found: dict[str, Any]) -> Curve:
    """The cells of the model with the constant weight of mean 3."""
    cells = {
        (cell["mechanism"], cell["sampler"], cell["steps"]): cell["figures"][0]["value"]
        for cell in found["cells"]
        if (cell["schedule"], cell["mean"]) == ("constant", 3.0)
    }
    return lambda *key: cells.get(key)
