"""`dguide data`: shows the contents of a data set."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import typer

from ...data import LOADERS, Attribute, Dataset, Learnt, Strings, Value, load
from ...errors import bad, require
from ...train.cost import halved
from ..output import check_file, labels_of, padded

__all__ = ["data"]

_DIGITS = 64
"""Tokens of the digits, which training is compared with."""
_SHOWN = 20
"""Number of omitted entries that are listed without `--all`."""
_PER_CLASS = 10
_CLASSES = 12
"""Largest number of columns in a picture."""


def data(
    name: str = typer.Argument(
        ...,
        metavar="DATA",
        help=f"Data set, as in `dguide train --data`: {', '.join(LOADERS.names())}, or your own as my_module:function.",
    ),
    png: Path | None = typer.Option(
        None,
        metavar="FILE.png",
        help=f"Draw the first {_PER_CLASS} images of each class, for at most {_CLASSES} classes.",
    ),
    everything: bool = typer.Option(False, "--all", help=f"List all omitted entries, not only the first {_SHOWN}."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON, for programs."),
) -> None:
    """Show what is in a data set.

    Sequences, classes, alphabet, and omitted entries with reasons. The data are prepared as for training, so the first
    call may take a while.
    """
    if png is not None:
        check_file("--png", png, ".png", 1_000_000)
    dataset = load(name, typed=True)
    if png is not None:
        _draw(dataset, png)
    if as_json:
        print(json.dumps(_summary(dataset), indent=2))
        return
    learnt = _learnt(dataset)
    pixels = "" if learnt else " pixels"
    alphabet = " ".join(dataset.codec.words) if isinstance(dataset.codec, Strings) else ""
    lines = {
        "data": dataset.name + (" (synthetic)" if dataset.synthetic else ""),
        "sequences": f"{len(dataset.train):,} for training, {len(dataset.validation):,} for validation, "
        f"{len(dataset.test):,} for the test",
        "tokens": f"{dataset.length} of {dataset.vocab_size}"
        + (f", {dataset.shape[0]} rows of {dataset.shape[1]}{pixels}" if dataset.shape else ""),
        **learnt,
        **({"cost": cost} if (cost := _cost(name, dataset)) else {}),
        **({"alphabet": alphabet} if alphabet else {}),
        "left out": f"{len(dataset.skipped):,}",
    }
    for key, value in lines.items():
        print(f"{key + ':':12s}{value}")
    for condition, rows in _condition_counts(dataset).items():
        print(f"{condition}:")
        for value, parts in rows.items():
            print(f"  {padded(value, 30)} " + " ".join(f"{x:9,}" if isinstance(x, int) else f"{x:9.5g}" for x in parts))
    _list_skipped(dataset, everything)


def _learnt(dataset: Dataset) -> dict[str, str]:
    """The pictures that tokens of a tokenizer stand for, and the tokenizer; nothing for other tokens."""
    codec = dataset.codec
    if not isinstance(codec, Learnt):
        return {}
    colour = "grey" if codec.channels == 1 else "in colour"
    return {
        "pictures": f"{codec.height} rows of {codec.width} pixels, {colour}",
        "tokenizer": f"{codec.folder}, SHA-256 {codec.digest[:12]}...",
    }


def _cost(name: str, dataset: Dataset) -> str:
    """What the tokens of images mean for training, where their size can be chosen."""
    less = halved(name, dataset)
    if less is None:
        return ""
    times = f"{dataset.length / _DIGITS:.0f} times as long as one of digits ({_DIGITS} tokens)"
    return f"a step of training takes at least {times}; {less[0]} has {less[1]:,} tokens"


def _list_skipped(dataset: Dataset, everything: bool) -> None:
    if not dataset.skipped:
        return
    print("left out:")
    for why, count in Counter(each.why for each in dataset.skipped).most_common(_SHOWN):
        print(f"  {count:9,} {why}")
    shown = dataset.skipped if everything else dataset.skipped[:_SHOWN]
    for each in shown:
        print(f"  {each.what}: {each.why}")
    if len(shown) < len(dataset.skipped):
        print(f"  and {len(dataset.skipped) - len(shown):,} more: --all lists them")


def _summary(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "synthetic": dataset.synthetic,
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
        "length": dataset.length,
        "vocab_size": dataset.vocab_size,
        "shape": dataset.shape,
        **({"size": codec.size, "tokenizer": codec.digest} if isinstance(codec := dataset.codec, Learnt) else {}),
        "conditions": _condition_counts(dataset),
        "skipped": [{"what": each.what, "why": each.why} for each in dataset.skipped],
    }


def _condition_counts(dataset: Dataset) -> dict[str, dict[str, list[int] | list[float]]]:
    """For each condition: the number of sequences of each class, or statistics of the numbers, in each split."""
    return {condition.name: _parts(condition, dataset) for condition in dataset.conditions}


def _parts(condition: Attribute, dataset: Dataset) -> dict[str, list[int] | list[float]]:
    parts = (dataset.train, dataset.validation, dataset.test)
    if isinstance(condition, Value):
        numbers = [part.properties[condition.name] for part in parts]
        return {
            "smallest": [float(x.min()) for x in numbers],
            "mean": [float(x.mean()) for x in numbers],
            "largest": [float(x.max()) for x in numbers],
        }
    counts = [Counter(condition.of(part.labels, part.properties).tolist()) for part in parts]
    return {value: [count[label] for count in counts] for label, value in enumerate(condition.class_names)}


def _draw(dataset: Dataset, path: Path) -> None:
    if dataset.shape is None:
        raise bad("--png", f"data {dataset.name}, which are no images", "images", "Leave it out.")
    require("matplotlib", "cli")
    from ...plots import images, style

    names = dataset.class_names[:_CLASSES] or ("",)
    rows, tiles = [], []
    for column in range(len(names)):
        members = (dataset.train.labels == column).nonzero().squeeze(-1)[:_PER_CLASS].tolist()
        rows += members
        tiles += [row * len(names) + column for row in range(len(members))]
    headings = labels_of(names, path)
    shown = dataset.name if style.fonts(dataset.name) else dataset.name.partition(":")[0]
    title = f"{'synthetic data, ' if dataset.synthetic else ''}{shown}"
    sheet = images.contact_sheet(dataset.codec, dataset.train.tokens[rows], len(names), headings, title, tiles)
    style.save(sheet, path)
