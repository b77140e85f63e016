"""`dguide theory`: the figures of the theory."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from ..progress import duration
from ..theory.gallery import FIGURES, gallery
from .output import check_directory

__all__ = ["theory"]


def theory(
    out: Path = typer.Option(Path("theory"), metavar="DIRECTORY", help="Folder for the figures; made if need be."),
    only: list[str] = typer.Option(
        [], metavar="NAME", help=f"Draw only this figure. It can be given several times. Names: {', '.join(FIGURES)}."
    ),
) -> None:
    """Draw what guidance does in theory: figures, the numbers behind them, and a page that explains them.

    Solves small problems exactly and shows where each mechanism and schedule leads, how fast, and what finite steps
    cost. Open index.html in the folder when it is done.
    """
    check_directory("--out", out)
    began = time.perf_counter()
    done = gallery(out, only)
    print(f"{len(done.files)} files in {duration(time.perf_counter() - began)}; open {done.index}")
