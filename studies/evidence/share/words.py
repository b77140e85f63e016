"""What the page says: a paragraph, the figure, the table of the parts, the small problems and the hypotheses."""

from __future__ import annotations

from statistics import median
from typing import Any

from dguide.evaluate import proportion
from studies.common import inside, table
from studies.evidence.share.cells import Cell
from studies.evidence.share.figure import FILE, strong
from studies.evidence.share.hypotheses import STEPS as T
from studies.evidence.share.one_position import forced
from studies.evidence.share.parts import PARTS, part
from studies.evidence.share.small import STRONG

__all__ = ["sections"]

Key = tuple[str, int, str, float]
"""Part, T, schedule and mean weight."""
HEADS = {
    "gap": "gap with `TauLeaping`",
    "rejection": "rejection",
    "held rates": "frozen rates",
    "pace": "pace",
    "order": "order",
    "end": "end of the released code",
}

DIGITS = {"Fréchet distance (pixels)": 2, "2-gram divergence": 3, "3-gram divergence": 3}
"""Decimals of a difference, by figure."""
EQUAL = 1e-6
"""Distances that differ by less are the same: so accurate is the solution in continuous time."""


def sections(found: dict[str, Any]) -> dict[str, str]:
    parts = by_key(found)
    said = [
        paragraph(found, parts),
        hypotheses_table(found),
        further(found),
        "## In detail",
        f"![Distance of the samples against the number of network calls T, for each mechanism and sampler]"
        f"(images/{FILE})",
        "Left: total variation to the target, medians over the small problems with log Z_w above "
        f"{STRONG:g}, exact. Right: {about(found)}; held-out images have {found['held-out']:.2f}.\n*Released code* is "
        "that of arXiv 2507.08965 for images ([below](#what-released-code-does)).\n*TauLeaping, not rejected* takes "
        "the first of several jumps.",
        f"{EXPLAINED}\n\n{parts_table([found])}",
        further_parts(found),
        small_text(found),
        one_position(),
        missing(found),
    ]
    return {"sampler-share": "\n\n".join(filter(None, said))}


