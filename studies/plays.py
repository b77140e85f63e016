"""What guidance does to the shipped model of Shakespeare's plays."""

from __future__ import annotations

from studies.sequences import study

__all__ = ["STUDY"]

STUDY = study(
    "plays",
    "character",
    {
        "asked": ("accuracy", "real words", "real long words", "copies"),
        "distances": ("2-gram divergence", "3-gram divergence", "4-gram divergence", "perplexity", "entropy"),
    },
)

if __name__ == "__main__":
    STUDY.main(__doc__)
