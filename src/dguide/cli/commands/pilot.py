"""`dguide pilot`: whether guidance helps on one's own data, and whether generated examples of a rare class pay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import typer

from ...errors import Mistakes, bad, require
from ...guidance import MECHANISMS
from ...pilot.augment.ready import READY
from ...pilot.compare import WEIGHTS
from ...samplers import SAMPLERS
from ..names import OWN
from ..output import check_directory
from ..pilots import Work, check_work, study_of
from ..workers import EVERY_CORE, GPUS_PER_TASK, RAY, device_of_workers, executor_of, usual_jobs

__all__ = ["pilot"]

_FORMATS = ("html", "pdf")
_KINDS = "small-network, random-forest, scikit-learn:PATH such as svm.SVC, timm:MODEL"


def pilot(
    study: str = typer.Argument(
        ...,
        metavar="STUDY",
        help=f"Labelled DATA; augment, followed by DATA; a ready study ({', '.join(READY)}); or a file STUDY.yaml. "
        "`compare DATA` is the same as DATA alone.",
    ),
    data: str | None = typer.Argument(
        None, metavar="[DATA]", help="The data after augment or compare, as in `dguide train --data`."
    ),
    out: Path = typer.Option(
        Path("pilot"), metavar="DIRECTORY", help="Folder for models, results and the report. The same command goes on."
    ),
    count: int | None = typer.Option(
        None, metavar="NUMBER", help="Without augment: samples of each setting. [default: 500]"
    ),
    rare: str | None = typer.Option(None, metavar="CLASS", help="With augment: the rare class, by name or number."),
    real: int | None = typer.Option(
        None,
        metavar="NUMBER",
        help="With augment: real examples of the rare class that stay in the training part. [default: 20]",
    ),
    good: list[str] = typer.Option(
        [],
        metavar="CLASS",
        help="With augment: class that must raise no alarm; repeatable. [default: all but the rare one]",
    ),
    by: str | None = typer.Option(
        None, metavar="NAME", help="With augment: another condition of the data; recall is told by it."
    ),
    runs: int | None = typer.Option(
        None,
        metavar="NUMBER",
        help="With augment: repetitions, each with other real examples and a model of its own. [default: 5]",
    ),
    added: int | None = typer.Option(
        None,
        metavar="NUMBER",
        help="With augment: examples that each arm adds; an arm is a way to add some. [default: as many as "
        "make the rare class as large as the others are on average]",
    ),
    train: str | None = typer.Option(
        None,
        metavar="NAME=VALUE,...",
        help="Settings of `dguide train` for the models, with _ in place of -, as in minutes=30,size=small,"
        "batch_size=16. [default: minutes=3]",
    ),
    model: Path | None = typer.Option(
        None,
        metavar="CHECKPOINT",
        help="With augment: a model of these data that draws all examples, instead of one trained for each run.",
    ),
    guidance: list[str] = typer.Option(
        [], metavar="NAME", help=f"Mechanism, repeatable: {', '.join(MECHANISMS.names())}, or {OWN}."
    ),
    weight: list[str] = typer.Option(
        [],
        metavar="NUMBER|SCHEDULE",
        help="Guidance weight w, repeatable; w = 0 is always drawn. [default: "
        f"{', '.join(WEIGHTS[1:])}; with augment ramp-up:1, ramp-up:3]",
    ),
    sampler: str | None = typer.Option(
        None,
        metavar="NAME[:OPTION=VALUE,...]",
        help=f"Sampler: {', '.join(SAMPLERS.names())}, or {OWN}. [default: ancestral:steps=32]",
    ),
    way: list[str] = typer.Option(
        [],
        metavar="whole|filled",
        help="With augment: whole samples, or defects filled into good parts; repeatable. [default: whole]",
    ),
    region: float | None = typer.Option(
        None,
        metavar="SHARE",
        help="With --way filled: sides of the region that is filled in, as a share of the picture. [default: 0.4]",
    ),
    classifier: str | None = typer.Option(
        None,
        metavar="NAME",
        help=f"With augment: classifier of every arm: {_KINDS}, or {OWN}. [default: small-network]",
    ),
    ordinary: str | None = typer.Option(
        None,
        metavar="NAME=VALUE,...",
        help="With augment: ordinary augmentation: shift (share of the side), rotation (degrees), flips (none, "
        "horizontal, both). "
        "[default: shift=0.1,rotation=10,flips=none]",
    ),
    false_alarms: float | None = typer.Option(
        None,
        metavar="SHARE",
        help="With augment: share of false alarms for which thresholds are chosen. 0.05 needs 19 good examples in the "
        "validation part, 0.01 needs 99. [default: 0.05]",
    ),
    prices: str | None = typer.Option(
        None,
        metavar="NAME=VALUE,...",
        help="With augment: cost of a miss and of a false_alarm, volume (parts a year) and share (of defects); and of "
        "the pilot (once) and of running (a year), years, currency.",
    ),
    title: str | None = typer.Option(None, metavar="TEXT", help="Title of the report."),
    language: str | None = typer.Option(None, metavar="en|ja", help="Language of the report. [default: en]"),
    jobs: int | None = EVERY_CORE,
    ray: str | None = RAY,
    gpus_per_task: float = GPUS_PER_TASK,
    format_: str = typer.Option("html", "--format", metavar="html|pdf", help="pdf writes a PDF too, through Chromium."),
) -> None:
    """Tell whether guidance helps on your data.

    With augment: do generated examples make a classifier better, and does it pay?

    DATA alone: trains a model, unless there is one in the folder, and compares settings of guidance on it. Writes
    report.html, and the table and the figures of `dguide compare`. Only --train, --guidance, --weight, --sampler,
    --count, --title and --language change it.

    augment DATA: trains a model on data with few examples of the rare class, draws more of them under each guidance
    setting, trains the same classifier with and without them, and judges all on held-out data, against ordinary image
    augmentation. Writes report.html, arms.csv and arms.parquet.

    Options change the settings of a ready study or of a file. Stopped at any moment, the same command goes on. Nothing
    leaves this machine.
    """
    mistakes = Mistakes()
    given: dict[str, Any] = {
        "rare": rare, "real": real, "good": good, "by": by, "runs": runs, "added": added,
        "train": mistakes.of(lambda: _named("--train", train)), "model": None if model is None else str(model),
        "guidance": guidance, "weight": weight, "sampler": sampler, "count": count, "ways": way,
        "region": region, "classifier": classifier, "false_alarms": false_alarms,
        "ordinary": mistakes.of(lambda: _named("--ordinary", ordinary)),
        "prices": mistakes.of(lambda: _named("--prices", prices)), "title": title, "language": language,
    }  # fmt: skip
    for package in ("pydantic", "yaml", "jinja2", "pyarrow", "matplotlib"):
        require(package, "pilot")
    settings = {name: each for name, each in given.items() if each not in (None, [])}
    chosen = study_of(study, data, settings, mistakes)
    mistakes.of(lambda: check_directory("--out", out))
    if chosen is not None:
        mistakes.of(lambda: check_work(chosen, out))
    mistakes.of(lambda: _check_format(format_))
    device = device_of_workers("auto", ray, gpus_per_task)
    executor = mistakes.of(lambda: executor_of(jobs, ray, gpus_per_task, usual_jobs(device)))
    mistakes.settle()
    assert executor is not None
    Work(out, executor, torch.device(device), format_ == "pdf").run(chosen)


def _check_format(format_: str) -> None:
    if format_ not in _FORMATS:
        raise bad("--format", repr(format_), "html or pdf")
    if format_ == "pdf":
        from ...pilot.report import find_browser

        find_browser()


def _named(option: str, text: str | None) -> dict[str, Any] | None:
    """Values by name from `name=value,...`; numbers are numbers."""
    if text is None:
        return None
    found: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise bad(option, repr(part), "name=value, with a comma between two of them")
        if name.strip() in found:
            raise bad(option, f"{name.strip()} twice", "each name once")
        found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
