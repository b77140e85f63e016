"""What is drawn, in order: the most telling cells first, so that any number of groups is a study that says something.

`COMPUTED` and `COMPUTED_SMALL` say how many groups the committed results have. To go on, raise them and start the
command again: finished parts are kept. All groups of the model take four hours of one core, those of the small problems
seven minutes.
"""

from __future__ import annotations

from studies.evidence.share.cells import BOTH, FIRST_HITTING, MEANS, STEPS, Cell

__all__ = ["COMPUTED", "COMPUTED_SMALL", "FURTHER", "GROUPS", "QUICK", "QUICK_SMALL", "SMALL", "THREE", "UNIFORM"]

THREE = (*BOTH, "Simple")
_CHAIN = ("TauLeaping", "Unrejected", "Ancestral")
_ALL = ("Released", "TauLeaping", "Unrejected", "Euler", "Ancestral")
_LATE, _EARLY = "ramp-up", "inverse"

GROUPS: dict[str, list[Cell]] = {
    "mean 3, T = 16, and one position a call": [
        *Cell.several(BOTH, ("TauLeaping", "Unrejected", "Ancestral", "Released"), (16,)),
        *Cell.several(BOTH, [FIRST_HITTING], ()),
        *Cell.several(BOTH, ["TauLeaping"], (16,), _LATE),
    ],
    "T = 8": Cell.several(BOTH, _ALL, (8,)),
    "digits with T = 32": Cell.several(BOTH, ("Released", *_CHAIN), (32,)),
    "digits with `Simple`": [
        *Cell.several(["Simple"], ("TauLeaping", "Ancestral"), (8, 16)),
        *Cell.several(BOTH, ["Euler"], (16,)),
    ],
    "digits with the ramp-up": [
        *Cell.several(BOTH, _CHAIN, (8, 16), _LATE),
        *Cell.several(BOTH, [FIRST_HITTING], (), _LATE),
    ],
    "digits with T = 64": Cell.several(BOTH, _CHAIN, (64,)),
    "digits with T = 128": Cell.several(BOTH, _CHAIN, (128,)),
    "digits with the inverse": [
        *Cell.several(BOTH, _CHAIN, (8, 16), _EARLY),
        *Cell.several(BOTH, [FIRST_HITTING], (), _EARLY),
    ],
    "digits with every other combination": [
        cell
        for mean in MEANS
        for schedule in ("constant", _LATE, _EARLY)
        for cell in Cell.several(THREE, (*_ALL, FIRST_HITTING), STEPS, schedule, mean)
    ],
}
"""Cells of the model of digits by name of the group."""
COMPUTED = 8

_ONE = [*GROUPS["mean 3, T = 16, and one position a call"], *GROUPS["T = 8"]]
FURTHER: dict[str, list[Cell]] = {
    "splice-masked": _ONE,
    "peptides-masked": _ONE,
    "digits-uniform": [cell for cell in _ONE if cell.sampler not in ("Released", FIRST_HITTING)],
}
"""Cells of further models. The uniform process has no mask for the end of the released code, and no first hitting."""

SMALL: dict[str, tuple[list[Cell], bool]] = {
    "small problems with log Z_w above 3": (Cell.several(THREE, (*_ALL, FIRST_HITTING), STEPS), True),
    "small problems with log Z_w below 3": (Cell.several(THREE, (*_ALL, FIRST_HITTING), STEPS), False),
    "small problems with other schedules": (
        [
            cell
            for schedule in (_LATE, _EARLY)
            for cell in Cell.several(BOTH, (*_CHAIN, FIRST_HITTING), STEPS, schedule)
        ],
        True,
    ),
    "small problems with mean weights 1 and 5": (
        [cell for mean in (1.0, 5.0) for cell in Cell.several(BOTH, (*_CHAIN, FIRST_HITTING), STEPS, mean=mean)],
        True,
    ),
}
"""Cells by name of the group, and whether of the problems with log Z_w above 3 at w = 3, or of the others."""
COMPUTED_SMALL = 4

UNIFORM = Cell.several(BOTH, (*_CHAIN, FIRST_HITTING), (8, 16, 32))
"""Cells of each of the small problems with the uniform process, which has no position to force."""

QUICK = [
    *Cell.several(BOTH, [FIRST_HITTING], ()),
    *Cell.several(BOTH, ("Released", *_CHAIN), (8,)),
]
QUICK_SMALL = Cell.several(THREE, (*_CHAIN, FIRST_HITTING), (8, 16))
"""Cells of the reduced size."""