def by_key(found: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    """The parts of the gap of a model."""
    return {(p["part"], p["steps"], p["schedule"], p["mean"]): p for p in found["parts"]}


def about(found: dict[str, Any]) -> str:
    """Model, figure, samples and seeds."""
    count = found["count"] * len(found["seeds"])
    return f"`{found['model']}`, {found['figure']}, {count} samples a cell, seeds {seeds_of(found)}"


def seeds_of(found: dict[str, Any]) -> str:
    return ", ".join(map(str, found["seeds"]))


def ends(entry: dict[str, Any], digits: int = 2) -> str:
    """A difference with its interval."""
    value, low, high = (round(entry[key], digits) + 0.0 for key in ("difference", "low", "high"))
    return inside(value, low, high, f".{digits}f")


def paragraph(found: dict[str, Any], parts: dict[Key, dict[str, Any]]) -> str:
    """The finding at the T of the hypotheses, or, of a reduced size, at the largest one."""
    measured = [key[1] for key in parts if (key[0], *key[2:]) == ("gap", "constant", 3.0)]
    steps = T if T in measured else max(measured)
    at = {name: parts[name, steps, "constant", 3.0] for name in PARTS}
    left = {name: cell_of(found, Cell(name, "TauLeaping", steps))["forced"] for name in ("Normalized", "Unlocking")}
    return "\n".join(
        [
            f"*The gap* is the distance to the data of `Unlocking` minus that of `Normalized`. "
            f"With w = 3 (constant) and T = {steps} it is",
            "",
            f"- {ends(at['gap'])} with `TauLeaping`;",
            f"- {ends(at['order'])} with `FirstHitting`, where the sampler has no error.",
            "",
            f"So {rejects(at['rejection'])}: it contributes {ends(at['rejection'])}.",
            f"These are {about(found)}, with 95 % intervals.",
            "",
            f"At the end `TauLeaping` forces {left['Normalized']:.1f} of the positions of a sample with `Normalized`, "
            f"and {left['Unlocking']:.1f} with `Unlocking`.",
        ]
    )


def rejects(rejection: dict[str, Any]) -> str:
    """What the rejection does to the gap, by its interval."""
    if rejection["high"] < 0:
        return "the rejection makes the gap smaller, and is not its cause"
    return "the rejection makes the gap larger" if rejection["low"] > 0 else "it is open what the rejection does"


def cell_of(found: dict[str, Any], cell: Cell) -> dict[str, Any]:
    """A cell of the results."""
    wanted = cell.about()
    return next(dict(each) for each in found["cells"] if {key: each[key] for key in wanted} == wanted)


def parts_table(models: list[dict[str, Any]]) -> str:
    """The parts of the gap by model, schedule and T."""
    rows = []
    for model in models:
        parts, digits = by_key(model), DIGITS[model["figure"]]
        for schedule, steps in dict.fromkeys((p["schedule"], p["steps"]) for p in parts.values() if p["part"] == "gap"):
            at = [parts.get((name, steps, schedule, 3.0)) for name in PARTS]
            cells = ["" if p is None else ends(p, digits) for p in at]
            rows.append([f"`{model['model']}`", schedule, str(steps), *cells])
    heads = " | ".join(f":{HEADS[name]}" for name in PARTS)
    return table(f"model | schedule, mean 3 | :T | {heads}", rows)


EXPLAINED = """The gap with `TauLeaping` is the sum of four parts. A part above 0 is a harm to `Unlocking`.

- *Rejection*: the gap of `TauLeaping` minus that of the same steps that take the first of several jumps.
- *Frozen rates*: the gap of these steps, which keep the rates of their start, minus that of `Ancestral`, whose steps
  follow the exact posterior.
- *Pace*: the gap of `Ancestral` minus that of `FirstHitting`, which decides one position a call.
- *Order*: the gap of `FirstHitting`.

The *end of the released code* stands beside them. It is the gap of that code (steps down to t = 0.01, then the most
probable token at every mask) minus the gap of `TauLeaping`."""


def hypotheses_table(found: dict[str, Any]) -> str:
    """The hypotheses and their verdicts."""
    rows = [[each["name"], ends(each, 3), each["verdict"]] for each in found["hypotheses"]]
    if not rows:
        return ""
    level = found["hypotheses"][0]["level"]
    return "\n\n".join(
        [
            f"These hypotheses were stated before the samples were drawn, all with T = {T}.\nThe intervals of "
            f"{100 * level:.1f} % hold together with 95 %. A pilot of 100 samples of another seed gave the power:\n"
            "with 300 samples a gap of 0.14, and a difference of gaps of 0.11, are found with probability 0.8. The\n"
            "pilot also put the second hypothesis in doubt (rejection of -0.45); it stands as it was stated.",
            table("hypothesis | :difference | verdict", rows),
        ]
    )


def further(found: dict[str, Any]) -> str:
    """The findings of the first model, tried on others."""
    models = found.get("further", [])
    if not models:
        return ""
    names = list(dict.fromkeys(each["name"] for model in models for each in model["hypotheses"]))
    rows = []
    for name in names:
        row = [name]
        for model in models:
            seen = next((each for each in model["hypotheses"] if each["name"] == name), None)
            row.append("" if seen is None else f"{seen['verdict']}: {ends(seen, DIGITS[model['figure']])}")
        rows.append(row)
    level = models[0]["hypotheses"][0]["level"]
    count = models[0]["count"] * len(models[0]["seeds"])
    figures = "; ".join(f"`{model['model']}`, {model['figure']}" for model in models)
    return "\n\n".join(
        [
            f"What the digits show was stated again before samples of other models were drawn, with T = {T} and\n"
            f"{count} samples a cell, seeds {seeds_of(models[0])} ({figures}).\n"
            f"The intervals of {100 * level:.2f} % of a model hold together with 95 %. The power was not computed.\n"
            "With the uniform process no position is decided alone, so two hypotheses do not apply:",
            table("hypothesis | " + " | ".join(f":`{model['model']}`" for model in models), rows),
            "The parts of the gap on these models are [below](#the-parts-on-further-models).",
        ]
    )


def further_parts(found: dict[str, Any]) -> str:
    """The parts of the gap of further models."""
    models = found.get("further", [])
    return f"### The parts on further models\n\n{parts_table(models)}" if models else ""


def small_text(found: dict[str, Any]) -> str:
    """The same parts on the small problems, for both processes."""
    count = len({c["problem"] for c in strong(found)})
    said = (
        f"The same parts on the {count} small problems with log Z_w above {STRONG:g}, exactly, as total variation to "
        "the target: the median over the problems,\nthe number of problems on which the part is above 0, and the 95 % "
        "interval of that share:"
    )
    uniform = (
        "With the uniform process nothing is forced, and *order* is the gap in continuous time. The same problems, "
        "noised to random tokens:"
    )
    return "\n\n".join([said, small_table(strong(found)), uniform, small_table(strong(found, "uniform"))])


def small_table(cells: list[dict[str, Any]]) -> str:
    """The parts by T, of the cells of some problems."""
    far = {(c["problem"], c["mechanism"], c["sampler"], c["steps"]): c["target"] for c in cells}
    numbers = list(dict.fromkeys(c["problem"] for c in cells))
    names = [name for name in PARTS if name != "end" or any(c["sampler"] == "Released" for c in cells)]
    rows = []
    for t in sorted({c["steps"] for c in cells if c["steps"]}):
        row = [str(t)]
        for name in names:
            signed = part(name, t)
            values = [sum(sign * far[n, c.mechanism, c.sampler, c.steps] for sign, c in signed) for n in numbers]
            above = sum(value > EQUAL for value in values)
            share = proportion(above, len(values))
            row.append(f"{round(median(values), 3) + 0.0:.3f}; {above} ({share.low:.2f} to {share.high:.2f})")
        rows.append(row)
    return table(f":T | {' | '.join(f':{HEADS[name]}' for name in names)}", rows)


def one_position() -> str:
    """The closed form."""
    often = {z: forced("TauLeaping", z, 8) for z in (1.0, 5.0, 20.0, 100.0)}
    rest = ", ".join(f"{p:.2f} for Z_w = {z:g}" for z, p in often.items() if z > 1)
    return (
        "One position shows what rejection does. In a step of integrated rate Lambda it leaves with probability Lambda "
        "exp(-Lambda), which is at most 0.37 and\nfalls again above Lambda = 1. With T = 8 it has not left of itself "
        f"by the end with probability {often[1.0]:.2f} for Z_w = 1, the rate of `Normalized`;\n{rest}. In the jump "
        "process a larger Z_w always leaves sooner.\nSo the rejection holds back just those positions that "
        "`Unlocking` decides first."
    )


def missing(found: dict[str, Any]) -> str:
    """What is planned and not in the results."""
    if not found["missing"]:
        return ""
    return (
        f"Planned, and not measured yet: {'; '.join(found['missing'])}. `studies/evidence/share/plan.py` has the cells."
    )
