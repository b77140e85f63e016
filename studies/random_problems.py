"""The two tables of random problems of docs/theory.md: both mechanisms, and late against early guidance.

The problems are softmax tables of normal logits, solved exactly with the masked process.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dguide import InverseLinear, Linear, Masked, Normalized, Unlocking
from dguide.exact import Problem, jump_chain, solve, total_variation
from studies.common import Study, table

__all__ = ["SHAPES", "STUDY", "softmax_problems"]

SHAPES = ((4, 2), (2, 4), (3, 3), (5, 2), (4, 3), (2, 6), (3, 4), (9, 2))
"""Tokens and positions of 16 to 81 states."""
SETTINGS = ((0.5, 1, 0.0), (0.5, 1, 0.2), (0.5, 3, 0.0), (1.5, 1, 0.0), (1.5, 1, 0.2), (1.5, 3, 0.0), (1.5, 3, 0.2))
"""Spread of the logits, w, and share of the condition in the reference."""
COUNT, FEWER = 96, 60
MECHANISMS = {"Normalized": Normalized, "Unlocking": Unlocking}
SCHEDULES = {"late": Linear, "constant": float, "early": InverseLinear}


def softmax_problems(
    count: int, spread: float, share: float, shapes: Sequence[tuple[int, int]] = SHAPES
) -> list[Problem]:
    """Softmax tables of normal logits with a standard deviation of `spread`.

    The reference has a share of the condition; its rest is a second table.
    """

    def law(n: int, d: int, seed: int) -> Tensor:
        noise = torch.randn([n] * d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return torch.softmax(spread * noise.flatten(), 0).view([n] * d)

    made = []
    for seed in range(count):
        n, d = shapes[seed % len(shapes)]
        cond, rest = law(n, d, 2 * seed), law(n, d, 2 * seed + 1)
        made.append(Problem(Masked(n), cond, share * cond + (1 - share) * rest))
    return made


def between(one: Tensor, other: Tensor) -> float:
    return float(f"{float(total_variation(one, other)):.9g}")


def compute() -> dict[str, Any]:
    mechanisms = []
    for spread, weight, share in SETTINGS:
        entry: dict[str, Any] = {"spread": spread, "w": weight, "share": share, "between": []}
        entry["distance"] = {name: [] for name in MECHANISMS}
        for problem in softmax_problems(COUNT, spread, share):
            laws = [jump_chain(problem, mechanism(float(weight))) for mechanism in MECHANISMS.values()]
            entry["between"].append(between(*laws))
            for name, law in zip(MECHANISMS, laws, strict=True):
                entry["distance"][name].append(between(law, problem.target(weight)))
        mechanisms.append(entry)
    schedules = []
    for weight in (1, 3):
        problems = softmax_problems(FEWER, 1.5, 0.2, SHAPES[:3])
        for name, mechanism in MECHANISMS.items():
            distance = {
                when: [between(solve(p, mechanism(make(float(weight)))).final, p.target(weight)) for p in problems]
                for when, make in SCHEDULES.items()
            }
            schedules.append({"w": weight, "mechanism": name, "distance": distance})
    return {"mechanisms": mechanisms, "schedules": schedules}


def sections(results: dict[str, Any]) -> dict[str, str]:
    rows, relative = [], []
    for entry in results["mechanisms"]:
        one, other = entry["distance"].values()
        gaps, apart = [abs(a - b) for a, b in zip(one, other, strict=True)], entry["between"]
        relative.append(str(sum(abs(a - b) < 0.01 * max(a, b) for a, b in zip(one, other, strict=True))))
        rows.append(
            [f"{entry['spread']:g}", f"{entry['w']}", f"{entry['share']:g}", str(sum(gap < 0.01 for gap in gaps))]
            + [f"{statistics.median(values):.3f} ({max(values):.3f})" for values in (gaps, apart)]
            + [str(sum(a < b for a, b in zip(one, other, strict=True)))]
        )
    head = (
        ":spread | :w | :share | :problems with gap below 0.01 | :median gap (largest) "
        "| :median distance between (largest) | :problems in which `Normalized` is nearer"
    )
    late = []
    for entry in results["schedules"]:
        distance = entry["distance"]
        differences = [e - la for e, la in zip(distance["early"], distance["late"], strict=True)]
        count = len(differences)
        error = statistics.stdev(differences) / count**0.5
        late.append(
            [str(entry["w"]), f"`{entry['mechanism']}`"]
            + [f"{statistics.mean(distance[when]):.3f}" for when in SCHEDULES]
            + [f"{sum(d > 0 for d in differences)} of {count}", f"{statistics.mean(differences):.3f} ({error:.3f})"]
        )
    most = -min(
        e - la
        for s in results["schedules"]
        for e, la in zip(*(s["distance"][k] for k in ("early", "late")), strict=True)
    )
    late_head = (
        ":mean w | mechanism | :late, $2w(1-m)$ | :constant | :early, $2wm$ "
        "| :late nearer than early | :early minus late"
    )
    counter = f"There are also problems in which early guidance ends nearer, by up to {most:.2f}."
    alike = f"The two distances agree within 1 % of the larger one on {', '.join(relative)} problems, row by row."
    return {"mechanisms": f"{table(head, rows)}\n\n{alike}", "schedules": f"{table(late_head, late)}\n\n{counter}"}


STUDY = Study("random_problems", "theory.md", "a minute of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
