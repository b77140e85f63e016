"""What the samplers of the masked process read of the logits, how often, and what that costs beside one read.

The network is a stub that returns ready logits. A run is asked which rows the networks are called for: these it must
look at, once. The rows that it does read are counted where they are read. One read is the sum of as many rows of both
logits, call by call. Times are those of the processor, and runs and reads take turns. Where every position has to be
read again and again until it is decided, a run starts with few masks: what it costs a row does not depend on them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor

import dguide
from dguide.samplers import predictions
from dguide.samplers.grid import masked_stages
from dguide.samplers.run import Run

from . import common
from .common import Shape, Stub

FEW = 16
"""Masks of a sample where a run starts with few."""

NEEDS = {
    "leave": "rows that leave",
    "masks": "all masks; again where one leaves",
    "hits": "all masks in every call; again at the hit",
    "stages": "all masks in both stages, for the second those of both; again where one leaves",
}


@dataclass(frozen=True)
class Case:
    """A sampler with a mechanism: `needs` is a key of `NEEDS`, and `few` says whether it starts with few masks."""

    sampler: Callable[[int], Any]
    mechanism: Any
    needs: str
    few: bool = False


MECHANISMS = (dguide.Normalized, dguide.Unlocking, dguide.Simple)
CASES = {
    f"{sampler.__name__}, {mechanism.__name__}": Case(sampler, mechanism, "masks" if i else "leave")
    for sampler in (dguide.Ancestral, dguide.Euler, dguide.TauLeaping)
    for i, mechanism in enumerate(MECHANISMS)
} | {
    "Remasking, Normalized": Case(dguide.Remasking, dguide.Normalized, "leave"),
    "Remasking, Unlocking": Case(dguide.Remasking, dguide.Unlocking, "masks"),
    "FirstHitting, Normalized": Case(lambda _: dguide.FirstHitting(), dguide.Normalized, "leave"),
    "FirstHitting, Unlocking": Case(lambda _: dguide.FirstHitting(), dguide.Unlocking, "hits", few=True),
    "SMC(4), Normalized": Case(lambda _: dguide.SMC(particles=4), dguide.Normalized, "leave", few=True),
    "SMC(4), Unlocking": Case(lambda _: dguide.SMC(particles=4), dguide.Unlocking, "hits", few=True),
    "Trapezoidal, Normalized": Case(dguide.Trapezoidal, dguide.Normalized, "leave", few=True),
    "Trapezoidal, Unlocking": Case(dguide.Trapezoidal, dguide.Unlocking, "stages", few=True),
}  # fmt: skip


@dataclass
class Rows:
    """Rows of one prediction: in each call those that the networks were called for, and all that were read."""

    asked: list[int] = field(default_factory=list)
    read: int = 0


@contextlib.contextmanager
def counted() -> Iterator[Rows]:
    """Counts rows while it lasts."""
    rows, predict = Rows(), Run.predict

    def asked(run: Run, tokens: Tensor, moment: Tensor, query: Any, *more: Any) -> Any:
        rows.asked += [len(query)] * (query.cond + query.ref)
        return predict(run, tokens, moment, query, *more)

    def reads(work: Callable[..., Any], sides: int) -> Callable[..., Any]:
        def counting(*given: Any, **options: Any) -> Any:
            rows.read += sum(len(side) for side in given[:sides] if side is not None)
            return work(*given, **options)

        return counting

    extrapolated = masked_stages.extrapolated

    def both(now: Any, before: Any, *given: Any, **options: Any) -> Any:
        rows.read += len(now.cond) * sum(
            side is not None for asked in (now, before) for side in (asked.cond, asked.ref)
        )
        return extrapolated(now, before, *given, **options)

    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(masked_stages, "extrapolated", both))
        stack.enter_context(mock.patch.object(Run, "predict", asked))
        for name, sides in (("guided_draw", 2), ("guided_land", 2), ("guided_log_z", 2), ("log_law", 1)):
            stack.enter_context(mock.patch.object(predictions, name, reads(getattr(predictions, name), sides)))
        yield rows


def sampled(stub: Stub, shape: Shape, case: Case) -> dguide.Samples:
    """A whole run."""
    initial = None
    if case.few:
        initial = torch.zeros(shape.batch, shape.length, dtype=torch.int64)
        initial[:, :: max(1, shape.length // FEW)] = shape.mask
    return dguide.sample(
        stub,
        process=shape.process,
        length=shape.length,
        condition=torch.zeros(shape.batch, dtype=torch.int64),
        guidance=case.mechanism(weight=common.WEIGHT),
        sampler=case.sampler(shape.steps),
        initial=initial,
    )


def read(stub: Stub, asked: list[int]) -> None:
    """Sum as many rows as each call was for, of one prediction after the other."""
    both = [half.flatten(0, 1) for half in stub.logits.chunk(2)]
    for turn, count in enumerate(asked):
        both[turn % 2][:count].sum()


def processor(work: Callable[[], object]) -> float:
    """Seconds of the processor that `work` takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(shape: Shape, name: str, case: Case, repeats: int) -> dict[str, Any]:
    """What one sampler reads, how often, and what it costs."""
    particles = getattr(case.sampler(shape.steps), "particles", 1)
    stub = Stub(Shape(name, shape.batch * particles, shape.length, shape.vocab, shape.mask, shape.steps))
    with counted() as rows:
        sampled(stub, shape, case)
    works = {"run": lambda: sampled(stub, shape, case), "read": lambda: read(stub, rows.asked)}
    times = common.interleaved(works, repeats, processor)
    seconds = common.medians(times)
    return {
        "needs": NEEDS[case.needs],
        "masks": shape.batch * (FEW if case.few else shape.length),
        "asked": sum(rows.asked),
        "read": rows.read,
        "times read": rows.read / sum(rows.asked),
        "seconds": seconds,
        "ratio": seconds["run"] / seconds["read"],
        "times": times,
    }


def main() -> None:
    options = common.options(__doc__, 5, "masked", "two minutes")
    began = common.machine()
    shape = common.quick(common.IMAGE) if options.quick else common.IMAGE
    print(f"\n{shape}: rows asked for, how often each is read, and the time of a run over one read of them")
    results = {}
    for name, case in CASES.items():
        found = results[name] = measure(shape, name, case, options.repeats)
        print(f"  {name:26s}{found['asked']:>9,}{found['times read']:8.2f}{found['ratio']:8.2f}", flush=True)
    print(f"\n{common.write('masked', began, results, options.out)}")


if __name__ == "__main__":
    main()
