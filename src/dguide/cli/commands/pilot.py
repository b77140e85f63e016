"""`dguide pilot`: whether generated examples of a rare class pay, on one's own data, from images to a decision."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import typer

from ...data import LOADERS
from ...errors import bad, require
from ...files import replacing
from ...guidance import MECHANISMS
from ...pilot.augment.ready import READY
from ...samplers import SAMPLERS
from ...study import Executor
from ..names import OWN, device_of
from ..output import check_directory
from ..workers import EVERY_CORE, GPUS_PER_TASK, RAY, executor_of, usual_jobs

__all__ = ["pilot"]

_FORMATS = ("html", "pdf")
_KINDS = "small-network, random-forest, scikit-learn:PATH such as svm.SVC, timm:MODEL"


def pilot(
    study: str = typer.Argument(
        ...,
        metavar="STUDY",
        help=f"A ready study ({', '.join(READY)}); a file STUDY.yaml; or augment, followed by DATA.",
    ),
    data: str | None = typer.Argument(
        None, metavar="[DATA]", help="Labelled images, as in `dguide train --data`; raw or through a tokenizer."
    ),
    out: Path = typer.Option(
        Path("pilot"), metavar="DIRECTORY", help="Folder for models, results and the report. The same command goes on."
    ),
    rare: str | None = typer.Option(None, metavar="CLASS", help="The rare class, by name or number."),
    real: int | None = typer.Option(
        None, metavar="NUMBER", help="Real examples of the rare class that stay in the training part. [default: 20]"
    ),
    good: list[str] = typer.Option(
        [],
        metavar="CLASS",
        help="Class that must raise no alarm; repeatable. [default: all but the rare one]",
    ),
    by: str | None = typer.Option(None, metavar="NAME", help="Another condition of the data: recall is told by it."),
    runs: int | None = typer.Option(
        None, metavar="NUMBER", help="Repetitions, each with other real examples and a model of its own. [default: 5]"
    ),
    added: int | None = typer.Option(
        None,
        metavar="NUMBER",
        help="Examples that each arm adds. [default: as many as the other classes have on average]",
    ),
    train: str | None = typer.Option(
        None, metavar="NAME=VALUE,...", help="Settings of `dguide train` for the models. [default: minutes=3]"
    ),
    guidance: list[str] = typer.Option(
        [], metavar="NAME", help=f"Mechanism, repeatable: {', '.join(MECHANISMS.names())}, or {OWN}."
    ),
    weight: list[str] = typer.Option(
        [],
        metavar="NUMBER|SCHEDULE",
        help="Guidance weight w, repeatable; w = 0 is always drawn. [default: ramp-up:1, ramp-up:3]",
    ),
    sampler: str | None = typer.Option(
        None,
        metavar="NAME[:OPTION=VALUE,...]",
        help=f"Sampler: {', '.join(SAMPLERS.names())}, or {OWN}. [default: ancestral:steps=32]",
    ),
    way: list[str] = typer.Option(
        [],
        metavar="whole|filled",
        help="Whole samples, or defects filled into good parts; repeatable. [default: whole]",
    ),
    region: float | None = typer.Option(
        None, metavar="SHARE", help="Sides of the region that is filled in, as a share of the picture. [default: 0.4]"
    ),
    classifier: str | None = typer.Option(
        None, metavar="NAME", help=f"Classifier of every arm: {_KINDS}, or {OWN}. [default: small-network]"
    ),
    ordinary: str | None = typer.Option(
        None,
        metavar="NAME=VALUE,...",
        help="Ordinary augmentation: shift (share of the side), rotation (degrees), flips (none, horizontal, both). "
        "[default: shift=0.1,rotation=10,flips=none]",
    ),
    false_alarms: float | None = typer.Option(
        None, metavar="SHARE", help="Share of false alarms for which thresholds are chosen. [default: 0.05]"
    ),
    prices: str | None = typer.Option(
        None,
        metavar="NAME=VALUE,...",
        help="miss, false_alarm, volume (parts a year) and share (of defects); and pilot (once), running (a year), "
        "years, currency.",
    ),
    title: str | None = typer.Option(None, metavar="TEXT", help="Title of the report."),
    language: str | None = typer.Option(None, metavar="en|ja", help="Language of the report. [default: en]"),
    jobs: int | None = EVERY_CORE,
    ray: str | None = RAY,
    gpus_per_task: float = GPUS_PER_TASK,
    format_: str = typer.Option("html", "--format", metavar="html|pdf", help="pdf writes a PDF too, through Chromium."),
) -> None:
    """Do generated examples of a rare class make a classifier better, and does it pay?

    Trains a model on data with few examples of the rare class, draws more of them under each guidance setting, trains
    the same classifier with and without them, and judges all on held-out data, against ordinary image augmentation.
    Options change the settings of a ready study or of a file. Writes report.html, arms.csv and arms.parquet. Stopped
    at any moment, the same command goes on. No image leaves this machine.
    """
    given = {
        "rare": rare, "real": real, "good": good, "by": by, "runs": runs, "added": added,
        "train": _named("--train", train), "guidance": guidance, "weight": weight, "sampler": sampler, "ways": way,
        "region": region,
        "classifier": classifier, "ordinary": _named("--ordinary", ordinary), "false_alarms": false_alarms,
        "prices": _named("--prices", prices), "title": title, "language": language,
    }  # fmt: skip
    if format_ not in _FORMATS:
        raise bad("--format", repr(format_), "html or pdf")
    for package in ("pydantic", "yaml", "jinja2", "pyarrow", "matplotlib"):
        require(package, "pilot")
    from ...pilot.augment.settings import checked  # needs the extra

    chosen = checked(_settings(study, data, {name: each for name, each in given.items() if each not in (None, [])}))
    check_directory("--out", out)
    if format_ == "pdf":
        from ...pilot.report import find_browser

        find_browser()
    device = device_of("auto") if ray is None else torch.device("cuda" if gpus_per_task else "cpu")
    usual = usual_jobs(device) if ray is None else None
    _run(chosen, out, executor_of(usual if jobs is None else jobs, ray, gpus_per_task), device, format_)


def _settings(study: str, data: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a study, with those that options give in their place."""
    from ...pilot.augment.settings import read_study

    path, base = Path(study), dict[str, Any]()
    if study == "augment":
        if data is None:
            raise bad("DATA", "nothing", "labelled images, as in `dguide pilot augment images:FOLDER --rare CLASS`")
        LOADERS.allow(data)
        base = {"data": data}
    elif data is not None:
        raise bad("DATA", repr(data), "nothing, since the study says it", f"Did you mean dguide pilot augment {data}?")
    elif study in READY:
        base = dict(READY[study])
    elif path.suffix.lower() in (".yaml", ".yml"):
        base = read_study(path)
    else:
        known = ", ".join([*READY, "augment", "a file STUDY.yaml"])
        remedy = "" if path.exists() else f"Did you mean dguide pilot augment {study}?"
        raise bad("STUDY", repr(study), f"one of {known}", remedy)
    if "prices" in given:
        base["example_prices"] = False
    return base | dict(given)


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
        try:
            found[name.strip()] = float(value)
        except ValueError:
            found[name.strip()] = value.strip()
    return found


