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
NAMES = {"valid": "the share of valid molecules", "yield": "the yield"}
SAID = {
    "ramp-up over constant": {
        "confirmed": "the ramp-up has a higher yield than the constant weight",
        "refuted": "the ramp-up has a lower yield than the constant weight "
        "([an account](#why-a-late-weight-can-make-fewer-valid-molecules))",
        "undecided": "it is open whether the ramp-up or the constant weight has the higher yield",
    },
    "Normalized over Simple": {
        "confirmed": "`Normalized` has a higher yield than `Simple`",
        "refuted": "`Normalized` has a lower yield than `Simple`",
        "undecided": "it is open whether `Normalized` or `Simple` has the higher yield",
    },
}
"""What the verdicts on the two kinds of hypotheses mean."""


def sections(found: dict[str, Any]) -> dict[str, str]:
    asked = [name for name in WORDS if any(each["asked"] == name for each in found["cells"])]
    stated, there = found["stated"], len(found["hypotheses"])
    models = ", ".join(f"`{name}` (weights {digest[:8]})" for name, digest in found["models"].items())
    about = (
        f"{models}: {found['count']:,} samples a row, seed {', '.join(map(str, found['seeds']))}, "
        f"`Ancestral({found['steps']})`.\nBrackets are 95 % intervals."
    )
    parts = [*(by_property(found, name) for name in asked), about]
    lacks = [
        missing(stated["rows"], len(found["cells"]), "rows"),
        missing(stated["hypotheses"], there) if len(found["cells"]) == stated["rows"] else "",
    ]
    return {
        "qm9-protocol advice": advice(found),
        "qm9-protocol": "\n\n".join(filter(None, [hypotheses(found), *lacks])),
        "qm9-protocol rows": "\n\n".join(parts),
    }


def advice(found: dict[str, Any]) -> str:
    """What the constant weight, the ramp-up and the mechanism do, as the intervals have it."""
    lines = [line for asked in WORDS if (line := raised(found, asked))]
    for kind, said in SAID.items():
        tests = [each for each in found["hypotheses"] if kind in each["name"]]
        for verdict in dict.fromkeys(each["verdict"] for each in tests):
            names = " and ".join(each["name"].split(":")[0] for each in tests if each["verdict"] == verdict)
            lines.append(f"- At gamma = 3 and with the same mean weight, {names}: {said[verdict]}.")
    return "\n".join(lines)


def raised(found: dict[str, Any], asked: str) -> str:
    """What guidance with a constant weight costs in valid molecules, and what it does to the yield."""
    own = {
        each["gamma"]: {figure["name"]: figure for figure in each["figures"]}
        for each in found["cells"]
        if (each["process"], each["asked"], each["schedule"]) == ("masked", asked, "constant") or unguided(each, asked)
        if each["mechanism"] == "Normalized"
    }
    if not {1, 3} <= own.keys():
        return ""
    said = []
    for name in ("valid", "yield"):
        one, two = own[1][name], own[3][name]
        does = "falls" if two["high"] < one["low"] else "rises" if two["low"] > one["high"] else "shows no clear change"
        said.append(f"{NAMES[name]} {does}, {ends(one)} to {ends(two)}")
    return (
        f"- {WORDS[asked]}, masked process, `Normalized`, constant, gamma from 1 to 3:\n  " + ";\n  ".join(said) + "."
    )


def unguided(cell: dict[str, Any], asked: str) -> bool:
    """Whether a row is that of no guidance, which has no schedule."""
    return (cell["process"], cell["asked"], cell["gamma"]) == ("masked", asked, 1)


def by_property(found: dict[str, Any], asked: str) -> str:
    """The table of one property."""
    data = found["real"][asked]
    about = (
        f"{WORDS[asked]} above {shown(data['threshold'])}. The mean of all of QM9 is {shown(data['mean'])}, and "
        f"{shown(data['mean above'])} above the threshold."
    )
    own = sorted((each for each in found["cells"] if each["asked"] == asked), key=order)
    figures = " | ".join(f":{name}" for name in HEADS.values())
    return f"{about}\n\n{table(f'setting | :gamma | {figures} | :CPU s', [row(each) for each in own])}"


def order(cell: dict[str, Any]) -> tuple[Any, ...]:
    return cell["process"], cell["gamma"], cell["mechanism"], cell["schedule"]


def row(cell: dict[str, Any]) -> list[str]:
    figures = {each["name"]: each for each in cell["figures"]}
    guided = "no guidance" if cell["gamma"] == 1 else f"`{cell['mechanism']}`, {cell['schedule']}"
    return [
        f"{cell['process']}, {guided}",
        f"{cell['gamma']:g}",
        *(ends(figures[name]) for name in HEADS),
        f"{cell['seconds']:.0f}",
    ]


def hypotheses(found: dict[str, Any]) -> str:
    rows = [[each["name"], ends(each, "difference"), each["verdict"]] for each in found["hypotheses"]]
    return table("hypothesis, at gamma = 3 | :difference in yield | verdict", rows) if rows else ""
