"""`dguide demo`: compares guidance mechanisms on handwritten digits."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from ...demo import DemoSettings
from ...demo import demo as run_demo
from ...demo.table import as_markdown
from ...guidance import MECHANISMS
from ...progress import duration
from ...train import MEASURED_ANEW
from ..names import OWN
from ..output import check_directory

__all__ = ["demo"]

_DEFAULT = DemoSettings(Path("demo"))


def demo(
    out: Path = typer.Option(
        _DEFAULT.out, metavar="DIRECTORY", help="Folder for pictures, table and model; created if missing."
    ),
    checkpoints: Path | None = typer.Option(
        None,
        metavar="DIRECTORY",
        help="Folder with the checkpoints digits-masked and digits-uniform. "
        "[default: checkpoints/ here, or those of dguide]",
    ),
    guidance: list[str] = typer.Option(
        [],
        metavar="NAME",
        help=f"An additional mechanism with its options, repeatable: {OWN}.",
    ),
    per_class: int = typer.Option(
        _DEFAULT.per_class, metavar="NUMBER", help="Samples of each digit in a cell of the grid."
    ),
    steps: int = typer.Option(_DEFAULT.steps, metavar="NUMBER", help="Steps of the ancestral sampler."),
    minutes: float = typer.Option(_DEFAULT.minutes, metavar="NUMBER", help="Length of the training run, in minutes."),
    limit: float = typer.Option(
        _DEFAULT.limit,
        metavar="NUMBER",
        help="Minutes for the whole run; if this is too short, the last cells of the uniform model are omitted.",
    ),
    seed: int = typer.Option(
        _DEFAULT.seed, metavar="NUMBER", help="Seed of the samples, the same in all cells, and of the training."
    ),
) -> None:
    """Compare guidance on handwritten digits.

    Writes pictures and a table. Samples digits from two trained models (masked and uniform process) with each mechanism
    (Normalized, Unlocking, Simple and those of --guidance), schedule (constant, ramp-up) and mean weight (0, 1, 3).
    Compares the samples with real digits and draws them. Shows how fast masks disappear in theory and in samples.
    Trains a small model.
    """
    for name in guidance:
        MECHANISMS.call(name, typed=True)
    mechanisms = (*MECHANISMS, *guidance)
    settings = DemoSettings(
        out,
        checkpoints,
        mechanisms=mechanisms,
        per_class=per_class,
        steps=steps,
        minutes=minutes,
        limit=limit,
        seed=seed,
    )
    check_directory("--out", out)
    began = time.perf_counter()
    report = run_demo(settings)
    print(as_markdown(report.rows))
    print(f"Training for {duration(60 * minutes)} reached {report.quality}\n({MEASURED_ANEW}).")
    print(f"Written in {duration(time.perf_counter() - began)}:")
    for path in report.files:
        print(f"  {path}")
