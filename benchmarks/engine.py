"""What the engine of studies costs for each range of samples, and what two workers bring.

The cost is the time of tasks that do nothing, through `execute` and a folder, for each task. What two workers bring is
the time of ranges of the checkpoint `digits-masked` with one worker over that with two. Workers have started before
the clock does. All are medians, since other programs disturb them.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

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
    Task,
    execute,
    key_of,
)
from dguide.study import Study as Grid
from dguide.study.attempt import one_thread
from studies.common import Study, table

TOKENS, REPETITIONS = np.zeros((256, 64), np.int16), 5


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
    study = Grid(source, (setting,), (0,), 16 * count, condition, batch_size=16, range_size=16)
    return study.tasks()


def measure() -> dict[str, Any]:
    """Milliseconds of a range that does nothing, by executor; and seconds of a range that draws."""
    nothing, tasks = tuple(Nothing(number) for number in range(100)), ranges(12)
    executors: dict[str, Executor] = {"this process": Here(), "1 worker": Processes(1), "2 workers": Processes(2)}
    found: dict[str, dict[str, list[float]]] = {"overhead": {}, "drawing": {}}
    for _ in range(REPETITIONS):
        direct = median(seconds(task) for task in tasks)
        found["drawing"].setdefault("without the engine", []).append(direct)
        for name, executor in executors.items():
            found["overhead"].setdefault(name, []).append(1000 * pace(executor, nothing, 20))
            found["drawing"].setdefault(name, []).append(pace(executor, tasks, 4))
    return found


def sections(found: dict[str, Any]) -> dict[str, str]:
    overhead, drawing = found["overhead"], found["drawing"]
    pairs = list(zip(drawing["1 worker"], drawing["2 workers"], strict=True))
    rows = []
    for name, times in overhead.items():
        shares = [own / direct for own, direct in zip(drawing[name], drawing["without the engine"], strict=True)]
        rows.append([name, f"{median(times):.1f}", f"{min(times):.1f} to {max(times):.1f}", f"{median(shares):.2f}"])
    text = table(
        "who works | :ms a range that does nothing | :least and most | :time of a range, engine / direct", rows
    )
    twice = f"Two workers are {median(one / two for one, two in pairs):.2f} times as fast as one"
    return {"engine": f"{text}\n\n{twice} where the network takes the time."}


STUDY = Study("engine", "several-machines.md", "two minutes", measure, sections, folder="benchmarks")

if __name__ == "__main__":
    STUDY.main(__doc__)
