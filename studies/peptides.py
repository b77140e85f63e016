"""What guidance does to the shipped model of antimicrobial peptides."""

from __future__ import annotations

from studies.sequences import study

__all__ = ["STUDY"]

STUDY = study(
    "peptides",
    "amino acid",
    {
        "asked": ("valid", "accuracy", "unique", "copies", "Fréchet distance", "2-gram divergence"),
        "descriptors": ("amino acids", "net charge", "hydrophobicity", "hydrophobic moment"),
    },
)

if __name__ == "__main__":
    STUDY.main(__doc__)
