"""Runs the reduced size of all studies of docs/results.md, two at a time: make results-quick.

It writes the results, and the pages with the reduced numbers, into results-quick/. A study that fails is listed; the
others go on. The exit status is 1 then.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from studies.common import ROOT, filled, parser, write
from studies.evidence import NAMES, named, page, summary
from studies.run import QUICK

__all__ = ["pages", "run_all"]

AT_ONCE = 2


def run_all(names: Sequence[str] = NAMES) -> list[str]:
    """Runs the reduced studies of these names. Returns those that failed, whose output is in results-quick/NAME.log."""
    QUICK.mkdir(exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ended = dict(zip(names, pool.map(_run, names), strict=True))
    return [name for name, status in ended.items() if status != 0]


def _run(name: str) -> int:
    (QUICK / f"{name}.json").unlink(missing_ok=True)  # a study that fails leaves no older results
    start = time.monotonic()
    with (QUICK / f"{name}.log").open("wb") as log:
        command = [sys.executable, "-m", "studies.run", name, "--quick"]
        status = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT).returncode
    ended = "ended" if status == 0 else f"failed, see results-quick/{name}.log"
    print(f"{name}: {ended}, {time.monotonic() - start:.0f} s", flush=True)
    return status


def pages(failed: Sequence[str], names: Sequence[str] = NAMES) -> list[Path]:
    """Writes the pages with the reduced numbers into results-quick/."""
    found = page.results(QUICK)
    summary.picture(found, QUICK / summary.PICTURE)
    written = []
    for name in dict.fromkeys([page.PAGE.name, *(named(each).page for each in names)]):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        if name == page.PAGE.name:
            text = filled(text, page.sections(found))
        for study in (named(each) for each in names):
            if study.page == name:
                text = _filled(text, study.name, None if study.name in failed else found.get(study.name))
        written.append(QUICK / name)
        write(written[-1], _marked(text, failed))
    return written


def _filled(text: str, name: str, found: dict[str, object] | None) -> str:
    """The page with the sections of a study, or with a word that it failed."""
    study = named(name)
    if found is not None:
        return filled(text, study.sections(found))
    if not study.results.exists():
        return text
    return filled(text, dict.fromkeys(study.sections(study.found()), f"`{name}` failed in this run."))


def _marked(text: str, failed: Sequence[str]) -> str:
    """A page that says that it is reduced, and whose links lead from the folder to the documentation."""
    title, _, rest = text.partition("\n")
    said = "**Reduced size**: fewer samples, seeds and steps than docs/ has, made by `make results-quick`. Not to cite."
    if failed:
        said += f" Failed: {', '.join(failed)}."
    own = {path.name for path in QUICK.iterdir()}

    def link(match: re.Match[str]) -> str:
        target = Path(match[1]).name
        return f"]({target}" if match[1].startswith("images/") and target in own else f"](../docs/{match[1]}"

    return f"{title}\n\n{said}\n" + re.sub(r"\]\((?!\w+://|#)([^)#]+)", link, rest)


def main() -> None:
    takes = "\n".join(
        ["10 minutes of two cores", *(f"  {each.name}: {each.takes_quick}" for each in map(named, NAMES))]
    )
    parser(
        __doc__, "results-quick/NAME.json and NAME.log, results-quick/results.md and other pages", takes
    ).parse_args()
    failed = run_all()
    for path in pages(failed):
        print(path.relative_to(ROOT))
    full = sum(
        json.loads(each.results.read_text())["seconds of one core"]
        for each in map(named, NAMES)
        if each.results.exists()
    )
    print(f"The full size took {full / 3600:.1f} hours of one core.")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
