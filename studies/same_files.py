"""Whether two folders of results hold the same: every file is compared by its content, times aside."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
from safetensors.numpy import load

from studies.common import about

__all__ = ["LEFT_OUT", "differing", "files"]

LEFT_OUT = {
    "in all files": "seconds and durations",
    "state.safetensors": "how far a training has come; it holds the clock",
    "tuning.journal": "the log of Optuna, which has the date of each entry",
    "names that begin with a dot": "locks, and temporary files of killed processes, which are removed after a day",
}
"""What is not compared, and why."""
_NOT_COMPARED = {"state.safetensors", "tuning.journal"}
_SECONDS = {"seconds", "sampling_seconds"}
_SPAN = re.compile(r"\b\d+(?:\.\d+)? (?:s|min|h)\b(?: \d+ (?:s|min)\b)?")
"""A duration in words."""


def files(folder: Path) -> list[str]:
    """The names of the files that are compared, in order."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    kept = (each for each in found if each.name not in _NOT_COMPARED)
    return sorted(each.as_posix() for each in kept if not any(part.startswith(".") for part in each.parts))


def differing(one: Path, other: Path, names: list[str] | None = None) -> list[str]:
    """The names of the files that are in one folder only, or differ; by default of all files."""
    mine, theirs = set(files(one)), set(files(other))
    apart = mine ^ theirs if names is None else set()
    both = mine & theirs if names is None else names
    return sorted(apart | {name for name in both if content(one / name) != content(other / name)})


def content(path: Path) -> Any:
    """All that a file holds but times, as values that can be compared."""
    return _READERS.get(path.suffix, Path.read_bytes)(path)


def _json(path: Path) -> Any:
    return _without_seconds(json.loads(path.read_text(encoding="utf-8")))


def _without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_seconds(each) for name, each in value.items() if name not in _SECONDS}
    return [_without_seconds(each) for each in value] if isinstance(value, list) else value


def _tensors(path: Path) -> Any:
    """Arrays bit for bit; of a result of a task also what it says beside them."""
    whole = path.read_bytes()
    told = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")]).get("__metadata__", {})
    said = _without_seconds(json.loads(told.get("about", "{}")))
    return said, {name: (each.dtype.str, each.shape, each.tobytes()) for name, each in load(whole).items()}


def _csv(path: Path) -> Any:
    with path.open(newline="", encoding="utf-8") as file:
        return [_without_seconds(row) for row in csv.DictReader(file)]


def _parquet(path: Path) -> Any:
    rows = pyarrow.parquet.read_table(path)
    # As text, since nan is not equal to itself.
    return str(rows.schema), [repr(_without_seconds(row)) for row in rows.to_pylist()]


def _markdown(path: Path) -> Any:
    """The lines; tables lose their column of seconds."""
    lines, place = [], -1
    for line in path.read_text(encoding="utf-8").splitlines():
        cells = [each.strip() for each in line.split("|")] if line.startswith("|") else []
        if not cells:
            place = -1
        elif "seconds" in cells:
            place = cells.index("seconds")
        lines.append(cells[:place] + cells[place + 1 :] if cells and place >= 0 else line)
    return lines


def _html(path: Path) -> Any:
    """The text; tables lose their column of seconds, and durations their numbers."""
    text = path.read_text(encoding="utf-8")
    return _SPAN.sub("TIME", re.sub(r"<table.*?</table>", lambda found: _table(found[0]), text, flags=re.DOTALL))


def _table(text: str) -> str:
    """A table of a page, its cells one a line, without the column of seconds."""
    rows = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr.*?</tr>", text, re.DOTALL)]
    heads = [re.sub(r"<.*?>", "", each).strip() for each in rows[0]]
    place = heads.index("seconds") if "seconds" in heads else len(heads)
    return "\n".join(cell for row in rows for cell in row[:place] + row[place + 1 :])


_READERS: dict[str, Callable[[Path], Any]] = {
    ".json": _json,
    ".safetensors": _tensors,
    ".csv": _csv,
    ".parquet": _parquet,
    ".md": _markdown,
    ".html": _html,
}

if __name__ == "__main__":
    about(__doc__, "studies.killed")
