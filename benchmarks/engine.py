"""What the engine of studies costs for each range of samples, and what two workers bring.

    python -m benchmarks.engine [--repetitions 5]

The cost is the time of tasks that do nothing, through `execute` and a folder, for each task. What two workers bring is
the time of ranges of the checkpoint `digits-masked` with one worker over that with two. Workers have started before
the clock does. All are medians, since other programs disturb them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
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
from dguide.study.attempt import one_thread

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


def seconds(task: Task) -> float:
    """Seconds of one task, called directly."""
    began = time.perf_counter()
    with one_thread():
        task.run()
    return time.perf_counter() - began


def pace(executor: Executor, tasks: tuple[Task, ...], warm: int) -> float:
    """Seconds for each task with a new folder, from result number `warm` on: workers have started by then."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        execute(tasks, Store(Path(folder)), executor, lambda done, count: times.append(time.perf_counter()))
    return (times[-1] - times[warm]) / (len(times) - 1 - warm)


def ranges(count: int) -> tuple[Task, ...]:
    """Ranges of 16 samples of the shipped checkpoint: the network takes nearly all of the time."""
    setting = Setting(Normalized(2.0), Ancestral(steps=4))
    source = CheckpointSource.of("digits-masked")
    condition = {"label": torch.arange(10)}
    study = Study(source, (setting,), (0,), 16 * count, condition, batch_size=16, range_size=16)
    return study.tasks()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--ranges", type=int, default=12)
    options = parser.parse_args()
    nothing = tuple(Nothing(number) for number in range(100))
    for executor in (Here(), Processes(1), Processes(2)):
        costs = [1000 * pace(executor, nothing, 20) for _ in range(options.repetitions)]
        print(f"{executor}: {median(costs):.1f} ms a range ({min(costs):.1f} to {max(costs):.1f})", flush=True)
    tasks, ratios, shares = ranges(options.ranges), [], []
    for _ in range(options.repetitions):
        direct = median(seconds(task) for task in tasks)
        here, one, two = (pace(each, tasks, 4) for each in (Here(), Processes(1), Processes(2)))
        ratios.append(one / two)
        shares.append(here / direct)
        print(f"a range: {direct:.2f} s drawn directly, {here:.2f} s here, {one:.2f} s and {two:.2f} s", flush=True)
    print(
        f"the engine takes {median(shares):.2f} times the direct call; two workers are {median(ratios):.2f} times one"
    )


if __name__ == "__main__":
    main()
