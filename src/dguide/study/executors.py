"""Who does the tasks: this process, several processes of this machine, or a Ray cluster."""

from __future__ import annotations

import queue
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..errors import InputError, positive
from .attempt import Outcome, one_thread, packed
from .task import Task, TaskFailed
from .worker import Worker

__all__ = ["MOST_DEATHS", "Executor", "Here", "Processes"]

MOST_DEATHS = 3
"""Workers that one task may cost."""


class Executor(Protocol):
    """Does tasks, in any order. It takes the next one from the iterator only when somebody is free to start it."""

    def outcomes(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """Each task with its result, or with the error that it raised. Closing it ends all work at once."""


@dataclass(frozen=True)
class Here:
    """This process, one task after the other."""

    def outcomes(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """As `Executor` says."""
        for task in tasks:
            yield task, _tried(task)


def _tried(task: Task) -> Outcome:
    try:
        with one_thread():
            return task.run()
    except Exception as error:
        return error


@dataclass(frozen=True)
class Processes:
    """Worker processes on this machine.

    A worker that dies is replaced, and its task is done again, but a task that costs `MOST_DEATHS` workers fails.
    Workers end with the process that started them, however that one ends.

    Args:
        jobs: Number of workers. More than there are cores bring nothing, since each computes with one thread.

    Raises:
        ValueError: If `jobs` is no whole number of at least 1.
    """

    jobs: int

    def __post_init__(self) -> None:
        positive("jobs", self.jobs)

    def outcomes(self, tasks: Iterator[Task]) -> Generator[tuple[Task, Outcome], None, None]:
        """As `Executor` says."""
        pool = _Pool()
        ended: tuple[Task, Outcome] | None = None
        try:
            while True:
                while len(pool.busy) < self.jobs and (task := pool.again() or next(tasks, None)) is not None:
                    try:
                        pool.start(task)
                    except InputError as error:  # it cannot leave this process
                        yield task, error
                if ended is not None:
                    yield ended  # after the next task has started: keeping a result takes time
                elif not pool.busy:
                    return
                ended = pool.ended() if ended is None else None
        finally:
            pool.kill()


class _Pool:
    """Workers with and without a task."""

    def __init__(self) -> None:
        self.busy: dict[Worker, Task] = {}
        self._idle: list[Worker] = []
        self._lost: list[Task] = []
        self._deaths: Counter[str] = Counter()
        self._said: queue.SimpleQueue[tuple[Worker, Outcome | None]] = queue.SimpleQueue()

    def again(self) -> Task | None:
        """A task that lost its worker, if there is one."""
        return self._lost.pop() if self._lost else None

    def start(self, task: Task) -> None:
        """Gives a task to a worker, a new one if all are busy."""
        content = packed(task)
        worker = self._idle.pop() if self._idle else Worker(self._said)
        self.busy[worker] = task
        worker.give(content)

    def ended(self) -> tuple[Task, Outcome] | None:
        """Waits for news of a worker. Gives the task that ended, unless it is to be done again."""
        worker, outcome = self._said.get()
        if worker in self._idle:  # it died while it had nothing to do
            self._idle.remove(worker)
            worker.kill()
            return None
        task = self.busy.pop(worker)
        if outcome is not None:
            self._idle.append(worker)
            return task, outcome
        worker.kill()
        self._deaths[task.key] += 1
        if self._deaths[task.key] < MOST_DEATHS:
            self._lost.append(task)
            return None
        text = f"task {task.key} ended {MOST_DEATHS} workers, the last one with {worker.ended}"
        return task, TaskFailed(f"{text}. Is there enough memory? Fewer jobs, or a smaller batch, need less.")

    def kill(self) -> None:
        """Ends all workers now."""
        for worker in (*self._idle, *self.busy):
            worker.kill()
