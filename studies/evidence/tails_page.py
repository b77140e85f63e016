"""The section of the study `tails`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from studies.common import table

from .ramp_end_page import ends

__all__ = ["name", "sections"]

FIGURES = {
    "valid": "valid",
    "as asked of valid": "as asked, of valid",
    "novel of valid": "novel of valid",
    "yield": "yield",
}


def name(cell: Sequence[Any]) -> str:
    """A cell in words."""
    schedule, mean, floor = cell
    if not mean:
        return "no guidance"
    return f"{schedule}, mean w = {mean:g}, " + (f"floor {floor:g}" if floor else "no floor")


def sections(found: dict[str, Any]) -> dict[str, str]:
    tested = [*found["molecules"], *found["further"]]
    rows = [[each["name"], ends(each, "difference"), each["verdict"]] for one in tested for each in one["hypotheses"]]
    level = tested[0]["hypotheses"][0]["level"]
    return {
        "tails": "\n\n".join(
            [
                f"The gain of a floor of {found['floor']:g}, at the same weight. The intervals of {100 * level:.2f} %\n"
                "hold together with 95 %:",
                table("hypothesis | :gain | verdict", rows),
            ]
        ),
        "tails rows": "\n\n".join([molecules(found), *(model(each) for each in found["further"]), small(found)]),
    }


def molecules(found: dict[str, Any]) -> str:
    """The molecules by property and cell."""
    rows = []
    for one in found["molecules"]:
        for each in one["cells"]:
            figures = {figure["name"]: figure for figure in each["figures"]}
            rows.append([one["asked"], name(each["cell"]), *(ends(figures[key]) for key in FIGURES)])
    heads = " | ".join(f":{words}" for words in FIGURES.values())
    seeds = ", ".join(map(str, found["seeds"]))
    about = (
        f"`{found['models'][0]}` (weights {found['sha256'][:8]}): {found['count']:,} samples a row, seed {seeds}, "
        f"`Ancestral({found['steps']})`, 95 % intervals:"
    )
    return f"{about}\n\n{table(f'asked | setting | {heads}', rows)}"


def model(found: dict[str, Any]) -> str:
    """The distances of a model."""
    rows = [[name(each["cell"]), ends(each["figures"][0])] for each in found["cells"]]
    seeds = ", ".join(map(str, found["seeds"]))
    about = (
        f"`{found['model']}` (weights {found['sha256'][:8]}): {found['count'] * len(found['seeds'])} samples a row, "
        f"seeds {seeds}; test data have {found['held-out']:.3g}:"
    )
    return f"{about}\n\n{table('setting | :' + found['figure'], rows)}"


def small(found: dict[str, Any]) -> str:
    """The distances of the small problems to the tilted target."""
    problems = found["small"]
    rows = [
        [
            f"{errors} errors",
            *(f"{median(each[errors][cell] for each in problems):.3f}" for cell in problems[0][errors]),
        ]
        for errors in problems[0]
    ]
    heads = " | ".join(f":{cell}" for cell in problems[0]["no"])
    return (
        f"{len(problems)} small problems, exactly: total variation to the tilted target, median:\n\n"
        f"{table(f'predictions with | {heads}', rows)}"
    )
