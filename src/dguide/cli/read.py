"""`dguide read`: classifies held-out data with the model itself, and measures how reliable that is."""

from __future__ import annotations

import time
from pathlib import Path

import typer

from .. import checkpoint as checkpoints
from ..data import Attribute
from ..errors import bad, choose, require
from ..evaluate import class_counts, hypotheses
from ..evaluate import read as read_sequences
from ..evaluate.reading.verdict import check_halves, verdict
from ..files import replacing
from ..plots.reading import calibration_figure, confusion_figure, detection_figure
from ..plots.style import save
from .align_conditions import align_conditions, real_data
from .names import MODEL, device_of
from .output import check_directory, labels_of

__all__ = ["read"]

PRIORS = ("training", "equal")


def read(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help=MODEL),
    out: Path = typer.Option(
        Path("reading"), metavar="DIRECTORY", help="Folder for tables, probabilities and figures; created if missing."
    ),
    data: str | None = typer.Option(
        None, metavar="NAME", help="Data set; its held-out part is read. [default: the training data of the model]"
    ),
    condition: str | None = typer.Option(
        None, metavar="NAME", help="Condition to classify; the others are not given to the model. [default: the first]"
    ),
    normal: str | None = typer.Option(
        None,
        metavar="CLASS",
        help="The class without a defect, by number or name. Adds false alarms against misses.",
    ),
    prior: str = typer.Option(
        PRIORS[0],
        metavar="NAME",
        help="Prior probability of each class: as in the training data (counts plus one), or equal.",
    ),
    passes: int = typer.Option(32, metavar="NUMBER", min=1, help="Noise levels for each sequence and class."),
    limit: int | None = typer.Option(
        None, metavar="NUMBER", min=2, help="Number of sequences to read, chosen at random. [default: all]"
    ),
    repetitions: int = typer.Option(200, metavar="NUMBER", min=0, help="Repetitions of the bootstrap; 0 for none."),
    seed: int = typer.Option(0, metavar="NUMBER", min=0, help="Seed of the noise, the halves and the intervals."),
    batch_size: int = typer.Option(256, metavar="NUMBER", min=1, help="Sequences in one pass through the network."),
    device: str = typer.Option("auto", metavar="NAME", help="auto (an accelerator if there is one), cpu, cuda, ..."),
) -> None:
    """Classify held-out sequences with the model itself, by the likelihood of each class.

    Temperature and thresholds are fitted on one half of the sequences and tested on the other. Writes reading.md,
    reading.json, reading.csv with the probabilities of each sequence, and figures.
    """
    check_directory("--out", out)
    choose("prior", prior, PRIORS)
    loaded = checkpoints.load(checkpoint, device_of(device))
    dataset = real_data(loaded.config.data, loaded.config.data_digest, data)
    loaded.codec.check_same(dataset.codec, dataset.name)
    known = {each.name: each for each in loaded.conditions}
    chosen = known[choose("condition", loaded.conditions[0].name if condition is None else condition, known)]
    dataset = align_conditions(dataset, (chosen,))
    split = dataset.held_out
    if limit is not None and limit < len(split):
        split = split.some(limit, seed)
    labels = chosen.of(split.labels, split.properties)
    good = None if normal is None else _normal(chosen, normal)
    classes = hypotheses(loaded.conditions, len(split), chosen.name)
    check_halves(labels, good)
    require("matplotlib", "cli")
    if good is not None:
        require("sklearn.metrics", "train")
    began = time.perf_counter()
    reading = read_sequences(
        loaded.model,
        loaded.process,
        split.tokens,
        classes,
        # Laplace's rule of succession: a class without training data stays possible
        prior=class_counts(chosen, dataset.train) + 1 if prior == "training" else None,
        passes=passes,
        seed=seed,
        batch_size=batch_size,
        device=next(loaded.model.parameters()).device,
    )
    seconds = time.perf_counter() - began
    judged = verdict(reading, labels, chosen.class_names, normal=good, repetitions=repetitions, seed=seed)
    made = " (synthetic)" if dataset.synthetic else ""
    title = f"{checkpoint.name}, {passes} passes\n{dataset.name}{made}"
    cost = f"{len(split) * chosen.n_classes * passes:,} forward passes of one sequence, {seconds:.1f} s"
    head = f"{len(split):,} held-out sequences of {dataset.name}{made} read by {checkpoint}: {cost}."
    text = f"{head}\n\n{judged.as_markdown()}"
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (("md", text), ("json", judged.as_json()), ("csv", judged.as_csv())):
        with replacing(out / f"reading.{name}") as path:
            path.write_text(content, encoding="utf-8")
    labels_of(chosen.class_names, out / "confusion.png")
    figures = {"confusion": confusion_figure, "calibration": calibration_figure}
    for name, figure in (figures | ({"alarms": detection_figure} if judged.alarms else {})).items():
        save(figure(judged, title), out / f"{name}.png")
    print(text)
    print(out / "reading.md")


def _normal(condition: Attribute, text: str) -> int:
    """The number of the normal class."""
    classes = condition.read(text)
    if len(classes) != 1:
        raise bad("--normal", repr(text), "one class")
    return int(classes)
