"""What guidance does to the shipped model of splice sites."""

from __future__ import annotations

from studies.sequences import study

__all__ = ["STUDY"]

STUDY = study(
    "splice",
    "base",
    {
        "asked": ("GT at EI", "AG at IE", "accuracy by place", "accuracy", "length"),
        "distances": ("divergence by place", "3-gram divergence", "4-gram divergence", "perplexity", "copies"),
    },
)

if __name__ == "__main__":
    STUDY.main(__doc__)
