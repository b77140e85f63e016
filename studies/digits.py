"""Mechanisms, schedules and weights on handwritten digits, for the shipped models: the table of README.

It is the grid of `dguide demo` with more samples a row. The same seed in all rows couples them. It also draws
docs/images/digits.png.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

from dguide import Ancestral
from dguide.demo.figures import picture_grid
from dguide.demo.grid import cells, run_cell
from dguide.demo.judge import Judge
from dguide.demo.settings import MASKED, common_data, find_checkpoints
from dguide.demo.table import ceiling_row, row
from dguide.plots import style
from studies.common import ROOT, Study, inside, table

__all__ = ["STUDY"]

PER_CLASS, STEPS, SEED = 35, 16, 0
"""The test part has 35 images of every class, so that all rows have as many."""
SHOWN = ("Normalized", "Unlocking")


def compute() -> dict[str, Any]:
    """A row for each cell, by model, and one for real images; draws the picture too."""
    models = find_checkpoints(ROOT / "checkpoints")
    dataset = common_data(models)
    judge, grid = Judge.fit(dataset), cells((0.0, 1.0, 3.0))
    labels = torch.arange(dataset.n_classes).repeat_interleave(PER_CLASS)
    rows: dict[str, Any] = {"real": asdict(ceiling_row(judge.ceiling(PER_CLASS, SEED)))}
    for name, model in models.items():
        outcomes = []
        for cell in grid:
            outcomes.append(run_cell(model, cell, labels, Ancestral(steps=STEPS), judge, SEED))
            print(f"{name}: {cell}: {outcomes[-1].seconds:.0f} s", flush=True)
        rows[name] = [asdict(row(model.process.name, each)) for each in outcomes]
        if name == MASKED:
            title = f"{dataset.name}, masked process, {STEPS} ancestral steps, the same random numbers in all cells"
            style.save(picture_grid(dataset, outcomes, grid, PER_CLASS, title), ROOT / "docs/images/digits.png")
    return {"rows": rows}


def sections(results: dict[str, Any]) -> dict[str, str]:
    """The rows of the masked model for two mechanisms, and real images."""
    rows = results["rows"]
    lines = []
    for each in rows[MASKED]:
        if each["mean_weight"] == 0:
            lines.append(["none", "0", *figures(each)])
        elif each["mechanism"] in SHOWN:
            name = f"`{each['mechanism']}`, {each['schedule']}"
            lines.append([name, f"{each['mean_weight']:g}", *figures(each)])
    lines.append(["real test images", "", *figures(rows["real"])])
    head = "guidance | :mean w | :accuracy (95 % interval) | :precision | :recall | :Fréchet distance"
    return {"digits": table(head, lines)}


def figures(each: dict[str, Any]) -> list[str]:
    accuracy = inside(each["accuracy"], each["accuracy_low"], each["accuracy_high"], ".3f")
    return [accuracy, f"{each['precision']:.3f}", f"{each['recall']:.3f}", f"{each['frechet']:.2f}"]


STUDY = Study("digits", "../README.md", "about 8 minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
