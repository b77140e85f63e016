"""The section of the study `qm9-protocol`."""

from __future__ import annotations

from typing import Any

from dguide.evaluate.evaluation import shown
from studies.common import table

from .ramp_end_page import ends, missing

__all__ = ["sections"]

HEADS = {
    "valid": "valid",
    "unique of valid": "unique of valid",
    "novel of valid": "novel of valid",
    "property, mean": "mean property of the novel",
    "yield": "yield",
}
WORDS = {"rings": "Ring count", "qed": "QED"}


def sections(found: dict[str, Any]) -> dict[str, str]:
    asked = [name for name in WORDS if any(each["asked"] == name for each in found["cells"])]
    stated, there = found["stated"], len(found["hypotheses"])
    models = ", ".join(f"`{name}` (weights {digest[:8]})" for name, digest in found["models"].items())
    about = (
        f"{models}: {found['count']:,} samples a row, seed {', '.join(map(str, found['seeds']))}, "
        f"`Ancestral({found['steps']})`.\nBrackets are 95 % intervals."
    )
    parts = [about, *(by_property(found, name) for name in asked), hypotheses(found)]
    parts += [
        missing(stated["rows"], len(found["cells"]), "rows"),
        missing(stated["hypotheses"], there) if len(found["cells"]) == stated["rows"] else "",
    ]
    return {"qm9-protocol": "\n\n".join(filter(None, parts))}


def by_property(found: dict[str, Any], asked: str) -> str:
    """The table of one property."""
    data = found["real"][asked]
    about = (
        f"{WORDS[asked]} above {shown(data['threshold'])}. The mean of all of QM9 is {shown(data['mean'])}, and "
        f"{shown(data['mean above'])} above the threshold."
    )
    own = sorted((each for each in found["cells"] if each["asked"] == asked), key=order)
    figures = " | ".join(f":{name}" for name in HEADS.values())
    heads = f"process | mechanism | schedule | :gamma | {figures} | :CPU s"
    return f"{about}\n\n{table(heads, [row(each) for each in own])}"


def order(cell: dict[str, Any]) -> tuple[Any, ...]:
    return cell["process"], cell["gamma"], cell["mechanism"], cell["schedule"]


def row(cell: dict[str, Any]) -> list[str]:
    figures = {each["name"]: each for each in cell["figures"]}
    unguided = cell["gamma"] == 1
    return [
        cell["process"],
        "none" if unguided else f"`{cell['mechanism']}`",
        "" if unguided else cell["schedule"],
        f"{cell['gamma']:g}",
        *(ends(figures[name]) for name in HEADS),
        f"{cell['seconds']:.0f}",
    ]


def hypotheses(found: dict[str, Any]) -> str:
    rows = [[each["name"], ends(each, "difference"), each["verdict"]] for each in found["hypotheses"]]
    return table("hypothesis, at gamma = 3 | :difference in yield | verdict", rows) if rows else ""
