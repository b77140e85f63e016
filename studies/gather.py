"""Writes the results of a grid from the cells that are there so far, and draws none.

Then `python -m studies.run NAME --fill` writes the page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from studies.common import ROOT, parser, write
from studies.evidence import Scale, named
from studies.evidence.grid import NotMade
from studies.evidence.grid_plans import PLANS

__all__ = ["Kept"]


class Kept(Scale):
    """The parts that are there; none is made."""

    def kept(self, part: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        def refuse() -> dict[str, Any]:
            raise NotMade

        return super().kept(part, refuse)


def main() -> None:
    command = parser(__doc__, "studies/results/NAME.json", "a minute")
    command.add_argument("name", choices=PLANS, metavar="NAME", help="one of the studies of the grid")
    command.add_argument("--folder", type=Path, help="where finished parts are kept, instead of runs/evidence/NAME")
    given = command.parse_args()
    study = named(given.name)
    scale = Kept(quick=False, folder=given.folder or ROOT / "runs/evidence" / given.name)
    write(study.results, json.dumps(study.measure(scale)) + "\n")
    print(study.results.relative_to(ROOT))


if __name__ == "__main__":
    main()
