"""What the engine of studies costs for each range of samples, and what two workers bring.

    python -m benchmarks.engine [--repetitions 5]

The cost is the time of tasks that do nothing, through `execute` and a folder, for each task; with workers also less the
time of one task, which starts them. What two workers bring is the time of ranges of the checkpoint `digits-masked` with
one worker over that with two. Both are medians, since other programs disturb them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

from dguide import Ancestral, Normalized
from dguide.study import (
    CheckpointSource,
    Executor,
    Here,
    Processes,
    Saved,
    Setting,
    Store,
    Study,
    Task,
    execute,
    key_of,
)

TOKENS = np.zeros((256, 64), np.int16)


@dataclass(frozen=True)
class Nothing(Task):
    """A range of samples that are there already."""

    number: int

    @property
    def key(self) -> str:
        return key_of("nothing", str(self.number), self.number)

    def run(self) -> Saved:
        return Saved({"tokens": TOKENS})


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def through(executor: Executor, tasks: tuple[Task, ...]) -> float:
    """Seconds of some tasks, with a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        return seconds(lambda: execute(tasks, Store(Path(folder)), executor))


def overhead(executor: Executor, count: int = 60) -> float:
    """Seconds of the engine for each of `count` tasks, without the start of workers."""
    tasks = tuple(Nothing(number) for number in range(count + 1))
    return (through(executor, tasks) - through(executor, tasks[:1])) / count


def ranges(count: int) -> tuple[Task, ...]:
    """Ranges of 64 samples of the shipped checkpoint: the network takes nearly all of the time."""
    setting = Setting(Normalized(2.0), Ancestral(steps=8))
    source = CheckpointSource.of("digits-masked")
    condition = {"label": torch.arange(10)}
    study = Study(source, (setting,), (0,), 64 * count, condition, batch_size=64, range_size=64)
    return study.tasks()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--ranges", type=int, default=12)
    options = parser.parse_args()
    for executor in (Here(), Processes(1), Processes(2)):
        costs = [1000 * overhead(executor) for _ in range(options.repetitions)]
        print(f"{executor}: {median(costs):.1f} ms a range ({min(costs):.1f} to {max(costs):.1f})", flush=True)
    tasks = ranges(options.ranges)
    direct = median(seconds(tasks[0].run) for _ in range(2))
    print(f"a range drawn directly: {direct:.2f} s", flush=True)
    ratios = []
    for _ in range(options.repetitions):
        one, two = (
            through(Processes(jobs), tasks) - through(Processes(jobs), tuple(Nothing(n) for n in range(jobs)))
            for jobs in (1, 2)
        )
        ratios.append(one / two)
        print(f"one worker {one:.1f} s, two {two:.1f} s: {ratios[-1]:.2f}", flush=True)
    print(f"two workers are {median(ratios):.2f} times one")


if __name__ == "__main__":
    main()
