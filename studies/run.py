"""Regenerates a study of docs/results.md: python -m studies.run NAME.

An interrupted study goes on where it stopped: its parts are kept in runs/evidence/NAME. With --minutes no further part
is made after so much time, and with --kept none is made. The results are those of the parts that are there, and they
say what is missing. With --quick a reduced study ends in minutes; its results go to results-quick/, and the page is not
changed. `python -m studies.quick` runs the reduced size of all of them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from studies import results
from studies.common import ROOT, parser, write
from studies.evidence import NAMES, Evidence, NotMade, Scale, named, stored

__all__ = ["QUICK", "run"]

QUICK = ROOT / "results-quick"


def run(
    study: Evidence,
    quick: bool = False,
    fill: bool = False,
    folder: Path | None = None,
    makes: bool = True,
    minutes: float = math.inf,
) -> Path:
    """Computes a study, stores its results, writes its figures into the page. Returns the file of the results.

    `makes` and `minutes` are those of `Scale`. Raises `NotMade` if parts are missing that the study cannot do without.
    """
    path = QUICK / f"{study.name}.json" if quick else study.results
    if not fill:
        kept = folder or ROOT / "runs/evidence" / (f"{study.name}-quick" if quick else study.name)
        write(path, json.dumps(study.measure(Scale(quick, kept, makes, minutes))) + "\n")
    found = stored(path)
    study.pictures(found, QUICK if quick else ROOT / "docs/images")
    if quick:
        study.sections(found)  # what fails here would else fail when all studies have ended
    else:
        write(ROOT / "docs" / study.page, study.text())
        results.fill()
    return path


def main() -> None:
    rows = [f"  {study.name}: {study.takes}; --quick {study.takes_quick}" for study in map(named, NAMES)]
    takes = "\n".join(["by study", *rows])
    command = parser(__doc__, "studies/results/NAME.json, and its numbers in docs/results.md", takes)
    command.add_argument("name", choices=NAMES, metavar="NAME", help="one of the studies below")
    command.add_argument("--quick", action="store_true", help="the reduced size, into results-quick/")
    command.add_argument("--fill", action="store_true", help="write the page from the stored results, in no time")
    command.add_argument("--kept", action="store_true", help="from the finished parts; none is made")
    command.add_argument("--minutes", type=float, help="after so many of one core no further part is made")
    command.add_argument("--folder", type=Path, help="where finished parts are kept, instead of runs/evidence/NAME")
    given = command.parse_args()
    if given.fill and (given.folder or given.kept or given.minutes is not None):
        command.error("--folder, --kept or --minutes with --fill, which reads no parts. Leave one of them out.")
    if given.minutes is not None and (given.kept or not given.minutes > 0):
        command.error(f"--minutes {given.minutes:g}: expected more than 0, and no --kept, which makes no part.")
    study = named(given.name)
    if given.fill and not (QUICK / f"{study.name}.json" if given.quick else study.results).exists():
        command.error(f"--fill, but {study.name} has no results yet. Run it without --fill first.")
    try:
        minutes = math.inf if given.minutes is None else given.minutes
        print(run(study, given.quick, given.fill, given.folder, not given.kept, minutes).relative_to(ROOT))
    except NotMade as error:
        how = "--kept" if given.kept else "--minutes"
        command.error(f"{how}, but {error}, which the study needs. Run it without {how} first.")


if __name__ == "__main__":
    main()
