"""Writes the results of a grid from the cells that are there, after it has made those of its first blocks.

Then `python -m studies.run NAME --fill` writes the page, which says what is missing.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import torch

from studies.common import ROOT, parser, write
from studies.evidence import Scale, named
from studies.evidence.grid import compute
from studies.evidence.grid_plans import PLANS

__all__: list[str] = []


def main() -> None:
    command = parser(__doc__, "studies/results/NAME.json", "a minute, and the time of the cells that are made")
    command.add_argument("name", choices=PLANS, metavar="NAME", help="one of the studies of the grid")
    command.add_argument("--blocks", type=int, default=0, help="make the cells of so many blocks first")
    command.add_argument("--folder", type=Path, help="where finished parts are kept, instead of runs/evidence/NAME")
    given = command.parse_args()
    plan, folder = PLANS[given.name], given.folder or ROOT / "runs/evidence" / given.name
    if not 0 <= given.blocks <= len(plan.blocks):
        command.error(f"--blocks {given.blocks}: expected 0 to {len(plan.blocks)}, the blocks of {given.name}")
    if given.blocks:
        torch.set_num_threads(1)
        compute(replace(plan, blocks=plan.blocks[: given.blocks]), Scale(quick=False, folder=folder))
    study = named(given.name)
    found = study.measure(Scale(quick=False, folder=folder, makes=False))
    if not found["cells"]:
        raise SystemExit(f"{folder} has no cell of {given.name}: --blocks 1 makes the first ones")
    write(study.results, json.dumps(found) + "\n")
    print(study.results.relative_to(ROOT))


if __name__ == "__main__":
    main()
