"""What the studies share: command line, record of where results come from, and the numbers between marks of a page."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import dguide
from dguide.files import replacing

__all__ = ["ROOT", "Study", "about", "commit", "filled", "header", "inside", "parser", "table", "write"]

ROOT = Path(__file__).parents[1]


def parser(description: str | None, writes: str, takes: str) -> argparse.ArgumentParser:
    """The command line of a study or benchmark; its help says what it measures and writes, and how long it takes."""
    return argparse.ArgumentParser(
        description=description,
        epilog=f"writes: {writes}\ntakes:  {takes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def about(description: str | None, used_by: str) -> None:
    """Says what a module is that has nothing to run."""
    parser(description, "nothing", f"no time: there is nothing to run here; it is part of {used_by}").parse_args()


def commit() -> str:
    """The commit of the source that measures."""
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def header(made_by: str, source: str, seconds: float) -> dict[str, Any]:
    """Where results come from: the command, the versions and the time."""
    return {
        "made by": made_by,
        "commit": source,
        "dguide": dguide.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used",
        "seconds of one core": round(seconds),
    }


def write(path: Path, text: str) -> None:
    """Writes a file that others see whole or not at all, also if several processes write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def inside(value: float, low: float | None, high: float | None, form: str = ".2f") -> str:
    """A figure with its interval, each number in a format, as 0.52 (0.50 to 0.54); alone if it has no interval."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return f"{value:{form}}"
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def table(head: str, rows: list[list[str]]) -> str:
    """A table in Markdown. `head` has a colon before a column of numbers, as in "schedule | :share"."""
    names = [name.strip() for name in head.split("|")]
    rule = "".join("|---:" if name.startswith(":") else "|---" for name in names)
    first, *rest = (
        f"| {' | '.join(line)} |".replace("|  |", "| |").replace("|  |", "| |")
        for line in ([name.removeprefix(":") for name in names], *rows)
    )
    return "\n".join([first, f"{rule}|", *rest])


def filled(text: str, sections: Mapping[str, str]) -> str:
    """The page with each section between its marks written anew."""
    for name, body in sections.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"the page has no marks <!-- begin {name} --> and <!-- end {name} -->")
        text = pattern.sub(lambda match, body=body: f"{match[1]}{body}\n{match[2]}", text)  # type: ignore[misc]
    return text


@dataclass(frozen=True)
class Study:
    """A computation whose numbers stand on a page of the documentation.

    Attributes:
        name: of the module, of the file of results, and in the marks of the page.
        page: name of the page in docs/.
        takes: how long it takes.
        compute: makes the results, which JSON can hold.
        sections: the text between the marks, by name, from the results.
        folder: of the module, "studies" or "benchmarks".
    """

    name: str
    page: str
    takes: str
    compute: Callable[[], dict[str, Any]]
    sections: Callable[[dict[str, Any]], dict[str, str]]
    folder: str = "studies"

    @property
    def results(self) -> Path:
        return ROOT / f"{self.folder}/results/{self.name}.json"

    def text(self) -> str:
        """The page as the stored results have it."""
        found = json.loads(self.results.read_text(encoding="utf-8"))
        return filled((ROOT / "docs" / self.page).read_text(encoding="utf-8"), self.sections(found))

    def main(self, description: str | None, also: Callable[[dict[str, Any]], None] = lambda found: None) -> None:
        """Computes and stores the results, writes their numbers into the page, and does `also` with them."""
        stored = self.results.relative_to(ROOT).as_posix()
        command = parser(description, f"{stored}, and its numbers in docs/{self.page}", self.takes)
        command.add_argument("--fill", action="store_true", help="write the page from the stored results, in no time")
        if not command.parse_args().fill:
            torch.set_num_threads(1)
            start, source = sum(os.times()[:4]), commit()  # processor time, that of finished processes of it too
            found = self.compute()
            record = header(f"python -m {self.folder}.{self.name}", source, sum(os.times()[:4]) - start)
            write(self.results, json.dumps(record | found) + "\n")
        write(ROOT / "docs" / self.page, self.text())
        also(json.loads(self.results.read_text(encoding="utf-8")))


if __name__ == "__main__":
    about(__doc__, "all studies and benchmarks")
