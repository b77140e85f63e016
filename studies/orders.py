"""Distance of the samples of confidence-order samplers, by number of calls.

The problems are those of studies/calls.py, masked, `Normalized`, w = 3, constant, with exact denoisers. They have far
fewer positions than real sequences, so these samplers end after three or five calls. Distributions are estimated from
samples. The last line is the distance of equally many exact samples, by chance.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any

import torch

import dguide
from dguide import Masked, Normalized
from dguide.exact import Problem, solve, total_variation
from dguide.samplers import Sampler
from studies.calls import problems, quartiles
from studies.common import ROOT, commit, header, parser, write

RESULTS = ROOT / "studies/results/orders.json"
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


def settings(positions: int) -> dict[tuple[str, str], Sampler]:
    """Samplers by name and setting."""
    samplers: dict[tuple[str, str], Sampler] = {}
    for name, make in SAMPLERS.items():
        for label, steps in (("1 step", 1), ("2 steps", 2), (ALL, positions)):
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


def compute() -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for table in problems():
        vocab = table.process.vocab_size
        problem = Problem(Masked(vocab), table.cond, table.uncond, table.name)
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
    return [{"sampler": name, "setting": setting} | entry for (name, setting), entry in groups.items()]


def main() -> None:
    parser(__doc__, "studies/results/orders.json", "two minutes of one core").parse_args()
    torch.set_num_threads(1)
    start, source = time.process_time(), commit()
    cases = compute()
    about = header("python -m studies.orders", source, time.process_time() - start)
    about |= {"problems": [problem.name for problem in problems()], "samples": COUNT}
    write(RESULTS, json.dumps(about | {"cases": cases}) + "\n")
    print("\n| sampler | | calls | from continuous time | from the tilted target |\n|---|---|---|---|---|")
    for case in cases:
        cells = ("{:.3f} ({:.3f}, {:.3f})".format(*quartiles(case[to])) for to in ("limit", "target"))
        calls = f"{quartiles(case['calls'])[0]:g}"
        print("|", " | ".join([case["sampler"], case["setting"], calls, *cells]), "|")
    print("by chance:", quartiles(cases[0]["chance"]))


if __name__ == "__main__":
    main()
