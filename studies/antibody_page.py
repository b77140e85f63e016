"""The tables and the figure of the study of antibodies, from its results."""

from __future__ import annotations

from typing import Any

import numpy as np

from dguide.plots.style import blank, save, series
from studies.common import ROOT, about, table

__all__ = ["draw", "sections"]

FIGURE = ROOT / "docs/images/antibodies.png"
COLUMNS = {
    "framework": ("pseudo-perplexity of the framework", 2),
    "cdr": ("probability of a CDR residue", 3),
    "identity": ("same as the original", 2),
    "between": ("same between designs", 2),
    "human": ("said to be human", 2),
}
"""Figures: their names on the page, and digits."""
CHANGES = {
    "framework": ("pseudo-perplexity, times", 2),
    "cdr": ("probability of a CDR residue, times", 2),
    "identity": ("same as the original, plus", 2),
}


def sections(results: dict[str, Any]) -> dict[str, str]:
    cells, chains = results["cells"], results["chains"]
    guided = [cell for cell in cells if cell["weight"]]
    shown = [cells[0], next(cell for cell in cells if cell["weight"] == 3)]
    natural = [[f"{name}, as it is", "", *row(each, COLUMNS)] for name, each in chains.items()]
    return {
        "designs": table(
            head("setting | :mean w", COLUMNS), [[*named(cell), *row(cell, COLUMNS)] for cell in cells] + natural
        ),
        **{name: changes(guided, name) for name in ("no guidance", "constant")},
        "chains": table(
            head("antibody | setting | :mean w", COLUMNS),
            [[name, *named(cell), *row(cell["by chain"][name], COLUMNS)] for name in chains for cell in shown],
        ),
        "steps": table(
            head("setting | :mean w | :steps", COLUMNS),
            [[*named(each), str(each["steps"]), *row(each, COLUMNS)] for each in results["more steps"]],
        ),
    }


def changes(cells: list[dict[str, Any]], other: str) -> str:
    """How far settings are from another one."""
    compared = [cell for cell in cells if f"against {other}" in cell]
    rows = [[*named(cell), *row(cell[f"against {other}"], CHANGES)] for cell in compared]
    return table(head("setting | :mean w", CHANGES), rows)


def head(first: str, columns: dict[str, tuple[str, int]]) -> str:
    return " | :".join([first, *(words for words, _ in columns.values())])


def named(cell: dict[str, Any]) -> list[str]:
    return [cell["setting"], f"{cell['weight']:g}"]


def row(found: dict[str, list[float]], columns: dict[str, tuple[str, int]]) -> list[str]:
    return [told(found.get(name, []), digits) for name, (_, digits) in columns.items()]


def told(values: list[float], digits: int) -> str:
    """A value with its interval, if it has one."""
    texts = [f"{round(each, digits) + 0.0:.{digits}f}" for each in values]  # no -0.00
    return f"{texts[0]} ({texts[1]} to {texts[2]})" if len(texts) > 1 else "".join(texts)


def draw(results: dict[str, Any]) -> None:
    """The figures against the mean weight, with their intervals."""
    plain, *guided = results["cells"]
    figure = blank((9.0, 7.0))
    for place, name in enumerate(("framework", "cdr", "identity", "between"), 1):
        axes = figure.add_subplot(2, 2, place)
        for number, setting in enumerate(dict.fromkeys(cell["setting"] for cell in guided)):
            cells = [plain, *(cell for cell in guided if cell["setting"] == setting)]
            weights = [cell["weight"] and cell["weight"] + 0.05 * (number - 1.5) for cell in cells]
            value, low, high = np.array([cell[name] for cell in cells]).T
            look = {"linewidth": 1.2, "markersize": 5, "capsize": 2, **series(number)}
            axes.errorbar(weights, value, yerr=(value - low, high - value), label=setting, **look)
        axes.set_xlabel("mean guidance weight w")
        axes.set_ylabel(COLUMNS[name][0])
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    save(figure, FIGURE)


if __name__ == "__main__":
    about(__doc__, "studies.antibodies")
