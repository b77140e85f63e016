"""Distance of the samples by sampler and number of network calls, computed exactly.

There are twenty random problems with both processes and exact denoisers. The exact distribution after finite steps
(`dguide.exact.chain`) is compared with that in continuous time under the same guidance (`exact.solve`), and with the
tilted target. A step is one call, for `Trapezoidal` two calls. This is the cost of a large batch. A single sample needs
fewer calls, because steps in which no position leaves need none.

    python -m studies.calls              # computes (about five minutes of one core), then draws
    python -m studies.calls --draw       # draws again from the stored results
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

import dguide
from dguide import Ancestral, Euler, Masked, Normalized, RampUp, Remasking, TauLeaping, Trapezoidal, Uniform, Unlocking
from dguide.exact import Problem, chain, solve, total_variation
from dguide.exact.random_problems import RANDOM_PROBLEMS
from dguide.samplers import OnGrid, equal_work_grid

ROOT = Path(__file__).parents[1]
RESULTS, FIGURE = ROOT / "studies/results/calls.json", ROOT / "docs/images/calls.svg"
BUDGETS = (2, 4, 8, 16, 32, 64)
SHAPES = ((3, 3, range(3)), (2, 5, range(2)))
WEIGHTS = {"constant": 1.0, "ramp-up": 2.0}
"""Peak of a schedule whose mean is 1."""
TABLES = (
    ("Masked", "Normalized", "constant"),
    ("Masked", "Normalized", "ramp-up"),
    ("Masked", "Unlocking", "constant"),
    ("Uniform", "Normalized", "constant"),
    ("Uniform", "Normalized", "ramp-up"),
)
COLOURS = ("#222222", "#999999", "#d95f02", "#e6ab02", "#1b9e77", "#7570b3", "#66a61e", "#a6761d")
LEVELS = torch.linspace(1, 0, 101, dtype=torch.float64)
Maker = Callable[[int], OnGrid]
SAMPLERS: dict[str, Maker] = {
    "Ancestral": Ancestral,
    "Ancestral, cosine grid": lambda calls: Ancestral(calls, grid="cosine"),
    "Euler": Euler,
    "TauLeaping": TauLeaping,
    "Trapezoidal": lambda calls: Trapezoidal(calls // 2),
    "Remasking": Remasking,
}
ONLY_MASKED = ("Ancestral, cosine grid", "Remasking")


def problems() -> Iterator[Problem]:
    for family in RANDOM_PROBLEMS:
        for n, d, seeds in SHAPES:
            for seed in seeds:
                yield RANDOM_PROBLEMS[family](n, d, seed)


def guidances(masked: bool) -> Iterator[tuple[str, float, str, Any]]:
    """Mechanism, mean weight, schedule, guidance."""
    for weight in (1.0, 3.0):
        for schedule, peak in WEIGHTS.items():
            shape = RampUp(peak * weight) if schedule == "ramp-up" else weight
            yield "Normalized", weight, schedule, Normalized(shape)
        if masked:
            yield "Unlocking", weight, "constant", Unlocking(weight)


def samplers(problem: Problem, guidance: Any) -> dict[str, Maker]:
    """The samplers by name; with `Unlocking` also on the grid of equal work for its pace."""
    masked = problem.process.prediction_free_rate
    makers = {name: make for name, make in SAMPLERS.items() if masked or name not in ONLY_MASKED}
    if not guidance.keeps_pace:
        times = problem.process.noise.time(LEVELS)
        fraction = solve(problem, guidance, times=times).masked_fraction
        makers = {name: makers[name] for name in ("Ancestral", "Trapezoidal", "Remasking")}
        for kind, per_step in ((Ancestral, 1), (Trapezoidal, 2)):
            makers[f"{kind.__name__}, equal work"] = lambda calls, kind=kind, per_step=per_step: kind(
                grid=equal_work_grid(problem.process, LEVELS, fraction, calls // per_step)
            )
    return makers


def compute() -> list[dict[str, Any]]:
    """One entry for each group of settings, with the distances of all problems."""
    groups: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    tables = list(problems())
    for number, table in enumerate(tables):
        for process in (Masked, Uniform):
            problem = Problem(process(table.process.vocab_size), table.cond, table.uncond, table.name)
            for mechanism, weight, schedule, guidance in guidances(process is Masked):
                limit, target = solve(problem, guidance).final, problem.target(weight)

                def note(sampler: str, calls: int, law: torch.Tensor, limit=limit, target=target, key=(
                    process.__name__, mechanism, weight, schedule)) -> None:  # fmt: skip
                    entry = groups.setdefault((*key, sampler, calls), {"limit": [], "target": []})
                    for to, other in (("limit", limit), ("target", target)):
                        entry[to].append(float(f"{float(total_variation(law, other)):.5g}"))

                for name, make in samplers(problem, guidance).items():
                    for calls in BUDGETS:
                        note(name, calls, chain(problem, guidance, make(calls)))
                note("continuous time", 0, limit)
        print(f"\r{number + 1} of {len(tables)} problems", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    names = ("process", "mechanism", "weight", "schedule", "sampler", "calls")
    return [dict(zip(names, key, strict=True)) | entry for key, entry in groups.items()]


def commit() -> str:
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()


def header(source: str, seconds: float) -> dict[str, Any]:
    return {
        "made by": "python -m studies.calls",
        "commit": source,
        "dguide": dguide.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one used",
        "seconds of one core": round(seconds),
        "problems": [problem.name for problem in problems()],
    }


def quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def markdown(cases: list[dict[str, Any]], process: str, mechanism: str, weight: float, schedule: str, to: str) -> str:
    """A table with a row for each sampler and a column for each number of calls: medians with quartiles."""
    rows: dict[str, dict[int, str]] = {}
    for case in cases:
        if (case["process"], case["mechanism"], case["weight"], case["schedule"]) == (
            process, mechanism, weight, schedule):  # fmt: skip
            middle, low, high = quartiles(case[to])
            rows.setdefault(case["sampler"], {})[case["calls"]] = f"{middle:.4f} ({low:.4f} to {high:.4f})"
    lines = ["| sampler | " + " | ".join(f"{calls} calls" for calls in BUDGETS) + " |", "|---" * 7 + "|"]
    for name, cells in rows.items():
        if 0 in cells:
            lines += [f"| {name} | " + " | ".join([*[""] * 5, cells[0]]) + " |"] if to == "target" else []
        else:
            lines.append(f"| {name} | " + " | ".join(cells[calls] for calls in BUDGETS) + " |")
    return "\n".join(lines)


def plot(cases: list[dict[str, Any]]) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    matplotlib.rcParams["svg.hashsalt"] = "dguide"
    panels = [
        ("Masked", "Normalized", "limit", "Masked, Normalized: from continuous time"),
        ("Uniform", "Normalized", "limit", "Uniform, Normalized: from continuous time"),
        ("Masked", "Unlocking", "limit", "Masked, Unlocking: from continuous time"),
        ("Masked", "Normalized", "target", "Masked, Normalized: from the tilted target"),
    ]
    names = list(dict.fromkeys(case["sampler"] for case in cases if case["calls"]))
    colours = dict(zip(names, COLOURS, strict=True))
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 7.4), layout="constrained")
    for axis, (process, mechanism, to, title) in zip(axes.flat, panels, strict=True):
        chosen = [
            c for c in cases
            if (c["process"], c["mechanism"], c["weight"], c["schedule"]) == (process, mechanism, 3.0, "constant")
        ]  # fmt: skip
        for name in names:
            points = sorted((c["calls"], quartiles(c[to])) for c in chosen if c["sampler"] == name)
            if not points:
                continue
            calls = [c for c, _ in points]
            middle, low, high = zip(*(q for _, q in points), strict=True)
            axis.plot(calls, middle, "o-", ms=3.5, lw=1.6, color=colours[name], label=name)
            axis.fill_between(calls, low, high, color=colours[name], alpha=0.10, lw=0)
        if to == "target":
            rest = quartiles(next(c[to] for c in chosen if c["sampler"] == "continuous time"))[0]
            axis.axhline(rest, color="#222222", lw=0.9, ls=":")
            axis.annotate("continuous time", (2, rest), xytext=(0, -10), textcoords="offset points", fontsize=8)
        axis.set(xscale="log", yscale="log", title=title, xlabel="network calls", ylabel="total variation")
        axis.set_xticks(BUDGETS, [str(b) for b in BUDGETS], minor=False)
        axis.minorticks_off()
        if to == "target":
            axis.set_yticks([0.05, 0.1, 0.2], ["0.05", "0.1", "0.2"])
        axis.grid(alpha=0.25, lw=0.6)
        axis.legend(fontsize=8, frameon=False)
    figure.suptitle("w = 3, constant; medians and quartiles over 20 problems", fontsize=11)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(FIGURE, metadata={"Date": None})


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true", help="draw from the stored results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if not options.draw:
        start, source = time.process_time(), commit()
        cases = compute()
        write(RESULTS, json.dumps(header(source, time.process_time() - start) | {"cases": cases}) + "\n")
    cases = json.loads(RESULTS.read_text(encoding="utf-8"))["cases"]
    plot(cases)
    for process, mechanism, schedule in TABLES:
        for weight in (1.0, 3.0):
            for to in ("limit", "target"):
                print(f"\n{process}, {mechanism}, w = {weight:g} {schedule}, from {to}\n")
                print(markdown(cases, process, mechanism, weight, schedule, to))


if __name__ == "__main__":
    main()
