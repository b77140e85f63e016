"""A study of docs/results.md: resumable, with a reduced size that ends in minutes."""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import torch

from studies.common import ROOT, commit, filled, header, write

from .tested import CONFIRMED, REFUTED, UNDECIDED

__all__ = ["NAMES", "Evidence", "NotMade", "Scale", "named", "stored"]

NAMES: tuple[str, ...] = (
    "grid-digits-masked",
    "grid-digits-uniform",
    "grid-mnist14-masked",
    "grid-wafer16-masked",
    "grid-qm9-masked",
    "grid-qm9-uniform",
    "grid-splice-masked",
    "grid-peptides-masked",
    "grid-plays-masked",
    "verdicts",
    "ramp-end",
    "qm9-protocol",
    "validity",
    "tails",
    "sampler-share",
    "decides",
    "sceptic",
)
"""The studies, in the order of the page; each but the grids is `EVIDENCE` of a module here (`-` as `_`)."""


class NotMade(Exception):
    """A part of a study that is not there, where none is to be made."""


@dataclass(frozen=True)
class Scale:
    """How much of a study is computed, and where its parts are kept.

    Args:
        quick: Whether the reduced size is asked for.
        folder: Where finished parts are kept, so that an interrupted study goes on.
        makes: Whether parts are made that are not there. Otherwise they raise `NotMade`, and a study that can do
            without them says in its results what is missing.
        minutes: The processor time after which no further part is made.
    """

    quick: bool
    folder: Path
    makes: bool = True
    minutes: float = math.inf
    seconds: dict[str, float] = field(default_factory=dict)
    """Processor time of each part by the name of its file, also of those that were made before."""
    spent: list[float] = field(default_factory=list)
    """Processor time of the parts that were made now."""
    commits: set[str] = field(default_factory=set)
    """Commits of the source that made the parts."""

    def kept(self, part: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` returns for a part of the study, from its file if it was made before.

        A file that is damaged is made again, and so is one of another part. Several processes may work in one folder:
        each file is written whole, and those of one part differ in nothing but the time.

        Args:
            part: All that the result depends on, as JSON can hold it: model (with the digest of its weights), data,
                setting, seeds, counts.
            make: Computes the result, which JSON can hold.

        Raises:
            NotMade: If the part is not there, and none is to be made.
        """
        path = self.folder / f"{_digest(part)[:24]}.json"
        stored = _read(path, part)
        if stored is None and not (self.makes and sum(self.spent) < 60 * self.minutes):
            raise NotMade(f"{self.folder} has no part {part}")
        if stored is None:
            start, source = _spent(), commit()
            result = json.loads(json.dumps(make()))  # as it is read: a part gives the same when it is made and later
            record = {"part": part, "commit": source, "seconds": _spent() - start, "result": result}
            self.spent.append(record["seconds"])
            write(path, json.dumps(record | {"sha256": _digest(result)}) + "\n")
            stored = record
        self.seconds[path.name] = stored["seconds"]
        self.commits.add(stored["commit"])
        return dict(stored["result"])


def _digest(thing: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(thing, sort_keys=True).encode()).hexdigest()


def _read(path: Path, part: dict[str, Any]) -> dict[str, Any] | None:
    """The record of a part; None if there is none, or it is not what was written."""
    if not path.exists():
        return None
    try:
        record = dict(json.loads(path.read_text(encoding="utf-8")))
        known = record.get("sha256", _digest(record["result"]))  # files of the first days have none
        told = isinstance(record["result"], dict) and isinstance(record["commit"], str)
        told = told and 0 <= float(record["seconds"]) < math.inf
        whole = told and known == _digest(record["result"]) and _digest(record["part"]) == _digest(part)
    except (ValueError, KeyError, TypeError):  # ValueError: no JSON, or no text
        whole = False
    if whole:
        return record
    print(f"{path}: damaged, so it is made again", file=sys.stderr, flush=True)
    return None


def _spent() -> float:
    """Processor time of this process and of its finished children."""
    return sum(os.times()[:4])


@dataclass(frozen=True)
class Evidence:
    """A study whose figures stand on docs/results.md.

    Attributes:
        name: in `python -m studies.run NAME`, of the file of results, and of its section.
        takes: how long it takes in full.
        takes_quick: how long the reduced size takes.
        compute: makes the results, which JSON can hold.
        sections: the text between the marks of the page, by name, from the results.
        pictures: draws the figures of the page from the results into a folder.
        page: name of the page in docs/.
    """

    name: str
    takes: str
    takes_quick: str
    compute: Callable[[Scale], dict[str, Any]]
    sections: Callable[[dict[str, Any]], dict[str, str]]
    pictures: Callable[[dict[str, Any], Path], None] = lambda found, folder: None
    page: str = "results.md"

    @property
    def command(self) -> str:
        return f"python -m studies.run {self.name}"

    @property
    def results(self) -> Path:
        return ROOT / f"studies/results/{self.name}.json"

    def found(self) -> dict[str, Any]:
        """The stored results."""
        return stored(self.results)

    def text(self) -> str:
        """The page as the stored results have it."""
        return filled((ROOT / "docs" / self.page).read_text(encoding="utf-8"), self.sections(self.found()))

    def measure(self, scale: Scale) -> dict[str, Any]:
        """Computes the results, and says where they come from."""
        torch.set_num_threads(1)
        source, start = commit(), _spent()
        found = self.compute(scale)
        between = _spent() - start - sum(scale.spent)  # what is computed of the parts, and not kept
        about = header(self.command, source, sum(scale.seconds.values()) + between)
        about |= {"date": date.today().isoformat(), "commits of parts": sorted(scale.commits), "quick": scale.quick}
        return about | found


def stored(path: Path) -> dict[str, Any]:
    """The results of a file."""
    return dict(json.loads(path.read_text(encoding="utf-8"), object_hook=_reworded))


def _reworded(part: dict[str, Any]) -> dict[str, Any]:
    """A part of results with the verdicts of today in place of those of the first grids."""
    return {_FIRST_WORDS.get(k, k): _FIRST_WORDS.get(v, v) if isinstance(v, str) else v for k, v in part.items()}


_FIRST_WORDS = {"holds": CONFIRMED, "is wrong": REFUTED, "is open": UNDECIDED}


def named(name: str) -> Evidence:
    """The study of a name in `NAMES`."""
    if name.startswith("grid-"):
        grid: Evidence = importlib.import_module("studies.evidence.grid").evidence(name)
        return grid
    found: Evidence = importlib.import_module(f"studies.evidence.{name.replace('-', '_')}").EVIDENCE
    return found
