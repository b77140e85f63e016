"""Does output i predict token i, or its neighbour?"""

from __future__ import annotations

import torch

from .probe import Probe, gain, surprise
from .record import Line

__all__ = ["shift"]

SHIFT = "aligned"


def shift(probe: Probe) -> Line:
    """Whether the data are better predicted by the outputs of the neighbours."""
    expected = "output i predicts token i best"
    if not probe.data:
        return Line(SHIFT, "not decidable", "it needs data=, real sequences", expected)
    if probe.clean.shape[1] < 3:
        return Line(SHIFT, "not decidable", "fewer than three tokens", expected)
    inner = probe.where.clone()
    inner[:, 0] = inner[:, -1] = False
    base = surprise(probe.law(), probe.clean)
    others = {by: surprise(probe.law(probe.logits.roll(by, 1)), probe.clean) for by in (1, -1)}
    mean = float(base[inner].mean())
    seen = f"{mean:.2f} bits a token; by output i - 1 {float(others[1][inner].mean()):.2f}"
    seen += f", by output i + 1 {float(others[-1][inner].mean()):.2f}"
    remedies = {
        1: "Convention(shifted=True), or move the logits one place to the right.",
        -1: "Convention(shifted=False), or move the logits one place to the left.",
    }
    for by, bits in others.items():
        if gain(base, bits, inner).sure:
            return Line(SHIFT, "wrong", seen, expected, remedies[by])
    if all(gain(bits, base, inner).sure for bits in others.values()):
        return Line(SHIFT, "right", seen, expected)
    both = "a neighbour predicts as well" if bool(torch.isfinite(base).all()) else "tokens are impossible"
    return Line(SHIFT, "not decidable", f"{seen}: {both}", expected)
