"""`dguide theory`: draws the figures of the theory."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from ...progress import duration
from ...theory.gallery import FIGURES, gallery
from ..output import check_directory

__all__ = ["theory"]


def theory(
    out: Path = typer.Option(Path("theory"), metavar="DIRECTORY", help="Folder for the figures; created if missing."),
    only: list[str] = typer.Option(
        [],
        metavar="NAME",
        help=f"Draw only this figure, repeatable: {', '.join(FIGURES)}. The page keeps the others that it has.",
    ),
) -> None:
    """Draw what guidance does, in small exact problems.

    Writes figures, their numbers, and a page that explains them. Shows the distribution that each mechanism and
    schedule gives, its pace, and the error of finite steps. Takes about 3 minutes on one free core. Afterwards, open
    index.html in the folder.
    """
    check_directory("--out", out)
    began = time.perf_counter()
    done = gallery(out, only)
    print(f"{len(done.files)} files in {duration(time.perf_counter() - began)}; open {done.index}")
