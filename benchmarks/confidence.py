"""The low-confidence order beside the least that it could cost: reading the masked rows of both logits once a step.

This order has to know the law of every masked position in every step. The measure is therefore the time to sum those
rows, as many as there are masks before each step of the run itself, in two ways: one `sum` a row and tensor, and one
`sum` over a block of as many rows. Both add up in float32 and take turns with the runs.
"""

from __future__ import annotations

import sys
from typing import Any

from . import common
from .common import Shape, Stub


def masked_rows(stub: Stub, shape: Shape, sampler: Any) -> list[int]:
    """How many masked rows, of B L, there are before each step of a run."""
    path = common.sampled(stub, shape, sampler, trajectory=True).trajectory
    assert path is not None
    counts = (path.tokens[:-1] == shape.mask).sum((-2, -1))
    return [int(count) for count in counts if count > 0]


def read_rows(stub: Stub, counts: list[int]) -> None:
    """Sum as many rows of both logits as each step has masks, one by one."""
    both = [half.flatten(0, 1) for half in stub.logits.chunk(2)]
    for count in counts:
        for half in both:
            for row in half[:count].unbind(0):
                row.sum()


def read_blocks(stub: Stub, counts: list[int]) -> None:
    """Sum as many rows of both logits as each step has masks, all at once."""
    both = [half.flatten(0, 1) for half in stub.logits.chunk(2)]
    for count in counts:
        for half in both:
            half[:count].sum()


def measure(shape: Shape, sampler: Any, repeats: int) -> dict[str, Any]:
    """Seconds of a run and of reading what it has to read, and their ratios."""
    stub = Stub(shape)
    counts = masked_rows(stub, shape, sampler)
    works = {
        "run": lambda: common.sampled(stub, shape, sampler),
        "row by row": lambda: read_rows(stub, counts),
        "one sum": lambda: read_blocks(stub, counts),
    }
    times = common.interleaved(works, repeats)
    middle = common.medians(times)
    return {
        "steps": len(counts),
        "rows": sum(counts),
        "seconds": middle,
        "seconds a step": {name: value / len(counts) for name, value in middle.items()},
        "ratio": {name: middle["run"] / value for name, value in middle.items() if name != "run"},
        "times": times,
    }


def main() -> None:
    options = common.options(__doc__, 5, "confidence", "ten seconds")
    began = common.machine()
    results: dict[str, Any] = {}
    for name in ("language", "image"):
        shape = common.quick(common.SHAPES[name]) if options.quick else common.SHAPES[name]
        sampler = common.samplers(shape.steps).get("low-confidence")
        if sampler is None:
            print("This version of dguide has no LowConfidence: there is nothing to measure.", file=sys.stderr)
            return
        found = results[name] = measure(shape, sampler, options.repeats)
        print(f"\n{shape}: {found['rows']} masked rows in {found['steps']} steps")
        for who, value in found["seconds a step"].items():
            ratio = "" if who == "run" else f"   the run takes {found['ratio'][who]:.2f} times as long"
            print(f"  {who:12s}{common.seconds(value):>10s} a step{ratio}")
    print(f"\n{common.write('confidence', began, results, options.out)}")


if __name__ == "__main__":
    main()
