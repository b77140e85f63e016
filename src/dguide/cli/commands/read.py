"""`dguide read`: classifies held-out data or files with the model itself, and measures how reliable that is."""

from __future__ import annotations

import time
from pathlib import Path

import torch
import typer
from torch import Tensor

from ... import checkpoint as checkpoints
from ...checkpoint import Checkpoint
from ...data import Attribute, Dataset, Split
from ...data.align_conditions import align_conditions, real_data
from ...data.files.unlabelled import unlabelled
from ...errors import InputError, Mistakes, bad, choose, require
from ...evaluate import class_counts, hypotheses
from ...evaluate import read as read_sequences
from ...evaluate.reading.answers import Answers
from ...evaluate.reading.standard import standard_classifiers
from ...evaluate.reading.verdict import Verdict, check_parts, verdict
from ...files import replacing
from ...plots.reading import calibration_figure, confusion_figure, detection_figure
from ...plots.style import save
from ...random import check_seed
from ..names import MODEL, device_of
from ..output import check_directory, labels_of

__all__ = ["read"]

PRIORS = ("training", "equal")
CLASSIFIERS = ("standard", "none")


def read(
    checkpoint: Path = typer.Argument(..., metavar="CHECKPOINT", help=MODEL),
    files: list[Path] = typer.Argument(
        [],
        metavar="FOLDER|FILE",
        help="What nobody labelled: image files, folders of images, text files with a string in each line, or tables. "
        "[default: the validation part and the test part of --data]",
    ),
    out: Path = typer.Option(
        Path("reading"), metavar="DIRECTORY", help="Folder for tables, probabilities and figures; created if missing."
    ),
    data: str | None = typer.Option(
        None,
        metavar="NAME",
        help="Data set; its validation and test parts are read, and its training classes are the prior. [default: the "
        "training data of the model]",
    ),
    text: str | None = typer.Option(
        None, metavar="COLUMN", help="Column of the strings in a table of FILE. [default: the only one]"
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
    classifiers: str = typer.Option(
        CLASSIFIERS[0],
        metavar="NAME",
        help="What else would do: standard (a random forest, and for images a small network, which learn the training "
        "part and classify the same sequences), or none.",
    ),
    passes: int = typer.Option(32, metavar="NUMBER", min=1, help="Noise levels for each sequence and class."),
    limit: int | None = typer.Option(
        None,
        metavar="NUMBER",
        min=2,
        help="Number of sequences to read, chosen at random from both parts in proportion. [default: all]",
    ),
    repetitions: int = typer.Option(
        200, metavar="NUMBER", min=0, help="Draws for what a calibrated classifier gets; 0 for none."
    ),
    seed: int = typer.Option(0, metavar="NUMBER", min=0, help="Seed of the noise and of all random choices."),
    batch_size: int = typer.Option(256, metavar="NUMBER", min=1, help="Sequences in one pass through the network."),
    device: str = typer.Option("auto", metavar="NAME", help="auto (an accelerator if there is one), cpu, cuda, ..."),
) -> None:
    """Classify sequences or files with the model itself.

    A class is more probable if the sequence is more likely under it. Without FILE, held-out data are read. Temperature
    and thresholds are fitted to the validation part of the data. All figures are of the test part. Standard classifiers
    that learnt the training part are judged beside it, and the page says which to use. Writes reading.md, reading.json,
    reading.csv with the probabilities of each sequence and its file or line, and figures. Files that nobody labelled
    are all read; then there is no accuracy, temperature or figure.
    """
    mistakes = Mistakes()
    mistakes.of(lambda: check_directory("--out", out))
    mistakes.of(lambda: choose("prior", prior, PRIORS))
    mistakes.of(lambda: choose("classifiers", classifiers, CLASSIFIERS))
    mistakes.of(lambda: check_seed(seed))
    where = mistakes.of(lambda: device_of(device))
    for option, given in (("--normal", normal if files else None), ("--text", None if files else text)):
        if given is not None:
            came, expected = ("files", "labelled data") if files else ("no files", "a table to read")
            mistakes.add(bad(option, came, expected, "Leave it out."))
    loaded = mistakes.of(lambda: checkpoints.load(checkpoint, where or "cpu"))
    chosen = None if loaded is None else mistakes.of(lambda: _chosen(loaded, condition))
    mistakes.settle()
    assert loaded is not None
    assert chosen is not None
    dataset = None if files and prior != "training" else _dataset(loaded, chosen, data, bool(files))
    if files:
        found, reported = unlabelled(files, loaded.codec, text), None
        split = found.split if limit is None or limit >= len(found.split) else found.split.some(limit, seed)
    else:
        assert dataset is not None
        found, (split, reported) = None, _both_parts(dataset, limit, seed)
    classes = hypotheses(loaded.conditions, len(split), chosen.name)
    labels = chosen.of(split.labels, split.properties) if found is None else split.labels
    good = None if normal is None else _normal(chosen, normal)
    if reported is not None:
        check_parts(labels, reported, good, chosen.class_names)
        require("matplotlib", "cli")
        require("scipy.stats", "exact")
    beside = found is None and classifiers == "standard"
    if good is not None or beside:
        require("sklearn.metrics", "train")
    began = time.perf_counter()
    reading = read_sequences(
        loaded.model,
        loaded.process,
        split.tokens,
        classes,
        # Laplace's rule of succession: a class without training data stays possible
        prior=class_counts(chosen, dataset.train) + 1 if dataset and prior == "training" else None,
        passes=passes,
        seed=seed,
        batch_size=batch_size,
        device=next(loaded.model.parameters()).device,
    )
    seconds = time.perf_counter() - began
    cost = f"{len(split) * chosen.n_classes * passes:,} forward passes of one sequence, {seconds:.1f} s"
    if found:
        answers = Answers(reading, chosen.class_names, split.places, found.skipped)
        _write(out, f"{len(split):,} sequences read by {checkpoint}: {cost}.", answers, answers.as_csv())
        return
    assert dataset is not None
    assert reported is not None
    judged = verdict(
        reading,
        labels,
        reported,
        chosen.class_names,
        normal=good,
        standard=standard_classifiers(dataset, chosen, split.originals, reading.log_prior, seed) if beside else (),
        seconds=seconds / len(split),
        repetitions=repetitions,
        seed=seed,
    )
    made = " (synthetic)" if dataset.synthetic else ""
    title = f"{checkpoint.name}, {passes} passes\n{dataset.name}{made}"
    sizes = f"{int(reported.sum()):,} test sequences and {int((~reported).sum()):,} validation sequences"
    head = f"{sizes} of {dataset.name}{made} read by {checkpoint}: {cost}."
    labels_of(chosen.class_names, out / "confusion.png")
    figures = {"confusion": confusion_figure, "calibration": calibration_figure}
    out.mkdir(parents=True, exist_ok=True)
    for name, figure in (figures | ({"alarms": detection_figure} if judged.alarms else {})).items():
        save(figure(judged, title), out / f"{name}.png")
    _write(out, head, judged, judged.as_csv(split.places))


def _chosen(loaded: Checkpoint, name: str | None) -> Attribute:
    """The condition to classify."""
    known = {each.name: each for each in loaded.conditions}
    return known[choose("condition", loaded.conditions[0].name if name is None else name, known)]


def _dataset(loaded: Checkpoint, chosen: Attribute, data: str | None, only_prior: bool) -> Dataset:
    """The data to read, or whose classes are the prior."""
    try:
        dataset = real_data(loaded.config.data, loaded.config.data_digest, data)
    except InputError as error:
        if not only_prior:
            raise
        remedy = "Pass --data where it is now, or --prior equal."
        raise bad("--prior training", str(error), "the training data of the model", remedy) from error
    loaded.codec.check_same(dataset.codec, dataset.name)
    return align_conditions(dataset, (chosen,))


def _both_parts(dataset: Dataset, limit: int | None, seed: int) -> tuple[Split, Tensor]:
    """The validation part and then the test part, and which sequences are of the test part; at most `limit` in all."""
    parts = dataset.validation, dataset.test
    total = sum(map(len, parts))
    if limit is not None and limit < total:
        first = min(limit - 1, max(1, round(limit * len(parts[0]) / total))) if len(parts[0]) else 0
        parts = parts[0].some(first, seed), parts[1].some(limit - first, seed)
    validation, test = parts
    return validation.joined(test), torch.arange(len(validation) + len(test)) >= len(validation)


def _write(out: Path, head: str, judged: Verdict | Answers, table: str) -> None:
    """Writes and prints the page, and writes the table and the same for programs."""
    text = f"{head}\n\n{judged.as_markdown()}"
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (("md", text), ("json", judged.as_json()), ("csv", table)):
        with replacing(out / f"reading.{name}") as path:
            path.write_text(content, encoding="utf-8")
    print(text)
    print(out / "reading.md")


def _normal(condition: Attribute, text: str) -> int:
    """The number of the normal class."""
    classes = condition.read(text)
    if len(classes) != 1:
        raise bad("--normal", repr(text), "one class")
    return int(classes)