def _run(study: Any, out: Path, executor: Executor, device: torch.device, format_: str) -> None:
    """Does the work, writes the files, and prints the answer."""
    from ...pilot.augment.report import report
    from ...pilot.augment.result import Result
    from ...pilot.augment.run import run
    from ...pilot.report import page

    found = run(study, out, executor, _told, device)
    result = Result(found)
    made = report(result, {"command": shlex.join(["dguide", *sys.argv[1:]])})
    html = out / "report.html"
    with replacing(html) as temporary:
        temporary.write_text(page(made), encoding="utf-8")
    with replacing(out / "arms.csv") as temporary:
        temporary.write_text(result.as_csv(), encoding="utf-8")
    _write_parquet(result, out / "arms.parquet")
    if format_ == "pdf":
        from ...pilot.report import pdf

        pdf(html, out / "report.pdf")
    print(f"{result.as_text()}\n\n{made.answer.headline}\n{made.answer.because}\n{html}")


def _write_parquet(result: Any, path: Path) -> None:
    from ...pilot.augment.result import COLUMNS

    columns = dict(zip(COLUMNS, zip(*result.rows(), strict=True), strict=True))
    table = require("pyarrow", "pilot").table({name: list(values) for name, values in columns.items()})
    with replacing(path) as temporary:
        require("pyarrow.parquet", "pilot").write_table(table, temporary)


def _told(what: str) -> Callable[[int, int], object]:
    """Prints how many results of a kind are there, each time that there are more."""

    def tell(done: int, count: int) -> None:
        print(f"{what}: {done} of {count}", file=sys.stderr, flush=True)

    return tell
