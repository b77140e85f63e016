"""All of docs/results.md that is computed: the summary, the sections of the studies, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studies.common import ROOT, filled, table
from studies.evidence import NAMES, Evidence, named, stored, summary
from studies.evidence.findings import SEQUENCES, Results

__all__ = ["PAGE", "SOURCES", "results", "sections", "text"]

PAGE = ROOT / "docs/results.md"
SOURCES = ("mechanisms", "pairs", *SEQUENCES)
"""Studies of other pages whose results this one uses, in the order of the table."""


def results(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """What is stored of all studies; of those of this page from `folder`, if it is given."""
    own = folder or ROOT / "studies/results"
    paths = [ROOT / f"studies/results/{name}.json" for name in SOURCES] + [own / f"{name}.json" for name in NAMES]
    return {path.stem: stored(path) for path in paths if path.exists()}


def sections(found: Results) -> dict[str, str]:
    """The text between the marks of the page that belong to no study alone."""
    return summary.sections(found) | {"studies": studies(found)}


def text(found: Results) -> str:
    """The page as the stored results have it, except for what each study writes itself."""
    return filled(PAGE.read_text(encoding="utf-8"), sections(found))


def studies(found: Results) -> str:
    """A row for each study: what it is of, and what it costs."""
    rows, spent = [], 0.0
    for name in (*SOURCES, *NAMES):
        study = named(name) if name in NAMES else None
        made = found.get(name)
        spent += made["seconds of one core"] if made else 0
        rows.append([*_made(name, made, study), study.takes if study else "", study.takes_quick if study else ""])
    heads = "command | model | samples | seeds | :minutes of one core, measured | commit, date"
    total = f"All of it together took {spent / 3600:.1f} hours of one core."
    return f"{table(f'{heads} | planned in full | reduced', rows)}\n\n{total}"


def _made(name: str, made: Mapping[str, Any] | None, study: Evidence | None) -> list[str]:
    """Where results come from; empty where there are none yet."""
    if made is None:
        return [f"`{study.command if study else name}`", "", "", "", "not measured yet", ""]
    models = _models(name, made)
    seeds = made.get("seeds", 1 if "samples" in made else "")
    return [
        f"`{made['made by']}`",
        ", ".join(f"`{each}`" for each in models) or "small problems, exactly",
        f"{made.get('count') or made.get('samples') or ''}" if models else "",
        ", ".join(map(str, seeds)) if isinstance(seeds, list) else f"{seeds}" if models else "",
        f"{made['seconds of one core'] / 60:.1f}",
        " ".join(filter(None, (made["commit"][:7], made.get("date", "")))),
    ]


def _models(name: str, made: Mapping[str, Any]) -> list[str]:
    """The checkpoints that a study is of; none if it is of small problems alone."""
    own = made.get("model") or made.get("checkpoint") or ("digits-masked" if name == "pairs" else "")
    several = [own] if own else [*made.get("models", []), *made.get("replaced", [])] or made.get("grids") or []
    several = [*several, *made.get("further", [])]
    return list(dict.fromkeys(each if isinstance(each, str) else each["model"] for each in several))
