"""Real and generated sequences side by side: DNA, peptides and text."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dguide.data import Dataset, Split, Strings
from dguide.evaluate.texts.junctions import Junctions
from dguide.evaluate.texts.peptides import DESCRIPTORS, HYDROPHOBICITY, Peptides, descriptors
from dguide.plots import style
from studies.common import about

__all__ = ["picture"]

TITLES = ("real, held out", "generated, asked for each class")
WIDE = 5
"""Most texts of a class."""


def picture(dataset: Dataset, tokens: Tensor, labels: Tensor) -> Any:
    """A figure of held-out sequences and of generated ones [N, L], which were asked for by their classes [N]."""
    sides = (dataset.test, Split(tokens, labels))
    if Junctions().suits(dataset):
        return bases(dataset, sides)
    return properties(dataset, sides) if Peptides().suits(dataset) else texts(dataset, sides)


def decoded(dataset: Dataset, split: Split, label: int) -> list[str]:
    assert isinstance(dataset.codec, Strings)
    return dataset.codec.decode(split.tokens[split.labels == label])


def bases(dataset: Dataset, sides: tuple[Split, Split]) -> Any:
    """The share of each base at each place, for each class."""
    assert isinstance(dataset.codec, Strings)
    figure = style.blank((11.0, 5.2))
    letters = dataset.codec.words[3:]
    for row, split, title in zip(figure.subplots(2, dataset.n_classes, sharey=True), sides, TITLES, strict=True):
        for label, axes in enumerate(row):
            hot = torch.nn.functional.one_hot(split.tokens[split.labels == label][:, 1:-1], dataset.vocab_size)
            shares = hot.double().mean(0)[:, 3:].T.numpy()
            colours = [style.series(number)["color"] for number in range(len(letters))]
            axes.stackplot(np.arange(1, shares.shape[1] + 1), shares, labels=letters, colors=colours, step="mid")
            axes.axvline(30.5, color="black", linewidth=0.8, linestyle="--")
            axes.set(xlim=(1, 60), ylim=(0, 1), title=f"{dataset.class_names[label]}: {title}", xlabel="place")
    handles, names = row[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", frameon=False)
    return figure


def valid(text: str) -> bool:
    """Whether it is of one or more amino acids."""
    return bool(text) and set(text) <= HYDROPHOBICITY.keys()


def properties(dataset: Dataset, sides: tuple[Split, Split]) -> Any:
    """Histograms of the descriptors of valid peptides, for each class."""
    figure = style.blank((11.0, 5.2))
    grid = figure.subplots(dataset.n_classes, len(DESCRIPTORS))
    values = [
        [descriptors(list(filter(valid, decoded(dataset, split, label)))) for split in sides]
        for label in range(dataset.n_classes)
    ]
    for column, name in enumerate(DESCRIPTORS):
        every = np.concatenate([each[:, column] for pair in values for each in pair])
        bins = np.linspace(every.min(), every.max() + 1e-9, 21)
        for row, pair in zip(grid, values, strict=True):
            for number, (found, title) in enumerate(zip(pair, TITLES, strict=True)):
                line = {"color": style.series(number)["color"], "linestyle": ("-", "--")[number], "label": title}
                row[column].hist(found[:, column], bins, density=True, histtype="step", linewidth=1.6, **line)
            row[column].set_yticks([])
            row[column].set_xlabel(name)
    for row, label in zip(grid, dataset.class_names, strict=True):
        row[0].set_ylabel(label)
    handles, names = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2, frameon=False)
    return figure


def texts(dataset: Dataset, sides: tuple[Split, Split]) -> Any:
    """Some texts of each class."""
    figure = style.blank((11.0, 0.135 * (WIDE + 1) * dataset.n_classes + 0.7))
    for axes, split, title in zip(figure.subplots(1, 2), sides, TITLES, strict=True):
        lines = []
        for label, name in enumerate(dataset.class_names):
            found = decoded(dataset, split, label)
            lines += [f"{name}:", *(f"  {text}" for text in found[:: max(len(found) // WIDE, 1)][:WIDE])]
        axes.text(0, 1, "\n".join(lines), family="monospace", fontsize=7.5, va="top", transform=axes.transAxes)
        axes.set_title(title, fontsize=12)
        axes.axis("off")
    return figure


if __name__ == "__main__":
    about(__doc__, "studies.shipped")
