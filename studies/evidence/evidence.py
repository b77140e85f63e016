"""A study of docs/results.md: resumable, with a reduced size that ends in minutes."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from studies.common import ROOT, commit, filled, header, write

__all__ = ["NAMES", "Evidence", "Scale", "named"]

NAMES: tuple[str, ...] = ("ramp-end", "qm9-protocol")
"""The studies, in the order of the page; each is the attribute `EVIDENCE` of a module here (`-` as `_`)."""


@dataclass(frozen=True)
class Scale:
    """How much of a study is computed, and where its parts are kept.

    Args:
        quick: Whether the reduced size is asked for.
        folder: Where finished parts are kept, so that an interrupted study goes on.
    """

    quick: bool
    folder: Path
    seconds: list[float] = field(default_factory=list)
    """Processor time of each part, also of those that were made before."""

    def kept(self, part: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` returns for a part of the study, from its file if it was made before.

        Args:
            part: All that the result depends on, as JSON can hold it: model (with the digest of its weights), data,
                setting, seeds, counts.
            make: Computes the result, which JSON can hold.
        """
        text = json.dumps(part, sort_keys=True)
        path = self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
        if not path.exists():
            start, source = _spent(), commit()
            result = make()
            record = {"part": part, "commit": source, "seconds": _spent() - start, "result": result}
            write(path, json.dumps(record) + "\n")
        stored = json.loads(path.read_text(encoding="utf-8"))
        self.seconds.append(stored["seconds"])
        return dict(stored["result"])


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
        return dict(json.loads(self.results.read_text(encoding="utf-8")))

    def text(self) -> str:
        """The page as the stored results have it."""
        return filled((ROOT / "docs" / self.page).read_text(encoding="utf-8"), self.sections(self.found()))

    def measure(self, scale: Scale) -> dict[str, Any]:
        """Computes the results, and says where they come from."""
        torch.set_num_threads(1)
        source = commit()
        found = self.compute(scale)
        return header(self.command, source, sum(scale.seconds)) | {"quick": scale.quick} | found


def named(name: str) -> Evidence:
    """The study of a name in `NAMES`."""
    found: Evidence = importlib.import_module(f"studies.evidence.{name.replace('-', '_')}").EVIDENCE
    return found
