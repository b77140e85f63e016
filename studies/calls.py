"""Distance of the samples by sampler and number of network calls, computed exactly.

There are twenty random problems with both processes and exact denoisers. The exact distribution after finite steps
(`dguide.exact.chain`) is compared with that in continuous time under the same guidance (`exact.solve`), and with the
tilted target. A step is one call, for `Trapezoidal` two calls. This is the cost of a large batch. A single sample needs
fewer calls, because steps in which no position leaves need none.

It also draws docs/images/calls.svg, and prints all tables, those too that are on no page.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

from dguide import Ancestral, Euler, Masked, Normalized, RampUp, Remasking, TauLeaping, Trapezoidal, Uniform, Unlocking
from dguide.evaluate import proportion
from dguide.exact import Problem, chain, solve, total_variation
from dguide.exact.random_problems import RANDOM_PROBLEMS
from dguide.samplers import OnGrid, equal_work_grid
from studies.common import ROOT, Study, table

FIGURE = ROOT / "docs/images/calls.svg"
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


def compute() -> dict[str, Any]:
    """The problems, and an entry for each group of settings with the distances of all of them."""
    groups: dict[tuple[Any, ...], dict[str, list[float]]] = {}
    tables = list(problems())
    for number, each in enumerate(tables):
        for process in (Masked, Uniform):
            problem = Problem(process(each.process.vocab_size), each.cond, each.uncond, each.name)
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
    cases = [dict(zip(names, key, strict=True)) | entry for key, entry in groups.items()]
    return {"problems": [problem.name for problem in tables], "cases": cases}


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


def short(value: float) -> str:
    """Two digits, or one below a thousandth."""
    if value >= 1e-3:
        return f"{value:.2g}"
    digits, _, power = f"{value:.0e}".partition("e")
    return f"{digits}e{int(power)}"


def medians(cases: list[dict[str, Any]], process: str, mechanism: str, to: str) -> str:
    """The table of the page: medians and quartiles at w = 3, constant."""
    rows: dict[str, list[str]] = {}
    for case in cases:
        if (case["process"], case["mechanism"], case["weight"], case["schedule"]) == (
            process, mechanism, 3.0, "constant") and case["calls"]:  # fmt: skip
            middle, low, high = map(short, quartiles(case[to]))
            rows.setdefault(case["sampler"], []).append(f"{middle} ({low}, {high})")
    lines = [[name, *cells] for name, cells in rows.items()]
    return table(" | ".join(["calls", *map(str, BUDGETS)]), lines)


def equal_work(cases: list[dict[str, Any]]) -> str:
    """The error on the grid of equal work relative to that on the uniform grid, problem by problem."""
    found = {
        (case["weight"], case["sampler"], case["calls"]): case["limit"]
        for case in cases
        if case["mechanism"] == "Unlocking"
    }
    rows = []
    for weight in (1.0, 3.0):
        for sampler in ("Ancestral", "Trapezoidal"):
            for calls in (4, 8, 16, 32, 64):
                uniform, work = found[weight, sampler, calls], found[weight, f"{sampler}, equal work", calls]
                ratio = statistics.median(b / a for a, b in zip(uniform, work, strict=True))
                better = proportion(sum(b < a for a, b in zip(uniform, work, strict=True)), len(work))
                share = f"{better.value:.2f} ({better.low:.2f} to {better.high:.2f})"
                rows.append([f"{weight:g}", f"`{sampler}`", str(calls), f"{ratio:.2f}", share])
    return table(
        ":w | sampler | :calls | :error, equal work over uniform | :share of problems with a smaller one", rows
    )


def sections(results: dict[str, Any]) -> dict[str, str]:
    cases = results["cases"]
    return {
        "masked": medians(cases, "Masked", "Normalized", "limit"),
        "masked target": medians(cases, "Masked", "Normalized", "target"),
        "uniform": medians(cases, "Uniform", "Normalized", "limit"),
        "unlocking": medians(cases, "Masked", "Unlocking", "limit"),
        "equal work": equal_work(cases),
    }


def show(results: dict[str, Any]) -> None:
    """Draws the figure, and prints all tables."""
    cases = results["cases"]
    plot(cases)
    for process, mechanism, schedule in TABLES:
        for weight in (1.0, 3.0):
            for to in ("limit", "target"):
                print(f"\n{process}, {mechanism}, w = {weight:g} {schedule}, from {to}\n")
                print(markdown(cases, process, mechanism, weight, schedule, to))


STUDY = Study("calls", "fewer-calls.md", "five minutes of one core", compute, sections)

if __name__ == "__main__":
    STUDY.main(__doc__, show)
