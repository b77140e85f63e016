"""What all grids say of each hypothesis: the table of verdicts."""

from __future__ import annotations

from typing import Any

from studies.common import ROOT, table

from .evidence import Evidence, Scale, stored
from .grid_page import effect, missing_words, numbers
from .grid_plans import PLANS
from .grid_verdicts import summary
from .hypotheses import HYPOTHESES, family

__all__ = ["EVIDENCE"]


def compute(scale: Scale) -> dict[str, Any]:
    """The verdicts of the grids that have results; nothing is drawn, so both scales are the same."""
    grids = []
    for name in PLANS:
        path = ROOT / f"studies/results/{name}.json"
        if path.exists():
            found = stored(path)
            about = {key: found[key] for key in ("model", "figure", "count", "seeds", "family", "missing")}
            grids.append(about | {"verdicts": summary(found)})
    return {"grids": grids}


def sections(results: dict[str, Any]) -> dict[str, str]:
    return {"hypotheses": hypotheses(), "verdicts": verdicts(results["grids"])}


def hypotheses() -> str:
    """The findings with their tests, from the module that states them."""
    lines = [f'- <a id="{each.name}"></a>**{each.name}.** {each.claim} Test: {each.by}' for each in HYPOTHESES]
    counts = ", ".join(f"{family(plan)} on `{plan.model}`" for plan in PLANS.values())
    return "\n".join([*lines, "", f"Tests, all steps and mean weights of the plan together: {counts}."])


def verdicts(grids: list[dict[str, Any]]) -> str:
    """A row for each hypothesis and data set."""
    rows = []
    for place, hypothesis in enumerate(HYPOTHESES):
        for number, grid in enumerate(grids):
            row = grid["verdicts"][place]
            name = f"[{hypothesis.name}](#{hypothesis.name})" if number == 0 else ""
            rows.append([name, f"`{grid['model']}`", row["verdict"], numbers(row["counts"]), effect(row["largest"])])
    partial = [f"`{grid['model']}` lacks {missing_words(grid)}" for grid in grids if grid["missing"]]
    absent = [f"`{plan.model}`" for name, plan in PLANS.items() if plan.model not in {grid["model"] for grid in grids}]
    lines = [table("hypothesis | model | verdict | holds, wrong, open | largest effect", rows)]
    if partial:
        lines += ["", f"Not all cells are measured: {'; '.join(partial)}."]
    if absent:
        lines += ["", f"Not measured yet: {', '.join(absent)}."]
    return "\n".join(lines)


EVIDENCE = Evidence("verdicts", "seconds, from the grids", "the same", compute, sections, page="results-grid.md")
