"""Whole runs of the samplers beside published algorithms written plainly, with a network that costs nothing.

dguide is timed over whole runs of `dguide.sample`, checks included. A baseline takes up to seconds a step, so at the
large shapes three of its steps are timed (the first, the middle and the last one, with as many masks as there would be)
and their mean is multiplied by the number of steps; at the small shape whole runs are timed.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch

from . import baselines, common
from .common import Shape, Stub

STEPS_TIMED = 3


def baseline_steps(
    name: str, stub: Stub, shape: Shape, weight: float = common.WEIGHT
) -> list[Callable[[], torch.Tensor]]:
    """Single steps of a baseline at the first, the middle and the last stage."""
    step, device = baselines.BASELINES[name], stub.logits.device
    cond, ref = stub.logits.chunk(2)
    works = []
    for index in (0, shape.steps // 2, shape.steps - 1):
        stage = baselines.Stage(index, shape.steps)
        tokens = torch.zeros(shape.batch, shape.length, dtype=torch.int64, device=device)
        tokens[:, : max(1, round(stage.time * shape.length))] = shape.mask
        works.append(lambda tokens=tokens, stage=stage: step(tokens, stage, cond, ref, weight, shape.mask))
    return works


def baseline_run(name: str, stub: Stub, shape: Shape) -> torch.Tensor:
    """A whole run of a baseline."""
    labels = torch.zeros(shape.batch, dtype=torch.int64, device=stub.logits.device)
    step = baselines.BASELINES[name]
    return baselines.run(step, stub, labels, shape.length, shape.steps, common.WEIGHT, shape.mask)


def works(shape: Shape, stub: Stub, whole: bool) -> dict[str, Callable[[], object]]:
    """What takes turns: runs of dguide, and steps or runs of the baselines. Names are those of `totals`."""
    device = str(stub.logits.device)
    found: dict[str, Callable[[], object]] = {
        f"dguide {name}": lambda sampler=sampler: common.sampled(stub, shape, sampler, device=device)
        for name, sampler in common.samplers(shape.steps).items()
    }
    for name in baselines.BASELINES:
        if whole:
            found[name] = lambda name=name: baseline_run(name, stub, shape)
        else:
            found |= {f"{name} {i}": work for i, work in enumerate(baseline_steps(name, stub, shape))}
    return found


def totals(times: dict[str, list[float]], shape: Shape, whole: bool) -> dict[str, float]:
    """Seconds of a whole run of each, the median."""
    middle = common.medians(times)
    found = {name: value for name, value in middle.items() if name.startswith("dguide")}
    for name in baselines.BASELINES:
        steps = [middle[name]] if whole else [shape.steps * middle[f"{name} {i}"] for i in range(STEPS_TIMED)]
        found[name] = statistics.mean(steps)
    return found


def measure(shape: Shape, repeats: int, whole: bool) -> dict[str, Any]:
    """Seconds of a whole run of everything at one shape, and how they were found."""
    stub = Stub(shape)
    own = works(shape, stub, whole)
    fast = {name: work for name, work in own.items() if name.startswith("dguide")}
    slow = {name: work for name, work in own.items() if name not in fast}
    first = {name: common.timed(work) for name, work in own.items()}  # also warms up
    turns: dict[str, list[float]] = {name: [] for name in own}
    for _ in range(repeats):
        for index, (name, work) in enumerate(slow.items()):
            turns[name].append(common.timed(work))
            # Whoever comes first after a baseline finds its caches: each in turn.
            fast = dict([*list(fast.items())[1:], *list(fast.items())[:1]])
            for other, run in fast.items():
                # A run that takes no longer than a step of a baseline is repeated between any two of those.
                if index == 0 or first[other] < 1:
                    turns[other].append(common.timed(run))
    return {
        "batch": shape.batch,
        "length": shape.length,
        "vocab": shape.vocab,
        "steps": shape.steps,
        "seconds": totals(turns, shape, whole),
        "times": turns,
        "baselines": "whole runs" if whole else f"{STEPS_TIMED} steps, scaled to {shape.steps}",
    }


def show(name: str, found: dict[str, Any]) -> None:
    seconds = found["seconds"]
    own = seconds["dguide ancestral"]
    sizes = f"B = {found['batch']}, L = {found['length']}, V = {found['vocab']:,}, {found['steps']} steps"
    print(f"\n{name}: {sizes} (baselines: {found['baselines']})")
    for who, value in seconds.items():
        text = baselines.SOURCES.get(who, "one whole run")
        print(f"  {who:24s}{common.seconds(value):>10s}{value / own:10.1f} x   {text}")


def main() -> None:
    options = common.options(__doc__, 3, "speed", "minutes")
    began = common.machine()
    results = {}
    for name, shape in common.SHAPES.items():
        small = shape is common.SMALL
        chosen = common.quick(shape) if options.quick else shape
        results[name] = measure(chosen, options.repeats * (3 if small else 1), whole=small)
        show(name, results[name])
    print(f"\n{common.write('speed', began, results, options.out)}")


if __name__ == "__main__":
    main()
