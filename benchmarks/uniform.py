"""What a step of the uniform process costs beside the network, against reading both logits, and against plain loops.

The network is a stub that returns ready logits, and reading them is their sum. dguide is timed over whole runs, checks
included, divided by their steps. Of a baseline the middle step is timed: all of its steps cost the same. All of them
take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import dguide

from . import common, uniform_baselines
from .baselines import Stage
from .common import Shape, Stub

SHAPES = {
    "QM9": Shape("QM9", batch=64, length=64, vocab=19, mask=19, steps=50),
    "V = 4,096": Shape("V = 4,096", batch=4, length=256, vocab=4096, mask=4096, steps=50),
    "V = 16,384": Shape("V = 16,384", batch=4, length=256, vocab=16_384, mask=16_384, steps=50),
}
SAMPLERS = {"Ancestral": dguide.Ancestral, "Euler": dguide.Euler, "TauLeaping": dguide.TauLeaping}
MECHANISMS = {"Normalized": dguide.Normalized, "Unlocking": dguide.Unlocking, "Simple": dguide.Simple}
READ = "read"


def works(shape: Shape) -> dict[str, tuple[Callable[[], object], int]]:
    """What takes turns, and how many steps each of it is."""
    stub = Stub(shape)
    labels = torch.zeros(shape.batch, dtype=torch.int64)
    found: dict[str, tuple[Callable[[], object], int]] = {READ: (stub.logits.sum, 1)}
    for sampler, sample_by in SAMPLERS.items():
        for mechanism, guide in MECHANISMS.items():
            arguments: dict[str, Any] = {
                "process": dguide.Uniform(shape.vocab),
                "length": shape.length,
                "condition": labels,
                "guidance": guide(weight=common.WEIGHT),
                "sampler": sample_by(shape.steps),
            }
            run = lambda arguments=arguments: dguide.sample(stub, **arguments)  # noqa: E731
            found[f"{sampler}, {mechanism}"] = (run, shape.steps)
    cond, ref = stub.logits.chunk(2)
    middle, tokens = Stage(shape.steps // 2, shape.steps), torch.zeros(shape.batch, shape.length, dtype=torch.int64)
    for name, step in uniform_baselines.BASELINES.items():
        found[name] = (lambda step=step: step(tokens, middle, cond, ref, common.WEIGHT), 1)
    return found


def measure(shape: Shape, repeats: int) -> dict[str, Any]:
    """Seconds of a step of everything at one shape, and how often each takes the time of reading."""
    asked = works(shape)
    times = common.interleaved({name: work for name, (work, _) in asked.items()}, repeats)
    seconds = {name: value / asked[name][1] for name, value in common.medians(times).items()}
    reads = {name: value / seconds[READ] for name, value in seconds.items() if name != READ}
    sizes = {"batch": shape.batch, "length": shape.length, "vocab": shape.vocab, "steps": shape.steps}
    return sizes | {"seconds": seconds, "reads": reads, "times": times}


def main() -> None:
    options = common.options(__doc__, 5, "uniform", "two minutes")
    began = common.machine()
    results = {}
    for name, shape in SHAPES.items():
        results[name] = measure(common.quick(shape) if options.quick else shape, options.repeats)
        seconds, reads = results[name]["seconds"], results[name]["reads"]
        print(f"\n{shape}: reading both logits takes {common.seconds(seconds[READ])} = 1")
        for who, value in reads.items():
            faster = seconds["plug-in"] / seconds[who]
            print(f"  {who:26s}{common.seconds(seconds[who]):>10s}{value:10.1f}{faster:10.1f} x faster than plug-in")
    print(f"\n{common.write('uniform', began, results, options.out)}")


if __name__ == "__main__":
    main()
