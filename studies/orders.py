"""Distance of the samples of confidence-order samplers, by number of calls.

The problems are those of studies/calls.py, masked, `Normalized`, w = 3, constant, with exact denoisers. They have far
fewer positions than real sequences, so these samplers end after three or five calls. Distributions are estimated from
samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

import dguide
from dguide import Masked, Normalized
from dguide.exact import Problem, solve, total_variation
from dguide.samplers import Sampler
from studies.calls import problems, quartiles
from studies.common import Study, table

WEIGHT, COUNT = 3.0, 100_000
SAMPLERS: dict[str, Callable[[int], Sampler]] = {
    "Ancestral": dguide.Ancestral,
    "LowConfidence": dguide.LowConfidence,
    "TopMargin": dguide.TopMargin,
    "LowEntropy": dguide.LowEntropy,
    "Halton": lambda steps: dguide.Halton(steps, shape=(1, 1)),
}
"""Samplers by name. The image shape of `Halton` is replaced by that of each problem."""
BOUNDS = (0.0, 0.1, 0.5)
"""Bounds of `EntropyBounded`, in nats."""
ALL = "as many steps as positions"

TWO = "2 steps"
ROWS = {
    ("any of them", "1 step"): ("Ancestral", "1 step"),
    ("Ancestral", TWO): ("Ancestral", TWO),
    ("LowConfidence", TWO): ("LowConfidence", TWO),
    ("TopMargin", TWO): ("TopMargin", TWO),
    ("LowEntropy", TWO): ("LowEntropy", TWO),
    ("Halton, one row", TWO): ("Halton", TWO),
    ("EntropyBounded", "bound 0.5"): ("EntropyBounded", "bound 0.5"),
    ("EntropyBounded", "bound 0.1"): ("EntropyBounded", "bound 0.1"),
    ("Ancestral", ALL): ("Ancestral", ALL),
    ("LowConfidence", ALL): ("LowConfidence", ALL),
    ("TopMargin", ALL): ("TopMargin", ALL),
    ("LowEntropy, EntropyBounded(0)", ALL): ("LowEntropy", ALL),
    ("Halton, one row", ALL): ("Halton", ALL),
    ("FirstHitting", ALL): ("FirstHitting", ALL),
}
"""Rows of the page: what is said of sampler and setting, and what they are in the results."""


def settings(positions: int) -> dict[tuple[str, str], Sampler]:
    """Samplers by name and setting."""
    samplers: dict[tuple[str, str], Sampler] = {}
    for name, make in SAMPLERS.items():
        for label, steps in (("1 step", 1), (TWO, 2), (ALL, positions)):
            sampler = dguide.Halton(steps, shape=(1, positions)) if name == "Halton" else make(steps)
            samplers[name, label] = sampler
    for bound in BOUNDS:
        samplers["EntropyBounded", f"bound {bound:g}"] = dguide.EntropyBounded(bound)
    samplers["FirstHitting", ALL] = dguide.FirstHitting()
    return samplers


def law_of(tokens: torch.Tensor, vocab: int) -> torch.Tensor:
    """The share of each state among samples [N, d]."""
    positions = tokens.shape[1]
    number = (tokens * vocab ** torch.arange(positions - 1, -1, -1)).sum(-1)
    return torch.bincount(number, minlength=vocab**positions).double().view([vocab] * positions) / len(tokens)


def compute() -> dict[str, Any]:
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for each in problems():
        vocab = each.process.vocab_size
        problem = Problem(Masked(vocab), each.cond, each.uncond, each.name)
        laws = {"limit": solve(problem, Normalized(WEIGHT)).final, "target": problem.target(WEIGHT)}
        chance = 0.5 * float((2 * laws["target"] * (1 - laws["target"]) / (math.pi * COUNT)).sqrt().sum())
        for key, sampler in settings(problem.positions).items():
            samples = dguide.sample(
                problem.oracle(),
                process=problem.process,
                length=problem.positions,
                condition=torch.zeros(COUNT, dtype=torch.int64),
                guidance=Normalized(WEIGHT),
                sampler=sampler,
            )
            entry = groups.setdefault(key, {"limit": [], "target": [], "chance": [], "calls": []})
            for to, law in laws.items():
                entry[to].append(float(f"{float(total_variation(law_of(samples.tokens, vocab), law)):.4g}"))
            entry["chance"].append(float(f"{chance:.2g}"))
            entry["calls"].append(samples.calls.conditional)
        print(problem.name, flush=True)
    cases = [{"sampler": name, "setting": setting} | entry for (name, setting), entry in groups.items()]
    return {"problems": [problem.name for problem in problems()], "samples": COUNT, "cases": cases}


def sections(results: dict[str, Any]) -> dict[str, str]:
    found = {(case["sampler"], case["setting"]): case for case in results["cases"]}
    rows = []
    for words, key in ROWS.items():
        case = found[key]
        spread = ("{:.3f} ({:.3f}, {:.3f})".format(*quartiles(case[to])) for to in ("limit", "target"))
        rows.append([*words, f"{quartiles(case['calls'])[0]:g}", *spread])
    head = "sampler | setting | calls | TV to continuous time | TV to the target"
    chance = quartiles(next(iter(found.values()))["chance"])[0]
    count = results["samples"]
    said = f"Each setting has {count:,} samples, which by chance alone are {chance:.3f} from their own distribution."
    return {"orders": f"{table(head, rows)}\n\n{said}"}


STUDY = Study("orders", "fewer-calls.md", "two minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__)
