"""The table of README: mechanisms, schedules and weights on handwritten digits, for the shipped models.

It is the grid of `dguide demo` with more samples a row. The same seed in all rows couples them.

    python -m studies.digits             # samples and judges (about 8 minutes of one core), then writes README
    python -m studies.digits --draw      # writes README again from the stored results
"""

from __future__ import annotations

import argparse
import json
import time
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
from studies.calls import ROOT, commit, header, write

RESULTS, PAGE, IMAGE = ROOT / "studies/results/digits.json", ROOT / "README.md", ROOT / "docs/images/digits.png"
PER_CLASS, STEPS, SEED = 35, 16, 0
"""The test part has 35 images of every class, so that all rows have as many."""
SHOWN = ("normalized", "unlocking")
BEGIN, END = "<!-- studies.digits -->\n", "<!-- end -->\n"


def measure() -> dict[str, Any]:
    """A row for each cell, by model, and one for real images; writes the picture too."""
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
            style.save(picture_grid(dataset, outcomes, grid, PER_CLASS, title), IMAGE)
    return rows


def table(rows: dict[str, Any]) -> str:
    """The rows of the masked model for two mechanisms, and real images, in Markdown."""
    lines = [
        "| guidance | mean w | accuracy (95 % interval) | precision | recall | Fréchet distance |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for each in rows[MASKED]:
        if each["mean_weight"] == 0:
            lines.append(line("none", "0", each))
        elif each["mechanism"] in SHOWN:
            lines.append(line(f"`{each['mechanism'].title()}`, {each['schedule']}", f"{each['mean_weight']:g}", each))
    real = rows["real"]
    lines.append(line(f"{real['n']} real test images", "", real))
    return "\n".join(lines) + "\n"


def line(guidance: str, weight: str, each: dict[str, Any]) -> str:
    accuracy = f"{each['accuracy']:.3f} ({each['accuracy_low']:.3f} to {each['accuracy_high']:.3f})"
    shares = f"{each['precision']:.3f} | {each['recall']:.3f}"
    return f"| {guidance} | {weight} | {accuracy} | {shares} | {each['frechet']:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="write the page from the stored results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.draw:
        start, source = time.process_time(), commit()
        rows = measure()
        about = header(source, time.process_time() - start) | {"made by": "python -m studies.digits"}
        about.pop("problems")
        write(RESULTS, json.dumps(about | {"rows": rows}, indent=1) + "\n")
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]
    write(PAGE, before + BEGIN + "\n" + table(rows) + "\n" + END + after)
    print(PAGE)


if __name__ == "__main__":
    main()
