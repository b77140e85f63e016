"""Simulates the cases, and writes the results and the table of docs/intervals.md."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import pkgutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

import studies.coverage
from dguide.evaluate.evaluation import as_json
from dguide.files import replacing
from studies.common import commit

from .case import Case, Outcome, simulate

ROOT = Path(__file__).parents[2]
RESULTS, PAGE = ROOT / "studies/results/coverage.json", ROOT / "docs/intervals.md"
REPETITIONS, QUICK = 1000, 100
MARK = "<!-- python -m studies.coverage -->"
HEAD = "| figure | law | n | coverage | its 95 % interval | below, above | median width | without | draws | code |"
RULE = "|---|---|---:|---:|---|---|---:|---:|---:|---|"


def cases() -> list[Case]:
    """The cases of all modules of this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(studies.coverage.__path__))
    modules = [importlib.import_module(f"studies.coverage.{name}") for name in names if name != "__main__"]
    return [case for module in modules for case in getattr(module, "CASES", ())]


def row(found: dict[str, Any]) -> str:
    """A line of the table; "code" is the commit of the source that was simulated."""
    last = f"{found['repetitions']:,} | {found.get('commit', '')[:7]} |"
    if found["coverage"] is None or math.isnan(found["coverage"]):
        return f"| {found['figure']} | {found['setting']} | {found['n']:,} | | | | | {found['none']:.0%} | {last}"
    interval = f"{found['low']:.3f} to {found['high']:.3f}"
    missed = f"{found['below']:.3f}, {found['above']:.3f}"
    without = f"{found['none']:.0%}" if found["none"] else ""
    cells = (found["figure"], found["setting"], f"{found['n']:,}", f"{found['coverage']:.3f}", interval, missed)
    width = math.inf if found["width"] is None else found["width"]  # JSON has no infinity
    return "| " + " | ".join((*cells, f"{width:.3g}", without, last))


def write(outcomes: Sequence[Outcome]) -> None:
    """Puts the outcomes into the file of results, in place of those of the same case, and all of them on the page."""
    known: list[dict[str, Any]] = json.loads(RESULTS.read_text())["outcomes"] if RESULTS.exists() else []
    by_case = {(each["figure"], each["setting"], each["n"]): each for each in known}
    made = {"commit": commit()}
    by_case |= {(each.figure, each.setting, each.n): asdict(each) | made for each in outcomes}
    wanted = [(case.figure, case.setting, n) for case in cases() for n in case.sizes]
    kept = [by_case[name] for name in wanted if name in by_case]
    with replacing(RESULTS) as file:
        file.write_text(as_json({"outcomes": kept}), encoding="utf-8")
    if PAGE.exists():
        before = PAGE.read_text(encoding="utf-8").partition(MARK)[0].rstrip()
        lines = [HEAD, RULE, *map(row, kept)]
        with replacing(PAGE) as file:
            file.write_text(f"{before}\n\n{MARK}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m studies.coverage", description=studies.coverage.__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} draws each; write nothing")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose figure or setting contains TEXT")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, metavar="NUMBER", help="draws of each case")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    outcomes = []
    print(HEAD)
    for case in cases():
        if arguments.only in f"{case.figure}, {case.setting}":
            for n in case.sizes:
                outcomes.append(simulate(case, n, QUICK if arguments.quick else arguments.repetitions))
                print(row(asdict(outcomes[-1])), flush=True)
    if not arguments.quick:
        write(outcomes)


if __name__ == "__main__":
    main()
