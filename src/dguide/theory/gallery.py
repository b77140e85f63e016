"""The gallery: all figures as SVG, PNG and JSON files, and one page that shows them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from ..errors import choose, require
from ..files import in_space
from ..plots.style import save
from ..progress import Progress
from .figures import (
    convergence,
    diagnosis,
    maps,
    optimal,
    order_effects,
    particles,
    schedules,
    steps,
    strength,
    tilting,
    weights,
)
from .figures.base import TheoryFigure, plain
from .page import blocks, page

__all__ = ["COSTS", "FIGURES", "Gallery", "gallery"]

FIGURES: dict[str, Callable[[], Iterable[TheoryFigure]]] = {
    "tilting": lambda: [tilting.figure()],
    "convergence": lambda: [convergence.figure()],
    "maps": maps.figures,
    "weights": lambda: [weights.figure()],
    "steps": lambda: [steps.figure()],
    "optimal": lambda: [optimal.figure()],
    "schedules": lambda: [schedules.figure()],
    "particles": lambda: [particles.figure()],
    "bands": lambda: [strength.figure()],
    "riddle": lambda: [order_effects.figure()],
    "diagnosis": diagnosis.figures,
}
"""The functions that make the figures, in the order of the page. A function may make several figures."""
COSTS = {
    "tilting": 1.0, "convergence": 2.5, "maps": 1.5, "weights": 1.5, "steps": 12.0, "optimal": 5.0, "schedules": 45.0,
    "particles": 11.0, "bands": 64.0, "riddle": 12.0, "diagnosis": 8.0,
}  # fmt: skip
"""Seconds that each of them took on one free core, for the time left."""
INDEX = "index.html"


@dataclass(frozen=True)
class Gallery:
    """The files of a gallery.

    Args:
        index: The page.
        files: All files, including the page.
        seconds: Computing time by name in `FIGURES`.
    """

    index: Path
    files: tuple[Path, ...]
    seconds: dict[str, float]


def gallery(out: Path, only: Sequence[str] = ()) -> Gallery:
    """Computes and draws the figures, and writes an SVG, a PNG and a JSON file for each, and one page for all.

    All files are written at the end, so an interrupted run leaves `out` unchanged. The bytes of the files depend only
    on the versions of the packages.

    Args:
        out: The folder; it is created if it does not exist. Files of the same names are replaced.
        only: Names in `FIGURES` to draw; all figures if empty. The page keeps the others that it shows already.

    Raises:
        ValueError: For an unknown name of a figure.
        dguide.errors.MissingExtra: If a package is not installed.
        OSError: If a file cannot be written.
    """
    names = [choose("figure", name, FIGURES) for name in only] or list(FIGURES)
    for module in ("matplotlib", "scipy"):
        require(module, "cli")
    progress = Progress(len(names), sum(COSTS[name] for name in names))
    fresh, threads = not out.exists(), torch.get_num_threads()
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # tensors are small: a second thread costs more time than it saves
    try:
        with in_space(out, "the figures"), TemporaryDirectory(dir=out, prefix=".theory-") as room:
            figures = []
            for name in names:
                with progress.task(name, COSTS[name]):
                    for figure in FIGURES[name]():
                        _write(figure, Path(room))
                        figures.append(figure)
            earlier = _earlier(out) if only else {}
            (Path(room) / INDEX).write_text(page(figures, earlier), encoding="utf-8")
            written = sorted(Path(room).iterdir(), key=lambda path: path.name == INDEX)
            for path in written:
                os.replace(path, out / path.name)
    except BaseException:
        if fresh and not any(out.iterdir()):
            out.rmdir()
        raise
    finally:
        torch.set_num_threads(threads)
    return Gallery(out / INDEX, tuple(out / path.name for path in written), progress.log)


def _earlier(out: Path) -> dict[str, str]:
    """The parts of the page in `out`, of figures whose files exist."""
    index = out / INDEX
    text = index.read_text(encoding="utf-8", errors="replace") if index.is_file() else ""
    return {name: part for name, part in blocks(text).items() if (out / f"{name}.svg").is_file()}


def _write(figure: TheoryFigure, folder: Path) -> None:
    for suffix in ("svg", "png"):
        save(figure.drawing, folder / f"{figure.name}.{suffix}")
    text = json.dumps({"title": figure.title} | plain(figure.data), indent=1, allow_nan=False)
    (folder / f"{figure.name}.json").write_text(text + "\n", encoding="utf-8")
