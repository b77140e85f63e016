"""The tables of small random problems in docs/when-it-matters.md: both mechanisms, problem by problem.

`dguide.theory.strength` and `dguide.theory.order_effects` compute them exactly, at w = 3. Shares are of pairs: on each
problem the two mechanisms are compared with the same predictions, schedule and steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from dguide import Normalized, Unlocking
from dguide.evaluate import Proportion, proportion
from dguide.exact import total_variation
from dguide.theory import order_effects, strength
from dguide.theory.jumps import Jumps
from dguide.theory.order_effects import OrderEffects
from dguide.theory.strength import LOG_Z_BINS, SCHEDULES, Strength
from dguide.theory.summary import Quartiles, quartiles
from studies.common import Study, inside, table

__all__ = ["STUDY"]

WEIGHT, SEEDS = 3.0, range(100, 132)
WORDS = {
    "none": "none",
    "shared": "shared, 0.5",
    "independent, small": "independent, 0.2",
    "independent": "independent, 0.5",
    "independent, rare contexts": "independent, rare contexts",
}
"""Kinds of errors, as the page has them."""
EQUAL = 1e-6
"""Distances that differ by less are the same: so accurate is the solution in continuous time."""
STEPS = {"constant": (2, 4, 8, 16, 32, 64), "ramp-up": (2, 8, 64)}
NAMES = ("Normalized", "Unlocking", "Simple")


def compute() -> dict[str, Any]:
    families = []
    for seed in SEEDS:
        for family, problem in order_effects.problems(seed).items():
            jumps, target = Jumps.of(problem, WEIGHT), problem.target(WEIGHT)
            far = {m.__name__: float(total_variation(jumps.sequential(m), target)) for m in (Normalized, Unlocking)}
            families.append({"family": family, "distance": far})
    return packed(strength.compute(WEIGHT), order_effects.compute(WEIGHT)) | {"families": families}


def packed(strong: Strength, orders: OrderEffects) -> dict[str, Any]:
    """Both as JSON can hold them; `unpacked` is the way back."""
    ordered = [asdict(case) | {"distance": list(case.distance.items())} for case in orders.cases]
    return rounded({"strength": [asdict(case) for case in strong.cases], "orders": ordered, "steps": orders.steps})


def rounded(thing: Any) -> Any:
    """With six digits, which no table needs."""
    if isinstance(thing, float):
        return float(f"{thing:.6g}")
    if isinstance(thing, dict):
        return {key: rounded(value) for key, value in thing.items()}
    return [rounded(each) for each in thing] if isinstance(thing, (list, tuple)) else thing


def unpacked(results: dict[str, Any]) -> tuple[Strength, OrderEffects]:
    orders = [
        order_effects.Case(**case | {"distance": {(p, o, t): far for (p, o, t), far in case["distance"]}})
        for case in results["orders"]
    ]
    strong = Strength(WEIGHT, tuple(strength.Case(**case) for case in results["strength"]))
    return strong, OrderEffects(WEIGHT, results["steps"], tuple(orders))


def sections(results: dict[str, Any]) -> dict[str, str]:
    strong, orders = unpacked(results)
    return {
        "strength": by_strength(strong),
        "paired": paired(strong),
        "paired families": paired_families(strong),
        "steps": by_steps(strong),
        "one at a time": one_at_a_time(orders),
        "pace and order": pace_and_order(orders),
        "order families": order_families(results["families"]),
        "prediction": table(
            "errors of the predictions | rank correlation (95 % interval)",
            [[WORDS[errors], str(found)] for errors, found in orders.prediction().items()],
        ),
    }


def share(of: Proportion) -> str:
    return inside(of.value, of.low, of.high)


def by_strength(data: Strength) -> str:
    rows = []
    for row in (row for row in data.rows() if row.steps is None):
        first = row.schedule == next(iter(SCHEDULES))
        rows.append(
            [
                *((row.group, str(row.count)) if first else ("", "")),
                row.schedule,
                *(str(row.distance[name]) for name in NAMES[:2]),
                str(row.apart),
            ]
        )
    to = "TV to the target: "
    head = f"log Z_w | :problems | schedule | {to}`Normalized` | {to}`Unlocking` | TV between the two"
    most = ", ".join(
        f"{max(c.apart for c in data.cases if c.steps is None and c.schedule == schedule):.2f} ({schedule})"
        for schedule in SCHEDULES
    )
    return f"{table(head, rows)}\n\nThe largest TV between the two on one problem is {most}."


def pair(cases: Sequence[strength.Case]) -> list[str]:
    """On which share of the cases `Unlocking` is nearer to the target, and by how much."""
    margins = [case.distance["Normalized"] - case.distance["Unlocking"] for case in cases]
    decided = [margin for margin in margins if abs(margin) > EQUAL]
    nearer = sum(margin > 0 for margin in decided)
    return [f"{nearer} of {len(decided)}", share(proportion(nearer, len(decided))), str(quartiles(margins))]


def groups(data: Strength, group: Callable[[strength.Case], str], names: Sequence[str], head: str) -> str:
    rows = []
    for name in names:
        for schedule in SCHEDULES:
            cases = [c for c in data.cases if c.steps is None and (group(c), c.schedule) == (name, schedule)]
            rows.append([name if schedule == "constant" else "", schedule, *pair(cases)])
    return table(f"{head} | schedule | :`Unlocking` nearer to the target | :share | :by how much", rows)


def paired(data: Strength) -> str:
    everything = groups(data, lambda case: "all", ["all"], "").splitlines()
    return "\n".join(
        [
            *groups(data, lambda case: strength.log_z_bin(case.log_z), [*LOG_Z_BINS], "log Z_w").splitlines(),
            *everything[2:],
        ]
    )


def paired_families(data: Strength) -> str:
    return groups(data, lambda case: case.family, sorted({case.family for case in data.cases}), "kind of problem")


def by_steps(data: Strength) -> str:
    group = [*LOG_Z_BINS][-1]
    found = {(row.schedule, row.steps): row for row in data.rows() if row.group == group}
    rows = []
    for schedule, steps in STEPS.items():
        for t in steps:
            row = found[schedule, t]
            medians = [f"{of[name].median:.3f}" for of in (row.distance, row.divergence) for name in NAMES]
            rows.append([schedule if t == steps[0] else "", str(t), *medians])
    heads = [f":{measure}: `{name}`" for measure in ("TV", "KL in nats") for name in NAMES]
    return table(f"schedule | :T | {' | '.join(heads)}", rows)


def one_at_a_time(data: OrderEffects) -> str:
    found = {(row.errors, row.order): row for row in data.rows() if row.steps is None}
    rows = [
        [
            WORDS[errors],
            *(str(found[errors, order].distance) for order in ("normalized", "unlocking")),
            share(found[errors, "unlocking"].worse),
        ]
        for errors in WORDS
    ]
    one = "one at a time"
    return table(f"errors of the predictions | {one}, `Normalized` | {one}, `Unlocking` | :share worse", rows)


def pace_and_order(data: OrderEffects) -> str:
    found = {(row.errors, row.pace, row.order): row for row in data.rows() if row.steps == data.steps}
    rows = []
    for errors in WORDS:
        cells = [f"{found[errors, 'normalized', 'normalized'].distance.median:.3f}"]
        for pace, order in (("normalized", "unlocking"), ("unlocking", "normalized"), ("unlocking", "unlocking")):
            row = found[errors, pace, order]
            cells += [f"{row.distance.median:.3f}", share(row.worse)]
        rows.append([WORDS[errors], *cells])
    changed = ("only the order of `Unlocking`", "only the pace of `Unlocking`", "order and pace of `Unlocking`")
    heads = " | ".join(f":{what} | :share worse" for what in changed)
    return table(f"errors of the predictions | :order and pace of `Normalized` | {heads}", rows)


def order_families(cases: list[dict[str, Any]]) -> str:
    rows = []
    for family in dict.fromkeys(case["family"] for case in cases):
        margins = [c["distance"]["Normalized"] - c["distance"]["Unlocking"] for c in cases if c["family"] == family]
        worse = sum(margin < 0 for margin in margins)
        spread: Quartiles = quartiles([-margin for margin in margins])
        rows.append([family, f"{worse} of {len(margins)}", share(proportion(worse, len(margins))), str(spread)])
    return table("kind of problem | :`Unlocking` further away | :share | :by how much", rows)


STUDY = Study("mechanisms", "when-it-matters.md", "two minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
