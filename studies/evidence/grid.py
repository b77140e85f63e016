"""The grid of a checkpoint: mechanisms by schedules, mean weights and steps, and what it says of the hypotheses.

The cells are drawn and judged one after the other, and each is kept. So a run that is killed goes on where it stopped,
and `python -m studies.run NAME --kept` writes the page from the cells that there are so far.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from dguide.pilot.compare import detectable

from .evidence import Evidence, NotMade, Scale
from .grid_cells import Cell
from .grid_judged import Grid
from .grid_page import pictures, sections
from .grid_plans import PLANS, Plan, reduced
from .hypotheses import BEST, HYPOTHESES, Claim, family
from .models import weights
from .tested import level, record, turned, verdict

__all__ = ["evidence"]

PILOT_SEED = 1000
"""Of samples that are in no cell."""
PILOT = (
    Cell.unguided(16),
    Cell("Normalized", "constant", 3.0, 16),
    Cell("Unlocking", "constant", 3.0, 16),
)


def evidence(name: str) -> Evidence:
    """The study of the grid of a checkpoint, by its name in `PLANS`."""
    plan = PLANS[name]
    return Evidence(
        name,
        f"{plan.hours:.3g} hours of one core",
        "two minutes",
        lambda scale: compute(reduced(plan) if scale.quick else plan, scale),
        sections,
        pictures,
        "results-grid.md",
    )


def compute(plan: Plan, scale: Scale) -> dict[str, Any]:
    """The results of a plan, of the cells that there are or can be made."""
    grid = Grid(plan, scale)
    power = _power(grid)
    found, missing = _Found(grid), list[Cell]()
    for cell in plan.cells:
        try:
            found.cells[cell] = grid.judged(cell)
        except NotMade:
            missing.append(cell)
            if len(missing) == len(plan.cells):
                raise
        else:
            found.watch(cell)  # now, so that a partial grid has it
            print(plan.name, cell.words, flush=True)
    return {
        "model": plan.model,
        "sha256": weights(plan.model),
        "data": grid.data.name,
        "synthetic": grid.data.synthetic,
        "count": plan.count,
        "seeds": list(plan.seeds),
        "figure": plan.figure,
        "also": list(plan.also),
        "power": power,
        "family": family(plan),
        "planned": {each.name: len(each.tests(plan)) for each in HYPOTHESES},
        "cells": [found.record(cell) for cell in found.cells],
        "missing": [cell.key for cell in missing],
        "hypotheses": list(found.tests()),
    }


def _power(grid: Grid) -> dict[str, Any] | None:
    """The differences that the plan finds in 80 % of cases, from a few samples of another seed."""
    try:
        judged = [grid.judged(cell, (PILOT_SEED,)) for cell in PILOT]
    except NotMade:
        return None
    halving, each_level = grid.halving(0, 1), level(family(grid.plan))
    scale = math.sqrt(1 / len(grid.plan.seeds))
    values = [each["halves"][0] for each in judged]
    found = {
        name: detectable(halving.difference(name, some, (1.0, -1.0), each_level)) * scale
        for name, some in (("mechanisms", values[1:]), ("guidance", values[:2]))
    }
    return {"seed": PILOT_SEED, "count": grid.plan.count, "values": [each[0] for each in values], **found}


@dataclass(frozen=True, eq=False)
class _Found:
    """Judged cells, and the tests that they allow."""

    grid: Grid
    cells: dict[Cell, dict[str, Any]] = field(default_factory=dict)
    levels: dict[tuple[str, str, float], list[float | None]] = field(default_factory=dict)

    def record(self, cell: Cell) -> dict[str, Any]:
        """A cell as the file of results has it."""
        judged, plan = self.cells[cell], self.grid.plan
        shown = (plan.figure, *plan.also)
        return {
            "mechanism": cell.mechanism,
            "schedule": cell.schedule,
            "mean": cell.mean,
            "steps": cell.steps,
            "log_z": self.by_level(cell),
            **{name: judged[name] for name in ("calls", "forced", "choice")},
            "figures": [each for each in judged["figures"] if each["name"] in shown],
        }

    def tests(self) -> Iterator[dict[str, Any]]:
        """All tests of which the cells are there."""
        for hypothesis in HYPOTHESES:
            for claim in map(self.chosen, hypothesis.tests(self.grid.plan)):
                if claim is not None and all(cell in self.cells for cell in claim.cells):
                    yield {"name": hypothesis.name, **self.test(claim, hypothesis.name == "guidance-helps")}

    def chosen(self, claim: Claim) -> Claim | None:
        """The claim with the best guided cell in place of `BEST`; None unless a whole block is there to choose from.

        The best of a few cells, as of the first strong weights, says nothing of guidance.
        """
        if BEST not in claim.cells:
            return claim
        (_, factor), (plain, minus) = claim.terms
        blocks = [block for block in self.grid.plan.blocks if block.steps == plain.steps]
        if not any(self.cells.keys() >= {*block.cells} for block in blocks):
            return None
        guided = [cell for cell in self.cells if cell.steps == plain.steps and cell.mean > 0]
        sign = 1 if self.cells[plain]["better"] == "lower" else -1
        best = min(guided, key=lambda cell: sign * self.cells[cell]["choice"])
        return Claim(((best, factor), (plain, minus)), claim.label)

    def test(self, claim: Claim, later: bool) -> dict[str, Any]:
        """The sum of a claim with its interval and verdict."""
        better = self.cells[claim.cells[0]]["better"]
        found = self.grid.halving(int(later), len(self.grid.plan.seeds)).difference(
            claim.label,
            [self.cells[cell]["halves"][later] for cell in claim.cells],
            [factor for _, factor in claim.terms],
            level(family(self.grid.plan)),
            better,
        )
        gain = turned(found)
        strengths = [mean for mean in map(self.log_z, claim.cells) if mean is not None]
        return {
            "label": claim.label,
            "cells": [cell.key for cell in claim.cells],
            "factors": [factor for _, factor in claim.terms],
            **record(found),
            "verdict": verdict(gain.low, gain.high),
            "samples": found.count,
            "log_z": max(strengths, default=None),
        }

    def watch(self, cell: Cell) -> None:
        """Measures log Z_w, once for all steps; it stays None where it is not there and none is to be made."""
        if cell.mean == 0 or _guidance(cell) in self.levels:
            return
        try:
            self.levels[_guidance(cell)] = list(self.grid.strength(cell)["log_z"])
        except NotMade:
            return

    def by_level(self, cell: Cell) -> list[float | None] | None:
        """log Z_w by noise level; None without guidance."""
        return self.levels.get(_guidance(cell))

    def log_z(self, cell: Cell) -> float | None:
        """The mean of log Z_w over the noise levels."""
        known = [value for value in self.by_level(cell) or () if value is not None]
        return sum(known) / len(known) if known else None


def _guidance(cell: Cell) -> tuple[str, str, float]:
    """The cell without its steps."""
    return cell.mechanism, cell.schedule, cell.mean
