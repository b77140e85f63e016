"""Does output i predict token i, or its neighbour?"""

from __future__ import annotations

from .probe import Probe, gain, surprise
from .record import Line, decided

__all__ = ["shift"]

SHIFT = "aligned"


def shift(probe: Probe) -> Line:
    """Whether the data are better predicted by the outputs of the neighbours."""
    expected = "output i predicts token i best"
    if not probe.data:
        return Line(SHIFT, "not decidable", "it needs data=, real sequences", expected)
    if probe.clean.shape[1] < 2:
        return Line(SHIFT, "not decidable", "a sequence has one token", expected)
    base = surprise(probe.law(), probe.clean)
    others = {by: surprise(probe.law(probe.logits.roll(by, 1)), probe.clean) for by in (1, -1)}
    inside = {by: probe.where.clone() for by in others}
    inside[1][:, 0] = inside[-1][:, -1] = False  # no neighbour
    means = {by: f"{float(bits[inside[by]].mean()):.2f}" for by, bits in others.items()}
    seen = (
        f"{float(base[probe.where].mean()):.2f} bits a token; by output i - 1 {means[1]}, by output i + 1 {means[-1]}"
    )
    remedies = {
        1: "Convention(shifted=True), or move the logits one place to the right.",
        -1: "Convention(shifted=False), or move the logits one place to the left.",
    }
    better = next((by for by, bits in others.items() if gain(base, bits, inside[by]).sure), 0)
    worse = all(gain(bits, base, inside[by]).sure for by, bits in others.items())
    return decided(SHIFT, seen, expected, remedies.get(better, ""), right=worse, wrong=better != 0)
