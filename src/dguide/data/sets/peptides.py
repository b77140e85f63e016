"""Peptides that act against microbes, and others: 10 to 50 amino acids (the package `modlamp`, no download)."""

from __future__ import annotations

import csv

from ..base import Dataset, Skipped
from .packaged import files_of
from .related import Entry, related

__all__ = ["peptides"]

CLASSES = {"0": "other", "1": "antimicrobial"}
"""Names of the classes, by what stands in the file."""
SHORTEST, LONGEST = 10, 50


def peptides() -> Dataset:
    """Antimicrobial peptides of the database APD3, and as many random proteins of UniProt, of 10 to 50 amino acids.

    The second class was chosen by its length alone, from 10 to 50. So the few antimicrobial peptides of other lengths
    are left out: otherwise the length would tell the class. Copies are left out too. A sequence of both classes is
    antimicrobial. 4,349 of 5,200 sequences remain. Those that have two fifths of their runs of four amino acids in
    common are of one family (`families`), and a family is in one part. Families of more than 20 are for training. So
    there are 3,327 for training, 320 for validation and 702 for the test.

    Sources: Wang, Li and Wang, "APD3: the antimicrobial peptide database as a tool for research and education", Nucleic
    Acids Research 44, 2016; Müller et al., "modlAMP: Python for antimicrobial peptides", Bioinformatics 33, 2017.

    Raises:
        dguide.errors.MissingExtra: If `modlamp` is not installed.
    """
    path = files_of("modlamp", "'dguide[peptides]'", "data", "AMPvsUniProt.csv")
    entries, skipped = [], []
    with path.open(newline="", encoding="utf-8") as lines:
        for number, (text, kind, *_) in enumerate(csv.reader(lines), start=1):
            place, text = f"line {number}", text.strip()
            if number == 1:  # the sizes and the names of the classes
                continue
            if SHORTEST <= len(text) <= LONGEST:
                entries.append(Entry(text, CLASSES[kind.strip()], place))
            else:
                skipped.append(Skipped(place, f"{len(text)} amino acids, not {SHORTEST} to {LONGEST}"))
    return related("peptides", entries, what="kind", run=4, share=0.4, skipped=skipped, wins="antimicrobial")
