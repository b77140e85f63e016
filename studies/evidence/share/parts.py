r"""The parts of the gap between `Unlocking` and `Normalized`, each a sum of signed cells.

Write g(s) for the distance of `Unlocking` minus that of `Normalized` with sampler s. Then

$$g(\text{TauLeaping}) = \underbrace{g(\text{TauLeaping}) - g(\text{Unrejected})}_{\text{rejection}}
+ \underbrace{g(\text{Unrejected}) - g(\text{Ancestral})}_{\text{held rates}}
+ \underbrace{g(\text{Ancestral}) - g(\text{FirstHitting})}_{\text{pace}}
+ \underbrace{g(\text{FirstHitting})}_{\text{order}}.$$

The first two are the sampler's. Pace is what long steps do to a mechanism in the exact posterior of the step; it
vanishes as T grows. Order is what is left of a mechanism with one position a call. The end of the released code, g of
`Released` minus g of `TauLeaping`, stands beside them.
"""

from __future__ import annotations

from studies.evidence.share.cells import FIRST_HITTING, Cell, gap

__all__ = ["PARTS", "Signed", "part"]

Signed = list[tuple[int, Cell]]

PARTS: dict[str, tuple[str, ...]] = {
    "gap": ("TauLeaping",),
    "rejection": ("TauLeaping", "Unrejected"),
    "held rates": ("Unrejected", "Ancestral"),
    "pace": ("Ancestral", FIRST_HITTING),
    "order": (FIRST_HITTING,),
    "end": ("Released", "TauLeaping"),
}
"""The samplers of each part: the gap with the first one, minus that with the second one if there is one."""


def part(name: str, steps: int, schedule: str = "constant", mean: float = 3.0) -> Signed:
    """The signed cells of a part, for T network calls."""
    found: Signed = []
    for sign, sampler in zip((1, -1), PARTS[name], strict=False):
        found += gap(sampler, None if sampler == FIRST_HITTING else steps, schedule, mean, sign)
    return found
