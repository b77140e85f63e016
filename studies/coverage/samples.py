"""Figures of samples: shares, distances, neighbours, diversity."""

from __future__ import annotations

import numpy as np

from dguide.evaluate import proportion

from .case import Case

__all__ = ["CASES"]


def _share(p: float) -> Case:
    def draw(n: int, generator: np.random.Generator) -> tuple[float, float]:
        found = proportion(int(generator.binomial(n, p)), n)
        return found.low, found.high

    return Case("share", f"probability {p}", p, draw)


CASES = tuple(_share(p) for p in (0.5, 0.9, 0.99))
