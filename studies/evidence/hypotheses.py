"""What arXiv 2507.08965 finds, as claims about cells of the grid, stated before any sample of it is drawn.

A claim is that a sum of figures of cells is on the better side of 0: below 0 for a distance, above 0 for a share. So
"A is better than B" is the sum with +1 for A and -1 for B.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from .grid_cells import NAMES, Cell
from .grid_plans import Plan

__all__ = ["BEST", "HYPOTHESES", "LEFT", "MARGIN", "Claim", "Hypothesis", "family"]

MARGIN = 0.5
"""The largest gap with a ramp-up that counts as none, as a share of the gap with a constant weight."""
LEFT = 0.25
"""The share of the gap at the fewest steps that must be left at the most, so that it has not vanished."""
FROM = 2.0
"""Mean weights from here on are strong enough for claims about mechanisms."""
OTHERS = NAMES[1:]


@dataclass(frozen=True)
class Claim:
    """One test of a hypothesis: a sum over cells that is better than 0.

    Attributes:
        terms: the cells with their coefficients.
        label: what differs, in words.
    """

    terms: tuple[tuple[Cell, float], ...]
    label: str

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(cell for cell, _ in self.terms)

    @property
    def mean(self) -> float:
        """The largest mean weight in it."""
        return max(cell.mean for cell in self.cells)


@dataclass(frozen=True)
class Hypothesis:
    """A finding, with its tests.

    Attributes:
        name: a short name.
        claim: the finding, in words.
        by: the test, in words.
        claims: the tests at the means and steps of a plan.
        sides: how many tests of the same cells belong together, and hold only together.
    """

    name: str
    claim: str
    by: str
    claims: Callable[[Plan], Iterator[Claim]]
    sides: int = 1

    def tests(self, plan: Plan) -> tuple[Claim, ...]:
        """The claims whose cells the plan has."""
        there = {*plan.cells, BEST}
        return tuple(claim for claim in self.claims(plan) if there.issuperset(claim.cells))


def _better(one: Cell, two: Cell, label: str) -> Claim:
    return Claim(((one, 1.0), (two, -1.0)), label)


def _strong(plan: Plan) -> tuple[float, ...]:
    return tuple(mean for mean in plan.means if mean >= FROM)


def _gap(other: str, schedule: str, mean: float, steps: int, factor: float = 1.0) -> tuple[tuple[Cell, float], ...]:
    """`Normalized` minus another mechanism, times a factor; for a distance this is minus the gap between them."""
    return ((Cell(NAMES[0], schedule, mean, steps), factor), (Cell(other, schedule, mean, steps), -factor))


def _normalized(plan: Plan) -> Iterator[Claim]:
    for steps, mean, other in product(plan.steps, _strong(plan), OTHERS):
        yield Claim(_gap(other, "constant", mean, steps), f"`Normalized` against `{other}`")


def _schedules(one: str, two: str) -> Callable[[Plan], Iterator[Claim]]:
    def claims(plan: Plan) -> Iterator[Claim]:
        for steps, mean, name in product(plan.steps, plan.means, NAMES):
            yield _better(Cell(name, one, mean, steps), Cell(name, two, mean, steps), f"`{name}`")

    return claims


def _alike(plan: Plan) -> Iterator[Claim]:
    for steps, mean, other, side in product(plan.steps, _strong(plan), OTHERS, (1.0, -1.0)):
        # Of distances: side * gap(ramp-up) - MARGIN * gap(constant) is below 0.
        terms = (*_gap(other, "constant", mean, steps, MARGIN), *_gap(other, "ramp-up", mean, steps, -side))
        yield Claim(terms, f"`{other}` not {'worse' if side > 0 else 'better'} than `Normalized`")


def _pairs(plan: Plan) -> list[tuple[int, int]]:
    """Numbers of steps to compare: the fewest with the most, and 16 with 32, which most plans have."""
    pairs = {(plan.steps[0], plan.steps[-1]), (16, 32)}
    return sorted((few, many) for few, many in pairs if few < many and {few, many} <= set(plan.steps))


def _shrinks(plan: Plan) -> Iterator[Claim]:
    for (few, many), mean, other in product(_pairs(plan), _strong(plan), OTHERS):
        terms = (*_gap(other, "constant", mean, few), *_gap(other, "constant", mean, many, -1.0))
        yield Claim(terms, f"gap to `{other}`, {few} against {many} steps")


def _stays(plan: Plan) -> Iterator[Claim]:
    for (few, many), mean, other in product(_pairs(plan), _strong(plan), OTHERS):
        terms = (*_gap(other, "constant", mean, many), *_gap(other, "constant", mean, few, -LEFT))
        yield Claim(terms, f"gap to `{other}` at {many} steps against {LEFT:g} of that at {few}")


def _guided(plan: Plan) -> Iterator[Claim]:
    for steps in plan.steps:
        yield _better(BEST, Cell.unguided(steps), f"chosen setting against none, {steps} steps")


BEST = Cell("chosen", "chosen", 0.0, 0)
"""Stands for the guided cell that the validation part chooses, at the steps of the other cell of the claim."""

HYPOTHESES: tuple[Hypothesis, ...] = (
    Hypothesis(
        "normalised-is-better",
        "With a constant weight of mean 2, 3 and 5, `Normalized` is better than `Unlocking` and than `Simple`.",
        "`Normalized` minus the other one, at each number of steps.",
        _normalized,
    ),
    Hypothesis(
        "early-harms",
        "Strong guidance near noise harms: inverse is worse than constant.",
        "Constant minus inverse, for each mechanism, mean weight and number of steps.",
        _schedules("constant", "inverse"),
    ),
    Hypothesis(
        "late-helps",
        "Guidance near data helps: ramp-up is better than constant.",
        "Ramp-up minus constant, in the same way.",
        _schedules("ramp-up", "constant"),
    ),
    Hypothesis(
        "power-beats-ramp",
        "A weight that is a little later still is a little better: `Power` with exponent 1.5 against ramp-up.",
        "`Power` minus ramp-up, in the same way.",
        _schedules("power-1.5", "ramp-up"),
    ),
    Hypothesis(
        "ramp-beats-interval",
        "Ramp-up is better than an interval of noise levels, 0.25 to 0.75.",
        "Ramp-up minus interval, in the same way.",
        _schedules("ramp-up", "interval"),
    ),
    Hypothesis(
        "alike-with-ramp",
        "With a ramp-up of mean 2, 3 and 5 the mechanisms are alike.",
        "Equivalence by two one-sided tests: the gap between `Normalized` and the other one is, on both sides, smaller"
        f" than {MARGIN:g} of their gap with a constant weight of the same mean and steps.",
        _alike,
        sides=2,
    ),
    Hypothesis(
        "gap-shrinks",
        "The gap of normalised-is-better shrinks with the number of steps, since its cause is partly the pace.",
        "The gap at more steps minus the gap at fewer.",
        _shrinks,
    ),
    Hypothesis(
        "gap-stays",
        f"But the gap does not vanish, since its cause is partly the order: at least {LEFT:g} of it is left.",
        f"The gap at more steps minus {LEFT:g} of the gap at fewer.",
        _stays,
    ),
    Hypothesis(
        "guidance-helps",
        "Guidance helps at all.",
        "The best guided setting minus no guidance, at each number of steps. The first seed chooses the setting, on the"
        " validation part; the figures are those of the other seeds, on the test part.",
        _guided,
    ),
)
"""All hypotheses, in the order of the page."""


def family(plan: Plan) -> int:
    """The number of tests of a data set; each has the level 1 - 0.05 / number."""
    return sum(len(each.tests(plan)) for each in HYPOTHESES)
