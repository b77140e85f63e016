"""The section of the study `validity`."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Any

from dguide.evaluate import proportion
from studies.common import table

from .ramp_end_page import ends

__all__ = ["sections"]

SCHEDULES = {"constant": "constant", "ramp-up": "ramp-up (late)", "inverse": "inverse (early)"}


def sections(found: dict[str, Any]) -> dict[str, str]:
    tests = [[each["name"], ends(each, "difference"), each["verdict"]] for each in found["hypotheses"]]
    parts = [
        f"On {len(found['small'])} small problems whose last token is determined by the others, exactly "
        f"(mean w = {found['weight']:g}):",
        small(found["small"]),
        f"At the last masked position of {among(each['count'] for each in found['last'])} held-out molecules, the "
        "probability of tokens that make the\nmolecule invalid, in the guided prediction with weight w there:",
        last(found["last"]),
        f"The share of valid molecules among {found['count']:,} samples, seed {', '.join(map(str, found['seeds']))}, "
        f"`Normalized`, mean w = {found['weight']:g}, `Ancestral({found['steps']})`:",
        samples(found["cells"]),
        "The hypotheses were stated before the samples were drawn; the intervals hold together with 95 %:",
        table("hypothesis | :difference | verdict", tests),
        f"`{found['model']}` (weights {found['sha256'][:8]}). Brackets are 95 % intervals.",
    ]
    return {"validity": "\n\n".join(parts)}


def among(counts: Iterable[int]) -> str:
    """Numbers that may be equal."""
    return " and ".join(f"{count:,}" for count in dict.fromkeys(counts))


def small(problems: list[dict[str, dict[str, float]]]) -> str:
    """The probability of impossible strings by kind of errors and schedule, beside how often it is above constant."""
    rows = []
    for errors in problems[0]:
        each = [problem[errors] for problem in problems]
        row = [f"{errors} errors", f"{median(one['none'] for one in each):.3f}"]
        for name in SCHEDULES:
            more = sum(one[name] > one["constant"] for one in each)
            unsure = proportion(more, len(each))
            middle = f"{median(one[name] for one in each):.3f}"
            beside = f"; more on {more} of {len(each)} ({unsure.low:.2f} to {unsure.high:.2f})"
            row.append(middle if name == "constant" else middle + beside)
        rows.append(row)
    heads = " | ".join(f":{name}" for name in SCHEDULES.values())
    return table(f"impossible strings, median | :no guidance | {heads}", rows)


def last(looks: list[dict[str, Any]]) -> str:
    """The mass of invalid tokens by property and weight."""
    heads = " | ".join(f":w = {mass['weight']:g}" for mass in looks[0]["masses"])
    return table(f"asked | {heads}", [[each["asked"], *map(ends, each["masses"])] for each in looks])


def samples(cells: list[dict[str, Any]]) -> str:
    """The share of valid molecules by property and schedule."""
    by_name = {(cell["asked"], cell["schedule"]): ends(cell) for cell in cells}
    asked = dict.fromkeys(name for name, _ in by_name)
    heads = " | ".join(f":{words}" for words in SCHEDULES.values())
    return table(f"asked | {heads}", [[name, *(by_name[name, each] for each in SCHEDULES)] for name in asked])
